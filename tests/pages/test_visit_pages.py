"""Home visits on the page and through the API: request, hour, route, register, counts; and everybody who must not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models.base import now
from models.care import CareDocument, DoorCall
from models.delegation import HomeVisit
from models.grid import GridLog
from models.ledger import JournalEntry
from models.notice import Notice
from models.person import Person
from models.resident import CareEntry
from process import clock
from process.masking import mask_name
from tests.conftest import PASSWORD
from tests.services.test_care import id_number, person, picture, years_ago
from tests.services.visiting import OLD_LADY, YOUNG, drawn, tomorrow

As = Callable[[str], FlaskClient]


def asked(**changes: str) -> dict[str, str]:
    return {
        "item": "senior_card",
        "applicant_name": OLD_LADY["name"],
        "applicant_id_number": OLD_LADY["id_number"],
        "applicant_phone": OLD_LADY["phone"],
        "applicant_address": OLD_LADY["address"],
        "place": "dx-c01-g1",
        "condition": "age_80",
        **changes,
    }


def the_visit(app: Flask) -> HomeVisit:
    with app.app_context():
        found = db.session.scalars(select(HomeVisit).order_by(HomeVisit.id.desc())).first()
        assert found is not None
        db.session.expunge_all()
        return found


def slot_value(start: Any, who: str = "grid.leader") -> str:
    return f"{start:%Y-%m-%dT%H:%M}|{who}"


@pytest.mark.req("S0-17", "S0-18", "S0-19")
def test_request_hour_route_and_counts_by_hand(app: Flask, client_as: As) -> None:
    clerk, leader = client_as("community.clerk"), client_as("grid.leader")
    answer = clerk.post("/visits/new", data=asked())
    visit = the_visit(app)
    assert answer.status_code == 303 and answer.location.endswith(f"/visits/{visit.uid}/slot")
    start = tomorrow(9, minute=30)
    page = clerk.get(f"/visits/{visit.uid}/slot").text
    assert slot_value(start) in page and slot_value(start, "dx-c01-g1-leader-b") in page and "还有" in page
    chosen = {"slot": slot_value(start), "version": "1"}
    assert clerk.post(f"/visits/{visit.uid}/slot", data=chosen).status_code == 303
    assert the_visit(app).state == "scheduled"
    # The second press of the same button, or a colleague's old page, is told so and changes nothing.
    again = clerk.post(f"/visits/{visit.uid}/slot", data={"slot": slot_value(tomorrow(14, minute=30)), "version": "1"})
    assert again.status_code in (409, 422) and the_visit(app).slot_start == start

    # Somebody else finds this hour taken, and the typed choice stays.
    clerk.post(
        "/visits/new",
        data=asked(
            applicant_name="𠮷䶮㛃", applicant_id_number=id_number(years_ago(83), 421), applicant_phone="13800000020"
        ),
    )
    other = the_visit(app)
    page = clerk.get(f"/visits/{other.uid}/slot").text
    assert slot_value(start) not in page and "已约" in page
    taken = clerk.post(f"/visits/{other.uid}/slot", data={"slot": slot_value(start)})
    assert taken.status_code == 422 and "已约了别家" in taken.text and "还空着的有" in taken.text
    clerk.post(f"/visits/{other.uid}/slot", data={"slot": slot_value(tomorrow(14, minute=30))})

    day = start.date().isoformat()
    route = leader.get(f"/visits/route?day={day}").text
    first, second = route.index(OLD_LADY["name"]), route.index("𠮷䶮㛃")
    assert first < second and OLD_LADY["address"] in route and OLD_LADY["phone"] in route and "本人居民身份证" in route
    assert route.count("下一家") == 1
    with app.app_context():
        seen = db.session.scalars(select(JournalEntry.content_id).where(JournalEntry.action == "personal:reveal")).all()
        assert sorted(seen) == sorted([visit.id, other.id])
    leader.get(f"/visits/route?day={day}")
    with app.app_context():
        assert len(db.session.scalars(select(JournalEntry).where(JournalEntry.action == "personal:reveal")).all()) == 2
    assert "没有约好的上门" in leader.get("/visits/route?day=2026-01-05").text
    for wrong in ("?day=soon", "?day=1999-01-01"):
        assert leader.get(f"/visits/route{wrong}").status_code == 422
    assert leader.get("/visits/route?grid=dx-c01-g2").status_code == 404
    assert client_as("window.clerk").get("/visits/route").status_code in (403, 404)

    leader.post(f"/c/{visit.uid}/do/set_off", data={})
    leader.post(f"/c/{visit.uid}/do/miss", data={"comment": "敲门无人应"})
    with app.app_context():
        assert [call.kind for call in db.session.scalars(select(DoorCall))] == ["miss"]
    assert "没有遇到" not in leader.get(f"/visits/{visit.uid}/slot").text


@pytest.mark.req("S0-17")
def test_not_entitled_is_told_where_to_go(app: Flask, client_as: As) -> None:
    clerk = client_as("community.clerk")
    young = {f"applicant_{name}": value for name, value in YOUNG.items()}
    answer = clerk.post("/visits/new", data=asked(**young), follow_redirects=True)
    assert "就近到社区公共服务站办理" in answer.text and "0571-00000101" in answer.text and "8:30" in answer.text
    visit = the_visit(app)
    refused = clerk.post(f"/visits/{visit.uid}/slot", data={"slot": slot_value(tomorrow(9, minute=30))})
    assert refused.status_code == 422 and "未满80周岁" in refused.text
    assert clerk.post(f"/c/{visit.uid}/do/decline", data={"comment": "告知到社区站"}).status_code == 303
    assert "已告知可以这样办" in clerk.get(f"/visits/{visit.uid}/ways").text
    counts = clerk.get("/visits/counts").text
    assert "1/1" in counts and "未满80周岁" in counts


@pytest.mark.req("S0-19")
def test_a_relative_books_and_sees_only_how_far_it_is(app: Flask, client_as: As) -> None:
    clerk, resident = client_as("community.clerk"), client_as("resident")
    wrong = resident.post("/visits/new", data=asked())
    assert wrong.status_code == 422 and "请选择您与服务对象的关系" in wrong.text and OLD_LADY["name"] in wrong.text
    answer = resident.post("/visits/new", data=asked(requested_relation="孙子女"))
    visit = the_visit(app)
    assert answer.location.endswith(f"/visits/{visit.uid}/slot")
    assert OLD_LADY["name"] not in resident.get(f"/visits/{visit.uid}/slot").text
    start = tomorrow(10, minute=30)
    assert resident.post(f"/visits/{visit.uid}/slot", data={"slot": slot_value(start)}).status_code == 303
    held = the_visit(app)
    assert (held.state, held.slot_start) == ("requested", start)
    shown = resident.get(f"/c/{visit.uid}").text
    assert OLD_LADY["address"] not in shown and OLD_LADY["id_number"] not in shown
    assert clerk.post(f"/visits/{visit.uid}/slot", data={"slot": slot_value(start)}).status_code == 303
    assert the_visit(app).state == "scheduled"
    for path in (f"/visits/{visit.uid}/answers", f"/visits/{visit.uid}/door", "/visits/care", "/visits/counts"):
        assert resident.get(path).status_code in (403, 404) or "还没有人" in resident.get(path).text
    assert resident.post(f"/c/{visit.uid}/do/cancel", data={"comment": "改天再约"}).status_code == 303
    with app.app_context():
        told = db.session.scalars(select(Notice).where(Notice.kind.startswith("visit:")).order_by(Notice.id)).all()
        assert [notice.kind for notice in told] == ["visit:move", "visit:cancel"]
        assert OLD_LADY["name"] not in str([(notice.text, notice.params) for notice in told])
    assert resident.get(f"/visits/{visit.uid}/slot").status_code == 404


@pytest.mark.req("S0-23", "S0-35")
def test_the_register_by_hand(app: Flask, client_as: As) -> None:
    leader = client_as("grid.leader")
    data: dict[str, Any] = {**person(), "file": (io.BytesIO(picture()), "残疾人证.jpg")}
    wrong = leader.post("/visits/care/new", data={**person(), "id_number": "123"})
    assert wrong.status_code == 422 and "轮椅，三楼无电梯" in wrong.text and "18位" in wrong.text
    answer = leader.post("/visits/care/new", data=data, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text[:2000]
    entry = answer.location
    page = leader.get(entry).text
    assert "欧阳㛃䶮" in page and "轮椅，三楼无电梯" in page and "残疾人证.jpg" in page
    with app.app_context():
        kept = db.session.scalars(select(CareDocument)).one()
        number, uid = kept.entry_id, kept.uid
    proof = leader.get(f"/visits/care/{number}/documents/{uid}")
    assert (
        proof.status_code == 200
        and proof.mimetype == "image/jpeg"
        and "sandbox" in proof.headers["Content-Security-Policy"]
    )
    listed = leader.get("/visits/care?view=proof").text
    assert mask_name("欧阳㛃䶮") in listed and "欧阳㛃䶮" not in listed and "轮椅" not in listed
    assert leader.get("/visits/care?view=nonsense&grid=x").status_code == 200
    for name in ("neighbour.clerk", "window.clerk", "supervisor", "resident"):
        stranger = client_as(name)
        for path in (entry, f"/visits/care/{number}/documents/{uid}"):
            assert stranger.get(path).status_code == 404
        assert stranger.post(f"/visits/care/{number}/end", data={"reason": "已去世"}).status_code == 404
    review = {"condition": "limited_mobility", "reason": "电话回访", "review_on": "2020-01-01"}
    wrong = leader.post(f"/visits/care/{number}/review", data=review)
    assert wrong.status_code == 422 and "电话回访" in wrong.text
    assert leader.post(f"/visits/care/{number}/review", data={**review, "review_on": ""}).status_code == 303
    assert leader.post(f"/visits/care/{number}/end", data={"reason": ""}).status_code == 422
    assert leader.post(f"/visits/care/{number}/end", data={"ending": "已迁出本社区"}).status_code == 303
    page = leader.get(entry).text
    assert "已迁出本社区" in page and "电话回访" in page and "俞国芳" in page and "重新列入" in page
    # From the register straight to a visit: nothing is asked twice.
    leader.post(f"/visits/care/{number}/review", data={"condition": "limited_mobility"})
    form = leader.get(f"/visits/new?entry={number}").text
    assert "欧阳㛃䶮" in form and "市二医院诊断证明" in form
    assert client_as("neighbour.clerk").get(f"/visits/new?entry={number}").status_code == 404


@pytest.mark.req("S4-19")
def test_visits_of_the_year_with_the_lines_behind(app: Flask, client_as: As) -> None:
    with app.app_context():
        leader = db.session.scalars(select(Person).where(Person.username == "grid.leader")).one()
        today = clock.local_day(now())
        for days, kind in ((0, "walk"), (1, "visit"), (2, "other"), (400, "walk")):
            db.session.add(
                GridLog(
                    district="xiacheng",
                    grid_id="dx-c01-g1",
                    place_path="/hangzhou/xiacheng/dongxin/dx-c01/dx-c01-g1/",
                    person_id=leader.id,
                    happened_on=today - timedelta(days=days),
                    duty="policy",
                    kind=kind,
                    what="巡查",
                    minutes=30,
                )
            )
        db.session.commit()
        number = leader.id
    supervisor, own = client_as("supervisor"), client_as("grid.leader")
    page = supervisor.get("/visits/counts").text
    assert "2/180" in page and "不排名次" in page
    # In the order of the grids: the numbers of the leaders do not decide who stands first.
    order = re.findall(r"第(\d+)网格", page)
    assert [int(n) for n in order] == sorted(int(n) for n in order)
    behind = own.get(f"/visits/counts/{number}").text
    assert "巡查走访" in behind and "入户走访" in behind and "2 条" in behind
    assert "1 条" in own.get(f"/visits/counts/{number}?kind=walk").text
    assert own.get("/visits/counts?year=1999").status_code == 422
    assert own.get("/visits/counts/999999").status_code == 404
    for name in ("resident", "window.clerk", "courier"):
        assert client_as(name).get("/visits/counts").status_code in (403, 404)
    neighbour = client_as("neighbour.clerk")
    assert neighbour.get(f"/visits/counts/{number}").status_code == 404


def program(app: Flask, username: str) -> Callable[..., Any]:
    client = app.test_client()
    token = client.post("/api/v1/session", json={"username": username, "password": PASSWORD}).json["token"]

    def call(method: str, path: str, **given: Any) -> Any:
        return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **given)

    return call


@pytest.mark.req("S0-19", "S0-23", "S4-19")
def test_the_same_by_program(app: Flask) -> None:
    leader, clerk, stranger = (
        program(app, "grid.leader"),
        program(app, "community.clerk"),
        program(app, "neighbour.clerk"),
    )
    body = {
        "type": "home_visit",
        "item": "senior_card",
        "place": "dx-c01-g1",
        "applicant": OLD_LADY,
        "condition": "age_80",
    }
    made = clerk("POST", "/api/v1/contents", json=body)
    assert made.status_code == 201, made.text
    uid = made.json["uid"]
    answer = leader("GET", f"/api/v1/contents/{uid}/slots")
    assert answer.status_code == 200, answer.text
    hours = answer.json["items"]
    free = next(one for one in hours if one["state"] == "free" and one["visitor"] == "grid.leader")
    given = {"slot_start": free["start"], "visitor": free["visitor"]}
    step = leader("POST", f"/api/v1/contents/{uid}/actions/schedule", json={"version": made.json["version"], **given})
    assert step.status_code == 200, step.text
    route = leader("GET", f"/api/v1/visits/route?day={free['start'][:10]}").json
    assert [stop["uid"] for stop in route["items"]] == [uid] and route["items"][0]["address"] == OLD_LADY["address"]
    assert stranger("GET", f"/api/v1/contents/{uid}/slots").status_code == 404
    assert stranger("GET", "/api/v1/visits/route?grid=dx-c01-g1").status_code == 404
    assert leader("GET", f"/api/v1/contents/{uid}/ways").json["items"]

    added = leader("POST", "/api/v1/care", json=person())
    assert added.status_code == 201 and added.json["history"][0]["reason"] == "走访发现"
    number = added.json["id"]
    assert leader("POST", "/api/v1/care", json=person(proof="", condition="bedridden")).status_code == 422
    listed = leader("GET", "/api/v1/care?view=proof").json
    assert [one["name"] for one in listed["items"]] == ["欧阳*"] and listed["counts"]["now"] == 1
    assert leader("GET", "/api/v1/care?view=all").status_code == 422
    assert stranger("GET", f"/api/v1/care/{number}").status_code == 404
    assert stranger("POST", f"/api/v1/care/{number}/end", json={"reason": "已去世"}).status_code == 404
    ended = clerk("POST", f"/api/v1/care/{number}/end", json={"reason": "已迁出本社区"})
    assert ended.status_code == 200 and ended.json["end_reason"] == "已迁出本社区"
    again = leader("POST", f"/api/v1/care/{number}/review", json={"reason": "搬回来了"})
    assert [event["action"] for event in again.json["history"]] == ["care:open", "care:end", "care:reopen"]
    with app.app_context():
        assert db.session.scalars(select(CareEntry)).one().ended_on is None
    counts = leader("GET", "/api/v1/visits/counts").json
    assert counts["target"] == 180 and counts["items"][0]["total"] == 0


@pytest.mark.req("S0-20")
@pytest.mark.parametrize("verdict", ["alive", "dead"])
def test_the_door_of_a_check(app: Flask, client_as: As, verdict: str) -> None:
    clerk, leader = client_as("community.clerk"), client_as("grid.leader")
    clerk.post("/visits/new", data=asked(item="social_insurance_eligibility_check", insurer_region="成都市"))
    visit = the_visit(app)
    leader.post(f"/visits/{visit.uid}/slot", data={"slot": slot_value(tomorrow(9, minute=30))})
    leader.post(f"/c/{visit.uid}/do/set_off", data={})
    door = f"/visits/{visit.uid}/door"
    seen = {"finding": verdict, **({"identity_checked": "y"} if verdict == "alive" else {})}
    if verdict == "dead":
        wrong = leader.post(f"{door}/identity", data=seen)
        assert wrong.status_code == 422 and "怎么知道的" in wrong.text
        seen["finding_note"] = "女儿出示死亡证明"
    assert leader.post(f"{door}/identity", data=seen).location.endswith("/door/papers")
    assert leader.post(f"{door}/papers", data={}).location.endswith("/door/photos")
    if verdict == "alive":
        assert leader.post(f"{door}/photos", data={}).status_code == 422
        shot = {"photos": (io.BytesIO(picture()), "IMG_1.jpg")}
        answer = leader.post(f"{door}/photos", data=shot, content_type="multipart/form-data")
        assert answer.location.endswith("/door/letter")
        assert leader.post(f"{door}/letter", data={"powers": "file", "signature": drawn()}).status_code == 303
    else:
        # Nobody is left to be photographed or to sign.
        assert leader.post(f"{door}/photos", data={}).location.endswith("/door/list")
    assert leader.post(f"{door}/list", data={}).location.endswith("/door/done")
    assert leader.get(f"{door}/done").status_code == 200
    assert leader.post(f"/c/{visit.uid}/do/file", data={}).status_code == 303
    assert the_visit(app).state == "filed"
