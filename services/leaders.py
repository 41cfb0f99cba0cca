"""领导驻窗: who of the leaders sits at the window on a day, and the log of what they handled and solved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.person import Person
from process import access
from process.access import Actor

TYPE = "leader_duty"
MOST = 400


@dataclass(frozen=True)
class Turn:
    """One turn of a leader at a window, and what came of it."""

    content: Content
    leader: str
    day: str
    window: str
    matter: str
    problem: str
    solution: str


@dataclass(frozen=True)
class Log:
    """The turns of a period: how many matters were handled, and how many problems solved of how many."""

    turns: tuple[Turn, ...]

    @property
    def handled(self) -> int:
        return sum(bool(one.matter) for one in self.turns)

    @property
    def problems(self) -> int:
        return sum(bool(one.problem) for one in self.turns)

    @property
    def solved(self) -> int:
        return sum(one.content.state == "solved" for one in self.turns)


def log(session: Session, actor: Actor, place: Agency, since: date, until: date) -> Log:
    """What this actor may see of the turns at a place whose day lies in the period, latest first."""
    statement = select(Content).where(Content.type == TYPE, Content.place_id == place.id)
    rows = session.scalars(access.visible(statement, actor).order_by(Content.id.desc()).limit(MOST)).unique().all()
    inside = [c for c in rows if since.isoformat() <= str((c.fields or {}).get("duty_day") or "") <= until.isoformat()]
    names = _names(session, [str((c.fields or {}).get("leader") or "") for c in inside])
    turns = [_turn(c, names) for c in inside]
    return Log(tuple(sorted(turns, key=lambda one: (one.day, one.content.id), reverse=True)))


def on_duty(session: Session, place: Agency, day: date) -> list[str]:
    """Names of the leaders planned or sitting at a window today, as they stand on the notice in the hall."""
    rows = session.scalars(
        select(Content)
        .where(Content.type == TYPE, Content.place_id == place.id)
        .order_by(Content.id.desc())
        .limit(MOST)
    )
    todays = [c for c in rows if (c.fields or {}).get("duty_day") == day.isoformat()]
    names = _names(session, [str((c.fields or {}).get("leader") or "") for c in todays])
    return [_turn(c, names).leader for c in todays]


def _names(session: Session, usernames: list[str]) -> dict[str, str]:
    rows = session.execute(select(Person.username, Person.name).where(Person.username.in_(sorted(set(usernames)))))
    return {row.username: row.name for row in rows}


def _turn(content: Content, names: dict[str, str]) -> Turn:
    fields = content.fields or {}
    leader = str(fields.get("leader") or "")
    return Turn(
        content,
        names.get(leader, leader),
        str(fields.get("duty_day") or ""),
        str(fields.get("window") or ""),
        str(fields.get("matter") or ""),
        str(fields.get("problem") or ""),
        str(fields.get("solution") or ""),
    )
