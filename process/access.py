"""Who may do what with which thing. `may` and `visible` are two faces of one policy: tokens held against tokens asked for."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, Select, and_, false, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, object_session

from models.content import Acl, AclToken, Content, ContentPerson, ContentPlace
from models.person import Grant, Person
from process.definition import RELATIONS, SPECIAL_TOKENS, Definition, State
from process.library import library

S = TypeVar("S", bound=Select)
VIEW = "view"
VIEW_FULL = "view_full"
INTERNAL = "internal"
ORIGIN = "origin"
SECOND_RELATIONS = tuple(relation for relation in RELATIONS if relation != ORIGIN)

# Acls are never changed and never deleted, so their ids are remembered for each database.
_interned: WeakKeyDictionary[Engine, dict[tuple[frozenset[str], str | None, str | None, bool | None], int]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True)
class Held:
    """A role held at a place and below it; `principal_id` says whose post it is when somebody substitutes."""

    role: str
    path: str
    cause: str = "post"
    principal_id: int | None = None


@dataclass(frozen=True)
class Actor:
    """Whoever acts: the person and what was granted, as it stood when the epoch was read."""

    person_id: int | None
    name: str = ""
    username: str = ""
    unit_id: str | None = None
    unit_path: str = ""
    unit_name: str = ""
    resident_id: int | None = None
    held: tuple[Held, ...] = ()
    epoch: int = 0
    roles: frozenset[str] = field(default=frozenset())
    # Set while one acts in a colleague's name: then only that colleague's posts and work count, nothing of one's own.
    acting_for: int | None = None

    @property
    def principals(self) -> frozenset[int]:
        """The colleagues whose posts this actor holds meanwhile."""
        return frozenset(held.principal_id for held in self.held if held.principal_id is not None)

    @property
    def persons(self) -> frozenset[int]:
        """In whose place this actor stands: oneself, and those one stands in for."""
        if self.person_id is None:
            return frozenset()
        return self.principals | ({self.person_id} if self.acting_for is None else set())

    def holds(self, role: str, path: str) -> bool:
        """Does this actor hold the role at the place of `path` or above it?"""
        return any(h.role == role and path.startswith(h.path) for h in self.held)

    def as_substitute_for(self, principal_id: int) -> Actor:
        held = tuple(h for h in self.held if h.principal_id == principal_id)
        return replace(self, held=held, roles=frozenset(h.role for h in held), acting_for=principal_id)

    def without_posts_of(self, people: set[int]) -> Actor:
        """This actor without the posts held meanwhile for these people."""
        held = tuple(h for h in self.held if h.principal_id not in people)
        return self if len(held) == len(self.held) else replace(self, held=held, roles=frozenset(h.role for h in held))


NOBODY = Actor(None)


def load_actor(session: Session, person_id: int, today: date) -> Actor:
    """Reads a person with the grants in force today."""
    person = session.scalar(select(Person).where(Person.id == person_id).options(joinedload(Person.unit)))
    if person is None or not person.active:
        return NOBODY
    rows = session.scalars(
        select(Grant).where(
            Grant.person_id == person_id,
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
    )
    held = tuple(Held(g.role, g.place_path, g.cause, g.principal_id) for g in rows)
    unit = person.unit
    return Actor(
        person.id,
        person.name,
        person.username,
        person.unit_id,
        unit.path if unit else "",
        unit.name if unit else "",
        person.resident_id,
        held,
        person.epoch,
        frozenset(h.role for h in held),
    )


def tokens(content: Content, actor: Actor) -> set[str]:
    """Everything this actor is to this thing."""
    found = {"anyone"}
    if actor.person_id is not None and actor.acting_for is None:
        if content.owner_id == actor.person_id:
            found.add("owner")
        if content.assignee_id == actor.person_id:
            found.add("assignee")
        if actor.resident_id is not None and content.applicant_id == actor.resident_id:
            found.add("applicant")
    places = [("origin", content.place_path)] + [(p.relation, p.place_path) for p in content.places if p.until is None]
    for held in actor.held:
        # `applicant` granted at a community is a post on paper; to a single thing one is or is not the applicant.
        if held.role in SPECIAL_TOKENS:
            continue
        for relation, path in places:
            if path.startswith(held.path):
                found.add(held.role)
                found.add(f"{held.role}@{relation}")
                # What lies with an absent colleague waits for whoever holds the post there meanwhile.
                if held.principal_id is not None and held.principal_id == content.assignee_id:
                    found.add("assignee")
    return found


def allowed_tokens(definition: Definition, state_id: str, permission: str) -> frozenset[str]:
    """Tokens that hold the permission in this state: the state's own, and with `acquire` those of the place."""
    state: State = definition.states[state_id]
    entry = state.permissions.get(permission)
    if entry is None:
        return frozenset(library.policy.get(permission, ()))
    return frozenset(entry.roles) | (frozenset(library.policy.get(permission, ())) if entry.acquire else frozenset())


