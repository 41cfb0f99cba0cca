"""待归档: which closed cases of one's units are still to be archived, and the way from there to the archive's receipt."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.archive import ArchiveEntry, ArchiveReceipt
from models.base import now
from models.case import Case
from models.content import Content
from models.paper import Certificate, Paper
from process import access, guards, journal, numbers, outbox
from process.access import Actor
from process.clock import local_day
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import Conflict, InvalidInput, NotFound, RequirementUnmet
from services import drip, print_desk
from services.archive import dossier, package, retention
from services.print_desk import works_at

BUILD = "archive.build"
# Who keeps the papers also archives them; an agency that has an archive room gives its keeper one of these posts there.
ARCHIVISTS = frozenset({"certificate_issuer", "all_round_worker"})
WAITING, BUILT, FAILED, RECEIVED, DESTROYED = "waiting", "built", "failed", "received", "destroyed"
MOST = 200
SHOWN = 100
_UNIT = func.coalesce(Case.deciding_unit_id, Case.place_id)


@dataclass(frozen=True)
class Pending:
    """A closed case that is not archived yet."""

    case: Case
    unit: Agency
    year: int
    retention: str


def unit_of(case: Case) -> Agency:
    """全宗: the unit that decided keeps the file."""
    return case.deciding_unit or case.place


def may_archive(session: Session, actor: Actor, case: Case) -> bool:
    """An archivist of the unit who may see the contents; an end is needed, for a running case is no file."""
    return (
        case.closed_at is not None
        and works_at(actor, unit_of(case).path, ARCHIVISTS)
        and access.may(actor, access.VIEW_FULL, case, session)
    )


def require(session: Session, actor: Actor, case: Case) -> None:
    if not may_archive(session, actor, case):
        raise NotFound()


# --- What waits


def _pending(actor: Actor) -> Select[Case]:
    return (
        access.visible(select(Case), actor, Case)
        .join(Agency, Agency.id == _UNIT)
        .outerjoin(ArchiveEntry, ArchiveEntry.case_id == Case.id)
        .where(
            Case.closed_at.is_not(None),
            ArchiveEntry.id.is_(None),
            print_desk.within(Agency.path, actor, ARCHIVISTS),
        )
    )


def _in_year(year: int) -> ColumnElement[bool]:
    first, after = datetime(year, 1, 1, tzinfo=CHINA), datetime(year + 1, 1, 1, tzinfo=CHINA)
    return and_(Case.closed_at >= first, Case.closed_at < after)


def pending(
    session: Session, actor: Actor, year: int | None = None, unit_id: str = "", limit: int = MOST
) -> list[Pending]:
    """The oldest of those that wait, with the class that their papers give them."""
    statement = _pending(actor)
    if year is not None:
        statement = statement.where(_in_year(year))
    if unit_id:
        statement = statement.where(_UNIT.in_([unit_id]))
    found = list(
        session.scalars(
            statement.options(
                joinedload(Case.deciding_unit),
                joinedload(Case.place),
                selectinload(Case.places),
                selectinload(Case.people),
            )
            .order_by(Case.closed_at, Case.id)
            .limit(limit)
        ).unique()
    )
    guards.prefetch(session, list[Content](found))
    classes = _classes(session, [case.id for case in found])
    return [
        Pending(case, unit_of(case), retention.archive_year(case.closed_at), classes[case.id])
        for case in found
        if case.closed_at is not None and access.may(actor, access.VIEW_FULL, case, session)
    ]


def _classes(session: Session, ids: Sequence[int]) -> dict[int, str]:
    versions: dict[int, set[tuple[str, str]]] = {one: set() for one in ids}
    own = select(Paper.content_id, Paper.paper, Paper.paper_version).where(Paper.content_id.in_(ids))
    for case_id, paper, version in session.execute(own):
        versions[case_id].add((paper, version))
    theirs = (
        select(Certificate.case_id, Paper.paper, Paper.paper_version)
        .join(Paper, Paper.content_id == Certificate.id)
        .where(Certificate.case_id.in_(ids))
    )
    for case_id, paper, version in session.execute(theirs):
        versions[case_id].add((paper, version))
    known = {one: retention.of_version(session, *one) for one in set().union(*versions.values())}
    return {case_id: retention.longest(known[one] for one in found) for case_id, found in versions.items()}


def groups(found: Sequence[Pending]) -> list[tuple[Agency, int, str, int]]:
    """How many of each unit, year and class."""
    units = {one.unit.id: one.unit for one in found}
    counted = Tally((one.unit.id, one.year, one.retention) for one in found)
    order = {name: number for number, name in enumerate(retention.CLASSES)}
    keys = sorted(counted, key=lambda key: (units[key[0]].path, key[1], order[key[2]]))
    return [(units[unit], year, name, counted[unit, year, name]) for unit, year, name in keys]


# --- Building


def begin(session: Session, actor: Actor, uids: Sequence[str]) -> list[ArchiveEntry]:
    """Gives each of these cases its number in the archive and has its package made behind the scenes."""
    wanted = list(dict.fromkeys(uid for uid in uids if isinstance(uid, str) and len(uid) <= 22))
    if not wanted:
        raise InvalidInput("还没有选办件。请先在左边打勾。", {"uid": "请先打勾"})
    if len(wanted) > MOST:
        raise InvalidInput(f"一次最多 {MOST} 件，现在选了 {len(wanted)} 件，请分几批。", {"uid": "太多"})
    cases = list(session.scalars(access.visible(select(Case), actor, Case).where(Case.uid.in_(wanted))).unique())
    cases = [case for case in cases if may_archive(session, actor, case)]
    if len(cases) < len(wanted):
        raise Conflict(
            f"选中的有 {len(wanted) - len(cases)} 件不在您的待归档里：可能还没有办结，或者不归您管。请刷新后重选。"
        )
    for case in cases:
        dossier.require_whole(session, case)
    known = session.scalars(select(ArchiveEntry).where(ArchiveEntry.case_id.in_([case.id for case in cases])))
    entries = {entry.case_id: entry for entry in known}
    order = {uid: number for number, uid in enumerate(wanted)}
    return [
        _begin(session, actor, case, entries.get(case.id)) for case in sorted(cases, key=lambda one: order[one.uid])
    ]


def _begin(session: Session, actor: Actor, case: Case, entry: ArchiveEntry | None) -> ArchiveEntry:
    assert case.closed_at is not None and actor.person_id is not None
    if entry is not None and entry.status in (RECEIVED, DESTROYED):
        raise Conflict(f"{entry.number} 已有接收回执，归档包不能再换。需要补充的，请与档案部门联系另立一件。")
    kept = dossier.retention_of(session, case)
    if entry is None:
        entry = ArchiveEntry(case_id=case.id, case=case, year=retention.archive_year(case.closed_at), retention=kept)
        unit = unit_of(case)
        entry.unit_id, entry.unit_path, entry.district, entry.unit = unit.id, unit.path, unit.district, unit
        _number(session, entry, case.closed_at)
    elif entry.retention != kept:
        # A paper came later that is kept longer: another class is another series of numbers.
        assert case.closed_at is not None
        entry.retention = kept
        _number(session, entry, case.closed_at)
    entry.keep_until = retention.keep_until(entry.year, kept)
    entry.status, entry.problem, entry.asked_by_id, entry.asked_at = WAITING, "", actor.person_id, now()
    session.add(entry)
    session.flush()
    journal.record(session, "archive:begin", actor, content=case, details={"number": entry.number, "retention": kept})
    outbox.put(session, BUILD, district=entry.district, entry_id=entry.id)
    return entry


def _number(session: Session, entry: ArchiveEntry, closed_at: datetime) -> None:
    letters = retention.LETTERS[entry.retention]
    year, value = numbers.draw(session, f"archive:{letters}", entry.unit_id, closed_at)
    entry.number = f"{dossier.fonds(entry)}-ZY·{year}-{letters}-{value:04d}"


def prepare(session: Session, entry_id: int) -> dossier.Dossier | None:
    """What the worker reads before it writes; nothing when somebody was faster."""
    entry = session.get(ArchiveEntry, entry_id)
    return dossier.gather(session, entry) if entry is not None and entry.status == WAITING else None


def keep(session: Session, entry_id: int, found: dossier.Dossier, made: package.Made) -> None:
    """The package is there; the files in it are those that may go one day."""
    entry = session.get(ArchiveEntry, entry_id, with_for_update=True, populate_existing=True)
    # Asked for anew meanwhile: the later job makes the package with what came since.
    if entry is None or entry.status != WAITING or entry.asked_at != found.made_at:
        return
    entry.package_key = entry.package_sha256 = made.key
    entry.package_size, entry.files = made.size, sorted({one.key for one in found.pieces})
    entry.status, entry.built_at, entry.problem = BUILT, now(), ""
    details = {"number": entry.number, "sha256": made.key, "files": len(found.pieces)}
    journal.record(session, "archive:build", None, content=entry.case, details=details)


def give_up(session: Session, entry_id: int, sentence: str) -> None:
    entry = session.get(ArchiveEntry, entry_id, with_for_update=True)
    if entry is not None and entry.status == WAITING:
        entry.status, entry.problem = FAILED, sentence[:300]


# --- What is there


def entries(session: Session, actor: Actor, statuses: Sequence[str], limit: int = SHOWN) -> list[ArchiveEntry]:
    """Dossiers of one's units in these states, the newest number first."""
    statement = (
        select(ArchiveEntry)
        .where(
            print_desk.within(ArchiveEntry.unit_path, actor, ARCHIVISTS),
            ArchiveEntry.status.in_(list(statuses)),
        )
        .options(joinedload(ArchiveEntry.case), joinedload(ArchiveEntry.unit), joinedload(ArchiveEntry.receipt))
        .order_by(ArchiveEntry.year.desc(), ArchiveEntry.id.desc())
        .limit(limit)
    )
    return list(session.scalars(statement))


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many dossiers of one's units are in each state."""
    statement = (
        select(ArchiveEntry.status, func.count())
        .where(print_desk.within(ArchiveEntry.unit_path, actor, ARCHIVISTS))
        .group_by(ArchiveEntry.status)
    )
    return {status: count for status, count in session.execute(statement)}


