"""Short ways through the office for tests of levels: who acts, a case of any item, a ticket that carries it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case
from models.delegation import Delegation
from models.person import Grant, Person
from process import engine
from process.access import Actor, load_actor
from process.clock import local_day
from process.relations import HEAD
from services import actions, case_forms, custody
from tests.services.test_delegations import drawn

PERSON = {
    "name": "林若琳",
    "id_number": "330103199406182046",
    "phone": "13800000015",
    "address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
    "household_address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
}
ANSWERS = {
    "text": "示例内容",
    "longtext": "示例内容",
    "person_name": "林若琳",
    "address": PERSON["address"],
    "phone": "13800000015",
    "number": 1,
    "date": "2026-01-05",
    "id_number": PERSON["id_number"],
}


def driver(session: Session, username: str) -> Actor:
    """Anybody of the office by user name, with the rights of today."""
    person = session.scalars(select(Person).where(Person.username == username)).one()
    return load_actor(session, person.id, local_day(now()))


def head_of(session: Session, username: str, place_id: str) -> Actor:
    """The same person as head of a unit."""
    person = session.scalars(select(Person).where(Person.username == username)).one()
    place = session.get_one(Agency, place_id)
    session.add(Grant(person_id=person.id, role=HEAD, place_id=place.id, place_path=place.path))
    session.flush()
    return driver(session, username)


def given_role(session: Session, username: str, role: str, place_id: str) -> Actor:
    person = session.scalars(select(Person).where(Person.username == username)).one()
    place = session.get_one(Agency, place_id)
    session.add(Grant(person_id=person.id, role=role, place_id=place.id, place_path=place.path))
    session.flush()
    return driver(session, username)


def draft(session: Session, actor: Actor, item: Any, **changes: Any) -> Case:
    """A case of any item with every required question answered and every material brought as a copy."""
    from catalogue import loader

    record = loader.item(item)
    fields: dict[str, Any] = {}
    for field in loader.form(record.form).fields:
        if field.required:
            fields[field.name] = field.options[0].id if field.options else ANSWERS.get(field.kind, "示例")
    data = {
        "item": item,
        "place": actor.unit_id,
        "applicant": dict(PERSON),
        "fields": fields,
        "materials": [{"code": m.id, "provided": True, "original": False, "sheets": 1} for m in record.materials],
        **changes,
    }
    case = actions.create(session, actor, "case", data)
    assert isinstance(case, Case) and case_forms.form_of(case.item)
    return case


def filed(session: Session, actor: Actor, item: str, **changes: Any) -> Case:
    case = draft(session, actor, item, **changes)
    engine.fire(case, "submit", actor)
    return case


LETTER = {"signature": drawn(), "powers": ["file", "supplement", "collect"]}


def ticket_for(session: Session, actor: Actor, case: Case, addressee: str | None = None) -> Delegation:
    """A signed ticket, sent; without an addressee to whom it usually goes."""
    data = {"case": case.uid, "letter": LETTER, **({"addressee": addressee} if addressee else {})}
    ticket = actions.create(session, actor, "delegation", data)
    assert isinstance(ticket, Delegation)
    engine.fire(ticket, "send", actor)
    return ticket


def received(session: Session, ticket: Delegation, taker: Actor) -> None:
    """Counted line by line and taken into work, so that the case is accepted."""
    handover = custody.latest(session, ticket, "send")
    assert handover is not None
    lines = [{"line": line.position, "counted": line.sheets} for line in handover.lines]
    engine.fire(ticket, "receive", taker, inputs={"lines": lines})
    engine.fire(ticket, "start", taker)
