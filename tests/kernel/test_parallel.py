"""Side by side: branches and joins, objects waited for, signers, colleagues asked; each refusal, and each undoing."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.base import at_time, now
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.task import Task
from process import access, office, outbox, tasks, timers
from process import engine as door
from process.access import Actor
from process.library import library, vocabulary
from process.refusals import (
    DefinitionError,
    Forbidden,
    InvalidInput,
    NotAvailable,
    NotFound,
    Refusal,
    RequirementUnmet,
    TooMany,
)
from tests.kernel.conftest import World

TITLE = {"zh": "名", "en": "Name"}
SEEN = {"view": ["owner", "window_clerk", "approver", "issuer_of_nothing"][:3]}
REASON = {"comment": {"kind": "longtext", "required": True, "title": TITLE}}


def state(**more: Any) -> dict[str, Any]:
    return {"title": TITLE, "permissions": SEEN, **more}


def joint(join: Any = "all", **branches: Any) -> dict[str, Any]:
    """A process whose middle state waits for three opinions."""
    of = {name: {"title": TITLE, "roles": ["approver"]} for name in ("a", "b", "c")}
    return {
        "id": "joint",
        "title": TITLE,
        "initial": "open",
        "permissions": ["view"],
        "states": {
            "open": state(),
            "deciding": state(branches={"join": join, "done": "collect", "refused": "break_off", "of": of, **branches}),
            "collected": state(terminal=True),
            "broken": state(terminal=True),
            "withdrawn": state(terminal=True),
        },
        "transitions": {
            "send": {"title": TITLE, "from": ["open"], "to": "deciding", "guard": {"roles": ["owner"]}},
            "collect": {"title": TITLE, "from": ["deciding"], "to": "collected", "trigger": "automatic"},
            "break_off": {"title": TITLE, "from": ["deciding"], "to": "broken", "trigger": "automatic"},
            "send_back": {
                "title": TITLE,
                "from": ["deciding"],
                "to": "open",
                "guard": {"roles": ["owner"]},
                "back": True,
                "inputs": REASON,
            },
            "withdraw": {
                "title": TITLE,
                "from": ["open", "deciding"],
                "to": "withdrawn",
                "guard": {"roles": ["owner"]},
                "dangerous": True,
            },
        },
    }


def plain() -> dict[str, Any]:
    """A process with a timer, an automatic step and a step for the clerk who has it."""
    return {
        "id": "plain",
        "title": TITLE,
        "initial": "open",
        "permissions": ["view"],
        "states": {
            "open": state(due={"working_days": 3}),
            "late": state(),
            "checked": state(),
            "done": state(terminal=True),
            "refused": state(terminal=True),
        },
        "transitions": {
            "finish": {
                "title": TITLE,
                "from": ["open", "late"],
                "to": "done",
                "guard": {"roles": ["window_clerk", "did:open_again"]},
            },
            "refuse": {
                "title": TITLE,
                "from": ["open", "late"],
                "to": "refused",
                "guard": {"roles": ["window_clerk"]},
                "dangerous": True,
                "inputs": REASON,
            },
            "grow_late": {"title": TITLE, "from": ["open"], "to": "late", "trigger": "timer", "after": {"hours": 2}},
            "open_again": {"title": TITLE, "from": ["late"], "to": "checked", "guard": {"roles": ["head"]}},
            "settle": {"title": TITLE, "from": ["checked"], "to": "open", "trigger": "automatic"},
        },
    }


def made(world: World, type_id: str = "joint") -> tuple[Content, Actor]:
    clerk = world.actor("clerk", ("window_clerk", world.here))
    content = Content(kind="content", title="一件", fields={})
    door.create(world.session, content, clerk, type_id=type_id, place=world.here)
    return content, clerk


def deciding(world: World) -> tuple[Content, Actor, list[Actor], list[Task]]:
    content, clerk = made(world)
    door.fire(content, "send", clerk)
    voters = [world.actor(name, ("approver", world.street)) for name in ("v1", "v2", "v3")]
    return content, clerk, voters, tasks.current(world.session, content)


def actions(world: World, content: Content) -> list[str]:
    rows = select(JournalEntry.action).where(
        JournalEntry.content_id == content.id, JournalEntry.action.not_like("notice:%")
    )
    rows = rows.order_by(JournalEntry.id)
    found = world.session.scalars(rows)
    # What colleagues are told besides depends on which services listen.
    return [action.partition(":")[2] for action in found if action != "notice:send"]


def test_all_must_agree_and_the_last_one_moves_it_on(world: World, with_definitions: Any) -> None:
    with_definitions(joint())
    content, clerk, voters, opened = deciding(world)
    assert [t.key for t in opened] == ["a", "b", "c"]
    assert {t.id for t in door.available(content, clerk)} == {"send_back", "withdraw"}
    for voter, task in zip(voters[:2], opened[:2], strict=True):
        office.respond(task, voter, agreed=True)
        assert content.state == "deciding"
    office.respond(opened[2], voters[2], agreed=True, comment="同意")
    assert content.state == "collected" and content.closed_at is not None
    assert actions(world, content) == ["create", "send", "agreed", "agreed", "agreed", "collect"]
    last = world.session.scalars(select(JournalEntry).order_by(JournalEntry.id.desc()).limit(1)).one()
    assert last.person_id is None and last.details["trigger"] == "join"


def test_a_refused_branch_does_not_stop_the_others(world: World, with_definitions: Any) -> None:
    with_definitions(joint())
    content, _, voters, opened = deciding(world)
    with pytest.raises(InvalidInput, match="理由"):
        office.respond(opened[0], voters[0], agreed=False)
    office.respond(opened[0], voters[0], agreed=False, comment="材料不符")
    assert content.state == "deciding"
    office.respond(opened[1], voters[1], agreed=True)
    assert content.state == "deciding"
    office.respond(opened[2], voters[2], agreed=True)
    assert content.state == "broken"


@pytest.mark.parametrize(
    ("join", "words", "ends"),
    [
        ("any", [False, True], "collected"),
        ("any", [False, False, False], "broken"),
        ({"ratio": 0.6}, [True, False, True], "collected"),
        ({"ratio": 0.6}, [True, True], "collected"),
        ({"ratio": 0.6}, [True, False, False], "broken"),
    ],
)
def test_joins_by_any_and_by_share(
    world: World, with_definitions: Any, join: Any, words: list[bool], ends: str
) -> None:
    with_definitions(joint(join))
    content, _, voters, opened = deciding(world)
    for voter, task, agreed in zip(voters, opened, words, strict=False):
        assert content.state == "deciding"
        office.respond(task, voter, agreed=agreed, comment="说明")
    assert content.state == ends
    assert all(t.state != "open" for t in tasks.of(world.session, content))


def test_the_way_back_ends_the_round_and_the_next_one_starts_afresh(world: World, with_definitions: Any) -> None:
    with_definitions(joint())
    content, clerk, voters, opened = deciding(world)
    office.respond(opened[0], voters[0], agreed=True)
    with pytest.raises(InvalidInput):
        door.fire(content, "send_back", clerk)
    office.do(content, "transfer", clerk, {"unit": "s", "comment": "请街道催一催"})
    door.fire(content, "send_back", clerk, inputs={"comment": "漏了一份材料"})
    assert (content.assignee_id, content.unit_id) == (clerk.person_id, "a"), "back with whoever had sent it on"
    assert [t.state for t in tasks.of(world.session, content)] == ["agreed", "cancelled", "cancelled"]
    door.fire(content, "send", clerk)
    again = tasks.current(world.session, content)
    assert [(t.round, t.state) for t in again] == [(2, "open")] * 3
    with pytest.raises(NotAvailable):
        office.respond(opened[1], voters[1], agreed=True)
    for voter, task in zip(voters, again, strict=True):
        office.respond(task, voter, agreed=True)
    assert content.state == "collected"


def test_who_may_not_speak_is_told_so(world: World, with_definitions: Any) -> None:
    with_definitions(joint(different_people=True))
    _content, clerk, voters, opened = deciding(world)
    elsewhere = world.actor("elsewhere", ("approver", world.there))
    for wrong in (clerk, elsewhere):
        with pytest.raises(Forbidden, match="不由您"):
            office.respond(opened[0], wrong, agreed=True)
    office.respond(opened[0], voters[0], agreed=True)
    with pytest.raises(Forbidden, match="不同的人"):
        office.respond(opened[1], voters[0], agreed=True)
    with pytest.raises(NotAvailable, match="已经有了"):
        office.respond(opened[0], voters[1], agreed=True)
    waiting = select(func.count()).select_from(Task)
    assert world.session.scalar(waiting.where(tasks.open_for(voters[1]))) == 2
    assert world.session.scalar(waiting.where(tasks.open_for(elsewhere))) == 0


def test_an_opinion_is_taken_back_while_the_round_is_open(world: World, with_definitions: Any) -> None:
    with_definitions(joint())
    content, _, voters, opened = deciding(world)
    office.respond(opened[0], voters[0], agreed=True)
    office.respond(opened[1], voters[1], agreed=True)
    assert "take_back" in {v.id for v in office.available(content, voters[0])}
    office.do(content, "take_back", voters[0])
    assert [t.state for t in tasks.current(world.session, content)] == ["open", "agreed", "open"]
    office.respond(opened[0], voters[0], agreed=True)
    office.respond(opened[2], voters[2], agreed=True)
    assert content.state == "collected"
    with pytest.raises(NotAvailable):
        office.do(content, "take_back", voters[2])


def test_two_last_opinions_at_once_join_once(world: World, engine: Engine, with_definitions: Any) -> None:
    with_definitions(joint())
    for _ in range(5):
        content, _, voters, opened = deciding(world)
        office.respond(opened[0], voters[0], agreed=True)
        world.session.commit()
        start = threading.Barrier(2)
        errors: list[BaseException] = []

        def speak(task_id: int, voter: Actor, start=start, errors=errors) -> None:
            try:
                with Session(engine, expire_on_commit=False) as session:
                    task = session.get_one(Task, task_id)
                    session.rollback()
                    start.wait()
                    office.respond(task, voter, agreed=True)
                    session.commit()
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=speak, args=(t.id, v)) for t, v in zip(opened[1:], voters[1:], strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert errors == []
        world.session.expire_all()
        assert content.state == "collected"
        assert actions(world, content).count("collect") == 1
        world.session.commit()


def test_the_parent_waits_for_objects_of_their_own(world: World, with_definitions: Any) -> None:
    body = joint()
    body["id"] = "parent"
    body["states"]["deciding"]["branches"]["of"] = {
        "one": {"title": TITLE, "type": "plain", "refused_in": ["refused"]},
        "two": {"title": TITLE, "type": "plain", "refused_in": ["refused"]},
    }
    with_definitions(plain(), body)
    clerk = world.actor("clerk", ("window_clerk", world.here))
    for last, ends in (("finish", "collected"), ("refuse", "broken")):
        content = Content(kind="content", title="一件", fields={})
        door.create(world.session, content, clerk, type_id="parent", place=world.here)
        door.fire(content, "send", clerk)
        opened = tasks.current(world.session, content)
        subs = [t.sub_content for t in opened]
        assert all(s is not None and s.type == "plain" and s.fields["parent"] == content.uid for s in subs)
        with pytest.raises(Forbidden):
            office.respond(opened[0], clerk, agreed=True)
        door.fire(subs[0], "finish", clerk)
        assert content.state == "deciding"
        door.fire(subs[1], last, clerk, inputs={"comment": "不符合"})
        assert content.state == ends


def test_a_signer_holds_the_step_until_heard_or_taken_off(world: World, with_definitions: Any) -> None:
    with_definitions(plain())
    content, clerk = made(world, "plain")
    signer = world.actor("signer")
    world.session.flush()
    assert not access.may(signer, "view", content)
    office.do(content, "add_signer", clerk, {"person": "signer", "comment": "请把关"})
    assert access.may(signer, "view", content) and content.holds == 1
    assert [t.id for t in door.available(content, clerk)] == ["refuse"]
    with pytest.raises(RequirementUnmet, match="signer"):
        door.fire(content, "finish", clerk)
    with pytest.raises(InvalidInput, match="已经请"):
        office.do(content, "add_signer", clerk, {"person": "signer"})
    task = tasks.holding(world.session, content)[0]
    office.respond(task, signer, agreed=False, comment="缺一份证明")
    with pytest.raises(RequirementUnmet):
        door.fire(content, "finish", clerk)
    office.do(content, "remove_signer", clerk, {"task": task.uid, "comment": "证明已当场看过"})
    assert content.holds == 0 and not access.may(signer, "view", content)
    door.fire(content, "finish", clerk)
    assert actions(world, content) == ["create", "add_signer", "refused", "remove_signer", "finish"]


def test_asking_gives_the_thing_away_and_the_answer_gives_it_back(world: World, with_definitions: Any) -> None:
    with_definitions(plain())
    content, clerk = made(world, "plain")
    expert, other = world.actor("expert"), world.actor("other")
    office.do(content, "consult", clerk, {"person": "expert", "comment": "请看一下地界"})
    assert content.assignee_id == expert.person_id
    with pytest.raises(RequirementUnmet):
        door.fire(content, "finish", clerk)
    with pytest.raises(Forbidden):
        office.respond(tasks.holding(world.session, content)[0], other, agreed=True, comment="?")
    # Whoever was only asked for a word may not give the thing away.
    for verb in ("transfer", "hand_in"):
        with pytest.raises(NotAvailable, match="委派给您出意见"):
            office.do(content, verb, expert, {"person": "other", "comment": "给你"})
    assert content.assignee_id == expert.person_id
    task = tasks.holding(world.session, content)[0]
    with pytest.raises(InvalidInput):
        office.respond(task, expert, agreed=True)
    office.respond(task, expert, agreed=True, comment="地界无误")
    assert content.assignee_id == clerk.person_id and content.holds == 0
    # Asked once more, and recalled before the answer.
    office.do(content, "consult", clerk, {"person": "expert", "comment": "再看一眼"})
    office.do(content, "take_back", clerk)
    assert content.assignee_id == clerk.person_id and content.holds == 0
    door.fire(content, "finish", clerk)


def test_passing_on_asks_for_somebody_who_can_do_it_and_is_taken_back(world: World, with_definitions: Any) -> None:
    from models.person import Grant

    with_definitions(plain())
    content, clerk = made(world, "plain")
    world.actor("idle")
    mate = world.actor("mate")
    world.session.add(Grant(person_id=mate.person_id, role="window_clerk", place_id="a", place_path="/d/s/a/"))
    world.session.flush()
    for wrong, sentence in (
        ({"person": "idle", "comment": "请办"}, "岗位"),
        ({"person": "nobody", "comment": "请办"}, "没有登录名"),
        ({"comment": "请办"}, "选一个"),
        ({"person": "mate"}, "说明"),
        ({"unit": "b", "comment": "请办"}, "代办单"),
        ({"unit": "zz", "comment": "请办"}, "没有编号"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            office.do(content, "transfer", clerk, wrong)
    office.do(content, "transfer", clerk, {"person": "mate", "comment": "我今天外出"})
    assert content.assignee_id == mate.person_id
    office.do(content, "take_back", clerk)
    assert content.assignee_id is None
    office.do(content, "transfer", clerk, {"unit": "s", "comment": "请街道办"})
    assert (content.assignee_id, content.unit_id) == (None, "s")
    with pytest.raises(Refusal):
        office.do(content, "end_copy", clerk, {"person": "mate"})


def test_copies_show_and_urging_has_a_measure(world: World, with_definitions: Any) -> None:
    with_definitions(plain())
    content, clerk = made(world, "plain")
    leader, stranger = world.actor("leader"), world.actor("stranger")
    office.do(content, "copy", clerk, {"person": "leader"})
    assert access.may(leader, "view", content) and door.available(content, leader) == []
    office.do(content, "urge", leader, {"comment": "居民在等"})
    with pytest.raises(TooMany, match="可以再催"):
        office.do(content, "urge", leader)
    with pytest.raises(NotAvailable, match="就在您手上"):
        office.do(content, "urge", clerk)
    with pytest.raises(NotFound):
        office.do(content, "urge", stranger)
    office.do(content, "take_back", clerk)
    assert not access.may(leader, "view", content)
    seen = access.visible(select(Content.id), leader)
    assert world.session.scalars(seen).all() == []


def test_a_timer_and_an_automatic_step_are_taken_once_by_the_worker(world: World, with_definitions: Any) -> None:
    from models.person import Grant

    with_definitions(plain())
    with at_time(now() - timedelta(hours=3)):
        content, clerk = made(world, "plain")
    world.session.commit()
    rung = world.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).all()
    assert len(rung) == 1 and rung[0].available_at <= now() + timedelta(hours=2)
    args = dict(rung[0].args)
    assert timers.ring(world.session, args) == "grow_late"
    assert timers.ring(world.session, args) is None
    assert content.state == "late"
    head = world.actor("head", ("head", world.here))
    world.session.add(Grant(person_id=head.person_id, role="head", place_id="a", place_path="/d/s/a/"))
    world.session.flush()
    with pytest.raises(Forbidden):
        door.fire(content, "open_again", clerk)
    door.fire(content, "open_again", head)
    again = world.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).all()[-1]
    assert timers.ring(world.session, again.args) == "settle" and content.state == "open"
    # Whoever did that step may finish, without the clerk's role.
    assert "finish" in {t.id for t in door.available(content, head)}
    assert timers.ring(world.session, args) is None
    new_timer = world.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).all()[-1]
    assert timers.ring(world.session, new_timer.args) is None, "two hours have not passed"
    held = outbox.lease(world.session, rung[0].id)
    assert held is not None


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda b: b.update(join="most"), "states.deciding.branches.join"),
        (lambda b: b.update(join={"ratio": 0}), "states.deciding.branches.join.ratio"),
        (lambda b: b.update(done="send"), "states.deciding.branches.done"),
        (lambda b: b.update(done="nothing"), "states.deciding.branches.done"),
        (lambda b: b.update(of={}), "states.deciding.branches.of"),
        (lambda b: b.update(every={"title": TITLE, "roles": ["approver"]}), "states.deciding.branches"),
        (lambda b: b["of"]["a"].pop("roles"), "states.deciding.branches.of.a"),
        (lambda b: b["of"]["a"].update(roles=["nobody"]), "states.deciding.branches.of.a.roles"),
        (lambda b: b["of"]["a"].update(roles=["approver@origin"]), "states.deciding.branches.of.a.roles"),
        (lambda b: b["of"].update(a={"title": TITLE, "type": "errand"}), "states.deciding.branches.of.a.type"),
    ],
)
def test_a_wrong_branch_is_named(world: World, with_definitions: Any, change: Any, key: str) -> None:
    body = joint()
    change(body["states"]["deciding"]["branches"])
    before = dict(library.workflows)
    with pytest.raises(DefinitionError) as told:
        import services

        with_definitions()
        from process.parsing import parse

        parse(body, "joint.yaml", vocabulary(services.role_names()))
        with_definitions(body)
    assert (told.value.file, told.value.key) == ("joint.yaml", key)
    assert told.value.hint or told.value.reason
    assert set(library.workflows) == set(before)
