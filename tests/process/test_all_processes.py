"""Every process of the office is a definition that runs: as the source draws it, by whoever it names, and by nobody else."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from sqlalchemy import select

import services
from app import create_app
from extensions import db
from models.case import Case
from models.content import Content
from models.ledger import JournalEntry, OutboxItem
from models.task import Task
from process import access, clock, engine, office, timers
from process.clock import forget_calendar
from process.definition import Definition
from process.library import library, load, vocabulary
from process.refusals import Forbidden, InvalidInput, Refusal, RequirementUnmet
from services import actions, editing, owed
from tests.conftest import settings
from tests.process.walking import Office, path_to, roles_of, soon, stands

HERE = Path(__file__).resolve()
SOURCE: dict[str, dict[str, Any]] = {
    row["id"]: row
    for row in yaml.safe_load((HERE.parents[1] / "data" / "workflows.yaml").read_text(encoding="utf-8"))["workflows"]
}
# Processes with Python of their own, and what their types are called.
CORE = {
    "online_application": "case",
    "home_visit_proxy": "home_visit",
    "delegation": "delegation",
    "errand": "errand",
    "certificate": "certificate",
}
GENERIC = sorted(set(SOURCE) - set(CORE))
# Where we differ from the source on purpose; docs/processes.md gives the reasons.
ELSEWHERE = {
    "online_application": {"submitted__reviewed", "issued__dispatched", "dispatched__delivered"},
    "subsidy_three_level": {"first_checked__returned"},
}
# Steps that a join or a timer takes where the source names a person: the persons speak in the branches instead.
UNATTENDED = {
    "deferred_acceptance": {"expire"},
    "item_review": {"check", "lock"},
    "one_thing_joint": {"collect", "refuse_part"},
    "project_delegation": {"finish_approval"},
    "opinion_round": {"reply"},
    "work_task": {"mark_late"},
}
# A resident or an enterprise acts as itself, a courier as whoever was given it by name.
STANDS_FOR = {
    "applicant": {"applicant", "owner"},
    "enterprise_applicant": {"enterprise_applicant", "applicant", "owner"},
    "red_courier": {"red_courier", "assignee"},
    "express_courier": {"express_courier", "assignee"},
}


@pytest.fixture(scope="module")
def definitions() -> None:
    services.register()
    load(vocabulary(services.role_names(), services.paper_names()))


def plain(text: str) -> str:
    """Half and full width marks are one spelling."""
    return unicodedata.normalize("NFKC", text)


def ours(name: str) -> Definition:
    return library.workflows[CORE.get(name, name)]


def test_all_thirty_five_are_here(definitions: None) -> None:
    assert len(SOURCE) == 35
    for name in SOURCE:
        kind = library.types[CORE.get(name, name)]
        assert kind.workflow in library.workflows and kind.create is not None
        assert kind.generic == (name in GENERIC)


@pytest.mark.parametrize("name", sorted(SOURCE))
def test_states_are_those_of_the_source(definitions: None, name: str) -> None:
    drawn, definition = SOURCE[name], ours(name)
    missing = {state["id"] for state in drawn["states"]} - set(definition.states)
    assert missing <= ({"dispatched"} if name == "online_application" else set())
    assert definition.initial == drawn["initial"]
    for state in drawn["states"]:
        if state["id"] in missing:
            continue
        found = definition.states[state["id"]]
        assert plain(found.title.zh) == plain(state["name_zh"])
        assert found.terminal == (state["id"] in drawn["terminal"])


@pytest.mark.parametrize("name", sorted(SOURCE))
def test_steps_are_those_of_the_source(definitions: None, name: str) -> None:
    definition = ours(name)
    for drawn in SOURCE[name]["transitions"]:
        if drawn["id"] in ELSEWHERE.get(name, ()):
            continue
        found = [
            t for t in definition.transitions.values() if t.to == drawn["to"] and set(t.sources) & set(drawn["from"])
        ]
        assert found, drawn["id"]
        if name not in CORE:
            found = [t for t in found if plain(t.title.zh) == plain(drawn["name_zh"])]
            assert found, f"{drawn['id']}: {drawn['name_zh']}"
        assert set(drawn["from"]) <= {source for t in found for source in t.sources}, drawn["id"]


@pytest.mark.parametrize("name", GENERIC)
def test_who_acts_is_whom_the_source_names(definitions: None, name: str) -> None:
    definition = ours(name)
    for drawn in SOURCE[name]["transitions"]:
        if drawn["id"] in ELSEWHERE.get(name, ()):
            continue
        found = [
            t
            for t in definition.transitions.values()
            if t.to == drawn["to"]
            and set(t.sources) & set(drawn["from"])
            and plain(t.title.zh) == plain(drawn["name_zh"])
        ]
        if any(t.id in UNATTENDED.get(name, ()) for t in found):
            assert all(t.trigger != "user" for t in found if t.id in UNATTENDED[name])
            continue
        held = {token.partition("@")[0] for t in found for token in t.guard.roles}
        for actor in drawn["actors"]:
            assert held & STANDS_FOR.get(actor, {actor}), f"{drawn['id']}: {actor}"


@pytest.mark.parametrize("name", GENERIC)
def test_states_say_who_sees_and_until_when(definitions: None, name: str) -> None:
    definition = ours(name)
    clocked = {s for clock in definition.clocks.values() for s in (*clock.start, *clock.pause)}
    for state in definition.states.values():
        assert state.permissions["view"].acquire and state.permissions["view"].roles, state.id
        assert state.permissions["view_full"].roles and "internal" in state.permissions, state.id
        if state.terminal:
            assert not {"edit", "attach"} & set(state.permissions), state.id
        else:
            assert state.due is not None or state.id in clocked, f"{state.id} has no date"
            assert state.permissions["attach"].roles, state.id
            assert any(t.to != state.id for t in definition.exits(state.id)), state.id


# --- Walking ---------------------------------------------------------------------------------------------------------
def steps_of(name: str) -> list[str]:
    definition = yaml.safe_load(
        (HERE.parents[2] / "process" / "workflows" / f"{name}.yaml").read_text(encoding="utf-8")
    )
    return list(definition["transitions"])


def specials(path: list[str], step: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields to begin with and inputs on the way, where a rule looks at what was said before."""
    taken = [*path, step]
    fields: dict[str, Any] = {"volume": 0} if "propose_removal" in taken else {}
    inputs = {"decision": "retire" if "retire" in taken else "activate"} if "decide" in taken else {}
    return fields, inputs


