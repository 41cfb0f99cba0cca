"""However a case ends against the applicant, the paper waits at the exit and the applicant is told, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.base import at_time, now
from models.case import ServiceItem
from models.commitment import Commitment
from models.item_place import ItemSetting
from models.message import Message
from process import engine
from process.clock import local_day
from process.library import library
from services import commitments, outgoing
from services.messages import listening
from tests.exits.waiting import advance, row_of
from tests.services.fertility import WIFE, opened

CONDITION = "开工前完成水土保持方案"
HANDED = {"way": "counter", "who": "holder", "collector_id_number": WIFE["id_number"]}


@pytest.mark.usefixtures("app")
def test_every_way_of_ending_it_is_told_and_waits_at_the_exit():
    against = [one.id for one in library.workflows["case"].transitions.values() if one.to in ("refused", "rejected")]
    assert len(against) >= 4
    assert {step: listening.OCCASIONS.get(("case", step)) for step in against} == dict.fromkeys(
        against, listening.against
    )
    assert {step: outgoing.MADE_BY.get(step) for step in against} == dict.fromkeys(against, outgoing.MADE_BY["refuse"])


def told(session, case, occasion):
    return session.scalars(select(Message).where(Message.content_id == case.id, Message.occasion == occasion)).all()


def test_a_broken_commitment_ends_at_the_exit_window(session, actor):
    item = session.scalars(select(ServiceItem).where(ServiceItem.code == "fertility_registration_card")).one()
    session.add(ItemSetting(item_id=item.id, commitments=CONDITION))
    session.flush()
    clerk = actor("window.clerk")
    case = opened(session, clerk)
    engine.fire(case, "submit", clerk)
    due = local_day(now()) + timedelta(days=20)
    promise = {"subject": CONDITION, "words": "按期完成", "due": due.isoformat(), "promised": "1"}
    engine.fire(case, "commit", clerk, inputs=promise)
    advance(session, actor, case, "approve")
    assert (row_of(session, case).kind, row_of(session, case).state) == ("result", "making")
    with at_time(now() + timedelta(days=21)):
        one = session.scalars(select(Commitment)).one()
        commitments.check(session, actor("reviewer"), one, "broken", "没有做")
        engine.fire(case, "end_commitment", actor("approver"), inputs={"comment": "承诺没有兑现", "basis": "示例"})
    row = row_of(session, case)
    assert (row.kind, row.state, row.way) == ("refusal", "waiting", "counter")
    assert len(told(session, case, "decided_against")) == 1


def test_a_parcel_is_told_when_it_leaves_not_when_it_was_signed_for(session, actor):
    clerk = actor("window.clerk")
    case = opened(session, clerk)
    engine.fire(case, "submit", clerk)
    advance(session, actor, case)
    engine.fire(case, "send_express", clerk, inputs={"express_number": "SF1234567890123"})
    [sent] = told(session, case, "result_sent")
    assert "SF1234567890123" in sent.text
    engine.fire(case, "deliver", clerk, inputs={"way": "express", "express_number": "SF1234567890123"})
    assert len(told(session, case, "result_sent")) == 1


def test_what_was_given_out_another_day_says_which_day(session, actor, client_as):
    window = client_as("window.clerk")
    with at_time(now() - timedelta(days=3)):
        case = opened(session, actor("window.clerk"))
        engine.fire(case, "submit", actor("window.clerk"))
        advance(session, actor, case)
        engine.fire(case, "deliver", actor("window.clerk"), inputs=HANDED)
    session.commit()
    row = row_of(session, case)
    day = local_day(row.gone_at)
    assert f"{day.year}年{day.month}月{day.day}日" in outgoing.obstacle(session, row)
    assert window.get(f"/exit/{row.uid}").status_code == 200
