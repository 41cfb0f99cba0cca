"""The doors without a login, and the resident's own way in."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from PIL import Image
from sqlalchemy import func, select

from extensions import db, limiter
from models.case import Case
from models.ledger import JournalEntry
from models.paper import Document
from process import engine
from tests.servers import redis_server
from tests.services.fertility import FORM, accepted, approved, certificate_of, data, draw_all, opened, sheet

ITEM = "fertility_registration_card"


def journal_rows(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(JournalEntry))


def test_home_shows_four_doors_and_sends_staff_to_their_desk(app, client_as):
    page = app.test_client().get("/").text
    for path in ("/progress", "/items", "/verify", "/sign-in"):
        assert f'href="{path}"' in page
    assert client_as("window.clerk").get("/").headers["Location"] == "/desk/"


def test_progress_needs_number_and_second_fact_and_says_no_name(app, session, actor):
    case = accepted(session, actor)
    number = case.number
    session.commit()
    client = app.test_client()
    page = client.post("/progress", data={"number": number, "id_last4": "2046"})
    assert (
        page.status_code == 200
        and "已受理" in page.text
        and "东新街道行政服务中心" in page.text
        and "0571-00000002" in page.text
    )
    assert "林若琳" not in page.text and "沈丽娟" not in page.text
    body = client.get(
        "/progress",
        query_string={"number": f" {number.lower()} ", "id_last4": "２０４６"},
        headers={"Accept": "application/json"},
    )
    assert (
        body.status_code == 200
        and body.json["state"] == "已受理"
        and body.json["where"] == "东新街道行政服务中心"
        and body.json["steps"]
    )
    assert "林若琳" not in body.text


def test_who_owes_a_paper_is_told_whom_to_ask(app, session, actor):
    case = accepted(session, actor)
    form = {"number": case.number, "id_last4": "2046"}
    session.commit()
    owes = "还要补材料。缺什么、怎么补，已经发给您"
    assert owes not in app.test_client().post("/progress", data=form).text
    engine.fire(case, "supplement_needed", actor("window.clerk"), inputs={"comment": "照片背景应为白色"})
    session.commit()
    page = app.test_client().post("/progress", data=form).text
    # What is missing stands in the message: nobody has signed in here.
    assert owes in page and "照片背景" not in page


def test_a_wrong_number_and_a_wrong_fact_are_one_answer(app, session, actor):
    number = accepted(session, actor).number
    session.commit()
    client, json = app.test_client(), {"Accept": "application/json"}
    wrong_fact = client.get("/progress", query_string={"number": number, "id_last4": "0000"}, headers=json)
    wrong_number = client.get("/progress", query_string={"number": "DX-2026-999999", "id_last4": "2046"}, headers=json)
    assert wrong_fact.status_code == wrong_number.status_code == 404 and wrong_fact.json == wrong_number.json
    one = client.post("/progress", data={"number": number, "id_last4": "0000"})
    other = client.post("/progress", data={"number": "DX-2026-999999", "id_last4": "2046"})
    assert one.status_code == other.status_code == 404
    assert 'value="0000"' in one.text and f'value="{number}"' in one.text
    keep = re.compile(r'value="[^"]*"')
    assert keep.sub("", one.text) == keep.sub("", other.text)
    half = client.get("/progress", query_string={"number": number}, headers=json)
    assert half.status_code == 422 and half.json["errors"][0]["field"] == "id_last4"
    missing = client.post("/progress", data={"number": number, "id_last4": "46"})
    assert missing.status_code == 422 and 'href="#id_last4"' in missing.text


def test_the_check_page_knows_valid_void_and_unknown_and_leaves_the_journal_alone(app, session, actor):
    case = accepted(session, actor)
    paper = sheet(session, case, "acceptance_notice")
    code = paper.verify_code
    session.commit()
    client, json, before = app.test_client(), {"Accept": "application/json"}, journal_rows(app)
    found = client.get(f"/verify/{code}", headers=json).json
    assert (found["result"], found["kind"], found["holder"]) == ("valid", "受理通知书", "林*")
    unknown = client.get("/verify/" + "x" * 22, headers=json)
    assert unknown.status_code == 200 and unknown.json["result"] == "unknown" and unknown.json.keys() == found.keys()
    page = client.get(f"/verify/{code}").text
    assert "有效，真实出具" in page and "林*" in page and "林若琳" not in page
    assert "没有查到" in client.get("/verify/short").text
    assert (
        client.get("/verify", query_string={"code": f" {code[:4]} {code[4:]} "}).headers["Location"]
        == f"/verify/{code}"
    )
    paper.valid = False
    session.commit()
    assert client.get(f"/verify/{code}", headers=json).json["result"] == "void"
    assert journal_rows(app) == before


def test_a_certificate_is_confirmed_once_issued_and_says_when_it_was_voided(app, session, actor):
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    engine.fire(certificate, "number", actor("issuer"))
    engine.fire(certificate, "seal", actor("issuer"))
    draw_all(session)
    code = certificate.paper.verify_code
    session.commit()
    client, json = app.test_client(), {"Accept": "application/json"}
    assert client.get(f"/verify/{code}", headers=json).json["result"] == "unknown"
    engine.fire(certificate, "issue", actor("issuer"))
    session.commit()
    found = client.get(f"/verify/{code}", headers=json).json
    assert (found["result"], found["number"], found["holder"]) == ("valid", certificate.number, "林*、阿*")
    engine.fire(certificate, "void", actor("approver"), inputs={"comment": "姓名有误"})
    session.commit()
    assert client.get(f"/verify/{code}", headers=json).json["result"] == "void"


@pytest.fixture
def counting(tmp_path, monkeypatch) -> Iterator[None]:
    """Switches the limits on, counted in a Redis as in the office."""
    with redis_server(tmp_path) as url:
        storage = RedisStorage(url.replace("unix://", "redis+unix://", 1))
        monkeypatch.setattr(limiter, "enabled", True)
        monkeypatch.setattr(limiter, "_storage_dead", False)
        monkeypatch.setattr(limiter, "_limiter", MovingWindowRateLimiter(storage))
        yield
        storage.storage.close()


def test_checks_are_limited_per_address(app, counting):
    client = app.test_client()
    here = {"REMOTE_ADDR": "198.51.100.7"}
    answers = [client.get("/verify/" + "y" * 22, environ_base=here) for _ in range(31)]
    assert [a.status_code for a in answers[:30]] == [200] * 30
    assert answers[30].status_code == 429 and "过一分钟再试" in answers[30].text
    assert client.get("/verify/" + "y" * 22, environ_base={"REMOTE_ADDR": "198.51.100.8"}).status_code == 200


def test_guessing_the_second_fact_of_one_number_ends(app, session, actor, counting):
    number = accepted(session, actor).number
    session.commit()
    client = app.test_client()

    def guess(n: int) -> int:
        return client.post(
            "/progress",
            data={"number": number, "id_last4": f"{n:04d}"},
            environ_base={"REMOTE_ADDR": f"198.51.100.{n}"},
        ).status_code

    assert [guess(n) for n in range(20)] == [404] * 20
    assert guess(21) == 429


@pytest.mark.req("S0-37")
def test_a_resident_files_page_by_page_and_each_page_is_kept(app, client_as):
    resident = client_as("resident")
    start = resident.get(f"/apply/{ITEM}")
    assert start.status_code == 200 and "开始填" in start.text
    here = resident.post(f"/apply/{ITEM}").headers["Location"]
    assert here.endswith("/husband")
    page = resident.get(here).text
    assert "第 1 步，共 4 步" in page and 'name="wife_name"' not in page and 'name="husband_name"' in page
    wrong = resident.post(here, data={"husband_name": FORM["husband_name"], "husband_id_number": "330103199209071014"})
    assert (
        wrong.status_code == 422 and 'value="330103199209071014"' in wrong.text and FORM["husband_name"] in wrong.text
    )
    half = resident.post(
        here, data={"husband_name": FORM["husband_name"], "husband_id_number": FORM["husband_id_number"]}
    )
    assert half.status_code == 422 and 'href="#husband_household_address"' in half.text
    there = resident.post(here, data={k: v for k, v in FORM.items() if k.startswith("husband")}).headers["Location"]
    assert there.endswith("/family")
    again = resident.post(f"/apply/{ITEM}").headers["Location"]
    assert again.split("/")[3] == here.split("/")[3], "the draft goes on, no second one is opened"
    assert FORM["husband_name"] in resident.get(here).text
    papers = resident.post(there, data={k: str(v) for k, v in FORM.items() if not k.startswith("husband")}).headers[
        "Location"
    ]
    assert papers.endswith("/papers")
    assert f'value="{FORM["marriage_date"]}"' in resident.get(there).text
    picture = io.BytesIO()
    Image.new("RGB", (40, 40), "grey").save(picture, "JPEG")
    picture.seek(0)
    check = resident.post(papers, data={"file-marriage_certificate": (picture, "结婚证.jpg")}).headers["Location"]
    assert check.endswith("/check")
    last = resident.get(check).text
    assert "J330103-2025-002331" in last and "330103199209071013" not in last and "已传 1/7 份" in last
    done = resident.post(check)
    assert done.status_code == 303
    with app.app_context():
        case = db.session.scalars(select(Case)).one()
        assert (case.state, case.channel, case.trips, case.place_id) == ("submitted", "online_pc", 0, "dx-c01")
        assert db.session.scalars(select(Document)).one().material_id is not None
    assert resident.get(check).status_code == 303, "what was filed is not edited here any more"


def test_an_unfinished_draft_is_not_filed_and_says_where_to_go(app, client_as):
    resident = client_as("resident")
    here = resident.post(f"/apply/{ITEM}").headers["Location"]
    check = here.rpartition("/")[0] + "/check"
    assert "还差" in resident.get(check).text
    refused = resident.post(check)
    assert refused.status_code == 422 and "还差" in refused.text and "/family" in refused.text


def test_nobody_applies_into_somebody_elses_draft(app, session, actor, client_as):
    other = {
        "name": "骆水珍",
        "id_number": "330103194303052043",
        "phone": "13800000018",
        "address": "杭州市下城区东新街道万家星城社区",
    }
    case = opened(session, actor("window.clerk"), item="senior_card", applicant=other, materials=[])
    uid = case.uid
    session.commit()
    resident = client_as("resident")
    assert resident.get(f"/apply/senior_card/{uid}/check").status_code == 404
    assert resident.get(f"/c/{uid}").status_code == 404
    assert resident.get("/apply/none_such").status_code == 404
    assert client_as("window.clerk").get(f"/apply/{ITEM}").status_code == 403
    assert app.test_client().get(f"/apply/{ITEM}").status_code == 303


def test_own_cases_are_all_a_resident_sees(app, session, actor, client_as):
    mine, theirs = (
        accepted(session, actor),
        opened(
            session,
            actor("window.clerk"),
            **{
                **data(),
                "item": "senior_card",
                "materials": [],
                "applicant": {
                    "name": "骆水珍",
                    "id_number": "330103194303052043",
                    "phone": "13800000018",
                    "address": "杭州市下城区东新街道万家星城社区",
                },
            },
        ),
    )
    numbers = mine.number, theirs.number
    session.commit()
    page = client_as("resident").get("/cases").text
    assert numbers[0] in page and numbers[1] not in page
