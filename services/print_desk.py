"""打印台: who works at it and where, and what waits there to be made or printed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.paper import Certificate, Paper
from models.print_batch import PrintBatch, PrintLine
from process import access
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, NotFound

# Who makes and prints certificates; who answers for a reprint; who only looks; who sets rules and keeps the stock.
DESK = frozenset({"certificate_issuer", "all_round_worker"})
SECONDS = frozenset({"certificate_issuer", "approver", "head"})
RULERS = frozenset({"head", "system_admin"})
KEEPERS = DESK | {"head"}
LOOKERS = DESK | SECONDS | RULERS | {"supervisor", "window_clerk"}
# What waits to be numbered, and what may be printed for the first time.
TO_MAKE = ("drafted", "numbered")
TO_PRINT = ("sealed", "printed", "issued", "delivered")
MOST = 1_000


def works_at(actor: Actor, path: str, roles: frozenset[str]) -> bool:
    """Whether one of these roles is held at the place or above it."""
    return any(h.role in roles and path.startswith(h.path) for h in actor.held)


def within(column: Any, actor: Actor, roles: frozenset[str]) -> ColumnElement[bool]:
    """Rows of the units where one of these roles is held."""
    paths = sorted({h.path for h in actor.held if h.role in roles})
    return or_(*(access.within(column, path) for path in paths)) if paths else false()


def unit(session: Session, actor: Actor, unit_id: str, roles: frozenset[str]) -> Agency:
    """A unit where one works in one of these roles; any other does not exist here."""
    found = session.get(Agency, unit_id)
    if found is None or not works_at(actor, found.path, roles):
        raise NotFound("没有这个单位，或者它不归您管。")
    return found


def units(session: Session, actor: Actor, roles: frozenset[str]) -> list[Agency]:
    """The units one may choose from: where the role is held, and those below that keep stock or printers."""
    held = sorted({h.path for h in actor.held if h.role in roles})
    if not held:
        return []
    found = session.scalars(
        select(Agency)
        .where(or_(*(access.within(Agency.path, path) for path in held)), Agency.kind.not_in(("grid", "building")))
        .order_by(Agency.path)
        .limit(200)
    ).all()
    return list(found)


def home(session: Session, actor: Actor, roles: frozenset[str]) -> Agency | None:
    """One's own unit where one works there, else the first place of the role."""
    if actor.unit_id and works_at(actor, actor.unit_path, roles):
        return session.get(Agency, actor.unit_id)
    path = next((h.path for h in actor.held if h.role in roles), None)
    return session.scalar(select(Agency).where(Agency.path == path)) if path else None


def reason(value: Any, name: str, limit: int = 200) -> str:
    """A reason of at least two characters, in one line."""
    try:
        text = clean_text(value or "", limit)
    except ValueError as problem:
        raise InvalidInput(f"{name}{problem}。", {"reason": str(problem)}) from problem
    if len(text) < 2:
        raise InvalidInput(f"请写明{name}。", {"reason": f"请写明{name}"})
    return text


def waiting(actor: Actor, show: str, paper_kind: str = "") -> Select[Certificate]:
    """Certificates of one's units that wait to be made (`make`), to be printed (`print`), or were not drawn (`failed`)."""
    statement = access.visible(select(Certificate), actor, Certificate).where(
        within(Certificate.place_path, actor, DESK)
    )
    if show == "make":
        statement = statement.where(Certificate.state.in_(TO_MAKE))
    else:
        statement = statement.join(Paper, Paper.id == Certificate.paper_id)
        if show == "failed":
            statement = statement.where(Paper.status == "failed", Paper.valid)
        else:
            statement = statement.where(
                Certificate.state.in_(TO_PRINT), Paper.status == "ready", Paper.valid, Paper.prints == 0
            )
    if paper_kind:
        statement = statement.where(Certificate.paper_kind == paper_kind)
    # What a running batch has in hand is nobody else's.
    busy = (
        select(PrintLine.certificate_id)
        .join(PrintBatch, PrintBatch.id == PrintLine.batch_id)
        .where(PrintBatch.status == "running", PrintLine.status.in_(("waiting", "drawing")))
    )
    return statement.where(Certificate.id.not_in(busy))


def queue(
    session: Session, actor: Actor, show: str, paper_kind: str = "", after: int = 0, limit: int = 200
) -> list[Certificate]:
    """The next of those that wait, oldest first."""
    statement = (
        waiting(actor, show, paper_kind)
        .where(Certificate.id > after)
        .options(
            joinedload(Certificate.paper),
            joinedload(Certificate.case),
            joinedload(Certificate.place),
            selectinload(Certificate.places),
            selectinload(Certificate.people),
        )
    )
    return list(session.scalars(statement.order_by(Certificate.id).limit(limit)).unique())


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many wait in each part of the queue, counted up to a thousand."""
    return {
        show: len(session.scalars(waiting(actor, show).with_only_columns(Certificate.id).limit(MOST)).all())
        for show in ("print", "make", "failed")
    }
