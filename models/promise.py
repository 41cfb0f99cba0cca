"""容缺台账: each owed material with its own date, and fax pages that wait to be laid into their slot."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, new_uid, now
from models.case import Case, Material
from models.content import Content
from models.person import Person
from models.resident import Resident


class OwedMaterial(Base):
    """One paper that was promised for later: by when, which way, and what became of the promise."""

    __tablename__ = "owed_material"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'supplied', 'lapsed', 'ended')", name="state"),
        # A slot of a case, or a paper by its name of a thing that has no slots (容缺受理件); never both.
        CheckConstraint(
            "(case_id IS NOT NULL AND material_id IS NOT NULL AND content_id IS NULL)"
            " OR (case_id IS NULL AND material_id IS NULL AND content_id IS NOT NULL AND name <> '')",
            name="of_one_thing",
        ),
        UniqueConstraint("case_id", "material_id"),
        UniqueConstraint("content_id", "name"),
        Index("ix_owed_material_due", "district", "state", "due"),
        Index("ix_owed_material_resident", "resident_id", "lapsed_on"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    case_id: Mapped[int | None] = mapped_column(ForeignKey("case_file.id"))
    material_id: Mapped[int | None] = mapped_column(ForeignKey("material.id"))
    content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"))
    name: Mapped[str] = mapped_column(String(120), default="")
    resident_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"))
    state: Mapped[str] = mapped_column(String(10), default="open")
    way: Mapped[str] = mapped_column(String(10), default="")
    promised_due: Mapped[date]
    due: Mapped[date]
    promised_at: Mapped[datetime] = mapped_column(default=now)
    # Once and with a reason; the first date stays in `promised_due`.
    extended_at: Mapped[datetime | None]
    extended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    extension_reason: Mapped[str] = mapped_column(String(120), default="")
    supplied_at: Mapped[datetime | None]
    supplied_way: Mapped[str] = mapped_column(String(10), default="")
    supplied_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # The day on which the promise was broken; stays when the paper comes late after all.
    lapsed_on: Mapped[date | None]

    case: Mapped[Case | None] = relationship(foreign_keys=[case_id])
    material: Mapped[Material | None] = relationship()
    content: Mapped[Content | None] = relationship(foreign_keys=[content_id])
    resident: Mapped[Resident | None] = relationship()
    extended_by: Mapped[Person | None] = relationship(foreign_keys=[extended_by_id])

    @property
    def thing(self) -> Content:
        """What the paper is owed to: the case, or the thing that keeps no slots."""
        found = self.case or self.content
        assert found is not None
        return found

    @property
    def paper(self) -> str:
        """What it is called."""
        return self.material.name if self.material is not None else self.name

    @property
    def code(self) -> str:
        """How lists of materials name it."""
        return self.material.code if self.material is not None else self.name


class FaxPage(Base):
    """A fax that came in: waits at the unit until a clerk lays it into the slot it answers."""

    __tablename__ = "fax_page"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'matched', 'discarded')", name="state"),
        Index("ix_fax_page_unit", "unit_id", "state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    unit_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    sender: Mapped[str] = mapped_column(String(40), default="")
    words: Mapped[str] = mapped_column(String(120), default="")
    filename: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(60))
    storage_key: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    arrived_at: Mapped[datetime] = mapped_column(default=now)
    entered_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    owed_id: Mapped[int | None] = mapped_column(ForeignKey("owed_material.id"))
    matched_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    matched_at: Mapped[datetime | None]

    unit: Mapped[Agency] = relationship()
    owed: Mapped[OwedMaterial | None] = relationship()
