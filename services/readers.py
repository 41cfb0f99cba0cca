"""谁看过、谁办过我的事: what the journal says about one resident's things, in words that this resident may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Exists, Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from models.content import Content
from models.ledger import JournalEntry
from process import access
from process.access import Actor
from process.definition import Title
from process.library import library
from process.masking import mask_name
from process.refusals import NotFound
from services import personal

PAGE = 30
MOST_THINGS = 100
VIEWED, HANDLED = "viewed", "handled"
# What else staff do with a thing besides its steps, as far as it is the resident's to know: no internal notes, nothing
# that colleagues ask one another.
DEEDS: Mapping[str, Title] = {
    "paper:print": Title("打印文书", "Printed a paper"),
    "document:add": Title("上传文件", "Added a file"),
    "content:edit": Title("修改内容", "Changed the contents"),
    "custody:difference": Title("登记材料清点有出入", "Noted a difference in the papers"),
    "delegation:sign_letter": Title("请您签代办委托书", "Had you sign the letter of authority"),
    "home_visit:sign_letter": Title("请您签代办委托书", "Had you sign the letter of authority"),
}
ALL_OF_IT = Title("全部个人信息", "All personal data")
BY_PROGRAM = Title("经程序接口查看整件", "The whole thing, through a program")


@dataclass(frozen=True)
class Thing:
    """One of the resident's own things; number and address only where they may open it."""

    type_id: str
    title: str
    uid: str | None
    number: str | None


@dataclass(frozen=True)
class Event:
    """Somebody looked at something or did something: who, from which office and post, when, what, and why."""

    id: int
    kind: str
    at: datetime
    who: str
    unit: str
    post: str
    # In whose place they stood, when they stood in for somebody.
    for_whom: str
    what: Title
    reason: str
    thing: Thing


@dataclass(frozen=True)
class Told:
    """One page of events, newest first; `further` is where the next page begins."""

    events: list[Event]
    further: int | None


def own_things(session: Session, actor: Actor) -> list[Content]:
    """What the resident may filter by: things of theirs that they may open, newest first."""
    _require_resident(actor)
    statement = access.visible(select(Content), actor).where(Content.applicant_id == actor.resident_id)
    return list(session.scalars(statement.order_by(Content.id.desc()).limit(MOST_THINGS)).unique())


def told(
    session: Session, actor: Actor, *, kind: str = "", thing: str = "", before: int | None = None, limit: int = PAGE
) -> Told:
    """Who viewed and who handled this resident's things."""
    _require_resident(actor)
    rows = session.execute(_rows(session, actor, kind, thing, before).limit(limit + 1)).all()
    more, rows = rows[limit:], rows[:limit]
    # That somebody looked is always told; number and way to the thing only where the resident may open it.
    ids = {content.id for _entry, content in rows}
    open_to = set(session.scalars(access.visible(select(Content.id).where(Content.id.in_(ids)), actor)))
    return Told(
        [_event(session, entry, content, content.id in open_to) for entry, content in rows],
        rows[-1][0].id if more else None,
    )


def _require_resident(actor: Actor) -> None:
    # Who stands in for somebody is told nothing of that person's own affairs.
    if actor.resident_id is None or actor.acting_for is not None:
        raise NotFound()


def _rows(session: Session, actor: Actor, kind: str, thing: str, before: int | None) -> Select[JournalEntry, Content]:
    viewed = JournalEntry.action == personal.READING
    mine = access.visible(select(Content.id), actor).where(Content.applicant_id == actor.resident_id)
    handled = and_(
        # A thing that is not theirs to see (yet) is not told of by what was done with it either.
        JournalEntry.content_id.in_(mine),
        or_(JournalEntry.to_state.is_not(None), JournalEntry.action.in_(DEEDS)),
    )
    if not thing:
        handled = and_(handled, ~_followed(mine))
    statement = (
        select(JournalEntry, Content)
        .join(Content, Content.id == JournalEntry.content_id)
        .where(
            Content.applicant_id == actor.resident_id,
            JournalEntry.person_id != actor.person_id,
            {VIEWED: viewed, HANDLED: handled}.get(kind, or_(viewed, handled)),
        )
        .options(
            joinedload(JournalEntry.person),
            joinedload(JournalEntry.unit),
            joinedload(JournalEntry.substitute_for),
        )
        .order_by(JournalEntry.id.desc())
    )
    if thing:
        statement = statement.where(Content.uid == thing, Content.id.in_(mine))
    return statement if before is None else statement.where(JournalEntry.id < before)


def _followed(mine: Select[int]) -> Exists:
    """A step that another step brought about at the same moment: one delivery is told once, not for ticket, case and card."""
    cause = aliased(JournalEntry)
    return exists().where(
        cause.content_id.in_(mine),
        cause.at == JournalEntry.at,
        cause.person_id == JournalEntry.person_id,
        cause.action == JournalEntry.details["because"].as_string(),
        cause.id != JournalEntry.id,
    )


def _event(session: Session, entry: JournalEntry, content: Content, open_to: bool) -> Event:
    person, viewed = entry.person, entry.action == personal.READING
    # Whoever runs errands is known to residents by the given name.
    name = person.name if person is not None else ""
    if content.type == "errand" and person is not None and person.id == content.assignee_id:
        name = given_name(name)
    return Event(
        entry.id,
        VIEWED if viewed else HANDLED,
        entry.at,
        name,
        entry.unit.name if entry.unit is not None else "",
        person.title if person is not None else "",
        entry.substitute_for.name if entry.substitute_for is not None else "",
        _field(entry, content) if viewed else _deed(session, entry, content),
        # Reasons for looking were asked for in order to be read here; what was written at a step stands on the thing.
        (entry.comment or "") if viewed else "",
        Thing(
            content.type,
            content.title if open_to else "",
            content.uid if open_to else None,
            content.number if open_to else None,
        ),
    )


def _field(entry: JournalEntry, content: Content) -> Title:
    details = entry.details or {}
    named = personal.title_of(content, str(details["field"])) if details.get("field") else None
    return named or (BY_PROGRAM if details.get("by") == "api" else ALL_OF_IT)


def _deed(session: Session, entry: JournalEntry, content: Content) -> Title:
    if entry.action in DEEDS:
        return DEEDS[entry.action]
    step = entry.action.partition(":")[2]
    definition = library.of(content, session)
    if entry.action.startswith(f"{content.type}:") and step in definition.transitions:
        return definition.transitions[step].title
    state = definition.states.get(entry.to_state or "")
    if step == "create" or state is None:
        return Title("登记", "Registered")
    return Title(f"转为“{state.title.zh}”", f"Moved to “{state.title.en}”")


def given_name(name: str) -> str:
    """志远 of 方志远; a name of several parts stays as it is."""
    surname = mask_name(name).removesuffix("*")
    return name if any(mark in name for mark in "·•") else name.removeprefix(surname) or name
