"""单位网上业务: a unit sees its online functions, names operators, and only they file in its name."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from models.base import at_time, now
from models.case import Case
from models.ledger import JournalEntry
from models.paper import Document
from models.person import Person
from models.resident import Resident
from models.work_unit import WorkUnit, WorkUnitFiling, WorkUnitOperator
from process import clock
from process.identity import IdNumber
from process.refusals import Forbidden, InvalidInput
from services import accounts, actions, cases, unit_operators, work_units
from tests.conftest import PASSWORD
from tests.pages.test_counter import photo

NUMBER = "91330103MA2EXAMPL"
FUND = 12


def credit_code(first: str = NUMBER) -> str:
    total = sum(work_units.LETTERS.index(c) * pow(3, n, 31) for n, c in enumerate(first))
    return first + work_units.LETTERS[-total % 31]


def sheet(username: str = "resident", who: str = "林若琳", **more: str) -> dict[str, str]:
    return {
        "name": "东新示例食品有限公司",
        "credit_code": credit_code(),
        "address": "杭州市下城区东新路示例8号",
        "username": username,
        "person_name": who,
        "seen": "y",
        **more,
    }


@pytest.fixture
def colleagues(session):
    """Three residents with accounts of their own, as anybody has one who files online."""
    made = {}
    for number, (username, name) in enumerate((("li.op", "李慧敏"), ("wang.op", "王建平"), ("stranger", "陈志远"))):
        base = f"33010319900101{number + 301}"
        full = next(base + last for last in "0123456789X" if _valid(base + last))
        parsed = IdNumber.parse(full)
        resident = Resident(
            name=name, id_number=full, id_index=Resident.index_of(full), sex=parsed.sex_zh, birth_date=parsed.birth_date,
            phone="13800000099", phone_index=Resident.index_of("13800000099"), address="杭州市下城区东新路示例9号",
            community_id="dx-c01",
        )  # fmt: skip
        session.add(resident)
        session.flush()
        made[username] = Person(
            username=username, name=name, password_hash=accounts.hash_password(PASSWORD), resident_id=resident.id
        )
        session.add(made[username])
    session.commit()
    return made


def _valid(text: str) -> bool:
    try:
        IdNumber.parse(text)
    except InvalidInput:
        return False
    return True


@pytest.fixture
def unit(session, client_as, colleagues) -> WorkUnit:
    """Registered at the window, as a unit comes in."""
    answer = client_as("window.clerk").post("/units/new", data=sheet())
    assert answer.status_code == 303, answer.text[-3000:]
    return session.scalars(select(WorkUnit)).one()


def letter(**more: Any) -> dict[str, Any]:
    return {
        "username": "li.op",
        "person_name": "李慧敏",
        "functions": ["pf_person_change", "pf_seal_account"],
        "reason": "劳资专员换人",
        **more,
    }


def filed(client: Any, unit: WorkUnit, code: str) -> Any:
    """Through the ordinary online filing, page by page."""
    answer = client.post(f"/units/{unit.uid}/file", data={"item": code})
    assert answer.status_code == 303, re.findall(r'role="alert".*?</div>', answer.text, re.S)
    here = answer.headers["Location"]
    for _n in range(8):
        shown = client.get(here)
        if here.endswith("/check"):
            return client.post(here)
        given = {"file-agent_id_card": photo()} if here.endswith("/papers") else values(shown.text)
        answer = client.post(here, data=given)
        assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
        here = answer.headers["Location"]
    raise AssertionError("the filing does not end")


def values(page: str) -> dict[str, str]:
    """What the boxes hold already: the unit's own data stand there."""
    return dict(re.findall(r'<input class="input[^"]*" id="[^"]*" name="([a-z_]+)"[^>]*value="([^"]*)"', page)) | dict(
        (name, text.strip()) for name, text in re.findall(r'<textarea[^>]* name="([a-z_]+)"[^>]*>([^<]*)', page)
    )


