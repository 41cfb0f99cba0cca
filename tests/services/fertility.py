"""The couple of the fertility story and short ways through it; everybody is invented."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case
from models.ledger import OutboxItem
from models.paper import Certificate, Paper
from process import engine
from process.access import Actor
from services import actions, certificates, papers_out

ActorOf = Callable[[str], Actor]
WIFE = {
    "name": "林若琳",
    "id_number": "330103199406182046",
    "phone": "13800000015",
    "address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
    "household_address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
}
FORM = {
    "husband_name": "阿卜杜热西提·买买提",
    "husband_id_number": "330103199209071013",
    "husband_household_address": "新疆维吾尔自治区喀什地区喀什市恰萨街道示例路12号",
    "marriage_certificate_number": "J330103-2025-002331",
    "marriage_date": "2025-05-20",
    "children_count": 0,
    "child_order": 1,
    "expected_date": "2027-03-01",
}
CRITICAL = ("wife_id_card", "husband_id_card", "marriage_certificate", "truth_statement")
BOOKLETS = ("wife_household_booklet", "husband_household_booklet")
# Who stands at the counter when the card is handed out.
COLLECTED = {"who": "holder", "collector_id_number": WIFE["id_number"]}
ALL = tuple({"code": code, "provided": True, "original": False, "sheets": 1} for code in (*CRITICAL, *BOOKLETS))


def data(**changes: Any) -> dict[str, Any]:
    return {
        "item": "fertility_registration_card",
        "place": "dongxin",
        "applicant": dict(WIFE),
        **FORM,
        "materials": [dict(m) for m in ALL],
        **changes,
    }


def opened(session: Session, actor: Actor, **changes: Any) -> Case:
    case = actions.create(session, actor, "case", data(**changes))
    assert isinstance(case, Case)
    return case


def ticks(case: Case, **rejected: str) -> list[dict[str, str]]:
    return [
        {"code": m.code, "verdict": "rejected", "defect": rejected[m.code]}
        if m.code in rejected
        else {"code": m.code, "verdict": "accepted"}
        for m in case.materials
        if m.provided
    ]


def accepted(session: Session, actor: ActorOf, **changes: Any) -> Case:
    case = opened(session, actor("window.clerk"), **changes)
    engine.fire(case, "submit", actor("window.clerk"))
    engine.fire(case, "accept", actor("window.clerk"))
    return case


def approved(session: Session, actor: ActorOf, **changes: Any) -> Case:
    case = accepted(session, actor, **changes)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    return case


def certificate_of(session: Session, case: Case) -> Certificate:
    found = certificates.of_case(session, case)
    assert found is not None
    return found


def sheet(session: Session, case: Case, paper_id: str) -> Paper:
    return session.scalars(select(Paper).where(Paper.paper == paper_id).order_by(Paper.id.desc())).first()  # type: ignore[return-value]


def draw_all(session: Session) -> None:
    """What the worker would do with everything that waits."""
    for item in session.scalars(
        select(OutboxItem).where(OutboxItem.job == papers_out.RENDER, OutboxItem.status == "waiting")
    ):
        papers_out.render_paper(session, item.args["paper_id"])
        item.status = "done"
    session.flush()
