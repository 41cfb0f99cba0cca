"""Why may this person see this thing? Every cause that gives somebody access, one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.content import Content
from models.person import Grant, Person
from process import access
from process.clock import local_day
from process.definition import SPECIAL_TOKENS
from process.library import library


@dataclass(frozen=True)
class Sight:
    """One person, one cause. `token` is what they are to the thing; `full` whether the contents are open to them."""

    person: Person
    token: str
    full: bool
    # The grant behind it: role, place, cause and period; for a stand-in, whose post it is.
    grant: Grant | None = None
    principal: Person | None = None
    # Where the thing is, seen from the grant: its own place, or a second one it was handed to, and by what.
    relation: str = "origin"
    handed_by: str = ""
    since: date | datetime | None = None
    until: date | datetime | None = None


def causes(session: Session, content: Content) -> list[Sight]:
    """Who sees it today and why; somebody with two causes stands here twice."""
    definition = library.of(content, session)
    view = access.allowed_tokens(definition, content.state, access.VIEW)
    full = access.allowed_tokens(definition, content.state, access.VIEW_FULL)
    found: list[Sight] = []
    for token, person in _by_themselves(session, content):
        if token in view and person.active:
            found.append(Sight(person, token, token in full))
    for drawn in content.people:
        given = library.participants.get(drawn.relation, ())
        if drawn.until is None and access.VIEW in given and drawn.person.active:
            found.append(Sight(drawn.person, drawn.relation, access.VIEW_FULL in given, since=drawn.since))
    found += _by_grant(session, content, view, full)
    return found


def _by_themselves(session: Session, content: Content) -> Iterable[tuple[str, Person]]:
    if content.owner is not None:
        yield "owner", content.owner
    if content.assignee is not None:
        yield "assignee", content.assignee
    if content.applicant_id is not None:
        for person in session.scalars(select(Person).where(Person.resident_id == content.applicant_id)).unique():
            yield "applicant", person


def _by_grant(session: Session, content: Content, view: frozenset[str], full: frozenset[str]) -> list[Sight]:
    today = local_day(now())
    places = [("origin", content.place_path, "")]
    places += [(p.relation, p.place_path, p.cause) for p in content.places if p.until is None]
    paths = {path[: i + 1] for _, path, _ in places for i, char in enumerate(path) if char == "/" and i}
    rows = session.scalars(
        select(Grant)
        .join(Person, Person.id == Grant.person_id)
        .where(
            Person.active,
            Grant.place_path.in_(sorted(paths)),
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
        .options(joinedload(Grant.person), joinedload(Grant.place))
        .order_by(Grant.place_path.desc(), Grant.role, Grant.id)
    ).unique()
    found = []
    lent = {p.id: p for p in session.scalars(select(Person).join(Grant, Grant.principal_id == Person.id)).unique()}
    for grant in rows:
        if grant.role in SPECIAL_TOKENS:
            continue
        principal = lent.get(grant.principal_id or 0)
        here = [(relation, cause) for relation, path, cause in places if path.startswith(grant.place_path)]
        held = {grant.role} | {f"{grant.role}@{relation}" for relation, _ in here}
        if principal is not None and principal.id == content.assignee_id:
            held.add("assignee")
        seen = sorted(held & view, key=lambda token: ("@" not in token, token == "assignee", token))
        if not here or not seen:
            continue
        relation, handed_by = next((h for h in here if seen[0].endswith(f"@{h[0]}")), here[0])
        found.append(
            Sight(
                grant.person,
                seen[0],
                bool(held & full),
                grant,
                principal,
                relation,
                handed_by,
                grant.since,
                grant.until,
            )
        )
    found += _for_absent_signers(session, content, lent)
    return found


def _for_absent_signers(session: Session, content: Content, lent: dict[int, Person]) -> list[Sight]:
    """Whoever stands in for somebody drawn in by name sees it too."""
    today = local_day(now())
    drawn = {
        p.person_id: p
        for p in content.people
        if p.until is None and access.VIEW in library.participants.get(p.relation, ()) and p.person_id in lent
    }
    if not drawn:
        return []
    rows = session.scalars(
        select(Grant)
        .where(
            Grant.principal_id.in_(sorted(drawn)),
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
        .options(joinedload(Grant.person), joinedload(Grant.place))
    ).unique()
    found: dict[tuple[int, int], Sight] = {}
    for grant in rows:
        absent = drawn[grant.principal_id or 0]
        if grant.person.active:
            given = library.participants.get(absent.relation, ())
            found.setdefault(
                (grant.person_id, absent.person_id),
                Sight(
                    grant.person,
                    absent.relation,
                    access.VIEW_FULL in given,
                    grant,
                    lent[absent.person_id],
                    since=grant.since,
                    until=grant.until,
                ),
            )
    return list(found.values())


def open_to_all(session: Session, content: Content) -> bool:
    """Some things, like an item of the catalogue, are everybody's to see."""
    definition = library.of(content, session)
    return "anyone" in access.allowed_tokens(definition, content.state, access.VIEW)
