"""一网多格、一格多员: who joins, leads and leaves a grid, and to whom an event goes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.agency import Agency
from models.ledger import JournalEntry
from models.notice import Notice
from models.person import Grant, GridMembership
from process import engine
from process.refusals import Forbidden, InvalidInput
from services import actions, grid_members


@pytest.mark.req("S0-11")
@pytest.mark.req("S0-14")
def test_the_duty_page_lists_everybody_with_capacity_and_phone(session, client_as, member) -> None:
    worker = member("worker.one", "grid_worker")
    member("worker.one", "grid_service_worker")
    member("talker", "grid_publicist")
    session.commit()
    page = client_as("community.clerk").get("/grid/dx-c01-g1/duty")
    assert page.status_code == 200
    for word in ("网格长 2", "网格员 1", "服务员 1", "宣传员 1", worker.name, "13800000999", "俞国芳", "加成员"):
        assert word in page.text
    own = client_as("worker.one").get("/grid/dx-c01-g1/duty").text
    assert "加成员" not in own and "记一条日志" in own
    resident = client_as("resident").get("/grid/dx-c01-g1/duty")
    assert resident.status_code == 200 and "俞国芳" in resident.text
    assert (
        "13800000999" not in resident.text and "13800000001" not in resident.text and "0571-00000110" in resident.text
    )
    assert client_as("community.clerk").get("/grid/dx-c01/duty").status_code == 404


@pytest.mark.req("S0-14")
def test_joining_by_page_gives_the_right_at_the_next_click_and_leaving_takes_it(session, client_as, colleague) -> None:
    colleague("newcomer", "dx-c01")
    session.commit()
    clerk, new = client_as("community.clerk"), client_as("newcomer")
    assert new.get("/grid/log/new").status_code == 404
    form = {"username": "newcomer", "capacities": ["grid_worker", "grid_publicist"], "reason": "网格分工"}
    answer = clerk.post("/grid/dx-c01-g1/members/new", data=form)
    assert answer.status_code == 303, answer.text
    assert new.get("/grid/log/new").status_code == 200
    rows = session.scalars(
        select(GridMembership).join(GridMembership.person).where(GridMembership.grid_id == "dx-c01-g1")
    )
    mine = {m.capacity: m.id for m in rows if m.person.username == "newcomer"}
    assert set(mine) == {"grid_worker", "grid_publicist"}
    page = clerk.get("/grid/dx-c01-g1/duty").text
    assert "加入网格" in page and "网格分工" in page
    for entry in mine.values():
        assert clerk.post(f"/grid/members/{entry}/end", data={"reason": "调走"}).status_code == 303
    assert new.get("/grid/log/new").status_code == 404
    actions_written = session.scalars(select(JournalEntry.action).where(JournalEntry.stream == "grid:dx-c01-g1")).all()
    assert list(actions_written) == ["grid:join"] * 2 + ["grid:leave"] * 2
    text = clerk.get("/grid/dx-c01-g1/duty").text
    assert "离开的成员" in text and "调走" in text


@pytest.mark.req("S0-13")
def test_a_third_leader_is_refused_and_a_missing_one_flagged(session, actor, client_as, colleague) -> None:
    colleague("cadre", "dx-c01")
    session.commit()
    clerk = client_as("community.clerk")
    form = {"username": "cadre", "capacities": "grid_leader", "reason": "接任"}
    answer = clerk.post("/grid/dx-c01-g1/members/new", data=form)
    assert answer.status_code == 422 and "已有 2 位网格长" in answer.text and "接任" in answer.text
    leader = session.scalars(
        select(GridMembership).where(GridMembership.grid_id == "dx-c01-g1").order_by(GridMembership.id)
    ).first()
    assert clerk.post(f"/grid/members/{leader.id}/end", data={"reason": "退休"}).status_code == 303
    assert "网格长 1/2 人" in clerk.get("/grid/dx-c01-g1/duty").text
    assert "1/2 人" in client_as("supervisor").get("/places/grids?short=1").text
    assert clerk.post("/grid/dx-c01-g1/members/new", data=form).status_code == 303
    assert "网格长 1/2 人" not in clerk.get("/grid/dx-c01-g1/duty").text


@pytest.mark.req("S0-13")
def test_leaders_are_cadres_of_the_own_community(session, actor, colleague) -> None:
    colleague("stranger", "dx-c02")
    with pytest.raises(InvalidInput, match="本社区干部"):
        grid_members.add(
            session,
            actor("community.clerk"),
            "dx-c01-g1",
            username="stranger",
            capacities=["grid_leader"],
            reason="借用",
        )


def test_what_is_typed_wrong_is_told_and_stays(session, client_as, colleague, today) -> None:
    colleague("newcomer", "dx-c01")
    session.commit()
    clerk = client_as("community.clerk")
    base = {"username": "newcomer", "capacities": "grid_worker", "reason": "分工文件3号"}
    wrong = [
        ({"username": "nobody.here"}, "没有找到同事"),
        ({"username": "resident"}, "没有找到同事"),
        ({"capacities": "mayor"}, "请至少选一项"),
        ({"reason": ""}, "请写明"),
        ({"since": (today - timedelta(days=1)).isoformat()}, "不能早于今天"),
        ({"since": "2026-02-30"}, "2026-03-05"),
        ({"until": (today - timedelta(days=3)).isoformat()}, "早于开始日期"),
        ({"username": "community.clerk"}, "不能把自己"),
    ]
    for change, sentence in wrong:
        answer = clerk.post("/grid/dx-c01-g1/members/new", data=base | change)
        assert answer.status_code in (422, 403) and sentence in answer.text, sentence
        if answer.status_code == 422 and "reason" not in change:
            assert "分工文件3号" in answer.text
    assert clerk.post("/grid/dx-c01-g1/members/new", data=base).status_code == 303
    again = clerk.post("/grid/dx-c01-g1/members/new", data=base)
    assert again.status_code == 422 and "已经是" in again.text


def test_only_keepers_change_members(session, actor, client_as, member) -> None:
    made = member("worker.one", "grid_worker")
    session.commit()
    entry = session.scalars(select(GridMembership.id).where(GridMembership.person_id == made.id)).one()
    for stranger in ("neighbour.clerk", "supervisor", "grid.leader", "resident", "courier"):
        client = client_as(stranger)
        assert client.get("/grid/dx-c01-g1/members/new").status_code == 404, stranger
        assert client.post(f"/grid/members/{entry}/end", data={"reason": "x"}).status_code == 404, stranger
    with pytest.raises(Forbidden):
        grid_members.end(session, actor("neighbour.clerk"), entry, reason="越权")
    assert client_as("admin").get("/grid/dx-c01-g1/members/new").status_code == 200


def test_a_period_begins_and_ends_by_itself(session, actor, colleague, today) -> None:
    colleague("newcomer", "dx-c01")
    made = grid_members.add(
        session, actor("admin"), "dx-c01-g1", username="newcomer", capacities=["grid_worker"],
        since=today + timedelta(days=2), until=today + timedelta(days=4), reason="短期支援",
    )[0]  # fmt: skip
    grid = session.get_one(Agency, "dx-c01-g1")
    assert made.person not in [m.person for m in grid_members.of_grid(session, grid, today)]
    assert made.person in [m.person for m in grid_members.of_grid(session, grid, today + timedelta(days=4))]
    assert made.person not in [m.person for m in grid_members.of_grid(session, grid, today + timedelta(days=5))]
    grant = session.scalars(select(Grant).where(Grant.person_id == made.person_id)).one()
    assert (grant.since, grant.until) == (made.since, made.until)
    with pytest.raises(InvalidInput, match="不能用“结束”来延长"):
        grid_members.end(session, actor("admin"), made.id, last_day=today + timedelta(days=30), reason="延长")


@pytest.mark.req("S0-14")
def test_a_verified_event_goes_to_the_capacity_of_its_duty(session, actor, member, again) -> None:
    first, second = member("server.one", "grid_service_worker"), member("server.two", "grid_service_worker")
    talker = member("talker", "grid_publicist")
    session.commit()
    taken, leader = [], actor("grid.leader").person_id
    for duty in ("service", "service", "publicity", "information"):
        event = actions.create(
            session, actor("grid.leader"), "grid_event", {"place": "dx-c01-g1", "summary": "楼道堆物", "duty": duty}
        )
        actions.perform(event, "verify", actor("grid.leader"), {"comment": "属实"})
        taken.append(event)
    assert [e.assignee_id for e in taken] == [first.id, second.id, talker.id, leader]
    told = session.scalars(select(Notice).where(Notice.kind == "grid:routed")).all()
    assert [n.person_id for n in told] == [first.id, second.id, talker.id]
    # Whoever it went to handles and settles it, a stranger of the same grid does not even see it.
    mine = again("server.one")
    assert {t.id for t in engine.available(taken[0], mine)} == {"handle"}
    actions.perform(taken[0], "handle", mine, {})
    actions.perform(taken[0], "resolve", mine, {"outcome": "已清理"})
    assert taken[0].state == "resolved"
    assert not engine.available(taken[1], mine)


@pytest.mark.req("S0-14")
def test_a_notice_goes_to_one_capacity_only(session, client_as, member) -> None:
    worker = member("worker.one", "grid_worker")
    member("talker", "grid_publicist")
    session.commit()
    leader = client_as("grid.leader")
    answer = leader.post("/grid/dx-c01-g1/notice", data={"capacity": "grid_worker", "words": "明天九点集合"})
    assert answer.status_code == 303
    told = session.scalars(select(Notice).where(Notice.kind == "grid:notice")).all()
    assert [n.person_id for n in told] == [worker.id]
    assert "明天九点集合" in client_as("worker.one").get("/notices/").text
    empty = leader.post("/grid/dx-c01-g1/notice", data={"capacity": "grid_service_worker", "words": "集合"})
    assert empty.status_code == 422 and "没有服务员" in empty.text and "集合" in empty.text
    assert client_as("talker").get("/grid/dx-c01-g1/notice").status_code == 404


@pytest.mark.req("S0-12")
def test_the_register_leads_to_the_duty_page_of_each_grid(client_as) -> None:
    page = client_as("supervisor").get("/places/grids?community=dx-c01").text
    assert page.count("/duty") == 4 and "349" in page


@pytest.mark.req("S0-14")
def test_a_post_given_on_the_page_of_rights_makes_a_member_too(session, client_as, colleague) -> None:
    colleague("newcomer", "dx-c01")
    session.commit()
    admin = client_as("admin")
    form = {"username": "newcomer", "place": "dx-c01-g1", "role": "grid_worker", "cause": "post", "reason": "分工"}
    assert admin.post("/access/new", data=form).status_code == 303
    assert "网格员 1" in admin.get("/grid/dx-c01-g1/duty").text
    grant = session.scalars(select(Grant).where(Grant.role == "grid_worker", Grant.place_id == "dx-c01-g1")).one()
    assert admin.post(f"/access/grants/{grant.id}/end", data={"reason": "调走"}).status_code == 303
    assert "网格员 0" in admin.get("/grid/dx-c01-g1/duty").text
