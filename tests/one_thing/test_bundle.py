"""一件事 like people do it: one form at the counter or online, branches side by side, one exit, one rating."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from catalogue.one_things import one_things
from models.base import at_time, now
from models.case import Case
from models.exit import ExitReceipt
from models.express import ExpressRecord
from models.message import Message
from models.one_thing import OneThing
from models.paper import Paper
from models.person import Person
from process import clock, engine
from process.refusals import RequirementUnmet
from services import owed
from services.one_thing import reading, results
from tests.pages.test_counter import ANSWERS, TICKS, WIFE_TYPED, photo
from tests.services.fertility import draw_all, ticks

CARD, REGISTER, INSURANCE, SOCIAL = (
    "fertility_registration_card",
    "household_registration",
    "resident_medical_insurance",
    "social_security_card",
)
BIRTH = [CARD, REGISTER, INSURANCE]
TYPED = {**WIFE_TYPED, **ANSWERS, **TICKS, "one_thing": "birth", "item": BIRTH}
STEPS = {"accept": "window.clerk", "review": "reviewer", "approve": "approver", "issue": "issuer"}
PRINTING = {
    "one_thing": "printing_enterprise",
    "item": ["business_licence", "printing_licence"],
    "applicant_id_number": WIFE_TYPED["applicant_id_number"],
    "applicant_name": WIFE_TYPED["applicant_name"],
    "unit_name": "万家印刷有限公司",
    "credit_code": "91330103MA27XW1T1X",
    "unit_address": "杭州市下城区东新街道文晖路9号",
    "m-agent_id_card-provided": "1",
}


def told(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))[-1800:]


def filed(window: Any, typed: Any = TYPED, **changes: Any) -> Any:
    answer = window.post("/counter", data={"item": BIRTH, **typed, **changes})
    assert answer.status_code == 303, told(answer)
    return answer


def bundle_in(session: Any) -> OneThing:
    session.expire_all()
    return session.scalars(select(OneThing).order_by(OneThing.id.desc())).first()


def member(bundle: OneThing, code: str) -> Case:
    return next(m.case for m in bundle.members if m.case.item.code == code)


def through(session: Any, actor: Any, case: Case, until: str = "issue") -> None:
    """As the back office does it, each step by its own colleague."""
    for verb, who in STEPS.items():
        inputs = {"materials": ticks(case)} if verb == "review" else {}
        engine.fire(case, verb, actor(who), inputs=inputs)
        if verb == until:
            break
    draw_all(session)
    session.commit()


@pytest.mark.req("S3-33")
def test_the_themes_of_the_source_and_their_situations(client_as):
    assert {"birth", "death", "printing_enterprise"} <= set(one_things())
    assert {theme.situation for theme in one_things().values()} == {"many_many", "one_many"}
    page = client_as("window.clerk").get("/one-things/").text
    assert "出生一件事" in page and "死亡(身后)一件事" in page and "牵头：区民政局、区卫计局" in page
    assert "多个部门，多个事项" in page and "一个部门，多个事项" in page and "还没有一件事" in page


@pytest.mark.req("S1-13")
@pytest.mark.parametrize("theme", ["birth", "death"])
def test_a_theme_says_what_belongs_to_it_and_what_is_not_filed_here(client_as, theme):
    page = client_as("window.clerk").get(f"/one-things/themes/{theme}").text
    assert 'action="/counter"' in page and f'value="{theme}"' in page
    assert "带来即可" in page and "医学证明" in page
    assert page.count('name="item"') == len([m for m in one_things()[theme].members if m.service_item])
    # The situations decide what is ticked beforehand: without 公积金 nothing about it is filed.
    if theme == "death":
        assert "逝者有住房公积金的" in page and 'value="provident_fund_withdrawal">' in page
        assert 'value="household_registration" checked>' in page


@pytest.mark.req("S1-13")
@pytest.mark.req("S1-14")
def test_one_form_at_the_counter_becomes_cases_side_by_side_and_one_bundle(session, client_as, actor):
    window = client_as("window.clerk")
    screen = window.get("/counter?one_thing=birth&item=" + "&item=".join(BIRTH)).text
    assert "一件事：出生一件事" in screen and 'name="one_thing" value="birth"' in screen
    answer = filed(window)
    bundle = bundle_in(session)
    assert [m.case.item.code for m in bundle.members] == BIRTH and bundle.lead == "区民政局、区卫计局"
    assert bundle.number.startswith("YJS-") and bundle.number in window.get(answer.headers["Location"]).text
    page = window.get(f"/one-things/{bundle.uid}").text
    assert page.count('class="card-box branch') == 3 and "并联办理中" in page
    assert "跑 1 次" in page and "1 个窗口" in page
    # One original lies in one case; what was brought once says where it lies.
    insured = {m.code: m for m in member(bundle, INSURANCE).materials}
    assert insured["id_card"].source == "visit"
    assert f"同一件事已交，原件或扫描件在 {member(bundle, CARD).number}" in page
    # What was spared: fewer papers than singly, the longest chain instead of the sum.
    assert bundle.papers_joint < bundle.papers_single and bundle.days_joint < bundle.days_single
    assert f"{bundle.papers_single - bundle.papers_joint}/{bundle.papers_single}（" in page
    assert ["社会保障卡申领", "这次不需要。"] in bundle.left_out


@pytest.mark.req("S1-13")
def test_a_member_waits_for_the_earlier_one_and_a_refusal_stops_nobody_else(session, client_as, actor):
    window = client_as("window.clerk")
    filed(window)
    bundle = bundle_in(session)
    household, insurance = member(bundle, REGISTER), member(bundle, INSURANCE)
    for case in (household, insurance):
        through(session, actor, case, "review")
    with pytest.raises(RequirementUnmet, match="要等“出生户口登记”"):
        engine.fire(insurance, "approve", actor("approver"))
    session.rollback()
    assert "等“出生户口登记”有结果后审批" in window.get(f"/one-things/{bundle.uid}").text
    engine.fire(household, "refuse", actor("approver"), inputs={"comment": "材料与登记不符"})
    session.commit()
    page = window.get(f"/one-things/{bundle.uid}").text
    assert "没有批准，其余的照常办。" in page and "并联办理中" in page
    session.expire_all()
    engine.fire(insurance, "approve", actor("approver"))
    engine.fire(insurance, "issue", actor("issuer"))
    through(session, actor, member(bundle, CARD))
    session.expire_all()
    assert reading.standing(bundle) == "ready" and bundle.decided_at is not None and bundle.closed_at is None


def deliver_all(window: Any, bundle: OneThing) -> Any:
    return window.post(
        f"/one-things/{bundle.uid}/hand-over",
        data={"who": "holder", "id_number": WIFE_TYPED["applicant_id_number"]},
    )


@pytest.mark.req("S1-13")
@pytest.mark.req("S1-14")
def test_one_exit_one_trip_one_rating(session, client_as, actor):
    window = client_as("window.clerk")
    filed(window)
    bundle = bundle_in(session)
    early = deliver_all(window, bundle)
    assert early.status_code == 409 and "还没有结果，统一出件要等齐" in early.text
    for case in [m.case for m in bundle.members]:
        through(session, actor, case)
    found = results(session, bundle)
    assert len(found) == 3 and all(one.waits for one in found) and found[0].certificate is not None
    done = deliver_all(window, bundle)
    assert done.status_code == 303, told(done)
    session.expire_all()
    assert bundle.closed_at is not None and {m.case.state for m in bundle.members} == {"delivered"}
    # One act, one receipt: it names the bundle, and no certificate makes one of its own.
    receipt = session.scalars(select(ExitReceipt)).one()
    assert done.headers["Location"].endswith(f"/exit/receipts/{receipt.uid}")
    assert [row.case_id for row in receipt.rows] == [m.case_id for m in bundle.members]
    signed = list(session.scalars(select(Paper).where(Paper.paper.in_(("exit_receipt", "delivery_receipt")))))
    assert [paper.paper for paper in signed] == ["exit_receipt"]
    assert signed[0].data["bundle"] == f"{bundle.title} {bundle.number}"
    assert bundle.number in window.get(done.headers["Location"]).text
    page = window.get(f"/one-things/{bundle.uid}").text
    assert receipt.number in page and 'name="id_number"' not in page
    again = deliver_all(window, bundle)
    assert again.status_code == 409 and "没有待交出的结果" in again.text
    counted = reading.came(session, bundle)
    assert (counted.trips, counted.windows) == (1, 1)
    # One rating says it for all of them.
    resident = client_as("resident")
    assert "请评价一次" in resident.get(f"/one-things/{bundle.uid}").text
    empty = resident.post(f"/one-things/{bundle.uid}/rate", data={"comment": "快"})
    assert empty.status_code == 422 and "请选一个满意度" in empty.text and "快" in empty.text
    assert resident.post(f"/one-things/{bundle.uid}/rate", data={"score": "5"}).status_code == 303
    session.expire_all()
    assert bundle.rating == 5 and {m.case.rating for m in bundle.members} == {5}
    twice = resident.post(f"/one-things/{bundle.uid}/rate", data={"score": "1"})
    assert twice.status_code == 409 and "已经评价过" in twice.text
    assert window.post(f"/one-things/{bundle.uid}/rate", data={"score": "1"}).status_code == 403
    report = client_as("statistician").get("/one-things/report?period=2026").text
    assert (
        "材料少交（示例）" in report and "取自目录里的示例" in report and "1/1" in report and "来源：30% 以上" in report
    )


@pytest.mark.req("S1-14")
def test_what_was_refused_leaves_with_the_others_and_nothing_leaves_unseen(session, client_as, actor):
    window = client_as("window.clerk")
    filed(window)
    bundle = bundle_in(session)
    household = member(bundle, REGISTER)
    through(session, actor, household, "review")
    engine.fire(household, "refuse", actor("approver"), inputs={"comment": "材料与登记不符"})
    session.commit()
    for code in (CARD, INSURANCE):
        through(session, actor, member(bundle, code))
    page = window.get(f"/one-things/{bundle.uid}").text
    assert "待交出 3 份" in page and "不予批准决定书" in page
    # The card is looked at as at the exit window: a stranger's number, an agent without a letter, nothing typed.
    address = f"/one-things/{bundle.uid}/hand-over"
    for typed, why in (
        ({"who": "holder", "id_number": "330103194303052043"}, "不是本人领取的"),
        ({"who": "agent", "id_number": "330103194303052043", "name": "骆水珍"}, "没有委托书不能交出"),
        ({"who": "holder"}, "还不能交出"),
    ):
        answer = window.post(address, data=typed)
        assert answer.status_code == 422 and why in answer.text, told(answer)
        assert all(value in answer.text for value in typed.values())
        session.rollback()
    assert session.scalars(select(ExitReceipt)).all() == []
    assert deliver_all(window, bundle).status_code == 303
    session.expire_all()
    receipt = session.scalars(select(ExitReceipt)).one()
    assert {row.kind for row in receipt.rows} == {"result", "refusal"} and len(receipt.rows) == 3
    paper = session.get(Paper, receipt.paper_id)
    assert "不予批准决定书" in {line["name"] for line in paper.data["documents"]}
    assert reading.came(session, bundle).trips == 1


def test_a_bundle_lies_in_one_box_with_one_code(session, client_as, actor):
    window = client_as("window.clerk")
    filed(window, PRINTING)
    bundle = bundle_in(session)
    for case in [m.case for m in bundle.members]:
        through(session, actor, case)
    bad = window.post(f"/one-things/{bundle.uid}/cabinet", data={"box": "<b>"})
    assert bad.status_code == 422 and "柜号不对" in bad.text
    assert window.post(f"/one-things/{bundle.uid}/cabinet", data={"box": "b7"}).status_code == 303
    session.expire_all()
    rows = [one.row for one in results(session, bundle)]
    assert {(row.way, row.state, row.box) for row in rows} == {("terminal", "underway", "B7")}
    [code] = {row.code for row in rows}
    message = session.scalars(select(Message).where(Message.occasion == "result_in_cabinet")).one()
    assert code in message.text and all(m.case.number in message.text for m in bundle.members)
    assert "在取件柜 B7" in window.get(f"/one-things/{bundle.uid}").text
    assert window.post("/exit/cabinet", data={"box": "B7", "code": code}).status_code == 303
    session.expire_all()
    assert bundle.closed_at is not None and session.scalars(select(ExitReceipt)).one().who == "code"


@pytest.mark.req("S3-37")
def test_printing_one_filing_two_licences_one_parcel(session, client_as, actor):
    window = client_as("window.clerk")
    filed(window, PRINTING)
    bundle = bundle_in(session)
    assert bundle.lead == "市文广局" and [m.name for m in bundle.members] == ["营业执照", "印刷经营许可证"]
    for case in [m.case for m in bundle.members]:
        through(session, actor, case)
    wrong = window.post(f"/one-things/{bundle.uid}/send", data={"express_number": "13800000015"})
    assert wrong.status_code == 422 and "快递单号不对" in wrong.text and "13800000015" in wrong.text
    sent = window.post(f"/one-things/{bundle.uid}/send", data={"express_number": "SF1234567890123"})
    assert sent.status_code == 303, told(sent)
    parcels = session.scalars(select(ExpressRecord)).all()
    assert {p.number for p in parcels} == {"SF1234567890123"}
    assert sorted(p.holds for p in parcels) == ["印刷经营许可证", "营业执照"]
    signed = window.post(f"/one-things/{bundle.uid}/signed", data={"signed_by": "林若琳"})
    assert signed.status_code == 303, told(signed)
    session.expire_all()
    assert bundle.closed_at is not None and reading.came(session, bundle).trips == 1


@pytest.mark.req("S1-13")
def test_online_one_page_files_everything_without_a_trip(session, client_as):
    resident = client_as("resident")
    theme = resident.get("/one-things/themes/birth").text
    assert 'action="/one-things/apply/birth"' in theme
    page = resident.get("/one-things/apply/birth?" + "&".join(f"item={code}" for code in (REGISTER, INSURANCE)))
    assert page.status_code == 200 and "2 件事合用" in page.text
    form = {"item": [CARD, REGISTER, INSURANCE], **ANSWERS}
    wrong = resident.post("/one-things/apply/birth", data={**form, "marriage_date": "2025-02-30"})
    assert wrong.status_code == 422 and "2025-02-30" in wrong.text
    assert session.scalars(select(Case)).all() == []
    done = resident.post(
        "/one-things/apply/birth",
        data={**form, "m-wife_id_card-file": photo("身份证.jpg")},
        content_type="multipart/form-data",
    )
    assert done.status_code == 303, told(done)
    bundle = bundle_in(session)
    assert {m.case.channel for m in bundle.members} == {"online_pc"} and len(bundle.members) == 3
    assert reading.came(session, bundle).trips == 0
    assert {m.code: m.source for m in member(bundle, REGISTER).materials}["id_card"] == "visit"
    assert "跑 0 次" in resident.get(f"/one-things/{bundle.uid}").text


def test_a_retired_member_is_one_sentence_and_the_rest_is_filed(session, client_as, item):
    window = client_as("window.clerk")
    gone = item(INSURANCE)
    gone.state = "retired"
    session.commit()
    page = window.get("/one-things/themes/birth").text
    assert "“城乡居民医保参保”已停办，这一件不能申报；其余的可以照常一起申报。" in page
    # Retired while the screen was open: said once, what was typed stays, the next press files the rest.
    refused = window.post("/counter", data={**TYPED, "item": BIRTH})
    assert refused.status_code == 422 and "城乡居民医保参保" in refused.text and ANSWERS["husband_name"] in refused.text
    assert session.scalars(select(Case)).all() == []
    filed(window, item=[CARD, REGISTER])
    bundle = bundle_in(session)
    assert len(bundle.members) == 2 and any(
        name == "城乡居民医保参保" and "已停办" in why for name, why in bundle.left_out
    )


def test_online_a_member_retired_meanwhile_stops_nothing_else(session, client_as, item):
    resident = client_as("resident")
    item(INSURANCE).state = "retired"
    session.commit()
    form = {"item": [CARD, REGISTER, INSURANCE], **ANSWERS}
    refused = resident.post("/one-things/apply/birth", data=form)
    assert refused.status_code == 422 and "已停办" in refused.text and ANSWERS["husband_name"] in refused.text
    left = re.findall(r'name="item" value="(\w+)"', refused.text)
    assert left == [CARD, REGISTER]
    assert resident.post("/one-things/apply/birth", data={**form, "item": left}).status_code == 303
    assert len(bundle_in(session).members) == 2


def test_a_shared_paper_that_comes_late_is_brought_once(session, client_as, actor):
    window = client_as("window.clerk")
    without = {k: v for k, v in TYPED.items() if k != "m-wife_household_booklet-provided"}
    filed(window, without)
    bundle = bundle_in(session)
    card, insurance = member(bundle, CARD), member(bundle, INSURANCE)
    due = clock.calendar(session).add_working_days(clock.local_day(now()), 1).isoformat()
    for case, code in ((card, "wife_household_booklet"), (insurance, "household_booklet")):
        answer = window.post(f"/cases/{case.uid}/defer", data={f"due-{code}": due, "promise": "1"})
        assert answer.status_code == 303, told(answer)
    session.expire_all()
    (line,) = owed.of_thing(session, card)
    came = window.post(f"/promises/{line.uid}/receive", data={"way": "window", "form": "original", "sheets": "1"})
    assert came.status_code == 303, told(came)
    session.expire_all()
    shared = next(m for m in insurance.materials if m.code == "household_booklet")
    assert shared.provided and not shared.original_held and card.number in shared.source_words
    assert [one.state for one in owed.of_thing(session, insurance)] == ["supplied"]


# --- Attacks


def test_others_do_not_find_it_and_a_second_press_makes_nothing_twice(session, client_as, person):
    window = client_as("window.clerk")
    once = {**TYPED, "item": BIRTH, "_once": "k" * 16}
    first, second = (window.post("/counter", data=once) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert len(session.scalars(select(OneThing)).all()) == 1 and len(session.scalars(select(Case)).all()) == 3
    bundle = bundle_in(session)
    for name in ("neighbour.clerk", "water.clerk", "courier", "admin"):
        stranger = client_as(name)
        assert stranger.get(f"/one-things/{bundle.uid}").status_code == 404, name
        for verb in ("hand-over", "send", "signed", "cabinet", "rate"):
            assert stranger.post(f"/one-things/{bundle.uid}/{verb}", data={}).status_code == 404, (name, verb)
        assert bundle.number not in stranger.get("/one-things/").text
    assert window.get("/one-things/" + "x" * 22).status_code == 404
    assert window.get("/one-things/themes/nothing").status_code == 404
    assert window.get("/one-things/apply/birth").status_code == 403
    # Another resident finds nothing of it, either.
    assert session.scalars(select(Person).where(Person.username == "resident")).one().resident_id == bundle.resident_id


def test_an_agent_for_two_sides_is_refused_and_leaves_no_bundle(session, client_as):
    window = client_as("window.clerk")
    agent = {
        "agent_name": "骆水珍",
        "agent_id_number": "330103194303052043",
        "agent_letter": "1",
    }
    filed(window, **agent)
    other = {
        **TYPED,
        **agent,
        "applicant_id_number": ANSWERS["husband_id_number"],
        "applicant_name": ANSWERS["husband_name"],
        "applicant_phone": "13800000031",
        "applicant_address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
        "wife_name": WIFE_TYPED["applicant_name"],
        "wife_id_number": WIFE_TYPED["applicant_id_number"],
        "wife_household_address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
        "item": BIRTH,
        "visit": "visit-" + "b" * 16,
    }
    refused = window.post("/counter", data=other)
    assert refused.status_code == 422 and "双方" in refused.text, told(refused)
    assert len(session.scalars(select(OneThing)).all()) == 1


def test_collected_on_another_day_counts_a_second_trip(session, client_as, actor):
    window = client_as("window.clerk")
    filed(window)
    bundle = bundle_in(session)
    for case in [m.case for m in bundle.members]:
        through(session, actor, case)
    with at_time(now() + timedelta(days=2)):
        later = client_as("window.clerk")
        done = deliver_all(later, bundle)
        assert done.status_code == 303, told(done)
    session.expire_all()
    assert reading.came(session, bundle).trips == 2


@pytest.mark.req("S1-13")
def test_each_member_has_its_own_agency_and_all_leave_where_they_were_filed(session, client_as, actor):
    window = client_as("window.clerk")
    filed(
        window,
        item=[REGISTER, SOCIAL],
        **{"m-id_card-provided": "1", "m-photo-provided": "1", "m-household_booklet-provided": "1"},
    )
    bundle = bundle_in(session)
    household, card = member(bundle, REGISTER), member(bundle, SOCIAL)
    through(session, actor, household)
    engine.fire(card, "accept", actor("window.clerk"))
    assert card.deciding_unit_id == "xc-approvals" != household.deciding_unit_id
    engine.fire(card, "review", actor("approvals.clerk"), inputs={"materials": ticks(card)})
    engine.fire(card, "approve", actor("approvals.approver"))
    engine.fire(card, "issue", actor("approvals.clerk"))
    session.commit()
    # The other department's own people see the bundle through their member, not the contents of the others.
    there = client_as("approvals.clerk").get(f"/one-things/{bundle.uid}").text
    assert card.number in there and f'href="/c/{household.uid}"' not in there
    page = window.get(f"/one-things/{bundle.uid}").text
    assert "下城区审批管理办公室" in page and "结果齐了，待统一出件" in page
    assert deliver_all(window, bundle).status_code == 303
    session.expire_all()
    assert bundle.closed_at is not None and reading.came(session, bundle).trips == 1
