"""统一出件: what waits to leave, where it lies, which way it takes — kept by listening to the steps that bring it about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.counter import CounterMatter, CounterVisit
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.exit import Outgoing
from models.hall import HallMatter, HallTicket
from models.paper import Certificate
from models.resident import Resident
from process import access, clock, registry
from process.access import Actor
from process.calendar_days import say
from process.identity import IdNumber
from process.refusals import InvalidInput, NotFound
from process.registry import Step
from process.words import N_
from services import at_hand, case_routing, codes, custody, materials, unit_settings
from services.messages import telling

HANDS = frozenset({"window_clerk", "community_clerk", "all_round_worker", "certificate_issuer"})
MAKING, WAITING, UNDERWAY, GONE, DROPPED = "making", "waiting", "underway", "gone", "dropped"
WAYS = {
    "counter": N_("窗口领取"),
    "express": N_("快递"),
    "door": N_("跑腿工送上门"),
    "terminal": N_("自助取件柜"),
    "station": N_("别的站点领取"),
    "ticket": N_("随代办单送回"),
}
UNCLAIMED = "unclaimed_days"
LISTED = 200
NAME_AT_LEAST = 2


# --- Whose


def paths(actor: Actor) -> tuple[str, ...]:
    """The places at whose windows this actor hands things out."""
    if actor.resident_id is not None:
        return ()
    return tuple(sorted({held.path for held in actor.held if held.role in HANDS}))


def _at(actor: Actor, column: Any) -> ColumnElement[bool]:
    own = select(Agency.id).where(or_(*(access.within(Agency.path, path) for path in paths(actor))))
    return column.in_(own)


def of_case(session: Session, case: Content) -> Outgoing | None:
    """The row of a case, if its result was ever made."""
    return session.scalar(select(Outgoing).where(Outgoing.case_id == case.id))


def load(session: Session, actor: Actor, uid: str, *, arriving: bool = False, lock: bool = True) -> Outgoing:
    """A row that lies at this actor's point, or is on its way there; any other answers like none. A page that only shows it locks nothing."""
    statement = select(Outgoing).where(Outgoing.uid == uid[:40])
    found = session.scalar(statement.with_for_update(of=Outgoing) if lock else statement)
    here = found is not None and _holds(actor, found.unit)
    there = found is not None and arriving and found.moved_to is not None and _holds(actor, found.moved_to)
    if found is None or not (here or there):
        raise NotFound("没有找到要出件的结果。它可能不在您这个窗口，请从“统一出件”重新找。")
    if here and not access.may(actor, access.VIEW_FULL, found.case, session):
        raise NotFound("没有找到要出件的结果。它可能不在您这个窗口，请从“统一出件”重新找。")
    session.refresh(found)
    return found


def _holds(actor: Actor, unit: Agency) -> bool:
    return any(unit.path.startswith(path) for path in paths(actor))


# --- What waits here


def here(
    session: Session, actor: Actor, show: str = "waiting", words: str = "", *, before: datetime | None = None
) -> list[Outgoing]:
    """The rows of this point, oldest first; `words` is a name, a number or a code that was scanned."""
    if not paths(actor):
        raise NotFound()
    statement = _rows(actor)
    match show:
        case "waiting":
            statement = statement.where(Outgoing.state == WAITING)
        case "underway":
            statement = statement.where(Outgoing.state == UNDERWAY)
        case "making":
            statement = statement.where(Outgoing.state == MAKING)
        case "gone":
            statement = statement.where(Outgoing.state == GONE).order_by(None).order_by(Outgoing.gone_at.desc())
        case "found":
            statement = statement.where(Outgoing.state.in_((MAKING, WAITING, UNDERWAY)))
    if words:
        narrowed = _named(session, actor, words)
        if narrowed is None:
            return []
        statement = statement.where(narrowed)
    if before is not None:
        statement = statement.where(Outgoing.waits_since < before)
    return list(session.scalars(statement.limit(LISTED)).unique())


def _rows(actor: Actor) -> Select[Any]:
    mine = access.visible(select(Case.id), actor, Case)
    return (
        select(Outgoing)
        .where(_at(actor, Outgoing.unit_id), Outgoing.case_id.in_(mine))
        .options(
            joinedload(Outgoing.case),
            joinedload(Outgoing.resident),
            joinedload(Outgoing.unit),
            joinedload(Outgoing.moved_to),
        )
        .order_by(Outgoing.waits_since, Outgoing.id)
    )


def arriving(session: Session, actor: Actor) -> list[Outgoing]:
    """On their way to this point from another."""
    if not paths(actor):
        return []
    return list(
        session.scalars(
            select(Outgoing)
            .where(Outgoing.state == UNDERWAY, Outgoing.way == "station", _at(actor, Outgoing.moved_to_id))
            .options(joinedload(Outgoing.case), joinedload(Outgoing.resident), joinedload(Outgoing.unit))
            .order_by(Outgoing.waits_since, Outgoing.id)
            .limit(LISTED)
        ).unique()
    )