def begun(desk: Office, name: str, path: list[str], step: str) -> tuple[Content, dict[str, Any]]:
    """A thing that stands where `step` leaves from."""
    fields, inputs = specials(path, step)
    kind = library.type(name)
    thing = desk.begin(name, **{k: v for k, v in fields.items() if kind.field(k)})
    if "draw" in (*path, step):
        desk.queue()
    for earlier in path:
        prepare(desk, thing, earlier)
        desk.take(thing, earlier, **inputs)
    prepare(desk, thing, step)
    return thing, inputs


def prepare(desk: Office, thing: Content, step: str) -> None:
    """What somebody does besides pressing: uploading a photo, finishing the linked case."""
    if (thing.type, step) in (
        ("micro_approval", "accept"),
        ("mobile_precheck", "precheck"),
        ("survey_instant", "accept"),
    ):
        desk.photo(thing)
    if (thing.type, step) == ("assisted_filing", "finish"):
        case = desk.session.scalars(select(Case).where(Case.number == thing.fields["case"])).one()
        case.state = "delivered"
    desk.session.flush()


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Flask]:
    """One application for all walks: none of them commits, so each begins in the office as it was installed."""
    folder = tmp_path_factory.mktemp("processes")
    shutil.copy(installed, folder / "daiban.db")
    forget_calendar()
    made = create_app(settings(folder))
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def desk(shared_app: Flask) -> Iterator[Office]:
    with shared_app.app_context():
        yield Office(db.session())
        db.session.rollback()
        db.session.remove()