def may(actor: Actor, permission: str, content: Content, session: Session | None = None) -> bool:
    if permission == INTERNAL and actor.resident_id is not None and actor.resident_id == content.applicant_id:
        # Whoever files from home owns the case; what colleagues write to each other is not for the person it is about.
        return False
    definition = library.of(content, session or _session(content))
    held = tokens(content, actor)
    if permission == INTERNAL and _from_outside(actor, held):
        held.discard("owner")
    if not allowed_tokens(definition, content.state, permission).isdisjoint(held):
        return True
    persons = actor.persons
    return bool(persons) and any(
        p.person_id in persons and p.until is None and permission in library.participants.get(p.relation, ())
        for p in content.people
    )


def _from_outside(actor: Actor, held: set[str]) -> bool:
    """Nobody's colleague here: no post in the administration at all, or at this very thing only one from outside it."""
    posts = {h.role for h in actor.held}.difference(SPECIAL_TOKENS, library.outside)
    here = {token for token in held if "@" not in token}.difference(SPECIAL_TOKENS)
    return not posts or (bool(here) and here <= library.outside)


def visible(statement: S, actor: Actor, entity: Any = Content) -> S:
    """Narrows a SELECT over Content (or a subclass) to what the actor may see. The only way views read lists."""
    return statement.where(condition(actor, entity))


def condition(actor: Actor, entity: Any = Content) -> ColumnElement[bool]:
    """The policy as one SQL condition on the columns of content."""
    seeing = tuple(sorted(relation for relation, given in library.participants.items() if VIEW in given))
    return _condition(actor, entity, seeing)


@lru_cache(maxsize=1024)
def _condition(actor: Actor, entity: Any, seeing: tuple[str, ...]) -> ColumnElement[bool]:
    # Writing the expression down costs more than running it, and the same people ask again and again.
    parts: list[ColumnElement[bool]] = [entity.acl_id.in_(_acls(["anyone"]))]
    if actor.person_id is not None and actor.acting_for is None:
        parts.append(and_(entity.owner_id == actor.person_id, entity.acl_id.in_(_acls(["owner"]))))
        parts.append(and_(entity.assignee_id == actor.person_id, entity.acl_id.in_(_acls(["assignee"]))))
        if actor.resident_id is not None:
            parts.append(and_(entity.applicant_id == actor.resident_id, entity.acl_id.in_(_acls(["applicant"]))))
    if actor.persons:
        parts.append(
            entity.id.in_(
                select(ContentPerson.content_id).where(
                    ContentPerson.person_id.in_(sorted(actor.persons)),
                    ContentPerson.until.is_(None),
                    ContentPerson.relation.in_(seeing),
                )
            )
        )
    parts += _of_absent_colleagues(actor, entity)
    for path, roles in roles_at(actor).items():
        parts.append(and_(within(entity.place_path, path), entity.acl_id.in_(_acls(sorted(tokens_at(roles, ORIGIN))))))
        second = aliased(ContentPlace)
        further = aliased(Content)
        asked = [
            and_(second.relation == relation, further.acl_id.in_(_acls(sorted(tokens_at(roles, relation)))))
            for relation in SECOND_RELATIONS
        ]
        parts.append(
            entity.id.in_(
                select(second.content_id)
                .join(further, further.id == second.content_id)
                .where(second.until.is_(None), within(second.place_path, path), or_(*asked))
            )
        )
    return or_(*parts) if parts else false()