def unclaimed(session: Session, actor: Actor) -> list[Outgoing]:
    """Waiting here longer than the office allows: the oldest first."""
    rows = here(session, actor)
    return [row for row in rows if row.way in ("counter", "terminal") and overdue(session, row)]


def days_waiting(row: Outgoing) -> int:
    return (clock.local_day(now()) - clock.local_day(row.waits_since)).days if row.waits_since else 0


def overdue(session: Session, row: Outgoing) -> bool:
    return days_waiting(row) > unit_settings.number(session, row.unit_id, UNCLAIMED)


def _named(session: Session, actor: Actor, words: str) -> ColumnElement[bool] | None:
    """Whose results are meant: by a code, the whole ID number, today's number of the hall, or a name. None: nobody's."""
    code = codes.read(words)
    if code.known:
        found = {one for thing in codes.things(session, code) for one in _cases(session, thing)}
        people = set(session.scalars(select(Outgoing.resident_id).where(Outgoing.case_id.in_(found)))) - {None}
        if found:
            return or_(Outgoing.case_id.in_(found), Outgoing.resident_id.in_(people))
        if code.number:
            return None
    try:
        index = Resident.index_of(IdNumber.parse(words).value)
        return Outgoing.resident_id.in_(select(Resident.id).where(Resident.id_index == index))
    except InvalidInput:
        pass
    tickets = select(HallTicket.content_id).where(
        HallTicket.day == clock.local_day(now()),
        HallTicket.ticket == words.strip().upper()[:10],
        _at(actor, HallTicket.hall_id),
    )
    cases = set(session.scalars(select(HallMatter.case_id).where(HallMatter.ticket_id.in_(tickets)))) - {None}
    if cases:
        return Outgoing.case_id.in_(cases)
    name = "".join(words.split())[:40]
    if len(name) < NAME_AT_LEAST or any(c in name for c in "%_\\"):
        return None
    return Outgoing.resident_id.in_(select(Resident.id).where(Resident.name.contains(name, autoescape=True)))


def _cases(session: Session, thing: Content) -> set[int]:
    """The cases that a thing with a number or a printed code stands for."""
    if isinstance(thing, Case):
        return {thing.id}
    if isinstance(thing, (Certificate, Delegation, HomeVisit)):
        return {thing.case_id} if thing.case_id else set()
    ticket = session.get(HallTicket, thing.id)
    if ticket is not None:
        return {one.case_id for one in ticket.matters if one.case_id}
    return set()


def visits(session: Session, rows: Sequence[Outgoing]) -> dict[int, CounterVisit]:
    """Case id -> the visit in which it was taken in."""
    found = session.execute(
        select(CounterMatter.case_id, CounterVisit)
        .join(CounterVisit, CounterVisit.id == CounterMatter.visit_id)
        .where(CounterMatter.case_id.in_([row.case_id for row in rows]))
    )
    return {case_id: visit for case_id, visit in found}


# --- Why one cannot be handed over


def obstacle(session: Session, row: Outgoing) -> str:
    """In a sentence that the clerk can say to the visitor; empty when nothing stands in the way."""
    case = row.case
    name = f"{case.number} {case.title}"
    if row.state == GONE:
        at = row.gone_at.astimezone(clock.CHINA) if row.gone_at else None
        who = row.gone_by.name if row.gone_by else "同事"
        if at is None:
            return f"{name}已经交出，不能再交。"
        day = "" if at.date() == clock.local_day(now()) else f"{say(at)} "
        return f"{name}已由{who}于 {day}{at:%H:%M} 交出，不能再交。"
    lacking = materials.owed(case)
    if lacking:
        names = "、".join(m.name for m in lacking)
        return f"{name}还欠{names}（承诺{materials.promised_day(case)}前补齐），补齐、发证后才能交。"
    if row.state == MAKING:
        return f"{name}还没有发证，请先发证再交。"
    if row.state == DROPPED:
        return f"{name}已经撤回或重办，没有要交的结果。"
    if row.state == UNDERWAY:
        return f"{name}{underway_words(row)}，不在窗口。"
    away = [m for m in custody.originals_out(case) if m.id in at_hand.on_the_way(session, case)]
    if away:
        return f"{name}的原件{'、'.join(m.name for m in away)}还在路上，到了再一起交。"
    return ""


def underway_words(row: Outgoing) -> str:
    """Where it is, while it is not here."""
    match row.way:
        case "express":
            return "已交快递"
        case "door":
            return "由跑腿工送上门"
        case "terminal":
            return f"在自助取件柜{row.box}号"
        case "station":
            return f"正转往{custody.full_name(row.moved_to)}" if row.moved_to else "正转往别的站点"
        case "ticket":
            return "随代办单或上门代办送回"
    return "不在窗口"


# --- Kept by listening


