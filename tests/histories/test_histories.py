"""Any sequence of steps, verbs and opinions on any thing of any process leaves a history that holds together.

`HISTORIES=1000 bin/test tests/histories` runs the full count; by default a slice of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import create_app
from extensions import db
from models.agency import Agency
from models.base import at_time, now
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.person import Person
from process import engine, journal, library, office, tasks, timers
from process.access import Actor, Held
from process.clock import calendar, forget_calendar, local_day
from process.definition import Input
from process.refusals import Refusal
from tests.access.world import tell_the_demo
from tests.conftest import settings as app_settings

HISTORIES = int(os.environ.get("HISTORIES", "60"))
STEPS = 14
DOT = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def office_with_stories(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Flask]:
    """The demo office with its weeks of stories, so that every kind of thing is there to go on with."""
    folder = tell_the_demo(tmp_path_factory.mktemp("histories"), installed)
    forget_calendar()
    app = create_app(app_settings(folder))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def everybody(session: Session, place_path: str, roles: frozenset[str]) -> list[Actor]:
    """Two people who hold every post at the place of the thing, one who holds none, and a resident."""
    found = []
    for username in ("window.clerk", "approver"):
        person = session.scalars(select(Person).where(Person.username == username)).one()
        held = tuple(Held(role, place_path) for role in sorted(roles))
        unit = person.unit
        assert unit is not None
        found.append(
            Actor(person.id, person.name, username, unit.id, unit.path, unit.name, None, held, 0, frozenset(roles))
        )
    idle = session.scalars(select(Person).where(Person.username == "statistician")).one()
    found.append(Actor(idle.id, idle.name, idle.username, idle.unit_id))
    return found


def something(session: Session, spec: Input, draw: Any) -> Any:
    """A value that a person could give for this input."""
    match spec.kind:
        case "choice":
            return draw(st.sampled_from([oid for oid, _ in spec.options]))
        case "checks":
            return [oid for oid, _ in spec.options][:1]
        case "bool":
            return True
        case "number":
            return 1
        case "date":
            return (now() + timedelta(days=3)).date().isoformat()
        case "datetime":
            return (now() + timedelta(days=3)).isoformat()
        case "person":
            return draw(st.sampled_from(["approver", "reviewer", "nobody.there"]))
        case "agency":
            return session.scalar(select(Agency.id).where(Agency.kind == "community").limit(1))
        case "agencies":
            return list(session.scalars(select(Agency.id).where(Agency.kind == "community").limit(2)))
        case "signature":
            return DOT
        case "lines" | "photos":
            return []
    return "说明"


def begun(session: Session, draw: Any) -> Content:
    """A thing to go on with: a new one of a type without Python, or one of the demo's of any type."""
    shelf = library.library
    there = set(session.scalars(select(Content.type).distinct()))
    type_id = draw(st.sampled_from(sorted(k for k, t in shelf.types.items() if t.kind == "content" or k in there)))
    kind = shelf.types[type_id]
    if kind.kind == "content":
        place = session.get_one(Agency, "dx-c01")
        made = Content(kind="content", title="一件", fields={})
        actor = everybody(session, place.path, frozenset(kind.create))[0]
        return engine.create(session, made, actor, type_id=type_id, place=place, allowed=True)
    found = session.scalars(select(Content).where(Content.type == type_id).order_by(Content.id)).all()
    return draw(st.sampled_from(found))


class Seen:
    """What must not change by a refusal, and what must follow from a step."""

    def __init__(self, session: Session, content: Content) -> None:
        count = select(func.count()).select_from(JournalEntry).where(JournalEntry.content_id == content.id)
        self.rows = session.scalar(count) or 0
        self.state, self.version, self.closed = content.state, content.version, content.closed_at
        self.pinned, self.holder, self.date = content.workflow_version, content.assignee_id, content.deadline

    def key(self) -> tuple[Any, ...]:
        return self.rows, self.state, self.version, self.closed, self.pinned, self.holder, self.date


def check(session: Session, content: Content) -> None:
    """What holds of every thing at every moment."""
    definition = library.library.of(content, session)
    state = definition.states[content.state]
    assert (content.closed_at is not None) == state.terminal
    assert content.unit_id is not None or content.assignee_id is not None, "nobody has it"
    if state.due is not None and (state.due.working_days or state.due.hours) and not state.terminal:
        # A date beyond the last calendar is left open, and every page says so.
        days = state.due.working_days
        known = calendar(session).add_working_days_or_none(local_day(content.entered_at), days) if days else True
        assert (content.deadline is not None) == bool(known), "the deadline is lost"
    held = len(tasks.holding(session, content))
    assert content.holds == held, "what holds it back is miscounted"
    if state.branches is None:
        assert not [t for t in tasks.current(session, content) if t.kind == "branch" and t.state == "open"]


