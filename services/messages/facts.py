"""What a message about a thing may say: put together from the office's own tables, for each kind of thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.person import Person
from process import clock
from process.access import Actor
from services import case_routing, materials
from services import owed as ledger
from services.messages import telling
from services.messages.wording import Facts


def of(session: Session, content: Content) -> Facts:
    """Number, item, who answers for it, and until when."""
    unit = telling.answerable(session, content)
    item = getattr(content, "item", None) or getattr(getattr(content, "case", None), "item", None)
    return Facts(
        number=content.number or "",
        item=item.title if item is not None else content.title,
        reader=content.applicant.name if content.applicant is not None else "",
        agency=unit,
        phone=phone_of(unit),
        hours=detail(unit, "hours"),
        day=clock.local_day(content.deadline) if content.deadline is not None else None,
    )


def phone_of(agency: Agency) -> str:
    """The telephone of a unit, or of the nearest one above it that has one."""
    here: Agency | None = agency
    while here is not None:
        if found := detail(here, "phone"):
            return found
        here = here.parent
    return ""


def detail(agency: Agency | None, name: str) -> str:
    return str((agency.details or {}).get(name) or "") if agency is not None else ""


def at(session: Session, content: Content, agency: Agency) -> Facts:
    """The same, to be collected at this unit: its address, hours and telephone."""
    return replace(
        of(session, content),
        agency=agency,
        place=detail(agency, "address") or agency.name,
        phone=phone_of(agency),
        hours=detail(agency, "hours"),
    )


def defects(session: Session, content: Content, comment: str) -> Facts:
    """Everything that is missing, with what to do about it."""
    found = of(session, content)
    case = content if isinstance(content, Case) else getattr(content, "case", None)
    lines = tuple((m.name, why) for m, why in materials.defects(case)) if isinstance(case, Case) else ()
    if not lines:
        # Nothing was ticked: what the office wrote is the list.
        return replace(found, lines=((comment.rstrip("。；， ") or "请来电询问", ""),))
    return replace(found, lines=lines, text=comment)


def accepted(session: Session, case: Case, actor: Actor) -> Facts:
    """The unit whose clerk accepted; questions still go to the station that stays answerable."""
    return replace(of(session, case), agency=case_routing.accepting_unit(case, actor))


def owed(session: Session, thing: Content, due: date, today: date) -> Facts:
    lines = tuple((line.paper, "") for line in ledger.of_thing(session, thing) if ledger.is_owed(line))
    return replace(of(session, thing), lines=lines, day=due, count=(due - today).days)


def handed(session: Session, ticket: Delegation) -> Facts:
    """To whom the matter went, and who still answers for it."""
    station = ticket.place
    return replace(of(session, ticket), agency=ticket.addressee, place=station, phone=phone_of(station))


def visit(session: Session, visit: HomeVisit) -> Facts:
    who = visit.assignee or (session.get(Person, visit.assignee_id) if visit.assignee_id else None)
    return replace(
        of(session, visit), when=visit.slot_start, staff=who.name if who is not None else "", agency=visit.place
    )


def sample() -> dict[str, Any]:
    """Invented values for the preview of the texts."""
    lines: Sequence[tuple[str, str]] = (("居民户口簿", "未提供"), ("一寸照片", "底色不对"))
    return {
        "number": "DX-2026-000123", "item": "老年卡", "reader": "欧阳建平", "staff": "俞国芳", "phone": "0571-00000101",
        "hours": "周一至周五 8:30–17:30", "express": "SF0000000000", "count": 3, "lines": lines, "text": "请带复印件。",
    }  # fmt: skip
