"""Outreach events, social organisations, one delegate for each project, assessors who see their own sample only: by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.person import Grant, Person
from services import accounts, installation

As = Callable[[str], FlaskClient]


def made(client: FlaskClient, type_id: str, **form: Any) -> str:
    answer = client.post(f"/t/{type_id}/new", data=form)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].rpartition("/")[2]


def state(session: Session, uid: str) -> Content:
    session.expire_all()
    return session.scalars(select(Content).where(Content.uid == uid)).one()


@pytest.mark.req("S4-18")
def test_an_outreach_event_has_items_attendants_and_cases(client_as: As, session: Session) -> None:
    clerk = client_as("community.clerk")
    empty = clerk.post("/t/outreach_event/new", data={"title": "红立方便民日", "venue": "", "held_on": "2026-03-05"})
    assert empty.status_code == 422 and "红立方便民日" in empty.text
    form = {"title": "红立方便民日", "venue": "红立方", "held_on": "2026-03-05", "items": "老年卡\n生育登记服务卡"}
    uid = made(clerk, "outreach_event", **form)
    assert clerk.post(f"/c/{uid}/do/hold", data={}).status_code == 422
    assert clerk.post(f"/c/{uid}/do/hold", data={"attendants": "124"}).status_code == 303
    done = clerk.post(
        f"/c/{uid}/do/report", data={"cases_opened": "2", "case_numbers": "DX-2026-000001、DX-2026-000002"}
    )
    assert done.status_code == 303
    event = state(session, uid)
    assert event.state == "reported" and (event.fields["attendants"], event.fields["cases_opened"]) == (124, 2)
    page = clerk.get(f"/c/{uid}").text
    assert "老年卡" in page and "红立方" in page and "DX-2026-000002" in page
    assert client_as("neighbour.clerk").get(f"/c/{uid}").status_code == 404


@pytest.mark.req("S4-36")
def test_the_register_of_social_organisations_says_registered_or_recorded(client_as: As, session: Session) -> None:
    clerk = client_as("community.clerk")
    wrong = clerk.post("/t/social_organisation/new", data={"name": "邻里互助社", "standing": "famous", "does": "助老"})
    assert wrong.status_code == 422 and "邻里互助社" in wrong.text
    uid = made(clerk, "social_organisation", name="邻里互助社", standing="recorded", does="助老")
    assert clerk.post(f"/c/{uid}/do/enter", data={}).status_code == 303
    assert clerk.post(f"/c/{uid}/do/restate", data={"standing": "registered"}).status_code == 422
    changed = clerk.post(f"/c/{uid}/do/restate", data={"standing": "registered", "comment": "领到登记证"})
    assert changed.status_code == 303 and state(session, uid).fields["standing"] == "registered"
    listed = clerk.get("/t/social_organisation/").text
    assert "邻里互助社" in listed and "登记" in listed
    assert clerk.post(f"/c/{uid}/do/end", data={"comment": "解散"}).status_code == 303
    assert state(session, uid).state == "ended"


def account(session: Session, username: str, role: str, place: str, path: str) -> None:
    """Somebody from outside, with a role at one unit only."""
    person = Person(
        username=username,
        name="评估员",
        unit_id=place,
        password_hash=accounts.hash_password(installation.DEMO_PASSWORD),
    )
    session.add(person)
    session.flush()
    session.add(Grant(person_id=person.id, role=role, place_id=place, place_path=path))
    session.commit()


@pytest.mark.req("S3-13")
@pytest.mark.parametrize("role", ["third_party_assessor", "volunteer_inspector"])
def test_people_from_outside_see_their_own_sample_and_nothing_else(
    client_as: As, session: Session, agency: Callable, role: str
) -> None:
    account(session, "outside", role, "dx-c01", agency("dx-c01").path)
    account(session, "office", "approvals_office", "dongxin", agency("dongxin").path)
    office, outside = client_as("office"), client_as("outside")
    own = made(office, "supervision_round", summary="查万家星城窗口", place="dx-c01")
    other = made(office, "supervision_round", summary="查社区02窗口", place="dx-c02")
    event = made(
        client_as("community.clerk"),
        "outreach_event",
        title="便民日",
        venue="广场",
        held_on="2026-03-05",
        items="老年卡",
    )
    assert outside.get(f"/c/{own}").status_code == 200
    for uid in (other, event):
        assert outside.get(f"/c/{uid}").status_code == 404
    listed = outside.get("/t/supervision_round/").text
    assert "查万家星城窗口" in listed and "查社区02窗口" not in listed
    for address in ("/errands/board", "/counter", "/t/supervision_round/new"):
        assert outside.get(address).status_code in (403, 404), address


@pytest.mark.req("S3-23")
def test_a_project_has_one_named_delegate_from_preparation_to_acceptance(
    client_as: As, session: Session, agency: Callable
) -> None:
    for username, role in (
        ("manager", "project_manager"),
        ("delegate.a", "project_delegate"),
        ("delegate.b", "project_delegate"),
    ):
        account(session, username, role, "dongxin", agency("dongxin").path)
    manager, first, second = client_as("manager"), client_as("delegate.a"), client_as("delegate.b")
    uid = made(
        manager,
        "project_delegation",
        name="老旧厂房改造",
        enterprise="示例企业",
        funding="enterprise",
        place="dongxin",
        applicant_name="李桂芬",
        applicant_id_number="11010519491231002X",
        applicant_phone="13800001234",
        applicant_address="文晖路18幢",
    )
    assert first.post(f"/c/{uid}/do/claim", data={}).status_code == 303
    late = second.post(f"/c/{uid}/do/claim", data={})
    assert late.status_code == 409 and "评估员已于" in late.text
    named = state(session, uid).assignee
    assert named is not None and named.username == "delegate.a"
    assert manager.post(f"/c/{uid}/do/list_items", data={"checklist_items": "立项、用地、规划"}).status_code == 303
    assert first.post(f"/c/{uid}/do/prepare", data={}).status_code == 303
    kept = state(session, uid)
    assert kept.state == "preparing" and kept.assignee is not None and kept.assignee.username == "delegate.a"


@pytest.mark.req("S2-09")
def test_the_sheet_for_the_showcase_lists_procedure_and_materials(app: Any) -> None:
    from catalogue import loader as catalogue
    from tests.pages.test_handbook import text_of

    answer = app.test_client().get("/items/senior_card/sheets/board_sheet.pdf")
    text = "".join("".join(text_of(answer.data)).split())
    item = catalogue.items()["senior_card"]
    assert answer.status_code == 200 and item.name in text
    for material in item.materials:
        assert "".join(material.name.split()) in text, material.name
    assert "怎么办" in text or "办理流程" in text or "流程" in text
