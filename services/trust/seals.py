"""一枚印章管审批: one seal for the approvals of each town, and a log in which every use stands with case, person, time and reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.paper import Certificate
from models.person import Person
from models.trust import Seal, SealUse
from process import journal
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from process.registry import Step
from process.relations import HEAD
from services import case_routing, grid_rights, sheets

# Whoever uses a seal or answers for its use reads its log.
READERS = frozenset({"certificate_issuer", "all_round_worker", "approver", "supervisor", "system_admin", HEAD})
KEEPERS = frozenset({"system_admin", HEAD})
PAGE, MOST = 50, 5_000
SHORTEST, LONGEST = 4, 40
HEADINGS = ("序号", "用印时间", "印章", "证照", "证照编号", "办件编号", "用印人", "代谁用印", "事由")


# --- Using


def seal_of(session: Session, place: Agency) -> Seal:
    """The one seal of the town this place belongs to; entered at its first use."""
    town = case_routing.above(place, "street", "town") or place
    found = session.scalar(select(Seal).where(Seal.agency_id == town.id))
    if found is None:
        found = Seal(agency_id=town.id, name=f"{town.name}行政审批专用章"[:80])
        session.add(found)
        session.flush()
    return found


def note_use(step: Step, certificate: Certificate, reason: str) -> SealUse:
    """One more line in the log, in the transaction of the step; the number follows the one before without a gap."""
    seal = seal_of(step.session, certificate.place)
    if seal.state == "stopped":
        raise NotAvailable(f"“{seal.name}”已停用，不能用印。请联系系统管理员或单位负责人。")
    # Counting locks the row, so that two uses at once get two numbers.
    seq = step.session.execute(
        update(Seal)
        .where(Seal.id == seal.id)
        .values(uses=Seal.uses + 1)
        .returning(Seal.uses)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    step.session.expire(seal, ["uses"])
    use = SealUse(
        seal_id=seal.id,
        seq=seq,
        district=certificate.district,
        place_path=certificate.place_path,
        content_id=certificate.id,
        case_number=certificate.case.number or "",
        paper_title=certificate.title[:120],
        paper_number=certificate.number or "",
        person_id=step.actor.person_id,
        on_behalf_of_id=step.on_behalf_of.id if step.on_behalf_of else None,
        reason=reason[:200],
        at=step.at,
    )
    step.session.add(use)
    step.session.flush()
    return use


# --- Reading


@dataclass(frozen=True)
class Asked:
    """What the log is narrowed to; everything empty shows the whole."""

    seal: str = ""
    person: str = ""
    words: str = ""
    since: date | None = None
    until: date | None = None

    def in_words(self, seals: Mapping[str, str], people: Mapping[str, str]) -> str:
        parts = [
            seals.get(self.seal, ""),
            people.get(self.person, ""),
            f"含“{self.words}”" if self.words else "",
            f"{say(self.since)}起" if self.since else "",
            f"到{say(self.until)}" if self.until else "",
        ]
        return "，".join(part for part in parts if part) or "全部"


def asked(values: Mapping[str, Any]) -> Asked:
    """The filter as it came from the address; nonsense counts as not asked."""

    def day(name: str) -> date | None:
        try:
            return date.fromisoformat(str(values.get(name) or ""))
        except ValueError:
            return None

    person = str(values.get("person") or "")
    return Asked(
        str(values.get("seal") or "")[:22],
        person if person.isdecimal() and len(person) < 10 else "",
        " ".join(str(values.get("q") or "").split())[:60],
        day("since"),
        day("until"),
    )


def may_read(actor: Actor) -> bool:
    return not actor.roles.isdisjoint(READERS)


def _require(actor: Actor) -> list[str]:
    held = grid_rights.paths(actor, READERS)
    if not held:
        raise NotFound()
    return held


def visible(actor: Actor) -> Select[SealUse]:
    """Uses at the places where this actor uses seals or answers for them."""
    return select(SealUse).where(grid_rights.within_any(SealUse.place_path, _require(actor)))


def _narrowed(statement: Select[Any], wanted: Asked) -> Select[Any]:
    if wanted.seal:
        statement = statement.where(SealUse.seal_id.in_(select(Seal.id).where(Seal.uid == wanted.seal)))
    if wanted.person:
        statement = statement.where(SealUse.person_id == int(wanted.person))
    if wanted.words:
        like = "%" + wanted.words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (SealUse.case_number, SealUse.paper_number, SealUse.paper_title, SealUse.reason)
        statement = statement.where(or_(*(column.ilike(like, escape="\\") for column in columns)))
    if wanted.since:
        statement = statement.where(SealUse.at >= _begin(wanted.since))
    if wanted.until:
        statement = statement.where(SealUse.at < _begin(wanted.until + timedelta(days=1)))
    return statement


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


def page(session: Session, actor: Actor, wanted: Asked, after: str = "") -> tuple[list[SealUse], int, str]:
    """A page of the log, newest first, how many lines there are in all, and where the next page begins."""
    narrowed = _narrowed(visible(actor), wanted)
    total = session.scalar(select(func.count()).select_from(narrowed.subquery())) or 0
    if after.isdecimal() and len(after) < 19:
        narrowed = narrowed.where(SealUse.id < int(after))
    rows = list(session.scalars(_loaded(narrowed).order_by(SealUse.id.desc()).limit(PAGE + 1)))
    return rows[:PAGE], total, str(rows[PAGE - 1].id) if len(rows) > PAGE else ""


def _loaded(statement: Select[SealUse]) -> Select[SealUse]:
    return statement.options(
        joinedload(SealUse.seal),
        joinedload(SealUse.person),
        joinedload(SealUse.on_behalf_of),
        joinedload(SealUse.content),
    )


def seals(session: Session, actor: Actor) -> list[tuple[Seal, int, datetime | None]]:
    """The seals of this actor's towns, how often each was used this year, and when last."""
    held = _require(actor)
    year = _begin(now().astimezone(CHINA).date().replace(month=1, day=1))
    counted = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(SealUse.seal_id, func.count(), func.max(SealUse.at))
            .where(SealUse.at >= year)
            .group_by(SealUse.seal_id)
        )
    }
    found = session.scalars(select(Seal).options(joinedload(Seal.agency)).order_by(Seal.name))
    return [
        (seal, *counted.get(seal.id, (0, None)))
        for seal in found
        if any(path.startswith(seal.agency.path) or seal.agency.path.startswith(path) for path in held)
    ]


