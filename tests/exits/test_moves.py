"""换一种出法: express, the cabinet, another station and the door keep custody; what nobody fetches is reminded of once per step."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from models.base import at_time, now
from models.delegation import Handover
from models.errand import Errand
from models.exit import ExitReceipt
from models.express import ExpressRecord
from models.ledger import OutboxItem
from models.message import Message
from models.paper import Document
from process import engine
from services import exit_reminders, outgoing, trips
from tests.exits.test_handing import OWN
from tests.exits.waiting import advance, row_of
from tests.services.fertility import ALL, opened


def one(session, actor, **changes):
    """A card that waits at the street's window."""
    case = opened(session, actor("window.clerk"), **changes)
    engine.fire(case, "submit", actor("window.clerk"))
    advance(session, actor, case)
    session.commit()
    return case


@pytest.mark.req("S0-24")
def test_filed_online_and_sent_by_express_nobody_came(session, actor, client_as):
    me = actor("resident")
    case = opened(session, me, place="dx-c01", applicant=None, materials=[])
    for slot in case.materials:
        session.add(
            Document(
                content_id=case.id,
                material_id=slot.id,
                filename="a.jpg",
                media_type="image/jpeg",
                size=1,
                sha256="0" * 64,
                storage_key="x",
            )
        )
    session.flush()
    engine.fire(case, "submit", me)
    advance(session, actor, case)
    session.commit()
    window = client_as("window.clerk")
    row = row_of(session, case)
    wrong = window.post(f"/exit/{row.uid}/move", data={"do": "express", "express_number": "13800000001"})
    assert wrong.status_code == 422 and "快递单号不对" in wrong.text and "13800000001" in wrong.text
    sent = window.post(f"/exit/{row.uid}/move", data={"do": "express", "express_number": "SF1234567890123"})
    assert sent.status_code == 303, sent.text[-1500:]
    assert (row_of(session, case).way, row.state) == ("express", "underway")
    # What is in the parcel is not at the window.
    stopped = window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN})
    assert stopped.status_code == 409 and "已交快递" in stopped.text
    signed = window.post(f"/exit/{row.uid}/move", data={"do": "signed"})
    assert signed.status_code == 303
    session.expire_all()
    record = session.scalars(select(ExpressRecord)).one()
    assert record.signed_at is not None and (case.state, case.trips) == ("delivered", 0)
    counted = trips.of_case(session, case)
    assert counted.trips == 0 and [event.came for event in counted.events] == [False, False, False]
    page = window.get(f"/c/{case.uid}").text
    assert "零次跑" in page and "快递签收，没有到场" in page and "SF1234567890123" in page


def test_another_station_counts_it_and_then_hands_it_out(session, actor, client_as):
    brought = [{**line, "original": line["code"] == "marriage_certificate"} for line in ALL]
    case = one(session, actor, materials=brought)
    window, neighbour = client_as("window.clerk"), client_as("neighbour.clerk")
    row = row_of(session, case)
    bad = window.post(f"/exit/{row.uid}/move", data={"do": "station", "unit": "nowhere"})
    assert bad.status_code == 422 and "请从名单里选" in bad.text
    assert neighbour.get(f"/exit/{row.uid}").status_code == 404
    assert window.post(f"/exit/{row.uid}/move", data={"do": "station", "unit": "dx-c02"}).status_code == 303
    row = row_of(session, case)
    slot = next(m for m in case.materials if m.code == "marriage_certificate")
    handover = session.get(Handover, row.handover_id)
    assert handover.signed_at is None and slot.holder_unit_id == "dongxin-centre", "on the way it is still the sender's"
    assert "转来本站、等清点的" in neighbour.get("/exit").text
    short = {f"line-{line.position}": "0" for line in handover.lines}
    differs = neighbour.post(f"/exit/{row.uid}/arrive", data=short)
    assert differs.status_code == 422 and "与清单不一致" in differs.text
    # Neither of the two windows can hand out what lies between them.
    assert window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN}).status_code == 409
    assert neighbour.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN}).status_code == 404
    whole = {f"line-{line.position}": str(line.sheets) for line in handover.lines}
    assert window.post(f"/exit/{row.uid}/arrive", data=whole).status_code == 409
    assert neighbour.post(f"/exit/{row.uid}/arrive", data=whole).status_code == 303
    session.expire_all()
    row = row_of(session, case)
    assert (row.unit_id, row.state, slot.holder_unit_id, slot.original_held) == ("dx-c02", "waiting", "dx-c02", True)
    ready = session.scalars(select(Message).where(Message.occasion == "result_ready", Message.content_id == case.id))
    assert any("社区02" in message.text for message in ready)
    done = neighbour.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN})
    assert done.status_code == 303, done.text[-2500:]
    session.expire_all()
    assert case.state == "delivered" and not slot.original_held
    assert window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN}).status_code == 404


