"""Agencies: city, district, street, community, station, grid — one tree, each with the period in which it existed."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, Json, Path


class Agency(Base):
    """A place that can hold staff, an inbox and papers. `path` ends with '/', so that a prefix is an ancestor."""

    __tablename__ = "agency"
    __table_args__ = (
        Index("ix_agency_path", "path"),
        CheckConstraint("valid_to IS NULL OR valid_from IS NULL OR valid_from <= valid_to", name="period"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(120), default="")
    kind: Mapped[str] = mapped_column(String(30), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"), index=True)
    path: Mapped[str] = mapped_column(Path, unique=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    code: Mapped[str] = mapped_column(String(10), default="")
    paper_name: Mapped[str] = mapped_column(String(40), default="")
    number: Mapped[int | None]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    illustrative: Mapped[bool] = mapped_column(default=False)
    details: Mapped[dict] = mapped_column(Json, default=dict)

    parent: Mapped[Agency | None] = relationship(remote_side="Agency.id", lazy="select")

    def exists_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    def holds(self, path: str) -> bool:
        return path.startswith(self.path)
