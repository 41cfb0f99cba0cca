"""代办: tickets between agencies, the letter that entitles, and every change of custody."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, now
from models.case import Case, ServiceItem
from models.content import Content
from models.person import Person
from models.resident import Resident


class Delegation(Content):
    """One agency carries a case to another for the resident; originals in custody are always somebody's."""

    __tablename__ = "delegation"

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case_file.id"), index=True)
    home_visit_id: Mapped[int | None] = mapped_column(ForeignKey("home_visit.id"))
    addressee_id: Mapped[str] = mapped_column(ForeignKey("agency.id"), index=True)
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letter.id"))
    first_contact_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Set on a sub-ticket (转办, 协办): the ticket of which a part is passed on. Such a one has no case of its own.
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("delegation.id"), index=True)
    # Where the resident fetches the result, when it is not the station that sent the ticket.
    result_point_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))

    case: Mapped[Case | None] = relationship(foreign_keys=[case_id])
    parent: Mapped[Delegation | None] = relationship(remote_side="Delegation.id", foreign_keys=[parent_id])
    result_point: Mapped[Agency | None] = relationship(foreign_keys=[result_point_id])
    addressee: Mapped[Agency] = relationship(foreign_keys=[addressee_id])
    letter: Mapped[Letter | None] = relationship(foreign_keys=[letter_id])
    first_contact: Mapped[Person | None] = relationship(foreign_keys=[first_contact_id])
    home_visit: Mapped[HomeVisit | None] = relationship(foreign_keys=[home_visit_id])

    __mapper_args__ = {"polymorphic_identity": "delegation", "inherit_condition": id == Content.id}


class HomeVisit(Content):
    """上门代办: staff come to the home; the visit starts a case or a delegation and follows it to the end."""

    __tablename__ = "home_visit"
    __table_args__ = (Index("ix_home_visit_slot", "slot_start"), Index("ix_home_visit_refused", "refused_for"))
    __mapper_args__ = {"polymorphic_identity": "home_visit"}

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("service_item.id"), index=True)
    condition: Mapped[str] = mapped_column(String(30), default="age_80")
    eligible: Mapped[bool | None]
    basis: Mapped[str] = mapped_column(String(200), default="")
    slot_start: Mapped[datetime | None]
    slot_end: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    # Why nobody goes, in one word that can be counted; which other ways were offered stands in `fields`.
    refused_for: Mapped[str | None] = mapped_column(String(30))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case_file.id"), index=True)
    letter_id: Mapped[int | None] = mapped_column(ForeignKey("letter.id"))

    item: Mapped[ServiceItem] = relationship(foreign_keys=[item_id])
    case: Mapped[Case | None] = relationship(foreign_keys=[case_id])
    letter: Mapped[Letter | None] = relationship(foreign_keys=[letter_id])


class Letter(Base):
    """代办委托书: who may do what for whom, and until when. Signed, or a fingerprint before two witnesses."""

    __tablename__ = "letter"
    __table_args__ = (
        CheckConstraint("valid_from <= valid_until", name="period"),
        CheckConstraint("agent_person_id IS NOT NULL OR agent_name <> ''", name="agent"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    principal_id: Mapped[int] = mapped_column(ForeignKey("resident.id"), index=True)
    agent_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    agent_name: Mapped[str] = mapped_column(String(60), default="")
    matter: Mapped[str] = mapped_column(String(120))
    powers: Mapped[list] = mapped_column(Json, default=list)
    valid_from: Mapped[date]
    valid_until: Mapped[date]
    signature_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    fingerprint: Mapped[bool] = mapped_column(default=False)
    witnesses: Mapped[list] = mapped_column(Json, default=list)
    signed_at: Mapped[datetime | None]

    principal: Mapped[Resident] = relationship()
    agent_person: Mapped[Person | None] = relationship()

    def entitles(self, day: date) -> bool:
        return self.signed_at is not None and self.valid_from <= day <= self.valid_until


class Handover(Base):
    """材料交接单: one change of custody, counted and signed by both sides."""

    __tablename__ = "handover"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case_file.id"), index=True)
    action: Mapped[str] = mapped_column(String(40))
    from_label: Mapped[str] = mapped_column(String(120))
    to_label: Mapped[str] = mapped_column(String(120))
    from_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    to_person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    from_unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    to_unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    at: Mapped[datetime] = mapped_column(default=now)
    from_signature_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    to_signature_id: Mapped[int | None] = mapped_column(ForeignKey("document.id"))
    # When the taker had counted and signed; empty while the papers are on their way.
    signed_at: Mapped[datetime | None]

    lines: Mapped[list[HandoverLine]] = relationship(back_populates="handover", order_by="HandoverLine.position")
    from_person: Mapped[Person | None] = relationship(foreign_keys=[from_person_id])
    to_person: Mapped[Person | None] = relationship(foreign_keys=[to_person_id])


class HandoverLine(Base):
    """One line of the list: what was said to be handed over, and what was counted."""

    __tablename__ = "handover_line"
    __table_args__ = (CheckConstraint("sheets BETWEEN 0 AND 999", name="sheets"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    handover_id: Mapped[int] = mapped_column(ForeignKey("handover.id"), index=True)
    position: Mapped[int]
    material_id: Mapped[int | None] = mapped_column(ForeignKey("material.id"))
    name: Mapped[str] = mapped_column(String(80))
    original: Mapped[bool] = mapped_column(default=False)
    sheets: Mapped[int]
    condition: Mapped[str] = mapped_column(String(60), default="")
    counted: Mapped[int | None]
    difference: Mapped[str] = mapped_column(String(200), default="")
    # Counted, but not kept: why this line went back to the sender on a list of its own.
    sent_back: Mapped[str | None] = mapped_column(String(200))

    handover: Mapped[Handover] = relationship(back_populates="lines")
