"""办事大厅: how a hall queues, its counters and queues, and each number with every stretch of its waiting and handling."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, Path, now
from models.content import Content
from models.person import Person

# Where a number is. `called` and `serving` are at a counter.
BOOKED, WAITING, CALLED, SERVING, HELD, MISSED, DONE, LEFT = (
    "booked",
    "waiting",
    "called",
    "serving",
    "held",
    "missed",
    "done",
    "left",
)
AT_COUNTER = (CALLED, SERVING)
_AT_COUNTER = text("counter_id IS NOT NULL AND state IN ('called', 'serving')")
_RUNNING = text("ended_at IS NULL")


class Hall(Base):
    """What an office has decided about the queue of its hall. Whoever calls or moves a number locks this row first."""

    __tablename__ = "hall"
    __table_args__ = (
        CheckConstraint("rule IN ('order', 'first', 'capped', 'alternate', 'longest')", name="rule"),
        CheckConstraint("layout IN ('shared', 'per_window')", name="layout"),
    )

    agency_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_path: Mapped[str] = mapped_column(Path)
    rule: Mapped[str] = mapped_column(String(20), default="capped")
    # capped: so many with priority in a row; alternate: so many ordinary numbers after one with priority.
    cap: Mapped[int] = mapped_column(default=2)
    # longest: a minute that somebody with priority waits counts as so many.
    weight: Mapped[int] = mapped_column(default=2)
    layout: Mapped[str] = mapped_column(String(20), default="shared")
    max_misses: Mapped[int] = mapped_column(default=3)
    requeue_after: Mapped[int] = mapped_column(default=3)
    slot_minutes: Mapped[int] = mapped_column(default=30)
    ahead_days: Mapped[int] = mapped_column(default=14)
    # How the last numbers were called, for the rules that look back: +n with priority in a row, -n without.
    streak: Mapped[int] = mapped_column(default=0)
    # Rises with everything that changes what the screens show.
    turn: Mapped[int] = mapped_column(default=0)

    agency: Mapped[Agency] = relationship()


class HallService(Base):
    """One queue of a hall: its letter on the slip, the categories it takes, and how many may book the same slot."""

    __tablename__ = "hall_service"
    __table_args__ = (UniqueConstraint("hall_id", "letter"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    hall_id: Mapped[str] = mapped_column(ForeignKey("hall.agency_id"), index=True)
    letter: Mapped[str] = mapped_column(String(2))
    name: Mapped[str] = mapped_column(String(40))
    # Categories of the catalogue; none means everything.
    categories: Mapped[list] = mapped_column(Json, default=list)
    slot_capacity: Mapped[int] = mapped_column(default=4)
    ended_on: Mapped[date | None]


class HallCounter(Base):
    """窗口: what it takes, whether it is one of the three fixed ones or a local extra, and who sits there now."""

    __tablename__ = "hall_counter"
    __table_args__ = (
        UniqueConstraint("hall_id", "code"),
        CheckConstraint("kind IN ('fixed', 'local')", name="kind"),
        Index(
            "ix_hall_counter_sitting",
            "person_id",
            unique=True,
            sqlite_where=text("person_id IS NOT NULL"),
            postgresql_where=text("person_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    hall_id: Mapped[str] = mapped_column(ForeignKey("hall.agency_id"), index=True)
    code: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(10), default="fixed")
    # Letters of the queues it takes; none means any.
    takes: Mapped[list] = mapped_column(Json, default=list)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime | None]
    ended_on: Mapped[date | None]

    person: Mapped[Person | None] = relationship()

    @property
    def open(self) -> bool:
        """Somebody sits there."""
        return self.person_id is not None and self.ended_on is None


class HallTicket(Base):
    """A number of a hall: in which queue, since when, at which counter. The paper trail is the thing it belongs to."""

    __tablename__ = "hall_ticket"
    __table_args__ = (
        UniqueConstraint("hall_id", "day", "ticket"),
        Index("ix_hall_ticket_day", "hall_id", "day", "state"),
        Index("ix_hall_ticket_slot", "hall_id", "slot"),
        # One number at a counter, and so one counter for a number: whatever the code does, the database says no.
        Index(
            "ix_hall_ticket_counter",
            "counter_id",
            unique=True,
            sqlite_where=_AT_COUNTER,
            postgresql_where=_AT_COUNTER,
        ),
        CheckConstraint(
            "state IN ('booked', 'waiting', 'called', 'serving', 'held', 'missed', 'done', 'left')", name="state"
        ),
    )

    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    hall_id: Mapped[str] = mapped_column(ForeignKey("hall.agency_id"))
    day: Mapped[date]
    ticket: Mapped[str | None] = mapped_column(String(10))
    service: Mapped[str] = mapped_column(String(2), default="A")
    # Whether, never why: the ground is health data and rests encrypted on the thing.
    priority: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str] = mapped_column(String(10), default="window")
    state: Mapped[str] = mapped_column(String(10), default=BOOKED)
    slot: Mapped[datetime | None]
    slot_end: Mapped[datetime | None]
    came_at: Mapped[datetime | None]
    # Its place in the order; a number called again in vain moves back, one moved to another counter does not.
    turn_at: Mapped[datetime | None]
    called_at: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(default=0)
    misses: Mapped[int] = mapped_column(default=0)
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("hall_counter.id"))
    # Only this counter may call it: the queue of a window, or moved there.
    for_counter_id: Mapped[int | None] = mapped_column(ForeignKey("hall_counter.id"))

    content: Mapped[Content] = relationship()
    counter: Mapped[HallCounter | None] = relationship(foreign_keys=[counter_id])
    matters: Mapped[list[HallMatter]] = relationship(back_populates="ticket", order_by="HallMatter.id")


class HallPeriod(Base):
    """One stretch of a number's day: waiting, called, being served or on hold, with whom and where."""

    __tablename__ = "hall_period"
    __table_args__ = (
        CheckConstraint("kind IN ('waiting', 'called', 'serving', 'held', 'missed')", name="kind"),
        CheckConstraint("ended_at IS NULL OR began_at <= ended_at", name="period"),
        Index("ix_hall_period_hall", "hall_id", "began_at"),
        # A number is in one place at a time.
        Index("ix_hall_period_running", "ticket_id", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    hall_id: Mapped[str] = mapped_column(ForeignKey("hall.agency_id"))
    ticket_id: Mapped[int] = mapped_column(ForeignKey("hall_ticket.content_id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    counter_id: Mapped[int | None] = mapped_column(ForeignKey("hall_counter.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    began_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]


class HallMatter(Base):
    """One of the matters somebody came for with one number, and the case that came of it."""

    __tablename__ = "hall_matter"
    __table_args__ = (UniqueConstraint("ticket_id", "case_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("hall_ticket.content_id"), index=True)
    item: Mapped[str] = mapped_column(String(60), default="")
    title: Mapped[str] = mapped_column(String(200))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"), index=True)
    added_at: Mapped[datetime] = mapped_column(default=now)

    ticket: Mapped[HallTicket] = relationship(back_populates="matters")
    case: Mapped[Content | None] = relationship(foreign_keys=[case_id])
