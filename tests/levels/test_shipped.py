"""What ships with the catalogue: invented owners, letters and powers are for the demo alone."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from app import create_app
from extensions import db
from models.authority import AuthorityGrant
from models.base import Base
from models.item_place import ItemPlace, ItemSetting
from process.clock import forget_calendar
from services import installation
from tests.conftest import settings


def test_a_real_office_begins_without_invented_letters(tmp_path: Path) -> None:
    """A start without the demo lets nobody decide by a letter that nobody has written; the demo adds its own, once."""
    forget_calendar()
    app = create_app(settings(tmp_path))
    with app.app_context():
        Base.metadata.create_all(db.engine)
        session = db.session()

        def counted() -> list[int | None]:
            return [
                session.scalar(select(func.count()).select_from(t)) for t in (AuthorityGrant, ItemPlace, ItemSetting)
            ]

        installation.install(session)
        installation.install(session)
        assert counted() == [0, 0, 0]
        installation.load_demo_people(session)
        installation.load_demo_people(session)
        grants, places, owners = counted()
        assert (grants, places) == (6, 5) and owners
        db.session.remove()
        db.engine.dispose()
