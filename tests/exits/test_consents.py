"""同意再用材料: listed with what came of it, and taken back at once — by the resident, or by a clerk who saw the card."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from models.counter import MaterialConsent
from models.resident import Resident
from process.refusals import InvalidInput
from services import on_record
from tests.exits.waiting import advance
from tests.services.fertility import WIFE, opened


def agreed(session, actor) -> Resident:
    case = opened(session, actor("window.clerk"))
    resident = case.applicant
    on_record.agree(session, actor("window.clerk"), resident)
    session.commit()
    return resident


def test_the_resident_takes_it_back_and_it_holds_no_longer(session, actor, client_as):
    resident = agreed(session, actor)
    own = client_as("resident")
    page = own.get("/my/consents").text
    assert "有效" in page and "沈丽娟" in page and "撤回同意" in page
    assert own.post("/my/consents", data={}).status_code == 303
    session.expire_all()
    assert on_record.consent_of(session, resident) is None
    assert session.scalars(select(MaterialConsent)).one().ended_on is not None
    twice = own.post("/my/consents", data={})
    assert twice.status_code == 409 and "不用撤回" in twice.text
    assert "已撤回" in own.get("/my/consents").text
    case = opened(session, actor("window.clerk"))
    with pytest.raises(InvalidInput, match="本人同意"):
        on_record.take_over(session, actor("window.clerk"), case, case.materials[0], 1, consent=False)


def test_a_clerk_does_it_for_whoever_shows_the_card(session, actor, client_as):
    resident = agreed(session, actor)
    window = client_as("window.clerk")
    assert "要输全" in window.get("/consents").text
    found = window.post("/consents", data={"id_number": WIFE["id_number"]})
    assert found.status_code == 200 and "林若琳" in found.text and "有效" in found.text
    blind = window.post("/consents", data={"id_number": WIFE["id_number"], "do": "withdraw"})
    assert blind.status_code == 422 and "核对" in blind.text
    session.expire_all()
    assert on_record.consent_of(session, resident) is not None
    done = window.post("/consents", data={"id_number": WIFE["id_number"], "do": "withdraw", "card_seen": "1"})
    assert done.status_code == 200 and "已替本人撤回" in done.text
    session.expire_all()
    assert on_record.consent_of(session, resident) is None
    for typed in ("", "330103", "' OR 1=1 --", "11010519491231002X", "\x00"):
        assert window.post("/consents", data={"id_number": typed}).status_code in (404, 422)
    assert client_as("resident").get("/consents").status_code == 403
    assert client_as("approver").get("/consents").status_code == 403
    assert window.get("/my/consents").status_code == 403


def test_what_was_used_is_listed_with_its_case(session, actor, client_as):
    case = opened(session, actor("window.clerk"))
    from process import engine

    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case, "accept")
    slot = case.materials[0]
    slot.source, slot.source_words = "record", "某日在 DX-2026-000001 交过"
    on_record.agree(session, actor("window.clerk"), case.applicant)
    session.commit()
    page = client_as("resident").get("/my/consents").text
    assert slot.name in page and case.number in page
