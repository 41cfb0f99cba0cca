"""Lists a page at a time, as cheap in a large office as in a small one.

Every way in which an actor sees things (a post at a place, a second place, being owner, assignee, applicant, drawn in by name) is
walked along an index of its own in the order of the page, from where the last page ended; the ways are merged. Nothing is sorted
that is not shown, so neither the number of things nor the number of the page matters. `access.may` has the last word on every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.content import Content
from models.tiers import LEVELS
from process import access, walking
from process.access import ORIGIN, SECOND_RELATIONS, VIEW, Actor
from process.library import library
from process.shelves import Shelf, holding, shelves
from process.walking import AGE, DUE, REST, Way

DEADLINE, NEWEST = "deadline", "-created"


class Key(NamedTuple):
    """Where a row stands in the order: things with a deadline first, then the others by age."""

    dated: bool
    at: datetime
    id: int


@dataclass(frozen=True)
class Wanted:
    """What a list asks for, besides being visible. None: whatever it is."""

    types: frozenset[str] | None = None
    states: frozenset[str] | None = None
    # (workflow, state), for lists that mix processes.
    pairs: frozenset[tuple[str, str]] | None = None
    open_only: bool = False
    # Filed at this place or below it.
    path: str = ""
    # Only what I own, have, applied for or what lies with my unit.
    mine: bool = False
    assignee_id: int | None = None

    def takes(self, shelf: Shelf) -> bool:
        """False when nothing on this shelf can be meant."""
        if shelf.workflow is None:
            return True
        if self.open_only and shelf.terminal:
            return False
        if self.states is not None and shelf.state not in self.states:
            return False
        if self.pairs is not None and (shelf.workflow, shelf.state) not in self.pairs:
            return False
        return self.types is None or any(
            library.types[name].workflow == shelf.workflow for name in self.types if name in library.types
        )

    def needs_look(self, shelf: Shelf) -> bool:
        """The shelf alone does not tell; the things themselves must be asked."""
        if shelf.workflow is None:
            return self.types is not None or self.states is not None or self.pairs is not None or self.open_only
        if self.types is None:
            return False
        return any(t.workflow == shelf.workflow and t.id not in self.types for t in library.types.values())


def page(
    session: Session,
    actor: Actor,
    wanted: Wanted,
    order: str = DEADLINE,
    *,
    after: Key | None = None,
    limit: int = 50,
) -> list[Key]:
    """The next keys in order, at most `limit`; at most three statements whatever the page."""
    ways = ways_of(session, actor, wanted)
    if order == NEWEST:
        return [Key(False, at, i) for at, i in walking.walk(session, ways, AGE, after and after[1:], limit)]
    found: list[Key] = []
    if after is None or after.dated:
        found = [Key(True, at, i) for at, i in walking.walk(session, ways, DUE, after and after[1:], limit)]
    if len(found) < limit:
        begin = after[1:] if after is not None and not after.dated else None
        found += [Key(False, at, i) for at, i in walking.walk(session, ways, REST, begin, limit - len(found))]
    return found


def counts(session: Session, actor: Actor, pairs: frozenset[tuple[str, str]], most: int) -> dict[tuple[str, str], int]:
    """How many the actor sees per (workflow, state), counted up to `most`: beyond that people need no exact number."""
    by_pair = {pair: ways_of(session, actor, Wanted(pairs=frozenset({pair}))) for pair in sorted(pairs)}
    return walking.count(session, by_pair, most)


def load(
    session: Session, actor: Actor, keys: Sequence[Key], options: Sequence[Any] = (), entity: Any = Content
) -> list[Any]:
    """The things of a page in its order, each checked once more by the other face of the policy."""
    ids = [key.id for key in keys]
    if not ids:
        return []
    asked = (selectinload(entity.places), selectinload(entity.people))
    rows = session.scalars(select(entity).where(entity.id.in_(ids)).options(*asked, *options)).unique()
    found = {thing.id: thing for thing in rows}
    return [found[i] for i in ids if i in found and access.may(actor, VIEW, found[i], session)]


def ways_of(session: Session, actor: Actor, wanted: Wanted) -> list[Way]:
    """Every way in which this actor may see something that is wanted."""
    made = _Ways(wanted, [shelf for shelf in shelves(session) if wanted.takes(shelf)])
    if wanted.assignee_id is not None:
        made.person("assignee_id", wanted.assignee_id, _anything(actor))
        return made.ways
    if wanted.mine:
        return _mine(actor, made)
    made.anyone()
    if actor.person_id is not None:
        made.person("owner_id", actor.person_id, {"owner"})
        made.person("assignee_id", actor.person_id, {"assignee"})
        made.drawn_in(sorted(actor.persons))
        if actor.resident_id is not None:
            made.person("applicant_id", actor.resident_id, {"applicant"})
    for absent in sorted(actor.principals):
        made.person("assignee_id", absent, {"assignee"})
    for path, roles in access.roles_at(actor).items():
        made.post(path, access.tokens_at(roles, ORIGIN))
        for relation in SECOND_RELATIONS:
            made.second(path, relation, access.tokens_at(roles, relation))
    return made.ways


def _mine(actor: Actor, made: _Ways) -> list[Way]:
    if actor.person_id is None:
        return []
    tokens = _anything(actor)
    made.person("owner_id", actor.person_id, tokens)
    made.person("assignee_id", actor.person_id, tokens)
    if actor.resident_id is not None:
        made.person("applicant_id", actor.resident_id, tokens)
    if actor.unit_id is not None:
        made.shelved("unit_id", actor.unit_id, tokens)
    return made.ways


def _anything(actor: Actor) -> set[str]:
    """Every token this actor could be to some thing somewhere."""
    tokens = {"anyone", "owner", "assignee", "applicant"}
    for roles in access.roles_at(actor).values():
        for relation in (ORIGIN, *SECOND_RELATIONS):
            tokens |= access.tokens_at(roles, relation)
    return tokens


@dataclass
class _Ways:
    wanted: Wanted
    known: list[Shelf]
    ways: list[Way] = field(default_factory=list)

    def anyone(self) -> None:
        self._add(Way("content", "", None, (), path=self.wanted.path), {"anyone"})

    def person(self, column: str, person_id: int, tokens: set[str]) -> None:
        """A person's own things are few, so they are walked whole and looked at."""
        self._add(Way("content", column, person_id, (), shelved=False, path=self.wanted.path), tokens)

    def drawn_in(self, people: Sequence[int]) -> None:
        relations = sorted(name for name, given in library.participants.items() if VIEW in given)
        for person_id in people if relations else ():
            self._add(
                Way(
                    "content_person",
                    "person_id",
                    person_id,
                    (),
                    shelved=False,
                    path=self.wanted.path,
                    relations=tuple(relations),
                ),
                None,
            )

    def post(self, path: str, tokens: set[str]) -> None:
        """The things filed at the place of a post or below it: at the narrower of the post and the place asked for."""
        wanted = self.wanted.path
        if wanted and not (wanted.startswith(path) or path.startswith(wanted)):
            return
        there = wanted if len(wanted) > len(path) else path
        self._add(_at("content", there), tokens)

    def second(self, path: str, relation: str, tokens: set[str]) -> None:
        way = _at("content_place", path)
        self._add(
            Way(way.table, way.column, way.value, (), below=way.below, path=self.wanted.path, relations=(relation,)),
            tokens,
        )

    def shelved(self, column: str, value: str, tokens: set[str]) -> None:
        self._add(Way("content", column, value, (), path=self.wanted.path), tokens)

    def _add(self, way: Way, tokens: set[str] | None) -> None:
        found = self.known if tokens is None else holding(self.known, tokens)
        for look in (False, True):
            here = tuple(shelf.id for shelf in found if self.wanted.needs_look(shelf) is look)
            if here:
                self.ways.append(way.on(here, self._asked() if look else ()))

    def _asked(self) -> tuple[tuple[str, Any], ...]:
        wanted = self.wanted
        return tuple(
            (name, value)
            for name, value in (
                ("types", wanted.types),
                ("states", wanted.states),
                ("pairs", wanted.pairs),
                ("open", wanted.open_only or None),
            )
            if value is not None
        )


def _at(table: str, path: str) -> Way:
    """The place as one column and value; only below the fifth level the path has to be looked at."""
    named = path.strip("/").split("/")
    depth = min(len(named), LEVELS)
    if not named[0]:
        # A post at the root of everything: all shelves, wherever.
        return Way(table, "", None, ())
    return Way(table, f"tier{depth}", named[depth - 1], (), below=path if len(named) > LEVELS else "")