def fired(session: Session, content: Content, actor: Actor, step_id: str, draw: Any) -> None:
    definition = library.library.of(content, session)
    step = definition.transitions[step_id]
    before = Seen(session, content)
    could = step_id in {t.id for t in engine.available(content, actor)}
    inputs = {spec.name: something(session, spec, draw) for spec in step.inputs}
    try:
        with session.begin_nested():
            engine.fire(content, step_id, actor, inputs=inputs)
    except Refusal:
        session.refresh(content)
        assert Seen(session, content).key() == before.key(), f"a refused {step_id} has left something behind"
        return
    assert could, f"{content.type}:{step_id} was not offered and went all the same"
    # Automatic joins and effects may have gone on from there; the first row is this step's.
    rows = session.scalars(
        select(JournalEntry).where(JournalEntry.content_id == content.id).order_by(JournalEntry.id)
    ).all()[before.rows :]
    own = [r for r in rows if r.action == f"{content.type}:{step_id}"]
    assert len(own) == 1, "one row for one step"
    assert own[0].from_state == before.state and before.state in step.sources
    assert own[0].to_state == (step.to or before.state) and own[0].person_id == actor.person_id
    assert content.version > before.version
    moves = [r for r in rows if r.to_state is not None and r.from_state is not None]
    for earlier, later in pairwise(moves):
        assert earlier.to_state == later.from_state, "the history has a gap"
    assert moves[-1].to_state == content.state


def act(session: Session, content: Content, draw: Any) -> None:
    """One thing somebody does, allowed or not."""
    definition = library.library.of(content, session)
    roles = frozenset(r for kind in library.library.types.values() for r in kind.create) | frozenset(
        token.partition("@")[0] for t in definition.transitions.values() for token in t.guard.roles if ":" not in token
    )
    special = {"owner", "assignee", "applicant", "anyone", "grid_leader_of_applicant"}
    actors = everybody(session, content.place_path, roles - special)
    actor = draw(st.sampled_from(actors))
    what = draw(st.sampled_from(["offered", "offered", "offered", "any", "verb", "opinion", "timer"]))
    if what == "offered":
        offered = [t.id for t in engine.available(content, actor)]
        if offered:
            fired(session, content, actor, draw(st.sampled_from(offered)), draw)
    elif what == "any":
        fired(session, content, actor, draw(st.sampled_from(sorted(definition.transitions))), draw)
    elif what == "verb":
        verb = draw(st.sampled_from(sorted(office.VERBS)))
        holding = tasks.holding(session, content)
        inputs = {spec.name: something(session, spec, draw) for spec in office.VERBS[verb].inputs}
        inputs |= {"task": holding[0].uid} if holding else {}
        inputs.pop("unit", None)
        before = Seen(session, content)
        try:
            with session.begin_nested():
                office.do(content, verb, actor, inputs)
        except Refusal:
            session.refresh(content)
            assert Seen(session, content).key() == before.key()
        else:
            # To urge changes nothing of the thing: a form that is open stays valid.
            assert content.state == before.state and content.version >= before.version + (verb != "urge")
    elif what == "opinion":
        waiting = [t for t in tasks.current(session, content) if t.state == "open"]
        if waiting:
            try:
                with session.begin_nested():
                    office.respond(draw(st.sampled_from(waiting)), actor, agreed=draw(st.booleans()), comment="意见")
            except Refusal:
                session.refresh(content)
    else:
        item = session.scalars(
            select(OutboxItem).where(OutboxItem.job == timers.JOB).order_by(OutboxItem.id.desc()).limit(20)
        ).all()
        mine = [i for i in item if i.args["content_id"] == content.id]
        if mine:
            later = draw(st.sampled_from([0, 1, 30]))
            with at_time(now() + timedelta(days=later)):
                timers.ring(session, mine[0].args)


@settings(
    max_examples=HISTORIES,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_history_holds_together(office_with_stories: Flask, data: st.DataObject) -> None:
    session = db.session()
    try:
        content = begun(session, data.draw)
        check(session, content)
        for _ in range(STEPS):
            act(session, content, data.draw)
            check(session, content)
        assert journal.verify(session)[1] is None
    finally:
        session.rollback()
        session.expunge_all()