@pytest.mark.req("S3-18")
def test_a_unit_sees_its_functions_names_an_operator_and_only_what_was_given_is_filed(
    session, client_as, actor, unit, colleagues
):
    head = client_as("resident")
    page = head.get(f"/units/{unit.uid}").text
    assert f"公积金网上大厅（单位）：{FUND} 项" in page and "年度验审" in page and "还没有经办人" in page
    assert "待核实" in page, "what the source does not say is marked"
    assert page.count("以单位名义申报</button>") == len(work_units.functions(session)) >= FUND
    answer = head.post(f"/units/{unit.uid}/operators/new", data=letter())
    assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
    assert "李慧敏" in head.get(f"/units/{unit.uid}").text

    operator = client_as("li.op")
    assert unit.name in operator.get("/units").text
    page = operator.get(f"/units/{unit.uid}").text
    assert page.count("以单位名义申报</button>") == 2 and "没有委托给您" in page and "不能再转给别人" in page
    done = filed(operator, unit, "pf_person_change")
    assert done.status_code == 303, re.findall(r'role="alert".*?</div>', done.text, re.S)
    session.expire_all()
    case = session.scalars(select(Case)).one()
    # The ordinary case, in the street's inbox, with the unit's name in it and the operator as the one who came.
    assert (case.state, case.channel, case.item.code) == ("submitted", "online_pc", "pf_person_change")
    assert case.values["unit_name"] == unit.name and case.values["credit_code"] == unit.credit_code
    assert case.applicant.name == "李慧敏" and case.unit_id == "dongxin-centre"
    kept = session.scalars(select(WorkUnitFiling)).one()
    assert kept.operator_id == session.scalars(select(WorkUnitOperator.id)).one()
    # The person in charge sees that it was filed, not what stands in it.
    page = head.get(f"/units/{unit.uid}").text
    assert case.number in page and f"/c/{case.uid}" not in page and head.get(f"/c/{case.uid}").status_code == 404

    refused = operator.post(f"/units/{unit.uid}/file", data={"item": "pf_annual_review"})
    assert refused.status_code == 403
    assert "没有把“年度验审”委托给您，您可以办的有：个人变更、封存" in refused.text
    assert operator.get(f"/units/{unit.uid}/operators/new").status_code == 403
    passed_on = operator.post(f"/units/{unit.uid}/operators/new", data=letter(username="wang.op", person_name="王建平"))
    assert passed_on.status_code == 403 and "委托不能再转给别人" in passed_on.text
    assert head.post(f"/units/{unit.uid}/file", data={"item": "senior_card"}).status_code == 422


