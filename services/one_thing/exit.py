"""One exit: the results of all members leave together, in one hand or one parcel, and are rated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.case import Case
from models.exit import ExitReceipt, Outgoing
from models.one_thing import OneThing
from models.paper import Certificate
from process import access
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable
from services import actions, certificates, exit_cabinet, exit_handing, outgoing
from services.one_thing import reading


@dataclass(frozen=True)
class Result:
    """What came of one member: a certificate or what the item promises, or the decision against it."""

    name: str
    case: Case
    outcome: str
    certificate: Certificate | None
    holds: str
    # At the exit, and where; none before there is a result.
    row: Outgoing | None

    @property
    def waits(self) -> bool:
        return self.row is not None and self.row.state == outgoing.WAITING


def results(session: Session, bundle: OneThing) -> list[Result]:
    """The results of all members in order; `waits` are those that lie at the exit now."""
    ids = [member.case_id for member in bundle.members]
    rows = {row.case_id: row for row in session.scalars(select(Outgoing).where(Outgoing.case_id.in_(ids)))}
    found = []
    for member in bundle.members:
        case, row = member.case, rows.get(member.case_id)
        certificate = certificates.of_case(session, case)
        if row is not None and row.kind == "refusal":
            holds = "不予受理决定书" if case.state == "rejected" else "不予批准决定书"
        else:
            holds = "、".join(catalogue.item(case.item.code).outputs) or case.item.title
            if certificate is not None and certificate.number:
                holds = f"{holds} {certificate.number}"
        found.append(Result(member.name, case, case.state, certificate, holds, row))
    return found


def at_window(session: Session, actor: Actor, bundle: OneThing) -> list[Outgoing]:
    """What this actor could hand out of it now."""
    mine = outgoing.paths(actor)
    return [
        one.row
        for one in results(session, bundle)
        if one.waits
        and one.row is not None
        and any(one.row.unit.path.startswith(path) for path in mine)
        and access.may(actor, access.VIEW_FULL, one.case, session)
    ]


def _all_decided(bundle: OneThing) -> None:
    lacking = [member for member in bundle.members if member.case.state not in reading.DECIDED]
    if lacking:
        named = "、".join(f"“{one.name}”" for one in lacking)
        raise NotAvailable(f"{named}还没有结果，统一出件要等齐。急用已办好的，请到“统一出件”单独交出，可能要多跑一趟。")


def _waiting(session: Session, actor: Actor, bundle: OneThing) -> list[Outgoing]:
    _all_decided(bundle)
    found = at_window(session, actor, bundle)
    if not found:
        raise NotAvailable("您这里没有待交出的结果：都已经交出，或在别的窗口等人来领。")
    return found


def hand_over(session: Session, actor: Actor, bundle: OneThing, typed: Mapping[str, Any]) -> ExitReceipt:
    """一并交付: everything that waits, decisions against it and originals included, into the same hands against one receipt."""
    return exit_handing.hand_over(session, actor, [row.uid for row in _waiting(session, actor, bundle)], typed)


def into_cabinet(session: Session, actor: Actor, bundle: OneThing, box: str) -> None:
    """放进一个取件柜: one box and one code; a decision against it is served in person all the same."""
    exit_cabinet.put(session, actor, _good(_waiting(session, actor, bundle)), box)


def send(session: Session, actor: Actor, bundle: OneThing, number: str) -> list[Outgoing]:
    """一个包裹: every waiting result under the same number of the same parcel."""
    found = _good(_waiting(session, actor, bundle))
    with session.begin_nested():
        for row in found:
            actions.perform(row.case, "send_express", actor, {"express_number": number})
    return found


def _good(rows: list[Outgoing]) -> list[Outgoing]:
    found = [row for row in rows if row.kind == "result"]
    if not found:
        raise NotAvailable("只剩不予批准的决定书，要当面送达并签收。请用“窗口一并交付”。")
    return found


def in_parcel(session: Session, bundle: OneThing) -> list[Outgoing]:
    """What is on its way in a parcel."""
    return [
        one.row
        for one in results(session, bundle)
        if one.row is not None and one.row.state == outgoing.UNDERWAY and one.row.way == "express"
    ]


def signed(session: Session, actor: Actor, bundle: OneThing, collector: str) -> list[Outgoing]:
    """The parcel was signed for: everything that lay in it is delivered."""
    found = in_parcel(session, bundle)
    if not found:
        raise NotAvailable("没有在路上的包裹：还没有交快递，或已经登记过签收。")
    with session.begin_nested():
        for row in found:
            actions.perform(row.case, "deliver", actor, {"way": "express", "collector": collector})
    return found


def receipts(session: Session, bundle: OneThing) -> list[ExitReceipt]:
    """Against which signatures it left; one, unless somebody was in a hurry."""
    found = {one.row.receipt.id: one.row.receipt for one in results(session, bundle) if one.row and one.row.receipt}
    return [found[id_] for id_ in sorted(found)]


def rate(session: Session, actor: Actor, bundle: OneThing, score: str, words: str) -> None:
    """一次评价: one word on all of it, by the resident, when all of it is over."""
    if actor.resident_id is None or actor.resident_id != bundle.resident_id:
        raise Forbidden("评价由申请人本人用自己的账号作。")
    if bundle.rating is not None:
        raise NotAvailable("这个一件事已经评价过，谢谢您。")
    if bundle.closed_at is None:
        raise NotAvailable("还没有全部办完，办完后一次评价。")
    if score not in ("1", "2", "3", "4", "5"):
        raise InvalidInput("请选一个满意度。", {"score": "请选一个"})
    delivered = next((member.case for member in bundle.members if member.case.state == "delivered"), None)
    if delivered is None:
        raise NotAvailable("没有一件办成，不用在这里评价；有意见请投诉或打便民热线，我们会核实答复。")
    actions.perform(delivered, "rate", actor, {"score": score, "comment": words[:500]})
