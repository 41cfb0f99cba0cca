"""Two claim, two close the same item, two hold the same meeting, at the same moment and on both databases: one is done, one is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from models.base import at_time
from models.content import Content
from models.ledger import JournalEntry
from models.person import Person
from models.project import ProjectMeeting, ProjectPerson, ProjectRow
from process import clock
from process.access import load_actor
from process.numbers import CHINA
from process.refusals import Refusal
from services import actions
from services.projects import meetings, people, rows
from tests.projects.conftest import hire
from tests.racing import all_at_once

NOW = datetime(2026, 3, 5, 10, tzinfo=CHINA)
PRESS = 6
OWNER = {
    "name": "林若琳",
    "id_number": "11010519491231002X",
    "phone": "13800000098",
    "address": "杭州市下城区文晖路示例1幢1单元101室",
}


def actor_of(session: Session, username: str) -> Any:
    person = session.scalars(select(Person).where(Person.username == username)).one()
    return load_actor(session, person.id, clock.local_day(NOW))


def begun(office: Engine, *steps: str) -> str:
    """A project that stands where `steps` end."""
    with at_time(NOW), Session(office) as session:
        hire(session)
        manager = actor_of(session, "manager")
        made = actions.create(
            session,
            manager,
            "project_delegation",
            {"name": "厂房", "enterprise": "示例企业", "funding": "enterprise", "place": "dongxin", "applicant": OWNER},
        )
        for step in steps:
            actions.perform(made, step, manager)
        session.commit()
        return made.uid


def project(session: Session, uid: str) -> Content:
    return session.scalars(select(Content).where(Content.uid == uid)).one()


@pytest.mark.req("S4-26")
def test_of_many_who_claim_at_once_one_has_the_project_and_the_others_read_who(office_for_many: Engine) -> None:
    uid = begun(office_for_many)
    names = ("manager", "manager.b", "delegate", "district.manager", "manager", "delegate")

    def claim(session: Session, number: int) -> str:
        actions.perform(project(session, uid), "claim", actor_of(session, names[number]))
        return names[number]

    got = all_at_once(office_for_many, claim, PRESS, NOW)
    won = [one for one in got if isinstance(one, str)]
    lost = [one for one in got if isinstance(one, Refusal)]
    assert len(won) == 1 and len(lost) == PRESS - 1
    with Session(office_for_many) as session:
        holder = project(session, uid).assignee
        assert holder is not None and holder.username == won[0]
        assert all(holder.name in one.detail and "认领" in one.detail for one in lost), [one.detail for one in lost]
        named = session.execute(
            select(ProjectPerson.capacity, ProjectPerson.person_id).where(ProjectPerson.until.is_(None))
        ).all()
        assert sorted(named) == [(capacity, holder.id) for capacity in ("coordinator", "handler", "liaison")]
        claims = session.scalar(
            select(func.count()).select_from(JournalEntry).where(JournalEntry.action == "project_delegation:claim")
        )
        assert claims == 1


def test_an_item_is_filed_once_and_the_capacities_stay_one_each(office_for_many: Engine) -> None:
    uid = begun(office_for_many, "claim", "list_items", "prepare")

    def file(session: Session, number: int) -> str:
        found = session.scalars(select(ProjectRow).where(ProjectRow.key == "project_filing")).one()
        rows.act(session, actor_of(session, "manager"), found, "file", {})
        return "filed"

    got = all_at_once(office_for_many, file, PRESS, NOW)
    assert sorted(str(type(one).__name__) for one in got) == ["NotAvailable"] * (PRESS - 1) + ["str"]

    def hand(session: Session, number: int) -> str:
        to = ("manager.b", "delegate")[number % 2]
        given = {"person": to, "capacity": ["handler", "coordinator", "liaison"], "reason": f"第{number}次"}
        people.hand_over(session, actor_of(session, "district.manager"), project(session, uid), given)
        return to

    got = all_at_once(office_for_many, hand, PRESS, NOW)
    assert any(isinstance(one, str) for one in got)
    with Session(office_for_many) as session:
        now_held = session.execute(
            select(ProjectPerson.capacity, ProjectPerson.person_id).where(ProjectPerson.until.is_(None))
        ).all()
        assert len(now_held) == 3 and {one.person_id for one in now_held} == {project(session, uid).assignee_id}


@pytest.mark.req("S3-21")
def test_a_meeting_is_held_once(office_for_many: Engine) -> None:
    uid = begun(office_for_many, "claim", "list_items", "prepare")
    with at_time(NOW), Session(office_for_many) as session:
        pair = session.scalars(select(ProjectRow).where(ProjectRow.key.in_(("land_pre", "site")))).all()
        keys = [row.uid for row in pair]
        given = {"rows": keys, "subject": "会审", "venue": "会议室", "held_on": NOW.date().isoformat()}
        meetings.call(session, actor_of(session, "manager"), project(session, uid), given)
        session.commit()

    def hold(session: Session, number: int) -> str:
        meeting = session.scalars(select(ProjectMeeting)).one()
        said = {f"verdict_{key}": "agree" for key in keys} | {"attendees": "两位", "conclusion": f"结论{number}"}
        meetings.hold(session, actor_of(session, "manager"), meeting, said)
        return f"结论{number}"

    got = all_at_once(office_for_many, hold, PRESS, NOW)
    won = [one for one in got if isinstance(one, str)]
    assert len(won) == 1 and all(isinstance(one, (str, Refusal)) for one in got)
    with Session(office_for_many) as session:
        assert session.scalars(select(ProjectMeeting)).one().conclusion == won[0]