@pytest.mark.req("S3-18")
def test_a_delegation_ends_at_once_also_for_what_was_begun(session, client_as, unit, colleagues):
    head, operator = client_as("resident"), client_as("li.op")
    assert head.post(f"/units/{unit.uid}/operators/new", data=letter()).status_code == 303
    begun = operator.post(f"/units/{unit.uid}/file", data={"item": "pf_seal_account"}).headers["Location"]
    again = operator.post(f"/units/{unit.uid}/file", data={"item": "pf_seal_account"}).headers["Location"]
    assert begun == again, "the draft goes on"
    one = session.scalars(select(WorkUnitOperator)).one()
    bare = head.post(f"/units/{unit.uid}/operators/{one.uid}/end", data={"reason": " "})
    assert bare.status_code == 422 and "请写明结束委托的原因" in bare.text
    mine = operator.post(f"/units/{unit.uid}/operators/{one.uid}/end", data={"reason": "不做了"})
    assert mine.status_code == 403 and "也不能由您结束" in mine.text
    assert head.post(f"/units/{unit.uid}/operators/{one.uid}/end", data={"reason": "离职"}).status_code == 303
    twice = head.post(f"/units/{unit.uid}/operators/{one.uid}/end", data={"reason": "离职"})
    assert twice.status_code == 409 and "不用再结束" in twice.text

    refused = operator.post(f"/units/{unit.uid}/file", data={"item": "pf_seal_account"})
    assert refused.status_code == 403 and "结束（离职），不能再以它的名义办" in refused.text
    draft = session.scalars(select(Case)).one()
    # Neither shown nor changed any more: the page says why, the answers and the papers stay as they were.
    before = dict(draft.values)
    for answer in (operator.get(begun), operator.post(begun, data={"unit_name": "别的名字"})):
        assert answer.status_code == 403 and "结束（离职），不能再以它的名义办" in answer.text
    papers = operator.post(begun.rsplit("/", 1)[0] + "/papers", data={"file-agent_id_card": photo()})
    token = operator.post("/api/v1/session", json={"username": "li.op", "password": PASSWORD}).get_json()["token"]
    by_program = operator.patch(
        f"/api/v1/contents/{draft.uid}",
        json={"unit_name": "别的", "version": draft.version},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (papers.status_code, by_program.status_code) == (403, 403), by_program.text
    attached = operator.post(f"/c/{draft.uid}/documents", data={"file": photo(), "purpose": "material"})
    assert attached.status_code == 403
    session.expire_all()
    assert draft.values == before and not session.scalars(select(Document)).all()
    late = operator.post(begun.rsplit("/", 1)[0] + "/check")
    session.expire_all()
    assert late.status_code in (403, 422) and draft.state == "draft"
    assert "以单位名义申报</button>" not in operator.get(f"/units/{unit.uid}").text
    rows = session.scalars(
        select(JournalEntry.action).where(JournalEntry.stream == f"work_unit:{unit.uid}").order_by(JournalEntry.id)
    ).all()
    assert list(rows) == ["work_unit:register", "work_unit:name", "work_unit:begin", "work_unit:end"]
    # Named anew, the same draft is filed.
    assert head.post(f"/units/{unit.uid}/operators/new", data=letter()).status_code == 303
    assert filed(operator, unit, "pf_seal_account").status_code == 303
    session.expire_all()
    assert draft.state == "submitted"


@pytest.mark.req("S3-18")
def test_after_the_delegation_nothing_more_is_done_in_the_units_name(session, client_as, actor, unit, colleagues):
    head, operator = client_as("resident"), client_as("li.op")
    assert head.post(f"/units/{unit.uid}/operators/new", data=letter()).status_code == 303
    assert filed(operator, unit, "pf_person_change").status_code == 303
    session.expire_all()
    one, case = session.scalars(select(WorkUnitOperator)).one(), session.scalars(select(Case)).one()
    unit_operators.end(session, actor("resident"), one.unit, one.uid, "离职")
    with pytest.raises(Forbidden, match=r"已于.*结束"), session.begin_nested():
        actions.perform(case, "withdraw", actor("li.op"), {"comment": "不办了"})


@pytest.mark.req("S3-18")
def test_dates_hold_and_every_wrong_letter_is_told_by_its_box(session, client_as, actor, unit, colleagues):
    head = client_as("resident")
    today = clock.local_day(now())
    wrong = {
        "没有这个账号，或与姓名对不上": letter(person_name="王建平"),
        "不是本人实名的账号": letter(username="window.clerk", person_name="沈丽娟"),
        "请至少勾选一项委托的业务": letter(functions=[]),
        "有的业务现在不能网上办": letter(functions=["senior_card"]),
        "开始日期不能早于今天": letter(since=str(today - timedelta(1))),
        "结束日期早于开始日期": letter(since=str(today + timedelta(9)), until=str(today)),
        "一次委托最长一年": letter(until=str(today + timedelta(400))),
        "请写明委托的原因": letter(reason=""),
        "不用委托给自己": letter(username="resident", person_name="林若琳"),
        "日期不对": letter(until="2026-02-31"),
    }
    for words, given in wrong.items():
        answer = head.post(f"/units/{unit.uid}/operators/new", data=given)
        assert answer.status_code == 422 and words in answer.text, words
        assert 'value="li.op"' in answer.text or given["username"] != "li.op"
    assert not session.scalars(select(WorkUnitOperator)).all()
    later = letter(since=str(today + timedelta(2)), until=str(today + timedelta(3)))
    assert head.post(f"/units/{unit.uid}/operators/new", data=later).status_code == 303
    doubled = head.post(f"/units/{unit.uid}/operators/new", data=letter())
    assert doubled.status_code == 422 and "已经是经办人" in doubled.text
    session.expire_all()
    who = actor("li.op")
    with pytest.raises(Forbidden, match="起才有效"):
        unit_operators.begin(session, who, unit, "pf_seal_account", "online_pc")
    with at_time(now() + timedelta(4)), pytest.raises(Forbidden, match="到期，不能再以它的名义办"):
        unit_operators.begin(session, who, unit, "pf_seal_account", "online_pc")
    with at_time(now() + timedelta(3)):
        assert unit_operators.begin(session, who, unit, "pf_seal_account", "online_pc").state == "draft"


@pytest.mark.req("S3-18")
def test_an_empty_end_means_a_year_not_for_ever(session, client_as, actor, unit, colleagues):
    head, today = client_as("resident"), clock.local_day(now())
    assert "不填就是一年" in head.get(f"/units/{unit.uid}/operators/new").text
    since = today + timedelta(2)
    assert head.post(f"/units/{unit.uid}/operators/new", data=letter(since=str(since), until="")).status_code == 303
    session.expire_all()
    assert session.scalars(select(WorkUnitOperator)).one().until == since + timedelta(365)
    with at_time(now() + timedelta(368)), pytest.raises(Forbidden, match="到期，不能再以它的名义办"):
        unit_operators.begin(session, actor("li.op"), unit, "pf_seal_account", "online_pc")


@pytest.mark.req("S3-18")
def test_another_units_address_is_not_there_and_nobody_goes_past_the_unit(session, client_as, actor, unit, colleagues):
    stranger = client_as("stranger")
    one = "A" * 22
    assert stranger.get(f"/units/{unit.uid}").status_code == 404
    assert stranger.get(f"/units/{unit.uid}/operators/new").status_code == 404
    assert stranger.get(f"/units/{unit.uid}/in-charge").status_code == 404
    assert stranger.post(f"/units/{unit.uid}/operators/new", data=letter()).status_code == 404
    assert stranger.post(f"/units/{unit.uid}/operators/{one}/end", data={"reason": "x"}).status_code == 404
    assert stranger.post(f"/units/{unit.uid}/file", data={"item": "pf_seal_account"}).status_code == 404
    assert unit.name not in stranger.get("/units").text and "还没有单位" in stranger.get("/units").text
    assert stranger.get("/units/new").status_code == 403
    clerk = client_as("window.clerk")
    no = clerk.post(f"/units/{unit.uid}/file", data={"item": "pf_seal_account"})
    assert no.status_code == 403 and "您不是东新示例食品有限公司的经办人" in no.text
    told = clerk.post(f"/units/{unit.uid}/operators/new", data=letter())
    assert told.status_code == 403 and "由东新示例食品有限公司的负责人林若琳用自己的账号委托" in told.text

    # Typing the number of a registered unit into the item's own form is no way round.
    who = actor("stranger")
    case = cases.create(
        session,
        who,
        {
            "item": "pf_seal_account",
            "unit_name": "随便",
            "credit_code": unit.credit_code.lower(),
            "unit_address": "杭州市示例路1号",
        },
    )
    with pytest.raises(Forbidden, match="由负责人或受委托的经办人从“单位网上业务”里申报"), session.begin_nested():
        actions.perform(case, "submit", who)
    # And whoever files for one unit does not write another's name into it.
    mine = unit_operators.begin(session, actor("resident"), unit, "pf_seal_account", "online_pc")
    cases.update(session, mine, actor("resident"), {"unit_name": "别的公司"})
    with pytest.raises(InvalidInput, match="单位名称应为“东新示例食品有限公司”"), session.begin_nested():
        actions.perform(mine, "submit", actor("resident"))


@pytest.mark.req("S3-18")
def test_a_unit_is_registered_once_with_a_checked_number_and_changes_hands_at_the_window(
    session, client_as, unit, colleagues
):
    clerk, head = client_as("window.clerk"), client_as("resident")
    page = clerk.post("/units/new", data=sheet())
    assert page.status_code == 422 and "已登记为“东新示例食品有限公司”" in page.text
    last = credit_code()[-1]
    other = next(c for c in work_units.LETTERS if c != last)
    for words, given in {
        "最后一位校验不对": sheet(credit_code=NUMBER + other),
        "18 位": sheet(credit_code="123"),
        "请填写单位名称": sheet(name=" "),
        "与姓名对不上": sheet(username="nobody"),
        "核对营业执照": sheet(seen=""),
    }.items():
        page = clerk.post("/units/new", data=given)
        assert page.status_code == 422 and words in page.text, words
    assert head.get(f"/units/{unit.uid}/in-charge").status_code == 403
    given = {"username": "wang.op", "person_name": "王建平"}
    assert clerk.post(f"/units/{unit.uid}/in-charge", data=given).status_code == 422
    assert clerk.post(f"/units/{unit.uid}/in-charge", data={**given, "seen": "y"}).status_code == 303
    assert head.get(f"/units/{unit.uid}").status_code == 404
    assert client_as("wang.op").get(f"/units/{unit.uid}/operators/new").status_code == 200


@pytest.mark.req("S3-18")
def test_the_report_tells_the_share_of_units_that_use_it_by_function(session, client_as, unit, colleagues):
    more = sheet("wang.op", "王建平", name="东新示例文具有限公司", credit_code=credit_code("91330103MA2EXAMP2"))
    assert client_as("window.clerk").post("/units/new", data=more).status_code == 303
    watcher = client_as("statistician")
    assert "0/2" in watcher.get("/reports/units").text
    head = client_as("resident")
    head.post(f"/units/{unit.uid}/file", data={"item": "pf_annual_review"})
    assert "0/2" in watcher.get("/reports/units").text, "a draft is no use yet"
    assert filed(head, unit, "pf_annual_review").status_code == 303
    assert filed(head, unit, "pf_annual_review").status_code == 303
    page = watcher.get("/reports/units").text
    assert "50.0%" in page and "1/2（50.0%）" in page and "近 70%" in page
    row = re.search(r"年度验审.*?</tr>", page, re.S)
    assert row is not None and "1/2（50.0%）" in row[0] and ">2<" in row[0]
    assert f"1/{FUND}" in page and unit.name not in page
    assert "/reports/units" in watcher.get("/reports").text
    assert head.get("/reports/units").status_code == 403


@pytest.mark.req("S3-18")
def test_a_dissolved_unit_is_struck_off_and_what_runs_for_it_goes_on(session, client_as, actor, unit, colleagues):
    head, operator, clerk = client_as("resident"), client_as("li.op"), client_as("window.clerk")
    assert head.post(f"/units/{unit.uid}/operators/new", data=letter()).status_code == 303
    assert filed(operator, unit, "pf_person_change").status_code == 303
    assert head.post(f"/units/{unit.uid}/file", data={"item": "pf_annual_review"}).status_code == 303
    session.expire_all()
    case = session.scalars(select(Case).where(Case.state == "submitted")).one()
    address = f"/units/{unit.uid}/close"
    no = head.get(address)
    assert (
        no.status_code == 403
        and "由登记单位的窗口办" in no.text
        and client_as("stranger").get(address).status_code == 404
    )
    page = clerk.get(address).text
    assert case.number in page and "还在办的 1 件" in page and "草稿 1 件" in page and "李慧敏" in page
    bare = clerk.post(address, data={"reason": "已办理工商注销"})
    assert bare.status_code == 422 and "请核对注销登记的证明后打勾" in bare.text and "已办理工商注销" in bare.text
    assert clerk.post(address, data={"reason": "已办理工商注销", "seen": "y"}).status_code == 303
    twice = clerk.post(address, data={"reason": "再来一次", "seen": "y"})
    assert twice.status_code == 409 and "注销（已办理工商注销）" in twice.text
    session.expire_all()
    assert case.state == "submitted" and all(one.ended_at for one in session.scalars(select(WorkUnitOperator)))
    shown = clerk.get(f"/units/{unit.uid}").text
    assert "已注销" in shown and case.number in shown
    for who in (head, operator):
        refused = who.post(f"/units/{unit.uid}/file", data={"item": "pf_person_change"})
        assert refused.status_code == 409
        assert "不能再以它的名义办" in refused.text and "以单位名义申报</button>" not in refused.text
    assert head.post(f"/units/{unit.uid}/operators/new", data=letter()).status_code == 409
    assert (
        clerk.post(
            f"/units/{unit.uid}/in-charge", data={"username": "wang.op", "person_name": "王建平", "seen": "y"}
        ).status_code
        == 409
    )
    again = clerk.post("/units/new", data=sheet())
    assert again.status_code == 422 and "注销的代码不再用" in again.text
    # The town goes on with what was filed.
    actions.perform(case, "reject_intake", actor("window.clerk"), {"comment": "单位已注销，依据不足"})
    assert case.closed_at is not None
