"""A street with two managers and two delegates, the district's departments with somebody who answers, and a project to begin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import at_time
from models.content import Content
from models.person import Grant, Person
from models.project import ProjectRow
from process.numbers import CHINA
from services import accounts, installation

As = Callable[[str], FlaskClient]
HASH: list[str] = []
TODAY = datetime(2026, 3, 5, 10, tzinfo=CHINA)
STAFF = (
    ("manager", "project_manager", "dongxin"),
    ("manager.b", "project_manager", "dongxin"),
    ("delegate", "project_delegate", "dongxin"),
    ("district.manager", "project_manager", "xiacheng"),
    ("resources", "cooperating_department", "xc-resources"),
    ("development", "cooperating_department", "xc-development"),
    ("reform", "approvals_office", "xiacheng"),
)
APPLICANT = {
    "applicant_name": "林若琳",
    "applicant_id_number": "11010519491231002X",
    "applicant_phone": "13800000098",
    "applicant_address": "杭州市下城区文晖路示例1幢1单元101室",
}


def hired(session: Session, username: str, role: str, place: str) -> Person:
    """An account with a password and one post."""
    if not HASH:
        HASH.append(accounts.hash_password(installation.DEMO_PASSWORD))
    agency = session.get_one(Agency, place)
    person = Person(
        username=username, name=f"示例{username}", unit_id=place, phone="13800000000", password_hash=HASH[0]
    )
    session.add(person)
    session.flush()
    session.add(Grant(person_id=person.id, role=role, place_id=place, place_path=agency.path))
    session.flush()
    return person


def hire(session: Session) -> None:
    for username, role, place in STAFF:
        hired(session, username, role, place)


class Street:
    """What a test does on the pages, in few words."""

    def __init__(self, session: Session, client_as: As) -> None:
        self.session, self._as, self._clients = session, client_as, dict[str, FlaskClient]()

    def by(self, username: str) -> FlaskClient:
        if username not in self._clients:
            self._clients[username] = self._as(username)
        return self._clients[username]

    def post(self, who: str, address: str, **form: Any) -> Any:
        return self.by(who).post(address, data=form)

    def begin(self, who: str = "manager", **given: Any) -> str:
        """A project through the form, by uid."""
        form = {
            "name": "示例厂房",
            "enterprise": "示例企业",
            "funding": "enterprise",
            "place": "dongxin",
            **APPLICANT,
            **given,
        }
        answer = self.post(who, "/t/project_delegation/new", **form)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"].rpartition("/")[2])

    def step(self, who: str, uid: str, name: str, **form: Any) -> Any:
        return self.post(who, f"/projects/{uid}/step/{name}", **form)

    def listed(self, **given: Any) -> str:
        """A project with its list drawn and the clock running."""
        uid = self.begin(**given)
        for name in ("claim", "list_items", "prepare"):
            answer = self.step("manager", uid, name)
            assert answer.status_code == 303, answer.text
        return uid

    def project(self, uid: str) -> Content:
        self.session.expire_all()
        return self.session.scalars(select(Content).where(Content.uid == uid)).one()

    def row(self, uid: str, key: str) -> ProjectRow:
        project = self.project(uid)
        return self.session.scalars(
            select(ProjectRow).where(ProjectRow.content_id == project.id, ProjectRow.key == key)
        ).one()

    def do(self, who: str, uid: str, key: str, verb: str, **form: Any) -> Any:
        return self.post(who, f"/projects/{uid}/rows/{self.row(uid, key).uid}/{verb}", **form)

    def page(self, who: str, uid: str) -> str:
        answer = self.by(who).get(f"/projects/{uid}")
        assert answer.status_code == 200, answer.text
        return str(answer.text)


@pytest.fixture
def street(session: Session, client_as: As) -> Iterator[Street]:
    """On a working day from which a hundred working days lie within the calendar."""
    with at_time(TODAY):
        yield _opened(session, client_as)


def _opened(session: Session, client_as: As) -> Street:
    hire(session)
    session.commit()
    return Street(session, client_as)
