"""The base of every thing that lives at a place and moves through a workflow."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship, with_polymorphic

from models.agency import Agency
from models.base import Base, BigId, EncryptedJson, Json, Path, new_uid, now
from models.person import Person
from models.resident import Resident
from models.tiers import Tiers, content_indexes, follow_path, keep_copies, place_indexes


class Content(Tiers, Base):
    """What every thing has: number, place, state, holder, deadline, version. Types with rules of their own add a table."""

    __tablename__ = "content"
    __table_args__: tuple = (
        UniqueConstraint("district", "number"),
        Index("ix_content_place_type", "place_path", "type", "state"),
        # Which open things a new version of a process would touch.
        Index(
            "ix_content_version",
            "workflow",
            "workflow_version",
            "state",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_content_created", "created_at", "id"),
        Index("ix_content_deadline", "deadline", "id"),
        # Counting cases of a period by place reads these alone (services/reports).
        Index(
            "ix_content_case_created",
            "created_at",
            "place_path",
            "state",
            sqlite_where=text("kind = 'case'"),
            postgresql_where=text("kind = 'case'"),
        ),
        Index(
            "ix_content_case_closed",
            "closed_at",
            "state",
            "place_path",
            sqlite_where=text("kind = 'case' AND closed_at IS NOT NULL"),
            postgresql_where=text("kind = 'case' AND closed_at IS NOT NULL"),
        ),
        *content_indexes(),
    )
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "content"}

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    # `kind` picks the Python class, `type` the YAML definition; a type without Python has kind 'content'.
    kind: Mapped[str] = mapped_column(String(20))
    type: Mapped[str] = mapped_column(String(40), index=True)
    number: Mapped[str | None] = mapped_column(String(60), index=True)
    title: Mapped[str] = mapped_column(String(200))
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    district: Mapped[str] = mapped_column(String(40))
    workflow: Mapped[str] = mapped_column(String(40))
    workflow_version: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(40))
    acl_id: Mapped[int] = mapped_column(ForeignKey("acl.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    # Who has it now: a person, and the unit whose inbox it lies in.
    assignee_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    applicant_id: Mapped[int | None] = mapped_column(ForeignKey("resident.id"), index=True)
    deadline: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    modified_at: Mapped[datetime] = mapped_column(default=now)
    entered_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    # Signers and colleagues asked without whose word the state is not left forward (rows of `task`).
    holds: Mapped[int] = mapped_column(default=0)
    # Fields of the type: `fields` may be listed and filtered, `private` (marked sensitive in the type) is encrypted.
    fields: Mapped[dict] = mapped_column(Json, default=dict)
    private: Mapped[dict | None] = mapped_column(EncryptedJson)
    search_text: Mapped[str] = mapped_column(String(500), default="")

    place: Mapped[Agency] = relationship(foreign_keys=[place_id])
    unit: Mapped[Agency | None] = relationship(foreign_keys=[unit_id])
    owner: Mapped[Person | None] = relationship(foreign_keys=[owner_id])
    assignee: Mapped[Person | None] = relationship(foreign_keys=[assignee_id])
    applicant: Mapped[Resident | None] = relationship(foreign_keys=[applicant_id])
    places: Mapped[list[ContentPlace]] = relationship(back_populates="content", order_by="ContentPlace.id")
    people: Mapped[list[ContentPerson]] = relationship(back_populates="content", order_by="ContentPerson.id")

    @property
    def values(self) -> dict:
        """All fields of the type, plain and private together."""
        return {**(self.fields or {}), **(self.private or {})}

    def active_place(self, relation: str) -> ContentPlace | None:
        return next((p for p in self.places if p.relation == relation and p.until is None), None)


@cache
def every_kind() -> Any:
    """Content together with the tables of all its kinds. One entity for all lists: adapting its columns costs milliseconds."""
    return with_polymorphic(Content, "*")


class ContentPlace(Tiers, Base):
    """A second place of a thing (addressee of a ticket, deciding unit of a case), with the cause that gave it and its end."""

    __tablename__ = "content_place"
    __table_args__ = (
        Index("ix_content_place_path", "place_path", "relation"),
        Index("ix_content_place_cause", "cause_uid"),
        *place_indexes(),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    relation: Mapped[str] = mapped_column(String(20))
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    cause: Mapped[str] = mapped_column(String(20))
    cause_uid: Mapped[str] = mapped_column(String(22), default="")
    since: Mapped[datetime] = mapped_column(default=now)
    until: Mapped[datetime | None]
    # Copies from the thing, written by triggers: who may see it, its deadline while it is open, and its age.
    acl_id: Mapped[int | None]
    due_at: Mapped[datetime | None]
    made_at: Mapped[datetime | None]

    content: Mapped[Content] = relationship(back_populates="places")
    place: Mapped[Agency] = relationship()


follow_path(Content)
follow_path(ContentPlace)
keep_copies(ContentPlace.__table__)  # type: ignore[arg-type]


class ContentPerson(Base):
    """Somebody drawn into a thing by name (signer, consultant, copied), with the cause that gave it and its end."""

    __tablename__ = "content_person"
    __table_args__ = (
        Index("ix_content_person_person", "person_id", "content_id"),
        Index("ix_content_person_cause", "cause_uid"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    relation: Mapped[str] = mapped_column(String(20))
    cause_uid: Mapped[str] = mapped_column(String(22), default="")
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime] = mapped_column(default=now)
    until: Mapped[datetime | None]

    content: Mapped[Content] = relationship(back_populates="people")
    person: Mapped[Person] = relationship(foreign_keys=[person_id])


class Acl(Base):
    """An interned answer to 'who may see things in this state': few rows, many contents.

    The state belongs to it, so that a list of one state is found by it alone; empty where an acl is not of a state."""

    __tablename__ = "acl"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    workflow: Mapped[str | None] = mapped_column(String(40))
    state: Mapped[str | None] = mapped_column(String(40))
    terminal: Mapped[bool | None]


class AclToken(Base):
    """One token of an acl, e.g. `window_clerk@addressee`, `assignee`, `anyone`."""

    __tablename__ = "acl_token"
    __table_args__ = (Index("ix_acl_token_token", "token", "acl_id"),)

    acl_id: Mapped[int] = mapped_column(ForeignKey("acl.id"), primary_key=True)
    token: Mapped[str] = mapped_column(String(70), primary_key=True)


class WorkflowVersion(Base):
    """A definition as it was loaded, for ever: running things pin the version they began with."""

    __tablename__ = "workflow_version"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    workflow: Mapped[str] = mapped_column(String(40), index=True)
    body: Mapped[dict] = mapped_column(Json)
    loaded_at: Mapped[datetime] = mapped_column(default=now)
