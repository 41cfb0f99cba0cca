"""In whose name a step may be taken: one's own, or that of a colleague whose post one holds meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.person import Person
from process import guards
from process.access import Actor
from process.definition import Guard
from process.library import library
from process.refusals import InvalidInput


@dataclass(frozen=True)
class Capacities:
    """Whether one's own posts suffice, and the absent colleagues whose posts do."""

    own: bool
    principals: tuple[Person, ...] = ()

    @property
    def several(self) -> bool:
        return len(self.principals) + self.own > 1


OWN_ONLY = Capacities(True)


def of(session: Session, content: Content, guard: Guard, actor: Actor) -> Capacities:
    """In whose name a step with this guard may be taken."""
    definition = library.of(content, session) if actor.principals else None
    return pick(
        session,
        actor,
        lambda who: definition is not None and guards.passes(session, content, guard, who, definition),
    )


def pick(session: Session, actor: Actor, may: Callable[[Actor], bool]) -> Capacities:
    """Tries one's own posts and each absent colleague's; without a substitution in force this costs nothing."""
    if not actor.principals:
        return OWN_ONLY
    own = may(actor.without_posts_of(set(actor.principals)))
    able = [principal for principal in sorted(actor.principals) if may(actor.as_substitute_for(principal))]
    people = session.scalars(select(Person).where(Person.id.in_(able)).order_by(Person.id)).unique() if able else ()
    return Capacities(own, tuple(people))


def default(found: Capacities) -> Person | None:
    """Whose name is written when nobody said: one's own where that suffices, else the one colleague whose post does."""
    if found.own or not found.principals:
        return None
    if len(found.principals) == 1:
        return found.principals[0]
    names = "、".join(f"{person.name}（{person.username}）" for person in found.principals)
    raise InvalidInput(f"您同时代几位同事的班：{names}。请先选定这一步是代谁办的。", {"on_behalf_of": "请选定代谁办"})
