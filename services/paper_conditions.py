"""What must be true before a certificate may be made: named in its paper.yaml, checked here, shown to whoever decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from models.case import Case
from models.paper import Certificate
from process import clock, registry
from process.calendar_days import say
from process.identity import IdNumber, age_on
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_
from services import paper_rules, record_check, record_inquiries
from services.catalogue_items import record_of

# From which step on a condition must hold; later steps ask again, because the world goes on meanwhile.
ORDER = ("accept", "review", "approve", "number")
STEPS = {"accept": "accept", "defer": "accept", "review": "review", "approve": "approve", "number": "number"}
ADULT = 18
Check = Callable[[Session, Case, date], str | None]


@dataclass(frozen=True)
class Condition:
    """One condition: what it is called, from which step on it counts, and the sentence when it is not met."""

    name: str
    title: str
    since: str
    check: Check


@dataclass(frozen=True)
class Finding:
    """How a condition stands for one case today; `why` is empty when it is met."""

    title: str
    since: str
    why: str


CONDITIONS: dict[str, Condition] = {}


def condition(name: str, title: str, *, since: str) -> Callable[[Check], Check]:
    """Registers a condition under the name that paper.yaml uses."""

    def keep(check: Check) -> Check:
        assert name not in CONDITIONS and since in ORDER, name
        CONDITIONS[name] = Condition(name, title, since, check)
        return check

    return keep


def unknown(names: tuple[str, ...]) -> list[str]:
    """Names that no condition of the program bears: a paper that uses them must not be published."""
    return [name for name in names if name not in CONDITIONS]


def findings(session: Session, case: Case, today: date) -> list[Finding]:
    """Every condition of the paper that this case leads to, met or not."""
    return [
        Finding(one.title, one.since, one.check(session, case, today) or "")
        for one in (CONDITIONS[name] for name in _names(case))
    ]


def _names(case: Case) -> tuple[str, ...]:
    from services import certificates
    from services.papers.definition import in_force, load

    if record_of(case.item).paper is None and case.item.code not in in_force:
        return ()
    kind = certificates.paper_kind(case)
    return load(kind).terms.conditions if kind is not None else ()


@registry.requirement("paper_conditions")
def paper_conditions(step: Step) -> None:
    """Stops a step of a case or of its certificate while a condition of the paper is not met, with every reason at once."""
    content = step.content
    case: Case = content.case if isinstance(content, Certificate) else content
    reached = ORDER.index(STEPS.get(step.transition.id, "number"))
    day = clock.local_day(case.filed_at or step.at)
    wrong = [one.why for one in findings(step.session, case, day) if one.why and ORDER.index(one.since) <= reached]
    if wrong:
        raise RequirementUnmet(f"现在还不能“{step.transition.title.zh}”：" + "".join(wrong))


@condition("only_child_in_period", N_("子女出生在提倡一对夫妻生育一个子女期间"), since="accept")
def only_child_in_period(session: Session, case: Case, today: date) -> str | None:
    number = case.values.get("child_id_number")
    if not number:
        return "还没有填子女身份证号码。"
    born = IdNumber.parse(number).birth_date
    first, last = (paper_rules.get(session, name) for name in ("only_child_from", "only_child_until"))
    if first <= born <= last:
        return None
    return (
        f"子女{say(born)}出生，不在发证规定的{say(first)}至{say(last)}之间。"
        "请向申请人说明；申请人坚持申请的，办“不予受理”，出具书面决定。"
    )


@condition("adult_applicant", N_("申请人年满18周岁"), since="accept")
def adult_applicant(session: Session, case: Case, today: date) -> str | None:
    number = str(case.values.get("id_number") or (case.applicant.id_number if case.applicant else ""))
    if not number:
        return "还没有填申请人身份证号码。"
    age = age_on(IdNumber.parse(number).birth_date, today)
    return None if age >= ADULT else f"申请人申请时{age}周岁，未满{ADULT}周岁，不出具本证明。"


@condition("records_checked", N_("已与登记记录核对"), since="approve")
def records_checked(session: Session, case: Case, today: date) -> str | None:
    found = record_check.of(case)
    if found is None:
        return "还没有与登记记录核对，请审核人员在办件的“文书和条件”里写明核对结果。"
    if found["result"] == record_check.DIFFERENT:
        return "核对结果是与记录不一致，不能出具证明。请一次性告知申请人更正，或作出不予批准的决定。"
    return None


@condition("inquiry_answered", N_("调查函已答复"), since="review")
def inquiry_answered(session: Session, case: Case, today: date) -> str | None:
    if record_inquiries.answered(session, case) is not None:
        return None
    waiting = record_inquiries.open_of(session, case)
    if waiting is None:
        return "还没有向保管记录的社区发调查函，请在办件的“文书和条件”里发函。"
    return f"调查函{waiting.number or ''}还没有答复，请等答复或催办。"
