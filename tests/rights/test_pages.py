"""The pages of rights, pressed like people press them; a role that is taken away is gone at the next click."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from extensions import db
from models.ledger import JournalEntry
from models.person import Grant, Person
from models.substitution import Substitution
from services import actions
from tests.services import fertility


@pytest.fixture
def case(session, actor):
    made = fertility.accepted(session, actor)
    session.commit()
    return made


def test_administrators_and_heads_have_the_list_and_nobody_else(app, client_as, head_of, session) -> None:
    page = client_as("admin").get("/access/")
    assert page.status_code == 200 and "沈丽娟" in client_as("admin").get("/access/?role=window_clerk").text
    assert client_as("supervisor").get("/access/").status_code == 404
    head_of("approver", "dongxin-centre")
    session.commit()
    text = client_as("approver").get("/access/").text
    assert "沈丽娟" in text and "楼旭东" not in text and "章晓㛃" not in text


def test_giving_by_page_works_at_the_next_click_of_a_running_session(app, session, client_as, days) -> None:
    clerk, admin = client_as("courier"), client_as("admin")
    assert clerk.get("/counter").status_code in (403, 404)
    form = {"username": "courier", "place": "dongxin-centre", "role": "window_clerk", "cause": "post", "reason": "顶岗"}
    answer = admin.post("/access/new", data=form)
    assert answer.status_code == 303, answer.text
    assert clerk.get("/counter").status_code == 200
    given = session.scalars(select(Grant).where(Grant.role == "window_clerk", Grant.place_id == "dongxin-centre")).all()
    mine = next(g for g in given if g.person.username == "courier")
    assert admin.post(f"/access/grants/{mine.id}/end", data={"reason": "回原岗位"}).status_code == 303
    assert clerk.get("/counter").status_code in (403, 404)
    story = admin.get("/access/people/courier").text
    assert "顶岗" in story and "回原岗位" in story


def test_a_role_taken_away_closes_the_api_at_the_next_request(app, session, client_as, case, person) -> None:
    token = app.test_client().post("/api/v1/session", json={"username": "reviewer", "password": "daiban-demo"}).json
    program, headers = app.test_client(), {"Authorization": f"Bearer {token['token']}"}
    assert program.get(f"/api/v1/contents/{case.uid}", headers=headers).status_code == 200
    held = session.scalars(select(Grant).where(Grant.person_id == person("reviewer").id)).one()
    assert client_as("admin").post(f"/access/grants/{held.id}/end", data={"reason": "停职"}).status_code == 303
    for path in ("", "/history", "/documents"):
        assert program.get(f"/api/v1/contents/{case.uid}{path}", headers=headers).status_code == 404
    answer = program.post(f"/api/v1/contents/{case.uid}/actions/review", headers=headers, json={})
    assert answer.status_code == 404


def test_what_was_typed_stays_when_it_is_refused(client_as) -> None:
    form = {"username": "courier", "place": "dongxin", "role": "window_clerk", "cause": "sharing", "reason": "临时帮忙"}
    answer = client_as("admin").post("/access/new", data=form)
    assert answer.status_code == 422 and "到哪一天" in answer.text and "临时帮忙" in answer.text
    answer = client_as("admin").post("/access/new", data=form | {"until": "2026-02-30"})
    assert answer.status_code == 422 and "2026-03-05" in answer.text


def test_a_substitute_is_named_and_ended_by_page(app, session, client_as, person, days, actor) -> None:
    client = client_as("reviewer")
    page = client.get("/me/substitution")
    posts = re.findall(r'name="posts" value="(\d+)" checked', page.text)
    assert page.status_code == 200 and len(posts) == 1
    form = {
        "substitute": "window.clerk",
        "posts": posts,
        "since": days(0).isoformat(),
        "until": days(3).isoformat(),
        "reason": "年休假",
    }
    assert "绕成一圈" not in (answer := client.post("/me/substitution", data=form)).text
    assert answer.status_code == 303, answer.text
    helper = client_as("window.clerk")
    assert "代 陆文斌" in helper.get("/desk/").text
    back = client_as("window.clerk").get("/me/substitution").text
    assert "陆文斌" in back and "年休假" in back
    clash = helper.post("/me/substitution", data=form | {"substitute": "reviewer", "posts": []})
    assert clash.status_code == 422 and "请至少勾选一个" in clash.text
    own = re.findall(r'name="posts" value="(\d+)" checked', helper.get("/me/substitution").text)
    clash = helper.post("/me/substitution", data=form | {"substitute": "reviewer", "posts": own})
    assert clash.status_code == 422 and "绕成一圈" in clash.text and "陆文斌的班由沈丽娟代" in clash.text
    made = session.scalars(select(Substitution)).one()
    assert client_as("issuer").post(f"/me/substitution/{made.uid}/end").status_code == 404
    assert client.post(f"/me/substitution/{made.uid}/end").status_code == 303
    assert "back_office_reviewer" not in actor("window.clerk").roles


def test_history_says_who_for_whom(app, session, client_as, case, person, days, actor) -> None:
    from services import substitutions

    substitutions.name(
        session, actor("reviewer"), person("reviewer"), person("window.clerk"), until=days(3), reason="年休假"
    )
    session.commit()
    helper = client_as("window.clerk")
    assert "代 陆文斌" in re.sub(r"<[^>]+>", "", helper.get(f"/c/{case.uid}").text)
    actions.perform(case, "review", actor("window.clerk"), {"materials": fertility.ticks(case)})
    session.commit()
    assert "代 陆文斌" in helper.get(f"/c/{case.uid}/history").text


def test_the_causes_of_sight_are_those_that_the_policy_knows(app, session, client_as, case) -> None:
    """Everybody on the page may see the thing, and everybody who may see it stands on the page."""
    from models.base import now
    from process import access
    from process.access import load_actor
    from process.clock import local_day
    from services import sight

    listed = {(one.person.id, one.full) for one in sight.causes(session, case)}
    people = session.scalars(select(Person)).unique().all()
    for who in people:
        actor = load_actor(session, who.id, local_day(now()))
        assert access.may(actor, access.VIEW, case) == any(p == who.id for p, _ in listed), who.username
        assert access.may(actor, access.VIEW_FULL, case) == ((who.id, True) in listed), who.username
    page = client_as("admin").get(f"/c/{case.uid}/access")
    assert page.status_code == 200 and "沈丽娟" in page.text and case.title not in page.text
    assert client_as("supervisor").get(f"/c/{case.uid}/access").status_code == 200
    assert client_as("window.clerk").get(f"/c/{case.uid}/access").status_code == 404


def test_one_field_in_full_for_a_reason(app, session, client_as, case, person) -> None:
    clerk, number = client_as("window.clerk"), case.applicant.id_number
    address = f"/c/{case.uid}/fields/applicant.id_number/full"
    assert number not in clerk.get(f"/c/{case.uid}").text and number not in clerk.get(address).text
    answer = clerk.post(address, data={"reason": "   "})
    assert answer.status_code == 422 and number not in answer.text
    answer = clerk.post(address, data={"reason": "电话核对身份"})
    assert answer.status_code == 200 and number in answer.text and answer.headers["Cache-Control"] == "no-store"
    assert case.applicant.phone not in answer.text
    assert number not in clerk.get(f"/c/{case.uid}").text and number not in clerk.get(address).text
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "personal:reveal")).one()
    assert entry.details == {"field": "applicant.id_number"} and entry.comment == "电话核对身份"
    assert client_as("supervisor").post(address, data={"reason": "看看"}).status_code == 404
    assert clerk.get(f"/c/{case.uid}/fields/applicant.name_of_cat/full").status_code == 404


def test_the_resident_sees_who_looked_and_why(app, session, client_as, case, person) -> None:
    case.applicant_id = person("resident").resident_id
    session.commit()
    client_as("window.clerk").post(f"/c/{case.uid}/fields/applicant.phone/full", data={"reason": "通知补材料"})
    page = client_as("resident").get("/me/readings")
    text = re.sub(r"<[^>]+>", "", page.text)
    assert page.status_code == 200 and "沈丽娟" in text and "通知补材料" in text and "电话" in text
    assert client_as("window.clerk").get("/me/readings").status_code == 404
    db.session.expire_all()


def test_the_form_says_for_whom_and_asks_where_there_are_several(
    app, session, client_as, case, person, days, actor
) -> None:
    from services import role_grants, substitutions

    admin = actor("admin")
    role_grants.give(
        session, admin, username="issuer", role="back_office_reviewer", place="dongxin-centre", reason="顶岗"
    )
    for absent in ("reviewer", "issuer"):
        substitutions.name(session, admin, person(absent), person("window.clerk"), until=days(3), reason="年休假")
    session.commit()
    client = client_as("window.clerk")
    page = client.get(f"/c/{case.uid}").text
    roads = re.findall(r'href="([^"]*on_behalf_of=(?:reviewer|issuer))"', page)
    assert (
        {road.rpartition("=")[2] for road in roads} == {"reviewer", "issuer"}
        and "代 陆文斌" in page
        and "代 何䶮" in page
    )
    assert 'name="on_behalf_of" value="issuer"' in client.get(f"/cases/{case.uid}/materials?on_behalf_of=issuer").text
    inputs = {"comment": "缺结婚证复印件"}
    stranger = client.post(f"/c/{case.uid}/do/supplement_needed", data=inputs | {"on_behalf_of": "approver"})
    assert stranger.status_code == 403
