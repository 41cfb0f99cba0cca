"""The calendar as administrators keep it: the notice read as published, Excel with every kind of mistake, saving and its trail."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from time import thread_time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.clock import CalendarDay
from models.ledger import JournalEntry, OutboxItem
from models.task import BRANCH, Task
from process import calendars as kernel
from process import clock
from process.access import Actor
from process.calendar_days import WorkCalendar
from process.definition import Branch, Branches, Title
from process.refusals import InvalidInput
from services import calendar_excel, calendar_notice, calendars, deadlines
from services.calendars import Day, Plan, WrongPlan, default

NOTICE_2026 = """各省、自治区、直辖市人民政府：
经国务院批准，现将2026年元旦、春节等放假调休日期的具体安排通知如下。
一、元旦：1月1日（周四）至3日（周六）放假调休，共3天。1月4日（周日）上班。
二、春节：2月15日（农历腊月二十八、周日）至23日（农历正月初七、周一）放假调休，共9天。2月14日（周六）、2月28日（周六）上班。
三、清明节：4月4日（周六）至6日（周一）放假，共3天。
四、劳动节：5月1日（周五）至5日（周二）放假调休，共5天。5月9日（周六）上班。
五、端午节：6月19日（周五）至21日（周日）放假，共3天。
六、中秋节：9月25日（周五）至27日（周日）放假，共3天。
七、国庆节：10月1日（周四）至7日（周三）放假调休，共7天。9月20日（周日）、10月10日（周六）上班。
节假日期间，各地区、各部门要妥善安排好值班和安全、保卫等工作。
"""
ActorOf = Callable[[str], Actor]
YEAR = [date(2027, 1, 1) + timedelta(days=n) for n in range(365)]


def shipped(year: int) -> Plan:
    found = catalogue.work_calendar()
    return {day: Day(found.days[day], found.names[day]) for day in sorted(found.days) if day.year == year}


def plan_of(rows: list[calendar_notice.Row], year: int) -> Plan:
    return calendar_notice.read_rows(year, [row.__dict__ for row in rows])[0]


def test_the_notice_is_read_as_it_was_published() -> None:
    """The oracle is the library's own year."""
    rows, notes = calendar_notice.read_text(2026, NOTICE_2026)
    assert not notes and [row.name for row in rows] == list(calendar_notice.FESTIVALS)
    assert plan_of(rows, 2026) == shipped(2026)


@pytest.mark.parametrize("year", [2025, 2026])
def test_a_shipped_year_survives_the_form_and_excel(year: int) -> None:
    plan = shipped(year)
    assert plan_of(calendar_notice.rows_of(plan), year) == plan
    assert calendar_excel.read(year, calendar_excel.template(year, plan)) == plan


def test_a_break_over_the_end_of_the_year_keeps_its_own_part() -> None:
    rows, notes = calendar_notice.read_text(2024, "一、元旦：2023年12月30日至2024年1月1日放假，共3天。")
    assert plan_of(rows, 2024) == {date(2024, 1, 1): Day(False, "元旦")}
    assert "2023年12月30日、2023年12月31日 不在 2024 年" in notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "没有读到放假日期"),
        ("明天放假", "没有读到放假日期"),
        ("一、元旦：1月1日至40日放假。", "第 1 行（元旦）：没有“40日”这一天。"),
        ("1月1日放假", "第 1 行：有放假日期，但看不出是哪个节日"),
        ("元旦：5日至1月6日放假。", "没有写月份"),
        ("元旦：1月9日至3日放假。", "结束早于开始"),
        ("元旦：1月1日至6月3日放假。", "超过 31 天"),
        ("元" * 7000, "最多 6000 个字"),
    ],
)
def test_a_notice_that_cannot_be_read_says_where_and_why(text: str, words: str) -> None:
    with pytest.raises(WrongPlan) as wrong:
        calendar_notice.read_text(2027, text)
    assert words in wrong.value.detail


