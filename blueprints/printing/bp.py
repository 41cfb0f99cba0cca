"""打印台: one blueprint, its tabs, and who has a place at it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Blueprint, url_for
from flask_babel import gettext as _

from blueprints.context import current_actor, db_session
from models.agency import Agency
from process.access import Actor
from process.refusals import NotFound
from services import corrections, print_desk, print_records

bp = Blueprint("printing", __name__, url_prefix="/print")


def at_the_desk(roles: frozenset[str]) -> Actor:
    """Whoever acts, if one of these roles is theirs; to everybody else the page does not exist."""
    actor = current_actor()
    if roles.isdisjoint(actor.roles):
        raise NotFound()
    return actor


def choices(units: list[Agency]) -> list[tuple[str, str]]:
    """Units as a list to choose from."""
    return [(one.id, one.name) for one in units]


def tabs(here: str) -> list[Any]:
    """The pages of the print desk that this person has something to do on."""
    session, actor = db_session(), current_actor()
    desk = not print_desk.DESK.isdisjoint(actor.roles)
    stock = desk or not (print_desk.KEEPERS | print_desk.RULERS | {"supervisor"}).isdisjoint(actor.roles)
    seconds = desk or not print_desk.SECONDS.isdisjoint(actor.roles)
    pages = (
        ("printing.index", _("等办的"), desk, None),
        ("printing.batches", _("批次"), desk, None),
        (
            "printing.requests",
            _("更正和补打"),
            seconds,
            len(corrections.waiting(session, actor)) + len(print_records.asked(session, actor)) if seconds else None,
        ),
        ("printing.records", _("打印记录"), not print_desk.LOOKERS.isdisjoint(actor.roles), None),
        ("printing.blanks", _("空白证件"), stock, None),
        ("printing.printers", _("打印机"), desk or not print_desk.RULERS.isdisjoint(actor.roles), None),
    )
    return [
        SimpleNamespace(label=label, url=url_for(endpoint), active=endpoint == here, count=count or None)
        for endpoint, label, shown, count in pages
        if shown
    ]
