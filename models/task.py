"""What goes on side by side within a state: opinions to give, objects waited for, colleagues asked, copies sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Path, new_uid, now
from models.content import Content
from models.person import Person

OPEN, AGREED, REFUSED, ANSWERED, CANCELLED = "open", "agreed", "refused", "answered", "cancelled"
# A branch of the definition, a signer added by somebody (加签), a colleague asked who gives it back (委派).
BRANCH, SIGNER, CONSULT = "branch", "signer", "consult"


class Task(Base):
    """One opinion or one sub-object that a thing in a certain state waits for."""

    __tablename__ = "task"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'agreed', 'refused', 'answered', 'cancelled')", name="state"),
        CheckConstraint("kind IN ('branch', 'signer', 'consult')", name="kind"),
        # My work, and my unit's: only what is open is ever looked for this way.
        Index(
            "ix_task_person_open",
            "person_id",
            "id",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "ix_task_place_open",
            "place_path",
            "acl_id",
            "id",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_task_content", "content_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    district: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(10))
    # The branch of the definition; with `every` the id of the place.
    key: Mapped[str] = mapped_column(String(60), default="")
    title: Mapped[str] = mapped_column(String(200), default="")
    # The state it belongs to, and which time the thing was there: a way back opens a new round.
    in_state: Mapped[str] = mapped_column(String(40))
    round: Mapped[int] = mapped_column(default=1)
    # Who is to answer: one person, or whoever holds one of the roles of `acl` at the place.
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    place_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str | None] = mapped_column(Path)
    acl_id: Mapped[int | None] = mapped_column(ForeignKey("acl.id"))
    sub_content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"), index=True)
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    question: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    deadline: Mapped[datetime | None]
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]

    content: Mapped[Content] = relationship(foreign_keys=[content_id])
    sub_content: Mapped[Content | None] = relationship(foreign_keys=[sub_content_id])
    person: Mapped[Person | None] = relationship(foreign_keys=[person_id])
    place: Mapped[Agency | None] = relationship(foreign_keys=[place_id])
    asked_by: Mapped[Person | None] = relationship(foreign_keys=[asked_by_id])
    closed_by: Mapped[Person | None] = relationship(foreign_keys=[closed_by_id])