def test_the_cabinet_opens_with_the_code_and_locks_after_five_wrong_ones(session, actor, client_as):
    case = one(session, actor)
    window = client_as("window.clerk")
    row = row_of(session, case)
    bad = window.post(f"/exit/{row.uid}/move", data={"do": "cabinet", "box": "<b>"})
    assert bad.status_code == 422 and "柜号不对" in bad.text
    assert window.post(f"/exit/{row.uid}/move", data={"do": "cabinet", "box": "a12"}).status_code == 303
    row = row_of(session, case)
    told = session.scalars(select(Message).where(Message.occasion == "result_in_cabinet")).one()
    assert row.code in told.text and row.code not in window.get(f"/exit/{row.uid}").text
    raw = session.connection().exec_driver_sql("SELECT code FROM outgoing").scalar_one()
    assert row.code not in str(raw)
    wrong = "000000" if row.code != "000000" else "111111"
    for _try in range(5):
        window.post(f"/exit/{row.uid}/move", data={"do": "code", "code": wrong})
    locked = window.post(f"/exit/{row.uid}/move", data={"do": "code", "code": row.code})
    assert locked.status_code == 409 and "已锁住" in locked.text
    assert window.post(f"/exit/{row.uid}/move", data={"do": "back", "words": ""}).status_code == 422
    assert window.post(f"/exit/{row.uid}/move", data={"do": "back", "words": "本人来窗口"}).status_code == 303
    assert window.post(f"/exit/{row.uid}/move", data={"do": "cabinet", "box": "A13"}).status_code == 303
    code = row_of(session, case).code
    opened_now = window.post(f"/exit/{row.uid}/move", data={"do": "code", "code": code})
    assert opened_now.status_code == 303 and "/receipts/" in opened_now.headers["Location"]
    session.expire_all()
    assert case.state == "delivered" and session.scalars(select(ExitReceipt)).one().who == "code"


def test_a_courier_brings_it_home_and_nobody_came_for_it(session, actor, client_as):
    case = one(session, actor)
    window = client_as("window.clerk")
    row = row_of(session, case)
    assert window.post(f"/exit/{row.uid}/move", data={"do": "door"}).status_code == 303
    errand = session.scalars(select(Errand)).one()
    assert errand.purpose == "deliver_result" and errand.related_id == case.id and "1102" not in errand.title
    assert (row_of(session, case).way, row.state) == ("door", "underway")
    again = window.post(f"/exit/{row.uid}/move", data={"do": "door"})
    assert again.status_code == 409 and session.scalar(select(func.count()).select_from(Errand)) == 1
    # Called off: it lies at the window again.
    engine.fire(errand, "cancel", actor("dispatcher"), inputs={"comment": "本人改到窗口领"})
    session.commit()
    assert (row_of(session, case).way, row.state) == ("counter", "waiting")


def test_what_nobody_fetches_is_listed_and_said_once_per_step(session, actor, client_as):
    case = one(session, actor)
    row = row_of(session, case)
    window = client_as("window.clerk")
    assert "没有放着没人领的" in window.get("/exit?show=unclaimed").text
    planned = session.scalars(select(OutboxItem).where(OutboxItem.job == exit_reminders.REMIND)).one()
    assert exit_reminders.remind(session, planned.args) is False, "not before its day"
    with at_time(now() + timedelta(days=12)):
        window = client_as("window.clerk")
        assert case.number in window.get("/exit?show=unclaimed").text
        assert exit_reminders.remind(session, planned.args) is True
        assert exit_reminders.remind(session, planned.args) is False, "said once"
        session.commit()
        today = window.post(f"/exit/{row.uid}/move", data={"do": "remind"})
        assert today.status_code == 409 and "今天已经提醒过" in today.text
    with at_time(now() + timedelta(days=13)):
        window = client_as("window.clerk")
        assert window.post(f"/exit/{row.uid}/move", data={"do": "remind"}).status_code == 303
    with at_time(now() + timedelta(days=14)):
        window = client_as("window.clerk")
        assert window.post(f"/exit/{row.uid}/move", data={"do": "remind"}).status_code == 303
    with at_time(now() + timedelta(days=15)):
        window = client_as("window.clerk")
        enough = window.post(f"/exit/{row.uid}/move", data={"do": "remind"})
        assert enough.status_code == 409 and "请打电话" in enough.text
    told = list(session.scalars(select(Message).where(Message.occasion == "result_unclaimed")))
    assert len(told) == 3 and "快递" in told[0].text
    # Handed over meanwhile: nothing more is said.
    last = session.scalars(select(OutboxItem).where(OutboxItem.job == exit_reminders.REMIND)).all()[-1]
    window = client_as("window.clerk")
    assert window.post(f"/exit/{row.uid}", data={"pick": [row.uid], **OWN}).status_code == 303
    session.expire_all()
    with at_time(now() + timedelta(days=60)):
        assert exit_reminders.remind(session, last.args) is False
    assert outgoing.of_case(session, case).state == "gone"


@pytest.mark.req("S0-08")
def test_review_and_approval_inside_the_office_leave_the_trips_as_they_were(session, actor):
    case = opened(session, actor("window.clerk"))
    engine.fire(case, "submit", actor("window.clerk"))
    before = trips.of_case(session, case).trips
    advance(session, actor, case)
    session.refresh(case)
    assert (before, case.trips, trips.of_case(session, case).trips) == (1, 1, 1)
