"""The working-day calendar and what hangs on it: running clocks, their pauses, and every change of the calendar."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, Json, now
from models.person import Person


class CalendarDay(Base):
    """Whether a day is worked, for every day of a year that has a calendar."""

    __tablename__ = "calendar_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str] = mapped_column(String(40), default="")


class CalendarChange(Base):
    """One saved change of the calendar: who, why, which days, and how far the dates that hang on it have been reckoned anew."""

    __tablename__ = "calendar_change"
    __table_args__ = (CheckConstraint("source IN ('day', 'notice', 'excel', 'shipped')", name="source"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    year: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(default=now)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    source: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(200))
    # The year had no calendar before.
    first: Mapped[bool] = mapped_column(default=False)
    # {"2027-02-06": [worked before, name before, worked now, name now]}
    days: Mapped[dict] = mapped_column(Json, default=dict)
    checked: Mapped[int] = mapped_column(default=0)
    moved: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None]

    person: Mapped[Person | None] = relationship()


class ClockRun(Base):
    """A running or finished clock of a thing: since when, until when promised and until when by law, stopped when."""

    __tablename__ = "clock_run"
    __table_args__ = (
        # One clock of a name runs at a time: two steps that arrive together cannot start it twice.
        Index(
            "uq_clock_run_running",
            "content_id",
            "clock",
            unique=True,
            sqlite_where=text("stopped_on IS NULL"),
            postgresql_where=text("stopped_on IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    clock: Mapped[str] = mapped_column(String(30))
    started_on: Mapped[date]
    working_days: Mapped[int]
    legal_days: Mapped[int | None]
    # What the resident was told at the start. It stays, whatever becomes of `due_on`.
    promised_on: Mapped[date | None]
    due_on: Mapped[date | None]
    legal_due_on: Mapped[date | None]
    stopped_on: Mapped[date | None]

    pauses: Mapped[list[ClockPause]] = relationship(back_populates="run", order_by="ClockPause.id")


class ClockPause(Base):
    """Days that do not count, and why: the state the thing waits in, and the words of whoever stopped the clock."""

    __tablename__ = "clock_pause"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("clock_run.id"), index=True)
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(120))
    words: Mapped[str] = mapped_column(String(300), default="")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    run: Mapped[ClockRun] = relationship(back_populates="pauses")