@pytest.mark.parametrize("name", GENERIC)
def test_every_step_is_taken_by_everybody_it_names(desk: Office, name: str) -> None:
    """Through the real engine: a thing is begun as people begin it, and each of its steps is taken by each of its actors."""
    definition = library.workflows[name]
    named: set[tuple[str, str]] = set()
    taken: set[tuple[str, str]] = set()
    for transition in definition.transitions.values():
        for source in transition.sources:
            path = path_to(definition, source)
            for token in transition.guard.roles or (None,):
                named |= {(transition.id, token)} if token else set()
                thing, inputs = begun(desk, name, path, transition.id)
                assert thing.state == source
                if token is not None and not stands(thing, token):
                    continue
                if token is not None:
                    sees(desk, thing, token)
                desk.take(thing, transition.id, token, **inputs)
                taken |= {(transition.id, token)} if token else set()
                assert thing.state == (transition.to or source), f"{transition.id} as {token}"
                if definition.states[thing.state].terminal:
                    assert thing.closed_at is not None and thing.deadline is None
    assert named == taken, "nobody can be this to such a thing"


def sees(desk: Office, thing: Content, token: str) -> None:
    """Whoever may act can open what to act on, and finds it in lists."""
    actor = desk.standing(thing, token)
    assert access.may(actor, access.VIEW, thing), f"{thing.type}.{thing.state}: {token} acts on what is out of sight"
    listed = access.visible(select(Content.id).where(Content.id == thing.id), actor)
    assert desk.session.scalar(listed) == thing.id, f"{thing.type}.{thing.state}: {token} finds it in no list"


@pytest.mark.parametrize("name", GENERIC)
def test_nobody_else_takes_a_step(desk: Office, name: str) -> None:
    """All other roles together at the same place, the right roles elsewhere, and strangers: each is refused, nothing moves."""
    definition = library.workflows[name]
    for transition in definition.transitions.values():
        if transition.trigger != "user":
            continue
        thing, inputs = begun(desk, name, path_to(definition, transition.sources[0]), transition.id)
        others = [
            desk.everything_but(roles_of(transition), thing.place_id),
            desk.holder(*sorted(roles_of(transition)), place="dx-c02-g1"),
            desk.holder(place="hangzhou"),
        ]
        before = (thing.state, thing.version)
        for actor in others:
            assert transition not in engine.available(thing, actor)
            with pytest.raises((Forbidden, RequirementUnmet)):
                engine.fire(thing, transition.id, actor, inputs=desk.inputs(thing, transition, inputs))
        assert (thing.state, thing.version) == before


@pytest.mark.parametrize("name", GENERIC)
def test_strangers_see_nothing(desk: Office, name: str) -> None:
    """A neighbour community's whole staff finds nothing of it in any state that is not for everybody."""
    definition = library.workflows[name]
    neighbour = desk.everything_but(set(), "dx-c02-g1")
    for state in definition.states.values():
        thing = begun(desk, name, path_to(definition, state.id), "")[0]
        open_to_all = "anyone" in state.permissions["view"].roles
        assert access.may(neighbour, access.VIEW, thing) == open_to_all, state.id
        assert access.may(neighbour, access.VIEW_FULL, thing) == ("anyone" in state.permissions["view_full"].roles)


@pytest.mark.parametrize("name", GENERIC)
def test_a_reason_is_asked_where_somebody_is_sent_away(desk: Office, name: str) -> None:
    definition = library.workflows[name]
    for transition in definition.transitions.values():
        if transition.trigger == "user" and (transition.back or transition.dangerous):
            asked = {spec.name for spec in transition.inputs if spec.required}
            assert asked & {"comment", "effective_on"}, transition.id


# --- Rules of the table in docs/processes.md ---------------------------------------------------------------------------
def at(desk: Office, name: str, state: str, **given: Any) -> Content:
    definition = library.workflows[name]
    thing = desk.begin(name, **given)
    for step in path_to(definition, state):
        prepare(desk, thing, step)
        desk.take(thing, step)
    return thing


SEPARATED = [
    ("single_window_intake", "circulate", "complete", ("back_office_reviewer", "approver")),
    ("subsidy_three_level", "first_check", "review", ("community_clerk", "back_office_reviewer")),
    ("subsidy_three_level", "review", "approve", ("back_office_reviewer", "disability_federation")),
    ("micro_approval", "accept", "approve", ("back_office_reviewer", "approver")),
    ("mobile_precheck", "precheck", "confirm", ("back_office_reviewer", "window_clerk")),
    ("survey_instant", "return_finding", "complete", ("site_surveyor", "window_clerk")),
    ("deferred_acceptance", "review", "release", ("back_office_reviewer", "certificate_issuer")),
    ("supervision_round", "rectify", "strike_off", ("department_lead", "approvals_office")),
    ("run_along", "rectify", "reconcile", ("department_lead", "approvals_office")),
    ("catalogue_adjustment", "propose_addition", "decide", ("catalogue_manager", "item_review_group")),
]


