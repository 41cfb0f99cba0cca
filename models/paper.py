"""Documents that come in, papers that go out, certificates, and what people write to each other about a thing."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, BigId, EncryptedJson, new_uid, now
from models.case import Case
from models.content import Content
from models.person import Person


class Document(Base):
    """An uploaded file: photo, scan, signature. Stored by content hash, cleaned before it was stored."""

    __tablename__ = "document"
    __table_args__ = (CheckConstraint("size > 0", name="size"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    material_id: Mapped[int | None] = mapped_column(ForeignKey("material.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(20), default="material")  # material, photo, signature, attachment
    filename: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    storage_key: Mapped[str] = mapped_column(String(80))
    thumbnail_key: Mapped[str | None] = mapped_column(String(80))
    uploaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)

    content: Mapped[Content] = relationship()
    uploaded_by: Mapped[Person | None] = relationship()


class Paper(Base):
    """A printed form, frozen: data, template version, bytes and hash. A reprint serves these bytes."""

    __tablename__ = "paper"
    __table_args__ = (CheckConstraint("status IN ('waiting', 'ready', 'failed')", name="status"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    paper: Mapped[str] = mapped_column(String(60))
    paper_version: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(120))
    number: Mapped[str | None] = mapped_column(String(60), index=True)
    data: Mapped[dict] = mapped_column(EncryptedJson)
    # 128 random bits: the QR opens /verify/<code>.
    verify_code: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    error: Mapped[str | None] = mapped_column(Text)
    storage_key: Mapped[str | None] = mapped_column(String(80))
    sha256: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int | None]
    prints: Mapped[int] = mapped_column(default=0)
    valid: Mapped[bool] = mapped_column(default=True)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    rendered_at: Mapped[datetime | None]

    content: Mapped[Content] = relationship()
    created_by: Mapped[Person | None] = relationship()


class Certificate(Content):
    """证照: what the resident takes home. The number is drawn last, the PDF is frozen, errors void and reissue."""

    __tablename__ = "certificate"

    id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case_file.id"), index=True)
    paper_kind: Mapped[str] = mapped_column(String(60))
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper.id"))
    holder_name: Mapped[str] = mapped_column(String(120))
    issued_on: Mapped[datetime | None]
    # The last day it holds; empty: as long as nobody takes it back.
    valid_until: Mapped[date | None]
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("certificate.id"))
    collector: Mapped[str] = mapped_column(String(120), default="")

    case: Mapped[Case] = relationship(foreign_keys=[case_id])
    # A certificate names its paper and a paper its certificate: without post_update, changing both in one flush is a cycle.
    paper: Mapped[Paper | None] = relationship(foreign_keys=[paper_id], viewonly=True)
    replaces: Mapped[Certificate | None] = relationship(remote_side="Certificate.id", foreign_keys=[replaces_id])

    __mapper_args__ = {"polymorphic_identity": "certificate", "inherit_condition": id == Content.id}


class Note(Base):
    """A line in the thread: internal among colleagues, or a message to the resident."""

    __tablename__ = "note"
    __table_args__ = (CheckConstraint("audience IN ('internal', 'resident')", name="audience"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    audience: Mapped[str] = mapped_column(String(10))
    # An internal line for one unit only; empty, and both agencies of a ticket read it.
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    text: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)

    author: Mapped[Person | None] = relationship()
