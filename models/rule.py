"""Rules that an administrator composes: when this happens, and that holds, then do these things; and the log of what each did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.agency import Agency
from models.base import Base, BigId, Json, Path, now
from models.content import Content
from models.person import Person


class Rule(Base):
    """One rule. `conditions` and `actions` are lists of small records checked by services/rules.py when they are saved."""

    __tablename__ = "rule"
    __table_args__ = (Index("ix_rule_type_event", "type", "event"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    active: Mapped[bool] = mapped_column(default=True)
    type: Mapped[str] = mapped_column(String(40))
    # A transition of the type's workflow, `create`, a verb of the office (`office:urge`) or an opinion (`task:refused`).
    event: Mapped[str] = mapped_column(String(60))
    # Where it holds: things of this place and below.
    place_id: Mapped[str] = mapped_column(ForeignKey("agency.id"))
    place_path: Mapped[str] = mapped_column(Path)
    # [{"subject": "days_left", "op": "at_most", "value": "3"}]
    conditions: Mapped[list] = mapped_column(Json, default=list)
    # [{"kind": "notify", "to": "head", "text": "…"}]
    actions: Mapped[list] = mapped_column(Json, default=list)
    version: Mapped[int] = mapped_column(default=1)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    modified_at: Mapped[datetime] = mapped_column(default=now)

    place: Mapped[Agency] = relationship()
    created_by: Mapped[Person | None] = relationship()


class RuleRun(Base):
    """What one rule did, or why not, at one event of one thing."""

    __tablename__ = "rule_run"
    __table_args__ = (
        CheckConstraint("outcome IN ('done', 'refused', 'not_met')", name="outcome"),
        Index("ix_rule_run_rule", "rule_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    rule_id: Mapped[int] = mapped_column(ForeignKey("rule.id"))
    rule_version: Mapped[int]
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), index=True)
    event: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(10))
    # One line for each action: [kind, what became of it].
    what: Mapped[list] = mapped_column(Json, default=list)
    at: Mapped[datetime] = mapped_column(default=now)

    content: Mapped[Content] = relationship()
    rule: Mapped[Rule] = relationship()
