"""What the worker does for the archive: packages, and the end of what was agreed to be destroyed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import gives_up, handles
from process import transactions
from process.refusals import RequirementUnmet
from services.archive import disposal, package, shelf


@handles(shelf.BUILD)
def build(session: Session, args: Mapping[str, Any]) -> None:
    """Reads the dossier, writes the package outside the writing transaction, then notes where it lies."""
    entry_id = int(args["entry_id"])
    if session.in_transaction():
        found = shelf.prepare(session, entry_id)
    else:
        with transactions.reading():
            found = shelf.prepare(session, entry_id)
            session.rollback()
    if found is None:
        return
    try:
        made = package.store(found)
    except RequirementUnmet as refusal:
        shelf.give_up(session, entry_id, refusal.detail)
        return
    shelf.keep(session, entry_id, found, made)


@gives_up(shelf.BUILD)
def build_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    shelf.give_up(session, int(args["entry_id"]), sentence)


@handles(disposal.DESTROY)
def destroy(session: Session, args: Mapping[str, Any]) -> None:
    """Takes away the stored bytes of a list that a second person agreed to."""
    disposal.destroy(session, int(args["disposal_id"]))


@gives_up(disposal.DESTROY)
def destroy_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    disposal.give_up(session, int(args["disposal_id"]), sentence)
