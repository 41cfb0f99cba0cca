"""授权: a department lets another office decide or accept its items, for a period and with a document; and the cases it was used for."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, now
from models.case import Case, ServiceItem
from models.person import Person


class AuthorityGrant(Base):
    """One letter of authority. Its scope is a category or the items in `items`, never both and never neither."""

    __tablename__ = "authority_grant"
    __table_args__ = (
        CheckConstraint('"until" IS NULL OR since <= "until"', name="period"),
        CheckConstraint("power IN ('decide', 'accept')", name="power"),
        CheckConstraint("running IN ('', 'finish', 'return')", name="running"),
        CheckConstraint("from_id <> to_id", name="two_units"),
        Index("ix_authority_grant_from", "from_id", "power"),
        Index("ix_authority_grant_to", "to_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    from_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    to_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    district: Mapped[str] = mapped_column(String(40), default="")
    power: Mapped[str] = mapped_column(String(10))
    category: Mapped[str | None] = mapped_column(String(40))
    since: Mapped[date]
    until: Mapped[date | None]
    basis: Mapped[str] = mapped_column(String(120))
    note: Mapped[str] = mapped_column(String(500), default="")
    illustrative: Mapped[bool] = mapped_column(default=False)
    made_at: Mapped[datetime] = mapped_column(default=now)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Ended before its time: at once for new cases; `running` says what became of those under way.
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    end_reason: Mapped[str] = mapped_column(String(200), default="")
    running: Mapped[str] = mapped_column(String(10), default="")
    version: Mapped[int] = mapped_column(default=1)

    giver: Mapped[Agency] = relationship(foreign_keys=[from_id])
    taker: Mapped[Agency] = relationship(foreign_keys=[to_id])
    made_by: Mapped[Person | None] = relationship(foreign_keys=[made_by_id])
    ended_by: Mapped[Person | None] = relationship(foreign_keys=[ended_by_id])
    items: Mapped[list[AuthorityItem]] = relationship(
        back_populates="grant", order_by="AuthorityItem.item_id", cascade="all, delete-orphan"
    )

    def in_force(self, day: date) -> bool:
        """For new cases; those under way are told by `running`."""
        return self.ended_at is None and self.since <= day and (self.until is None or day <= self.until)


class AuthorityItem(Base):
    """One item within the scope of a grant."""

    __tablename__ = "authority_item"

    grant_id: Mapped[int] = mapped_column(ForeignKey("authority_grant.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), primary_key=True, index=True)

    grant: Mapped[AuthorityGrant] = relationship(back_populates="items")
    item: Mapped[ServiceItem] = relationship()


class AuthorityUse(Base):
    """A case that came to an office by a grant: what was done under it, and when it was taken back."""

    __tablename__ = "authority_use"
    __table_args__ = (Index("ix_authority_use_grant", "grant_id", "ended_at"),)

    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    grant_id: Mapped[int] = mapped_column(ForeignKey("authority_grant.id"), primary_key=True)
    since: Mapped[datetime] = mapped_column(default=now)
    accepted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    grant: Mapped[AuthorityGrant] = relationship()
    case: Mapped[Case] = relationship()
