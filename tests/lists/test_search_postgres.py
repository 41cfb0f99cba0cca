"""The same answers on PostgreSQL: the index, its windows and the condition on rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import create_app
from extensions import db
from models.base import Base, now
from models.content import Content
from models.person import Person
from process import access
from process.access import Actor, load_actor
from process.clock import forget_calendar, local_day
from services import installation, search, search_index
from tests.conftest import settings
from tests.servers import postgres
from tests.services import fertility


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("search")
    with postgres() as url:
        app = create_app(settings(Path(folder), url))
        with app.app_context():
            Base.metadata.create_all(db.engine)
            session = db.session()
            installation.install(session)
            installation.load_demo_people(session)
            session.commit()
            forget_calendar()
            for _ in range(3):
                fertility.opened(session, actor(session, "window.clerk"))
            session.commit()
            yield session
            session.rollback()
            db.session.remove()
            db.engine.dispose()


def actor(session: Session, username: str) -> Actor:
    found = session.scalars(select(Person.id).where(Person.username == username)).one()
    return load_actor(session, found, local_day(now()))


@pytest.mark.parametrize(
    "username", ["window.clerk", "community.clerk", "supervisor", "neighbour.clerk", "resident", "courier"]
)
@pytest.mark.parametrize("windows", [(2, 16), (0, 1), ()])
def test_everybody_finds_what_they_see(
    office: Session, username: str, windows: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WINDOWS", windows)
    who = actor(office, username)
    seen = {c.id: c for c in office.scalars(access.visible(select(Content), who, Content))}
    for word in ("生育", "登记", "服务", "老年", "补贴"):
        found = [hit.id for hit in search.find(office, who, word, most=1_000)]
        assert set(found) == {i for i, c in seen.items() if word in f"{c.title} {c.search_text}"}, word
        assert found == sorted(found, reverse=True)
        assert [hit.id for hit in search.find(office, who, word, most=2)] == found[:2]


@pytest.mark.parametrize(
    "words", ["林若", "LRL", "DX-2026", "000002", "'", "\\", "a'b", "登记 & !x", "%", "林若琳 生育"]
)
def test_words_and_signs(office: Session, words: str) -> None:
    found = search.find(office, actor(office, "window.clerk"), words)
    assert (len(found) > 0) == (words in ("林若", "LRL", "DX-2026", "000002", "林若琳 生育"))


def test_an_old_database_is_filled_with_the_index_made_last(office: Session) -> None:
    clerk = actor(office, "window.clerk")
    before = search.find(office, clerk, "生育")
    office.execute(text("DELETE FROM content_search"))
    assert search_index.fill(office.connection()) > 0 and search_index.fill(office.connection()) == 0
    assert search.find(office, clerk, "生育") == before
    index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'ix_content_search_terms'"
    assert office.scalar(text(index)) == 1
    office.rollback()


def test_the_newest_bucket_is_remembered_for_a_minute(office: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = actor(office, "window.clerk")
    search.find(office, clerk, "生育")
    made = fertility.opened(office, clerk)
    assert made.id in {hit.id for hit in search.find(office, clerk, "生育", most=1)}
    assert timedelta(seconds=search.REMEMBERED) <= timedelta(minutes=2)
    office.rollback()
