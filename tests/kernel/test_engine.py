"""The one door: guard, compare-and-set, journal, deadline — all in one transaction, on both databases."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from models.clock import CalendarDay
from models.content import Content
from models.errand import Errand
from models.ledger import JournalEntry
from models.person import CourierProfile
from process import engine as door
from process import guards
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, Refusal, Stale, UnknownTransition
from tests.kernel.conftest import World


def errand(world: World, *, posted: bool = True) -> Errand:
    dispatcher = world.actor("dispatcher", ("errand_dispatcher", world.street))
    made = Errand(title="把结果送回社区", purpose="deliver_result", envelopes=1, fields={}, needs=[])
    door.create(world.session, made, dispatcher, type_id="errand", place=world.here)
    if posted:
        door.fire(made, "post", dispatcher)
    world.session.commit()
    return made


def courier(world: World, name: str) -> object:
    actor = world.actor(name, ("red_courier", world.street))
    if world.session.get(CourierProfile, actor.person_id) is None:
        world.session.add(
            CourierProfile(
                person_id=actor.person_id,
                point_id=world.here.id,
                trained_until=date(2099, 1, 1),
                errand_limit=5,
                area=[],
            )
        )
        world.session.commit()
    return actor


def rows(world: World, content: Content) -> list[str]:
    return list(
        world.session.scalars(
            select(JournalEntry.action).where(JournalEntry.content_id == content.id).order_by(JournalEntry.id)
        )
    )


def test_a_new_thing_has_number_state_journal_and_deadline_owner(world: World) -> None:
    made = errand(world, posted=False)
    assert (made.state, made.version, made.number) == ("posted", 1, f"PT-{made.created_at.year}-000001")
    assert rows(world, made) == ["errand:create"]


def test_a_move_raises_the_version_and_writes_one_row(world: World) -> None:
    made = errand(world)
    door.fire(made, "claim", courier(world, "kurier"))
    assert (made.state, made.version) == ("claimed", 3)
    assert rows(world, made) == ["errand:create", "errand:post", "errand:claim"]
    assert made.assignee.name == "kurier"


def test_a_stale_version_is_told_who_was_faster(world: World) -> None:
    made = errand(world)
    door.fire(made, "claim", courier(world, "first"))
    with pytest.raises(Stale, match="first已于"):
        door.fire(made, "release", courier(world, "first"), inputs={"comment": "x"}, expected_version=2)


def test_leaving_from_the_wrong_state_names_state_and_last_move(world: World) -> None:
    made = errand(world)
    door.fire(made, "claim", courier(world, "first"))
    with pytest.raises(NotAvailable, match=r"已认领.*first"):
        door.fire(made, "claim", courier(world, "second"))


def test_an_unknown_transition_lists_what_can_be_done(world: World) -> None:
    made = errand(world)
    with pytest.raises(UnknownTransition, match="claim"):
        door.fire(made, "fly", courier(world, "kurier"))


def test_a_role_elsewhere_is_no_role_here(world: World) -> None:
    made = errand(world)
    stranger = world.actor("stranger", ("errand_dispatcher", world.there))
    with pytest.raises(Forbidden):
        door.fire(made, "cancel", stranger, inputs={"comment": "x"})
    assert door.available(made, stranger) == []


def test_a_missing_input_is_named_and_nothing_has_changed(world: World) -> None:
    made = errand(world)
    kurier = courier(world, "kurier")
    door.fire(made, "claim", kurier)
    with pytest.raises(InvalidInput) as refusal:
        door.fire(made, "release", kurier, inputs={"comment": "  "})
    assert "comment" in refusal.value.errors
    assert made.state == "claimed" and rows(world, made)[-1] == "errand:claim"


def test_an_effect_that_fails_takes_the_move_back_with_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from process import registry

    made = errand(world)

    def broken(step: object) -> None:
        raise Conflict("kaputt")

    monkeypatch.setitem(registry.effects, "take_errand", broken)
    with pytest.raises(Conflict):
        door.fire(made, "claim", courier(world, "kurier"))
    world.session.rollback()
    world.session.refresh(made)
    assert made.state == "open" and rows(world, made) == ["errand:create", "errand:post"]


def test_what_is_available_can_be_fired_and_nothing_else(world: World) -> None:
    """A button that is shown works: for every state, role and transition the two answers agree."""
    from process.library import library

    made = errand(world)
    definition = library.workflows["errand"]
    for state in definition.states:
        world.session.execute(update(Content).where(Content.id == made.id).values(state=state))
        world.session.expire(made)
        for role in ("red_courier", "errand_dispatcher", "community_clerk", "approver"):
            actor = world.actor(role, (role, world.street))
            shown = {t.id for t in door.available(made, actor)}
            for transition in definition.transitions.values():
                guard_passed = state in transition.sources and guards.passes(
                    world.session, made, transition.guard, actor, definition
                )
                assert (transition.id in shown) == guard_passed, (state, role, transition.id)


def test_of_many_who_claim_at_once_one_wins(engine: Engine, world: World) -> None:
    made = errand(world)
    actors = [courier(world, f"courier{n}") for n in range(24)]
    uid, barrier, results = made.uid, threading.Barrier(len(actors)), []
    world.session.close()

    def claim(actor: object) -> None:
        with Session(engine) as session:
            barrier.wait()
            try:
                found = session.scalars(select(Errand).where(Errand.uid == uid)).one()
                door.fire(found, "claim", actor)
                session.commit()
                results.append("won")
            except Refusal as refusal:
                session.rollback()
                results.append(refusal.detail)

    threads = [threading.Thread(target=claim, args=(actor,)) for actor in actors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("won") == 1 and len(results) == len(actors)
    assert all("认领" in r for r in results if r != "won"), results
    with Session(engine) as session:
        assert (
            session.scalar(select(func.count()).select_from(JournalEntry).where(JournalEntry.action == "errand:claim"))
            == 1
        )


def test_a_naive_claim_would_have_several_winners(engine: Engine, world: World) -> None:
    """The canary: read, then write without comparing. If this ever has one winner, the test above proves nothing."""
    from process.transactions import reading

    made_id = errand(world).id
    world.session.close()
    barrier, winners = threading.Barrier(8), []

    def claim(number: int) -> None:
        with reading(), Session(engine) as session:
            state = session.scalar(select(Content.state).where(Content.id == made_id))
            session.rollback()
        barrier.wait()
        if state == "open":
            with Session(engine) as session:
                session.execute(update(Content).where(Content.id == made_id).values(state="claimed", assignee_id=None))
                session.commit()
            winners.append(number)

    threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) > 1


def test_deadline_in_working_days_comes_from_the_calendar(world: World) -> None:
    """A day off moves the date; a year without a calendar gives no date instead of a guess."""
    from process import clock

    clock.forget_calendar()
    assert clock.calendar(world.session).years == set()
    for day in range(1, 32):
        world.session.add(CalendarDay(day=date(2026, 3, day), working=day % 7 not in (0, 1)))
    world.session.commit()
    clock.forget_calendar()
    assert clock.calendar(world.session).add_working_days(date(2026, 3, 6), 1) == date(2026, 3, 9)
    clock.forget_calendar()
