"""签认: each department that was heard confirms the minute of a joint meeting or objects with its reason; who and when stays with its opinion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.person import Person
from models.project import HELD, ProjectMeeting, ProjectRow
from process import engine, tasks
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable
from process.words import N_
from services import notices
from services.projects import meetings, people, tables
from services.projects import rows as checklist

CONFIRMED, OBJECTED = "confirmed", "objected"
ANSWERS: Mapping[str, str] = {CONFIRMED: N_("确认"), OBJECTED: N_("有异议")}
# What a signature adds to the opinion of each row of the department.
SIGNED = ("answer", "reason", "signed_by", "signed_by_id", "signed_at")


@dataclass(frozen=True)
class Side:
    """One department at the meeting, and how it signed. `asked`: somebody there can sign; of the others the paper is signed by hand."""

    name: str
    agency: Agency | None
    rows: tuple[ProjectRow, ...]
    asked: bool
    answer: str = ""
    reason: str = ""
    by: str = ""
    at: datetime | None = None

    @property
    def missing(self) -> bool:
        return self.asked and not self.answer


def sides(session: Session, meeting: ProjectMeeting) -> list[Side]:
    """The departments in the order of the agenda."""
    speaking = checklist.staffed(session)
    grouped: dict[str, list[ProjectRow]] = {}
    for row in meeting.rows:
        grouped.setdefault(row.agency_id or row.department, []).append(row)
    found = []
    for own in grouped.values():
        agency = own[0].agency
        said = meeting.opinions.get(own[0].uid) or {}
        at = said.get("signed_at")
        found.append(
            Side(
                name=agency.name if agency is not None else own[0].department,
                agency=agency,
                rows=tuple(own),
                asked=agency is not None and any(agency.path.startswith(path) for path in speaking),
                answer=said.get("answer") or "",
                reason=said.get("reason") or "",
                by=said.get("signed_by") or "",
                at=datetime.fromisoformat(at) if at else None,
            )
        )
    return found


def mine(session: Session, meeting: ProjectMeeting, actor: Actor) -> list[Side]:
    """The departments for which this actor may sign now; one that has confirmed has said all it can."""
    if meeting.state != HELD or meeting.paper_id is not None:
        return []
    return [
        side
        for side in sides(session, meeting)
        if side.answer != CONFIRMED and any(tables.answers_for(row, actor) for row in side.rows)
    ]


def sign(session: Session, actor: Actor, meeting: ProjectMeeting, given: Mapping[str, Any]) -> Side:
    """确认 or 有异议; an objection reaches whoever carries the project."""
    content = session.get_one(Content, meeting.content_id)
    tasks.lock(session, content)
    session.refresh(meeting)
    _open(meeting)
    if not any(tables.answers_for(row, actor) for row in meeting.rows):
        raise Forbidden("会审纪要由参加会审的部门各自签认，您不在其中。")
    own = mine(session, meeting, actor)
    if not own:
        raise NotAvailable("贵部门已经确认过这份纪要，不用再签。")
    errors: dict[str, str] = {}
    chosen = str(given.get("agency") or "")
    side = own[0] if len(own) == 1 else next((one for one in own if one.agency and one.agency.id == chosen), None)
    answer = str(given.get("answer") or "")
    reason = meetings.read_text(given, "reason", 300, errors)
    if side is None:
        errors["agency"] = "请选替哪个部门签"
    if answer not in ANSWERS:
        errors["answer"] = "请选确认，还是有异议"
    elif answer == OBJECTED and not reason and "reason" not in errors:
        errors["reason"] = "有异议的，请写明哪里与会上说的不一样"
    if errors or side is None:
        raise InvalidInput(f"还不能签认：{'；'.join(errors.values())}。", errors)
    who = session.get_one(Person, actor.person_id)
    added = dict(zip(SIGNED, (answer, reason, who.name, who.id, now().isoformat()), strict=True))
    meeting.opinions = {
        **meeting.opinions,
        **{row.uid: {**(meeting.opinions.get(row.uid) or {}), **added} for row in side.rows},
    }
    session.flush()
    engine.touch(content)
    verb = "confirm" if answer == CONFIRMED else "object"
    meetings.record(session, actor, content, meeting, verb, [row.key for row in side.rows])
    if answer == OBJECTED and (handler := people.current(session, content).get(people.HANDLER)) is not None:
        text = N_("有部门对会审纪要有异议，请看项目页。")
        notices.notify(session, content, to=handler.person, kind="project:objection", text=text, actor=actor)
    return side


def correct(session: Session, actor: Actor, meeting: ProjectMeeting, given: Mapping[str, Any]) -> ProjectMeeting:
    """更正: the words, not the verdicts, which the rows have followed; whatever was signed is signed anew."""
    content = session.get_one(Content, meeting.content_id)
    tasks.lock(session, content)
    session.refresh(meeting)
    meetings.require(content, actor)
    _open(meeting)
    errors: dict[str, str] = {}
    attendees = meetings.read_attendees(given, errors, required=True)
    conclusion = meetings.read_text(given, "conclusion", 2000, errors, "请填写会审结论")
    said = {row.uid: meetings.read_text(given, f"words_{row.uid}", 300, errors) for row in meeting.rows}
    before = {row.uid: (meeting.opinions.get(row.uid) or {}) for row in meeting.rows}
    for row in meeting.rows:
        if before[row.uid].get("verdict") == "refuse" and not said[row.uid]:
            errors.setdefault(f"words_{row.uid}", f"“{row.title}”不同意，请写明理由")
    words = {uid: one.get("words") or "" for uid, one in before.items()}
    if not errors and (attendees, conclusion, said) == (meeting.attendees, meeting.conclusion, words):
        errors["conclusion"] = "纪要没有改动，不用重新签认"
    if errors:
        raise InvalidInput(f"纪要还不能更正：{'；'.join(errors.values())}。", errors)
    meeting.attendees, meeting.conclusion = attendees, conclusion
    meeting.opinions = {
        uid: {**{name: value for name, value in one.items() if name not in SIGNED}, "words": said[uid]}
        for uid, one in before.items()
    }
    session.flush()
    engine.touch(content)
    meetings.record(session, actor, content, meeting, "correct", [])
    text = N_("会审纪要已更正，请重新核对并签认，见项目页。")
    meetings.tell(session, actor, content, meeting.rows, meetings.ASKED_TO_SIGN, text)
    return meeting


def _open(meeting: ProjectMeeting) -> None:
    if meeting.state != HELD:
        raise NotAvailable(f"第 {meeting.number} 次会审{meetings.STATES[meeting.state]}，没有可签认的纪要。")
    if meeting.paper_id is not None:
        raise NotAvailable("会审纪要已经制成，不能再改或签认。有不同意见请在项目里留言。")
