"""联合会审: several departments hear one project together, say what they think, and their rows are closed in one go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.project import CANCELLED, DONE, HELD, OPEN, PLANNED, REFUSED, RUNNING, ProjectMeeting, ProjectRow
from process import clock, engine, journal, tasks
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from process.words import N_
from services import notices, sub_tickets
from services.projects import rows as checklist
from services.projects import tables

STATES: Mapping[str, str] = {PLANNED: N_("已约定"), HELD: N_("已开"), CANCELLED: N_("已取消")}
VERDICTS: Mapping[str, str] = {"agree": N_("同意"), "refuse": N_("不同意"), "later": N_("会后另行答复")}
ASKED_TO_SIGN = "project:sign"
MOST_ATTENDEES = 60
FEWEST = 2


def proposals(content: Content, everything: Sequence[ProjectRow]) -> list[list[ProjectRow]]:
    """Rows of one group of the chart that could be heard together now: two at least, nothing before them open."""
    groups: dict[str, list[ProjectRow]] = defaultdict(list)
    for row in everything:
        if row.joint and can_be_heard(content, row, everything):
            groups[row.joint].append(row)
    return [found for found in groups.values() if len(found) >= FEWEST]


def can_be_heard(content: Content, row: ProjectRow, everything: Sequence[ProjectRow]) -> bool:
    """Whether a row may stand on the agenda of a meeting called now."""
    taken = row.meeting is not None and row.meeting.state == PLANNED
    return (
        not taken
        and row.state in (OPEN, RUNNING, REFUSED)
        and checklist.in_time(content, row)
        and not checklist.waits_for(row, everything)
    )


def call(session: Session, actor: Actor, content: Content, given: Mapping[str, Any]) -> ProjectMeeting:
    """One meeting for several rows; rows not filed yet are filed by it, and their departments hear of it."""
    tasks.lock(session, content)
    require(content, actor)
    everything = tables.rows(session, content)
    getter = getattr(given, "getlist", None)
    chosen = set(getter("rows") if getter is not None else given.get("rows") or [])
    covered = [row for row in everything if row.uid in chosen]
    errors: dict[str, str] = {}
    subject = read_text(given, "subject", 120, errors, "请填写会审内容")
    venue = read_text(given, "venue", 120, errors, "请填写开会地点")
    today = clock.local_day(now())
    held_on = _day(given.get("held_on"), today, errors)
    attendees = read_attendees(given, errors, required=False)
    if len(covered) < FEWEST or len(covered) != len(chosen):
        errors["rows"] = "请勾选至少两项一起会审"
    elif blocked := [row for row in covered if not can_be_heard(content, row, everything)]:
        errors["rows"] = f"“{blocked[0].title}”现在不能会审：已办好、在别的会上，或还要等前面的事项"
    elif len({row.agency_id or row.department for row in covered}) < FEWEST:
        errors["rows"] = "这几项是同一个部门的，不用开联合会审"
    if errors:
        raise InvalidInput(f"会审还不能约：{'；'.join(errors.values())}。", errors)
    number = session.scalar(select(func.max(ProjectMeeting.number)).where(ProjectMeeting.content_id == content.id)) or 0
    meeting = ProjectMeeting(
        district=content.district,
        content_id=content.id,
        number=number + 1,
        subject=subject,
        venue=venue,
        held_on=held_on or today,
        attendees=attendees,
        called_by_id=actor.person_id,
    )
    session.add(meeting)
    session.flush()
    for row in covered:
        row.meeting_id = meeting.id
        if row.state != RUNNING:
            checklist.change(session, row, RUNNING, actor, today)
    session.flush()
    engine.touch(content)
    record(session, actor, content, meeting, "call", [row.key for row in covered])
    tell(session, actor, content, covered, "project:meeting", N_("请参加投资项目联合会审，时间地点见项目页。"))
    return meeting


def tell(session: Session, actor: Actor, content: Content, covered: Sequence[ProjectRow], kind: str, text: str) -> None:
    """Each department of these rows hears of it once."""
    for agency_id in sorted({row.agency_id for row in covered if row.agency_id}):
        unit = session.get_one(Agency, agency_id)
        notices.notify(session, content, to=unit, kind=kind, text=text, actor=actor)


def hold(session: Session, actor: Actor, meeting: ProjectMeeting, given: Mapping[str, Any]) -> ProjectMeeting:
    """What was said and concluded; every row that was agreed to is closed with it, a refused one goes back."""
    content = session.get_one(Content, meeting.content_id)
    tasks.lock(session, content)
    session.refresh(meeting)
    require(content, actor)
    if meeting.state != PLANNED:
        raise NotAvailable(f"第 {meeting.number} 次会审{STATES[meeting.state]}，不能再登记。请刷新后再看。")
    today = clock.local_day(now())
    if meeting.held_on > today:
        raise RequirementUnmet(f"会审约在{say(meeting.held_on)}，还没有开，不能登记结论。改期请先取消再约。")
    errors: dict[str, str] = {}
    attendees = read_attendees(given, errors, required=True)
    conclusion = read_text(given, "conclusion", 2000, errors, "请填写会审结论")
    opinions: dict[str, dict[str, str]] = {}
    for row in meeting.rows:
        verdict = str(given.get(f"verdict_{row.uid}") or "")
        words = read_text(given, f"words_{row.uid}", 300, errors)
        if verdict not in VERDICTS:
            errors[f"verdict_{row.uid}"] = f"请选择“{row.title}”的意见"
        elif verdict == "refuse" and not words:
            errors[f"words_{row.uid}"] = f"“{row.title}”不同意，请写明理由"
        opinions[row.uid] = {"verdict": verdict, "words": words}
    if errors:
        raise InvalidInput(f"会审还不能登记：{'；'.join(errors.values())}。", errors)
    meeting.state, meeting.closed_at = HELD, now()
    meeting.attendees, meeting.conclusion, meeting.opinions = attendees, conclusion, opinions
    for row in meeting.rows:
        said = opinions[row.uid]
        if row.state == RUNNING and said["verdict"] != "later":
            to = DONE if said["verdict"] == "agree" else REFUSED
            words = said["words"] or f"第 {meeting.number} 次联合会审通过"
            checklist.change(session, row, to, actor, today, words=words)
    engine.touch(content)
    record(session, actor, content, meeting, "hold", [r.key for r in meeting.rows if r.state == DONE])
    tell(session, actor, content, meeting.rows, ASKED_TO_SIGN, N_("请核对会审纪要并签认，见项目页。"))
    checklist.settle(session, actor, content)
    return meeting


def cancel(session: Session, actor: Actor, meeting: ProjectMeeting, given: Mapping[str, Any]) -> None:
    """The meeting does not take place; its rows go on one by one."""
    content = session.get_one(Content, meeting.content_id)
    tasks.lock(session, content)
    session.refresh(meeting)
    require(content, actor)
    if meeting.state != PLANNED:
        raise NotAvailable(f"第 {meeting.number} 次会审{STATES[meeting.state]}，不能取消。")
    errors: dict[str, str] = {}
    why = read_text(given, "words", 200, errors, "请写明为什么取消")
    if errors:
        raise InvalidInput(f"会审还不能取消：{'；'.join(errors.values())}。", errors)
    call_off(session, actor, content, meeting, why)
    engine.touch(content)


def call_off(session: Session, actor: Actor, content: Content, meeting: ProjectMeeting, why: str) -> None:
    """No longer planned; whoever was invited need not come."""
    meeting.state, meeting.closed_at, meeting.conclusion = CANCELLED, now(), why
    tell(session, actor, content, meeting.rows, "project:meeting", N_("投资项目联合会审已取消，不用参加。"))
    for row in meeting.rows:
        row.meeting_id = None
    session.flush()
    session.expire(meeting, ["rows"])
    record(session, actor, content, meeting, "cancel", [])


def saved_days(meeting: ProjectMeeting) -> int:
    """Working days that the rows would take one after another, less what they take together."""
    days = [row.working_days for row in meeting.rows]
    return sum(days) - max(days, default=0)


def require(content: Content, actor: Actor) -> None:
    """Meetings are called and written down by whoever carries the project, while it is open."""
    if content.closed_at is not None:
        raise NotAvailable("项目已经办结或终止，不用再会审。")
    if not tables.works_on(content, actor):
        raise Forbidden("联合会审由项目经理或代办员来约和登记。")


def record(
    session: Session, actor: Actor, content: Content, meeting: ProjectMeeting, verb: str, keys: list[str]
) -> None:
    """What was done with a meeting stands in the history of its project."""
    journal.record(
        session,
        f"project_meeting:{verb}",
        actor,
        content=content,
        comment=meeting.subject,
        details={"meeting": meeting.number, "rows": keys},
    )


def read_text(given: Mapping[str, Any], name: str, limit: int, errors: dict[str, str], ask: str = "") -> str:
    """What was typed into one box; `ask` is the sentence where it must not be empty."""
    try:
        words: str = clean_text(str(given.get(name) or ""), limit)
    except ValueError as problem:
        errors[name] = str(problem)
        return ""
    if not words and ask:
        errors[name] = ask
    return words


def _day(value: Any, today: date, errors: dict[str, str]) -> date | None:
    try:
        return sub_tickets.read_day(value, today, "held_on", "开会日期")
    except InvalidInput as refusal:
        errors["held_on"] = refusal.errors["held_on"]
        return None


def read_attendees(given: Mapping[str, Any], errors: dict[str, str], *, required: bool) -> list[str]:
    """Who was there, one a line."""
    lines = [line.strip() for line in read_text(given, "attendees", 2000, errors).splitlines() if line.strip()]
    if "attendees" in errors:
        return []
    if len(lines) > MOST_ATTENDEES or any(len(line) > 60 for line in lines):
        errors["attendees"] = f"参加人一行一位，每行最多 60 个字，最多 {MOST_ATTENDEES} 位"
    elif required and not lines:
        errors["attendees"] = "请写明谁参加了会审，一行一位"
    return lines


def usual_day(session: Session) -> date:
    """The day a meeting is proposed for: three working days on."""
    today = clock.local_day(now())
    return clock.calendar(session).add_working_days_or_none(today, 3) or today + timedelta(days=3)
