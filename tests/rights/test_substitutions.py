"""Standing in by date: one hop, no loops, ended by the calendar or at once; history names both."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.ledger import JournalEntry
from models.person import Grant
from process.refusals import Forbidden, InvalidInput
from services import accounts_admin, role_grants, substitutions

WHY = "年休假"


def name(session, actor, principal, substitute, days, *, first=0, last=5, **more):
    return substitutions.name(
        session, actor, principal, substitute, since=days(first), until=days(last), reason=WHY, **more
    )


def test_it_is_in_force_by_date_and_nobody_switches_anything(session, actor, person, days, as_of) -> None:
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days, first=2, last=4)
    for day, there in ((1, False), (2, True), (4, True), (5, False)):
        held = [h for h in as_of("window.clerk", days(day)).held if h.principal_id == person("reviewer").id]
        assert bool(held) is there, day
        assert all(h.role == "back_office_reviewer" for h in held)


def test_both_streams_say_it(session, actor, person, days) -> None:
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    rows = session.scalars(select(JournalEntry).where(JournalEntry.action == "access:substitute")).all()
    assert {r.stream for r in rows} == {f"person:{person(u).id}" for u in ("reviewer", "window.clerk")}
    assert all(r.comment == WHY for r in rows)


def test_what_is_held_as_a_substitute_is_not_handed_on(session, actor, person, days, as_of) -> None:
    """A→B→C: C holds the posts of B and nothing of A; whose names B's stand-in may use are B's only."""
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    name(session, actor("window.clerk"), person("window.clerk"), person("issuer"), days)
    third = as_of("issuer", days(0))
    assert {h.principal_id for h in third.held} == {None, person("window.clerk").id}
    assert "window_clerk" in third.roles and "back_office_reviewer" not in third.roles


def test_in_the_other_order_the_chain_ends_as_well(session, actor, person, days, as_of) -> None:
    name(session, actor("window.clerk"), person("window.clerk"), person("issuer"), days)
    made = name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    assert "back_office_reviewer" not in as_of("issuer", days(0)).roles
    assert "不会转给" in (substitutions.warning(session, made) or "")


def test_two_who_stand_in_for_each_other_are_refused_with_the_way(session, actor, person, days) -> None:
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days, first=0, last=5)
    with pytest.raises(InvalidInput, match=r"绕成一圈.*陆文斌的班由沈丽娟代"):
        name(session, actor("window.clerk"), person("window.clerk"), person("reviewer"), days, first=5, last=9)
    name(session, actor("window.clerk"), person("window.clerk"), person("reviewer"), days, first=6, last=9)


def test_a_longer_loop_is_found_too_but_only_on_days_they_share(session, actor, person, days) -> None:
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days, first=0, last=5)
    name(session, actor("window.clerk"), person("window.clerk"), person("issuer"), days, first=4, last=9)
    with pytest.raises(InvalidInput, match="绕成一圈"):
        name(session, actor("issuer"), person("issuer"), person("reviewer"), days, first=5, last=5)
    name(session, actor("issuer"), person("issuer"), person("reviewer"), days, first=6, last=9)


def test_one_post_has_one_stand_in_a_day(session, actor, person, days) -> None:
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    with pytest.raises(InvalidInput, match="已由沈丽娟代班"):
        name(session, actor("reviewer"), person("reviewer"), person("issuer"), days, first=5, last=6)


def test_only_the_posts_that_were_ticked(session, actor, person, days, as_of) -> None:
    own = substitutions.posts_of(session, person("community.clerk"), days(0), days(5))
    chosen = [g.id for g in own if g.role == "delegate"]
    name(session, actor("community.clerk"), person("community.clerk"), person("dx-c01-clerk-a"), days, posts=chosen)
    held = [h for h in as_of("dx-c01-clerk-a", days(0)).held if h.principal_id]
    assert [h.role for h in held] == ["delegate"]
    with pytest.raises(InvalidInput, match="不是其本人"):
        name(session, actor("reviewer"), person("reviewer"), person("issuer"), days, posts=chosen)


def test_a_post_that_ends_earlier_is_lent_no_longer(session, actor, person, days, as_of) -> None:
    given = role_grants.give(
        session,
        actor("admin"),
        username="reviewer",
        role="window_clerk",
        place="dongxin-centre",
        until=days(2),
        reason="顶岗",
    )
    name(session, actor("reviewer"), person("reviewer"), person("issuer"), days)
    assert "window_clerk" in as_of("issuer", days(2)).roles and "window_clerk" not in as_of("issuer", days(3)).roles
    role_grants.end(session, actor("admin"), given.id, reason="提前结束")
    assert "window_clerk" not in as_of("issuer", days(0)).roles
    assert "back_office_reviewer" in as_of("issuer", days(0)).roles


def test_it_ends_at_once_or_by_a_day(session, actor, person, days, as_of) -> None:
    made = name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    before = person("window.clerk").epoch
    substitutions.end(session, actor("reviewer"), made, last_day=days(1))
    assert "back_office_reviewer" not in as_of("window.clerk", days(2)).roles
    substitutions.end(session, actor("reviewer"), made)
    assert "back_office_reviewer" not in actor("window.clerk").roles
    assert person("window.clerk").epoch > before
    with pytest.raises(InvalidInput, match="已经结束"):
        substitutions.end(session, actor("reviewer"), made)


def test_the_substitute_may_give_it_back_and_says_why(session, actor, person, days) -> None:
    made = name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    with pytest.raises(InvalidInput, match="原因"):
        substitutions.end(session, actor("window.clerk"), made)
    substitutions.end(session, actor("window.clerk"), made, reason="另有任务")
    assert (
        made.end_reason == "另有任务"
        and not session.scalars(select(Grant).where(Grant.principal_id.is_not(None))).all()
    )


def test_who_may_name_one(session, actor, person, days, head_of) -> None:
    with pytest.raises(Forbidden):
        name(session, actor("issuer"), person("reviewer"), person("window.clerk"), days)
    name(session, head_of("approver", "dongxin-centre"), person("reviewer"), person("window.clerk"), days)
    name(session, actor("admin"), person("issuer"), person("window.clerk"), days)


def test_nobody_takes_a_post_by_naming_themselves(session, actor, person, days, head_of) -> None:
    with pytest.raises(Forbidden, match="不能指定自己"):
        name(session, head_of("approver", "dongxin-centre"), person("reviewer"), person("approver"), days)
    with pytest.raises(Forbidden, match="不能指定自己"):
        name(session, actor("admin"), person("reviewer"), person("admin"), days)


def test_watching_is_lent_by_administrators_only(session, actor, person, days) -> None:
    with pytest.raises(Forbidden, match="督查人员"):
        name(session, actor("supervisor"), person("supervisor"), person("catalogue.manager"), days)
    name(session, actor("admin"), person("supervisor"), person("catalogue.manager"), days)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"first": -1}, "已经过去的日子"),
        ({"first": 5, "last": 1}, "早于开始日期"),
        ({"last": 900}, "最长一年"),
    ],
)
def test_impossible_periods(session, actor, person, days, changes, sentence) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days, **changes)


@pytest.mark.parametrize(
    ("absent", "asked", "sentence"),
    [
        ("reviewer", "reviewer", "本人"),
        ("reviewer", "resident", "不是在职"),
        ("grid.leader", "window.clerk", "不在同一单位"),
    ],
)
def test_impossible_people(session, actor, person, days, absent, asked, sentence) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        name(session, actor(absent), person(absent), person(asked), days)


def test_an_account_that_is_closed_takes_its_substitutes_rights_along(session, actor, person, days) -> None:
    name(session, actor("reviewer"), person("reviewer"), person("window.clerk"), days)
    accounts_admin.disable(session, None, "reviewer")
    assert "back_office_reviewer" not in actor("window.clerk").roles
