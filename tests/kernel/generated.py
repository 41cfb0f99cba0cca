"""A world from a seed: things of every state of every definition, related to people in every way the kernel knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content, ContentPerson, ContentPlace, WorkflowVersion
from models.person import Grant, Person
from models.resident import Resident
from process import access
from process.access import NOBODY, Actor, Held, load_actor
from process.definition import RELATIONS, Definition
from process.library import library

TODAY = date(2026, 11, 22)
AT = datetime(2026, 11, 22, 4, tzinfo=UTC)
# Ids that begin alike, a place deeper than the columns reach, and two cities.
PATHS = (
    *("/c/", "/c/d/", "/c/e/", "/c/d/s/", "/c/d/s2/", "/c/e/t/", "/c/d/s/a/", "/c/d/s/ab/", "/c/d/s2/b/", "/c/e/t/v/"),
    *("/c/d/s/a/g/", "/c/d/s/a/g1/", "/c/d/s/a/g/h/", "/c/d/s/a/g/h/i/", "/c/d/s/a/g/k/", "/z/", "/z/y/"),
)
ENDED, GOES_ON = AT - timedelta(days=1), None


def older_versions(session: Session) -> list[Definition]:
    """Today's definitions with other people in every view, as if they had been changed since: things pin what they began with."""
    made = []
    for definition in list(library.workflows.values())[::4]:
        states = {}
        for number, (name, state) in enumerate(definition.states.items()):
            seen = state.permissions.get("view")
            wanted = ("supervisor", "assignee", "community_clerk@addressee", "grid_leader@origin", "anyone")[number % 5]
            changed = replace(seen, roles=(wanted,)) if seen is not None else None
            states[name] = replace(state, permissions={**state.permissions, "view": changed}) if changed else state
        old = replace(definition, states=states, digest=f"older-{definition.id}"[:64])
        session.add(WorkflowVersion(digest=old.digest, workflow=old.id, body={}))
        library._versions[old.digest] = old
        made.append(old)
    session.flush()
    return made


def build(session: Session, luck: Random, many: int) -> None:
    """`many` things, and people and residents for them to belong to."""
    library.store(session)
    for path in PATHS:
        own = path.strip("/").split("/")[-1]
        parent = path.strip("/").split("/")[-2] if path.count("/") > 2 else None
        session.add(Agency(id=own, name=own, kind="community", parent_id=parent, path=path, district="c", details={}))
        session.flush()
    for number in range(1, 41):
        session.add(Person(id=number, username=f"p{number}", name=f"p{number}", password_hash="", unit_id="a"))
        session.add(Resident(id=number, name="甲", id_number=str(number), id_index=f"i{number}", birth_date=TODAY))
    session.flush()
    definitions = [*library.workflows.values(), *older_versions(session)]
    corners = [(d, state) for d in definitions for state in d.states]
    acls = {(d.digest, state): access.view_acl(session, d, state) for d, state in corners}
    contents: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    types = {t.workflow: t.id for t in library.types.values()}
    for content_id in range(1, many + 1):
        # Every corner first, then as it comes.
        definition, state = corners[content_id - 1] if content_id <= len(corners) else luck.choice(corners)
        ended = definition.states[state].terminal
        path = luck.choice(PATHS)
        created = AT - timedelta(seconds=luck.randrange(10**6))
        contents.append(
            {
                "id": content_id,
                "kind": "content",
                "type": types[definition.id],
                "title": "x",
                "place_id": path.strip("/").split("/")[-1],
                "place_path": path,
                "district": "c",
                "workflow": definition.id,
                "workflow_version": definition.digest,
                "state": state,
                "acl_id": acls[definition.digest, state],
                "owner_id": luck.choice((None, luck.randint(1, 40))),
                "assignee_id": luck.choice((None, luck.randint(1, 40))),
                "applicant_id": luck.choice((None, luck.randint(1, 40))),
                "unit_id": luck.choice((None, "a", "s")),
                "deadline": luck.choice((None, AT + timedelta(hours=luck.randrange(-99, 99)))) if not ended else None,
                "created_at": created,
                "closed_at": AT if ended else None,
            }
        )
        for _ in range(luck.choice((0, 0, 1, 1, 2))):
            there = luck.choice(PATHS)
            places.append(
                {
                    "content_id": content_id,
                    "relation": luck.choice([r for r in RELATIONS if r != "origin"]),
                    "place_id": there.strip("/").split("/")[-1],
                    "place_path": there,
                    "cause": "delegation",
                    "cause_uid": "c",
                    "until": luck.choice((ENDED, GOES_ON, GOES_ON)),
                }
            )
        if luck.random() < 0.2:
            people.append(
                {
                    "content_id": content_id,
                    "person_id": luck.randint(1, 40),
                    "relation": luck.choice((*library.participants, "witness")),
                    "cause_uid": "t",
                    "until": luck.choice((ENDED, GOES_ON)),
                }
            )
    for model, rows in ((Content, contents), (ContentPlace, places), (ContentPerson, people)):
        for start in range(0, len(rows), 1000):
            session.execute(insert(cast(Table, model.__table__)), rows[start : start + 1000])
    session.commit()


def actors(session: Session, luck: Random, many: int, roles: list[str]) -> list[Actor]:
    """People with posts at random places; some stand in for others, some act in their name, one is nobody."""
    found = [NOBODY]
    while len(found) < many:
        person_id = luck.randint(1, 40)
        held = tuple(
            Held(
                luck.choice((*roles, "head", "applicant", "owner")),
                luck.choice((*PATHS, "/")),
                *(("substitution", luck.randint(1, 40)) if luck.random() < 0.3 else ("post", None)),
            )
            for _ in range(luck.choice((0, 1, 1, 2, 4)))
        )
        one = Actor(
            person_id,
            unit_id=luck.choice((None, "a", "s")),
            resident_id=luck.choice((None, luck.randint(1, 40))),
            held=held,
            roles=frozenset(h.role for h in held),
        )
        found.append(one)
        if one.principals and luck.random() < 0.5:
            found.append(one.as_substitute_for(min(one.principals)))
    # And some read from the database, with posts that have ended, last, or have not begun.
    for person_id in range(1, 6):
        for since, until in ((None, None), (date(2025, 1, 1), date(2026, 1, 1)), (date(2026, 12, 1), None)):
            path = luck.choice(PATHS)
            session.add(
                Grant(
                    person_id=person_id,
                    role=luck.choice(roles),
                    place_id=path.strip("/").split("/")[-1],
                    place_path=path,
                    since=since,
                    until=until,
                )
            )
    session.commit()
    return [*found[: many - 5], *(load_actor(session, person_id, TODAY) for person_id in range(1, 6))]
