"""The administrator's calendar and the bell, through the pages."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from blueprints.calendar.gap import DEPENDS
from models.base import at_time, now
from models.clock import CalendarChange, CalendarDay
from models.content import Content
from models.notice import Notice
from models.person import Person
from process import clock
from process.access import Actor
from process.numbers import CHINA
from services import actions, calendar_excel, notices
from tests.services.fertility import data
from tests.services.test_calendars import HEAD, book

SignIn = Callable[[str], FlaskClient]
PREVIEW = "/admin/calendar/2027/preview"
NOTICE_2027 = """一、元旦：1月1日（周五）至3日（周日）放假，共3天。
二、春节：2月5日至11日放假调休，共7天。2月14日（周日）上班。"""


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return found.group(1).replace("&#34;", '"')


def test_the_notice_becomes_a_year(client_as: SignIn, session: Session) -> None:
    """Paste, read, look through, preview, save: then the year is there and dates in it can be told."""
    admin = client_as("admin")
    assert "录入 2027 年" in admin.get("/admin/calendar/").text
    page = admin.post("/admin/calendar/2027/read", data={"text": NOTICE_2027})
    assert page.status_code == 200 and 'value="2027-02-11"' in page.text and "2月14日" in page.text
    rows = {
        "name": ["元旦", "春节"],
        "first": ["2027-01-01", "2027-02-05"],
        "last": ["2027-01-03", "2027-02-11"],
        "made_up": ["", "2月14日"],
    }
    seen = admin.post(PREVIEW, data={"source": "notice", "reason": "国务院通知", **rows})
    assert seen.status_code == 200 and "还没有保存" in seen.text and "2027年2月14日 周日" in seen.text
    assert session.scalar(select(func.count()).select_from(CalendarChange)) == 0
    session.rollback()
    fields = {name: hidden(seen.text, name) for name in ("plan", "reason", "source")}
    assert admin.post("/admin/calendar/2027/save", data=fields).status_code == 303
    session.expire_all()
    made = session.scalars(select(CalendarChange)).one()
    assert (made.year, made.source, made.first, len(made.days)) == (2027, "notice", True, 11)
    assert clock.calendar(session).add_working_days(date(2027, 2, 4), 1) == date(2027, 2, 12)
    year = admin.get("/admin/calendar/2027").text
    assert year.count('<a class="day day--made"') == 1 and year.count('<a class="day day--off"') == 10
    assert "国务院通知" in year


def test_excel_goes_out_and_comes_in(client_as: SignIn) -> None:
    admin = client_as("admin")
    out = admin.get("/admin/calendar/2026/template.xlsx")
    assert out.status_code == 200 and out.data[:2] == b"PK"
    form: dict[str, Any] = {"source": "excel", "reason": "按模板", "file": (io.BytesIO(out.data), "2026.xlsx")}
    same = admin.post("/admin/calendar/2026/preview", data=form)
    assert "没有一天会改动" in same.text
    content = book(HEAD, ("2027-01-01", "放假", "元旦"), ("2027-01-04", "调休上班", "元旦调休"), ("=1+1", "半天", None))
    form["file"] = (io.BytesIO(content), "a.xlsx")
    bad = admin.post(PREVIEW, data=form)
    assert bad.status_code == 422 and bad.text.count("<li>第 4 行，") == 3 and "第 3 行，日期：" in bad.text
    form["file"] = (io.BytesIO(b"nonsense"), "a.xlsx")
    assert "不是 Excel" in admin.post(PREVIEW, data=form).text
    assert "还没有选文件" in admin.post(PREVIEW, data={"source": "excel", "reason": "x"}).text
    form["file"] = (io.BytesIO(b"PK\x03\x04" + b"0" * calendar_excel.MAX_BYTES * 2), "a.xlsx")
    assert "最多 1 MB" in admin.post(PREVIEW, data=form).text


def test_one_day_is_changed_with_a_reason(client_as: SignIn, session: Session) -> None:
    admin = client_as("admin")
    assert "2026年12月7日 周一" in admin.get("/admin/calendar/days/2026-12-07").text
    form = {"source": "day", "day": "2026-12-07", "working": "off", "name": "台风停工", "reason": ""}
    refused = admin.post("/admin/calendar/2026/preview", data=form)
    assert refused.status_code == 422 and "请写明为什么改日历" in refused.text and 'value="台风停工"' in refused.text
    assert "要有名称" in admin.post("/admin/calendar/2026/preview", data={**form, "name": "", "reason": "台风"}).text
    seen = admin.post("/admin/calendar/2026/preview", data={**form, "reason": "市政府通知停工"})
    assert "改动的日子" in seen.text and "台风停工" in seen.text
    fields = {name: hidden(seen.text, name) for name in ("plan", "reason", "source")}
    assert admin.post("/admin/calendar/2026/save", data=fields).status_code == 303
    session.expire_all()
    kept = session.get_one(CalendarDay, date(2026, 12, 7))
    assert (kept.working, kept.name) == (False, "台风停工")
    assert session.get_one(CalendarDay, date(2026, 12, 8)).working, "the other days stay as they were"


@pytest.mark.parametrize("who", ["window.clerk", "approver", "resident", "supervisor"])
def test_only_administrators_find_the_calendar(client_as: SignIn, session: Session, who: str) -> None:
    client = client_as(who)
    for path in ("/", "/2026", "/2027/fill", "/2026/template.xlsx", "/days/2026-12-07"):
        assert client.get(f"/admin/calendar{path}").status_code == 404
    plan = {"plan": '{"2026-12-07":[false,"放假"]}', "reason": "想放假", "source": "day"}
    for path in ("read", "preview", "save"):
        assert client.post(f"/admin/calendar/2026/{path}", data=plan).status_code == 404
    assert session.scalar(select(func.count()).select_from(CalendarChange)) == 0


@pytest.mark.parametrize("path", ["/1999", "/20260", "/days/2026-02-30", "/days/x", "/days/2027-01-01", "/2100/fill"])
def test_addresses_that_name_nothing(client_as: SignIn, path: str) -> None:
    assert client_as("admin").get(f"/admin/calendar{path}").status_code == 404


def test_a_touched_hidden_field_saves_nothing(client_as: SignIn, session: Session) -> None:
    admin = client_as("admin")
    for plan in ("", "[]", '{"2028-01-01":[false,"元旦"]}', '{"2027-01-04":[true,"元旦调休"]}', "x" * 70_000):
        form = {"plan": plan, "reason": "试", "source": "excel"}
        assert admin.post("/admin/calendar/2027/save", data=form).status_code == 422
    assert session.scalar(select(func.count()).select_from(CalendarChange)) == 0


def test_a_missing_year_is_said_on_every_page_that_depends_on_it(
    app: Flask, client_as: SignIn, session: Session, actor: Callable[[str], Actor]
) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} >= DEPENDS, "a page of the list is no more"
    case = actions.create(session, actor("window.clerk"), "case", data())
    session.execute(delete(CalendarDay).where(CalendarDay.day >= date(now().year, 1, 1)))
    session.commit()
    clock.forget_calendar()
    clerk, admin = client_as("window.clerk"), client_as("admin")
    sentence = f"{now().year} 年工作日历尚未录入"
    for path in ("/desk/", f"/c/{case.uid}", f"/c/{case.uid}/history", "/counter", "/cases", "/delegations/new"):
        text = clerk.get(path).text
        assert "data-calendar-gap" in text and str(now().year) in text and "现在录入" not in text, path
    assert "data-calendar-gap" not in clerk.get("/catalogue/").text
    assert sentence in admin.get("/desk/").text or "工作日历尚未录入" in admin.get("/desk/").text
    assert "现在录入" in admin.get("/desk/").text
    assert "calendar: ATTENTION" in admin.get("/healthz").text


def test_a_year_that_no_date_needs_yet_is_said_to_whoever_can_enter_it(client_as: SignIn, session: Session) -> None:
    with at_time(datetime(now().year, 11, 4, 10, tzinfo=CHINA)):
        session.execute(delete(CalendarDay).where(CalendarDay.day >= date(now().year + 1, 1, 1)))
        session.commit()
        clock.forget_calendar()
        assert "data-calendar-gap" not in client_as("window.clerk").get("/desk/").text
        page = client_as("admin").get("/desk/").text
        assert "data-calendar-gap" in page and "现在录入" in page


def test_the_bell_rings_until_it_is_read(
    client_as: SignIn, session: Session, actor: Callable[[str], Actor], person: Callable[[str], Person]
) -> None:
    clerk = actor("window.clerk")
    case = actions.create(session, clerk, "case", data())
    when = (now() + timedelta(days=1)).isoformat()
    text = "%(number)s 的期限快到了：%(when)s 前要办好。"
    sent = {"kind": "clock:near", "text": text, "params": {"when": when}}
    assert notices.notify(session, case, to=person("window.clerk"), **sent) is not None
    assert notices.notify(session, case, to=person("window.clerk"), **sent) is None, "told already, not read yet"
    assert notices.notify(session, case, to=person("approver"), **sent, once="x") is not None
    session.commit()
    client = client_as("window.clerk")
    desk = client.get("/desk/").text
    assert "消息，未读 1 条" in desk and "的期限快到了" in desk and f'href="/c/{case.uid}"' in desk
    notice_id = session.scalars(select(Notice.id).where(Notice.person_id == clerk.person_id)).one()
    other = client_as("approver")
    assert other.post(f"/notices/{notice_id}/read").status_code == 404, "somebody else's"
    told = other.get("/notices/").text
    assert str(case.number or case.title) not in told and "现在已不由您办理" in told, (
        "who may not see it reads no number"
    )
    assert client.post(f"/notices/{notice_id}/read", data={"from": "desk"}).status_code == 303
    assert "消息，未读 0 条" in client.get("/desk/").text and "的期限快到了" in client.get("/notices/").text
    session.expire_all()
    assert notices.notify(session, case, to=person("window.clerk"), **sent) is not None, "read, so it may be told again"
    assert notices.notify(session, case, to=person("approver"), **sent, once="x") is None, "once is once"


def test_a_unit_is_told_and_one_reader_reads_for_all(
    session: Session, actor: Callable[[str], Actor], agency: Callable[[str], Any]
) -> None:
    clerk = actor("window.clerk")
    case = actions.create(session, clerk, "case", data())
    unit = agency(clerk.unit_id or "")
    notice = notices.notify(session, case, to=unit, kind="rule", text="请今天处理", state=case.state)
    assert notice is not None and notices.count(session, clerk) == 1
    session.get_one(Content, case.id).state = "elsewhere"
    session.flush()
    assert notices.count(session, clerk) == 0, "the thing has moved on"
    session.get_one(Content, case.id).state = "draft"
    session.flush()
    assert notices.read_all(session, clerk) == 1 and notices.count(session, clerk) == 0
    assert notice.read_by_id == clerk.person_id


def test_english_pages_speak_english(client_as: SignIn) -> None:
    admin = client_as("admin")
    admin.set_cookie("locale", "en")
    text = admin.get("/admin/calendar/2026").text
    assert "Spring Festival" in text and "春节" not in text
