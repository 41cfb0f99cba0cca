"""代办人 at the window: somebody comes for somebody else, with a letter that was seen; nobody acts for both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case
from models.counter import CounterMatter, CounterVisit
from models.resident import Resident
from process import clock, journal
from process.access import Actor
from process.identity import IdNumber
from process.inputs import clean_text
from process.refusals import InvalidInput
from services import letters, residents

# Where a case keeps who acts for its applicant.
AGENT = "_agent"
FIELDS = ("name", "id_number", "phone", "relation", "until")


@dataclass(frozen=True)
class Agent:
    """Who came in the applicant's place, with the letter seen at the counter."""

    name: str
    number: IdNumber
    phone: str
    relation: str
    until: date


def read(typed: Mapping[str, str], principal: str) -> Agent | None:
    """No letter, no acceptance: the agent's card and the letter were both seen, or nobody acts here."""
    given = {name: " ".join(str(typed.get(f"agent_{name}") or "").split()) for name in FIELDS}
    seen = bool(typed.get("agent_letter"))
    if not any(given.values()) and not seen:
        return None
    errors: dict[str, str] = {}
    number: IdNumber | None = None
    until: date | None = None
    try:
        number = IdNumber.parse(given["id_number"])
    except InvalidInput as refusal:
        errors["agent_id_number"] = f"代办人{refusal.detail}"
    try:
        name = clean_text(given["name"], residents.LONGEST_NAME)
        relation = clean_text(given["relation"], 30)
    except ValueError as problem:
        name, relation = "", ""
        errors["agent_name"] = f"代办人姓名或关系{problem}。"
    if not name and "agent_name" not in errors:
        errors["agent_name"] = "请填写代办人姓名。"
    today = clock.local_day(now())
    try:
        until = date.fromisoformat(given["until"]) if given["until"] else today
    except ValueError:
        errors["agent_until"] = "委托书有效期请写成 2026-03-05 的样子，且必须存在。"
    if until is not None and until < today:
        errors["agent_until"] = "委托书已经过期，不能代办。请申请人重新签委托书。"
    if not seen:
        errors["agent_letter"] = "没有委托书不能收件。请核对委托书原件后勾选；没带的，可打印空白委托书请申请人签。"
    if number is not None and number.value == "".join(principal.split()).upper():
        errors["agent_id_number"] = "代办人就是申请人本人，不用委托书。请清空代办人一栏。"
    if errors or number is None or until is None:
        raise InvalidInput("代办人的信息有误：" + "".join(errors.values()), errors)
    return Agent(name, number, given["phone"], relation, until)


def represent(session: Session, actor: Actor, visit: CounterVisit, cases: Sequence[Case], agent: Agent) -> None:
    """Writes down who acts for whom; one person never acts for both sides of a matter."""
    index = Resident.index_of(agent.number.value)
    for case in cases:
        _one_side(session, case, agent, index)
    visit.agent = {
        "name": agent.name,
        "id_number": agent.number.value,
        "phone": agent.phone,
        "relation": agent.relation,
        "until": agent.until.isoformat(),
    }
    visit.agent_index = index
    for case in cases:
        letter = letters.seen_at_counter(session, case, agent.name, agent.until)
        case.private = {**(case.private or {}), AGENT: {**visit.agent, "letter": letter.id}}
        journal.record(session, "case:agent", actor, content=case, details={"letter": letter.id})


def _one_side(session: Session, case: Case, agent: Agent, index: str) -> None:
    """双方代理: the same agent already acts, in an open case of this item, for the other person named in this form."""
    others = {
        str(value): name
        for name, value in case.values.items()
        if name.endswith("id_number") and value and case.applicant is not None and value != case.applicant.id_number
    }
    if not others:
        return
    indexes = [Resident.index_of(number) for number in others if number != agent.number.value]
    if not indexes:
        return
    other = session.scalars(
        select(Case)
        .join(CounterMatter, CounterMatter.case_id == Case.id)
        .join(CounterVisit, CounterVisit.id == CounterMatter.visit_id)
        .join(Resident, Resident.id == Case.applicant_id)
        .where(
            CounterVisit.agent_index == index,
            Case.item_id == case.item_id,
            Case.closed_at.is_(None),
            Case.id != case.id,
            Resident.id_index.in_(indexes),
        )
        .limit(1)
    ).first()
    if other is not None:
        words = (
            f"{agent.name}已在 {other.number} 里代理这件事的另一方，同一人不能同时代理双方。"
            "请申请人本人来办，或换一位代办人。"
        )
        raise InvalidInput(words, {"agent_id_number": words})
