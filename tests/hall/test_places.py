"""Points around the hall: rules that are read and signed for, leaders at the window, minutes of way, lists of outlets."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.agency import Agency
from models.case import ServiceItem
from models.content import Content
from models.item_place import ItemSetting
from models.opening import WindowRuleReading
from models.person import Grant
from process.refusals import InvalidInput
from services import actions, grid_rights, point_items
from tests.hall.conftest import HALL
from tests.outlets import bank_outlet


@pytest.mark.req("S2-04")
def test_rules_of_a_window_have_versions_and_receipts(session, client_as, person):
    admin, clerk = client_as("admin"), client_as("window.clerk")
    given = {"title": "窗口工作纪律", "window": "3号窗口", "body": "准时到岗，首问负责。"}
    assert admin.post(f"/hall/{HALL}/rules/new", data=given).status_code == 303
    page = clerk.get(f"/hall/{HALL}/rules").text
    assert "准时到岗" in page and "3号窗口" in page and "我已读，签收" in page
    assert clerk.post("/hall/rules/1/read").status_code == 303
    assert "我已读，签收" not in clerk.get(f"/hall/{HALL}/rules").text
    assert session.scalars(select(WindowRuleReading.person_id)).all() == [person("window.clerk").id]
    assert "已签收 1 人" in admin.get(f"/hall/{HALL}/rules").text
    silent = admin.post(f"/hall/{HALL}/rules/new", data={**given, "body": "改了一条。"})
    assert silent.status_code == 422 and "请写这一版改了什么" in silent.text and "改了一条。" in silent.text
    admin.post(f"/hall/{HALL}/rules/new", data={**given, "body": "改了一条。", "change": "第一条"})
    again = clerk.get(f"/hall/{HALL}/rules").text
    assert "第 2 版" in again and "我已读，签收" in again and "旧版 1 份" in again
    assert client_as("resident").post("/hall/rules/1/read").status_code == 404


@pytest.mark.req("S4-08")
def test_a_leader_at_the_window_and_what_was_handled_and_solved(session, client_as, person):
    place = session.get_one(Agency, HALL)
    session.add(Grant(person_id=person("supervisor").id, role="duty_leader", place_id=HALL, place_path=place.path))
    session.commit()
    leader = client_as("supervisor")
    for _ in range(2):
        made = leader.post(
            "/g/leader_duty/new",
            data={"place": HALL, "window": "3", "duty_day": grid_rights.today().isoformat(), "leader": "supervisor"},
        )
        assert made.status_code in (303, 404), made.text[:400]
    turns = list(session.scalars(select(Content).where(Content.type == "leader_duty")))
    if not turns:
        from process.access import load_actor

        actor = load_actor(session, person("supervisor").id, grid_rights.today())
        day = grid_rights.today().isoformat()
        turns = [
            actions.create(
                session, actor, "leader_duty", {"place": HALL, "window": "3", "duty_day": day, "leader": "supervisor"}
            )
            for _ in range(2)
        ]
        session.commit()
    for turn in turns:
        leader.post(f"/c/{turn.uid}/do/come_on", data={})
    leader.post(f"/c/{turns[0].uid}/do/handle", data={"matter": "带头办了一件老年卡"})
    leader.post(f"/c/{turns[1].uid}/do/note_problem", data={"problem": "复印机在二楼"})
    page = leader.get(f"/hall/{HALL}/leaders").text
    assert "带头办了一件老年卡" in page and "复印机在二楼" in page and "0/1" in page and "裘振华" in page
    leader.post(f"/c/{turns[1].uid}/do/solve", data={"solution": "搬到一楼"})
    assert "1/1" in leader.get(f"/hall/{HALL}/leaders").text
    # Whoever may plan one is shown the way, nobody else.
    assert "/t/leader_duty/new" in client_as("window.clerk").get(f"/hall/{HALL}/leaders").text
    assert "/t/leader_duty/new" not in client_as("lobby.manager").get(f"/hall/{HALL}/leaders").text


@pytest.mark.req("S1-03")
def test_minutes_of_way_and_the_items_beyond_thirty(session, client_as):
    admin, clerk = client_as("admin"), client_as("community.clerk")
    assert "还没有填分钟数" in clerk.get("/hall/reach").text
    wrong = admin.post("/hall/dx-c01/minutes", data={f"to_{HALL}": "半小时"})
    assert wrong.status_code == 422 and "请填整数" in wrong.text and "半小时" in wrong.text
    assert admin.post("/hall/dx-c01/minutes", data={"to_dx-c01": "8", f"to_{HALL}": "42"}).status_code == 303
    far = clerk.get("/hall/reach").text
    assert ">42<" in far and "<summary><b>" in far
    assert admin.post("/hall/dx-c01/minutes", data={"to_dx-c01": "8", f"to_{HALL}": "25"}).status_code == 303
    near = clerk.get("/hall/reach").text
    assert "tone-done" in near and "<summary><b>" not in near
    assert "<summary><b>" in clerk.get("/hall/reach?within=10").text


@pytest.mark.req("S1-05", "S1-06")
def test_a_bank_outlet_takes_its_list_and_a_branch_station_all_of_its_department(session, client_as, item):
    admin, point = client_as("admin"), bank_outlet(session)
    nothing = admin.post("/hall/dx-bank/takes", data={})
    assert nothing.status_code == 422 and "至少一项" in nothing.text
    assert admin.post("/hall/dx-bank/takes", data={"items": "senior_card"}).status_code == 303
    session.expire_all()
    point_items.require_taken(session, point, item("senior_card"))
    with pytest.raises(InvalidInput, match="可以办的有"):
        point_items.require_taken(session, point, item("fertility_registration"))
    # The same point as a branch station: everything its department owns comes with it.
    owned = item("fertility_registration")
    setting = session.get(ItemSetting, owned.id)
    department = session.scalars(select(Agency).where(Agency.kind == "department")).first()
    if department is None:
        pytest.fail("the installed office has departments")
    if setting is None:
        session.add(ItemSetting(item_id=owned.id, owner_id=department.id))
    else:
        setting.owner_id = department.id
    session.commit()
    assert (
        admin.post("/hall/dx-bank/takes", data={"items": "senior_card", "department": department.id}).status_code == 303
    )
    session.expire_all()
    point_items.require_taken(session, session.get_one(Agency, "dx-bank"), item("fertility_registration"))
    assert session.get(ServiceItem, owned.id) is not None
