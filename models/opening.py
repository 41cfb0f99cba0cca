"""Opening hours of a point by zone, the way there in minutes, and the rules of its windows."""

from __future__ import annotations

from datetime import date, datetime, time

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, now
from models.person import Person


class OpeningHour(Base):
    """From when to when one zone of a point is open on one kind of day. 24:00 is written 23:59."""

    __tablename__ = "opening_hour"
    __table_args__ = (
        UniqueConstraint("place_id", "zone", "days", "opens"),
        CheckConstraint("zone IN ('window', 'assisted', 'self', 'hall_24h')", name="zone"),
        CheckConstraint("days IN ('work', 'saturday', 'sunday', 'holiday')", name="days"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    zone: Mapped[str] = mapped_column(String(10))
    days: Mapped[str] = mapped_column(String(10))
    opens: Mapped[time]
    closes: Mapped[time]


class ReachMinutes(Base):
    """How many minutes it takes from a community to a point: what the office has measured, nothing guessed."""

    __tablename__ = "reach_minutes"
    __table_args__ = (CheckConstraint("minutes BETWEEN 1 AND 600", name="minutes"),)

    community_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), primary_key=True)
    point_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    minutes: Mapped[int]
    set_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    set_at: Mapped[datetime] = mapped_column(default=now)

    point: Mapped[Agency] = relationship(foreign_keys=[point_id])


class WindowRule(Base):
    """窗口运行管理制度: one document of rules for a window, or for all windows of a hall."""

    __tablename__ = "window_rule"
    __table_args__ = (UniqueConstraint("place_id", "window", "title"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    # Code of the window; empty means every window of the place.
    window: Mapped[str] = mapped_column(String(20), default="")
    title: Mapped[str] = mapped_column(String(80))
    ended_on: Mapped[date | None]

    place: Mapped[Agency] = relationship()
    versions: Mapped[list[WindowRuleVersion]] = relationship(
        back_populates="rule", order_by="WindowRuleVersion.number.desc()"
    )


class WindowRuleVersion(Base):
    """The words of a rule from a day on; never changed, only followed by the next."""

    __tablename__ = "window_rule_version"
    __table_args__ = (UniqueConstraint("rule_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("window_rule.id"))
    number: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    change: Mapped[str] = mapped_column(String(200), default="")
    valid_from: Mapped[date]
    published_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    published_at: Mapped[datetime] = mapped_column(default=now)

    rule: Mapped[WindowRule] = relationship(back_populates="versions")
    published_by: Mapped[Person | None] = relationship()
    readings: Mapped[list[WindowRuleReading]] = relationship(order_by="WindowRuleReading.read_at")


class WindowRuleReading(Base):
    """Somebody has read this version and said so."""

    __tablename__ = "window_rule_reading"

    version_id: Mapped[int] = mapped_column(ForeignKey("window_rule_version.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(default=now)

    person: Mapped[Person] = relationship()