def people(session: Session, actor: Actor) -> list[Person]:
    """Who stands in the part of the log this actor reads, for the filter."""
    ids = visible(actor).with_only_columns(SealUse.person_id).distinct()
    return list(session.scalars(select(Person).where(Person.id.in_(ids)).order_by(Person.name)))


def sheet(session: Session, actor: Actor, wanted: Asked, words: str) -> tuple[bytes, int]:
    """The log as an Excel file; that it was taken out stands in the journal."""
    narrowed = _narrowed(visible(actor), wanted)
    count = session.scalar(select(func.count()).select_from(narrowed.subquery())) or 0
    if count > MOST:
        raise InvalidInput(f"符合条件的有 {count} 条，一次最多导出 {MOST} 条。请按时间分几次导出。", {"since": "太多"})
    if count == 0:
        raise InvalidInput("这个筛选里没有用印记录，没有可以导出的。请换个条件。")
    at, who = now(), f"{actor.name}（{actor.unit_name}）" if actor.unit_name else actor.name
    lines = (
        f"筛选：{words}",
        f"导出：{who}，{at.astimezone(CHINA):%Y-%m-%d %H:%M}，共 {count} 条",
    )
    rows = session.scalars(_loaded(narrowed).order_by(SealUse.seal_id, SealUse.seq))
    body, made = sheets.made("用印登记簿", lines, HEADINGS, _cells(rows), who=who, at=at)
    details = {"filter": words, "rows": made}
    journal.record(session, "seal:export", actor, stream=f"person:{actor.person_id}", details=details)
    return body, made


def _cells(rows: Any) -> Iterator[list[str]]:
    for use in rows:
        yield [
            str(use.seq),
            f"{use.at.astimezone(CHINA):%Y-%m-%d %H:%M:%S}",
            use.seal.name,
            use.paper_title,
            use.paper_number,
            use.case_number,
            use.person.name if use.person else "系统自动",
            use.on_behalf_of.name if use.on_behalf_of else "",
            use.reason,
        ]


# --- Keeping


def keeps(actor: Actor, seal: Seal) -> bool:
    return any(h.role in KEEPERS and h.principal_id is None and seal.agency.path.startswith(h.path) for h in actor.held)


def load(session: Session, actor: Actor, uid: str) -> Seal:
    """A seal whose log this actor reads; any other is not found."""
    found = next((seal for seal, _, _ in seals(session, actor) if seal.uid == uid), None)
    if found is None:
        raise NotFound()
    return found


def change(session: Session, actor: Actor, seal: Seal, given: Mapping[str, Any]) -> None:
    """Its name as it is cut, and whether it may be used; by the administrator or the head of the town."""
    if not keeps(actor, seal):
        raise Forbidden(f"“{seal.name}”由系统管理员或单位负责人维护，请联系他们。")
    try:
        name = clean_text(given.get("name") or "", LONGEST)
    except ValueError as problem:
        raise InvalidInput(f"印章名称{problem}。", {"name": str(problem)}) from problem
    if len(name) < SHORTEST:
        raise InvalidInput("请照印面填写印章的全名，至少 4 个字。", {"name": "请照印面填写全名"})
    state = "stopped" if given.get("state") == "stopped" else "in_use"
    before = {"name": seal.name, "state": seal.state}
    if before == {"name": name, "state": state}:
        raise InvalidInput("与原来一样，没有要改的。")
    seal.name, seal.state = name, state
    session.flush()
    details = {"before": before, "name": name, "state": state}
    journal.record(session, "seal:change", actor, stream=f"seal:{seal.uid}", details=details)


def unbroken(session: Session) -> list[str]:
    """Every sentence is something that must not be: a log that does not agree with the count of its seal."""
    wrong = []
    for seal in session.scalars(select(Seal)):
        count, first, last = session.execute(
            select(func.count(), func.min(SealUse.seq), func.max(SealUse.seq)).where(SealUse.seal_id == seal.id)
        ).one()
        if (count, last or 0) != (seal.uses, seal.uses) or (count and first != 1):
            wrong.append(
                f"log of {seal.name}: {seal.uses} uses were counted, {count} are written, from {first} to {last}"
            )
    return wrong
