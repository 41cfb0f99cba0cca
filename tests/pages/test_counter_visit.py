"""一次来访: several matters in one visit, one form, one trip; drafts that survive; somebody who comes for somebody else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from catalogue import loader as catalogue
from models.case import Case
from models.counter import CounterVisit
from models.delegation import Letter
from models.resident import Resident
from services import cases, intake, intake_agents, one_form
from tests.pages.test_counter import ANSWERS, TICKS, WIFE_TYPED
from tests.services.fertility import FORM, WIFE

CARD, PROOF, REGISTER = "fertility_registration_card", "marital_fertility_proof", "human_social_security_06"
EXTRA = {"marital_status": "married", "purpose": "单位入职"}
UID = "visit-" + "a" * 16


def press(client: Any, path: str = "/counter", **changes: Any) -> Any:
    return client.post(path, data={**WIFE_TYPED, **ANSWERS, **TICKS, **changes})


def visits(session: Any) -> list[CounterVisit]:
    session.expire_all()
    return list(session.scalars(select(CounterVisit).order_by(CounterVisit.id)))


@pytest.fixture
def three(item):
    return [item(CARD), item(PROOF), item(REGISTER)]


@pytest.mark.req("S0-37")
def test_what_three_matters_ask_in_common_is_asked_once(three):
    one = one_form.build(three, "female")
    names = [q.field.name for q in one.questions]
    assert len(names) == len(set(names))
    for asked in ("wife_name", "wife_id_number", "wife_household_address", "husband_name", "children_count"):
        assert names.count(asked) == 1
    # The wife's own name in the card is 姓名 of the proof, her husband is 配偶.
    given = one.answers({"wife_name": "林", "husband_name": "张", "wife_household_address": "某处"}, PROOF)
    assert given == {"name": "林", "spouse_name": "张", "household_address": "某处"}
    assert one.box_of(PROOF, "spouse_name") == "husband_name"
    cards = [slot for slot in one.slots if slot.record.kind == "id_card"]
    assert [slot.key for slot in cards] == ["wife_id_card", "husband_id_card"] and len(cards[0].serves) == 3
    # A statement is about one matter: it is brought for each.
    assert next(slot.key for slot in one.slots if slot.record.kind == "statement") == "truth_statement"


def test_nothing_is_joined_before_the_sex_is_known(three):
    names = [q.field.name for q in one_form.build(three, None).questions]
    assert "wife_name" in names and "name" in names


@pytest.mark.req("S2-01")
def test_several_matters_of_different_departments_in_one_visit(session, client_as):
    window = client_as("window.clerk")
    answer = press(
        window, item=[CARD, PROOF, REGISTER], **EXTRA, **{"m-truth_statement--marital_fertility_proof-provided": "1"}
    )
    assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
    (visit,) = visits(session)
    cases = [m.case for m in visit.matters]
    assert [c.item.code for c in cases] == [CARD, PROOF, REGISTER]
    assert {c.applicant_id for c in cases} == {visit.resident_id} and {c.trips for c in cases} == {1}
    proof = {m.code: m for m in cases[1].materials}
    assert proof["id_card"].provided and proof["id_card"].source == "visit"
    assert cases[0].number in proof["id_card"].source_words
    assert cases[1].values["spouse_name"] == FORM["husband_name"] and cases[1].values["children_count"] == 0
    page = window.get(answer.headers["Location"]).text
    assert "3 件事 · 跑 1 次 · 1 个窗口" in page and page.count("data-case=") == 3
    accepted = window.post(answer.headers["Location"], data={"do": "accept"})
    assert accepted.status_code == 303
    session.expire_all()
    assert cases[0].state == "accepted"


def test_one_wrong_answer_files_none_of_them_and_every_mistake_is_told(session, client_as):
    window = client_as("window.clerk")
    answer = press(window, item=[CARD, PROOF], husband_id_number="330103199209071014", marriage_date="2025-02-30")
    assert answer.status_code == 422 and "2025-02-30" in answer.text and 'href="#husband_id_number"' in answer.text
    assert 'href="#marital_status"' in answer.text and 'href="#purpose"' in answer.text
    assert session.scalars(select(Case)).all() == [] and visits(session) == []


def test_an_original_lies_in_one_case_only(session, client_as):
    press(client_as("window.clerk"), item=[CARD, PROOF], **EXTRA, **{"m-marriage_certificate-form": "original"})
    held = [m for c in session.scalars(select(Case)) for m in c.materials if m.original_held]
    assert [m.code for m in held] == ["marriage_certificate"]


def test_a_second_matter_is_added_to_the_visit_but_not_for_somebody_else(session, client_as):
    window = client_as("window.clerk")
    press(window, visit=UID)
    more = window.get(f"/counter?visit={UID}").text
    assert WIFE["id_number"] in more and "这次来访已收的" in more
    generic = {**WIFE_TYPED, "item": REGISTER, "visit": UID, "m-id_card-provided": "1", "filed": "1"}
    assert window.post("/counter", data=generic).status_code == 303
    (visit,) = visits(session)
    assert len(visit.matters) == 2
    other = {
        **generic,
        "applicant_id_number": "330103194303052043",
        "applicant_name": "骆水珍",
        "applicant_phone": "13800000018",
        "applicant_address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
        "filed": "2",
    }
    refused = window.post("/counter", data=other)
    assert refused.status_code == 422 and "另一位申请人" in refused.text and "骆水珍" in refused.text


def test_a_second_page_of_one_visit_files_nothing_twice(session, client_as):
    """Two tabs of one visit: the second does not know what the first has filed, and is told its numbers."""
    window = client_as("window.clerk")
    assert press(window, visit=UID, filed="0").status_code == 303
    again = press(window, visit=UID, filed="0", husband_name="第二页")
    (visit,) = visits(session)
    number = visit.matters[0].case.number
    assert again.status_code == 422 and f"刚刚在另一个页面收过“生育登记服务卡”（{number}）" in again.text
    assert 'value="第二页"' in again.text and len(session.scalars(select(Case)).all()) == 1
    # Something else goes on, and whoever saw the first on the page may take in the same once more.
    session.rollback()
    assert press(window, visit=UID, filed="0", item=REGISTER).status_code == 303
    assert press(window, visit=UID, filed="2").status_code == 303


def test_nine_matters_are_too_many_for_one_visit(session, client_as):
    codes = [item.code for item in cases.items_on_offer(session)][:9]
    session.rollback()
    refused = press(client_as("window.clerk"), item=codes, visit=UID)
    assert refused.status_code == 422 and session.scalars(select(Case)).all() == []
    eight = intake.MOST_MATTERS
    assert f"一次最多办 {eight} 件，现在选了 9 件" in refused.text and FORM["husband_name"] in refused.text


# --- Drafts


@pytest.mark.req("S0-37")
def test_what_was_typed_is_there_after_the_session_has_ended(app, session, client_as):
    window = client_as("window.clerk")
    saved = press(window, "/counter/draft", visit=UID)
    assert saved.status_code == 200 and saved.json["visit"] == UID
    stranger = app.test_client()
    expired = press(stranger, "/counter/draft", visit=UID, husband_name="改了")
    assert expired.status_code in (302, 303, 401) and not expired.is_json
    again = client_as("window.clerk").get("/counter").text
    for typed in (FORM["husband_name"], FORM["marriage_certificate_number"], 'value="2025-05-20"', WIFE["id_number"]):
        assert typed in again, typed
    assert re.search(r'name="m-truth_statement-provided" value="1" checked', again)
    raw = session.connection().exec_driver_sql("SELECT draft FROM counter_visit").scalar()
    assert WIFE["id_number"].encode() not in raw
    # A colleague does not get it, a new visitor begins with an empty sheet, and the draft waits aside.
    assert FORM["husband_name"] not in client_as("community.clerk").get("/counter").text
    fresh = client_as("window.clerk").get("/counter?new=1").text
    assert FORM["husband_name"] not in fresh and "接着办：林*" in fresh


def test_a_save_that_comes_after_the_filing_brings_nothing_back(session, client_as):
    window = client_as("window.clerk")
    press(window, "/counter/draft", visit=UID)
    assert press(window, visit=UID).status_code == 303
    late = press(window, "/counter/draft", visit=UID, filed="0")
    assert late.status_code == 200
    (visit,) = visits(session)
    assert visit.draft is None and len(visit.matters) == 1
    assert window.post(f"/counter/visits/{UID}", data={"do": "next"}).headers["Location"].endswith("new=1")
    session.expire_all()
    assert visit.status == "closed"


def test_a_visit_with_something_typed_is_not_closed_by_the_way(session, client_as):
    window = client_as("window.clerk")
    press(window, visit=UID)
    press(window, "/counter/draft", visit=UID, filed="1", item=REGISTER)
    answer = window.post(f"/counter/visits/{UID}", data={"do": "next"}, follow_redirects=True)
    assert "还有填了没收的内容" in answer.text
    dropped = window.post("/counter/draft/drop", data={"visit": UID})
    assert dropped.status_code == 303
    session.expire_all()
    (visit,) = visits(session)
    assert visit.status == "open" and visit.draft is None
    window.post(f"/counter/visits/{UID}", data={"do": "next"})
    session.expire_all()
    assert visit.status == "closed"


def test_nobody_writes_into_a_colleagues_draft(session, client_as):
    press(client_as("window.clerk"), "/counter/draft", visit=UID)
    assert press(client_as("community.clerk"), "/counter/draft", visit=UID).status_code == 404
    assert press(client_as("window.clerk"), "/counter/draft", visit="short").status_code == 422


def test_a_box_that_vanished_from_the_form_meanwhile_is_shown_and_kept(session, client_as, monkeypatch):
    window = client_as("window.clerk")
    press(window, "/counter/draft", visit=UID, **{"asked.marriage_certificate_number": f"{CARD}|结婚证字号"})
    form = catalogue.form(CARD)
    smaller = replace(form, fields=tuple(f for f in form.fields if f.name != "marriage_certificate_number"))
    real = catalogue.form
    monkeypatch.setattr(catalogue, "form", lambda name: smaller if name == CARD else real(name))
    page = window.get(f"/counter?visit={UID}").text
    assert "不用填了" in page and "结婚证字号" in page and FORM["marriage_certificate_number"] in page
    refused = press(window, visit=UID, **{"asked.marriage_certificate_number": f"{CARD}|结婚证字号"})
    assert refused.status_code == 422 and "这张表刚改过" in refused.text
    assert FORM["marriage_certificate_number"] in refused.text
    taken = press(window, visit=UID, vanished_seen="1", **{"asked.marriage_certificate_number": f"{CARD}|结婚证字号"})
    assert taken.status_code == 303


def test_an_item_that_was_taken_back_meanwhile_is_named(session, client_as, item):
    window = client_as("window.clerk")
    press(window, "/counter/draft", visit=UID)
    item(CARD).state = "retired"
    session.commit()
    page = window.get(f"/counter?visit={UID}").text
    assert "“生育登记服务卡”现在不能申报了" in page
    refused = press(window, visit=UID)
    assert refused.status_code == 422 and "现在不能申报了" in refused.text and FORM["husband_name"] in refused.text


# --- Doubles and agents


def test_possible_doubles_are_shown_masked(session, client_as):
    window = client_as("window.clerk")
    data = {"applicant_id_number": "330103199406182062", "applicant_name": "林若琳"}
    number = data["applicant_id_number"][:17]
    from process.identity import check_character

    data["applicant_id_number"] = number + check_character(number)
    page = window.post("/counter/look?person=1", data=data, headers={"X-Fragment": "1"}).text
    assert "可能登记过" in page and "林*" in page and "1994年6月生" in page and WIFE["id_number"] not in page
    quiet = window.post(
        "/counter/look?person=1", data={**data, "applicant_name": "王大"}, headers={"X-Fragment": "1"}
    ).text
    assert "可能登记过" not in quiet


AGENT = {"agent_name": "林建国", "agent_id_number": "330103196203041239", "agent_relation": "父亲", "agent_letter": "1"}


def agent(**changes: str) -> dict[str, str]:
    from process.identity import check_character

    body = AGENT["agent_id_number"][:17]
    return {**AGENT, "agent_id_number": body + check_character(body), **changes}


def test_an_agent_with_a_letter_is_written_down_with_every_case(session, client_as):
    window = client_as("window.clerk")
    answer = press(window, visit=UID, **agent())
    assert answer.status_code == 303
    (visit,) = visits(session)
    letter = session.scalars(select(Letter)).one()
    assert (letter.agent_name, letter.principal_id, letter.powers) == (
        "林建国",
        visit.resident_id,
        ["file", "supplement"],
    )
    assert visit.matters[0].case.private[intake_agents.AGENT]["letter"] == letter.id
    assert "由林建国代办" in window.get(answer.headers["Location"]).text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"agent_letter": ""}, "没有委托书不能收件"),
        ({"agent_until": "2020-01-01"}, "委托书已经过期"),
        ({"agent_id_number": "123"}, "代办人"),
        ({"agent_id_number": WIFE["id_number"]}, "代办人就是申请人本人"),
    ],
)
def test_no_letter_no_agent(session, client_as, changes, sentence):
    refused = press(client_as("window.clerk"), **agent(**changes))
    assert refused.status_code == 422 and sentence in refused.text and "林建国" in refused.text
    assert session.scalars(select(Case)).all() == []


def test_nobody_acts_for_both_sides_of_one_matter(session, client_as):
    window = client_as("window.clerk")
    assert press(window, visit=UID, **agent()).status_code == 303
    husband = {
        "applicant_id_number": FORM["husband_id_number"],
        "applicant_name": FORM["husband_name"],
        "applicant_phone": "13800000119",
        "applicant_address": WIFE["address"],
        "wife_name": WIFE["name"],
        "wife_id_number": WIFE["id_number"],
        "wife_household_address": WIFE["household_address"],
    }
    refused = press(window, **husband, **agent())
    assert refused.status_code == 422 and "同一人不能同时代理双方" in refused.text and "林建国" in refused.text
    assert press(window, **husband).status_code == 303
    assert session.scalars(select(Resident).where(Resident.name == FORM["husband_name"])).one()


def test_a_tick_stays_when_another_matter_calls_the_paper_by_another_name(client_as):
    """女方身份证 of one matter is 身份证 of two; the tick goes along, there and back, and does not return once it was taken away."""
    window = client_as("window.clerk")
    both = [REGISTER, CARD]

    def look(**typed: Any) -> str:
        data = {name: value for name, value in {**WIFE_TYPED, **ANSWERS}.items() if not name.startswith("m-")}
        return str(window.post("/counter/look", data={**data, **typed}, headers={"X-Fragment": "1"}).text)

    def ticked(page: str, name: str) -> bool:
        return f'name="m-{name}-provided" value="1" checked' in page

    one = look(item=[CARD], **{"m-wife_id_card-provided": "1"})
    assert ticked(one, "wife_id_card")
    two = look(item=both, **{"m-wife_id_card-provided": "1"})
    assert ticked(two, "id_card") and "m-wife_id_card-provided" not in two
    assert 'data-also="m-' in two and "m-wife_id_card-file" in two
    assert ticked(look(item=[CARD], **{"m-id_card-provided": "1"}), "wife_id_card")
    assert not ticked(look(item=both), "id_card")
