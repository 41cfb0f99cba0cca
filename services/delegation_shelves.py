"""The parts of the list of delegations: which of them somebody has work in. The page, the printed list and the file ask here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, false, or_, select, true

from models.agency import Agency
from models.delegation import Delegation
from process import access
from process.access import Actor
from process.words import N_

RECEIVERS = ("window_clerk", "back_office_reviewer")
# A community counts in what comes for its own people, or for a result to be fetched there.
NEAR = ("community_clerk", "all_round_worker")
SENDERS = ("community_clerk", "all_round_worker", "delegate", "grid_leader")


@dataclass(frozen=True)
class Shelf:
    """One part: its name in the address, its title, which tickets lie there, and whether the page says how many."""

    key: str
    title: str
    condition: ColumnElement[bool]
    counted: bool = False


def shelves(actor: Actor) -> list[Shelf]:
    """The parts this person has work in; the list opens with the first."""
    lies = Delegation.state
    inbox = Shelf("inbox", N_("待清点"), (lies == "sent") & Delegation.addressee_id.in_(_desks(actor)), True)
    found: list[Shelf] = []
    if _is(actor, RECEIVERS):
        found.append(inbox)
    if _is(actor, SENDERS):
        found.append(Shelf("back", N_("退回和待补"), lies.in_(("returned", "waiting_material")), True))
        found.append(Shelf("results", N_("结果送回"), lies.in_(("result_sent", "handed_over")), True))
        found.append(Shelf("drafts", N_("还没转出"), lies == "draft"))
    if _is(actor, NEAR) and inbox not in found:
        found.append(inbox)
    if _is(actor, (*RECEIVERS, *NEAR)):
        part = Delegation.parent_id.is_not(None) & Delegation.closed_at.is_(None)
        found.append(Shelf("parts", N_("转办和协办"), part, True))
    found.append(Shelf("open", N_("办理中"), Delegation.closed_at.is_(None)))
    found.append(Shelf("all", N_("全部"), true()))
    return found


def chosen(actor: Actor, key: str | None) -> Shelf:
    """The part asked for; what this person has not, or what never was one, is the part the list opens with."""
    known = shelves(actor)
    return next((one for one in known if one.key == key), known[0])


def _is(actor: Actor, roles: Collection[str]) -> bool:
    return not actor.roles.isdisjoint(roles)


def _desks(actor: Actor) -> Select[str]:
    """Units whose papers this actor counts."""
    paths = [held.path for held in actor.held if held.role in (*RECEIVERS, *NEAR)]
    return select(Agency.id).where(or_(false(), *(access.within(Agency.path, path) for path in paths)))
