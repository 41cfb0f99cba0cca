"""What leaves as a file: exactly what its reader sees, never a formula, never too much, never unnoticed."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import at_time, now
from models.ledger import JournalEntry, OutboxItem
from models.notice import Notice
from models.sheets import ListExport
from process import access, engine
from process.refusals import InvalidInput, NotFound, TooMany
from services import drip, exports, lists, search, sheets
from tests.services import fertility


def _cells(body: bytes) -> list[list[object]]:
    return [[cell.value for cell in row] for row in load_workbook(io.BytesIO(body)).active.iter_rows()]


@pytest.fixture
def case(session: Session, actor):
    made = fertility.opened(session, actor("window.clerk"))
    engine.fire(made, "submit", actor("window.clerk"))
    return made


def test_the_file_holds_what_its_reader_sees_masked(session: Session, actor, case) -> None:
    case.title = "=cmd|' /C calc'!A0"
    made = exports.request(session, actor("window.clerk"), "cases", {"state": "open"})
    assert made.status == "ready" and made.rows == 1
    _found, body = exports.fetch(session, actor("window.clerk"), made.uid)
    rows = _cells(body)
    flat = " ".join(str(value) for row in rows for value in row if value)
    assert case.number in flat and "没办结的" in flat and "沈丽娟" in flat
    assert case.applicant.name not in flat and case.applicant.id_number not in flat
    sheet = load_workbook(io.BytesIO(body)).active
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
    assert "沈丽娟" in sheet.oddHeader.center.text and "&P" in sheet.oddFooter.center.text
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "list:export")).one()
    assert entry.details["rows"] == 1 and entry.details["filter"] == "没办结的"


def test_another_one_gets_neither_the_rows_nor_the_file(session: Session, actor, case) -> None:
    made = exports.request(session, actor("window.clerk"), "cases", {})
    with pytest.raises(NotFound):
        exports.fetch(session, actor("reviewer"), made.uid)
    with pytest.raises(InvalidInput):
        exports.request(session, actor("neighbour.clerk"), "cases", {})


def test_a_number_that_was_searched_for_stands_in_neither_file_nor_journal(session: Session, actor, case) -> None:
    number = case.applicant.id_number
    made = exports.request(session, actor("window.clerk"), "type:case", {"q": number})
    assert made.rows == 1 and number not in made.words
    assert number not in str([e.details for e in session.scalars(select(JournalEntry))])


def test_a_file_that_holds_only_the_newest_says_so(
    session: Session, actor, case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words match more than is looked through: the head of the sheet and the journal do not pass it for the whole."""
    fertility.opened(session, actor("window.clerk"))
    whole = exports.request(session, actor("window.clerk"), "type:case", {"q": "生育"})
    assert "只含" not in whole.words
    monkeypatch.setattr(search, "MOST", 1)
    made = exports.request(session, actor("window.clerk"), "type:case", {"q": "生育"})
    assert "符合的超过 1 件，只含最新的 1 件" in made.words


def test_caps(session: Session, actor, case, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = actor("window.clerk")
    fertility.opened(session, clerk)
    fertility.opened(session, clerk)
    monkeypatch.setattr(exports, "MOST", 3)
    assert exports.request(session, clerk, "cases", {}).rows == 3
    monkeypatch.setattr(exports, "MOST", 2)
    with pytest.raises(InvalidInput, match="一次最多导出 2 件"):
        exports.request(session, clerk, "cases", {})
    monkeypatch.setattr(exports, "MOST", 10)
    monkeypatch.setattr(exports, "WITH_REASON", 2)
    with pytest.raises(InvalidInput, match="写明用途"):
        exports.request(session, clerk, "cases", {}, "嗯")
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    made = exports.request(session, clerk, "cases", {}, "季度核对台账")
    assert made.status == "waiting"
    session.flush()
    assert session.scalars(select(OutboxItem).where(OutboxItem.job == exports.JOB)).one().args == {"export_id": made.id}
    exports.make(session, made.id)
    exports.make(session, made.id)
    assert made.status == "ready" and "季度核对台账" in str(_cells(exports.fetch(session, clerk, made.uid)[1]))


def test_a_file_is_kept_a_week(session: Session, actor, case) -> None:
    made = exports.request(session, actor("window.clerk"), "cases", {})
    with at_time(now() + timedelta(days=8)), pytest.raises(NotFound, match="7 天"):
        exports.fetch(session, actor("window.clerk"), made.uid)


def test_many_small_files_are_one_large_one(session: Session, actor, case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drip, "EXPORT_ALARM", 3)
    clerk = actor("window.clerk")
    for _ in range(4):
        exports.request(session, clerk, "cases", {})
    told = session.scalars(select(Notice).where(Notice.kind == drip.NOTICE)).all()
    assert told and all(one.person_id != clerk.person_id for one in told)
    assert len({one.person_id for one in told}) == len(told), "once an hour"


def test_opening_hundreds_of_records_is_noticed_and_stopped(
    session: Session, actor, case, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services import personal

    monkeypatch.setattr(drip, "ALARM", 3)
    monkeypatch.setattr(drip, "STOP", 5)
    clerk = actor("window.clerk")
    for _ in range(5):
        personal.reveal(session, case, clerk, "applicant.id_number", "电话通知补材料")
    assert session.scalars(select(Notice).where(Notice.kind == drip.NOTICE)).all()
    with pytest.raises(TooMany):
        personal.reveal(session, case, clerk, "applicant.id_number", "电话通知补材料")
    with at_time(now() + timedelta(hours=2)):
        personal.reveal(session, case, clerk, "applicant.id_number", "电话通知补材料")


NASTY = st.one_of(
    st.text(max_size=40),
    st.builds(
        lambda a, b: a + b,
        st.sampled_from(["=", "+", "-", "@", "\t=", "\r=", "\0=", "＝", "＋", "－", "＠", "\n@", " =", "|", "\u200b="]),
        st.text(max_size=20),
    ),
)


# The machine may be busy; slow drawing is no fault of what is tested.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(st.lists(NASTY, min_size=1, max_size=20))
def test_no_value_ever_becomes_a_formula(values: list[str]) -> None:
    body, count = sheets.made("名单", ["条件"], ["列"] * len(values), [values], who="沈丽娟&&P", at=now())
    sheet = load_workbook(io.BytesIO(body)).active
    assert count == 1 and not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
    for cell, value in zip(list(sheet.iter_rows())[3], values, strict=True):
        text = sheets.safe(value)
        assert (cell.value or "") == text
        assert cell.quotePrefix == sheets.is_reckoned(text) or not text


@pytest.mark.parametrize("key", ["cases", "delegations", "certificates", "visits", "type:complaint", "type:case"])
@pytest.mark.parametrize("username", ["window.clerk", "supervisor", "community.clerk", "courier", "reviewer"])
def test_every_list_gives_only_what_its_reader_sees(session: Session, actor, case, key: str, username: str) -> None:
    who = actor(username)
    for part in lists.things(session, who, lists.kind_of(key), {}, 100):
        assert all(access.may(who, access.VIEW, content) for content in part)


def test_what_is_no_list_is_not_found() -> None:
    for key in ("", "people", "type:", "type:nothing", "../cases"):
        with pytest.raises(NotFound):
            lists.kind_of(key)


def test_an_export_that_failed_says_so(session: Session, actor, case) -> None:
    made = exports.request(session, actor("window.clerk"), "cases", {})
    made.status, made.sha256 = "waiting", None
    exports.give_up(session, made.id, "存储已满")
    assert (made.status, made.problem) == ("failed", "存储已满")
    assert session.get(ListExport, made.id) is made
