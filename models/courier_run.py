"""送件: one trip that carries the envelopes of several tickets the same way, and what became of each envelope."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId
from models.content import Content
from models.delegation import Delegation, Handover
from models.person import Person

LISTED, LOADED, ARRIVED, MISSING, BACK, DROPPED = "listed", "loaded", "arrived", "missing", "back", "dropped"
# While an envelope is one of these it can be in no second run.
TRAVELLING = (LISTED, LOADED)
_TRAVELLING = text("state IN ('listed', 'loaded')")


class CourierRun(Content):
    """A carrier with an account finds the run on the desk; a van of the office is known by its driver's name only."""

    __tablename__ = "courier_run"
    __table_args__: tuple = (CheckConstraint("carrier_kind IN ('red_courier', 'van', 'staff')", name="carrier_kind"),)

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    carrier_kind: Mapped[str] = mapped_column(String(20))
    carrier_name: Mapped[str] = mapped_column(String(60))
    # Who has the envelopes, whoever else the run may be passed on to as work.
    carrier_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    left_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    carried_by: Mapped[Person | None] = relationship(foreign_keys=[carrier_id])
    lines: Mapped[list[RunLine]] = relationship(back_populates="run", order_by="RunLine.position")

    __mapper_args__ = {"polymorphic_identity": "courier_run", "inherit_condition": id == Content.id}


class RunLine(Base):
    """The envelopes of one ticket on one run: put in, handed to the carrier, ticked off where they were to go."""

    __tablename__ = "courier_run_line"
    __table_args__ = (
        UniqueConstraint("run_id", "position"),
        CheckConstraint("envelopes BETWEEN 1 AND 99", name="envelopes"),
        CheckConstraint("state IN ('listed', 'loaded', 'arrived', 'missing', 'back', 'dropped')", name="state"),
        Index(
            "uq_courier_run_line_travelling",
            "handover_id",
            unique=True,
            sqlite_where=_TRAVELLING,
            postgresql_where=_TRAVELLING,
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("courier_run.id"))
    district: Mapped[str] = mapped_column(String(40), default="")
    position: Mapped[int]
    ticket_id: Mapped[int] = mapped_column(ForeignKey("delegation.id"), index=True)
    # The list that lies in the envelope: out to the deciding unit, or back with the result.
    handover_id: Mapped[int] = mapped_column(ForeignKey("handover.id"), index=True)
    from_label: Mapped[str] = mapped_column(String(120))
    to_label: Mapped[str] = mapped_column(String(120))
    to_unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    envelopes: Mapped[int] = mapped_column(default=1)
    sheets: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(10), default=LISTED)
    loaded_at: Mapped[datetime | None]
    loaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(String(200), default="")

    run: Mapped[CourierRun] = relationship(back_populates="lines")
    ticket: Mapped[Delegation] = relationship()
    handover: Mapped[Handover] = relationship()
    to_unit: Mapped[Agency] = relationship()
    loaded_by: Mapped[Person | None] = relationship(foreign_keys=[loaded_by_id])
    ended_by: Mapped[Person | None] = relationship(foreign_keys=[ended_by_id])
