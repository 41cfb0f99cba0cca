"""Training lists, points of service with the share of outlets, the rules of the village, the opinion box."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from models.agency import Agency
from models.content import Content
from models.ledger import JournalEntry
from models.roster import TrainingMark
from process.refusals import InvalidInput, NotFound
from services import actions, opinions, points, trainings, village_rules
from tests.services import fertility


# --- 培训四类人员 -------------------------------------------------------------------------------------------------------
@pytest.mark.req("S2-25")
def test_the_four_lists_are_derived_from_posts(session, actor, client_as) -> None:
    street = session.get_one(Agency, "dongxin")
    found = {
        key: {line.person.username for line in trainings.listed(session, key, street)} for key in trainings.AUDIENCES
    }
    assert {"window.clerk", "approver"} <= found["heads"] and "reviewer" not in found["heads"]
    assert {"reviewer", "approver", "issuer"} <= found["back_office"] and "community.clerk" not in found["back_office"]
    assert {"community.clerk", "grid.leader", "neighbour.clerk"} <= found["community"] and len(found["community"]) > 112
    assert {"courier", "courier2"} <= found["couriers"] and "resident" not in set().union(*found.values())
    community = session.get_one(Agency, "dx-c01")
    here = {line.person.username for line in trainings.listed(session, "community", community)}
    assert "community.clerk" in here and "neighbour.clerk" not in here
    page = client_as("admin").get("/grid/training?audience=couriers&place=dongxin").text
    assert "方志远" in page and "没训" in page and "0/" in page
    assert '<option value="dx-c01">万家星城社区</option>' in page and '<option value="dongxin" selected>' in page


@pytest.mark.req("S2-25")
def test_who_was_there_is_written_down_and_exported(session, client_as, person, today) -> None:
    admin = client_as("admin")
    url = "/grid/training?audience=back_office&place=dongxin-centre"
    people = [str(person("reviewer").id), str(person("issuer").id)]
    form = {"people": people, "subject": "容缺受理新规", "trained_on": today.isoformat()}
    for change, sentence in (
        ({"people": []}, "请勾选到场的人"),
        ({"subject": ""}, "请写培训内容"),
        ({"trained_on": ""}, "请填培训日期"),
        ({"trained_on": "2026-02-30"}, "2026-03-05"),
        ({"trained_on": (today + timedelta(days=1)).isoformat()}, "还没有举行"),
        ({"people": [str(person("courier").id)]}, "不在这份名单里"),
    ):
        answer = admin.post(url, data=form | change)
        assert answer.status_code == 422 and sentence in answer.text, sentence
        if "subject" not in change:
            assert "容缺受理新规" in answer.text
    assert admin.post(url, data=form).status_code == 303
    assert admin.post(url, data=form).status_code == 303
    assert len(session.scalars(select(TrainingMark)).all()) == 2, "pressed twice is written once"
    page = admin.get(url).text
    assert "2/3（66.7%）" in page and f"{today.isoformat()} 容缺受理新规" in page
    person("issuer").name = "=1+1"
    session.commit()
    answer = admin.post("/grid/training.xlsx", data={"audience": "back_office", "place": "dongxin-centre"})
    assert answer.status_code == 200 and "no-store" in answer.headers["Cache-Control"]
    sheet = load_workbook(io.BytesIO(answer.data)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][0] == "姓名" and len(rows) == 4 and {row[-1] for row in rows[1:]} == {"是", "否"}
    odd = next(cell for row in sheet.iter_rows() for cell in row if cell.value == "=1+1")
    assert odd.data_type == "s", "text, not a formula"
    assert session.scalar(select(JournalEntry.id).where(JournalEntry.action == "training:export")) is not None


def test_training_lists_are_for_trainers_and_heads_of_their_own(session, client_as, actor) -> None:
    for stranger in ("supervisor", "community.clerk", "resident", "courier"):
        assert client_as(stranger).get("/grid/training").status_code == 404, stranger
    head = client_as("approver")
    assert head.get("/grid/training?audience=back_office").status_code == 200
    assert head.get("/grid/training?audience=back_office&place=dx-c01").status_code == 404
    assert head.get("/grid/training?audience=nobodys").status_code == 404
    with pytest.raises(NotFound):
        trainings.place(session, actor("approver"), "dx-c02")


# --- 分中心、延伸网点 ---------------------------------------------------------------------------------------------------
SUB = {
    "kind": "sub_centre", "name": "示例政务服务分中心", "code": "FZX1", "parent": "dongxin", "windows": "64",
    "terminals": "22", "area_m2": "7800", "radius_minutes": "15", "people": "619000", "address": "示例大道1号",
}  # fmt: skip


@pytest.mark.req("S4-20")
def test_a_sub_centre_is_opened_with_windows_terminals_area_and_circle(session, client_as) -> None:
    admin = client_as("admin")
    answer = admin.post("/grid/points/new", data=SUB)
    assert answer.status_code == 303 and answer.headers["Location"].endswith("/places/fzx1")
    page = client_as("window.clerk").get("/places/fzx1").text
    for word in ("政务服务分中心", "64", "22", "7800", "619000"):
        assert word in page, word
    assert "服务圈：" not in page, "nobody guesses which communities lie within fifteen minutes"
    assert "7800" in client_as("supervisor").get("/grid/points").text
    changed = {name: SUB.get(name, "") for name in ("windows", "terminals", "radius_minutes", "people", "address")}
    strange = admin.post("/grid/fzx1/details", data=changed | {"area_m2": "8000", "serves": ["nowhere"]})
    assert strange.status_code == 422 and "请从名单里选社区" in strange.text
    circle = changed | {"area_m2": "8000", "serves": ["dx-c01", "dx-c16"]}
    assert admin.post("/grid/fzx1/details", data=circle).status_code == 303
    page = client_as("window.clerk").get("/places/fzx1").text
    assert "8000" in page and "15 分钟服务圈：万家星城社区、社区16" in page
    trail = session.scalars(select(JournalEntry).where(JournalEntry.stream == "agency:fzx1")).all()
    assert [row.action for row in trail] == ["point:open", "point:change"]
    assert trail[1].details["before"]["area_m2"] == 7800
    assert client_as("community.clerk").get("/grid/fzx1/details").status_code == 404


def test_wrong_points_are_told_and_kept(session, client_as) -> None:
    admin = client_as("admin")
    wrong = [
        ({"kind": "palace"}, "请选一项"),
        ({"name": ""}, "请写名称"),
        ({"code": "x"}, "2 到 10 个大写字母"),
        ({"code": "DX"}, "已有单位在用"),
        ({"code": "dxzx"}, "已有单位在用"),
        ({"parent": "dx-c01-g1"}, "请选它属于"),
        ({"windows": "-1"}, "0 到 999"),
        ({"windows": "10000"}, "0 到 999"),
        ({"area_m2": "很大"}, "请填整数"),
        ({"radius_minutes": "181"}, "0 到 180"),
    ]
    for change, sentence in wrong:
        answer = admin.post("/grid/points/new", data=SUB | change)
        assert answer.status_code == 422 and sentence in answer.text and "示例大道1号" in answer.text, sentence
    for stranger in ("supervisor", "community.clerk", "resident"):
        assert client_as(stranger).get("/grid/points/new").status_code == 404
    assert (
        admin.post("/grid/dongxin/details", data={"address": "东新路示例1号", "phone": "0571-00000001"}).status_code
        == 303
    )


@pytest.mark.req("S3-17")
def test_an_outlet_takes_cases_in_and_the_share_has_its_base(
    session, actor, again, client_as, colleague, today
) -> None:
    outlet = {"kind": "bank_outlet", "name": "示例银行网点", "code": "YH1", "parent": "dongxin", "counters": "2"}
    assert client_as("admin").post("/grid/points/new", data=outlet).status_code == 303
    colleague("teller", "yh1", ("window_clerk", "yh1"))
    session.commit()
    teller = again("teller")
    with pytest.raises(InvalidInput, match=r"示例银行网点不受理.*还没有列出可办的事项"):
        fertility.opened(session, teller, place="yh1")
    listed = {"items": ["fertility_registration_card"], "department": ""}
    assert client_as("admin").post("/hall/yh1/takes", data=listed).status_code == 303
    session.expire_all()
    case = fertility.opened(session, teller, place="yh1")
    actions.perform(case, "submit", teller, {})
    actions.perform(case, "accept", teller, {})
    other = fertility.opened(session, actor("window.clerk"))
    actions.perform(other, "submit", actor("window.clerk"), {})
    actions.perform(other, "accept", actor("window.clerk"), {})
    session.commit()
    assert case.channel == "bank_outlet" and case.place_id == "yh1"
    share = points.share(session, actor("statistician"), today, today)
    assert (share.at_outlets, share.all, share.counters) == (1, 2, 2)
    page = client_as("statistician").get("/grid/points").text
    assert "1/2（50.0%）" in page and "示例银行网点" in page and "1 个网点，2 个柜台" in page
    assert points.share(session, actor("statistician"), today - timedelta(9), today - timedelta(1)).all == 0
    assert client_as("resident").get("/grid/points").status_code == 404


# --- 8大机制、5项制度 ---------------------------------------------------------------------------------------------------
@pytest.mark.req("S4-16")
@pytest.mark.req("S4-17")
def test_the_rules_say_where_they_are_kept_and_what_the_source_does_not_name(client_as) -> None:
    assert [e.name for e in village_rules.mechanisms()] == ["首问接待制", "工作流转制", *[""] * 6]
    assert [e.name for e in village_rules.home_gate_rules()] == ["全岗接待制", "红色代办制", *[""] * 3]
    assert all(e.kept and e.means for e in (*village_rules.mechanisms(), *village_rules.home_gate_rules()) if e.name)
    page = client_as("supervisor").get("/grid/rules").text
    assert page.count("来源未列名") == 9 and "列名 2/8" in page and "列名 2/5" in page
    supervisor = client_as("supervisor")
    for process in ("case", "delegation", "errand", "single_window_intake", "duty_roster"):
        assert f'href="/workflows/{process}"' in page and supervisor.get(f"/workflows/{process}").status_code == 200
    assert "看流程" not in client_as("community.clerk").get("/grid/rules").text
    assert client_as("resident").get("/grid/rules").status_code == 404


# --- 听取社情民意 -------------------------------------------------------------------------------------------------------
@pytest.mark.req("S2-14")
def test_an_opinion_is_typed_forwarded_answered_and_counted(session, actor, again, client_as, colleague, today) -> None:
    colleague("editor", "dongxin-centre", ("department_editor", "dongxin-centre"))
    session.commit()
    leader = client_as("grid.leader")
    form = {"question": "路灯坏了三盏", "category": "safety", "channel": "doorstep", "place": "dx-c01-g1"}
    answer = leader.post("/t/hotline_consult/new", data=form)
    assert answer.status_code == 303, answer.text
    opinion = session.scalars(select(Content).where(Content.type == "hotline_consult")).one()
    assert opinion.fields["category"] == "safety"
    clerk = client_as("community.clerk")
    page = clerk.get("/grid/opinions").text
    assert "路灯坏了三盏" in page and "安全隐患" in page and "0/1" in page
    assert client_as("neighbour.clerk").get("/grid/opinions").text.count("路灯") == 0
    acting = actor("community.clerk")
    actions.perform(opinion, "to_staff", acting, {})
    actions.perform(opinion, "forward", acting, {"to_unit": "dongxin-centre", "comment": "请安排维修"})
    session.commit()
    row = next(c for c in opinions.counted(session, acting, today, today) if c.category == "safety")
    assert (row.all, row.forwarded, row.answered) == (1, 1, 0)
    actions.perform(opinion, "answer", again("editor"), {"answer": "已报修，三天内修好"})
    session.commit()
    assert "1/1（100.0%）" in clerk.get("/grid/opinions?category=safety").text
    assert "已报修" in leader.get(f"/c/{opinion.uid}").text, "whoever brought it reads the answer"
    # A plain question is no opinion.
    actions.create(session, acting, "hotline_consult", {"question": "几点开门", "place": "dx-c01"})
    session.commit()
    assert "几点开门" not in clerk.get("/grid/opinions").text
    assert client_as("resident").get("/grid/opinions").status_code == 404
