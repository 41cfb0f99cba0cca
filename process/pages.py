"""Lists a page at a time, as cheap in a large office as in a small one.

Every way in which an actor sees things (a post at a place, a second place, being owner, assignee, applicant, drawn in by name) is
walked along an index of its own in the order of the page, from where the last page ended; the ways are merged. Nothing is sorted
that is not shown, so neither the number of things nor the number of the page matters. `access.may` has the last word on every row."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.content import Content
from models.tiers import LEVELS
from process import access, walking
from process.access import ORIGIN, SECOND_RELATIONS, VIEW, Actor
from process.library import library
from process.refusals import InvalidInput
from process.shelves import Shelf, holding, shelves
from process.walking import AGE, DUE, ENDED, FRAME, UNDATED, Way

K = TypeVar("K")
DEADLINE, NEWEST = "deadline", "-created"


# The parts of a list by deadline, in their order.
PARTS = (DUE, UNDATED, ENDED)


class Key(NamedTuple):
    """Where a row stands: what has a deadline by it, then what is open without one, then what has ended; each newest first."""

    part: int
    at: datetime
    id: int


def write(order: str, key: Key) -> str:
    """The mark with which a page is continued."""
    raw = json.dumps([order, key.part, key.at.isoformat(), key.id])
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def read(mark: str, order: str) -> Key:
    """What `write` wrote for the same order; anything else is refused."""
    try:
        made_for, part, at, last = json.loads(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        moment = datetime.fromisoformat(at)
        right = type(part) is int and 0 <= part < len(PARTS) and type(last) is int and 0 <= last < 2**63
        if made_for != order or not right or not isinstance(at, str):
            raise ValueError(mark)
        # Moments near the ends of the calendar have no place in another zone.
        return Key(part, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC), last)
    except (ValueError, TypeError, OverflowError, binascii.Error, UnicodeError, RecursionError) as error:
        raise InvalidInput(
            "after 不是本列表给出的翻页标记，或排序已换，请从第一页重新取。", {"after": "翻页标记不对"}
        ) from error


@dataclass(frozen=True)
class Wanted:
    """What a list asks for, besides being visible. None: whatever it is."""

    types: frozenset[str] | None = None
    states: frozenset[str] | None = None
    # (workflow, state), for lists that mix processes.
    pairs: frozenset[tuple[str, str]] | None = None
    open_only: bool = False
    closed_since: datetime | None = None
    # Filed at this place or below it.
    path: str = ""
    # Only what I own, have, applied for or what lies with my unit.
    mine: bool = False
    # (workflow, state) and as what one could act there (None: as anything): nothing else is work.
    acting: Mapping[tuple[str, str], frozenset[str] | None] | None = None
    assignee_id: int | None = None
    # Begun from then on / before then.
    created_from: datetime | None = None
    created_before: datetime | None = None
    # Open, with a deadline that was over then.
    overdue_at: datetime | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of a list by deadline in which anything can be."""
        if self.overdue_at is not None:
            return PARTS[:1]
        return PARTS[:2] if self.open_only else PARTS

    def takes(self, shelf: Shelf) -> bool:
        """False when nothing on this shelf can be meant."""
        if shelf.workflow is None:
            return True
        if shelf.terminal and (self.open_only or self.overdue_at is not None):
            return False
        if self.states is not None and shelf.state not in self.states:
            return False
        if self.pairs is not None and (shelf.workflow, shelf.state) not in self.pairs:
            return False
        if self.acting is not None and (shelf.workflow, shelf.state) not in self.acting:
            return False
        return self.types is None or any(
            library.types[name].workflow == shelf.workflow for name in self.types if name in library.types
        )

    def acts(self, shelf: Shelf, tokens: set[str]) -> bool:
        """Could somebody who is this to a thing on this shelf do something with it?"""
        if self.acting is None or shelf.workflow is None or shelf.state is None:
            return True
        wanted = self.acting.get((shelf.workflow, shelf.state), frozenset())
        return wanted is None or not wanted.isdisjoint(tokens)

    def needs_look(self, shelf: Shelf) -> bool:
        """The shelf alone does not tell; the things themselves must be asked."""
        if self.closed_since is not None:
            return True
        if shelf.workflow is None:
            asked = (self.types, self.states, self.pairs, self.acting)
            return self.open_only or self.overdue_at is not None or any(one is not None for one in asked)
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
    known: Sequence[Shelf] | None = None,
) -> list[Key]:
    """The next keys in order, at most `limit`; at most four statements whatever the page.

    `known`: the shelves, where somebody reads several pages at once."""
    known = shelves(session) if known is None else known
    if order == NEWEST:
        ways = ways_of(session, actor, wanted, known)
        return [Key(0, at, i) for at, i in walking.walk(session, ways, AGE, after and after[1:], limit)]
    found: list[Key] = []
    for part in range(after.part if after is not None else 0, len(wanted.parts)):
        if len(found) >= limit:
            break
        begin = after[1:] if after is not None and after.part == part else None
        ways = ways_of(session, actor, wanted, known, PARTS[part])
        rows = walking.walk(session, ways, PARTS[part], begin, limit - len(found))
        found += [Key(part, at, i) for at, i in rows]
    return found


