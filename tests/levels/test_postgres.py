"""Levels on PostgreSQL: two administrators who give overlapping letters at once, two managers on one page, and the same figures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from extensions import db
from models.authority import AuthorityGrant
from models.base import Base, now
from models.case import ServiceItem
from models.item_place import ItemPlace
from process.clock import local_day
from process.refusals import InvalidInput, Refusal, Stale
from services import authority_grants, installation, item_place_changes
from services.reports import levels, lights, minutes, scope, volume
from tests.conftest import settings
from tests.levels.office import driver, filed
from tests.servers import postgres

CARD = "fertility_registration_card"


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with postgres() as url:
        app = create_app(settings(tmp_path_factory.mktemp("levels"), url))
        with app.app_context():
            Base.metadata.create_all(db.engine)
            installation.install(db.session())
            installation.load_demo_people(db.session())
            db.session.commit()
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def together(app: Flask, *acts) -> list[Refusal | None]:
    """All at once, each in a transaction of its own; what each was told."""
    start, told = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        with app.app_context():
            try:
                start.wait()
                acts[number](db.session())
                db.session.commit()
            except Refusal as refusal:
                told[number] = refusal
                db.session.rollback()
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return told


def test_two_administrators_give_the_same_at_once(on_postgres):
    def give(session):
        authority_grants.give(
            session,
            driver(session, "admin"),
            giver="dongxin",
            taker="dx-c01",
            power="decide",
            items=[CARD],
            basis="同一份",
        )

    told = together(on_postgres, give, give, give)
    assert sorted(isinstance(one, InvalidInput) for one in told) == [False, True, True]
    with on_postgres.app_context():
        assert db.session.scalar(select(func.count()).where(AuthorityGrant.from_id == "dongxin")) == 1


def test_two_administrators_end_the_same_at_once(on_postgres):
    with on_postgres.app_context():
        grant_id = db.session.scalar(select(AuthorityGrant.id).where(AuthorityGrant.from_id == "xc-weather"))

    def end(session):
        authority_grants.end(session, driver(session, "admin"), grant_id, version=1, reason="收回")

    told = together(on_postgres, end, end)
    assert sorted(isinstance(one, Stale) for one in told) == [False, True]


def test_two_managers_save_the_same_page_at_once(on_postgres):
    def save(way):
        def act(session):
            item = session.scalars(select(ServiceItem).where(ServiceItem.code == CARD)).one()
            item_place_changes.save(session, driver(session, "catalogue.manager"), item, "dongxin", {"way": way}, 0)

        return act

    told = together(on_postgres, save("window"), save("visit"))
    assert sorted(isinstance(one, Stale) for one in told) == [False, True]
    with on_postgres.app_context():
        assert db.session.scalar(select(func.count()).where(ItemPlace.place_id == "dongxin", ItemPlace.way != "")) == 1


def test_figures_are_counted_alike(on_postgres):
    """Days in China, partial indexes and shares, on the other database."""
    with on_postgres.app_context():
        session = db.session()
        hall = driver(session, "window.clerk")
        for days in (0, 1):
            case = filed(session, hall, "commercial_registration")
            case.accepted_at, case.decided_at = now() - timedelta(days=days), now()
        session.flush()
        today = local_day(now())
        reader, period = driver(session, "statistician"), scope.period_of("", today)
        seen = scope.scope_of(session, reader)
        assert volume.volume(session, seen, period).filed == 2
        assert [way.filed for way in volume.by_channel(session, seen, period)] == [2]
        (row,) = levels.powers(session, seen, period)
        assert (row.filed, row.mean.base) == (2, 2)
        assert levels.at_home(session, seen, period).total.base == 0
        assert len(levels.under_authority(session, seen, period)) == 6
        assert levels.trials(session, seen, period) == []
        assert sum(lights.counts(session, reader, today).values()) == 2
        assert len(lights.page(session, reader, "", today, limit=5, options=())[0]) == 2
        session.rollback()


@pytest.mark.req("S0-39")
def test_minutes_to_issue_are_counted_by_the_database(on_postgres):
    with on_postgres.app_context():
        session = db.session()
        case = filed(session, driver(session, "window.clerk"), "commercial_registration")
        case.issued_at = case.filed_at + timedelta(minutes=7)
        session.flush()
        found = minutes.minutes(session, scope.Scope(("/hangzhou/",)), scope.period_of("", local_day(now())))
        line = next(one for one in found.items if one.code == "commercial_registration")
        assert (line.base, round(line.mean or 0, 3), line.quick) == (1, 7.0, 0)
        assert found.stations[0].base == 1
        session.rollback()


def test_nothing_of_this_is_left_behind(tmp_path: Path, on_postgres):
    with on_postgres.app_context():
        assert (
            volume.volume(db.session(), scope.Scope(("/hangzhou/",)), scope.period_of("", local_day(now()))).filed == 0
        )
        assert not list(tmp_path.iterdir())
