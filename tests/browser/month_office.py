"""One station's office on a clock of its own: the pages in a thread, the workers between the days, windows of both sizes."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from extensions import db
from jobs import worker
from models.base import at_time
from models.clock import CalendarDay
from models.ledger import OutboxItem
from process.numbers import CHINA
from tests.browser.product import Office, Person
from tests.servers import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Who works standing up, in stairwells and at home; everybody else has a desk.
ON_PHONES = {"grid.leader", "courier", "resident"}


class Clock:
    """The time everybody in the office goes by. It stands still until the story moves it."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def at(self, hour: int, minute: int = 0) -> None:
        """Later on the same day."""
        moment = datetime.combine(self.now.date(), time(hour, minute), CHINA)
        assert moment >= self.now, f"{moment} is before {self.now}"
        self.now = moment

    def to(self, day: date, hour: int = 8, minute: int = 30) -> None:
        self.now = datetime.combine(day, time(hour, minute), CHINA)


class Worker(Person):
    """Somebody of the office; their screenshots lie together, and papers are drawn when they are asked for."""

    office: MonthOffice

    def see(self, name: str, *words: str, shot: bool = True) -> None:
        super().see(f"月-{name}", *words, shot=shot)

    def pdf(self, title: str) -> bytes:
        self.office.month.work()
        self.page.reload()
        return super().pdf(title)

    def morning(self) -> None:
        """A session lasts twelve hours, so everybody signs in every day."""
        self.page.context.clear_cookies()
        self.sign_in()


class MonthOffice(Office):
    """The windows of one size; `month` moves the time for both."""

    def __init__(self, month: Month, browser: Browser, address: str, size: str) -> None:
        super().__init__(browser, address, size)
        self.month = month
        self.day_of: dict[str, date] = {}

    def person(self, username: str) -> Worker:
        """The window of an account; whoever was not in yet today signs in."""
        found = self.people.get(username)
        if found is None:
            found = self.people[username] = Worker(self, username)
        assert isinstance(found, Worker)
        today = self.month.clock.now.date()
        if username and self.day_of.get(username) != today:
            self.day_of[username] = today
            found.morning()
        return found


class Both(Office):
    """The office as the tellers of stories know it: each account has the screen it works with."""

    def __init__(self, desktop: MonthOffice, phone: MonthOffice) -> None:
        self.size = "desktop"
        self.desktop, self.phone = desktop, phone
        self.things: dict[str, str] = {}

    def person(self, username: str) -> Worker:
        return (self.phone if username in ON_PHONES else self.desktop).person(username)

    def on(self, size: str, username: str) -> Worker:
        """The same account at a screen of this size."""
        return (self.phone if size == "phone" else self.desktop).person(username)

    def keep_windows(self) -> None:
        self.desktop.keep_windows()
        self.phone.keep_windows()

    def close(self) -> None:
        self.desktop.close()
        self.phone.close()


class Month:
    """The application, its clock and its workers."""

    def __init__(self, app: Flask, start: datetime) -> None:
        self.app, self.clock = app, Clock(start)
        self.done: dict[str, int] = {}
        self.days: list[date] = [start.date()]

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Every request is answered at the time of the story."""
        with at_time(self.clock.now):
            yield from self.app.wsgi_app(environ, start_response)

    @contextmanager
    def served(self) -> Iterator[str]:
        port = free_port()
        server = make_server("127.0.0.1", port, self, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.shutdown()
            thread.join(10)

    @contextmanager
    def inside(self) -> Iterator[Any]:
        """A session of the database, now."""
        with self.app.app_context(), at_time(self.clock.now):
            yield db.session()
            db.session.remove()

    def work(self) -> None:
        """The workers do whatever is due by now: papers, messages, timers, warnings."""
        with self.inside() as session:
            for _round in range(20):
                due = list(
                    session.scalars(
                        select(OutboxItem.id)
                        .where(OutboxItem.status == "waiting", OutboxItem.available_at <= self.clock.now)
                        .order_by(OutboxItem.available_at, OutboxItem.id)
                    )
                )
                session.rollback()
                if not due:
                    return
                for item_id in due:
                    became = worker.do(session, item_id)
                    assert became in ("done", "busy"), (became, session.get(OutboxItem, item_id).error)
            raise AssertionError("the outbox never runs dry")

    def next_day(self, days: int = 1, hour: int = 8, minute: int = 30) -> date:
        """So many working days on, by the calendar; the workers run each morning in between."""
        for _day in range(days):
            day = self.clock.now.date()
            with self.inside() as session:
                while True:
                    day += timedelta(days=1)
                    known = session.get(CalendarDay, day)
                    if known.working if known is not None else day.weekday() < 5:
                        break
            self.clock.to(day, hour, minute)
            self.days.append(day)
            self.work()
        return self.clock.now.date()
