"""The clerk of the other community asks everything she can; nothing of the first community's people comes back, wherever she looks."""

from __future__ import annotations

import sqlite3
from typing import Any
from urllib.parse import quote, unquote

import pytest
from sqlalchemy import select

from extensions import db
from models.content import Content
from models.paper import Document, Paper
from models.resident import CareEntry, Resident
from process.library import library
from tests.access import doors as d
from tests.access.evaluator import Somebody, may
from tests.access.world import World

NEIGHBOUR = "neighbour.clerk"


@pytest.fixture(scope="module")
def secrets(world: World) -> dict[str, str]:
    """String → whose it is: names, numbers, telephones, addresses, numbers of things and papers that the neighbour must never read."""
    who = world.who(NEIGHBOUR)
    mine: set[str] = set()
    found: dict[str, str] = {}
    with world.app.app_context():
        things = {c.uid: c for c in db.session.scalars(select(Content))}
        for uid, content in things.items():
            words = _words(content)
            if may(who, "view", world.by_uid[uid]):
                mine |= words
            else:
                found |= {word: f"{content.type} {content.number}" for word in words}
        for paper in db.session.scalars(select(Paper)):
            if not may(who, "view", world.by_uid[paper.content.uid]):
                found |= {w: f"paper {paper.paper}" for w in (paper.uid, paper.verify_code) if w}
        for document in db.session.scalars(select(Document)):
            if not may(who, "view", world.by_uid[document.content.uid]):
                found[document.uid] = f"document of {document.content.type}"
        for entry in db.session.scalars(select(CareEntry)):
            person = entry.resident
            if person.community_id != "dx-c02":
                found |= {w: "care register" for w in _person(person) | ({entry.proof} if entry.proof else set())}
        db.session.remove()
    with sqlite3.connect(world.folder / "daiban.db") as rows:
        # Colleagues' names stand on every office door.
        mine |= {name for (name,) in rows.execute("SELECT name FROM person")}
        mine |= {name for (name,) in rows.execute("SELECT name FROM agency")}
    found = {word: whose for word, whose in found.items() if word not in mine and len(word) > 1}
    assert len(found) > 200, "the demo should hold far more that she must not see"
    return found


def _person(person: Resident | None) -> set[str]:
    return (
        {w for w in (person.name, person.id_number, person.phone, person.address, person.household_address) if w}
        if person
        else set()
    )


def _words(content: Any) -> set[str]:
    words = _person(content.applicant) | ({content.number} if content.number else set())
    # What can be chosen stands in every form, whoever chose it.
    offered = [value for spec in library.type(content.type).fields for value, _title in spec.options]
    words |= {
        str(v)
        for n, v in (content.private or {}).items()
        if v not in offered and ((isinstance(v, str) and len(v) >= 6) or (n.endswith("name") and v))
    }
    for name in ("from_address", "to_address", "contact"):
        value = getattr(content, name, None)
        if value:
            words.add(value)
    return words


def read(text: str, secrets: dict[str, str]) -> list[str]:
    return [f"{word} ({whose})" for word, whose in secrets.items() if word in text]


def ask_and_read(
    world: World, who: Somebody, secrets: dict[str, str], method: str, path: str, **kwargs: Any
) -> list[str]:
    answer = world.ask(who, method, path, **kwargs)
    assert answer.status_code < 500, f"{method} {path}: {answer.status_code}"
    body = answer.get_data()
    # Whoever types a word gets it back in the box: only what was not asked for is a leak.
    asked = unquote(path) + str(kwargs.get("data", "")) + str(kwargs.get("json", ""))
    text = body.decode("utf-8", "replace") + "\n".join(f"{k}: {v}" for k, v in answer.headers.items())
    return [f"{method} {path}: {leak}" for leak in read(text, {w: x for w, x in secrets.items() if w not in asked})]


