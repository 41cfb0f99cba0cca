"""Acting for an absent colleague: their assigned work is found and done, and history names both."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.content import Content
from models.ledger import JournalEntry
from process import access, engine
from process.refusals import Forbidden, InvalidInput
from services import actions, desk, substitutions
from services.errand_posting import create_errand
from tests.services import fertility


@pytest.fixture
def errand(session, actor):
    made = create_errand(
        session,
        actor("community.clerk"),
        {
            "title": "送补贴申请材料",
            "purpose": "hand_in",
            "from_agency": "dx-c01",
            "to_agency": "dongxin-centre",
            "envelopes": 1,
        },
    )
    engine.fire(made, "post", actor("community.clerk"))
    engine.fire(made, "claim", actor("courier"))
    return made


def stand_in(session, actor, person, days, absent: str, helper: str):
    substitutions.name(session, actor("admin"), person(absent), person(helper), until=days(3), reason="年休假")
    return actor(helper)


def test_work_assigned_to_the_absent_colleague_is_seen_and_done(session, actor, person, days, errand) -> None:
    assert "assignee" not in access.tokens(errand, actor("courier2"))
    helper = stand_in(session, actor, person, days, "courier", "courier2")
    assert access.may(helper, access.VIEW_FULL, errand)
    found = session.scalars(
        access.visible(select(Content.id).where(Content.assignee_id == person("courier").id), helper)
    )
    assert errand.id in found.all()
    waiting = desk.desk(session, helper)
    assert errand.id in {w.content.id for w in [*waiting.late, *waiting.today, *waiting.week]}
    actions.perform(errand, "pick_up", helper, {"envelopes": 1})
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "errand:pick_up")).one()
    assert (entry.person_id, entry.substitute_for_id) == (person("courier2").id, person("courier").id)


def test_it_ends_with_the_substitution(session, actor, person, days, errand) -> None:
    stand_in(session, actor, person, days, "courier", "courier2")
    made = substitutions.of_person(session, person("courier").id)[0][0]
    substitutions.end(session, actor("courier"), made, reason="提前回来")
    with pytest.raises(Forbidden):
        actions.perform(errand, "pick_up", actor("courier2"), {"envelopes": 1})


def test_what_is_ones_own_is_not_done_in_a_colleagues_name(session, actor, person, days, errand) -> None:
    """The second courier stands in for the first; the first, still there, cannot sign as the second."""
    helper = stand_in(session, actor, person, days, "courier2", "courier")
    with pytest.raises(Forbidden):
        engine.fire(errand, "pick_up", helper, inputs={"envelopes": 1}, on_behalf_of=person("courier2"))
    actions.perform(errand, "pick_up", helper, {"envelopes": 1})
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "errand:pick_up")).one()
    assert entry.substitute_for_id is None


def test_a_colleagues_post_elsewhere_brings_nothing(session, actor, person, days, errand, agency) -> None:
    """Standing in for one post is not standing in for the person: where the post is not held, their work stays theirs."""
    from models.person import Grant

    place = agency("dx-c02")
    session.add(
        Grant(
            person_id=person("reviewer").id,
            role="community_clerk",
            place_id=place.id,
            place_path=place.path,
            cause="substitution",
            principal_id=person("courier").id,
        )
    )
    session.flush()
    helper = actor("reviewer")
    assert not access.may(helper, access.VIEW_FULL, errand)
    assert errand.id not in session.scalars(access.visible(select(Content.id), helper)).all()


def test_a_post_one_lacks_is_used_in_its_holders_name(session, actor, person, days) -> None:
    case = fertility.accepted(session, actor)
    helper = stand_in(session, actor, person, days, "reviewer", "window.clerk")
    actions.perform(case, "review", helper, {"materials": fertility.ticks(case)})
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "case:review")).one()
    assert entry.substitute_for_id == person("reviewer").id


def test_of_two_absent_colleagues_one_must_be_named(session, actor, person, days, agency) -> None:
    from services import role_grants

    role_grants.give(
        session, actor("admin"), username="issuer", role="back_office_reviewer", place="dongxin-centre", reason="顶岗"
    )
    case = fertility.accepted(session, actor)
    stand_in(session, actor, person, days, "issuer", "window.clerk")
    helper = stand_in(session, actor, person, days, "reviewer", "window.clerk")
    with pytest.raises(InvalidInput, match=r"陆文斌.*何䶮"):
        actions.perform(case, "review", helper, {"materials": fertility.ticks(case)})
    actions.perform(case, "review", helper, {"materials": fertility.ticks(case)}, on_behalf_of=person("issuer"))
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "case:review")).one()
    assert entry.substitute_for_id == person("issuer").id


def test_one_person_stays_one_pair_of_eyes(session, actor, person, days) -> None:
    """Whoever reviewed does not approve by standing in for the approver; nor does the approver's stand-in for the reviewer."""
    case = fertility.accepted(session, actor)
    actions.perform(case, "review", actor("reviewer"), {"materials": fertility.ticks(case)})
    helper = stand_in(session, actor, person, days, "approver", "reviewer")
    assert "approve" not in {t.id for t in engine.available(case, helper)}
    with pytest.raises(Forbidden):
        actions.perform(case, "approve", helper)
    with pytest.raises(Forbidden):
        actions.perform(case, "approve", helper, on_behalf_of=person("approver"))


@pytest.mark.parametrize("username", ["courier2", "reviewer", "window.clerk", "community.clerk"])
def test_seeing_one_thing_and_listing_it_agree(session, actor, person, days, errand, username) -> None:
    fertility.accepted(session, actor)
    helper = stand_in(session, actor, person, days, "courier", username) if username != "community.clerk" else None
    helper = helper or actor(username)
    listed = set(session.scalars(access.visible(select(Content.id), helper)))
    everything = session.scalars(select(Content)).all()
    assert listed == {c.id for c in everything if access.may(helper, access.VIEW, c)}


def test_an_opinion_asked_of_the_absent_colleague_is_given_in_their_name(session, actor, person, days) -> None:
    from models.task import Task
    from process import office

    case = fertility.accepted(session, actor)
    signer = {"person": "approver", "comment": "请会签"}
    office.do(case, "add_signer", actor("reviewer"), signer)
    task = session.scalars(select(Task).where(Task.person_id == person("approver").id)).one()
    with pytest.raises(Forbidden):
        office.respond(task, actor("issuer"), agreed=True)
    helper = stand_in(session, actor, person, days, "approver", "issuer")
    assert access.may(helper, access.VIEW_FULL, case)
    office.respond(task, helper, agreed=True, comment="同意")
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "task:agreed")).one()
    assert (entry.person_id, entry.substitute_for_id) == (person("issuer").id, person("approver").id)