def hear(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Each step that makes, moves or ends a result."""
    if isinstance(content, Case):
        heard = MADE_BY.get(event)
        if heard is not None and step is not None:
            heard(session, content, step)
    elif isinstance(content, Delegation) and event in ("take_over", "send_result", "succeed"):
        _with_ticket(session, content)
    elif isinstance(content, Errand) and step is not None and content.purpose == "deliver_result":
        _errand(session, content, event, step)


def _row(session: Session, case: Case, kind: str, unit_id: str) -> Outgoing:
    row = of_case(session, case)
    if row is None:
        row = Outgoing(case_id=case.id, district=case.district, resident_id=case.applicant_id, unit_id=unit_id)
        session.add(row)
    row.kind, row.unit_id, row.resident_id = kind, unit_id, case.applicant_id
    session.flush()
    return row


def _made(session: Session, case: Case, step: Step) -> None:
    """Decided in favour: from now on the exit knows that something will come, and where it will be asked for."""
    _row(session, case, "result", case.result_unit_id or case_routing.fetched_at(case))


def _issued(session: Session, case: Case, step: Step) -> None:
    unit = case.result_unit_id or case.unit_id or case.place_id
    row = _row(session, case, "result", unit)
    if telling.open_ticket(session, case) is not None or _visited(session, case):
        row.unit_id, row.way, row.state = case.unit_id or unit, "ticket", UNDERWAY
    else:
        row.way, row.state = "counter", WAITING
    begin_waiting(session, row, step.at)


def _visited(session: Session, case: Case) -> bool:
    found = session.scalar(
        select(HomeVisit.id).where(HomeVisit.case_id == case.id, HomeVisit.closed_at.is_(None)).limit(1)
    )
    return found is not None


def begin_waiting(session: Session, row: Outgoing, at: datetime) -> None:
    """It lies somewhere anew: waiting and reminders count from here."""
    row.ready_at = row.ready_at or at
    row.waits_since, row.reminded, row.reminded_at = at, 0, None
    session.flush()
    session.expire(row, ["unit", "moved_to"])
    from services import exit_reminders

    exit_reminders.watch(session, row)


def _refused(session: Session, case: Case, step: Step) -> None:
    """A refusal is a paper too, and the originals wait beside it."""
    unit = case.unit_id or case.place_id
    row = _row(session, case, "refusal", unit)
    carried = telling.open_ticket(session, case) is not None
    row.way, row.state = ("ticket", UNDERWAY) if carried else ("counter", WAITING)
    begin_waiting(session, row, step.at)


def _sent(session: Session, case: Case, step: Step) -> None:
    row = of_case(session, case)
    if row is not None:
        row.way, row.state = "express", UNDERWAY


def _delivered(session: Session, case: Case, step: Step) -> None:
    row = of_case(session, case)
    if row is not None:
        close(row, step.actor, step.at)


def close(row: Outgoing, actor: Actor, at: datetime) -> None:
    """Gone: by whom and when."""
    row.state, row.gone_at, row.gone_by_id = GONE, at, actor.person_id
    row.code = None


def _given_back(session: Session, case: Case, step: Step) -> None:
    row = of_case(session, case)
    if row is not None and row.kind == "refusal":
        close(row, step.actor, step.at)


def _withdrawn(session: Session, case: Case, step: Step) -> None:
    row = of_case(session, case)
    if row is not None:
        row.state = DROPPED


def _with_ticket(session: Session, ticket: Delegation) -> None:
    """With its ticket a result comes to the station where it is collected."""
    row = of_case(session, ticket.case) if ticket.case is not None else None
    # What is not made yet travels on no ticket; where it will lie is settled when it is issued.
    if row is None or row.state in (MAKING, GONE, DROPPED) or ticket.case is None:
        return
    arrived = ticket.state == "handed_over"
    row.unit_id = (ticket.result_point_id or ticket.place_id) if arrived else (ticket.case.unit_id or row.unit_id)
    row.way, row.state = ("ticket", UNDERWAY) if not arrived or ticket.home_visit_id else ("counter", WAITING)
    begin_waiting(session, row, now())


def _errand(session: Session, errand: Errand, event: str, step: Step) -> None:
    """A red courier brings a result home: gone with the confirmation, back at the window when it is called off."""
    case = errand.related
    row = of_case(session, case) if isinstance(case, Case) else None
    if row is None or row.state in (GONE, DROPPED) or not isinstance(case, Case):
        return
    if event == "confirm":
        from services import exit_moves

        exit_moves.brought_home(step, row, case)
    elif errand.closed_at is not None:
        if row.way == "door" and row.state == UNDERWAY:
            row.way, row.state = "counter", WAITING
            begin_waiting(session, row, step.at)
    elif row.state == WAITING and event in ("post", "create"):
        row.way, row.state = "door", UNDERWAY


# Steps of a case -> what becomes of its row.
MADE_BY = {
    "approve": _made,
    "issue": _issued,
    "refuse": _refused,
    "end_owed": _refused,
    "end_commitment": _refused,
    "reject_intake": _refused,
    "send_express": _sent,
    "deliver": _delivered,
    "give_back": _given_back,
    "withdraw": _withdrawn,
}
registry.listeners.append(hear)
