"""Papers that travel after the first count: lines sent back, supplied, or a whole envelope returned unopened. They wait till the other end has counted them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.agency import Agency
from models.delegation import Delegation, Handover
from process import registry
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from services import counting, custody

# In `fields`, so that a list of tickets need not read their lists of papers: handover id -> the unit that is to count.
WAITING = "_papers_waiting"


def await_count(ticket: Delegation, handover: Handover) -> None:
    """The taker finds this list on the ticket until it is counted."""
    known = (ticket.fields or {}).get(WAITING) or {}
    ticket.fields = {**(ticket.fields or {}), WAITING: {**known, str(handover.id): handover.to_unit_id}}


def inherit(ticket: Delegation, old: Agency, heir: Agency) -> None:
    """What a closed unit was to count, its successor counts."""
    known = (ticket.fields or {}).get(WAITING) or {}
    if old.id in known.values():
        moved = {key: heir.id if unit_id == old.id else unit_id for key, unit_id in known.items()}
        ticket.fields = {**ticket.fields, WAITING: moved}


def waiting(session: Session, ticket: Delegation, actor: Actor | None = None) -> Handover | None:
    """The oldest list that is still to be counted, by this actor where one is named."""
    known: dict[str, str] = (ticket.fields or {}).get(WAITING) or {}
    for handover_id, unit_id in sorted(known.items(), key=lambda pair: int(pair[0])):
        unit = session.get(Agency, unit_id)
        if unit is not None and (actor is None or any(unit.path.startswith(held.path) for held in actor.held)):
            return session.get(Handover, int(handover_id))
    return None


@registry.predicate("papers_wait_here", why="没有等您清点的补送或退回的材料。")
def papers_wait_here(session: Session, ticket: Delegation, actor: Actor) -> bool:
    return bool((ticket.fields or {}).get(WAITING)) and waiting(session, ticket, actor) is not None


@registry.requirement("further_counted")
def further_counted(step: Step) -> None:
    counting.read(_list(step), step.inputs["lines"])


def _list(step: Step) -> Handover:
    actor = step.actor.as_substitute_for(step.on_behalf_of.id) if step.on_behalf_of else step.actor
    found = waiting(step.session, step.content, actor)
    if found is None:
        raise RequirementUnmet("没有等您清点的补送或退回的材料，可能同事已经清点过了。请刷新后再看。")
    return found


@registry.effect("take_further_in")
def take_further_in(step: Step) -> None:
    """Counted and signed for like the first list; from now on they are the counter's."""
    ticket: Delegation = step.content
    handover = _list(step)
    counts = counting.read(handover, step.inputs["lines"])
    # The taker of the list, or whoever took over from that unit meanwhile.
    unit = step.session.get_one(Agency, ticket.fields[WAITING][str(handover.id)])
    differing = counting.sign(step, handover, counts, custody.unit(unit, step.actor), ticket.case or ticket.parent)
    left = {key: value for key, value in ticket.fields[WAITING].items() if key != str(handover.id)}
    ticket.fields = {**ticket.fields, WAITING: left}
    step.details |= {"handover": handover.id, "lines": len(counts), "differences": len(differing)}


@registry.requirement("envelope_counted")
def envelope_counted(step: Step) -> None:
    """A returned envelope is opened and counted before the ticket goes anywhere else."""
    require_counted(step.session, step.content, step.transition.title.zh)


def require_counted(session: Session, ticket: Delegation, what: str) -> None:
    """Nothing goes on while papers lie between the two ends uncounted."""
    left = waiting(session, ticket)
    if left is not None:
        raise RequirementUnmet(
            f"还有材料在路上没有清点：{left.from_label}交给{left.to_label}的"
            f"{'、'.join(line.name for line in left.lines)}。请{left.to_label}先清点，再“{what}”。"
        )