@pytest.mark.parametrize(
    ("row", "where", "what"),
    [
        ({"name": "", "first": "2027-01-01"}, "第 1 行，名称", "没有填"),
        ({"name": "元旦", "first": "昨天"}, "第 1 行“元旦”，第一天", "“昨天”不是日期"),
        ({"name": "元旦", "first": "2027-01-03", "last": "2027-01-01"}, "第 1 行“元旦”，最后一天", "早于第一天"),
        ({"name": "元旦", "first": "2027-01-01", "last": "2027-12-01"}, "第 1 行“元旦”，最后一天", "最多 31 天"),
        ({"name": "元旦", "first": "2026-12-31", "last": "2027-01-01"}, "第 1 行“元旦”", "不在2027年"),
        ({"name": "元旦", "first": "2027-01-01", "made_up": "1月4日"}, "第 1 行“元旦”，调休上班日", "周一，本来就上班"),
        ({"name": "元旦", "first": "2027-01-01", "made_up": "礼拜天"}, "第 1 行“元旦”，调休上班日", "“礼拜天”不是日期"),
    ],
)
def test_every_bad_row_of_the_form_is_named(row: dict[str, str], where: str, what: str) -> None:
    with pytest.raises(WrongPlan) as wrong:
        calendar_notice.read_rows(2027, [{"name": "", "first": "", "last": "", "made_up": "", **row}])
    assert any(fault.where == where and what in fault.what for fault in wrong.value.faults), wrong.value.faults


def book(*rows: tuple[Any, ...], title: str = calendar_excel.SHEET) -> bytes:
    made = Workbook()
    made.active.title = title
    for row in rows:
        made.active.append(row)
    kept = io.BytesIO()
    made.save(kept)
    return kept.getvalue()


HEAD = calendar_excel.HEADINGS


@pytest.mark.parametrize(
    ("rows", "where", "what"),
    [
        ([("日子", "安排", "名称"), ("2027-01-01", "放假", "元旦")], "第 1 行", "缺“日期”列"),
        ([], "第 1 行", "表是空的"),
        ([HEAD], "第 2 行", "没有填任何日子"),
        ([HEAD, ("2027-13-01", "放假", "元旦")], "第 2 行，日期", "没有“2027-13-01”这一天"),
        ([HEAD, ("元旦", "放假", "元旦")], "第 2 行，日期", "“元旦”不是日期"),
        ([HEAD, ("=TODAY()", "放假", "元旦")], "第 2 行，日期", "是公式"),
        ([HEAD, ("2027-01-01", "放假", '=HYPERLINK("http://x","元旦")')], "第 2 行，名称", "是公式"),
        ([HEAD, ("2027-01-01", "放假", "+1+cmd|' /C calc'!A0")], "第 2 行，名称", "是公式"),
        ([HEAD, ("2027-01-01", "半天", "元旦")], "第 2 行，安排", "“半天”看不懂。只能写“放假”或“调休上班”"),
        ([HEAD, ("2027-01-01", None, "元旦")], "第 2 行，安排", "没有填"),
        ([HEAD, ("2027-01-01", "放假", None)], "第 2 行，名称", "没有填"),
        ([HEAD, (date(2028, 1, 1), "放假", "元旦")], "第 2 行，日期", "不在2027年"),
        ([HEAD, ("2027-01-04", "调休上班", "元旦调休")], "第 2 行，日期", "周一，本来就上班"),
        ([HEAD, ("2027-01-01", "放假", "元旦"), (datetime(2027, 1, 1), "放假", "元旦")], "第 3 行，日期", "已经填过"),
        ([HEAD, ("2027-01-01", "放假", "元" * 41)], "第 2 行，名称", "最多 40 个字"),
        ([HEAD, *[("2027-01-01", "放假", "元旦")] * 430], "第 421 行", "行数太多"),
    ],
)
def test_every_bad_row_of_the_file_is_named(rows: list[tuple[Any, ...]], where: str, what: str) -> None:
    with pytest.raises(WrongPlan) as wrong:
        calendar_excel.read(2027, book(*rows))
    assert any(fault.where == where and what in fault.what for fault in wrong.value.faults), wrong.value.faults


