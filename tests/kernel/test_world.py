"""`visible`, `may` and the pages of lists say the same about every thing of a generated world, for every actor."""

from __future__ import annotations

import os
from random import Random

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, selectinload

import services
from models.content import Content
from process import access, pages, transactions
from process.access import VIEW
from process.library import library
from process.pages import DEADLINE, NEWEST, Key, Wanted
from tests.kernel.generated import actors, build

SEED = 20261122
# DAIBAN_WORLD=full compares 20,000 things and 60 actors on both databases; otherwise a part is enough to find a difference.
FULL = os.environ.get("DAIBAN_WORLD") == "full"
THINGS, ACTORS = (20_000, 60) if FULL else (3_000, 60)


def walked(session: Session, actor: access.Actor, wanted: Wanted, order: str, size: int) -> list[Key]:
    """All pages of a list, one after the other."""
    found: list[Key] = []
    after = None
    while True:
        keys = pages.page(session, actor, wanted, order, after=after, limit=size)
        found += keys
        if len(keys) < size:
            return found
        after = keys[-1]


def in_order(keys: list[Key]) -> bool:
    def rank(key: Key) -> tuple[int, float, int]:
        return (0, key.at.timestamp(), key.id) if key.part == 0 else (key.part, -key.at.timestamp(), -key.id)

    return keys == sorted(keys, key=rank)


def test_both_faces_and_the_pages_agree_on_every_thing(engine: Engine) -> None:
    luck = Random(SEED)
    with Session(engine, expire_on_commit=False) as session, transactions.reading():
        build(session, luck, THINGS)
        people = actors(session, luck, ACTORS, sorted(services.role_names()))
        things = session.scalars(
            select(Content).options(selectinload(Content.places), selectinload(Content.people))
        ).all()
        assert len({(t.workflow, t.state) for t in things}) == sum(len(d.states) for d in library.workflows.values())
        seen, of_state = 0, {(t.type, t.state) for t in things}
        for number, actor in enumerate(people):
            by_check = {t.id for t in things if access.may(actor, VIEW, t, session)}
            by_query = set(session.scalars(access.visible(select(Content.id), actor)))
            assert by_query == by_check, (SEED, actor, sorted(by_query ^ by_check)[:5])
            seen += len(by_check)
            if number % (6 if FULL else 3):
                continue
            for order in (DEADLINE, NEWEST):
                keys = walked(session, actor, Wanted(), order, 500)
                newest_first = [Key(1, key.at, key.id) for key in keys] if order == NEWEST else keys
                assert in_order(newest_first) and len({k.id for k in keys}) == len(keys)
                loaded = {t.id for t in pages.load(session, actor, keys)} if number < 20 else {k.id for k in keys}
                assert loaded >= by_check and loaded - by_check == set(), (SEED, order, actor)
            kind, state = luck.choice(sorted(of_state))
            narrow = {t.id for t in things if t.id in by_check and t.type == kind and t.state == state}
            wanted = Wanted(types=frozenset({kind}), states=frozenset({state}))
            assert {k.id for k in walked(session, actor, wanted, NEWEST, 7)} == narrow
            assert pages.counts(session, actor, {"one": wanted}, 10**6) == {"one": len(narrow)}
            below = {t.id for t in things if t.id in by_check and t.place_path.startswith("/c/d/s/")}
            assert {k.id for k in walked(session, actor, Wanted(path="/c/d/s/"), DEADLINE, 300)} == below
            _frames_agree(session, actor, [t for t in things if t.id in by_check])
        assert seen > THINGS, "the world must show something, or the comparison is empty"


def _frames_agree(session: Session, actor: access.Actor, visible: list[Content]) -> None:
    """What was begun in a span, and what was overdue at a moment, alone and together."""
    if not visible:
        return
    begun = sorted(t.created_at for t in visible)
    since, before = begun[len(begun) // 4], begun[-len(begun) // 4]
    late = sorted(t.deadline for t in visible if t.deadline is not None and t.closed_at is None)
    at = late[len(late) // 2] if late else before
    spanned = {t.id for t in visible if since <= t.created_at < before}
    overdue = {t.id for t in visible if t.closed_at is None and t.deadline is not None and t.deadline < at}
    for wanted, expected in (
        (Wanted(created_from=since, created_before=before), spanned),
        (Wanted(overdue_at=at), overdue),
        (Wanted(overdue_at=at, created_from=since, created_before=before), spanned & overdue),
    ):
        for order in (DEADLINE, NEWEST):
            assert {k.id for k in walked(session, actor, wanted, order, 200)} == expected, (SEED, actor, wanted, order)


def test_a_page_asks_as_often_whatever_its_number(engine: Engine) -> None:
    luck = Random(SEED)
    with Session(engine, expire_on_commit=False) as session, transactions.reading():
        build(session, luck, 1_500)
        actor = access.Actor(1, held=(access.Held("supervisor", "/c/"),), roles=frozenset({"supervisor"}))
        for order in (DEADLINE, NEWEST):
            after, asked = None, []
            for _ in range(8):
                keys = pages.page(session, actor, Wanted(), order, after=after, limit=20)
                after = keys[-1]
                asked.append(len(keys))
            assert asked == [20] * 8
        assert session.scalar(select(func.count()).select_from(Content)) == 1_500


@pytest.mark.parametrize("order", [DEADLINE, NEWEST])
def test_a_new_state_is_found_at_once(engine: Engine, order: str) -> None:
    """Who may see what is kept in memory; a kind of thing nobody had before must be on the next page all the same."""
    luck = Random(SEED)
    with Session(engine, expire_on_commit=False) as session:
        build(session, luck, 500)
        supervisor = access.Actor(1, held=(access.Held("supervisor", "/c/"),), roles=frozenset({"supervisor"}))
        with transactions.reading():
            before = {k.id for k in walked(session, supervisor, Wanted(), order, 100)}
            session.rollback()
        there = select(Content.id).where(Content.place_path.like("/c/%"), Content.closed_at.is_(None))
        hidden = next(i for i in session.scalars(there) if i not in before)
        thing = session.get_one(Content, hidden)
        thing.acl_id = access.intern(session, ["supervisor", "brand_new"], thing.workflow, "brand_new", False)
        session.commit()
        with transactions.reading():
            assert {k.id for k in walked(session, supervisor, Wanted(), order, 100)} == before | {hidden}