@pytest.mark.parametrize(("name", "first", "second", "roles"), SEPARATED, ids=[f"{r[0]}-{r[2]}" for r in SEPARATED])
def test_two_duties_need_two_people(desk: Office, name: str, first: str, second: str, roles: tuple[str, str]) -> None:
    """Whoever holds both posts does only one of them on one thing; a colleague with the same posts does the other."""
    definition = library.workflows[name]
    both = [desk.holder(*roles, place="hangzhou") for _ in range(2)]
    way = [*path_to(definition, definition.transitions[first].sources[0])]
    thing, inputs = begun(desk, name, way, first)
    engine.fire(thing, first, both[0], inputs=desk.inputs(thing, definition.transitions[first], inputs))
    for step in between(definition, thing.state, second):
        prepare(desk, thing, step)
        desk.take(thing, step)
    wanted = desk.inputs(thing, definition.transitions[second], {})
    with pytest.raises(Forbidden, match="必须由另一个人办"):
        engine.fire(thing, second, both[0], inputs=wanted)
    engine.fire(thing, second, both[1], inputs=wanted)


def between(definition: Definition, state: str, step: str) -> list[str]:
    """The steps from a state to where another step leaves from."""
    queue, seen = [(state, [])], {state}
    while queue:
        here, path = queue.pop(0)
        if here in definition.transitions[step].sources:
            return path
        for exit_ in definition.exits(here):
            if exit_.to and exit_.to not in seen:
                seen.add(exit_.to)
                queue.append((exit_.to, [*path, exit_.id]))
    raise AssertionError(step)


@pytest.mark.req("S3-04")
def test_every_check_of_an_item_needs_two_different_people(desk: Office) -> None:
    thing = desk.begin("item_review")
    group = [desk.holder("item_review_group", "cross_checker", place="hangzhou") for _ in range(2)]
    tasks = list(desk.session.scalars(select(Task).where(Task.content_id == thing.id).order_by(Task.id)))
    assert [task.title for task in tasks] == ["第一人初审", "交叉初审"]
    office.respond(tasks[0], group[0], agreed=True)
    with pytest.raises(Forbidden, match="不同的人"):
        office.respond(tasks[1], group[0], agreed=True)
    assert thing.state == "reported"
    office.respond(tasks[1], group[1], agreed=True)
    assert thing.state == "preliminary"


def test_a_refused_check_goes_to_discussion_and_a_new_round_asks_both_again(desk: Office) -> None:
    thing = desk.begin("item_review")
    desk.walk(thing, ["take_to_discussion", "conclude", "return_for_change"])
    assert thing.state == "reported"
    asked = desk.session.scalars(select(Task).where(Task.content_id == thing.id, Task.state == "open")).all()
    assert len(asked) == 2 and {task.round for task in asked} == {2}


def test_a_complaint_is_never_handled_by_the_unit_complained_about(desk: Office) -> None:
    complained = "dongxin-centre"
    thing = desk.begin("complaint", about=complained, place="dongxin")
    inside = desk.holder("complaint_handler", place="dongxin", unit=complained)
    outside = desk.holder("complaint_handler", place="dongxin", unit="dongxin")
    accept = library.workflows["complaint"].transitions["accept"]
    assert accept not in engine.available(thing, inside) and accept in engine.available(thing, outside)
    with pytest.raises(RequirementUnmet, match="被投诉单位的人"):
        engine.fire(thing, "accept", inside)
    engine.fire(thing, "accept", outside)
    assert thing.assignee_id == outside.person_id


@pytest.mark.req("S3-14")
def test_a_complaint_has_number_date_handler_answer_and_satisfaction(desk: Office) -> None:
    thing = desk.begin("complaint", place="dongxin")
    assert thing.number is not None and thing.number.startswith("TS-") and thing.deadline is not None
    desk.walk(thing, ["accept", "investigate"])
    assert thing.assignee_id is not None and thing.deadline is not None
    desk.walk(thing, ["answer", "confirm"])
    assert thing.closed_at is not None
    assert (thing.fields["answer"], thing.fields["satisfied"]) == ("示例文字", "yes")


