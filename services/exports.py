"""A list as an Excel file: exactly what its reader sees, asked for with a reason when it is long, in the journal before it is handed out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.sheets import ListExport
from process import journal, outbox
from process.access import Actor, load_actor
from process.clock import local_day
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import InvalidInput, NotFound
from services import care_export, drip, files, lists, sheets, unit_settings
from services.export_sources import Source, of_list

JOB = "lists.export"
# Proposals until the agency decides: up to here at once, up to there with a reason, beyond not at all.
AT_ONCE, WITH_REASON, MOST = 200, 500, 5_000
SWEPT = 200
LONGEST_REASON, SHORTEST_REASON = 120, 4
# Registers whose rows are no things of the process.
REGISTERS = {care_export.SOURCE.key: care_export.SOURCE}


def source_of(key: str) -> Source:
    """What is taken out under this name; anything else was never one."""
    return REGISTERS[key] if key in REGISTERS else of_list(lists.kind_of(key))


def request(session: Session, actor: Actor, key: str, values: Mapping[str, Any], reason: Any = "") -> ListExport:
    """Makes the file, or has it made when it is long. What stands in it is decided by the rights of whoever asked."""
    source = source_of(key)
    if actor.person_id is None:
        raise NotFound()
    query = source.clean(values)
    rows = source.count(session, actor, query, MOST + 1)
    if rows == 0:
        raise InvalidInput("这个筛选里现在没有您能看的，没有可以导出的。请换个条件。")
    if rows > MOST:
        raise InvalidInput(
            f"符合条件的超过 {MOST} 件，一次最多导出 {MOST} 件。请按日期、单位或状态分几次导出。", {"rows": "太多"}
        )
    why = _reason(reason, rows)
    drip.exporting(session, actor, rows)
    made = ListExport(
        district=_district(actor),
        person_id=actor.person_id,
        list=key,
        title=source.title,
        query=query,
        words=source.words(session, actor, query)[:500],
        reason=why,
        rows=rows,
        at=now(),
    )
    session.add(made)
    session.flush()
    journal.record(
        session,
        "list:export",
        actor,
        stream=f"person:{actor.person_id}",
        comment=why or None,
        details={"list": key, "filter": made.words, "rows": rows, "export": made.uid},
    )
    if rows > AT_ONCE:
        outbox.put(session, JOB, district=made.district, export_id=made.id)
    else:
        fill(session, made, actor)
    return made


def make(session: Session, export_id: int) -> None:
    """The worker's part; done twice it changes nothing. Whoever lost their rights meanwhile gets what they may see now."""
    made = session.get(ListExport, export_id)
    if made is None or made.status == "ready":
        return
    fill(session, made, load_actor(session, made.person_id, local_day(now())))


def give_up(session: Session, export_id: int, sentence: str) -> None:
    """What is written where the reader sees it when the last attempt failed."""
    made = session.get(ListExport, export_id)
    if made is not None and made.status != "ready":
        made.status, made.problem = "failed", sentence[:300]


def fill(session: Session, made: ListExport, actor: Actor) -> None:
    """Writes the file and what was in it."""
    source = source_of(made.list)
    who = f"{actor.name}（{actor.unit_name}）" if actor.unit_name else actor.name
    at = now()
    body, count = sheets.made(
        made.title,
        (
            f"筛选：{made.words}",
            f"导出：{who}，{at.astimezone(CHINA):%Y-%m-%d %H:%M}，编号 {made.uid}"
            + (f"，用途：{made.reason}" if made.reason else ""),
            source.note,
        ),
        source.headings(made.query),
        source.rows(session, actor, made.query, MOST),
        who=who,
        at=at,
    )
    made.sha256, made.rows = files.store().put(body), count
    made.status, made.ready_at, made.posts = "ready", at, _posts(actor)


def load(session: Session, actor: Actor, uid: str) -> ListExport:
    """One's own export; nobody else's, whatever one is."""
    found = session.scalar(select(ListExport).where(ListExport.uid == uid, ListExport.person_id == actor.person_id))
    if found is None:
        raise NotFound()
    return found


def fetch(session: Session, actor: Actor, uid: str) -> tuple[ListExport, bytes]:
    """The file, as long as it is kept; who took out what stands in the journal since it was asked for."""
    found = load(session, actor, uid)
    if is_over(session, found):
        days = kept_days(session, found)
        raise NotFound(f"这个文件已过 {days} 天，不再提供。需要的话请重新导出。")
    if found.status != "ready" or found.sha256 is None:
        raise NotFound("文件还没有生成好。请稍候刷新“我的导出”再取。")
    if not set(map(tuple, found.posts or ())) <= set(map(tuple, _posts(actor))):
        raise NotFound("导出以后您的岗位有变，这个文件不再提供。还需要的，请按现在的岗位重新导出。")
    return found, files.store().read(found.sha256)


def kept_days(session: Session, made: ListExport) -> int:
    """How long its office keeps such files."""
    return unit_settings.number(session, made.person.unit_id, "export_days")


def is_over(session: Session, made: ListExport) -> bool:
    return made.at < now() - timedelta(days=kept_days(session, made))


def _posts(actor: Actor) -> list[list[str]]:
    return sorted([held.role, held.path] for held in actor.held)


def sweep(session: Session) -> int:
    """Takes the files away whose time is over; the rows stay and say what left the system. A slice at a time."""
    old = session.scalars(
        select(ListExport)
        .where(ListExport.sha256.is_not(None), ListExport.at < now() - timedelta(days=1))
        .order_by(ListExport.at)
        .limit(SWEPT)
    )
    gone = 0
    for made in old:
        if made.sha256 is not None and is_over(session, made):
            files.store().remove(made.sha256)
            made.sha256 = None
            gone += 1
    session.flush()
    return gone


def mine(session: Session, actor: Actor, limit: int = 30) -> list[ListExport]:
    """What this person has taken out, the newest first."""
    return list(
        session.scalars(
            select(ListExport)
            .where(ListExport.person_id == actor.person_id)
            .order_by(ListExport.at.desc(), ListExport.id.desc())
            .limit(limit)
        )
    )


def filename(made: ListExport) -> str:
    return f"{made.title}-{made.at.astimezone(CHINA):%Y%m%d-%H%M}.xlsx"


def _reason(reason: Any, rows: int) -> str:
    try:
        text = clean_text(reason or "", LONGEST_REASON)
    except ValueError as problem:
        raise InvalidInput(f"用途{problem}。", {"reason": str(problem)}) from problem
    if rows > WITH_REASON and len(text) < SHORTEST_REASON:
        raise InvalidInput(
            f"这个筛选有 {rows} 件，超过 {WITH_REASON} 件要写明用途，例如“季度督查核对台账”。", {"reason": "请写明用途"}
        )
    return text


def _district(actor: Actor) -> str:
    return actor.unit_path.strip("/").split("/")[0][:40] if actor.unit_path else ""
