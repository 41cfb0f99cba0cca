"""What pages and API call to do something: one function, so that both go through the same door."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from models.person import Person
from process import access, capacities, engine, field_access, library, registry
from process.access import Actor
from process.refusals import InvalidInput, NotFound
from process.registry import Step
from services import generic

# How far back a card on somebody's screen may be behind what has happened since.
STEPS_BACK, A_MOMENT = 6, timedelta(minutes=10)


def perform(
    content: Content,
    transition: str,
    actor: Actor,
    inputs: Mapping[str, Any] | None = None,
    *,
    expected_version: int | None = None,
    on_behalf_of: Person | None = None,
) -> Step:
    """Takes a step. Who can take it only by an absent colleague's post takes it in that colleague's name, said or not."""
    session = object_session(content)
    known = library.library.of(content, session).transitions.get(transition) if session is not None else None
    if session is not None and known is not None:
        _respect_fields(session, content, actor, inputs or {})
        if on_behalf_of is None and content.state in known.sources:
            on_behalf_of = capacities.default(capacities.of(session, content, known.guard, actor))
    return engine.fire(
        content, transition, actor, inputs=inputs, expected_version=expected_version, on_behalf_of=on_behalf_of
    )


def _respect_fields(session: Session, content: Content, actor: Actor, inputs: Mapping[str, Any]) -> None:
    """An input that bears the name of a field writes it, so the field's own rules hold here as well."""
    errors = field_access.refusals(session, content, actor, inputs)
    if errors:
        raise InvalidInput(f"{'；'.join(errors.values())}。请去掉这些内容再办。", errors)


def just_taken(session: Session, actor: Actor, uid: str, transition: str) -> Content | None:
    """What left this actor's sight by a colleague's step, if they could have taken `transition` a moment before.

    Of two couriers who claim at once the second hears who was faster, not that nothing was ever there; also when it has
    gone a step further since."""
    content = session.scalar(select(Content).where(Content.uid == uid))
    if content is None:
        return None
    definition = library.library.of(content, session)
    step = definition.transitions.get(transition)
    if step is None or content.state in step.sources:
        return None
    rows = session.execute(
        select(JournalEntry.from_state, JournalEntry.at)
        .where(JournalEntry.content_id == content.id, JournalEntry.to_state.is_not(None))
        .order_by(JournalEntry.id.desc())
        .limit(STEPS_BACK)
    ).all()
    last = next(
        (
            row.from_state
            for place, row in enumerate(rows)
            if row.from_state in step.sources and (place == 0 or row.at > now() - A_MOMENT)
        ),
        None,
    )
    if last is None:
        return None
    held = access.tokens(content, actor)
    if held.isdisjoint(step.guard.roles) or held.isdisjoint(access.allowed_tokens(definition, last, access.VIEW)):
        return None
    return content


def create(session: Session, actor: Actor, type_id: str, data: Mapping[str, Any]) -> Content:
    """A new thing of a type from form or API fields."""
    content_type = library.library.type(type_id)
    maker = registry.creators.get(type_id)
    if maker is None and content_type.generic and content_type.create:
        return generic.create(session, actor, content_type, data)
    if maker is None:
        raise InvalidInput(f"“{content_type.title.zh}”不能直接新建，它由办理过程产生。", {"type": "不能直接新建"})
    return maker(session, actor, data)


def substitute(session: Session, username: str | None) -> Person | None:
    """The colleague named in `on_behalf_of`."""
    if not username:
        return None
    person = session.scalar(select(Person).where(Person.username == username))
    if person is None:
        raise NotFound("没有找到要代班的人，请核对用户名。")
    return person
