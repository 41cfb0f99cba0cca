"""综合受理 clicked like a clerk does, the list of cases, and the reviewer's page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import event, select

from extensions import db
from models.case import Case
from models.ledger import JournalEntry
from models.paper import Document
from models.resident import Resident
from process import engine
from services import actions
from tests.services.fertility import FORM, accepted, data

As = Callable[[str], FlaskClient]
ITEM = "fertility_registration_card"
# The applicant is known from the demo, so neither phone nor address is typed again.
WIFE_TYPED = {"item": ITEM, "applicant_id_number": "330103199406182046", "applicant_name": "林若琳"}
TICKS = {
    f"m-{code}-provided": "1"
    for code in (
        "wife_id_card",
        "husband_id_card",
        "wife_household_booklet",
        "husband_household_booklet",
        "marriage_certificate",
        "truth_statement",
    )
}
ANSWERS = {name: str(value) for name, value in FORM.items()}


def photo(name: str = "结婚证.jpg") -> tuple[io.BytesIO, str]:
    target = io.BytesIO()
    Image.new("RGB", (60, 60), "grey").save(target, "JPEG")
    target.seek(0)
    return target, name


def newest(app: Flask) -> Case:
    with app.app_context():
        return db.session.scalars(select(Case).order_by(Case.id.desc())).first()


def filed(client: FlaskClient, **changes: Any) -> str:
    answer = client.post("/counter", data={**WIFE_TYPED, **ANSWERS, **TICKS, **changes})
    assert answer.status_code == 303, re.sub(r"<[^>]+>", " ", answer.text)[-1500:]
    # The visit lists what was filed; these tests go on with its first case.
    page = client.get(answer.headers["Location"]).text
    return re.search(r'data-case="([^"]+)"', page)[1]


@pytest.mark.req("S1-07", "S0-37")
def test_a_known_person_is_not_asked_again_and_files_in_one_press(app, client_as):
    clerk = client_as("window.clerk")
    page = clerk.post(
        "/counter/look?person=1",
        data={"item": ITEM, "applicant_id_number": "330103199406182046"},
        headers={"X-Fragment": "1"},
    ).text
    assert 'data-name="林若琳"' in page and "138****0015" in page and "13800000015" not in page
    assert 'name="husband_name"' in page and 'name="marriage_date"' in page
    for known in ("wife_name", "wife_id_number", "wife_household_address", "phone", "present_address"):
        assert f'name="{known}"' not in page, known
    uid = filed(
        clerk,
        **{"m-marriage_certificate-file": photo(), "m-wife_id_card-form": "original", "m-wife_id_card-sheets": "2"},
    )
    case = newest(app)
    assert (case.uid, case.state, case.channel, case.trips) == (uid, "submitted", "window_street", 1)
    with app.app_context():
        case = db.session.get(Case, case.id)
        assert case.values["present_address"].endswith("1102室") and case.values["wife_name"] == "林若琳"
        slots = {m.code: m for m in case.materials}
        assert (
            slots["wife_id_card"].original_held,
            slots["wife_id_card"].sheets,
            slots["truth_statement"].provided,
        ) == (True, 2, True)
        kept = db.session.scalars(select(Document).where(Document.content_id == case.id)).one()
        assert kept.material_id == slots["marriage_certificate"].id
    assert case.number in clerk.get(f"/c/{uid}").text


def test_a_look_up_leaves_a_trace_and_part_of_a_number_finds_nobody(app, client_as):
    clerk = client_as("community.clerk")
    answer = clerk.post(
        "/counter/look?person=1", data={"applicant_id_number": "330103199406182046"}, headers={"X-Fragment": "1"}
    )
    assert "林若琳" in answer.text
    part = clerk.post(
        "/counter/look?person=1", data={"applicant_id_number": "3301031994061820"}, headers={"X-Fragment": "1"}
    )
    assert "林若琳" not in part.text and "18位" in part.text
    quiet = clerk.post("/counter/look", data={"applicant_id_number": "330103199406182046"}, headers={"X-Fragment": "1"})
    assert "林若琳" not in quiet.text
    with app.app_context():
        rows = db.session.scalars(select(JournalEntry).where(JournalEntry.action == "personal:lookup")).all()
        resident = db.session.scalars(select(Resident).where(Resident.name == "林若琳")).one()
        assert [r.details for r in rows] == [{"resident": resident.id}]


def test_a_refusal_keeps_what_was_typed_and_leaves_nothing_behind(app, client_as):
    clerk = client_as("window.clerk")
    wrong = {
        **WIFE_TYPED,
        **ANSWERS,
        **TICKS,
        "husband_id_number": "330103199209071014",
        "marriage_date": "2025-02-30",
        "applicant_phone": "12",
        "m-wife_id_card-sheets": "7",
    }
    answer = clerk.post("/counter", data=wrong)
    assert answer.status_code == 422
    for typed in (
        "330103199209071014",
        "J330103-2025-002331",
        'value="12"',
        'value="7"',
        "阿卜杜热西提·买买提",
        'value="2025-02-30"',
    ):
        assert typed in answer.text, typed
    assert (
        'href="#husband_id_number"' in answer.text
        and 'href="#applicant_phone"' in answer.text
        and "日期" in answer.text
    )
    assert newest(app) is None
    nothing = clerk.post("/counter", data={"applicant_name": "张三"})
    assert nothing.status_code == 422 and 'href="#item"' in nothing.text and 'value="张三"' in nothing.text


def test_what_the_form_still_lacks_is_named_beside_its_box(app, client_as):
    clerk = client_as("window.clerk")
    answer = clerk.post(
        "/counter",
        data={**WIFE_TYPED, **TICKS, **{k: v for k, v in ANSWERS.items() if k != "marriage_certificate_number"}},
    )
    assert answer.status_code == 422 and 'href="#marriage_certificate_number"' in answer.text
    assert newest(app) is None


@pytest.mark.req("S0-06", "S4-15")
def test_the_level_of_the_item_decides_what_the_counter_says(app, client_as):
    station, street = client_as("community.clerk"), client_as("window.clerk")
    assert "直接办理：本站受理" in station.get("/counter?item=human_social_security_01").text
    carried = station.get("/counter?item=human_social_security_06").text
    assert "街道受理" in carried and "代办单" in carried
    assert "直接受理" in street.get("/counter?item=human_social_security_06").text
    person = {
        "applicant_id_number": "330103194303052043",
        "applicant_name": "骆水珍",
        "applicant_phone": "13800000018",
        "applicant_address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
    }
    answer = station.post("/counter", data={**person, "item": "human_social_security_06", "m-id_card-provided": "1"})
    assert answer.status_code == 303
    page = station.get(answer.headers["Location"]).text
    assert "开代办单转交" in page
    uid = re.search(r'data-case="([^"]+)"', page)[1]
    refused = station.post(f"/c/{uid}/do/accept")
    assert refused.status_code == 422 and "代办单" in refused.text


def test_the_chooser_lists_all_eight_categories(client_as):
    page = client_as("window.clerk").get("/counter").text
    for name, count in (("人社类", 42), ("残疾服务类", 17), ("党员服务类", 1)):
        assert re.search(rf"<legend>{name} <small>{count}</small>", page), name
    assert 'data-draft="counter"' in page and 'data-key="F9"' in page


def test_the_counter_is_for_staff(client_as, app):
    assert client_as("resident").get("/counter").status_code == 403
    assert client_as("reviewer").post("/counter", data=WIFE_TYPED).status_code == 403
    assert app.test_client().get("/counter").status_code == 303


def test_the_list_shows_own_cases_masked_and_finds_by_whole_number(app, session, actor, client_as):
    case = accepted(session, actor)
    session.commit()
    clerk = client_as("window.clerk")
    page = clerk.get("/cases").text
    assert case.number in page and "林*" in page and "林若琳" not in page
    assert case.number in clerk.get("/cases", query_string={"q": "330103199406182046"}).text
    assert case.number not in clerk.get("/cases", query_string={"q": "33010319940618"}).text
    assert case.number in clerk.get("/cases", query_string={"q": "林若琳", "state": "accepted", "item": ITEM}).text
    assert case.number not in clerk.get("/cases", query_string={"state": "delivered"}).text
    assert case.number not in clerk.get("/cases", query_string={"place": "dx-c01"}).text
    assert case.number not in client_as("neighbour.clerk").get("/cases").text
    assert case.number in client_as("resident").get("/cases").text


def test_the_list_pages_by_key_with_a_fixed_number_of_queries(app, session, actor, client_as):
    clerk = client_as("window.clerk")

    def queries() -> int:
        seen: list[str] = []
        with app.app_context():
            engine_ = db.engine
        listener = lambda conn, cursor, statement, *rest: seen.append(statement)  # noqa: E731
        event.listen(engine_, "before_cursor_execute", listener)
        try:
            assert clerk.get("/cases").status_code == 200
        finally:
            event.remove(engine_, "before_cursor_execute", listener)
        # Every three seconds a process asks whether definitions changed; that has nothing to do with the rows.
        return sum(s.startswith("SELECT") and "_release.id" not in s for s in seen)

    for _ in range(2):
        actions.create(session, actor("window.clerk"), "case", data())
    session.commit()
    queries()
    few = queries()
    for _ in range(51):
        actions.create(session, actor("window.clerk"), "case", data())
    session.commit()
    assert queries() == few
    page = clerk.get("/cases").text
    assert len(re.findall(r"<tr data-row>", page)) == 50
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following and len(re.findall(r"<tr data-row>", clerk.get(following[1].replace("&amp;", "&")).text)) == 3


@pytest.mark.req("S0-27")
def test_the_reviewer_ticks_each_material_and_one_notice_names_every_defect(app, session, actor, client_as):
    case = accepted(session, actor)
    uid = case.uid
    session.commit()
    reviewer = client_as("reviewer")
    page = reviewer.get(f"/cases/{uid}/materials").text
    assert page.count('value="accepted"') == 6
    ticks = {
        f"verdict-{c}": "accepted"
        for c in ("wife_id_card", "husband_id_card", "wife_household_booklet", "husband_household_booklet")
    }
    unsaid = reviewer.post(
        f"/cases/{uid}/materials", data={**ticks, "verdict-marriage_certificate": "rejected", "do": "review"}
    )
    assert unsaid.status_code == 422 and "写明缺陷" in unsaid.text and 'value="rejected" checked' in unsaid.text
    answer = reviewer.post(
        f"/cases/{uid}/materials",
        data={
            **ticks,
            "verdict-marriage_certificate": "rejected",
            "defect-marriage_certificate": "缺照片页，请补内页复印件",
            "verdict-truth_statement": "rejected",
            "defect-truth_statement": "男方没有签名，请补签",
            "do": "review",
        },
    )
    assert answer.status_code == 303 and answer.headers["Location"].endswith("#notice")
    proposal = reviewer.get(f"/cases/{uid}/materials").text
    assert "以下 2 项" in proposal and "1．结婚证：缺照片页" in proposal and "2．婚育说明" in proposal
    text = re.search(r'<textarea[^>]+name="comment">\n(.*?)</textarea>', proposal, re.S)[1]
    named = re.search(r'name="named" value="([^"]+)"', proposal)[1]
    changed = {
        "comment": text,
        "named": named,
        "do": "notice",
        "verdict-truth_statement": "rejected",
        "defect-truth_statement": "双方都没有签名，请补签",
    }
    assert reviewer.post(f"/cases/{uid}/materials", data=changed).headers["Location"].endswith("#notice"), (
        "the text is made anew"
    )
    proposal = reviewer.get(f"/cases/{uid}/materials").text
    assert "双方都没有签名" in proposal
    text = re.search(r'<textarea[^>]+name="comment">\n(.*?)</textarea>', proposal, re.S)[1]
    named = re.search(r'name="named" value="([^"]+)"', proposal)[1]
    sent = reviewer.post(f"/cases/{uid}/materials", data={"comment": text, "named": named, "do": "notice"})
    assert sent.status_code == 303
    with app.app_context():
        kept = db.session.scalars(select(Case).where(Case.uid == uid)).one()
        assert kept.state == "supplement" and kept.fields["_notices"][0]["codes"] == [
            "marriage_certificate",
            "truth_statement",
        ]


def test_all_ticked_goes_to_the_approver_but_not_through_the_clerk(app, session, actor, client_as):
    case = accepted(session, actor)
    uid, codes = case.uid, [m.code for m in case.materials if m.provided]
    session.commit()
    ticks = {f"verdict-{c}": "accepted" for c in codes}
    assert (
        client_as("community.clerk").post(f"/cases/{uid}/materials", data={**ticks, "do": "review"}).status_code == 404
    )
    reviewer = client_as("reviewer")
    assert reviewer.get(f"/c/{uid}/do/review").headers["Location"].endswith(f"/cases/{uid}/materials")
    saved = reviewer.post(f"/cases/{uid}/materials", data={**ticks, "do": "save"})
    assert saved.status_code == 303 and reviewer.get(f"/cases/{uid}/materials").text.count(
        'value="accepted" checked'
    ) == len(codes)
    assert reviewer.post(f"/cases/{uid}/materials", data={**ticks, "do": "review"}).status_code == 303
    with app.app_context():
        assert db.session.scalars(select(Case.state).where(Case.uid == uid)).one() == "reviewed"


def test_files_go_into_their_slot_and_only_for_people_of_the_case(app, session, actor, client_as):
    case = actions.create(session, actor("window.clerk"), "case", data(materials=[]))
    engine.fire(case, "submit", actor("window.clerk"))
    uid = case.uid
    session.commit()
    clerk, url = client_as("window.clerk"), f"/cases/{uid}/materials/marriage_certificate/files"
    assert clerk.post(url, data={"file": photo()}).status_code == 303
    page = clerk.get(f"/cases/{uid}/materials").text
    assert "结婚证.jpg" in page and "JPEG" in page and "KB" in page and "thumbnail" in page
    bad = clerk.post(url, data={"file": (io.BytesIO(b"MZ not a picture"), "病毒.exe")})
    assert bad.status_code == 422 and "只收" in bad.text
    none = clerk.post(url, data={})
    assert none.status_code == 422 and "还没有为“结婚证”选文件" in none.text
    neighbour = client_as("neighbour.clerk")
    assert neighbour.get(f"/cases/{uid}/materials").status_code == 404
    assert neighbour.post(url, data={"file": photo()}).status_code == 404
    assert client_as("resident").post(url, data={"file": photo("自己拍.jpg")}).status_code == 303
    got = clerk.post(
        f"/cases/{uid}/materials/received",
        data={
            "got-truth_statement": "1",
            "form-truth_statement": "original",
            "sheets-truth_statement": "1",
            "got-marriage_certificate": "1",
        },
    )
    assert got.status_code == 303
    with app.app_context():
        slots = {m.code: m for m in db.session.scalars(select(Case).where(Case.uid == uid)).one().materials}
        assert (
            slots["truth_statement"].original_held
            and slots["marriage_certificate"].provided
            and not slots["wife_id_card"].provided
        )


def test_mistakes_are_listed_as_the_boxes_stand_on_the_page(client_as):
    """Person, answers, papers; and only a scan that was sent has to be chosen again."""
    clerk = client_as("window.clerk")
    wrong = {
        **ANSWERS,
        "item": ITEM,
        "applicant_id_number": "110105199003072316",
        "applicant_name": "",
        "husband_name": "",
        "marriage_date": "",
    }
    answer = clerk.post("/counter", data=wrong)
    assert answer.status_code == 422 and "扫描件请重新选" not in answer.text
    fields = re.findall(r'<li><a href="#([^"]+)">', answer.text)
    placed = [answer.text.index(f'id="{field}"') for field in fields]
    assert len(fields) >= 3 and placed == sorted(placed), fields
    assert fields.index("applicant_name") < fields.index("husband_name") < fields.index("marriage_date")
    scanned = clerk.post(
        "/counter", data={**wrong, "m-marriage_certificate-file": photo()}, content_type="multipart/form-data"
    )
    assert scanned.status_code == 422 and "扫描件请重新选" in scanned.text


def test_the_visit_says_whether_something_lacks(client_as):
    """With every paper ticked the next key is 受理; nobody is sent to look for what is not missing."""
    clerk = client_as("window.clerk")
    whole = clerk.post("/counter", data={**WIFE_TYPED, **ANSWERS, **TICKS})
    page = clerk.get(whole.headers["Location"]).text
    assert "材料齐了，可以受理（F9）" in page and "请看缺什么" not in page
    ticks = {name: value for name, value in TICKS.items() if "marriage" not in name}
    lacking = client_as("window.clerk").post("/counter", data={**WIFE_TYPED, **ANSWERS, **ticks})
    page = clerk.get(lacking.headers["Location"]).text
    assert "请看缺什么" in page and "材料齐了" not in page
