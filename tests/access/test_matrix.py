"""Every door × every account × things of every kind, state and community: the answer is the one the policy and the definitions give."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.access import doors as d
from tests.access.doors import EITHER, HIDDEN, NOBODYS, OPEN, POLICY, REFUSED, Door
from tests.access.evaluator import Somebody, Thing, care_entries, may
from tests.access.world import World, plain, uids_in

COUNT: Counter[str] = Counter()
# Doors where every state of every type is tried; the others take turns through the states.
ALL_STATES = {"content.show", "api.show"}


@pytest.fixture(scope="module", autouse=True)
def told(world: World, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print(
            f"\naccess matrix: {sum(COUNT.values())} combinations ({', '.join(f'{n} {what}' for what, n in sorted(COUNT.items()))})"
        )


def area(thing: Thing) -> str:
    return next((part for part in ("dx-c01", "dx-c02") if f"/{part}/" in thing.place_path), "street")


def chosen(world: World, door: Door) -> list[tuple[Thing, dict[str, Any]]]:
    """One thing per type, state and community; for most doors one per type and community, another state for each door."""
    groups: dict[tuple[str, ...], list[tuple[Thing, dict[str, Any]]]] = {}
    for thing in world.things:
        values = d.values_for(door, thing)
        if values is None:
            continue
        key = (
            (thing.type, area(thing), thing.state)
            if door.endpoint in ALL_STATES and door.method == "GET"
            else (thing.type, area(thing))
        )
        groups.setdefault(key, []).append((thing, values))
    turn = sum(map(ord, str(door)))
    picked = [group[turn % len(group)] for group in groups.values()]
    of = door.entry.get("of")
    if door.entry.get("maybe"):
        # Drawing a draft takes a second, and who may see one does not hang on the state.
        return [(t, v) for t, v in picked if t.type == "certificate"]
    if not of:
        return [(t, v) for t, v in picked if t.type != "service_item" or area(t) == "street"]
    wrong_kind = [pair for pair in picked if pair[0].type not in of][:1]
    states: dict[str, list[Thing]] = {}
    for thing in world.things:
        if thing.type in of and d.values_for(door, thing) is not None:
            states.setdefault(thing.state, []).append(thing)
    own = [found[turn % len(found)] for found in states.values()]
    if not door.entry.get("step"):
        # Without a step the state only says who sees it: three states a door, others at the next.
        own = [own[(turn + n) % len(own)] for n in range(min(3, len(own)))]
    neighbours = [t for t in world.things if t.type in of and area(t) == "dx-c02"][:1]
    return [*((t, d.values_for(door, t) or {}) for t in {t.uid: t for t in [*own, *neighbours]}.values()), *wrong_kind]


def test_every_route_stands_in_the_policy(world: World) -> None:
    """A new page without a line here is a page nobody decided about."""
    routes = {rule.endpoint for rule in world.app.url_map.iter_rules()}
    assert not routes - set(POLICY), f"without a line in policy.yaml: {sorted(routes - set(POLICY))}"
    assert not set(POLICY) - routes, f"left over in policy.yaml: {sorted(set(POLICY) - routes)}"


@pytest.mark.parametrize("endpoint", sorted(POLICY))
def test_door(world: World, endpoint: str) -> None:
    found = [door for door in d.doors(world.app) if door.endpoint == endpoint]
    if not found:
        pytest.fail(f"{endpoint} is not in the URL map")
    wrong: list[str] = []
    for door in found:
        entry = door.entry
        if "object" in entry or "oversees" in entry:
            wrong += objects(world, door)
        elif "care" in entry:
            wrong += care(world, door)
        elif "place" in entry:
            wrong += places(world, door)
        else:
            wrong += general(world, door)
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:25])


def ask(world: World, who: Somebody, door: Door, path: str) -> TestResponse:
    kwargs: dict[str, Any] = {}
    if door.method != "GET":
        kwargs = {"json": {}} if path.startswith("/api/") else {"data": {}}
    answer = world.ask(who, door.method, path, **kwargs)
    COUNT[door.method] += 1
    return answer


def faults(who: Somebody, door: Door, path: str, answer: TestResponse) -> list[str]:
    return [f"{door} as {who.username}: {answer.status_code} at {path}"] if answer.status_code >= 500 else []


def leaked(world: World, who: Somebody, answer: TestResponse, asked_for: str = "") -> list[str]:
    """Identifiers in an answer that lead to things this person may not see."""
    if not answer.mimetype.startswith(("text/html", "application/json", "application/problem")):
        return []
    seen = uids_in(answer.get_data(as_text=True)) & set(world.by_uid)
    return [f"{world.by_uid[uid].type} {uid}" for uid in seen - {asked_for} if not may(who, "view", world.by_uid[uid])]


def sentence(answer: TestResponse) -> str:
    """What the page of a refusal says, without the page."""
    return " ".join(re.sub(r"<[^>]*>", " ", plain(answer).partition("<main")[2]).split())[:160] or plain(answer)[:160]


def turned_away(door: Door, path: str, answer: TestResponse) -> bool:
    """Nobody signed in: the page of sign-in, or 401 for a program."""
    if path.startswith(("/api/", "/field/api/")):
        return answer.status_code == 401
    return answer.status_code == 303 and answer.headers["Location"].partition("?")[0].endswith("/sign-in")


def objects(world: World, door: Door) -> list[str]:
    wrong = []
    strangers: dict[tuple[str, str], str] = {}
    for thing, values in chosen(world, door):
        path = d.address(world.app, door, **values)
        empty = d.address(world.app, door, **{**values, "uid": NOBODYS})
        for who in world.everybody:
            answer = ask(world, who, door, path)
            wrong += faults(who, door, path, answer)
            wrong += [f"{door} as {who.username}: leads to {one}" for one in leaked(world, who, answer, thing.uid)]
            if who.person_id is None:
                if not turned_away(door, path, answer):
                    wrong.append(f"{door} anonymous: {answer.status_code}")
                continue
            want, status = d.expected(door, who, thing, values), answer.status_code
            told = f"{door} as {who.username} at {thing.type} {thing.state} in {thing.place_id} ({values}): {status}"
            if want == HIDDEN:
                key = (who.username, empty)
                if key not in strangers:
                    strangers[key] = plain(ask(world, who, door, empty), NOBODYS)
                if status != 404:
                    wrong.append(f"{told}, should be 404")
                elif plain(answer, values["uid"], thing.uid) != strangers[key]:
                    wrong.append(f"{told}, but another page than for a thing that does not exist")
            elif want == REFUSED and status not in (403, 404, 409, 422):
                wrong.append(f"{told}, should be refused")
            elif want == OPEN and status in (401, 403, 404):
                wrong.append(f"{told}, should be open: {sentence(answer)}")
            elif want == EITHER and status == 401:
                wrong.append(told)
    return wrong


def general(world: World, door: Door) -> list[str]:
    """Doors without a thing behind them: public, signed in, bearer, or some roles."""
    wrong = []
    path = d.address(world.app, door)
    for who in world.everybody:
        answer = ask(world, who, door, path)
        wrong += faults(who, door, path, answer)
        wrong += [f"{door} as {who.username}: leads to {one}" for one in leaked(world, who, answer)]
        if "public" in door.entry:
            if answer.status_code in (401, 403) and door.endpoint != "api.sign_in":
                wrong.append(f"{door} as {who.username}: {answer.status_code}")
        elif who.person_id is None:
            if not turned_away(door, path, answer):
                wrong.append(f"{door} anonymous: {answer.status_code}")
        else:
            allowed = "roles" not in door.entry or bool(who.roles & set(door.entry["roles"]))
            if allowed and answer.status_code == 403:
                wrong.append(f"{door} as {who.username}: 403, should be open")
            if not allowed and answer.status_code not in (403, 404):
                wrong.append(f"{door} as {who.username}: {answer.status_code}, should be refused")
    return wrong


def care(world: World, door: Door) -> list[str]:
    wrong = []
    for entry_id, home in care_entries(world.folder / "daiban.db"):
        path = d.address(world.app, door, entry_id=entry_id)
        for who in world.everybody:
            answer = ask(world, who, door, path)
            wrong += faults(who, door, path, answer)
            keeper = any(role in ("grid_leader", "community_clerk") and home.startswith(at) for role, at in who.grants)
            right = (
                turned_away(door, path, answer)
                if who.person_id is None
                else (answer.status_code not in (403, 404))
                if keeper
                else answer.status_code == 404
            )
            if not right:
                wrong.append(f"{door} as {who.username} of somebody in {home}: {answer.status_code}")
    return wrong


def places(world: World, door: Door) -> list[str]:
    wrong = []
    with sqlite3.connect(world.folder / "daiban.db") as rows:
        agencies = rows.execute(
            "SELECT id, path FROM agency WHERE id IN ('dongxin', 'dongxin-centre', 'dx-c01', 'dx-c01-g1', 'dx-c02', 'dx-c02-g1')"
        ).fetchall()
    for place, at in agencies:
        path = d.address(world.app, door, place_id=place)
        for who in world.everybody:
            answer = ask(world, who, door, path)
            wrong += faults(who, door, path, answer)
            wrong += [f"{door} as {who.username}: leads to {one}" for one in leaked(world, who, answer)]
            if who.person_id is None and not turned_away(door, path, answer):
                wrong.append(f"{door} anonymous: {answer.status_code}")
            works_there = (
                any(at.startswith(granted) and role != "applicant" for role, granted in who.grants)
                or who.unit_path == at
            )
            if (
                who.person_id is not None
                and not works_there
                and answer.status_code == 200
                and who.roles != {"applicant"}
            ):
                wrong.append(f"{door} as {who.username} at {place}: 200, works elsewhere")
    return wrong
