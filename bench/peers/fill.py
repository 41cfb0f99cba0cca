"""An office that has worked for a while: as many tasks for the product and its floor as Plone and Django have."""

from __future__ import annotations

import os
from datetime import timedelta

from sqlalchemy import insert, select

from app import create_app
from extensions import db
from models.base import Base, new_uid, now
from models.content import Content
from models.person import Person
from process import access
from process.library import library
from services import installation


def main() -> None:
    with create_app().app_context():
        session = db.session()
        Base.metadata.create_all(db.engine)
        installation.install(session)
        installation.load_demo_people(session)
        clerk = session.scalars(select(Person).where(Person.username == "community.clerk")).one()
        definition, place, at = library.workflows["bench_task"], clerk.unit, now()
        assert place is not None
        alike = {
            "kind": "content",
            "type": "bench_task",
            "place_id": place.id,
            "place_path": place.path,
            "district": place.district,
            "workflow": definition.id,
            "workflow_version": definition.digest,
            "state": definition.initial,
            "acl_id": access.view_acl(session, definition, definition.initial),
            "owner_id": clerk.id,
            "unit_id": place.id,
        }
        session.execute(
            insert(Content.__table__),
            [
                {
                    **alike,
                    "uid": new_uid(),
                    "number": f"OLD-{n}",
                    "title": f"Task {n}",
                    "deadline": at - timedelta(hours=n),
                }
                for n in range(int(os.environ["BENCH_SIZE"]))
            ],
        )
        session.commit()


if __name__ == "__main__":
    main()
