"""People with an account, what they may do where, and the sessions they are signed in with."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, EncryptedText, Json, Path, now


class Person(Base):
    """Somebody who can sign in: staff, courier or resident."""

    __tablename__ = "person"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    username: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    title: Mapped[str] = mapped_column(String(60), default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"), index=True)
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"), index=True)
    phone: Mapped[str | None] = mapped_column(EncryptedText)
    locale: Mapped[str] = mapped_column(String(12), default="zh_Hans_CN")
    active: Mapped[bool] = mapped_column(default=True)
    illustrative: Mapped[bool] = mapped_column(default=False)
    # Rises with every change of grants or account, so that cached rights die at once in every process.
    epoch: Mapped[int] = mapped_column(default=1)

    unit: Mapped[Agency | None] = relationship(lazy="joined")
    grants: Mapped[list[Grant]] = relationship(back_populates="person", foreign_keys="Grant.person_id")


class Grant(Base):
    """A role at a place, for a cause and a period. Ending the cause ends exactly this access."""

    __tablename__ = "grant"
    __table_args__ = (
        Index("ix_grant_cause", "cause", "cause_ref"),
        Index("ix_grant_place_role", "place_path", "role"),
        CheckConstraint("until IS NULL OR since IS NULL OR since <= until", name="period"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[str] = mapped_column(String(40))
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    cause: Mapped[str] = mapped_column(String(20), default="post")
    cause_ref: Mapped[str] = mapped_column(String(40), default="")
    # Set for a substitution: the person whose post is held meanwhile.
    principal_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    since: Mapped[date | None]
    until: Mapped[date | None]

    person: Mapped[Person] = relationship(back_populates="grants", foreign_keys=[person_id])
    place: Mapped[Agency] = relationship()


class GridMembership(Base):
    """一格多员: who works in a grid and in which capacity."""

    __tablename__ = "grid_membership"
    __table_args__ = (Index("uq_grid_membership", "grid_id", "person_id", "capacity", unique=True),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    grid_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    capacity: Mapped[str] = mapped_column(String(30))
    since: Mapped[date | None]
    until: Mapped[date | None]

    person: Mapped[Person] = relationship()
    grid: Mapped[Agency] = relationship()


class CourierProfile(Base):
    """跑腿工: home point, training, how many errands at once, when and where they go, and whether they rest at present."""

    __tablename__ = "courier_profile"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    point_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    trained_until: Mapped[date | None]
    errand_limit: Mapped[int] = mapped_column(default=3)
    # Communities they like to go to; empty means anywhere in the street.
    area: Mapped[list] = mapped_column(Json, default=list)
    skills: Mapped[list | None] = mapped_column(Json)
    # Hours of the week as [weekday, "08:30", "11:30"]; nothing said means any hour.
    hours: Mapped[list | None] = mapped_column(Json)
    suspended_on: Mapped[date | None]
    suspended_reason: Mapped[str | None] = mapped_column(String(200))
    # Does not want the name on lists that hang in public.
    unlisted: Mapped[bool | None]

    person: Mapped[Person] = relationship()
    point: Mapped[Agency] = relationship()


class LoginSession(Base):
    """A signed-in browser or API client. The client holds a random token; only its hash is stored."""

    __tablename__ = "login_session"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64), default="")
    device: Mapped[str] = mapped_column(String(200), default="")

    person: Mapped[Person] = relationship()


class LoginFailure(Base):
    """Back-off on guessing, per account and address: a stranger never locks an official out for good."""

    __tablename__ = "login_failure"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    blocked_until: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(default=now)
