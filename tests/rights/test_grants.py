"""Giving and ending roles: for whom, where, from when to when; nobody lifts themselves."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.ledger import JournalEntry
from models.person import Grant
from process.calendar_days import say
from process.refusals import Forbidden, InvalidInput, NotFound
from services import role_grants

WHY = "街道调令〔2026〕12号"


def give(session, actor, **changes):
    asked = {"username": "window.clerk", "role": "back_office_reviewer", "place": "dongxin-centre", "reason": WHY}
    return role_grants.give(session, actor, **{**asked, **changes})


def test_the_administrator_gives_a_role_and_the_journal_says_why(session, actor, person) -> None:
    before = person("window.clerk").epoch
    given = give(session, actor("admin"))
    assert (given.cause, given.until) == ("post", None)
    assert "back_office_reviewer" in actor("window.clerk").roles
    assert person("window.clerk").epoch > before
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "access:grant")).one()
    assert entry.stream == f"person:{person('window.clerk').id}" and entry.comment == WHY
    assert entry.details["role"] == "back_office_reviewer" and entry.person_id == person("admin").id


def test_a_head_gives_roles_in_the_unit_and_below_only(session, head_of) -> None:
    head = head_of("approver", "dongxin-centre")
    give(session, head)
    with pytest.raises(Forbidden, match="不在您管理的范围内"):
        give(session, head, place="dx-c01", role="community_clerk")
    street = head_of("dispatcher", "dongxin")
    give(session, street, username="community.clerk", place="dx-c01", role="grid_worker")


@pytest.mark.parametrize("role", ["system_admin", "head", "supervisor", "statistician", "inspection_office"])
def test_a_head_gives_nothing_that_rules_or_watches(session, head_of, role) -> None:
    with pytest.raises(Forbidden, match="系统管理员"):
        give(session, head_of("approver", "dongxin-centre"), role=role)


def test_a_head_gives_no_role_above_the_place(session, head_of) -> None:
    with pytest.raises(Forbidden, match="高于"):
        give(session, head_of("community.clerk", "dx-c01"), username="grid.leader", role="window_clerk", place="dx-c01")


def test_nobody_lifts_themselves(session, actor, head_of) -> None:
    with pytest.raises(Forbidden, match="不能给自己"):
        give(session, actor("admin"), username="admin")
    with pytest.raises(Forbidden, match="不能给自己"):
        give(session, head_of("approver", "dongxin-centre"), username="approver")


def test_who_is_neither_head_nor_administrator_gives_nothing(session, actor) -> None:
    with pytest.raises(Forbidden, match="没有授予岗位的权限"):
        give(session, actor("supervisor"))


def test_a_stand_in_of_the_head_hands_nothing_on(session, person, agency, as_of, days) -> None:
    place = agency("dongxin-centre")
    session.add(
        Grant(
            person_id=person("reviewer").id,
            role="head",
            place_id=place.id,
            place_path=place.path,
            cause="substitution",
            principal_id=person("approver").id,
        )
    )
    session.flush()
    with pytest.raises(Forbidden):
        give(session, as_of("reviewer", days(0)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"reason": "  "}, "请写明授予的原因"),
        ({"username": "nobody.here"}, "没有找到同事"),
        ({"username": "resident"}, "没有找到同事"),
        ({"role": "approvr"}, "approver"),
        ({"role": "applicant"}, "不是岗位"),
        ({"place": "dongxin-center"}, "dongxin-centre"),
        ({"cause": "task"}, "缘由"),
        ({"cause": "sharing"}, "到哪一天"),
        ({"role": "grid_leader"}, "不是网格"),
        ({"role": "red_courier"}, "跑腿工登记"),
    ],
)
def test_what_is_wrong_is_said(session, actor, changes, sentence) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        give(session, actor("admin"), **changes)


def test_impossible_periods_are_refused_with_both_dates(session, actor, days) -> None:
    admin = actor("admin")
    with pytest.raises(InvalidInput, match="不能倒签"):
        give(session, admin, since=days(-1))
    with pytest.raises(InvalidInput, match=f"{say(days(1))}早于开始日期{say(days(5))}"):
        give(session, admin, since=days(5), until=days(1))
    with pytest.raises(InvalidInput, match="最长一年"):
        give(session, admin, cause="delegation", until=days(800))


def test_periods_of_the_same_post_do_not_overlap(session, actor, days) -> None:
    admin = actor("admin")
    give(session, admin, since=days(10), until=days(20))
    with pytest.raises(InvalidInput, match=f"{days(10)} 至 {days(20)}"):
        give(session, admin, since=days(20), until=days(30))
    give(session, admin, since=days(21))
    with pytest.raises(InvalidInput, match="重叠"):
        give(session, admin, role="window_clerk")


def test_a_role_works_only_in_its_period(session, actor, as_of, days) -> None:
    give(session, actor("admin"), since=days(3), until=days(5), cause="delegation")
    held = {day: "back_office_reviewer" in as_of("window.clerk", days(day)).roles for day in (0, 2, 3, 5, 6)}
    assert held == {0: False, 2: False, 3: True, 5: True, 6: False}


def test_ending_needs_a_reason_and_works_at_once(session, actor, person) -> None:
    given = give(session, actor("admin"))
    with pytest.raises(InvalidInput, match="原因"):
        role_grants.end(session, actor("admin"), given.id)
    role_grants.end(session, actor("admin"), given.id, reason="调离")
    assert "back_office_reviewer" not in actor("window.clerk").roles
    told = session.scalars(select(JournalEntry).where(JournalEntry.action == "access:end")).one()
    assert told.comment == "调离"


def test_ending_by_a_day_to_come(session, actor, as_of, days) -> None:
    given = give(session, actor("admin"), until=days(30))
    with pytest.raises(InvalidInput, match="不能早于今天"):
        role_grants.end(session, actor("admin"), given.id, last_day=days(-2), reason="调离")
    with pytest.raises(InvalidInput, match="延长"):
        role_grants.end(session, actor("admin"), given.id, last_day=days(31), reason="调离")
    role_grants.end(session, actor("admin"), given.id, last_day=days(7), reason="调离")
    assert "back_office_reviewer" in as_of("window.clerk", days(7)).roles
    assert "back_office_reviewer" not in as_of("window.clerk", days(8)).roles


def test_nobody_ends_their_own_post_nor_one_out_of_reach(session, actor, person, head_of) -> None:
    own = session.scalars(select(Grant).where(Grant.role == "system_admin")).one()
    with pytest.raises(Forbidden, match="自己"):
        role_grants.end(session, actor("admin"), own.id, reason="交接")
    with pytest.raises(NotFound):
        role_grants.end(session, head_of("approver", "dongxin-centre"), own.id, reason="交接")
    watching = session.scalars(select(Grant).where(Grant.role == "supervisor")).one()
    with pytest.raises(Forbidden, match="系统管理员"):
        role_grants.end(session, head_of("dispatcher", "dongxin"), watching.id, reason="不想被督查")


def test_a_leader_given_by_page_leads_the_grid(session, actor, person, days) -> None:
    from models.person import GridMembership

    give(session, actor("admin"), username="community.clerk", role="grid_leader", place="dx-c01-g1", until=days(9))
    member = session.scalars(
        select(GridMembership).where(GridMembership.person_id == person("community.clerk").id)
    ).one()
    assert (member.grid_id, member.until) == ("dx-c01-g1", days(9))


def test_the_list_holds_what_lies_within_reach_page_by_page(session, actor, head_of) -> None:
    admin, seen, after = actor("admin"), [], ""
    while after is not None:
        rows, after = role_grants.listed(session, admin, after=after)
        seen += [row.id for row in rows]
    everything = session.scalars(
        select(Grant.id).where(Grant.place_path.startswith("/hangzhou/xiacheng/"), Grant.role != "applicant")
    ).all()
    assert len(seen) == len(set(seen)) and set(seen) == set(everything)
    rows, _ = role_grants.listed(session, head_of("approver", "dongxin-centre"))
    assert rows and all(row.place_id == "dongxin-centre" for row in rows)
    assert role_grants.listed(session, actor("supervisor"))[0] == []
