"""What a published catalogue becomes: editions of the handbook, and the carriers on which each item was made known."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, new_uid, now
from models.case import ServiceItem
from models.person import Person


class HandbookEdition(Base):
    """One edition of the 《服务手册》: what stood in the catalogue on its day, and the booklet drawn from it."""

    __tablename__ = "handbook_edition"
    __table_args__ = (
        UniqueConstraint("place_id", "year", "number"),
        CheckConstraint("status IN ('gathering', 'drawing', 'ready', 'failed')", name="status"),
        CheckConstraint("gathered >= 0 AND gathered <= total", name="gathered"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    year: Mapped[int]
    number: Mapped[int]
    status: Mapped[str] = mapped_column(String(10), default="gathering")
    # Progress: how many of the published items are written down.
    total: Mapped[int] = mapped_column(default=0)
    gathered: Mapped[int] = mapped_column(default=0)
    codes: Mapped[list] = mapped_column(Json, default=list)
    # The frozen facts, item by item; the booklet is drawn from them and from nothing else.
    facts: Mapped[list] = mapped_column(Json, default=list)
    paper_version: Mapped[str] = mapped_column(String(64), default="")
    pages: Mapped[int | None]
    size: Mapped[int | None]
    storage_key: Mapped[str | None] = mapped_column(String(80))
    problem: Mapped[str] = mapped_column(String(500), default="")
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    made_at: Mapped[datetime] = mapped_column(default=now)
    ready_at: Mapped[datetime | None]

    place: Mapped[Agency] = relationship()
    made_by: Mapped[Person | None] = relationship()

    @property
    def name(self) -> str:
        """2026年第1版"""
        return f"{self.year}年第{self.number}版"


class ItemPublicity(Base):
    """One carrier on which an item was made known: when, by whom, in which words or on which sheet."""

    __tablename__ = "item_publicity"
    __table_args__ = (
        CheckConstraint("carrier IN ('sms', 'wechat', 'board_sheet', 'hall_screen', 'handbook')", name="carrier"),
        CheckConstraint("status IN ('waiting', 'ready', 'failed')", name="status"),
        Index("ix_item_publicity_item", "item_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"))
    # Carriers of one publication bear one mark.
    issue: Mapped[str] = mapped_column(String(22))
    carrier: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(10), default="ready")
    text: Mapped[str] = mapped_column(String(1000), default="")
    # How many subscribers it went out to; the rest is copied by hand.
    told: Mapped[int] = mapped_column(default=0)
    storage_key: Mapped[str | None] = mapped_column(String(80))
    problem: Mapped[str] = mapped_column(String(300), default="")
    at: Mapped[datetime] = mapped_column(default=now)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    item: Mapped[ServiceItem] = relationship()
    by: Mapped[Person | None] = relationship()


class ItemFollower(Base):
    """A resident who wants to hear when this guide is published anew."""

    __tablename__ = "item_follower"

    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), primary_key=True)
    resident_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    since: Mapped[datetime] = mapped_column(default=now)
