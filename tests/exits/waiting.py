"""Results that wait to leave: one visit with three matters, taken to the exit by the ordinary steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case
from models.counter import CounterVisit
from models.exit import Outgoing
from process import engine
from process.access import Actor
from tests.pages.test_counter_visit import CARD, REGISTER, press
from tests.services.fertility import draw_all, ticks

SECOND = "human_social_security_05"
ActorOf = Callable[[str], Actor]


def three(session: Session, actor: ActorOf, window: Any, *, until: str = "issue") -> list[Case]:
    """林若琳 files three matters in one visit; each is reviewed, approved and issued by those who may."""
    answer = press(window, item=[CARD, REGISTER, SECOND])
    assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
    session.expire_all()
    visit = session.scalars(select(CounterVisit).order_by(CounterVisit.id.desc())).first()
    assert visit is not None
    cases = [matter.case for matter in visit.matters]
    for case in cases:
        advance(session, actor, case, until)
    session.commit()
    return cases


def advance(session: Session, actor: ActorOf, case: Case, until: str = "issue") -> None:
    """From the filing to this step."""
    for step, who in (
        ("accept", "window.clerk"),
        ("review", "reviewer"),
        ("approve", "approver"),
        ("issue", "issuer"),
    ):
        inputs = {"materials": ticks(case)} if step == "review" else {}
        engine.fire(case, step, actor(who), inputs=inputs)
        if step == until:
            break
    draw_all(session)


def row_of(session: Session, case: Case) -> Outgoing:
    found = session.scalars(select(Outgoing).where(Outgoing.case_id == case.id)).one()
    session.refresh(found)
    return found
