"""What the worker draws of the catalogue: editions of the handbook, sheets of an item that was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import gives_up, handles
from models.publishing import HandbookEdition
from process import transactions
from services import handbook, publicity
from services.papers.errors import PaperError


@handles(handbook.JOB)
def make_handbook(session: Session, args: Mapping[str, Any]) -> None:
    """Writes down the next items, or draws the booklet when all are there; half a minute, so outside the writing transaction."""
    edition_id = int(args["edition_id"])
    with transactions.reading():
        edition = session.get(HandbookEdition, edition_id)
        status = edition.status if edition is not None else ""
        fields = handbook.data(session, edition) if edition is not None and status == handbook.DRAWING else None
        session.rollback()
    if status == handbook.GATHERING:
        found = session.get(HandbookEdition, edition_id, with_for_update=True, populate_existing=True)
        if found is not None and found.status == handbook.GATHERING:
            handbook.gather(session, found)
        return
    if fields is None:
        return
    try:
        content = handbook.draw(fields)
    except PaperError as refusal:
        handbook.give_up(session, edition_id, str(refusal))
        return
    found = session.get(HandbookEdition, edition_id, with_for_update=True, populate_existing=True)
    if found is not None and found.status == handbook.DRAWING:
        handbook.keep(found, content)


@gives_up(handbook.JOB)
def handbook_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    handbook.give_up(session, int(args["edition_id"]), sentence)


@handles(publicity.JOB)
def make_sheet(session: Session, args: Mapping[str, Any]) -> None:
    """Draws the board sheet or the loose page of an item that was published."""
    publicity_id = int(args["publicity_id"])
    with transactions.reading():
        found = publicity.fields_of(session, publicity_id)
        session.rollback()
    if found is None:
        return
    try:
        content = publicity.draw(*found)
    except PaperError as refusal:
        publicity.give_up(session, publicity_id, str(refusal))
        return
    publicity.keep(session, publicity_id, content)


@gives_up(publicity.JOB)
def sheet_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    publicity.give_up(session, int(args["publicity_id"]), sentence)
