"""What the pages of cases and tickets offer beside their steps."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from blueprints import timeline
from blueprints.content.actions import FEATURE_LINKS, FEATURE_PAGES
from models.agency import Agency
from models.case import Case
from models.delegation import Delegation
from process import access, engine
from process.access import Actor
from process.library import library
from process.words import N_
from services import delegations, sub_tickets


def case_links(session: Session, case: Case, actor: Actor) -> list[tuple[str, str]]:
    if actor.resident_id is not None or not access.may(actor, access.VIEW_FULL, case, session):
        return []
    found = []
    if _may_carry(session, case, actor):
        found.append((_("转交代办"), url_for("delegations.new", case=case.uid)))
    if any(material.provided or material.original_held for material in case.materials):
        found.append((_("材料在哪里"), url_for("delegations.whereabouts", uid=case.uid)))
    found.append((_("文书和条件"), url_for("cases.papers", uid=case.uid)))
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
    if may_pass_on(session, ticket, actor):
        found.append((_("转办给别的单位"), url_for("delegations.pass_on", uid=ticket.uid)))
    found.append((_("材料在哪里"), url_for("delegations.whereabouts", uid=ticket.uid)))
    return found


def may_pass_on(session: Session, ticket: Delegation, actor: Actor) -> bool:
    """Whoever has the ticket at the unit that decides, while it is being worked on."""
    return (
        ticket.parent_id is None
        and ticket.state in sub_tickets.OPEN_IN
        and engine.may_create(actor, library.type(sub_tickets.TYPE), ticket.addressee)
    )


def part_links(session: Session, part: Delegation, actor: Actor) -> list[tuple[str, str]]:
    if actor.resident_id is not None or not access.may(actor, access.VIEW_FULL, part, session):
        return []
    found = [(_("材料在哪里"), url_for("delegations.whereabouts", uid=part.uid))]
    if part.parent is not None and access.may(actor, access.VIEW, part.parent, session):
        found.insert(0, (_("看原代办单"), url_for("content.show", uid=part.parent.uid)))
    return found


FEATURE_LINKS |= {"case": case_links, "delegation": ticket_links, sub_tickets.TYPE: part_links}
FEATURE_PAGES |= {
    ("delegation", "supply"): "delegations.supply",
    ("delegation", "count_further"): "delegations.count_further",
    (sub_tickets.TYPE, "receive"): "delegations.receive",
    (sub_tickets.TYPE, "answer"): "delegations.answer",
    (sub_tickets.TYPE, "hand_back"): "delegations.hand_back",
    (sub_tickets.TYPE, "count_further"): "delegations.count_further",
}
# What stands in the history of a ticket for each step of a part of it.
timeline.JOURNAL_WORDS |= {
    "sub_ticket:send": N_("转办给别的单位"),
    "sub_ticket:receive": N_("转办单已接手"),
    "sub_ticket:return": N_("转办单被退回"),
    "sub_ticket:promise": N_("转办单定了答复日期"),
    "sub_ticket:answer": N_("转办单已答复"),
    "sub_ticket:take_back": N_("已收下转办答复"),
    "sub_ticket:withdraw": N_("转办单已撤回"),
    "custody:sent_back": N_("退回其中几份材料"),
    "delegation:sign_letter": N_("签代办委托书"),
}
# Words that one agency writes to the other: the resident reads that the step was taken, not what was said there.
timeline.BETWEEN_OFFICES |= {
    "delegation:send",
    "delegation:readdress",
    "delegation:return",
    "delegation:succeed",
    "custody:difference",
    "custody:sent_back",
    *(f"sub_ticket:{step}" for step in ("send", "receive", "return", "promise", "answer", "take_back", "withdraw")),
}
