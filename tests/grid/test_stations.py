"""联动工作站: 两警三员 sit there, departments are called for one event, and it is settled together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.content import Content
from models.notice import Notice
from models.person import Grant
from models.station import JointStation, StationMember
from process import engine, office, tasks
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from services import actions, joint_stations
from services.demo.office import Office


@pytest.fixture
def station(session, actor, colleague) -> JointStation:
    made = joint_stations.open_station(session, actor("admin"), {"name": "东新联动工作站", "place": "dongxin"})
    for username, role in (("police", "community_police"), ("urban", "urban_officer"), ("mediator", "mediator")):
        colleague(username, "dongxin")
        joint_stations.join(
            session, actor("admin"), made, {"kind": "permanent", "role": role, "username": username, "reason": "派驻"}
        )
    for username, department in (("justice", "司法"), ("fire", "消防救援")):
        colleague(username, "xiacheng")
        joint_stations.join(
            session,
            actor("admin"),
            made,
            {"kind": "on_call", "department": department, "username": username, "reason": "按需入驻"},
        )
    session.commit()
    return made


@pytest.fixture
def event(session, actor) -> Content:
    made = actions.create(
        session,
        actor("grid.leader"),
        "grid_event",
        {"place": "dx-c01-g1", "summary": "违建堵了消防通道", "duty": "dispute"},
    )
    actions.perform(made, "verify", actor("grid.leader"), {})
    actions.perform(made, "escalate", actor("grid.leader"), {"comment": "要消防和城管一起看"})
    session.commit()
    return made


@pytest.mark.req("S4-35")
def test_members_are_permanent_or_on_call_and_the_lacking_ones_are_named(session, client_as, station) -> None:
    page = client_as("community.clerk").get("/grid/stations").text
    assert "东新联动工作站" in page and "缺 交警、网格员" in page and "司法、消防救援" in page
    one = client_as("grid.leader").get(f"/grid/stations/{station.id}")
    assert one.status_code == 200 and "加成员" not in one.text
    for name in ("司法", "自然资源", "生态环境", "消防救援"):
        assert name in one.text
    assert client_as("resident").get("/grid/stations").status_code == 404


@pytest.mark.req("S4-35")
def test_a_permanent_member_has_the_post_and_loses_exactly_it(session, actor, again, station, client_as, event) -> None:
    police = again("police")
    assert police.roles == {"community_police"} and "join" in {t.id for t in engine.available(event, police)}
    row = session.scalars(select(StationMember).where(StationMember.role == "community_police")).one()
    admin = client_as("admin")
    url = f"/grid/stations/{station.id}/members/{row.id}/end"
    assert admin.post(url, data={"reason": ""}).status_code == 422
    assert admin.post(url, data={"reason": "调离"}).status_code == 303
    session.expire_all()
    assert not again("police").held and not engine.available(event, again("police"))
    assert not session.scalars(select(Grant).where(Grant.role == "community_police")).all()
    assert admin.post(url, data={"reason": "再来一次"}).status_code == 422


@pytest.mark.req("S4-35")
def test_a_department_on_call_sees_nothing_until_it_is_called(session, again, station, event) -> None:
    for username in ("justice", "fire"):
        assert not again(username).held
        assert session.scalar(select(Grant.id).join(Grant.person).where(Grant.person.has(username=username))) is None


@pytest.mark.req("S4-34")
def test_an_event_is_settled_together(session, actor, again, station, event, client_as) -> None:
    assert event.unit_id == "dongxin" and event.assignee_id is None
    told = session.scalars(select(Notice).where(Notice.kind == "grid:escalated")).all()
    assert len(told) == 3
    police = again("police")
    with pytest.raises(NotAvailable):
        joint_stations.call(session, police, event, 1, "看消防通道")
    actions.perform(event, "join", police, {"members": ["community_police", "urban_officer", "on_call"]})
    session.commit()
    # The page offers the departments of this grid's station.
    client = client_as("police")
    assert f"/grid/events/{event.uid}/call" in client.get(f"/c/{event.uid}").text
    assert f"/grid/events/{event.uid}/call" not in client_as("grid.leader").get(f"/c/{event.uid}").text
    page = client.get(f"/grid/events/{event.uid}/call")
    assert page.status_code == 200 and "消防救援" in page.text and "司法" in page.text
    fire = session.scalars(select(StationMember).where(StationMember.department == "消防救援")).one()
    empty = client.post(f"/grid/events/{event.uid}/call", data={"member": str(fire.id), "why": ""})
    assert empty.status_code == 422 and "请写明请该部门来看什么" in empty.text
    odd = client.post(f"/grid/events/{event.uid}/call", data={"member": "999999", "why": "看通道"})
    assert odd.status_code == 422 and "看通道" in odd.text
    assert client_as("fire").get(f"/c/{event.uid}").status_code == 404
    assert (
        client.post(f"/grid/events/{event.uid}/call", data={"member": str(fire.id), "why": "看通道"}).status_code == 303
    )
    assert client_as("fire").get(f"/c/{event.uid}").status_code == 200
    assert (
        client.post(f"/grid/events/{event.uid}/call", data={"member": str(fire.id), "why": "再看"}).status_code == 422
    )
    session.expire_all()
    # Nothing is settled before the department has spoken, and not without a joint finding.
    with pytest.raises(RequirementUnmet):
        actions.perform(event, "resolve", again("mediator"), {"outcome": "拆除", "finding": "一起看过"})
    waiting = tasks.holding(session, event)
    assert len(waiting) == 1
    office.respond(waiting[0], again("fire"), agreed=True, comment="通道宽度不足，限期拆除")
    with pytest.raises(RequirementUnmet, match="联合认定"):
        actions.perform(event, "resolve", again("mediator"), {"outcome": "拆除"})
    actions.perform(event, "find", again("urban"), {"finding": "社区民警、城管、消防到场，认定违建，由城管拆除"})
    actions.perform(event, "resolve", again("mediator"), {"outcome": "已拆除，通道恢复"})
    actions.perform(event, "archive", actor("community.clerk"), {})
    session.commit()
    assert event.state == "archived" and event.fields["finding"].startswith("社区民警")
    assert "已认定" in client.get(f"/grid/events/{event.uid}/call").text


@pytest.mark.req("S4-34")
def test_the_share_of_joint_events_has_numerator_and_base(
    session, actor, again, station, event, client_as, today
) -> None:
    other = actions.create(
        session, actor("grid.leader"), "grid_event", {"place": "dx-c01-g1", "summary": "楼道堆物", "duty": "service"}
    )
    share = joint_stations.share(session, actor("grid.leader"), today, today)
    assert (share.events, share.joint, share.resolved) == (2, 0, 0)
    actions.perform(event, "join", again("police"), {})
    actions.perform(event, "resolve", again("mediator"), {"outcome": "好了", "finding": "一起看过"})
    session.commit()
    share = joint_stations.share(session, actor("grid.leader"), today, today)
    assert (share.events, share.joint, share.resolved, share.joint_resolved) == (2, 1, 1, 1)
    page = client_as("community.clerk").get("/grid/stations").text
    assert "1/2（50.0%）" in page and "1/1（100.0%）" in page and event.number in page and other.number not in page
    assert "0/0" in client_as("neighbour.clerk").get("/grid/stations").text
    assert joint_stations.share(session, actor("grid.leader"), today - timedelta(9), today - timedelta(1)).events == 0


def test_wrong_stations_and_members_are_told(session, actor, client_as, station, colleague) -> None:
    admin = client_as("admin")
    wrong = [
        ({"name": "", "place": "dongxin"}, "请写工作站的名称"),
        ({"name": "甲站", "place": "dx-c01-g1"}, "请选街道或社区"),
        ({"name": "甲站", "place": "nowhere"}, "请选街道或社区"),
        ({"name": "东新联动工作站", "place": "dongxin"}, "已有"),
    ]
    for form, sentence in wrong:
        answer = admin.post("/grid/stations/new", data=form)
        assert answer.status_code == 422 and sentence in answer.text, sentence
    colleague("traffic", "dongxin")
    session.commit()
    base = {"kind": "permanent", "role": "traffic_police", "username": "traffic", "reason": "派驻"}
    for change, sentence in (
        ({"kind": "guest"}, "请选常驻还是按需入驻"),
        ({"role": "approver"}, "两警三员"),
        ({"kind": "on_call", "department": ""}, "请写按需入驻的部门"),
        ({"username": "nobody"}, "没有找到同事"),
        ({"username": "resident"}, "没有找到同事"),
        ({"reason": ""}, "请写明"),
        ({"since": "2020-01-01"}, "不能早于今天"),
        ({"since": "x"}, "2026-03-05"),
        ({"username": "police", "role": "community_police"}, "已经在"),
    ):
        answer = admin.post(f"/grid/stations/{station.id}/members/new", data=base | change)
        assert answer.status_code == 422 and sentence in answer.text, sentence
    assert admin.post(f"/grid/stations/{station.id}/members/new", data=base).status_code == 303
    for stranger in ("community.clerk", "grid.leader", "supervisor"):
        assert client_as(stranger).get(f"/grid/stations/{station.id}/members/new").status_code == 404
        assert client_as(stranger).get("/grid/stations/new").status_code == 404
    with pytest.raises(Forbidden):
        joint_stations.join(session, actor("grid.leader"), station, base)
    assert admin.get("/grid/stations/99999").status_code == 404


def test_the_call_is_for_grid_events_only(session, actor, again, station, event, client_as) -> None:
    assert client_as("neighbour.clerk").get(f"/grid/events/{event.uid}/call").status_code == 404
    teller = Office(session)
    other = teller.create("community.clerk", "hotline_consult", teller.today, question="怎么办居住证", place="dx-c01")
    session.commit()
    assert client_as("community.clerk").get(f"/grid/events/{other.uid}/call").status_code == 404
    with pytest.raises((NotFound, InvalidInput)):
        joint_stations.call(session, again("police"), other, 1, "x")
