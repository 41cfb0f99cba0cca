"""上门时间和规定, 停办与接替: what an administrator sets for a unit, and what is refused in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.ledger import JournalEntry
from process.access import Actor
from process.clock import local_day
from process.refusals import Forbidden
from services import slots, successors, unit_settings

ClientAs = Callable[[str], FlaskClient]


def test_hours_and_numbers_hold_below_until_a_unit_sets_its_own(session: Session, client_as: ClientAs) -> None:
    admin = client_as("admin")
    assert "上门时间和规定" in admin.get("/places/dx-c01").text
    given = {"visit_hours": "9:00-11:30，14:00至18:00", "missed_visits": "2", "visit_target": "200"}
    assert admin.post("/places/dx-c01/rules", data=given).status_code == 303
    session.expire_all()
    grid, other = session.get_one(Agency, "dx-c01-g1"), session.get_one(Agency, "dx-c02-g1")
    assert [f"{a:%H:%M}-{b:%H:%M}" for a, b in slots.hours_of(grid)] == ["09:00-11:30", "14:00-18:00"]
    assert unit_settings.number(session, grid, "missed_visits") == 2
    assert unit_settings.number(session, other, "missed_visits") == 3
    page = admin.get("/places/dx-c01-g1/rules").text
    assert "现在是 09:00–11:30、14:00–18:00" in page and "现在是 200" in page
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "agency:settings")).one()
    assert entry.details["after"]["missed_visits"] == 2
    # An empty box follows the unit above again.
    assert admin.post("/places/dx-c01/rules", data={"visit_target": "200"}).status_code == 303
    session.expire_all()
    assert slots.hours_of(session.get_one(Agency, "dx-c01-g1"))[0][0].hour == 8


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"visit_hours": "上午"}, "写成“08:30–12:00"),
        ({"visit_hours": "12:00-09:00"}, "从早到晚"),
        ({"visit_hours": "9:00-12:00，11:00-13:00"}, "不重叠"),
        ({"visit_hours": "25:00-26:00"}, "写成“08:30–12:00"),
        ({"visit_hours": "9:00-23:00"}, "应在 07:00 到 21:00"),
        ({"missed_visits": "0"}, "应在 1 到 10"),
        ({"visit_target": "很多"}, "请填整数"),
        ({"export_days": "400"}, "应在 1 到 90"),
        ({}, "与原来一样"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(client_as: ClientAs, given: dict[str, str], words: str) -> None:
    answer = client_as("admin").post("/places/dx-c01/rules", data=given)
    assert answer.status_code == 422 and words in answer.text
    assert all(value in answer.text for value in given.values())


def test_a_successor_is_named_on_a_page_and_only_a_sensible_one(
    session: Session, client_as: ClientAs, actor: Callable[[str], Actor]
) -> None:
    admin, path = client_as("admin"), "/places/dx-c02/successor"
    page = admin.get(path).text
    assert 'value="dx-c01"' in page and 'value="dongxin-centre"' in page
    assert 'value="xc-water"' not in page and 'value="dx-c01-g1"' not in page
    yesterday = local_day(now()) - timedelta(days=1)
    for wrong, words in (
        ({"successor": "xc-water"}, "同一区同级的单位，或上级单位"),
        ({"successor": "moon"}, "没有这个单位"),
        ({"successor": "dx-c02"}, "同一区同级的单位，或上级单位"),
        ({"valid_to": yesterday.isoformat()}, "就要选接替的单位"),
        ({"valid_to": "昨天", "successor": "dx-c01"}, "日期"),
    ):
        answer = admin.post(path, data=wrong)
        assert answer.status_code == 422 and words in answer.text, answer.text
    assert session.get_one(Agency, "dx-c02").valid_to is None
    assert admin.post(path, data={"valid_to": yesterday.isoformat(), "successor": "dx-c01"}).status_code == 303
    session.expire_all()
    closed = session.get_one(Agency, "dx-c02")
    assert successors.gone(session, closed, local_day(now())).endswith("现由万家星城社区接替")
    with pytest.raises(Forbidden, match="系统管理员维护"):
        unit_settings.name_successor(session, actor("window.clerk"), closed, {"successor": "dx-c01"})
    assert client_as("window.clerk").get(path).status_code == 404