def _of_absent_colleagues(actor: Actor, entity: Any) -> list[ColumnElement[bool]]:
    """What is assigned to somebody one stands in for, where the post is held. Nobody else pays for it."""
    parts: list[ColumnElement[bool]] = []
    for path, people in absent_at(actor).items():
        theirs = and_(entity.assignee_id.in_(sorted(people)), entity.acl_id.in_(_acls(["assignee"])))
        second = aliased(ContentPlace)
        there = select(second.content_id).where(second.until.is_(None), within(second.place_path, path))
        parts.append(and_(theirs, or_(within(entity.place_path, path), entity.id.in_(there))))
    return parts


def absent_at(actor: Actor) -> dict[str, set[int]]:
    """Whom this actor stands in for, by the place of the post."""
    found: dict[str, set[int]] = defaultdict(set)
    for held in actor.held:
        if held.principal_id is not None and held.role not in SPECIAL_TOKENS:
            found[held.path].add(held.principal_id)
    return dict(sorted(found.items()))


def roles_at(actor: Actor) -> dict[str, set[str]]:
    """The posts of an actor by place; `applicant` and the like are no posts."""
    found: dict[str, set[str]] = defaultdict(set)
    for held in actor.held:
        if held.role not in SPECIAL_TOKENS:
            found[held.path].add(held.role)
    return dict(sorted(found.items()))


def tokens_at(roles: Iterable[str], relation: str) -> set[str]:
    """What roles at a place are to things that have the place as `relation`."""
    return {token for role in roles for token in (role, f"{role}@{relation}")}


def within(column: Any, path: str) -> ColumnElement[bool]:
    """`column` lies at or below `path`, as a range so that an index serves it ('0' follows '/' in byte order)."""
    return and_(column >= path, column < path[:-1] + "0")


def intern(
    session: Session,
    allowed: Iterable[str],
    workflow: str | None = None,
    state: str | None = None,
    terminal: bool | None = None,
) -> int:
    """The id of the acl that holds exactly these tokens in this state, made when it is new."""
    key = (frozenset(allowed), workflow, state, terminal)
    known = _interned.setdefault(session.connection().engine, {})
    if key in known:
        return known[key]
    wanted = sorted(key[0])
    of_state = f"{workflow}:{state}:{terminal}\n" if workflow is not None else ""
    digest = hashlib.sha256((of_state + "\n".join(wanted)).encode()).hexdigest()
    found = session.scalar(select(Acl.id).where(Acl.digest == digest))
    made_here: set[str] = session.info.setdefault("acls_made_here", set())
    if found is not None:
        if digest not in made_here:
            # Only what another transaction has committed: a row of our own would be gone after a rollback.
            known[key] = found
        return found
    made_here.add(digest)
    from sqlalchemy.dialects.postgresql import insert as pg_insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    # Two transactions may meet here with the same new acl; the second one takes the first one's row.
    dialect_insert = pg_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    session.execute(
        dialect_insert(Acl)
        .values(digest=digest, workflow=workflow, state=state, terminal=terminal)
        .on_conflict_do_nothing(index_elements=["digest"])
    )
    acl_id = session.scalar(select(Acl.id).where(Acl.digest == digest))
    assert acl_id is not None
    for token in wanted:
        session.execute(dialect_insert(AclToken).values(acl_id=acl_id, token=token).on_conflict_do_nothing())
    return acl_id


def view_acl(session: Session, definition: Definition, state: str) -> int:
    return intern(
        session, allowed_tokens(definition, state, VIEW), definition.id, state, definition.states[state].terminal
    )


def _acls(wanted: list[str]) -> Select[int]:
    return select(AclToken.acl_id).where(AclToken.token.in_(wanted))


def _session(content: Content) -> Session:
    session = object_session(content)
    assert session is not None, "content is not in a session"
    return session
