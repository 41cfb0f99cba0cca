"""Trust in papers: the seals of the towns and each use of one, who asked whether a paper is genuine, what a seal platform still owes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, new_uid, now
from models.content import Content
from models.paper import Paper
from models.person import Person


class Seal(Base):
    """一枚印章管审批: the one seal for approvals of a street or town. A second one for the same town cannot be entered."""

    __tablename__ = "seal"
    __table_args__ = (
        UniqueConstraint("agency_id"),
        CheckConstraint("state IN ('in_use', 'stopped')", name="state"),
        CheckConstraint("uses >= 0", name="uses"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    agency_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    name: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(8), default="in_use")
    # Counted in the transaction of each use; the log is checked against it.
    uses: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)

    agency: Mapped[Agency] = relationship()


class SealUse(Base):
    """用印登记: one line for each use of the seal — which case, which paper, who, when, why. Never changed, never deleted."""

    __tablename__ = "seal_use"
    __table_args__ = (
        UniqueConstraint("seal_id", "seq"),
        Index("ix_seal_use_seal_at", "seal_id", "at"),
        Index("ix_seal_use_content", "content_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    seal_id: Mapped[int] = mapped_column(ForeignKey("seal.id"))
    # The running number within this seal's log, without a gap.
    seq: Mapped[int]
    district: Mapped[str] = mapped_column(String(40), default="")
    place_path: Mapped[str] = mapped_column(Path)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    case_number: Mapped[str] = mapped_column(String(60))
    paper_title: Mapped[str] = mapped_column(String(120))
    paper_number: Mapped[str] = mapped_column(String(60), default="")
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"), index=True)
    on_behalf_of_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]

    seal: Mapped[Seal] = relationship()
    content: Mapped[Content] = relationship()
    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    on_behalf_of: Mapped[Person | None] = relationship(foreign_keys=[on_behalf_of_id])


class PaperCheck(Base):
    """Somebody asked whether a paper is genuine. Who it was nobody can know: an hour, the answer and a hashed address remain."""

    __tablename__ = "paper_check"
    __table_args__ = (
        CheckConstraint("result IN ('valid', 'replaced', 'void', 'expired', 'unknown')", name="result"),
        CheckConstraint("way IN ('code', 'typed', 'program')", name="way"),
        Index("ix_paper_check_paper", "paper_id", "at"),
        Index("ix_paper_check_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    result: Mapped[str] = mapped_column(String(8))
    way: Mapped[str] = mapped_column(String(7))
    address: Mapped[str] = mapped_column(String(32))
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper.id"))
    district: Mapped[str] = mapped_column(String(40), default="")

    paper: Mapped[Paper | None] = relationship()


class SealRequest(Base):
    """A drawn paper that waits for the signature of a seal platform or an HSM; the drawn bytes rest here encrypted until it comes."""

    __tablename__ = "seal_request"
    __table_args__ = (CheckConstraint("state IN ('waiting', 'refused', 'done')", name="state"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # Under this key the platform does the same request only once.
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    paper_id: Mapped[int] = mapped_column(ForeignKey("paper.id"), unique=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    drawn: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    said: Mapped[str] = mapped_column(String(300), default="")
    asked_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    foreign_id: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime] = mapped_column(default=now)

    paper: Mapped[Paper] = relationship()
