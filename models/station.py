"""联动工作站: the joint station of a street or community, its permanent members and the departments on call."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path
from models.person import Grant, Person

PERMANENT, ON_CALL = "permanent", "on_call"


class JointStation(Base):
    """A station that settles what grids cannot settle alone; it serves the place and everything below."""

    __tablename__ = "joint_station"
    __table_args__ = (Index("ix_joint_station_path", "place_path"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    name: Mapped[str] = mapped_column(String(80))
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    address: Mapped[str] = mapped_column(String(160), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    illustrative: Mapped[bool] = mapped_column(default=False)
    ended_on: Mapped[date | None]

    place: Mapped[Agency] = relationship()
    members: Mapped[list[StationMember]] = relationship(back_populates="station", order_by="StationMember.id")


class StationMember(Base):
    """两警三员 sit there (permanent, by role); a department comes when it is called (on call, by its contact)."""

    __tablename__ = "station_member"
    __table_args__ = (
        CheckConstraint("kind IN ('permanent', 'on_call')", name="kind"),
        CheckConstraint("(kind = 'permanent') = (role <> '')", name="role_of_permanent"),
        CheckConstraint("(kind = 'on_call') = (department <> '')", name="department_of_on_call"),
        CheckConstraint("until IS NULL OR since <= until", name="period"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    station_id: Mapped[int] = mapped_column(ForeignKey("joint_station.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    role: Mapped[str] = mapped_column(String(40), default="")
    department: Mapped[str] = mapped_column(String(40), default="")
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    # The post that this membership gave; ending the membership ends exactly this.
    grant_id: Mapped[int | None] = mapped_column(ForeignKey("grant.id", ondelete="SET NULL"))
    since: Mapped[date]
    until: Mapped[date | None]

    station: Mapped[JointStation] = relationship(back_populates="members")
    person: Mapped[Person] = relationship()
    grant: Mapped[Grant | None] = relationship()
