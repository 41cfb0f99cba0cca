"""事项 and 办件: what can be applied for, and one application with its materials."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json
from models.content import Content
from models.person import Person


class ServiceItem(Content):
    """A kind of matter in the catalogue. What the handbook prints comes from `spec`, copied from catalogue/ when loaded."""

    __tablename__ = "service_item"
    __mapper_args__ = {"polymorphic_identity": "service_item"}

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    code: Mapped[str] = mapped_column(String(60), unique=True)
    category: Mapped[str | None] = mapped_column(String(40), index=True)
    service_type: Mapped[str] = mapped_column(String(40))
    accept_level: Mapped[str | None] = mapped_column(String(20))
    decide_level: Mapped[str | None] = mapped_column(String(20))
    delegable: Mapped[bool] = mapped_column(default=True)
    home_visit: Mapped[bool] = mapped_column(default=False)
    illustrative: Mapped[bool] = mapped_column(default=False)
    spec: Mapped[dict] = mapped_column(Json, default=dict)


class Case(Content):
    """办件: one application of one person for one item."""

    __tablename__ = "case_file"
    # What was decided in a period, for the reports.
    __table_args__ = (Index("ix_case_file_decided_at", "decided_at", "item_id"),)
    __mapper_args__ = {"polymorphic_identity": "case"}

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), index=True)
    channel: Mapped[str] = mapped_column(String(40), default="window_street")
    deciding_unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    result_unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    trips: Mapped[int] = mapped_column(default=0)
    # 首问接待: the first clerk asked stays answerable until the handover is signed.
    first_contact_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    assisted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    approver_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    filed_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    issued_at: Mapped[datetime | None]
    rating: Mapped[int | None]

    item: Mapped[ServiceItem] = relationship(foreign_keys=[item_id])
    deciding_unit: Mapped[Agency | None] = relationship(foreign_keys=[deciding_unit_id])
    reviewer: Mapped[Person | None] = relationship(foreign_keys=[reviewer_id])
    approver: Mapped[Person | None] = relationship(foreign_keys=[approver_id])
    first_contact: Mapped[Person | None] = relationship(foreign_keys=[first_contact_id])
    materials: Mapped[list[Material]] = relationship(back_populates="case", order_by="Material.position")


class Material(Base):
    """One line of the item's material list, for one case: what was brought, in which form, and what the reviewer said."""

    __tablename__ = "material"
    __table_args__ = (
        UniqueConstraint("case_id", "code"),
        CheckConstraint("sheets >= 0", name="sheets"),
        CheckConstraint("verdict IN ('', 'accepted', 'rejected')", name="verdict"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    code: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(80))
    critical: Mapped[bool] = mapped_column(default=True)
    form: Mapped[str] = mapped_column(String(10), default="copy")  # original, copy, either
    provided: Mapped[bool] = mapped_column(default=False)
    original_held: Mapped[bool] = mapped_column(default=False)
    sheets: Mapped[int] = mapped_column(default=0)
    verdict: Mapped[str] = mapped_column(String(10), default="")
    defect: Mapped[str] = mapped_column(String(200), default="")
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    checked_at: Mapped[datetime | None]
    # Who has the original now; nothing closes while this is somebody but the applicant.
    holder_unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    holder_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Where it comes from when nobody brought it for this case: record, shared, visit, fax, post …; and the words for the reviewer.
    source: Mapped[str | None] = mapped_column(String(10))
    source_material_id: Mapped[int | None] = mapped_column(ForeignKey("material.id"))
    source_words: Mapped[str | None] = mapped_column(String(200))

    case: Mapped[Case] = relationship(back_populates="materials")
    holder_unit: Mapped[Agency | None] = relationship(foreign_keys=[holder_unit_id])
    holder_person: Mapped[Person | None] = relationship(foreign_keys=[holder_person_id])
    checked_by: Mapped[Person | None] = relationship(foreign_keys=[checked_by_id])