def packed(parts: dict[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return kept.getvalue()


def parts_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {part.filename: archive.read(part) for part in archive.infolist()}


GOOD = book(HEAD, ("2027-01-01", "放假", "元旦"))


def with_part(name: str, data: bytes) -> bytes:
    return packed({**parts_of(GOOD), name: data})


def far_row() -> bytes:
    """One cell in the last row and the last column a sheet can have: padding would be 17 thousand million cells."""
    sheet = parts_of(GOOD)["xl/worksheets/sheet1.xml"]
    return with_part(
        "xl/worksheets/sheet1.xml",
        sheet.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'),
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空的"),
        (b"MZ\x90" * 100, "不是 Excel"),
        (b"\xd0\xcf\x11\xe0" + b"0" * 100, "旧式的 .xls"),
        (b"PK\x03\x04" + b"0" * 2_000_000, "最多 1 MB"),
        (b"PK\x03\x04" + b"0" * 200, "损坏"),
        (packed({"a.txt": b"x"}), "不是 Excel"),
        (with_part("xl/media/big.bin.xml", b"0" * 20_000_000), "展开后太大"),
        (packed({**parts_of(GOOD), **{f"xl/p{n}.xml": b"" for n in range(100)}}), "展开后太大"),
        (with_part("xl/vbaProject.bin", b"macro"), "宏"),
        (
            with_part(
                "xl/sharedStrings.xml",
                b'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><sst>&b;</sst>',
            ),
            "不该有的内容",
        ),
        (with_part("xl/worksheets/sheet1.xml", "<!DOCTYPE x>".encode("utf-16")), "不该有的内容"),
        (with_part("xl/workbook.xml", b"<workbook"), "打不开"),
        (with_part("xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row"), "打不开"),
        (GOOD[: len(GOOD) // 2], "损坏"),
    ],
)
def test_hostile_files_are_refused_with_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        calendar_excel.read(2027, content)
    assert words in refused.value.detail and refused.value.detail.endswith("。")


def test_a_sheet_that_claims_to_be_endless_is_read_quickly() -> None:
    # By the processor's clock, which stands still while other work has it; a million empty rows cost far more.
    started = thread_time()
    assert calendar_excel.read(2027, far_row()) == {date(2027, 1, 1): Day(False, "元旦")}
    assert thread_time() - started < 3


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_damaged_files_end_as_a_plan_or_a_sentence(at: int, damage: bytes) -> None:
    broken = GOOD[:at] + damage + GOOD[at + len(damage) :]
    try:
        calendar_excel.read(2027, broken)
    except InvalidInput as refused:
        assert refused.detail


def test_the_template_can_be_filled_in_by_hand() -> None:
    sheet = load_workbook(io.BytesIO(calendar_excel.template(2027, {})))[calendar_excel.SHEET]
    assert [cell.value for cell in sheet[1]] == list(HEAD) and sheet["B2"].value == "放假"


def test_saving_a_year_writes_days_journal_and_work(session: Session, actor: ActorOf) -> None:
    admin = actor("admin")
    plan = {date(2027, 1, 1): Day(False, "元旦"), date(2027, 1, 3): Day(True, "元旦调休")}
    seen = calendars.preview(session, 2027, plan)
    assert seen.first and [change.day for change in seen.changes] == list(plan)
    assert session.scalar(select(func.count()).select_from(CalendarDay).where(CalendarDay.day >= date(2027, 1, 1))) == 0
    made = calendars.save(session, admin, 2027, plan, reason="国务院通知", source="notice")
    assert made is not None and made.first and set(made.days) == {"2027-01-01", "2027-01-03"}
    session.commit()
    assert clock.calendar(session).add_working_days(date(2026, 12, 31), 1) == date(2027, 1, 3), (
        "the cache was forgotten"
    )
    kept = calendars.year_of(session, 2027)
    assert kept is not None and len(kept) == 365 and all(kept[d] == plan.get(d, default(d)) for d in YEAR)
    row = session.scalars(select(JournalEntry).where(JournalEntry.stream == "calendar:2027")).one()
    assert row.person_id == admin.person_id and row.details["days"]["2027-01-03"] == [None, "", True, "元旦调休"]
    jobs = session.scalars(select(OutboxItem).where(OutboxItem.job == deadlines.RECOMPUTE)).all()
    assert sorted(item.args["round"] for item in jobs) == [1, 2]
    assert calendars.save(session, admin, 2027, plan, reason="再来一次", source="notice") is None, "nothing changes"
    one = {date(2027, 3, 2): Day(False, "台风停工")}
    again = calendars.save(session, admin, 2027, one, reason="台风", source="day", whole=False)
    assert again is not None and not again.first and again.days == {"2027-03-02": [True, "", False, "台风停工"]}


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)"])
def test_a_name_that_excel_would_run_is_refused(session: Session, actor: ActorOf, name: str) -> None:
    with pytest.raises(WrongPlan, match="不能以"):
        calendars.save(session, actor("admin"), 2026, {date(2026, 12, 7): Day(False, name)}, reason="x", source="day")


@pytest.mark.parametrize("reason", ["", "   ", "长" * 201])
def test_a_change_needs_a_reason(session: Session, actor: ActorOf, reason: str) -> None:
    with pytest.raises(InvalidInput):
        calendars.save(session, actor("admin"), 2026, {date(2026, 12, 1): Day(False, "x")}, reason=reason, source="day")


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"x":[true,""]}', '{"2027-01-01":["是",""]}', '{"2027-01-01":1}', "9" * 70_000]
)
def test_a_hidden_field_that_was_touched_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        calendars.unpack(text)
    plan = {date(2027, 1, 1): Day(False, "元旦")}
    assert calendars.unpack(calendars.pack(plan)) == plan


