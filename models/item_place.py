"""What the catalogue leaves to places: whose item it is, how one street or community does it, and which ways are open."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, now
from models.case import ServiceItem
from models.person import Person


class ItemSetting(Base):
    """事项归属: the department or company that decides an item by law, and whether it is only on offer where it is tried."""

    __tablename__ = "item_setting"

    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), primary_key=True)
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"), index=True)
    basis: Mapped[str] = mapped_column(String(120), default="")
    pilot_only: Mapped[bool] = mapped_column(default=False)
    # 承诺备案: conditions and papers that a signed commitment may stand for, one a line.
    commitments: Mapped[str | None] = mapped_column(String(1000))
    # 勘查: whether the clock stands still while somebody is out surveying; None means that it does.
    survey_runs: Mapped[bool | None]
    illustrative: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    item: Mapped[ServiceItem] = relationship()
    owner: Mapped[Agency | None] = relationship()


class ItemPlace(Base):
    """镇街扩展: how one street or community does an item. Four lines of the source (way, steps, handlers, brought down to
    the villages), the pilot, and the powers a town has of the city (同权)."""

    __tablename__ = "item_place"
    __table_args__ = (
        UniqueConstraint("item_id", "place_id"),
        Index("ix_item_place_path", "place_path"),
        CheckConstraint(
            "pilot_until IS NULL OR pilot_since IS NULL OR pilot_since <= pilot_until", name="pilot_period"
        ),
        CheckConstraint("way IN ('', 'direct', 'delegated', 'window', 'visit')", name="way"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"))
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    district: Mapped[str] = mapped_column(String(40))
    way: Mapped[str] = mapped_column(String(20), default="")
    steps: Mapped[str] = mapped_column(String(500), default="")
    # Whether the villages of this street accept the item themselves; None leaves it to the catalogue.
    to_villages: Mapped[bool | None]
    # On trial here from one day to another; without a first day it is no pilot.
    pilot_since: Mapped[date | None]
    pilot_until: Mapped[date | None]
    # 同权: this place decides what the owner above it decides elsewhere.
    same_power: Mapped[bool] = mapped_column(default=False)
    power_basis: Mapped[str] = mapped_column(String(120), default="")
    # Whether the whole of it can be done here, to the result in the hand.
    completable: Mapped[bool | None]
    illustrative: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    item: Mapped[ServiceItem] = relationship()
    place: Mapped[Agency] = relationship()
    handlers: Mapped[list[ItemHandler]] = relationship(
        back_populates="item_place", order_by="ItemHandler.position", cascade="all, delete-orphan"
    )

    def on_trial(self, day: date) -> bool:
        return (
            self.pilot_since is not None
            and self.pilot_since <= day
            and (self.pilot_until is None or day <= self.pilot_until)
        )


class ItemHandler(Base):
    """办理人员: a colleague named for an item at a place; new cases of it are laid before the one who has fewest."""

    __tablename__ = "item_handler"

    item_place_id: Mapped[int] = mapped_column(ForeignKey("item_place.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True, index=True)
    position: Mapped[int] = mapped_column(default=0)

    item_place: Mapped[ItemPlace] = relationship(back_populates="handlers")
    person: Mapped[Person] = relationship()


class ItemChannel(Base):
    """A switch: this way in or out of an item is open or shut, whatever the catalogue printed."""

    __tablename__ = "item_channel"

    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(40), primary_key=True)
    open: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(200), default="")
    changed_at: Mapped[datetime] = mapped_column(default=now)
    changed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
