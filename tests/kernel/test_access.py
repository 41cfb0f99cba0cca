"""Two faces of one policy: `may(view)` and `visible` agree on every object, for every actor."""

from __future__ import annotations

import random

from sqlalchemy import select, update

from models.content import Content, ContentPlace
from models.errand import Errand
from models.resident import Resident
from process import access
from process import engine as door
from process.access import Held
from process.library import library
from tests.kernel.conftest import World

ROLES = (
    "community_clerk",
    "window_clerk",
    "back_office_reviewer",
    "red_courier",
    "errand_dispatcher",
    "supervisor",
    "grid_leader",
    "approver",
    "certificate_issuer",
    "all_round_worker",
)


def test_may_and_visible_agree_on_a_generated_world(world: World) -> None:
    """400 things in every state of every process, 40 actors: 16,000 pairs, no difference."""
    seed = 20261122
    luck = random.Random(seed)
    session = world.session
    maker = world.actor("maker", ("errand_dispatcher", world.street))
    residents = [Resident(name="甲", id_number=str(n), id_index=f"i{n}", birth_date=world_day()) for n in range(3)]
    session.add_all(residents)
    people = [world.actor(f"p{n}") for n in range(10)]
    things = []
    for _ in range(400):
        place = luck.choice((world.here, world.there, world.street))
        made = Errand(title="x", purpose="hand_in", envelopes=1, fields={}, needs=[])
        door.create(session, made, maker, type_id="errand", place=place)
        definition = library.workflows[luck.choice(sorted(library.workflows))]
        state = luck.choice(sorted(definition.states))
        session.execute(
            update(Content.__table__)
            .where(Content.__table__.c.id == made.id)
            .values(
                workflow=definition.id,
                workflow_version=definition.digest,
                state=state,
                acl_id=access.view_acl(session, definition, state),
                owner_id=luck.choice(people).person_id,
                assignee_id=luck.choice([None, *people]) and luck.choice(people).person_id,
                applicant_id=luck.choice([None, *[r.id for r in residents]]),
            )
        )
        if luck.random() < 0.5:
            other = luck.choice((world.here, world.there, world.street))
            session.add(
                ContentPlace(
                    content_id=made.id,
                    relation="addressee",
                    place_id=other.id,
                    place_path=other.path,
                    cause="delegation",
                    cause_uid="c",
                    until=made.created_at if luck.random() < 0.3 else None,
                )
            )
        things.append(made)
    session.commit()
    session.expire_all()
    actors = []
    for _ in range(40):
        base = luck.choice(people)
        held = tuple(
            Held(luck.choice(ROLES), luck.choice(("/d/", "/d/s/", "/d/s/a/", "/d/s/b/")))
            for _ in range(luck.randint(0, 3))
        )
        actors.append(
            access.Actor(
                base.person_id,
                base.name,
                resident_id=luck.choice([None, *[r.id for r in residents]]),
                held=held,
                roles=frozenset(h.role for h in held),
            )
        )
    seen = 0
    for actor in [*actors, access.NOBODY]:
        by_query = set(session.scalars(access.visible(select(Content.id), actor)))
        by_check = {t.id for t in session.scalars(select(Content)) if access.may(actor, access.VIEW, t, session)}
        assert by_query == by_check, (seed, actor.held)
        seen += len(by_query)
    assert seen > 1000, "the world must show something, or the comparison is empty"


def test_a_second_place_ends_with_its_cause(world: World) -> None:
    session = world.session
    maker = world.actor("maker", ("errand_dispatcher", world.street))
    made = Errand(title="x", purpose="hand_in", envelopes=1, fields={}, needs=[])
    door.create(session, made, maker, type_id="errand", place=world.here)
    door.fire(made, "post", maker)
    place = ContentPlace(
        content_id=made.id, relation="addressee", place_id="b", place_path="/d/s/b/", cause="errand", cause_uid=made.uid
    )
    session.add(place)
    session.execute(
        update(Content.__table__)
        .where(Content.__table__.c.id == made.id)
        .values(state="claimed", acl_id=access.view_acl(session, library.workflows["errand"], "claimed"))
    )
    session.commit()
    session.expire_all()
    neighbour = world.actor("neighbour", ("community_clerk", world.there))
    assert session.scalars(access.visible(select(Content.id), neighbour)).all() == [made.id]
    place.until = made.created_at
    session.commit()
    session.expire_all()
    assert session.scalars(access.visible(select(Content.id), neighbour)).all() == []


def test_a_prefix_is_an_ancestor_and_not_a_namesake(world: World) -> None:
    """/d/s/a/ is not above /d/s/ab/: ids that begin alike must not leak."""
    compiled = str(access.within(Content.place_path, "/d/s/a/").compile(compile_kwargs={"literal_binds": True}))
    assert "/d/s/a/" in compiled and "/d/s/a0" in compiled
    assert not ("/d/s/a/" <= "/d/s/ab/" < "/d/s/a0")


def world_day():  # type: ignore[no-untyped-def]
    from datetime import date

    return date(1990, 1, 1)
