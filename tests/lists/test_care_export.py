"""The care register as a file: the rows of one's own grid, masked as on the page, and nothing that is reckoned."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import JournalEntry
from models.resident import CareEntry
from process.access import Actor
from process.refusals import InvalidInput
from services import care, care_people, exports
from tests.lists.test_pages import words
from tests.services.test_care import id_number, person, years_ago
from tests.services.visiting import request_visit

As = Callable[[str], Actor]


@pytest.fixture
def register(session: Session, actor: As) -> list[CareEntry]:
    leader = actor("grid.leader")
    old = person(id_number=id_number(years_ago(85), 307), name="诸葛福", condition="age_80", proof="", proof_until="")
    made = [care_people.add(session, leader, one, now()) for one in (person(), old)]
    session.commit()
    return made


def cells(session: Session, actor: Actor, **query: str) -> list[list[str]]:
    made = exports.request(session, actor, "care", query)
    sheet = load_workbook(io.BytesIO(exports.fetch(session, actor, made.uid)[1])).active
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
    return [[str(cell.value or "") for cell in row] for row in sheet.iter_rows()]


@pytest.mark.req("S4-32")
def test_the_register_leaves_as_its_page_shows_it(session: Session, actor: As, register: list[CareEntry]) -> None:
    care.end(session, actor("grid.leader"), register[1], '=HYPERLINK("http://x")', now())
    rows = cells(session, actor("grid.leader"))
    flat = str(rows)
    assert "欧阳*" in flat and "行动不便" in flat and "万家星城社区第1网格" in flat and "诸葛" not in flat
    for secret in ("㛃䶮", "诊断", "轮椅", "沈惠珍", "13800000099", "902室", register[0].resident.id_number):
        assert secret not in flat, secret
    ended = cells(session, actor("grid.leader"), view="ended")
    assert "=HYPERLINK" in str(ended), "as text, whatever it begins with"
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "list:export")).first()
    assert entry is not None and entry.details["list"] == "care" and entry.details["rows"] == 1


def test_nobody_takes_out_what_is_not_of_their_grid(session: Session, actor: As, register: list[CareEntry]) -> None:
    for name in ("neighbour.clerk", "dx-c01-g2-leader-a", "window.clerk", "supervisor", "resident"):
        with pytest.raises(InvalidInput, match="没有您能看的"):
            exports.request(session, actor(name), "care", {})
    # A filter of somebody else's grid holds nothing, and the station has all of its community.
    with pytest.raises(InvalidInput):
        exports.request(session, actor("grid.leader"), "care", {"grid": "dx-c02-g1"})
    assert exports.request(session, actor("community.clerk"), "care", {"condition": "age_80"}).rows == 1


def test_who_turns_80_leaves_without_a_ground(session: Session, actor: As, register: list[CareEntry]) -> None:
    leader = actor("grid.leader")
    request_visit(session, leader).applicant.birth_date = years_ago(80, days=10)
    session.flush()
    rows = cells(session, leader, view="soon")
    assert rows[-1][:2] == ["骆*", "万家星城社区第1网格"] and len([cell for cell in rows[-1] if cell]) == 3


def test_caps_hold_for_the_register_too(
    session: Session, actor: As, register: list[CareEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = actor("grid.leader")
    monkeypatch.setattr(exports, "WITH_REASON", 1)
    with pytest.raises(InvalidInput, match="写明用途"):
        exports.request(session, leader, "care", {})
    monkeypatch.setattr(exports, "AT_ONCE", 1)
    made = exports.request(session, leader, "care", {}, "季度核对名册")
    assert made.status == "waiting"
    exports.make(session, made.id)
    assert made.status == "ready" and made.rows == 2
    monkeypatch.setattr(exports, "MOST", 1)
    with pytest.raises(InvalidInput, match="一次最多导出 1 件"):
        exports.request(session, leader, "care", {})


def test_from_the_page_to_the_file(client_as: Callable[[str], FlaskClient], register: list[CareEntry]) -> None:
    leader = client_as("grid.leader")
    page = leader.get("/visits/care?condition=age_80")
    assert "/lists/export/care?view=now&amp;condition=age_80" in page.get_data(as_text=True)
    asked = words(leader.get("/lists/export/care?view=now&condition=age_80"))
    assert "服务对象名册" in asked and "在册；上门条件：80岁以上" in asked
    done = leader.post("/lists/export/care", data={"view": "now", "condition": "age_80"})
    assert done.status_code == 303
    assert "服务对象名册" in words(leader.get("/lists/exports"))
