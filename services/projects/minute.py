"""联合会审纪要: the minute of a joint meeting as a paper, frozen when somebody presses the button."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.paper import Paper
from models.project import HELD, ProjectMeeting
from process import access, journal
from process.access import Actor
from process.refusals import Forbidden, NotAvailable, RequirementUnmet
from services import papers_out
from services.papers_out import Occasion, data_for
from services.projects import meetings, people, signing, tables

PAPER = "joint_minute"


@data_for(PAPER)
def joint_minute(occasion: Occasion) -> dict[str, Any] | None:
    """Everything that was written down at the meeting; nothing about the person who acts for the owner."""
    meeting = occasion.session.get(ProjectMeeting, occasion.inputs.get("meeting_id") or 0)
    if meeting is None or meeting.content_id != occasion.content.id:
        return None
    content: Content = occasion.content
    handler = people.current(occasion.session, content).get(people.HANDLER)
    return {
        "number": f"{content.number}-{meeting.number}",
        "project": str((content.fields or {}).get("name") or content.title),
        "owner": str((content.fields or {}).get("enterprise") or ""),
        "subject": meeting.subject,
        "held_on": meeting.held_on,
        "venue": meeting.venue,
        "chair": meeting.called_by.name if meeting.called_by else "",
        "handler": handler.person.name if handler else "",
        "attendees": "\n".join(meeting.attendees),
        "opinions": [
            {
                "department": row.agency.name if row.agency else row.department,
                "item": row.title,
                "verdict": meetings.VERDICTS.get(meeting.opinions.get(row.uid, {}).get("verdict", ""), ""),
                "words": meeting.opinions.get(row.uid, {}).get("words") or "",
            }
            for row in meeting.rows
        ],
        "signatures": [
            {
                "department": side.name,
                "answer": signing.ANSWERS.get(side.answer, ""),
                "person": side.by,
                "at": side.at,
                "words": side.reason,
            }
            for side in signing.sides(occasion.session, meeting)
        ],
        "conclusion": meeting.conclusion,
        "saved": meetings.saved_days(meeting),
    }


def unsigned(session: Session, meeting: ProjectMeeting) -> list[str]:
    """Departments that can sign on their page and have said nothing yet."""
    return [side.name for side in signing.sides(session, meeting) if side.missing]


def make(session: Session, actor: Actor, meeting: ProjectMeeting, *, anyway: bool = False) -> Paper:
    """The minute as it stands now; drawn by the worker, kept with the papers of the project. `anyway`: whoever has not signed signs by hand."""
    content = session.get_one(Content, meeting.content_id)
    if not tables.works_on(content, actor) or not access.may(actor, access.VIEW_FULL, content):
        raise Forbidden("会审纪要由项目经理或代办员制作。")
    if meeting.state != HELD:
        raise NotAvailable("会审还没有登记结论，不能做纪要。请先登记会审情况。")
    if meeting.paper_id is not None:
        return session.get_one(Paper, meeting.paper_id)
    lacking = unsigned(session, meeting)
    if lacking and not anyway:
        raise RequirementUnmet(
            f"{'、'.join(lacking)}还没有签认。请等签认后再做纪要；等不及的，请勾选“没签的在纸上手签”。",
            {"anyway": "还有部门没有签认"},
        )
    occasion = Occasion(session, content, actor, now(), {"meeting_id": meeting.id})
    data = papers_out.collect(occasion, PAPER)
    assert data is not None
    paper = papers_out.freeze(occasion, PAPER, papers_out.printable(occasion, PAPER, data, {}))
    meeting.paper_id = paper.id
    journal.record(
        session,
        "paper:print",
        actor,
        content=content,
        details={"paper": PAPER, "meeting": meeting.number},
        at=occasion.at,
    )
    session.flush()
    return paper


def of(session: Session, meeting: ProjectMeeting) -> Paper | None:
    """The minute of a meeting, drawn or still being drawn."""
    return session.get(Paper, meeting.paper_id) if meeting.paper_id is not None else None
