"""Giving and ending authority: who may, what is refused, and what becomes of the cases under way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.agency import Agency
from models.authority import AuthorityGrant, AuthorityItem, AuthorityUse
from models.base import now
from models.case import Case
from models.content import ContentPlace
from models.delegation import Delegation
from process import engine, journal
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotFound, RequirementUnmet, Stale
from services import authority, case_routing
from services import authority_checks as checks

# More than these are not moved within one request; the office finishes them instead.
RETURNED_AT_ONCE = 300
CAUSE = "authority"
CLOSED = ("closed", "withdrawn")


def give(
    session: Session,
    actor: Actor,
    *,
    giver: str,
    taker: str,
    power: str,
    items: Sequence[str] = (),
    category: str = "",
    since: date | None = None,
    until: date | None = None,
    basis: str = "",
    note: str = "",
) -> AuthorityGrant:
    """One letter of authority, in force from its first day for every new case."""
    errors: dict[str, str] = {}
    today = local_day(now())
    from_unit, to_unit = checks.unit(session, giver, "giver", errors), checks.unit(session, taker, "taker", errors)
    texts: dict[str, str] = {}
    for name, value, limit, label in (("basis", basis, 120, "文号"), ("note", note, 500, "说明")):
        try:
            texts[name] = clean_text(value or "", limit)
        except ValueError as problem:
            errors[name] = f"{label}{problem}"
    if not texts.get("basis") and "basis" not in errors:
        errors["basis"] = "请填写授权依据的文号"
    if power not in authority.POWERS:
        errors["power"] = "请选授权的范围：受理并决定，或只受理"
    first = since or today
    if first < today:
        errors["since"] = f"开始日期不能早于今天（{say(today)}）：授权不能倒签"
    if until is not None and until < first:
        errors["until"] = f"结束日期{say(until)}早于开始日期{say(first)}，请对调或重填"
    if bool(items) == bool(category):
        errors["items"] = "请选一个类别，或逐项选事项，两样只选一样"
    if errors or from_unit is None or to_unit is None:
        raise InvalidInput("还有几处要改：" + "；".join(errors.values()) + "。", errors)
    if not authority.may_give(actor, from_unit):
        raise Forbidden(
            f"{from_unit.name}的授权由它的负责人或系统管理员登记，不由您办理。请把授权文件交给{from_unit.name}。"
        )
    checks.pair(session, from_unit, to_unit, first)
    # Whoever comes second waits here and then sees the grant of the first.
    session.execute(select(Agency.id).where(Agency.id == from_unit.id).with_for_update())
    scope = checks.scope_of(session, from_unit, list(items), category, today)
    if power == authority.DECIDE:
        checks.somebody_decides(session, to_unit, first)
    checks.overlap(session, from_unit, to_unit, power, scope, category, first, until)
    grant = AuthorityGrant(
        from_id=from_unit.id,
        to_id=to_unit.id,
        district=from_unit.district,
        power=power,
        category=category or None,
        since=first,
        until=until,
        basis=texts["basis"],
        note=texts["note"],
        made_by_id=actor.person_id,
    )
    grant.giver, grant.taker = from_unit, to_unit
    grant.items = [] if category else [AuthorityItem(item_id=item.id, item=item) for item in scope]
    session.add(grant)
    session.flush()
    authority.record(
        session,
        "give",
        actor,
        grant,
        grant.basis,
        items=[item.code for item in scope] if not category else [],
        category=category,
        since=first.isoformat(),
        until=until.isoformat() if until else None,
    )
    return grant


def end(
    session: Session, actor: Actor, grant_id: int, *, version: int, reason: str, running: str = "finish"
) -> tuple[AuthorityGrant, list[Case], list[Case]]:
    """Ends at once for new cases. Returns the grant, the cases given back, and those the taker finishes."""
    grant = load(session, grant_id, lock=True)
    if not authority.may_give(actor, grant.giver):
        raise Forbidden(f"{grant.giver.name}的授权由它的负责人或系统管理员结束，不由您办理。")
    if grant.ended_at is not None:
        who = grant.ended_by.name if grant.ended_by else "系统"
        raise Stale(f"这份授权已由{who}结束，不用再办。")
    if grant.version != version:
        raise Stale("这份授权刚才已被别人改过，请刷新后再办。")
    today = local_day(now())
    if grant.until is not None and grant.until < today:
        raise InvalidInput(f"这份授权已于{say(grant.until)}到期，不用再结束。")
    try:
        words = clean_text(reason or "", 200)
    except ValueError as problem:
        raise InvalidInput(f"原因{problem}。", {"reason": str(problem)}) from problem
    if not words:
        raise InvalidInput("请写明结束的原因，例如收回授权的文号。", {"reason": "请写明原因"})
    if running not in ("finish", "return"):
        raise InvalidInput("请选在办的件怎么办：由受托单位办完，或交回委托单位。", {"running": "请选一项"})
    open_now = list(authority.running(session, grant))
    back: list[Case] = []
    if running == "return":
        if len(open_now) > RETURNED_AT_ONCE:
            raise RequirementUnmet(
                f"在办的有 {len(open_now)} 件，一次最多交回 {RETURNED_AT_ONCE} 件。请选“由受托单位办完”。",
                {"running": "件数太多，请由受托单位办完"},
            )
        carried = _carried(session, open_now)
        back = [case for case in open_now if case.id not in carried]
        home = case_routing.front_office(session, grant.giver)
        for case in back:
            _give_back(session, actor, grant, case, home)
    grant.ended_at, grant.ended_by_id, grant.end_reason = now(), actor.person_id, words
    grant.running, grant.version = running, grant.version + 1
    session.flush()
    kept = [case for case in open_now if case not in back]
    authority.record(
        session,
        "end",
        actor,
        grant,
        words,
        running=running,
        returned=[case.number for case in back],
        finishing=[case.number for case in kept],
    )
    return grant, back, kept


def load(session: Session, grant_id: int, *, lock: bool = False) -> AuthorityGrant:
    statement = (
        select(AuthorityGrant)
        .where(AuthorityGrant.id == grant_id)
        .options(selectinload(AuthorityGrant.items).joinedload(AuthorityItem.item))
    )
    if lock:
        statement = statement.with_for_update(of=AuthorityGrant).execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NotFound("没有这份授权，请从授权的列表进入。")
    return found


def _give_back(session: Session, actor: Actor, grant: AuthorityGrant, case: Case, home: Agency) -> None:
    """The case lies with the owner from now on; whoever had it by the grant sees it no longer."""
    for place in case.places:
        if place.relation == "addressee" and place.until is None:
            place.until = now()
    case.places.append(
        ContentPlace(
            relation="addressee",
            place_id=home.id,
            place_path=home.path,
            cause=CAUSE,
            cause_uid=str(grant.id),
            since=now(),
        )
    )
    case.deciding_unit_id = home.id
    case_routing.hand_to(case, home.id)
    use = session.get(AuthorityUse, (case.id, grant.id))
    assert use is not None
    use.ended_at = now()
    session.flush()
    engine.touch(case)
    journal.record(
        session,
        "authority:return",
        actor,
        content=case,
        details={"authority": grant.id, "text": f"授权结束，由{grant.taker.name}交回{home.name}"},
    )


def _carried(session: Session, cases: Sequence[Case]) -> set[int]:
    """Cases that travel with a ticket have papers lying with the taker: those are finished there or returned by the ticket."""
    return {
        case_id
        for case_id in session.scalars(
            select(Delegation.case_id).where(
                Delegation.case_id.in_([case.id for case in cases]), Delegation.state.not_in(CLOSED)
            )
        )
        if case_id is not None
    }