def has_grown(session: Session, entry: ArchiveEntry) -> bool:
    """Papers or materials came after the package was made."""
    return bool(set(dossier.keys(session, entry.case)) - set(entry.files))


def read_package(session: Session, actor: Actor, entry_id: int) -> None:
    """Who takes a package out reads everything in it: on record like every other reading, and counted with them."""
    entry = session.get_one(ArchiveEntry, entry_id)
    drip.opening(session, actor)
    journal.record(session, drip.OPENED, actor, content=entry.case, details={"by": "archive", "number": entry.number})


# --- The receipt


def receive(session: Session, actor: Actor, uids: Sequence[str], data: Mapping[str, Any]) -> ArchiveReceipt:
    """Enters the archive's receipt for these packages; from now on each is out of our hands."""
    assert actor.person_id is not None
    texts = _receipt_texts(data)
    on = _day(data.get("received_on"))
    wanted = list(dict.fromkeys(uid for uid in uids if isinstance(uid, str) and len(uid) <= 22))
    if not wanted:
        raise InvalidInput("请勾选回执上列的归档包。", {"uid": "请先打勾"})
    found = list(
        session.scalars(
            select(ArchiveEntry)
            .where(ArchiveEntry.uid.in_(wanted), print_desk.within(ArchiveEntry.unit_path, actor, ARCHIVISTS))
            .options(joinedload(ArchiveEntry.case), joinedload(ArchiveEntry.unit))
            .order_by(ArchiveEntry.id)
            .with_for_update(of=ArchiveEntry)
        )
    )
    if len(found) < len(wanted) or any(one.status != BUILT for one in found):
        raise Conflict("选中的里面有的还没有生成归档包，或已经登记过回执。请刷新后重选。")
    if len({one.unit_id for one in found}) > 1:
        raise InvalidInput("一张回执只能是一个单位的归档包，请按单位分开登记。", {"uid": "不是同一个单位"})
    for one in found:
        if one.built_at is not None and on < local_day(one.built_at):
            raise InvalidInput(
                f"接收日期早于 {one.number} 归档包生成的日期，请核对回执。", {"received_on": "早于生成日期"}
            )
        if has_grown(session, one):
            raise RequirementUnmet(
                f"{one.number} 的归档包生成以后又有新的文书或材料。请重新生成、重新移交，再登记回执。"
            )
    unit = found[0].unit
    if session.scalar(
        select(ArchiveReceipt.id).where(ArchiveReceipt.unit_id == unit.id, ArchiveReceipt.number == texts["number"])
    ):
        raise Conflict(f"回执号 {texts['number']} 已经登记过，请核对。", {"number": "已登记过"})
    made = ArchiveReceipt(
        district=unit.district,
        unit_id=unit.id,
        unit_path=unit.path,
        received_on=on,
        entered_by_id=actor.person_id,
        at=now(),
        **texts,
    )
    session.add(made)
    session.flush()
    for one in found:
        one.receipt_id, one.status = made.id, RECEIVED
        journal.record(
            session,
            "archive:receipt",
            actor,
            content=one.case,
            details={"number": one.number, "receipt": made.number, "by": made.receiver_unit, "on": f"{on:%Y-%m-%d}"},
        )
    session.flush()
    return made


NAMES = {"number": ("回执号", 60), "receiver_unit": ("接收单位", 80), "receiver": ("接收人", 60)}


def _receipt_texts(data: Mapping[str, Any]) -> dict[str, str]:
    errors: dict[str, str] = {}
    texts: dict[str, str] = {}
    for name, (label, limit) in NAMES.items():
        try:
            texts[name] = " ".join(clean_text(data.get(name) or "", limit).split())
        except ValueError as problem:
            errors[name] = f"{label}{problem}"
            continue
        if not texts[name]:
            errors[name] = f"请写{label}"
    if errors:
        raise InvalidInput("回执没有登记：" + "；".join(errors.values()) + "。", errors)
    return texts


def _day(value: Any) -> date:
    try:
        day = date.fromisoformat(str(value or "").strip())
    except ValueError as error:
        raise InvalidInput(
            "请写回执上的接收日期，例如 2026-11-20。", {"received_on": "请写接收日期，例如 2026-11-20"}
        ) from error
    if day > local_day(now()):
        raise InvalidInput("接收日期还没有到，请核对回执。", {"received_on": "不能晚于今天"})
    return day
