"""The demo shows at least one of everything the library knows, and an older demo hears the newer stories."""

from __future__ import annotations

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from models.content import Content
from models.courier_run import CourierRun
from models.exchange import Envelope, Partner
from models.grid import Building
from models.item_place import ItemSetting
from models.person import Grant, Person
from process.library import library
from services import demo, installation


def test_every_kind_of_thing_has_one_in_the_demo_and_a_second_call_adds_nothing(session: Session) -> None:
    assert demo.load(session)
    counted = dict(session.execute(select(Content.type, func.count()).group_by(Content.type)).all())
    assert set(counted) == set(library.types), sorted(set(library.types) - set(counted))
    assert session.scalars(select(CourierRun)).one().state == "on_way"
    partner = session.scalars(select(Partner)).one()
    assert partner.stopped_at is not None, "nothing of the demo is sent to anybody"
    assert session.scalar(select(func.count()).select_from(Envelope).where(Envelope.kind == "ticket")) == 1
    officers = session.scalars(
        select(Person).join(Grant, Grant.person_id == Person.id).where(Grant.role == "remote_authority")
    )
    assert [one.username for one in officers] == ["remote.officer"]
    before = session.scalar(select(func.count()).select_from(Content))
    assert not demo.load(session)
    assert session.scalar(select(func.count()).select_from(Content)) == before


def test_a_demo_from_before_hears_only_what_is_new(session: Session) -> None:
    """What an installation of the first version had: cases and no more."""
    from services.demo import stories
    from services.demo.office import Office

    stories.fertility(Office(session), 2, "submitted")
    session.flush()
    assert demo.load(session)
    assert session.scalar(select(func.count()).select_from(Building)) == 25
    counted = dict(session.execute(select(Content.type, func.count()).group_by(Content.type)).all())
    assert counted["grid_event"] == 6 and counted["courier_run"] == 1 and counted["training"] == 1


def test_no_two_kinds_number_alike() -> None:
    """A district's numbers are one series for each prefix; two kinds with one prefix would take each other's numbers."""
    prefixes = [kind.series.prefix for kind in library.types.values() if kind.series and kind.series.prefix]
    assert sorted(prefixes) == sorted(set(prefixes))


def test_invented_owners_are_for_the_demo_alone(session: Session) -> None:
    assert session.scalar(select(func.count()).select_from(ItemSetting)), "the demo has them"
    session.execute(delete(ItemSetting))
    installation.install(session)
    assert session.scalar(select(func.count()).select_from(ItemSetting)) == 0, (
        "a real office says itself whose items are"
    )