MOMENTS = st.datetimes(datetime(2025, 1, 2), datetime(2026, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))


@given(MOMENTS, MOMENTS, st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_working_time_is_counted_like_by_hand(first: datetime, second: datetime, share: float) -> None:
    """Against a count minute by minute, in steps of a quarter of an hour."""
    days = catalogue.work_calendar()
    start, end = sorted(
        (first.replace(minute=0, second=0, microsecond=0), second.replace(minute=0, second=0, microsecond=0))
    )
    end = min(end, start + timedelta(days=60))
    step, naive, at = timedelta(hours=1), timedelta(), start
    while at < end:
        if days.is_working_day(kernel.local_day(at)):
            naive += step
        at += step
    assert kernel.worked(days, start, end) == naive == -kernel.worked(days, end, start)
    point = kernel.moment_at(days, start, end, share)
    assert start <= point <= end
    assert abs(kernel.worked(days, start, point) - naive * share) < timedelta(seconds=1)


def test_opinions_that_are_waited_for_follow_the_calendar() -> None:
    """Only those with a limit of their own, and only while they are open branches."""
    limited, free = (Branch(name, Title(name, name), working_days=days) for name, days in (("a", 3), ("b", None)))
    state = SimpleNamespace(branches=Branches("all", "done", (limited, free)))
    definition: Any = SimpleNamespace(states={"asked": state, "plain": SimpleNamespace(branches=None)})
    opened = datetime(2026, 3, 5, 2, tzinfo=UTC)
    told = clock.end_of(date(2026, 3, 10))

    def task(key: str, in_state: str = "asked", kind: str = BRANCH) -> Task:
        return Task(key=key, in_state=in_state, kind=kind, opened_at=opened, deadline=told)

    tasks = [task("a"), task("b"), task("a", "plain"), task("a", kind="signer"), task("c")]
    days = catalogue.work_calendar()
    typhoon = WorkCalendar({**days.days, date(2026, 3, 9): False}, days.years, days.names)
    assert set(deadlines._move_tasks(typhoon, definition, tasks)) == {"task:a"}
    assert [t.deadline for t in tasks] == [clock.end_of(date(2026, 3, 11)), *[told] * 4]
    assert not deadlines._move_tasks(typhoon, definition, tasks), "twice changes nothing"
