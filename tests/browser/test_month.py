"""A month of one station in fast motion, played by everybody who has a part in it, each at the screen they work with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from app import create_app
from extensions import db, limiter
from process.clock import forget_calendar
from process.numbers import CHINA
from tests.browser import month_end, month_grid, month_home, month_lists, month_station
from tests.browser.month_office import Both, Month, MonthOffice
from tests.conftest import settings

START = datetime(2026, 11, 2, 8, 30, tzinfo=CHINA)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


@pytest.fixture
def month(tmp_path: Path, installed: Path, translations: None) -> Iterator[Month]:
    """The installed office on the first Monday of November, without the demo's past."""
    shutil.copy(installed, tmp_path / "daiban.db")
    forget_calendar()
    limiter.enabled = True
    made = create_app(settings(tmp_path))
    # Everybody signs in every morning from one machine, which is more than one address may.
    made.config.update(RATELIMIT_ENABLED=False)
    limiter.enabled = False
    yield Month(made, START)
    with made.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def both(month: Month, browser) -> Iterator[Both]:  # type: ignore[no-untyped-def]
    with month.served() as address:
        made = Both(MonthOffice(month, browser, address, "desktop"), MonthOffice(month, browser, address, "phone"))
        try:
            yield made
        finally:
            made.close()


def test_a_month_of_one_station(month: Month, both: Both) -> None:
    try:
        play(month, both)
    except BaseException:
        both.keep_windows()
        raise


def play(month: Month, both: Both) -> None:
    month_grid.set_up(month)
    month_home.a_visit_at_home(month, both)
    month.clock.at(10)
    month_station.take_in(month, both)
    month_home.the_card_is_decided(month, both)
    month_home.the_card_comes_home(month, both)
    month_home.a_refusal_and_a_shut_door(month, both)
    month_grid.before_eighty(month, both)
    month_station.carry_to_the_street(month, both)
    month_station.count_and_ask_the_bureau(month, both)
    month_station.the_bureau_answers(month, both)
    month_station.ask_once(month, both)
    month_station.supply(month, both)
    month_station.decide_and_send_back(month, both)
    month_station.carry_the_result(month, both)
    month_station.deliver_and_close(month, both)
    month_lists.keep_the_log(month, both)
    month_grid.settle_together(month, both)
    month_grid.booked_online(month, both)
    month_lists.search_and_export(month, both)
    month_lists.see_again_at_the_other_width(month, both)
    month_grid.until_the_end(month, both)
    month_end.require_good_books(month)
