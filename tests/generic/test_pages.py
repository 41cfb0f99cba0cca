"""The pages of a type without Python: what a clerk types stays, what a stranger asks for is not there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from extensions import db
from models.content import Content
from models.ledger import JournalEntry
from tests.generic.conftest import SMALL

FORM = {
    "title": "小区东门路灯不亮",
    "facility": "lamp",
    "found_on": "2026-11-20",
    "wish": "2026-11-30T09:00",
    "pieces": "2",
    "urgent": "y",
    "story": "晚上看不清。",
    "parts": "灯泡\n\n灯罩",
    "spot": "文晖路18幢2单元902室门前",
    "contact": "王秀英",
    "contact_phone": "139 0000 4321",
    "addressee": "dongxin-centre",
    "informed": ["dx-c02", "dx-c03"],
    "item": "senior_card",
    "handler": "window.clerk",
    "applicant_name": "李桂芬",
    "applicant_id_number": "11010519491231002X",
    "applicant_phone": "13800001234",
    "applicant_address": "文晖路18幢2单元902室",
}


def created(client: FlaskClient, **change: Any) -> str:
    answer = client.post("/t/repair_request/new", data=FORM | change)
    assert answer.status_code == 303, re.findall(r"field__error.*?</p>", answer.text, re.S)[:5]
    return answer.headers["Location"].rpartition("/")[2]


def test_a_clerk_registers_looks_mends_and_finishes(client_as: Callable[[str], FlaskClient], session: Session) -> None:
    clerk, window = client_as("community.clerk"), client_as("window.clerk")
    start = clerk.get("/t/")
    assert "便民设施报修" in start.text and "/t/repair_request/new" in start.text and "示例" in start.text
    assert "修理期限是占位" not in start.text and "修理期限是占位" in client_as("admin").get("/t/").text
    form = clerk.get("/t/repair_request/new").text
    assert "怎么修的" not in form, "what a step asks later is not asked now"
    assert all(label in form for label in ("报修内容", "发现日期", "要用的配件", "报修人姓名", "写设施和毛病"))
    uid = created(clerk)
    page = clerk.get(f"/c/{uid}").text
    for words in (
        "2026年11月20日",
        "灯泡；灯罩",
        "路灯",
        "沈丽娟",
        "东新街道行政服务中心",
        "139****4321",
        "便民设施报修",
    ):
        assert words in page, words
    assert "13900004321" not in page and "902室门前" not in page
    shown = clerk.post(f"/c/{uid}/reveal", data={"reason": "联系修理"}).text
    assert "13900004321" in shown and "902室门前" in shown
    assert session.scalar(select(JournalEntry.comment).where(JournalEntry.action == "personal:reveal")) == "联系修理"

    edit = clerk.get(f"/c/{uid}/edit").text
    assert "已填 139****4321" in edit and "13900004321" not in edit
    version = re.search(r'name="version" value="(\d+)"', edit)
    assert version is not None
    same = {k: v for k, v in FORM.items() if not k.startswith("applicant_")} | {
        "contact_phone": "",
        "contact": "",
        "spot": "",
    }
    unchanged = clerk.post(f"/c/{uid}/edit", data=same | {"version": version[1]})
    assert unchanged.status_code == 303
    assert session.scalar(select(Content.version).where(Content.uid == uid)) == int(version[1])
    mended = clerk.post(f"/c/{uid}/edit", data=same | {"version": version[1], "pieces": "5", "urgent": ""})
    assert mended.status_code == 303
    session.expire_all()
    content = session.scalars(select(Content).where(Content.uid == uid)).one()
    assert content.fields["pieces"] == 5 and content.fields["urgent"] is False
    assert content.private is not None and content.private["contact_phone"] == "13900004321"
    stale = clerk.post(f"/c/{uid}/edit", data=same | {"version": version[1], "pieces": "6"})
    assert stale.status_code == 409

    assert window.get(f"/c/{uid}/edit").status_code == 404
    assert "派人去修" in window.get("/t/repair_request/").text
    assert window.post(f"/c/{uid}/do/take", data={"plan": ""}).status_code == 422
    assert window.post(f"/c/{uid}/do/take", data={"plan": "水电班"}).status_code == 303
    assert window.post(f"/c/{uid}/do/finish", data={"result": "换了灯泡"}).status_code == 303
    assert clerk.post(f"/c/{uid}/do/confirm").status_code == 303
    page = clerk.get(f"/c/{uid}").text
    assert "水电班" in page and "换了灯泡" in page, "what the steps asked stays readable"
    history = clerk.get(f"/c/{uid}/history").text
    assert all(words in history for words in ("派人去修", "登记修好", "确认修好", "修改内容"))
    assert clerk.get(f"/c/{uid}/edit").status_code == 200, (
        "the definition of this process lets the clerk mend to the end"
    )


def test_a_refusal_keeps_everything_that_was_typed(client_as: Callable[[str], FlaskClient], session: Session) -> None:
    answer = client_as("community.clerk").post(
        "/t/repair_request/new",
        data=FORM
        | {"found_on": "2026-02-30", "pieces": "两件", "applicant_id_number": "110105194912310021", "addressee": ""},
    )
    assert answer.status_code == 422
    text = answer.text
    for kept in (
        "小区东门路灯不亮",
        "2026-02-30",
        "两件",
        "110105194912310021",
        "晚上看不清",
        "灯罩",
        "139 0000 4321",
        "李桂芬",
    ):
        assert kept in text, kept
    assert text.count("field--wrong") == 4
    assert "还有 4 处要改，您填的内容都在" in text
    assert session.scalar(select(Content.id).where(Content.type == "repair_request")) is None


def test_a_second_press_is_one_thing(client_as: Callable[[str], FlaskClient], session: Session) -> None:
    clerk = client_as("community.clerk")
    answers = [clerk.post("/t/repair_request/new", data=FORM | {"_once": "same-button"}) for _ in range(2)]
    assert answers[0].headers["Location"] == answers[1].headers["Location"]
    assert len(session.scalars(select(Content.id).where(Content.type == "repair_request")).all()) == 1


@pytest.mark.parametrize("username", ["window.clerk", "reviewer", "supervisor", "courier", "admin"])
def test_who_may_not_begin_it_finds_no_form(client_as: Callable[[str], FlaskClient], username: str) -> None:
    client = client_as(username)
    assert client.get("/t/repair_request/new").status_code == 404
    assert client.post("/t/repair_request/new", data=FORM).status_code == 404


def test_another_community_finds_nothing(client_as: Callable[[str], FlaskClient]) -> None:
    uid = created(client_as("community.clerk"))
    neighbour = client_as("neighbour.clerk")
    for path in (f"/c/{uid}", f"/c/{uid}/edit", f"/c/{uid}/history", f"/c/{uid}/reveal", f"/c/{uid}/do/take"):
        assert neighbour.get(path).status_code == 404, path
    assert neighbour.post(f"/c/{uid}/edit", data={"pieces": "1", "version": "1"}).status_code == 404
    assert "小区东门" not in neighbour.get("/t/repair_request/").text
    assert neighbour.get("/t/no_such_process/").status_code == 404
    courier = client_as("courier")
    assert courier.get("/t/repair_request/").status_code == 404, "a courier has nothing to do with it at all"
    assert "便民设施报修" not in courier.get("/t/").text


def test_masked_sight_shows_no_words(client_as: Callable[[str], FlaskClient]) -> None:
    uid = created(client_as("community.clerk"))
    page = client_as("supervisor").get(f"/c/{uid}").text
    assert "路灯" in page and "2026年11月20日" in page
    for words in ("王秀英", "晚上看不清", "李桂芬", "4321", "看全文", "修改"):
        assert words not in page, words


def test_filters_narrow_and_odd_ones_do_no_harm(client_as: Callable[[str], FlaskClient]) -> None:
    clerk = client_as("community.clerk")
    created(clerk, title="甲处路灯")
    created(clerk, title="乙处长椅", facility="bench")

    def seen(query: str) -> set[str]:
        answer = clerk.get(f"/t/repair_request/?{query}")
        assert answer.status_code == 200
        return {name for name in ("甲处路灯", "乙处长椅") if name in answer.text}

    both = {"甲处路灯", "乙处长椅"}
    assert seen("") == seen("state=reported") == seen("only=mine") == seen("only=open") == seen("unit=dx-c01") == both
    assert seen("q=甲处") == {"甲处路灯"}
    assert seen("state=closed") == seen("only=overdue") == seen("unit=dx-c02") == seen("until=2020-01-01") == set()
    assert seen("since=2020-01-01") == seen("sort=-created") == both
    for odd in (
        "state=zzz",
        "unit=%00",
        "since=yesterday",
        "until=9999-99-99",
        "after=~",
        "after=x~9",
        "after=2026-01-01~1",
        "sort=x",
        "only=x",
        "q=%00%F0",
    ):
        answer = clerk.get(f"/t/repair_request/?{odd}")
        assert answer.status_code == 200, odd


def test_pages_follow_each_other_and_ask_a_constant_number_of_questions(
    client_as: Callable[[str], FlaskClient], api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blueprints.generic.views.PAGE", 4)
    program, clerk = api("community.clerk"), client_as("community.clerk")
    asked: list[str] = []
    counts: dict[int, int] = {}

    def count(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    for total in (2, 4, 11):
        while True:
            made = program.get("/contents?type=repair_request&limit=100")["items"]
            if len(made) >= total:
                break
            wish = {"wish": "2026-12-01T09:00+08:00"} if len(made) % 2 else {}
            program.post(
                "/contents",
                SMALL | {"title": f"第{len(made)}件", "item": "senior_card", "handler": "courier"} | wish,
                201,
            )
        with clerk.application.app_context():
            engine = db.engine
        # What a process remembers between requests is read by the first one.
        assert clerk.get("/t/repair_request/").status_code == 200
        event.listen(engine, "before_cursor_execute", count)
        asked.clear()
        assert clerk.get("/t/repair_request/").status_code == 200
        counts[total] = len(asked)
        event.remove(engine, "before_cursor_execute", count)
    # Whether a page is full and has things without a date makes a question or two, the number of things none.
    assert max(counts.values()) - min(counts.values()) <= 2, counts
    spans = "since=2020-01-01&until=2099-12-31"
    for query in ("", "sort=-created", "q=件", "q=件&sort=-created", f"{spans}&only=mine", f"{spans}&sort=-created"):
        seen: list[str] = []
        url: str | None = f"/t/repair_request/?{query}"
        while url:
            text = clerk.get(url).text
            seen += re.findall(r'<span class="what">第(\d+)件', text)
            following = re.search(r'rel="next" href="([^"]+)"', text)
            url = following[1].replace("&amp;", "&") if following else None
        assert sorted(map(int, seen)) == list(range(11))


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}", "𠮷㛃䶮"])
def test_hostile_text_is_only_text(client_as: Callable[[str], FlaskClient], text: str) -> None:
    clerk = client_as("community.clerk")
    uid = created(clerk, title=text, story=text, parts=text, contact=text)
    for path in (f"/c/{uid}", "/t/repair_request/", f"/c/{uid}/edit", f"/c/{uid}/history", "/desk/"):
        page = clerk.get(path).text
        assert "<script>alert" not in page and "<img src=x" not in page, path
        assert "{{7*7}}" not in text or "{{7*7}}" in page, path


def test_the_desk_and_the_inbox_know_it(client_as: Callable[[str], FlaskClient]) -> None:
    created(client_as("community.clerk"))
    desk = client_as("window.clerk").get("/desk/").text
    assert "小区东门路灯不亮" in desk and "派人去修" in desk
