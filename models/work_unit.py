"""单位网上业务: companies and other employers, whom they let act for them online, and what was filed in their name."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, Path, new_uid, now
from models.case import Case
from models.person import Person


class WorkUnit(Base):
    """One unit (company, school, shop with staff) with the person in charge, registered by an office that saw its papers."""

    __tablename__ = "work_unit"
    __table_args__ = (Index("ix_work_unit_place", "place_path", "registered_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    name: Mapped[str] = mapped_column(String(100))
    # 统一社会信用代码: the unit's number everywhere, eighteen characters with a check character.
    credit_code: Mapped[str] = mapped_column(String(18), unique=True)
    address: Mapped[str] = mapped_column(String(120), default="")
    in_charge_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    illustrative: Mapped[bool] = mapped_column(default=False)
    registered_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    registered_at: Mapped[datetime] = mapped_column(default=now)
    # 注销: from then on nothing is begun in its name; what runs goes on to its end.
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    close_reason: Mapped[str] = mapped_column(String(200), default="")

    place: Mapped[Agency] = relationship()
    in_charge: Mapped[Person] = relationship(foreign_keys=[in_charge_id])
    operators: Mapped[list[WorkUnitOperator]] = relationship(
        back_populates="unit", order_by="WorkUnitOperator.id.desc()"
    )


class WorkUnitOperator(Base):
    """经办人: somebody with an account who may file the named functions for the unit, from a day, until a day or until ended."""

    __tablename__ = "work_unit_operator"
    __table_args__ = (
        CheckConstraint("until IS NULL OR since <= until", name="period"),
        Index("ix_work_unit_operator_unit", "unit_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[int] = mapped_column(ForeignKey("work_unit.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    # Codes of service items.
    functions: Mapped[list] = mapped_column(Json, default=list)
    since: Mapped[date]
    until: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(200))
    named_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    named_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    end_reason: Mapped[str] = mapped_column(String(200), default="")

    unit: Mapped[WorkUnit] = relationship(back_populates="operators")
    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class WorkUnitFiling(Base):
    """One case that was filed in a unit's name; without `operator_id` by the person in charge."""

    __tablename__ = "work_unit_filing"

    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[int] = mapped_column(ForeignKey("work_unit.id"), index=True)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("work_unit_operator.id"))
    filed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    begun_at: Mapped[datetime] = mapped_column(default=now)

    case: Mapped[Case] = relationship()
    unit: Mapped[WorkUnit] = relationship()
    operator: Mapped[WorkUnitOperator | None] = relationship()
    filed_by: Mapped[Person] = relationship()