def counts(
    session: Session, actor: Actor, groups: Mapping[K, Wanted], most: int, known: Sequence[Shelf] | None = None
) -> dict[K, int]:
    """How many the actor sees of each group, counted up to `most`: beyond that people need no exact number. One statement."""
    known = shelves(session) if known is None else known
    return walking.count(session, {key: ways_of(session, actor, wanted, known) for key, wanted in groups.items()}, most)


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


def ways_of(session: Session, actor: Actor, wanted: Wanted, known: Sequence[Shelf], part: str = AGE) -> list[Way]:
    """Every way in which this actor may see something that is wanted, in this part of the list."""
    made = _Ways(wanted, [shelf for shelf in known if wanted.takes(shelf) and _in_part(shelf, part)], part)
    if wanted.assignee_id is not None:
        made.person("assignee_id", wanted.assignee_id, _anything(actor))
        return made.ways
    if wanted.mine:
        return _mine(actor, made)
    made.anyone()
    made.drawn_in(sorted(actor.persons))
    if actor.person_id is not None and actor.acting_for is None:
        made.person("owner_id", actor.person_id, {"owner"})
        made.person("assignee_id", actor.person_id, {"assignee"})
        if actor.resident_id is not None:
            made.person("applicant_id", actor.resident_id, {"applicant"})
    for path, absent in access.absent_at(actor).items():
        made.absent(path, sorted(absent))
    for path, roles in access.roles_at(actor).items():
        made.post(path, access.tokens_at(roles, ORIGIN))
        for relation in SECOND_RELATIONS:
            made.second(path, relation, access.tokens_at(roles, relation))
    return made.ways


def _in_part(shelf: Shelf, part: str) -> bool:
    """Where a state ends a thing, its shelf holds what has ended and nothing else."""
    return part == AGE or shelf.terminal is None or shelf.terminal is (part == ENDED)


def _mine(actor: Actor, made: _Ways) -> list[Way]:
    if actor.person_id is None:
        return []
    tokens = _anything(actor)
    made.person("owner_id", actor.person_id, tokens)
    for person_id in sorted({actor.person_id, *actor.persons}):
        made.person("assignee_id", person_id, tokens)
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
    part: str = AGE
    ways: list[Way] = field(default_factory=list)

    def anyone(self) -> None:
        self._add(Way("content", "", None, (), path=self.wanted.path), {"anyone"})

    def person(self, column: str, person_id: int, tokens: set[str]) -> None:
        """What somebody applied for is little enough to be looked at; what an official has is not."""
        shelved = column != "applicant_id"
        self._add(Way("content", column, person_id, (), shelved=shelved, path=self.wanted.path), tokens)

    def absent(self, path: str, people: Sequence[int]) -> None:
        """What lies with those one stands in for, where their post is held."""
        for person_id in people:
            way = Way("content", "assignee_id", person_id, (), shelved=False, near=path, path=self.wanted.path)
            self._add(way, {"assignee"})

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
        found = self.known
        if tokens is not None:
            found = [shelf for shelf in holding(self.known, tokens) if self.wanted.acts(shelf, tokens)]
        for look in (False, True):
            here = tuple(shelf.id for shelf in found if self._needs_look(shelf) is look)
            if here:
                self.ways.append(way.on(here, (*self._frame(), *(self._asked() if look else ()))))

    def _needs_look(self, shelf: Shelf) -> bool:
        return self.wanted.needs_look(shelf) or (self.part == ENDED and shelf.terminal is None)

    def _frame(self) -> tuple[tuple[str, Any], ...]:
        """What is asked of the moments: every index and every copy has them."""
        frame = {name: getattr(self.wanted, name) for name in FRAME}
        return tuple((name, moment) for name, moment in frame.items() if moment is not None)

    def _asked(self) -> tuple[tuple[str, Any], ...]:
        wanted = self.wanted
        return tuple(
            (name, value)
            for name, value in (
                ("types", wanted.types),
                ("states", wanted.states),
                ("pairs", wanted.pairs),
                ("pairs", frozenset(wanted.acting) if wanted.acting is not None else None),
                ("open", wanted.open_only or wanted.overdue_at is not None or None),
                ("closed_since", wanted.closed_since),
                ("ended", self.part == ENDED or None),
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
