"""投资项目: charts as versioned data, the check list drawn from one, who has a project in which capacity, joint meetings, town rules."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, new_uid, now
from models.content import Content
from models.person import Person

HANDLER, COORDINATOR, LIAISON = "handler", "coordinator", "liaison"
OPEN, RUNNING, DONE, REFUSED, COMMITTED, DROPPED = "open", "running", "done", "refused", "committed", "dropped"
PLANNED, HELD, CANCELLED = "planned", "held", "cancelled"
_NOW = text("until IS NULL")


class ProjectChart(Base):
    """标准审批流程图: one version as an administrator put it in force; it stands over the shipped file's of the same key."""

    __tablename__ = "project_chart"
    __table_args__ = (UniqueConstraint("district", "key", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    key: Mapped[str] = mapped_column(String(30))
    number: Mapped[int]
    body: Mapped[dict] = mapped_column(Json)
    change: Mapped[str] = mapped_column(String(200), default="")
    released_at: Mapped[datetime] = mapped_column(default=now)
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    released_by: Mapped[Person | None] = relationship()


class ProjectPerson(Base):
    """Who has a project in one of three capacities, since when and until when; one at a time in each."""

    __tablename__ = "project_person"
    __table_args__ = (
        CheckConstraint("capacity IN ('handler', 'coordinator', 'liaison')", name="capacity"),
        # Whatever two people press at the same moment, a project has one handler.
        Index(
            "uq_project_person_now",
            "content_id",
            "capacity",
            unique=True,
            sqlite_where=_NOW,
            postgresql_where=_NOW,
        ),
        Index("ix_project_person_person", "person_id", "until"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    district: Mapped[str] = mapped_column(String(40), default="")
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    capacity: Mapped[str] = mapped_column(String(12))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    since: Mapped[datetime] = mapped_column(default=now)
    until: Mapped[datetime | None]
    # Why it was handed over; empty for whoever claimed it first.
    reason: Mapped[str] = mapped_column(String(200), default="")
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    by: Mapped[Person | None] = relationship(foreign_keys=[by_id])


class ProjectMeeting(Base):
    """联合会审: one meeting in place of several reviews one after another."""

    __tablename__ = "project_meeting"
    __table_args__ = (CheckConstraint("state IN ('planned', 'held', 'cancelled')", name="state"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    number: Mapped[int]
    subject: Mapped[str] = mapped_column(String(120))
    venue: Mapped[str] = mapped_column(String(120))
    held_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default=PLANNED)
    attendees: Mapped[list] = mapped_column(Json, default=list)
    # By uid of the row: verdict and words of its department.
    opinions: Mapped[dict] = mapped_column(Json, default=dict)
    conclusion: Mapped[str] = mapped_column(Text, default="")
    called_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    closed_at: Mapped[datetime | None]
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("paper.id"))

    called_by: Mapped[Person | None] = relationship()
    rows: Mapped[list[ProjectRow]] = relationship(back_populates="meeting", order_by="ProjectRow.position")


class ProjectRow(Base):
    """One item of a project's check list: whose, how long, what to bring, what it waits for, and how far it is."""

    __tablename__ = "project_row"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'running', 'done', 'refused', 'committed', 'dropped')", name="state"),
        UniqueConstraint("content_id", "key"),
        Index("ix_project_row_person", "person_id", "state"),
        Index("ix_project_row_agency", "agency_id", "state"),
        Index("ix_project_row_linked", "linked_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"))
    key: Mapped[str] = mapped_column(String(40))
    position: Mapped[int]
    stage: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(120))
    department: Mapped[str] = mapped_column(String(60), default="")
    agency_id: Mapped[str | None] = mapped_column(ForeignKey("agency.id"))
    working_days: Mapped[int]
    materials: Mapped[list] = mapped_column(Json, default=list)
    # Keys of the rows that must be settled before this one may be filed.
    after: Mapped[list] = mapped_column(Json, default=list)
    # After the works are built: outside the clock of the approvals.
    after_works: Mapped[bool] = mapped_column(default=False)
    may_commit: Mapped[bool] = mapped_column(default=False)
    # Rows of one group are proposed for one meeting.
    joint: Mapped[str] = mapped_column(String(20), default="")
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    started_on: Mapped[date | None]
    due_on: Mapped[date | None]
    finished_on: Mapped[date | None]
    fulfil_by: Mapped[date | None]
    answer: Mapped[str] = mapped_column(String(300), default="")
    meeting_id: Mapped[int | None] = mapped_column(ForeignKey("project_meeting.id"), index=True)
    # The case or ticket this row travels on, if it has one.
    linked_id: Mapped[int | None] = mapped_column(ForeignKey("content.id"))

    content: Mapped[Content] = relationship(foreign_keys=[content_id])
    linked: Mapped[Content | None] = relationship(foreign_keys=[linked_id])
    agency: Mapped[Agency | None] = relationship()
    person: Mapped[Person | None] = relationship()
    meeting: Mapped[ProjectMeeting | None] = relationship(back_populates="rows")


class DelegationRule(Base):
    """代办六统一: what one town has fixed for one of the six fields, and what the district's check said of it. Versions stay."""

    __tablename__ = "delegation_rule"
    __table_args__ = (
        UniqueConstraint("agency_id", "field", "number"),
        CheckConstraint("verdict IN ('', 'good', 'bad')", name="verdict"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    uid: Mapped[str] = mapped_column(String(22), unique=True, default=new_uid)
    district: Mapped[str] = mapped_column(String(40), default="")
    agency_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    field: Mapped[str] = mapped_column(String(30))
    number: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[date]
    written_at: Mapped[datetime] = mapped_column(default=now)
    written_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    verdict: Mapped[str] = mapped_column(String(5), default="")
    remark: Mapped[str] = mapped_column(String(200), default="")
    checked_at: Mapped[datetime | None]
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))

    agency: Mapped[Agency] = relationship()
    written_by: Mapped[Person] = relationship(foreign_keys=[written_by_id])
    checked_by: Mapped[Person | None] = relationship(foreign_keys=[checked_by_id])