def test_every_door(world: World, secrets: dict[str, str]) -> None:
    """All pages and API routes: without a thing, with foreign things, and with her own."""
    who, leaks, count = world.who(NEIGHBOUR), [], 0
    own = [t for t in world.things if may(who, "view", t) and t.type != "service_item"]
    foreign = [t for t in world.things if not may(who, "view", t)]
    assert own and foreign
    by_state, by_kind = {(t.type, t.state): t for t in foreign}, {t.type: t for t in foreign}
    for door in d.doors(world.app):
        if "bearer" in door.entry and door.method == "DELETE":
            continue
        paths = []
        if "object" in door.entry:
            for thing in [*(by_state if door.endpoint in ("content.show", "api.show") else by_kind).values(), *own]:
                values = d.values_for(door, thing)
                if values is not None and not (door.entry.get("maybe") and thing in own):
                    paths.append(d.address(world.app, door, **values))
        else:
            paths.append(d.address(world.app, door))
        for path in paths:
            count += 1
            kwargs: dict[str, Any] = (
                {} if door.method == "GET" else {"json": {}} if path.startswith("/api/") else {"data": {}}
            )
            leaks += ask_and_read(world, who, secrets, door.method, path, **kwargs)
    assert not leaks, f"{len(leaks)} leaks:\n" + "\n".join(leaks[:30])
    assert count > 250


def test_lists_filters_and_search(world: World, secrets: dict[str, str]) -> None:
    """Whatever she filters or searches for, what is not hers is neither shown nor counted."""
    who, leaks = world.who(NEIGHBOUR), []
    asked = [
        "/api/v1/contents?limit=100",
        "/api/v1/contents?sort=deadline&limit=100",
        "/api/v1/contents?assignee=me",
        "/api/v1/worklists",
        "/desk/",
        "/cases",
        "/certificates",
        "/delegations/?show=all",
        "/errands/board",
        "/visits/",
        "/visits/care",
        "/places/grids",
        "/places/dx-c01",
        "/places/dx-c01-g1",
        "/places/dx-c01/inbox",
        "/places/dongxin-centre",
    ]
    asked += [
        f"/api/v1/contents?type={t}&limit=100" for t in ("case", "delegation", "home_visit", "errand", "certificate")
    ]
    asked += [f"/api/v1/contents?place={p}&limit=100" for p in ("dx-c01", "dx-c01-g1", "dongxin", "dongxin-centre")]
    names = [word for word, whose in secrets.items() if "care" not in whose][:60]
    for word in names:
        asked += [f"/desk/search?q={quote(word)}", f"/api/v1/contents?q={quote(word)}"]
    for word in names[:20]:
        asked += [f"/cases?q={quote(word)}", f"/certificates?q={quote(word)}"]
    for path in asked:
        leaks += ask_and_read(world, who, secrets, "GET", path)
    assert not leaks, f"{len(leaks)} leaks:\n" + "\n".join(leaks[:30])
    for word in names:
        items = world.ask(who, "GET", f"/api/v1/contents?q={quote(word)}").get_json()["items"]
        assert all(may(who, "view", world.by_uid[item["uid"]]) for item in items), f"found by {word}"


def test_known_numbers_open_nothing(world: World, secrets: dict[str, str]) -> None:
    """She knows an ID number of the other community: search by it finds nothing that is not hers."""
    who = world.who(NEIGHBOUR)
    numbers = [w for w in secrets if len(w) == 18 and w[:17].isdigit()]
    assert len(numbers) > 20
    for number in numbers:
        page = world.ask(who, "GET", f"/desk/search?q={number}").get_data(as_text=True)
        items = world.ask(who, "GET", f"/api/v1/contents?q={number}").get_json()["items"]
        assert not items and "/c/" not in page.partition("<main")[2]


def test_the_canaries_sing(world: World, secrets: dict[str, str]) -> None:
    """The same questions asked by the clerk of the first community do bring the strings back: the test can see a leak."""
    who, found = world.who("community.clerk"), set()
    for path in (
        "/desk/",
        "/delegations/?show=all",
        "/api/v1/contents?limit=100",
        *(f"/c/{t.uid}" for t in world.things if may(who, "view_full", t) and t.type != "service_item"),
    ):
        text = world.ask(who, "GET", path).get_data(as_text=True)
        found |= {word for word in secrets if word in text}
    assert len(found) > 50