def test_the_unit_complained_about_sees_facts_and_no_name(desk: Office) -> None:
    thing = desk.begin("complaint", about="dx-c02", complainant="林若琳", place="dongxin")
    clerk = desk.holder("community_clerk", place="dx-c02")
    desk.walk(thing, ["accept"])
    assert not access.may(clerk, access.VIEW, thing)
    with pytest.raises(RequirementUnmet, match="不写投诉人"):
        desk.take(thing, "investigate", facts=None)
    desk.take(thing, "investigate")
    assert access.may(clerk, access.VIEW, thing) and not access.may(clerk, access.VIEW_FULL, thing)
    assert thing.fields["facts"] and thing.private is not None and "complainant" in thing.private


def test_only_non_critical_materials_are_deferred(desk: Office) -> None:
    thing = desk.begin("deferred_acceptance")
    clerk = desk.standing(thing, "window_clerk@origin")
    step = library.workflows["deferred_acceptance"].transitions["promise"]
    good = desk.inputs(thing, step, {})
    for named, words in (
        ([{"material": "本人居民身份证"}], "是关键材料"),
        ([{"material": "护照"}], "材料清单里没有"),
    ):
        with pytest.raises(Refusal, match=words):
            engine.fire(thing, "promise", clerk, inputs={**good, "owed": named})
    for day in (soon(-1), soon(60)):
        with pytest.raises(InvalidInput, match="10 个工作日以内"):
            engine.fire(thing, "promise", clerk, inputs={**good, "supply_by": day.isoformat()})
    engine.fire(thing, "promise", clerk, inputs=good)
    assert [line.paper for line in owed.of_thing(desk.session, thing)] == ["居民户口簿本人页"]


def test_nothing_is_released_before_all_is_supplied(desk: Office) -> None:
    thing = at(desk, "deferred_acceptance", "processing")
    clerk = desk.standing(thing, "window_clerk@origin")
    with pytest.raises(RequirementUnmet, match="还缺居民户口簿本人页"):
        engine.fire(thing, "supply", clerk, inputs={"supplied": [{"material": "别的"}], "supply_way": "fax"})
    desk.take(thing, "supply")
    issuer = desk.standing(thing, "certificate_issuer@origin")
    line = owed.of_thing(desk.session, thing)[0]
    assert (line.state, line.supplied_at is not None) == ("supplied", True)
    line.state = "open"
    with pytest.raises(RequirementUnmet, match="不能出证"):
        engine.fire(thing, "release", issuer, inputs={"checked_all": True})


def test_what_was_promised_has_the_promised_date(desk: Office) -> None:
    thing = at(desk, "deferred_acceptance", "accepted_deferred")
    assert thing.deadline is not None and thing.deadline.date() == soon(1)


def test_a_courier_brings_only_what_was_entrusted(desk: Office) -> None:
    thing = at(desk, "deferred_acceptance", "accepted_deferred")
    stranger = desk.holder("red_courier", place=thing.place_id)
    assert not access.may(stranger, access.VIEW, thing) and engine.available(thing, stranger) == []
    clerk = desk.standing(thing, "window_clerk@origin")
    outsider = desk.holder("red_courier", place="dx-c02-g1")
    with pytest.raises(Refusal):
        office.do(thing, "transfer", clerk, {"person": outsider.username, "comment": "顺路带来"})
    office.do(thing, "transfer", clerk, {"person": stranger.username, "comment": "顺路带来"})
    assert access.may(stranger, access.VIEW, thing) and not access.may(stranger, access.VIEW_FULL, thing)
    assert [t.id for t in engine.available(thing, stranger)] == ["supply"]


