"""Versions of papers that an office brought in itself, and the files of every version that ever printed something."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from models.base import Base, Json, now
from models.person import Person


class PaperFolder(Base):
    """The files of one version, kept for ever: the folder and the shared parts it is printed with, as one archive."""

    __tablename__ = "paper_folder"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    paper: Mapped[str] = mapped_column(String(60), index=True)
    body: Mapped[bytes] = deferred(mapped_column(LargeBinary))
    at: Mapped[datetime] = mapped_column(default=now)


class PaperEdition(Base):
    """Which files stand behind a version that frozen papers name; written when the first paper is frozen with it."""

    __tablename__ = "paper_edition"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    paper: Mapped[str] = mapped_column(String(60), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("paper_folder.digest"))
    at: Mapped[datetime] = mapped_column(default=now)


class PaperTemplate(Base):
    """A version somebody uploaded: looked at by a second person before it may be put in force."""

    __tablename__ = "paper_template"
    __table_args__ = (
        CheckConstraint("state IN ('uploaded', 'approved', 'refused', 'withdrawn')", name="state"),
        CheckConstraint("approved_by_id IS NULL OR approved_by_id <> uploaded_by_id", name="second_person"),
        UniqueConstraint("paper", "digest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    paper: Mapped[str] = mapped_column(String(60), index=True)
    digest: Mapped[str] = mapped_column(ForeignKey("paper_folder.digest"))
    title: Mapped[str] = mapped_column(String(120))
    # Why it was made.
    note: Mapped[str] = mapped_column(Text)
    # What came of printing it when it was uploaded: {kind of data: [pages, bytes, refusal]}.
    tried: Mapped[dict] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(String(10), default="uploaded")
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    uploaded_at: Mapped[datetime] = mapped_column(default=now)
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Of the approval, the refusal or the withdrawal.
    decided_at: Mapped[datetime | None]
    decision: Mapped[str] = mapped_column(Text, default="")

    uploaded_by: Mapped[Person] = relationship(foreign_keys=[uploaded_by_id])
    approved_by: Mapped[Person | None] = relationship(foreign_keys=[approved_by_id])


class PaperRelease(Base):
    """A version put in force, for a reason. The latest row of a paper counts; nothing is ever deleted."""

    __tablename__ = "paper_release"

    id: Mapped[int] = mapped_column(primary_key=True)
    paper: Mapped[str] = mapped_column(String(60), index=True)
    # Empty: back to what came with the software; of a paper of the office's own: no longer made.
    template_id: Mapped[int | None] = mapped_column(ForeignKey("paper_template.id"))
    before_id: Mapped[int | None] = mapped_column(ForeignKey("paper_template.id"))
    reason: Mapped[str] = mapped_column(Text)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    template: Mapped[PaperTemplate | None] = relationship(foreign_keys=[template_id])
    person: Mapped[Person | None] = relationship()
