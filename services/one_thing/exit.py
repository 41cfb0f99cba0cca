"""One exit: the results of all members leave together, in one hand or one parcel, and are rated once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.case import Case
from models.one_thing import OneThing
from models.paper import Certificate
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable
from services import actions, certificates
from services.one_thing import reading

# What the way out may be when it is not a parcel.
WAYS = ("counter", "door", "station")


@dataclass(frozen=True)
class Result:
    """What came of one member: a certificate or what the item promises, or the decision against it."""

    name: str
    case: Case
    outcome: str
    certificate: Certificate | None
    holds: str
    waits: bool


def results(session: Session, bundle: OneThing) -> list[Result]:
    """The results of all members in order; `waits` are those that lie at the exit now."""
    found = []
    for member in bundle.members:
        case = member.case
        certificate = certificates.of_case(session, case)
        outputs = "、".join(catalogue.item(case.item.code).outputs) or case.item.title
        numbered = f"{outputs} {certificate.number}" if certificate is not None and certificate.number else outputs
        found.append(Result(member.name, case, case.state, certificate, numbered, case.state == "issued"))
    return found


def _all_decided(bundle: OneThing) -> None:
    lacking = [member for member in bundle.members if member.case.state not in reading.DECIDED]
    if lacking:
        named = "、".join(f"“{one.name}”" for one in lacking)
        raise NotAvailable(f"{named}还没有结果，统一出件要等齐。急用已办好的，请打开那一件单独“送达”，可能要多跑一趟。")


def _waiting(session: Session, bundle: OneThing) -> list[Result]:
    _all_decided(bundle)
    found = [one for one in results(session, bundle) if one.waits]
    if not found:
        raise NotAvailable("这里没有待交出的结果，都已经交出或没有批准。")
    return found


def hand_over(session: Session, actor: Actor, bundle: OneThing, inputs: Mapping[str, Any]) -> list[Result]:
    """一并交付: every waiting result by its own step into the same hands; all of them or none."""
    way = str(inputs.get("way") or "counter")
    if way not in WAYS:
        raise InvalidInput("请选交付方式：窗口领取、上门送达或社区站领取；寄快递请填单号。", {"way": "请选交付方式"})
    found = _waiting(session, bundle)
    given = {name: value for name, value in inputs.items() if value}
    with session.begin_nested():
        for one in found:
            actions.perform(one.case, "deliver", actor, {**given, "way": way})
    return found


def send(session: Session, actor: Actor, bundle: OneThing, number: str) -> list[Result]:
    """一个包裹: every waiting result under the same number of the same parcel."""
    found = _waiting(session, bundle)
    with session.begin_nested():
        for one in found:
            actions.perform(one.case, "send_express", actor, {"express_number": number})
    return found


def signed(session: Session, actor: Actor, bundle: OneThing, collector: str) -> list[Result]:
    """The parcel was signed for: everything that lay in it is delivered."""
    found = _waiting(session, bundle)
    with session.begin_nested():
        for one in found:
            actions.perform(one.case, "deliver", actor, {"way": "express", "collector": collector})
    return found


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
