"""The poll of the board on PostgreSQL goes on after its line was cut: nobody gets an error, and news still come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from app import create_app
from extensions import db
from models.base import Base
from process import engine
from process.clock import forget_calendar
from services import installation
from services.errand_posting import create_errand
from tests.conftest import settings
from tests.pages.test_scan_pages import actor_of
from tests.servers import postgres

CARDS = "/errands/board/cards"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("watch")
    with postgres() as url:
        app = create_app(settings(Path(folder), url))
        app.config.update(WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
        with app.app_context():
            Base.metadata.create_all(db.engine)
            session = db.session()
            installation.install(session)
            installation.load_demo_people(session)
            session.commit()
            forget_calendar()
            db.session.remove()
        yield app
        with app.app_context():
            db.engine.dispose()
        app.extensions["board_watch"]._engine().dispose()


def posted(app: Flask) -> None:
    with app.app_context():
        session, clerk = db.session(), actor_of("community.clerk")
        data = {"title": "送东西", "purpose": "hand_in", "from_agency": "dx-c01", "to_agency": "dongxin-centre"}
        engine.fire(create_errand(session, clerk, data), "post", clerk)
        session.commit()
        db.session.remove()


def cut(app: Flask) -> int:
    """The lines of the watcher, and no others, end on the side of the database."""
    own = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%FROM journal%' AND pid <> pg_backend_pid()"
    )
    with app.app_context(), db.engine.connect() as connection:
        return int(connection.execute(own).scalar() or 0)


def dispatcher(app: Flask) -> FlaskClient:
    client = app.test_client()
    given = {"username": "dispatcher", "password": installation.DEMO_PASSWORD}
    assert client.post("/sign-in", data=given).status_code in (302, 303)
    return client


@pytest.mark.req("S2-23")
def test_a_cut_line_is_mended_without_anybody_noticing(running: Flask) -> None:
    posted(running)
    client = dispatcher(running)
    etag = client.get(CARDS).headers["ETag"]
    assert client.get(CARDS, headers={"If-None-Match": etag}).status_code == 304
    assert cut(running) >= 1, "the watcher has lines of its own"
    assert client.get(CARDS, headers={"If-None-Match": etag}).status_code == 304, "the application answers instead"
    assert client.get(CARDS, headers={"If-None-Match": etag}).status_code == 304
    assert cut(running) >= 1
    # Somebody who was told nothing yet is the first to find the line cut.
    assert dispatcher(running).get(CARDS).status_code == 200
    posted(running)
    news = client.get(CARDS, headers={"If-None-Match": etag})
    assert news.status_code == 200 and news.headers["ETag"] != etag