@pytest.mark.req("S3-46")
def test_the_visitor_is_drawn_and_never_chosen(desk: Office) -> None:
    thing = desk.begin("run_along")
    leader = desk.standing(thing, "department_lead@origin")
    with pytest.raises(RequirementUnmet, match="没有正在等候"):
        engine.fire(thing, "draw", leader)
    waiting = {ticket.number for ticket in desk.queue(3)}
    engine.fire(thing, "draw", leader, inputs={"drawn_ticket": "A999"})
    assert thing.fields["drawn_ticket"] in waiting and thing.fields["drawn_from"] == 3
    written = desk.session.scalars(
        select(JournalEntry).where(JournalEntry.content_id == thing.id, JournalEntry.action == "run_along:draw")
    ).one()
    assert written.details["drawn"] == thing.fields["drawn_ticket"] and written.details["from"] == 3


def test_a_ticket_counts_from_one_in_each_hall(desk: Office) -> None:
    assert [ticket.fields["ticket_number"] for ticket in desk.queue(2)] == ["A001", "A002"]


def test_who_proposed_does_not_decide_and_the_decision_is_what_is_done(desk: Office) -> None:
    busy, idle = desk.begin("catalogue_adjustment", volume=5), desk.begin("catalogue_adjustment", volume=0)
    manager = desk.standing(busy, "catalogue_manager@origin")
    with pytest.raises(RequirementUnmet, match="不是零办件"):
        engine.fire(busy, "propose_removal", manager, inputs={"comment": "x"})
    with pytest.raises(RequirementUnmet, match="没有办件"):
        engine.fire(idle, "propose_addition", manager, inputs={"comment": "x"})
    engine.fire(idle, "propose_removal", manager, inputs={"comment": "x"})
    desk.take(idle, "decide", decision="activate")
    with pytest.raises(RequirementUnmet, match="审定结论是“启用”"):
        desk.take(idle, "retire")
    desk.take(idle, "activate")


def test_measures_reduce_something_and_raise_nothing(desk: Office) -> None:
    thing = at(desk, "feasibility_analysis", "redesign")
    with pytest.raises(RequirementUnmet, match="都没有减少"):
        desk.take(thing, "take_measures", **{f"{n}_after": 3 for n in ("materials", "steps", "levels", "days")})
    with pytest.raises(RequirementUnmet, match="环节比原来还多"):
        desk.take(thing, "take_measures", steps_after=9)
    desk.take(thing, "take_measures")


def test_once_only_is_at_most_one_trip_with_proof(desk: Office) -> None:
    thing = at(desk, "item_optimisation", "redesigned")
    manager = desk.standing(thing, "catalogue_manager@origin")
    for wrong in ({"proof": "回访", "trips_after": 2}, {"trips_after": 1}):
        with pytest.raises(InvalidInput):
            engine.fire(thing, "certify", manager, inputs=wrong)
    engine.fire(thing, "certify", manager, inputs={"proof": "回访", "trips_after": 0})
    assert thing.fields["trips_after"] == 0


def test_a_window_is_never_left_to_one_person(desk: Office) -> None:
    thing = desk.begin("duty_roster", on_duty=["章晓㛃"])
    with pytest.raises(RequirementUnmet, match="至少 2 人"):
        desk.take(thing, "publish")


def test_without_a_photo_nothing_is_accepted(desk: Office) -> None:
    thing = desk.begin("micro_approval")
    with pytest.raises(RequirementUnmet, match="还没有上传照片"):
        desk.take(thing, "accept")


def test_nobody_who_failed_is_registered_as_trained(desk: Office) -> None:
    thing = at(desk, "training", "held")
    desk.take(thing, "examine", passed_count=0)
    with pytest.raises(RequirementUnmet, match="没有人合格"):
        desk.take(thing, "register")
    desk.take(thing, "retrain")
    assert thing.state == "planned"


def test_side_by_side_filing_ends_with_its_case(desk: Office) -> None:
    thing = at(desk, "assisted_filing", "filling")
    guide = desk.standing(thing, "filing_guide@origin")
    with pytest.raises(RequirementUnmet, match="没有找到这位办事人的这个办件"):
        engine.fire(thing, "submit", guide, inputs={"case": "DX-2026-999999", "confirmed": True})
    desk.take(thing, "submit")
    with pytest.raises(RequirementUnmet, match="还没有办结"):
        desk.take(thing, "finish")
    prepare(desk, thing, "finish")
    desk.take(thing, "finish")


