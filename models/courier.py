"""What is kept of couriers beside their errands: days away, thanks, tours, and the evening count at their points."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText, Json, new_uid, now
from models.errand import Errand
from models.person import Person


class CourierAbsence(Base):
    """Days on which a courier does not go; the first and the last one included."""

    __tablename__ = "courier_absence"
    __table_args__ = (CheckConstraint("since <= until", name="period"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    since: Mapped[date]
    until: Mapped[date]

    person: Mapped[Person] = relationship()


class CourierThanks(Base):
    """A word of thanks for one errand: from the resident, once, or told to the station and written down there."""

    __tablename__ = "courier_thanks"
    __table_args__ = (UniqueConstraint("errand_id", "person_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    errand_id: Mapped[int] = mapped_column(ForeignKey("errand.id"))
    # Whom it thanks, and who wrote it down.
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    written_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # What somebody says in their own words may name anybody: encrypted like the thing itself.
    text: Mapped[str] = mapped_column(EncryptedText)
    at: Mapped[datetime] = mapped_column(default=now)

    errand: Mapped[Errand] = relationship()


class CourierTour(Base):
    """Several errands of one courier as one way with an order of stops; planned anew when one drops out."""

    __tablename__ = "courier_tour"
    __table_args__ = (
        Index("ix_courier_tour_person_day", "person_id", "day"),
        CheckConstraint("state IN ('planned', 'done', 'dropped')", name="state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    street_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), index=True)
    start_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    day: Mapped[date]
    starts_at: Mapped[datetime]
    seconds: Mapped[int] = mapped_column(default=0)
    metres: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(10), default="planned")
    planned_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    planned_at: Mapped[datetime] = mapped_column(default=now)
    # How often it was planned anew, and why the last time.
    revision: Mapped[int] = mapped_column(default=1)
    reason: Mapped[str] = mapped_column(String(200), default="")

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    start: Mapped[Agency] = relationship(foreign_keys=[start_id])
    stops: Mapped[list[CourierStop]] = relationship(
        back_populates="tour", order_by="CourierStop.position", cascade="all, delete-orphan"
    )


class CourierStop(Base):
    """One stop of a tour: fetch or deliver one errand at one place, about when."""

    __tablename__ = "courier_stop"
    __table_args__ = (CheckConstraint("kind IN ('fetch', 'deliver')", name="kind"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tour_id: Mapped[int] = mapped_column(ForeignKey("courier_tour.id"), index=True)
    errand_id: Mapped[int] = mapped_column(ForeignKey("errand.id"), index=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(10))
    # The community or desk; never an address.
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    due_at: Mapped[datetime]
    late: Mapped[bool] = mapped_column(default=False)

    tour: Mapped[CourierTour] = relationship(back_populates="stops")
    errand: Mapped[Errand] = relationship()
    place: Mapped[Agency] = relationship()


class PointCheck(Base):
    """晚点清点: the envelopes of a point in the evening, what should be there and what is, with every difference."""

    __tablename__ = "point_check"
    __table_args__ = (Index("ix_point_check_point_day", "point_id", "day"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    point_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(default=now)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    # Who takes over for the night or the next morning, where somebody does.
    taker: Mapped[str] = mapped_column(String(60), default="")
    expected: Mapped[int] = mapped_column(default=0)
    found: Mapped[int] = mapped_column(default=0)
    # [{number, uid, listed, counted, note}] and what lay there without standing on the list.
    lines: Mapped[list] = mapped_column(Json, default=list)
    extra: Mapped[str] = mapped_column(String(400), default="")
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    settled_note: Mapped[str] = mapped_column(String(400), default="")

    point: Mapped[Agency] = relationship()
    person: Mapped[Person] = relationship(foreign_keys=[person_id])

    @property
    def differs(self) -> bool:
        return bool(self.extra) or any(line["listed"] != line["counted"] for line in self.lines)
