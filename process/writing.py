"""How a thing is written: one statement for its birth, one for its step.

The ORM's unit of work sorts every relation of a thing before it writes a row, which costs more than all the rest of a request;
so the rows are written on the table, and the object is told what stands there now. Services use it as any other object."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, insert, update
from sqlalchemy.orm import Session, attributes, make_transient_to_detached

from models.content import Content

CONTENT = cast(Table, Content.__table__)
_INSERT = insert(CONTENT)
# The keys of the values that are given with them say what is set.
_MOVE = update(CONTENT).where(
    CONTENT.c.id == bindparam("of"),
    CONTENT.c.version == bindparam("seen_version"),
    CONTENT.c.state == bindparam("seen_state"),
)

_DEADLINE = update(CONTENT).where(CONTENT.c.id == bindparam("of"))


def insert_new(session: Session, content: Content) -> None:
    """Writes a new thing whole. One that has a table of its own, or rows that hang on it already, is left to the ORM."""
    if type(content) is not Content or content in session or content.places or content.people:
        session.add(content)
        session.flush()
        return
    session.flush()
    known = vars(content)
    for column in CONTENT.columns:
        if column.name not in known and column.name != "id":
            attributes.set_committed_value(content, column.name, _usual(column.default))
    values = {column.name: known[column.name] for column in CONTENT.columns if column.name != "id"}
    written = session.connection().execute(_INSERT, values).inserted_primary_key
    assert written is not None
    for name, value in (("id", written[0]), ("places", []), ("people", [])):
        # Nobody is drawn in yet, and that need not be asked of the database.
        attributes.set_committed_value(content, name, value)
    make_transient_to_detached(content)
    session.add(content)


def _usual(default: Any) -> Any:
    if default is None:
        return None
    return default.arg(None) if default.is_callable else default.arg


def move(session: Session, content: Content, values: dict[str, Any]) -> bool:
    """Compare-and-set on (state, version). False: somebody else was there first, and nothing was written."""
    session.flush()
    seen = {"of": content.id, "seen_version": content.version, "seen_state": content.state}
    if session.connection().execute(_MOVE, seen | values).rowcount != 1:
        return False
    for name, value in values.items():
        attributes.set_committed_value(content, name, value)
    return True


def keep_deadline(session: Session, content: Content, deadline: datetime | None) -> None:
    """Stores the next date of a thing that was written already, if it is another one."""
    if content.deadline != deadline:
        session.connection().execute(_DEADLINE, {"of": content.id, "deadline": deadline})
        attributes.set_committed_value(content, "deadline", deadline)