@pytest.mark.req("S3-26")
def test_a_subsidy_climbs_three_levels_and_the_bank_sees_it_last(desk: Office) -> None:
    thing = desk.begin("subsidy_three_level")
    reviewer = desk.holder("back_office_reviewer", place="dongxin-centre")
    bank = desk.holder("disbursing_bank", place="xiacheng")
    assert not access.may(reviewer, access.VIEW, thing) and not access.may(bank, access.VIEW, thing)
    clerk = desk.standing(thing, "community_clerk@origin")
    engine.fire(thing, "first_check", clerk)
    assert thing.unit_id == "dongxin-centre", "without a unit named it goes to the street's front office"
    engine.fire(thing, "review", reviewer)
    desk.take(thing, "approve")
    assert access.may(bank, access.VIEW_FULL, thing)
    assert thing.private and "bank_account" in thing.private and "bank_account" not in thing.fields


def test_each_level_of_a_subsidy_gives_back_to_the_level_before_and_no_further(definitions: None) -> None:
    """Applicant, community, street, federation, bank: a step back is one rung, taken by the rung it lies with, with a reason."""
    definition = library.workflows["subsidy_three_level"]
    rungs = ("returned", "applied", "first_checked", "street_reviewed", "district_approved")
    back = {t.id: t for t in definition.transitions.values() if t.back}
    assert sorted((t.sources, t.to) for t in back.values()) == sorted(
        ((rungs[rung],), rungs[rung - 1]) for rung in range(1, len(rungs))
    )
    assert {name: t.guard.roles for name, t in back.items()} == {
        "send_back": ("community_clerk@origin",),
        "back_to_check": ("back_office_reviewer",),
        "back_to_review": ("disability_federation",),
        "back_to_approve": ("disbursing_bank",),
    }
    assert all(spec.required for t in back.values() for spec in t.inputs if spec.name == "comment")


@pytest.mark.parametrize(("funding", "days"), [("enterprise", 50), ("government", 100)])
def test_a_project_has_the_days_of_its_kind(desk: Office, funding: str, days: int) -> None:
    thing = at(desk, "project_delegation", "preparing", funding=funding)
    run = clock.current(desk.session, thing, "approval")
    assert run is not None and run.working_days == days


def test_a_refused_part_stops_no_other_and_the_lead_goes_on(desk: Office) -> None:
    thing = at(desk, "one_thing_joint", "deciding")
    asked = desk.session.scalars(select(Task).where(Task.content_id == thing.id)).all()
    assert len(asked) == 3, "the lead department and two others"
    desk.take(thing, "refuse_part")
    assert thing.state == "partly_refused"
    answered = desk.session.scalars(select(Task.state).where(Task.content_id == thing.id)).all()
    assert sorted(answered) == ["agreed", "agreed", "refused"]


def test_every_unit_is_heard_once_or_the_date_is_over(desk: Office) -> None:
    thing = at(desk, "opinion_round", "sent")
    assert len(desk.session.scalars(select(Task).where(Task.content_id == thing.id)).all()) == 2
    assert thing.deadline is not None and thing.deadline.date() == soon()
    desk.take(thing, "close_replies")
    assert thing.state == "collecting"


def test_a_task_past_its_date_is_late(desk: Office) -> None:
    thing = at(desk, "work_task", "working")
    rows = desk.session.scalars(select(OutboxItem).where(OutboxItem.job == timers.JOB)).all()
    assert any(row.args["content_id"] == thing.id and row.args["transition"] == "mark_late" for row in rows)


def test_what_a_step_asked_for_can_be_read_afterwards(desk: Office) -> None:
    thing = at(desk, "micro_approval", "received")
    assert thing.fields["express_number"] == "示例文字"
    assert thing.private is not None and thing.private["collector"] == "示例文字"
    assert "collector" not in thing.fields


def test_a_thing_goes_to_no_unknown_unit(desk: Office) -> None:
    thing = at(desk, "enterprise_appeal", "accepted")
    officer = desk.standing(thing, "enterprise_service_officer")
    with pytest.raises(InvalidInput, match="没有找到要转去的单位"):
        engine.fire(thing, "dispatch", officer, inputs={"to_unit": "nowhere", "comment": "x"})
    assert actions.perform(thing, "dispatch", officer, {"to_unit": "bureau-1", "comment": "x"})
    assert thing.unit_id == "bureau-1"


