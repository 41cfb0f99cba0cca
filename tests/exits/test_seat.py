"""陪跑申报: filed together at the seat, and only with the resident's own word on exactly what stands in the form."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from models.base import at_time, now
from models.case import Case
from models.person import Grant
from models.seat import SeatConfirmation
from services import seat, trips
from tests.services.fertility import ALL, FORM, WIFE

CARD = "fertility_registration_card"
LAST4 = WIFE["id_number"][-4:]
SIGNED = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def drafted(session, client, person) -> Case:
    """A guide of the hall begins with the visitor's card and fills the form in."""
    guide = person("window.clerk")
    held = session.scalars(select(Grant).where(Grant.person_id == guide.id)).first()
    held.role = "filing_guide"
    guide.epoch = (getattr(guide, "epoch", 0) or 0) + 1
    session.commit()
    typed = {f"applicant_{name}": value for name, value in WIFE.items() if name != "household_address"}
    made = client.post(f"/items/{CARD}/assist", data=typed)
    assert made.status_code == 303 and "/seat/" in made.headers["Location"], made.text[-2000:]
    case = session.scalars(select(Case).order_by(Case.id.desc())).first()
    assert case is not None
    return case


def filled(session, case, actor) -> None:
    from services import cases

    answers = {**FORM, "wife_household_address": WIFE["household_address"]}
    cases.update(session, case, actor("window.clerk"), {**answers, "materials": [dict(one) for one in ALL]})
    session.commit()


@pytest.mark.req("S0-36")
def test_filed_together_after_the_resident_confirmed_on_the_own_phone(app, session, client_as, person, actor):
    guide = client_as("window.clerk")
    case = drafted(session, guide, person)
    early = guide.post(f"/seat/{case.uid}", data={"do": "ask"})
    assert early.status_code == 422 and "还差" in early.text
    filled(session, case, actor)
    unconfirmed = guide.post(f"/seat/{case.uid}", data={"do": "file"})
    assert unconfirmed.status_code == 422 and "本人确认后才能提交" in unconfirmed.text
    assert guide.post(f"/seat/{case.uid}", data={"do": "ask"}).status_code == 303
    page = guide.get(f"/seat/{case.uid}")
    assert "data:image/png" in page.text and page.headers["Refresh"]
    one = session.scalars(select(SeatConfirmation)).one()
    # The phone knows nothing before the four digits agree, and holds no account.
    phone = app.test_client()
    assert WIFE["name"] not in phone.get(f"/seat/confirm/{one.uid}").text
    wrong = phone.post(f"/seat/confirm/{one.uid}", data={"last4": "0000", "do": "yes"})
    assert wrong.status_code == 200 and "后四位不对" in wrong.text and WIFE["name"] not in wrong.text
    read = phone.post(f"/seat/confirm/{one.uid}", data={"last4": LAST4})
    assert WIFE["name"] in read.text and FORM["husband_name"] in read.text
    said = phone.post(f"/seat/confirm/{one.uid}", data={"last4": LAST4, "do": "yes"})
    assert said.status_code == 200 and "已经确认" in said.text
    session.expire_all()
    assert (one.state, one.way, one.failures) == ("confirmed", "phone", 1)
    done = guide.post(f"/seat/{case.uid}", data={"do": "file"})
    assert done.status_code == 303, done.text[-1500:]
    session.expire_all()
    assert case.state == "submitted" and case.assisted_by_id == person("window.clerk").id
    assert (trips.of_case(session, case).trips, case.channel) == (1, "filing_zone")
    again = phone.post(f"/seat/confirm/{one.uid}", data={"last4": LAST4, "do": "no"})
    session.expire_all()
    assert "已经确认过了" in again.text and one.state == "confirmed"


@pytest.mark.req("S0-36")
def test_a_no_and_a_change_after_the_yes_are_not_filed(app, session, client_as, person, actor):
    guide = client_as("window.clerk")
    case = drafted(session, guide, person)
    filled(session, case, actor)
    guide.post(f"/seat/{case.uid}", data={"do": "ask"})
    one = session.scalars(select(SeatConfirmation)).one()
    phone = app.test_client()
    no = phone.post(f"/seat/confirm/{one.uid}", data={"last4": LAST4, "do": "no", "words": "结婚日期不对<script>"})
    assert no.status_code == 200 and "没有申报" in no.text
    shown = guide.get(f"/seat/{case.uid}").text
    assert "结婚日期不对" in shown and "<script>不" not in shown and "不对<script>" not in shown
    refused = guide.post(f"/seat/{case.uid}", data={"do": "file"})
    assert refused.status_code == 422 and "没有同意" in refused.text
    # Asked anew, signed on the pad, then changed: the signature no longer stands for what would be filed.
    guide.post(f"/seat/{case.uid}", data={"do": "ask"})
    unsigned = guide.post(f"/seat/{case.uid}", data={"do": "sign", "signature": ""})
    assert unsigned.status_code == 422 and "还没有签名" in unsigned.text
    from services import cases

    session.expire_all()
    cases.update(session, case, actor("window.clerk"), {"marriage_date": "2025-05-21"})
    session.commit()
    late = phone.post(f"/seat/confirm/{seat.latest(session, case).uid}", data={"last4": LAST4, "do": "yes"})
    assert "不作数" in late.text
    changed = guide.post(f"/seat/{case.uid}", data={"do": "file"})
    assert changed.status_code == 422 and "又改过" in changed.text
    session.expire_all()
    assert case.state == "draft"


def test_the_code_runs_out_locks_and_is_nobody_elses(app, session, client_as, person, actor):
    guide = client_as("window.clerk")
    case = drafted(session, guide, person)
    filled(session, case, actor)
    guide.post(f"/seat/{case.uid}", data={"do": "ask"})
    one = session.scalars(select(SeatConfirmation)).one()
    phone = app.test_client()
    for _try in range(5):
        phone.post(f"/seat/confirm/{one.uid}", data={"last4": "9999", "do": "yes"})
    locked = phone.post(f"/seat/confirm/{one.uid}", data={"last4": LAST4, "do": "yes"})
    assert "已锁住" in locked.text
    session.expire_all()
    assert one.state == "asked"
    guide.post(f"/seat/{case.uid}", data={"do": "ask"})
    session.expire_all()
    assert one.state == "over"
    fresh = seat.latest(session, case)
    with at_time(now() + seat.VALID * 2):
        assert "过期" in phone.get(f"/seat/confirm/{fresh.uid}").text
    assert phone.get("/seat/confirm/" + "A" * 22).status_code == 404
    assert client_as("resident").get(f"/seat/{case.uid}").status_code == 403
    for stranger in ("neighbour.clerk", "water.clerk"):
        assert client_as(stranger).post(f"/seat/{case.uid}", data={"do": "ask"}).status_code == 404
    assert re.search("请从|没有这一步", guide.post(f"/seat/{case.uid}", data={"do": "x"}).text)
