"""The six digits that a receiver tells at the door: who may see them, how often they may be wrong, who confirms without them."""

from __future__ import annotations

import hmac

from sqlalchemy import update
from sqlalchemy.orm import Session

from models.errand import Errand
from process import access, journal, registry, transactions
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from services.errands import DISPATCHER, RECEIVERS, is_receiver

MAX_WRONG_CODES = 5
CODE_HOLDERS = frozenset({"assignee", "community_clerk@origin"})


@registry.predicate("code_or_receiver")
def code_or_receiver(session: Session, errand: Errand, actor: Actor) -> bool:
    """Shown to whoever receives, to those the receiver may tell the code, and to the dispatcher."""
    held = access.tokens(errand, actor)
    if code_blocked(errand):
        return DISPATCHER in held
    return is_receiver(errand, actor) or DISPATCHER in held or not CODE_HOLDERS.isdisjoint(held)


def code_blocked(errand: Errand) -> bool:
    return errand.code_failures >= MAX_WRONG_CODES


def code_for(errand: Errand, actor: Actor) -> str | None:
    """The confirmation code for those who may pass it to the receiver; never for the courier."""
    if (
        errand.state in ("confirmed", "cancelled")
        or errand.confirm_code is None
        or errand.assignee_id == actor.person_id
    ):
        return None
    held = access.tokens(errand, actor)
    if not RECEIVERS.isdisjoint(held) or access.may(actor, access.VIEW_FULL, errand):
        return errand.confirm_code
    return None


@registry.requirement("code_right")
def code_right(step: Step) -> None:
    """At the door: no code is fine (the receiver confirms later), a wrong one is not."""
    if step.inputs.get("code"):
        check_code(step, step.inputs["code"])


def check_code(step: Step, code: str) -> None:
    """Compares in constant time; every wrong try is counted even though the step is undone."""
    errand = step.content
    if code_blocked(errand):
        raise RequirementUnmet(
            f"确认码已输错 {MAX_WRONG_CODES} 次，不能再试。请不填确认码先登记送达，再请调度员向收件人核实后确认。",
            {"code": "已停用，请调度员确认"},
        )
    if errand.confirm_code is not None and hmac.compare_digest(code.strip().encode(), errand.confirm_code.encode()):
        return
    left = MAX_WRONG_CODES - errand.code_failures - 1
    errand_id, actor = errand.id, step.actor

    def count(session: Session) -> None:
        session.execute(
            update(Errand)
            .where(Errand.id == errand_id)
            .values(code_failures=Errand.code_failures + 1)
            .execution_options(synchronize_session=False)
        )
        journal.record(session, "errand:wrong_code", actor, content=session.get(Errand, errand_id))

    transactions.keep_despite_refusal(step.session, count)
    further = f"还可以再试 {left} 次。" if left else "确认码已停用，请不填确认码登记送达，再请调度员确认。"
    raise RequirementUnmet(
        f"确认码不对。请收件人再看一遍 6 位数字；{further}",
        {"code": f"确认码不对，还可再试 {left} 次" if left else "确认码不对，已停用"},
    )


@registry.requirement("confirmed_by_receiver")
def confirmed_by_receiver(step: Step) -> None:
    errand = step.content
    if step.cause is not None and step.cause.content is errand:
        return
    actor = step.actor.as_substitute_for(step.on_behalf_of.id) if step.on_behalf_of else step.actor
    code = step.inputs.get("code")
    if code and not code_blocked(errand):
        check_code(step, code)
    elif DISPATCHER in access.tokens(errand, actor) and errand.assignee_id != actor.person_id:
        if not step.inputs.get("comment"):
            raise RequirementUnmet(
                "请写明怎么向收件人核实的，例如几点打的电话、谁接的。", {"comment": "请写明怎么核实的"}
            )
    elif not is_receiver(errand, actor) or code_blocked(errand):
        raise RequirementUnmet(
            "请填收件人报出的 6 位确认码；收件人不在场，就请收件人自己在系统里确认，或请调度员核实。",
            {"code": "请填确认码"},
        )
