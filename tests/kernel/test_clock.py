"""Dates on both databases: pauses, the law’s limit, missing years, the hops and the picture."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from models.base import at_time, now
from models.clock import ClockRun
from process import clock, engine
from process.library import library
from tests.kernel.clock_office import (
    LIMITS,
    Make,
    moment,
)
from tests.kernel.conftest import World


def test_both_limits_stand_beside_each_other_and_the_earlier_one_is_the_deadline(office: World, make: Make) -> None:
    content = make(moment(3, 2), ("begin", moment(3, 3)))
    run = clock.current(office.session, content, "handle")
    assert run is not None and (run.due_on, run.legal_due_on) == (date(2026, 3, 10), date(2026, 3, 31))
    assert content.deadline == clock.end_of(date(2026, 3, 10))
    LIMITS["legal"] = 2
    try:
        sooner = make(moment(3, 2), ("begin", moment(3, 3)))
        assert sooner.deadline == clock.end_of(date(2026, 3, 5)), "the law is stricter here"
    finally:
        LIMITS["legal"] = 20
    told = clock.explain(office.session, content, library.of(content, office.session))
    assert (
        "算5个工作日，到2026年3月10日为止" in told["sentence"]
        and "法定时限20个工作日，到2026年3月31日" in told["sentence"]
    )
    english = clock.explain(office.session, content, library.of(content, office.session), locale="en")["sentence"]
    assert "5 working days end on 10 Mar 2026" in english and "until 31 Mar 2026" in english


def test_a_pause_gives_its_days_back_to_both_limits_and_says_why(office: World, make: Make) -> None:
    content = make(moment(3, 2), ("begin", moment(3, 3)))
    clerk = office.actor("clerk", ("community_clerk", office.here))
    with at_time(moment(3, 4)):
        engine.fire(content, "wait", clerk, inputs={"comment": "缺户口簿复印件"})
    assert content.deadline is None, "while the resident is waited for, the office is not late"
    with at_time(moment(3, 6)):
        engine.fire(content, "resume", clerk)
    run = clock.current(office.session, content, "handle")
    assert run is not None and (run.due_on, run.legal_due_on) == (date(2026, 3, 12), date(2026, 4, 2))
    assert run.promised_on == date(2026, 3, 10) and content.deadline == clock.end_of(date(2026, 3, 12))
    definition = library.of(content, office.session)
    full = clock.explain(office.session, content, definition, full=True)["sentence"]
    assert "缺户口簿复印件" in full and "当初答应办事人的日期是2026年3月10日" in full
    masked = clock.explain(office.session, content, definition)["sentence"]
    assert "缺户口簿复印件" not in masked and "待补正" in masked, "who sees it masked does not read what people wrote"


@pytest.mark.parametrize(
    ("at", "days", "years", "needed"),
    [
        (moment(3, 2), 0, None, False),
        (moment(3, 2), 20, None, False),
        (moment(11, 2), 0, (2027,), False),
        (moment(10, 20), 60, (2027,), True),
        (moment(12, 28), 10, (2027,), True),
        (moment(3, 2, year=2028), 0, (2028,), True),
    ],
)
def test_one_function_says_which_year_is_missing(
    office: World, at: datetime, days: int, years: tuple[int, ...] | None, needed: bool
) -> None:
    found = clock.gap(office.session, at, days=days)
    assert (found.years if found else None) == years and (found is None or found.now is needed)


def test_a_clock_of_a_name_runs_once(office: World, make: Make) -> None:
    """Two steps that arrive together cannot start it twice: the database refuses the second."""
    from sqlalchemy.exc import IntegrityError

    content = make(moment(3, 2), ("begin", moment(3, 3)))
    office.session.add(ClockRun(content_id=content.id, clock="handle", started_on=date(2026, 3, 3), working_days=5))
    with pytest.raises(IntegrityError):
        office.session.flush()
    office.session.rollback()


def test_the_hops_add_up_to_the_whole(office: World, make: Make) -> None:
    """A day with the community, a pause with the resident, the rest where it lies now."""
    content = make(moment(3, 2, 0), ("begin", moment(3, 3, 0)), ("wait", moment(3, 4, 0)), ("resume", moment(3, 9, 0)))
    with at_time(moment(3, 10, 0)):
        found = clock.hops(office.session, content, now())
    assert [(level, round(days, 6)) for level, days, _ in found.levels] == [("resident", 3.0), ("community", 3.0)]
    assert abs(sum(share for *_, share in found.levels) - 1) < 1e-9
    data = found.as_data()
    assert data["working_days"] == 6.0 and [s["working_days"] for s in data["stays"]] == [2.0, 3.0, 1.0]


def test_the_picture_shows_every_day_and_reads_aloud(office: World, make: Make) -> None:
    content = make(moment(4, 2), ("begin", moment(4, 2)))
    definition = library.of(content, office.session)
    with at_time(moment(4, 7)):
        drawing = clock.picture(office.session, content, definition)
        english = clock.picture(office.session, content, definition, locale="en")
    assert drawing is not None and english is not None
    assert 'role="img"' in drawing and "清明节" in drawing and "放假，不计" in drawing and "style=" not in drawing
    assert "Qingming" in english and "day off, not counted" in english and "清明" not in english
    assert drawing.count("<rect") == (date(2026, 5, 6) - date(2026, 4, 2)).days + 1, "until the limit of the law"