def test_an_enterprise_sees_and_takes_only_its_own(desk: Office) -> None:
    thing = at(desk, "survey_instant", "reviewed")
    rival = desk.holder("enterprise_applicant", place=thing.place_id)
    assert not access.may(rival, access.VIEW, thing)
    with pytest.raises(RequirementUnmet, match="不是您本人的"):
        engine.fire(thing, "hand_in", rival)


def test_what_steps_write_nobody_types(desk: Office) -> None:
    """A decision, a proof or a drawn ticket comes from its step: neither a form nor the API puts it in, before or after."""
    with pytest.raises(InvalidInput, match="由办理步骤填写"):
        desk.begin("catalogue_adjustment", decision="retire")
    with pytest.raises(InvalidInput, match="由办理步骤填写"):
        desk.begin("run_along", drawn_ticket="QH-2026-000001")
    thing = desk.begin("catalogue_adjustment", volume=5)
    desk.walk(thing, ["propose_addition", "decide"])
    manager = desk.standing(thing, "catalogue_manager@origin")
    with pytest.raises(InvalidInput, match="由办理步骤填写"):
        editing.edit(desk.session, thing, manager, {"decision": "retire"}, expected_version=thing.version)
    editing.edit(desk.session, thing, manager, {"period": "2026年下半年"}, expected_version=thing.version)
    assert thing.fields["decision"] == "activate"


# --- What the table says ---------------------------------------------------------------------------------------------
TABLE = {
    line.split("|")[1].split()[0]: line
    for line in (HERE.parents[2] / "docs" / "processes.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ")
}


@pytest.mark.parametrize("name", sorted(SOURCE))
def test_every_rule_of_the_source_stands_in_the_table(definitions: None, name: str) -> None:
    """Each paper, limit and note of the source is told: where it holds, or why not; and every name that is told exists."""
    row, drawn = TABLE[name], SOURCE[name]
    assert drawn["name_zh"] in row and f"`{CORE.get(name, name)}`" in row
    for step in drawn["transitions"]:
        for paper in step.get("produces", ()):
            assert paper in row, paper
        if "due_working_days" in step:
            assert f"{step['due_working_days']} days" in row, step["id"]
        if step.get("requires"):
            assert row.split("|")[3].strip() != "–", step["id"]
    for named in re.findall(r"`([a-z][a-z_]+)`", row):
        assert named in known_names(ours(name)), named


def known_names(definition: Definition) -> set[str]:
    """Everything a definition is made of, and what it calls upon."""
    kinds = [kind for kind in library.types.values() if kind.workflow == definition.id]
    steps = definition.transitions.values()
    return {
        *library.types,
        *definition.states,
        *definition.transitions,
        *library.workflows["delegation"].transitions,
        *(name for t in steps for name in (*t.requires, *t.effects, *t.guard.predicates)),
        *(spec.name for t in steps for spec in t.inputs),
        *(spec.name for kind in kinds for spec in kind.fields),
        *(c.duration for c in definition.clocks.values() if c.duration),
        *(b.id for s in definition.states.values() if s.branches for b in s.branches.of),
        *("stage", "masked", "comment", "different_people", "back", "after"),
    }


def test_each_state_lasts_as_long_as_the_source_proposes(definitions: None) -> None:
    """`due_working_days` of a step is the date of the state it leaves, unless somebody promised a date."""
    told = 0
    for name, drawn in SOURCE.items():
        for step in drawn["transitions"]:
            if "due_working_days" not in step:
                continue
            told += 1
            sources = [ours(name).states[source].due for source in step["from"]]
            waits = ours(name).states[step["to"]].due
            promised = [due for due in sources if due is not None and due.field is not None]
            days = [due.working_days for due in (*sources, waits) if due is not None]
            assert promised or step["due_working_days"] in days, step["id"]
    assert told == 6


def test_only_the_lead_department_leads(desk: Office) -> None:
    """Another department of the bundle that leads elsewhere does not lead this one."""
    thing = at(desk, "one_thing_joint", "intake")
    other = desk.holder("lead_department", place="bureau-2")
    assert access.may(other, access.VIEW, thing)
    with pytest.raises(Forbidden):
        engine.fire(thing, "forward", other)
    engine.fire(thing, "forward", desk.holder("lead_department", place=thing.unit_id or ""))
