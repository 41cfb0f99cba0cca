"""最多跑一次 and 办证时间: counted from the cases' own events, with base, file and the office's own earlier figure."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import delete

from models.base import at_time, now
from models.case import Case
from models.exit import Outgoing
from process import clock, engine
from services import actions
from services.reports import scope, spread
from services.reports import trips as figures
from tests.exits.test_handing import OWN
from tests.exits.waiting import advance, row_of, three
from tests.pages.test_counter_visit import CARD, REGISTER
from tests.revisions import revision
from tests.services.fertility import opened
from tests.services.visiting import request_visit


def collected(session, actor, window, case: Case) -> None:
    """Handed over at the window."""
    row = row_of(session, case)
    answer = window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN})
    assert answer.status_code == 303, answer.text[-1500:]
    session.expire_all()


@pytest.mark.req("S2-26")
def test_shares_of_one_trip_and_none_by_item_batch_and_station(session, actor, client_as):
    window = client_as("window.clerk")
    cases = three(session, actor, window)
    rows = [row_of(session, case) for case in cases]
    assert window.post(f"/exit/{rows[0].uid}", data={"pick": [r.uid for r in rows], **OWN}).status_code == 303
    # Filed at the counter one day and fetched the next: two trips.
    with at_time(now() - timedelta(days=1)):
        late = opened(session, actor("window.clerk"))
        engine.fire(late, "submit", actor("window.clerk"))
        advance(session, actor, late)
        session.commit()
    collected(session, actor, window, late)
    assert late.trips == 2
    for code in (CARD, REGISTER):
        actions.create(session, actor("catalogue.manager"), "item_optimisation", {"item": code, "batch": "第一批"})
    session.commit()
    reader = actor("statistician")
    period = scope.period_of("", clock.local_day(now()))
    found = figures.trips(session, scope.scope_of(session, reader), period)
    assert (found.total.base, found.total.trips, found.total.once, found.total.zero) == (4, 5, 3, 0)
    by_item = {line.code: (line.base, line.once) for line in found.items}
    assert by_item[CARD] == (2, 1) and by_item[REGISTER] == (1, 1)
    (batch,) = found.batches
    assert (batch.title, batch.items, batch.base, batch.once, batch.reached) == ("第一批", 2, 3, 2, 1)
    page = client_as("statistician").get("/reports/trips").text
    assert "3/4（75.0%）" in page and "第一批" in page and "2/3（66.7%）" in page
    file = client_as("statistician").get("/reports/trips.xlsx")
    sheet = load_workbook(io.BytesIO(file.data)).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert ["合计", "合计", "4", "5", "1.25", "3", "75.0%", "0", "0.0%"] in cells
    for stranger in ("window.clerk", "resident", "courier"):
        assert client_as(stranger).get("/reports/trips").status_code == 403
        assert client_as(stranger).get("/reports/trips.xlsx").status_code == 403


def test_the_middle_and_nine_tenths_of_a_histogram():
    assert spread.spread({}) == spread.Spread(0, 0, 0)
    assert spread.spread({5: 1}) == spread.Spread(1, 5, 5)
    assert spread.spread({4: 5, 5: 4, 90: 1}) == spread.Spread(10, 4, 5)
    assert spread.spread({1: 8, 100: 2}) == spread.Spread(10, 1, 100)


@pytest.mark.req("S0-39")
def test_minutes_from_filing_to_issue_beside_what_the_office_measured_before(session, actor, client_as):
    begun = now() - timedelta(hours=3)
    for minutes in (4, 5, 30):
        with at_time(begun):
            case = opened(session, actor("window.clerk"))
            engine.fire(case, "submit", actor("window.clerk"))
        with at_time(begun + timedelta(minutes=minutes)):
            advance(session, actor, case)
    session.commit()
    reader = client_as("statistician")
    typed = {"item": CARD, "before": "25", "target": "5", "words": "2017年1月窗口实测20件"}
    assert reader.post("/reports/minutes/baseline", data=typed).status_code == 303
    page = reader.get(f"/reports/minutes?item={CARD}").text
    assert "25 → 5（−80.0%）" in page and "已到" in page and "2017年1月窗口实测20件" in page
    assert "5.0 分钟" in page and "30.0 分钟" in page
    sheet = load_workbook(io.BytesIO(reader.get("/reports/minutes.xlsx").data)).active
    cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    line = next(row for row in cells if row[0] == "事项")
    assert line[2:6] == ["3", "13.0", "5", "30"] and line[7:9] == ["25", "5"]
    for wrong, sentence in (
        ({**typed, "before": "-1"}, "以前的分钟数请填"),
        ({**typed, "target": "30"}, "目标应比以前少"),
        ({**typed, "words": ""}, "请写这个数是怎么来的"),
        ({**typed, "item": "'; --"}, "请从名单中选事项"),
        ({**typed, "place": "xc-water"}, "不在您的统计范围内"),
    ):
        answer = reader.post("/reports/minutes/baseline", data=wrong)
        assert answer.status_code == 422 and sentence in answer.text, wrong
    assert client_as("window.clerk").post("/reports/minutes/baseline", data=typed).status_code == 403
    # An empty box takes the comparison away.
    assert reader.post("/reports/minutes/baseline", data={"item": CARD}).status_code == 303
    assert "25 → 5（" not in reader.get(f"/reports/minutes?item={CARD}").text


def test_an_office_that_was_at_work_before_finds_its_results_waiting(session, actor):
    """What the migration does for results that were made before there was an exit window."""
    case = opened(session, actor("window.clerk"))
    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case)
    session.execute(delete(Outgoing))
    revision("0008")._outgoing_of_open_cases(session.connection())
    row = row_of(session, case)
    assert (row.state, row.way, row.unit_id, row.waits_since) == (
        "waiting",
        "counter",
        "dongxin-centre",
        case.issued_at,
    )


def test_what_a_home_visit_was_bringing_is_found_under_way(session, actor):
    case = opened(session, actor("window.clerk"))
    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case)
    request_visit(session, actor("community.clerk")).case_id = case.id
    session.execute(delete(Outgoing))
    session.flush()
    revision("0008")._outgoing_of_open_cases(session.connection())
    assert (row_of(session, case).state, row_of(session, case).way) == ("underway", "ticket")
