"""What the pages of cases and tickets offer beside their steps."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from blueprints.content.actions import FEATURE_LINKS
from models.agency import Agency
from models.case import Case
from models.delegation import Delegation
from process import access, engine
from process.access import Actor
from process.library import library
from services import delegations


def case_links(session: Session, case: Case, actor: Actor) -> list[tuple[str, str]]:
    if actor.resident_id is not None or not access.may(actor, access.VIEW_FULL, case, session):
        return []
    found = []
    if _may_carry(session, case, actor):
        found.append((_("转交代办"), url_for("delegations.new", case=case.uid)))
    if any(material.provided or material.original_held for material in case.materials):
        found.append((_("材料在哪里"), url_for("delegations.whereabouts", uid=case.uid)))
    return found


def _may_carry(session: Session, case: Case, actor: Actor) -> bool:
    """Only at the station that took it in, and only what is decided elsewhere."""
    place = session.get_one(Agency, case.place_id)
    return (
        case.state in ("draft", "submitted", "accepted", "accepted_deferred")
        and case.item.delegable
        and delegations.needs_carrying(case.item)
        and case.active_place("addressee") is None
        and engine.may_create(actor, library.type("delegation"), place)
        and delegations.open_of(session, case) is None
    )


def ticket_links(session: Session, ticket: Delegation, actor: Actor) -> list[tuple[str, str]]:
    if actor.resident_id is not None or not access.may(actor, access.VIEW_FULL, ticket, session):
        return []
    found = []
    if ticket.state in ("draft", "returned"):
        found.append((_("签代办委托书"), url_for("delegations.letter", uid=ticket.uid)))
    if ticket.case is not None and access.may(actor, access.VIEW_FULL, ticket.case, session):
        found.append((_("材料在哪里"), url_for("delegations.whereabouts", uid=ticket.case.uid)))
    return found


FEATURE_LINKS |= {"case": case_links, "delegation": ticket_links}
