"""Side by side, where it gets narrow: two at once, things moved beneath a timer, closed offices, shares that do not come out even."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from models.base import at_time, now
from models.content import Content, ContentPlace
from models.ledger import OutboxItem
from models.task import Task
from process import access, guards, journal, office, releases, tasks, timers
from process import engine as door
from process.library import library
from process.numbers import CHINA
from process.parsing import parse
from process.refusals import DefinitionError, InvalidInput, NotAvailable, Refusal, RequirementUnmet, Stale
from tests.kernel.conftest import World
from tests.kernel.test_parallel import (
    TITLE,
    actions,
    deciding,
    joint,
    made,
    plain,
)


def at_once(engine: Engine, *doings: Callable[[Session], Any]) -> list[BaseException | None]:
    """Does these in sessions of their own, started together; answers what each one came to."""
    start, ends = threading.Barrier(len(doings)), [None] * len(doings)

    def one(index: int, doing: Callable[[Session], Any]) -> None:
        try:
            with Session(engine, expire_on_commit=False) as session:
                start.wait(30)
                doing(session)
                session.commit()
        except BaseException as error:
            ends[index] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(doings)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ends


def test_a_vote_and_a_way_back_at_once_leave_one_story(world: World, engine: Engine, with_definitions: Any) -> None:
    with_definitions(joint())
    for _ in range(3):
        content, clerk, voters, opened = deciding(world)
        for task, voter in zip(opened[:2], voters[:2], strict=True):
            office.respond(task, voter, agreed=True)
        world.session.commit()
        ends = at_once(
            engine,
            lambda s, t=opened[2].id, v=voters[2]: office.respond(s.get_one(Task, t), v, agreed=True),
            lambda s, c=content.id, a=clerk: door.fire(
                s.get_one(Content, c), "send_back", a, inputs={"comment": "漏了"}
            ),
        )
        assert all(e is None or isinstance(e, Stale | NotAvailable) for e in ends), ends
        world.session.expire_all()
        assert content.state == ("collected" if ends[0] is None else "open")
        assert actions(world, content).count("collect") == (ends[0] is None)
        assert not [t for t in tasks.of(world.session, content) if t.state == "open"]


def test_of_two_who_pass_a_thing_on_one_is_told(world: World, engine: Engine, with_definitions: Any) -> None:
    with_definitions(plain())
    content, clerk = made(world, "plain")
    world.session.commit()

    def pass_on(session: Session) -> None:
        office.do(session.get_one(Content, content.id), "transfer", clerk, {"unit": "s", "comment": "请办"})

    ends = at_once(engine, pass_on, pass_on)
    assert sum(e is None for e in ends) >= 1 and all(e is None or isinstance(e, Refusal) for e in ends), ends
    world.session.expire_all()
    assert actions(world, content).count("transfer") == sum(e is None for e in ends)


def test_what_was_read_before_the_lock_is_not_believed(world: World, engine: Engine, with_definitions: Any) -> None:
    """A page has read all opinions; meanwhile somebody else gives one; the last one must still join."""
    with_definitions(joint())
    content, _, voters, opened = deciding(world)
    office.respond(opened[0], voters[0], agreed=True)
    world.session.commit()
    if engine.dialect.name == "sqlite":
        world.session.close()
        pytest.skip("on SQLite one transaction reads and writes alone, so nothing changes beneath it")
    known = list(tasks.of(world.session, content))
    with Session(engine, expire_on_commit=False) as other:
        office.respond(other.get_one(Task, opened[1].id), voters[1], agreed=True)
        other.commit()
    office.respond(opened[2], voters[2], agreed=True)
    assert content.state == "collected" and len(known) == 3


def test_a_sub_object_that_ends_after_the_parent_went_on_changes_nothing(
    world: World, engine: Engine, with_definitions: Any
) -> None:
    body = joint()
    body["id"] = "parent"
    body["states"]["deciding"]["branches"]["of"] = {"one": {"title": TITLE, "type": "plain"}}
    with_definitions(plain(), body)
    clerk = world.actor("clerk", ("window_clerk", world.here))
    for _ in range(2):
        content = Content(kind="content", title="一件", fields={})
        door.create(world.session, content, clerk, type_id="parent", place=world.here)
        door.fire(content, "send", clerk)
        sub = tasks.current(world.session, content)[0].sub_content_id
        world.session.commit()
        ends = at_once(
            engine,
            lambda s, i=sub: door.fire(s.get_one(Content, i), "finish", clerk),
            lambda s, i=content.id: door.fire(s.get_one(Content, i), "send_back", clerk, inputs={"comment": "漏了"}),
        )
        assert ends[0] is None and (ends[1] is None or isinstance(ends[1], Stale | NotAvailable)), ends
        world.session.expire_all()
        task = tasks.of(world.session, content)[0]
        if ends[1] is None:
            assert (content.state, task.state) == ("open", "cancelled")
        else:
            assert (content.state, task.state) == ("collected", "agreed")
        world.session.commit()


def test_an_object_that_ends_with_its_birth_has_spoken(world: World, with_definitions: Any) -> None:
    short = plain()
    short["id"] = "short"
    short["states"] = {"open": {**short["states"]["done"]}}
    short["transitions"] = {}
    body = joint()
    body["id"] = "parent"
    body["states"]["deciding"]["branches"]["of"] = {"one": {"title": TITLE, "type": "short"}}
    with_definitions(short, body)
    content, clerk = made(world, "parent")
    door.fire(content, "send", clerk)
    assert content.state == "collected"


def test_a_share_is_exact_and_signers_hold_the_join(world: World, with_definitions: Any) -> None:
    body = joint({"ratio": 0.55})
    body["states"]["deciding"]["branches"]["of"] = {f"b{n}": {"title": TITLE, "roles": ["approver"]} for n in range(20)}
    with_definitions(body)
    content, clerk = made(world)
    door.fire(content, "send", clerk)
    voter, signer = world.actor("v", ("approver", world.street)), world.actor("signer")
    tasks.ask(world.session, content, "signer", world.people["signer"], clerk, "", now())
    for task in [t for t in tasks.current(world.session, content) if t.kind == "branch"][:11]:
        assert content.state == "deciding"
        office.respond(task, voter, agreed=True)
    assert content.state == "deciding", "eleven of twenty are enough, but the signer has not spoken"
    office.respond(tasks.holding(world.session, content)[0], signer, agreed=True)
    assert content.state == "collected"
    assert access.may(signer, "view", content), "who has spoken sees what came of it"


def test_a_closed_office_is_told_before_the_state_is_entered(world: World, with_definitions: Any) -> None:
    body = joint()
    body["states"]["deciding"]["branches"]["of"]["a"]["unit"] = "office"
    with_definitions(body)
    content, clerk = made(world)
    content.fields = {"office": "b"}
    world.there.valid_to = now().date() - timedelta(days=2)
    world.session.flush()
    with pytest.raises(InvalidInput, match="停止办公"), world.session.begin_nested():
        door.fire(content, "send", clerk)
    content, clerk = made(world)
    door.fire(content, "send", clerk)
    assert {t.place_id for t in tasks.current(world.session, content)} == {"a"}, "an empty field: the own place"


def test_every_addressee_once_and_nobody_at_all(world: World, with_definitions: Any) -> None:
    body = joint()
    branches = body["states"]["deciding"]["branches"]
    branches.pop("of")
    branches["every"] = {"title": TITLE, "roles": ["approver"]}
    with_definitions(body)
    content, clerk = made(world)
    for uid in ("x", "y"):
        content.places.append(
            ContentPlace(
                relation="addressee", place_id="b", place_path="/d/s/b/", cause="t", cause_uid=uid, since=now()
            )
        )
    door.fire(content, "send", clerk)
    assert [t.key for t in tasks.current(world.session, content)] == ["b"]
    alone, clerk = made(world)
    door.fire(alone, "send", clerk)
    assert alone.state == "collected"


def test_a_timer_of_a_thing_moved_to_a_version_where_a_person_acts(world: World, with_definitions: Any) -> None:
    with_definitions(plain())
    with at_time(now() - timedelta(hours=3)):
        content, _ = made(world, "plain")
    world.session.commit()
    args = dict(world.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).one().args)
    for change in ({"trigger": "user", "guard": {"roles": ["head"]}}, None):
        body = plain()
        if change is None:
            body["transitions"].pop("grow_late")
            body["states"].pop("late")
            for step in body["transitions"].values():
                step["from"] = [s if s != "late" else "open" for s in step["from"]]
        else:
            body["transitions"]["grow_late"] = {
                k: v for k, v in {**body["transitions"]["grow_late"], **change}.items() if k != "after"
            }
        new = parse(body, "plain.yaml")
        releases.store(world.session, new)
        content.workflow_version = new.digest
        world.session.flush()
        assert timers.ring(world.session, args) is None and content.state == "open"
    # Told in another zone it is the same stay; asked very often it stays with a day.
    content.workflow_version = library.workflows["plain"].digest
    args["entered"] = content.entered_at.astimezone(CHINA).isoformat()
    assert timers.ring(world.session, args) == "grow_late"


def test_a_step_without_a_way_is_taken_once_and_waiting_never_overflows(
    world: World, with_definitions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = plain()
    body["transitions"]["remind"] = {"title": TITLE, "from": ["open"], "trigger": "timer", "after": {"hours": 1}}
    with_definitions(body)
    with at_time(now() - timedelta(minutes=90)):
        content, _ = made(world, "plain")
    world.session.commit()
    rung = world.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).all()
    args = next(dict(r.args) for r in rung if r.args["transition"] == "remind")
    monkeypatch.setattr(guards, "passes_unattended", lambda *_: False)
    assert timers.ring(world.session, {**args, "tries": 400}) is None
    monkeypatch.undo()
    timers.arm(world.session, library.workflows["plain"], content, content.entered_at)
    assert [timers.ring(world.session, args) for _ in range(3)] == ["remind", None, None]


def test_an_automatic_step_waits_for_a_signer(world: World, with_definitions: Any) -> None:
    body = plain()
    body["transitions"]["settle"]["from"] = ["open"]
    body["transitions"]["settle"]["to"] = "checked"
    body["transitions"]["open_again"]["to"] = "checked"
    body["transitions"]["close"] = {
        "title": TITLE, "from": ["checked"], "to": "done", "guard": {"roles": ["window_clerk"]},
    }  # fmt: skip
    with_definitions(body)
    content, clerk = made(world, "plain")
    signer = world.actor("signer")
    office.do(content, "add_signer", clerk, {"person": "signer"})
    rows = world.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).all()
    args = next(dict(r.args) for r in rows if r.args["transition"] == "settle")
    assert timers.ring(world.session, args) is None
    office.respond(tasks.holding(world.session, content)[0], signer, agreed=True)
    assert timers.ring(world.session, args) == "settle"


def test_a_migration_is_nobodys_step(world: World, with_definitions: Any) -> None:
    body = joint()
    body["transitions"]["move"] = {"title": TITLE, "from": ["open"], "guard": {"roles": ["owner"]}}
    with_definitions(body)
    content, clerk, _, _ = deciding(world)
    admin = world.actor("admin")
    journal.record(
        world.session, "process:move", admin, content=content, from_state="open", to_state="deciding", comment="x"
    )
    guards.prefetch(world.session, [content])
    assert guards.did(world.session, content, ("move",)) == set()
    world.session.info.pop("did")
    door.fire(content, "send_back", clerk, inputs={"comment": "漏了"})
    assert content.assignee_id == clerk.person_id, "not with the administrator who moved it"


def test_nobody_who_has_left_is_given_a_thing_back(world: World, with_definitions: Any) -> None:
    with_definitions(joint())
    content, clerk, _, _ = deciding(world)
    world.people["clerk"].active = False
    world.session.flush()
    door.fire(content, "send_back", clerk, inputs={"comment": "漏了"})
    assert content.assignee_id is None


def test_a_colleague_asked_gives_back_only_what_is_still_there(world: World, with_definitions: Any) -> None:
    body = plain()
    body["transitions"]["return"] = {
        "title": TITLE, "from": ["open"], "to": "late", "guard": {"roles": ["window_clerk"]}, "dangerous": True,
    }  # fmt: skip
    with_definitions(body)
    expert = world.actor("expert")
    content, clerk = made(world, "plain")
    office.do(content, "consult", clerk, {"person": "expert", "comment": "请看"})
    door.fire(content, "return", clerk)
    assert content.assignee_id == clerk.person_id and content.holds == 0
    again, clerk = made(world, "plain")
    office.do(again, "consult", clerk, {"person": "expert", "comment": "请看"})
    task = tasks.holding(world.session, again)[0]
    again.assignee_id = world.actor("third").person_id
    office.respond(task, expert, agreed=True, comment="好")
    assert again.assignee_id == world.people["third"].id


def test_whoever_left_the_office_does_not_hold_a_thing_for_ever(world: World, with_definitions: Any) -> None:
    with_definitions(plain())
    content, clerk = made(world, "plain")
    world.actor("signer")
    office.do(content, "add_signer", clerk, {"person": "signer"})
    world.people["signer"].active = False
    world.session.flush()
    with pytest.raises(RequirementUnmet, match="减签"):
        door.fire(content, "finish", clerk)
    task = tasks.holding(world.session, content)[0]
    office.do(content, "remove_signer", clerk, {"task": task.uid, "comment": "已离岗"})
    door.fire(content, "finish", clerk)
    assert content.state == "done"


def test_an_any_join_that_all_refuse_must_lead_on() -> None:
    body = joint("any")
    body["states"]["deciding"]["branches"].pop("refused")
    body["transitions"].pop("break_off")
    body["states"].pop("broken")
    body["transitions"].pop("send_back")
    body["transitions"]["withdraw"]["from"] = ["open"]
    with pytest.raises(DefinitionError, match="after a refusal nothing would lead on"):
        parse(body, "joint.yaml")
