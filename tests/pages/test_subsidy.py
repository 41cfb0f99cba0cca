"""三级补助 through the pages: community, street, federation, bank; accounts are the payer's alone."""

from __future__ import annotations

import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from models.agency import Agency
from models.base import now
from models.content import Content
from models.ledger import JournalEntry
from models.payment import PaymentLine, PaymentList
from models.person import Grant, Person
from process.clock import local_day
from process.refusals import Conflict
from services import actions, payments

ACCOUNT = "6228480329876543210"


def post(session, username: str, role: str, place: str) -> None:
    """A colleague with one post, as the district's administrator would give it."""
    at = session.get_one(Agency, place)
    known = session.scalars(select(Person).where(Person.username == username)).first()
    if known is None:
        model = session.scalars(select(Person).where(Person.username == "reviewer")).one()
        known = Person(username=username, name="钱启明", password_hash=model.password_hash, unit_id=place)
        session.add(known)
        session.flush()
    session.add(Grant(person_id=known.id, role=role, place_id=at.id, place_path=at.path))
    session.commit()


@pytest.fixture
def levels(session) -> None:
    post(session, "federation", "disability_federation", "xiacheng")
    post(session, "bank", "disbursing_bank", "xiacheng")


def applied(session, actor, account: str = ACCOUNT) -> Content:
    thing = actions.create(
        session,
        actor("resident"),
        "subsidy_three_level",
        {"subsidy": "残疾人生活补助", "bank_account": account, "ground": "家庭困难", "place": "dx-c01"},
    )
    session.commit()
    return thing


def step(client, thing: Content, name: str, **inputs):
    return client.post(f"/c/{thing.uid}/do/{name}", data=inputs)


def climbed(client_as, thing: Content) -> None:
    for who, name, inputs in (
        ("community.clerk", "first_check", {}),
        ("reviewer", "review", {}),
        ("federation", "approve", {"monthly_amount": "860"}),
    ):
        answer = step(client_as(who), thing, name, **inputs)
        assert answer.status_code == 303, (name, answer.text[-1500:])


@pytest.mark.req("S3-26")
def test_three_levels_then_the_bank_each_with_its_inbox(session, actor, client_as, levels):
    thing = applied(session, actor)
    page = f"/c/{thing.uid}"
    clerk, reviewer, federation, bank = (client_as(n) for n in ("community.clerk", "reviewer", "federation", "bank"))
    # Each level finds it on its own desk, and only then.
    assert thing.number in clerk.get("/desk/").text
    assert reviewer.get(page).status_code == 404 and bank.get(page).status_code == 404
    assert ACCOUNT in clerk.get(page).text or "＊＊＊" in clerk.get(page).text
    assert step(clerk, thing, "first_check").status_code == 303
    assert thing.number in reviewer.get("/desk/").text
    shown = reviewer.get(page).text
    assert ACCOUNT not in shown and "银行账号" not in shown
    assert ACCOUNT not in clerk.get(page).text
    # One level back, with a reason, and no further.
    none = step(reviewer, thing, "back_to_check", comment=" ")
    assert none.status_code == 422 and "退回原因" in none.text
    assert step(reviewer, thing, "back_to_check", comment="残疾证号抄错了").status_code == 303
    session.expire_all()
    assert session.get(Content, thing.id).state == "applied"
    # What only the applicant can mend goes down rung by rung: the community asks, never the street over its head.
    assert step(clerk, thing, "send_back", comment="残疾证号请照原件填").status_code == 303
    resident = client_as("resident")
    assert "残疾证号请照原件填" in resident.get(page).text
    assert step(resident, thing, "apply_again", comment="已改").status_code == 303
    assert step(clerk, thing, "first_check").status_code == 303
    over = step(reviewer, thing, "send_back", comment="直接退给申请人")
    assert over.status_code == 409 and session.get(Content, thing.id).state == "first_checked"
    assert step(reviewer, thing, "review").status_code == 303
    assert thing.number in federation.get("/desk/").text
    assert step(federation, thing, "back_to_check", comment="x").status_code in (403, 409)
    assert step(federation, thing, "back_to_review", comment="请核对收入").status_code == 303
    assert step(reviewer, thing, "review").status_code == 303
    assert "银行账号" not in federation.get(page).text
    assert bank.get("/subsidies/payments").text.count(thing.number) == 0
    assert step(federation, thing, "approve", monthly_amount="860").status_code == 303
    # The bank: list, file, paid.
    shown = bank.get("/subsidies/payments").text
    assert thing.number in shown and "6228 4803 2987 6543 210" in shown and "860 元" in shown
    made = bank.post("/subsidies/payments", data={"uid": thing.uid})
    assert made.status_code == 303, made.text
    twice = bank.post("/subsidies/payments", data={"uid": thing.uid})
    assert twice.status_code == 409 and "已经列进别的清单" in twice.text
    address = made.headers["Location"]
    file = bank.post(f"{address}/file")
    assert file.status_code == 200 and file.headers["Cache-Control"] == "no-store"
    cells = [cell for row in load_workbook(io.BytesIO(file.data)).active.iter_rows(values_only=True) for cell in row]
    assert ACCOUNT in [str(cell) for cell in cells]
    late = bank.post(address, data={"paid_on": "2099-01-01"})
    assert late.status_code == 422 and "也不能晚于今天" in late.text
    today = local_day(now()).isoformat()
    assert bank.post(address, data={"paid_on": today}).status_code == 303
    assert "不能再登记一次" in bank.post(address, data={"paid_on": today}).text
    session.expire_all()
    done = session.get(Content, thing.id)
    one = session.scalars(select(PaymentList)).one()
    assert done.state == "paid" and done.fields["payment_list"] == one.number and one.taken_out == 1
    shown = client_as("resident").get(page).text
    assert one.number in shown and "银行发放" in shown
    # Who took the file out stands in the history, the account does not.
    rows = session.scalars(select(JournalEntry).where(JournalEntry.content_id == thing.id)).all()
    assert "payment:export" in {row.action for row in rows}
    assert not any(ACCOUNT in f"{row.comment}{row.details}" for row in rows)


@pytest.mark.req("S3-26")
def test_the_list_is_the_payers_alone(session, actor, client_as, levels):
    thing = applied(session, actor)
    climbed(client_as, thing)
    post(session, "other.bank", "disbursing_bank", "dx-c02")
    address = client_as("bank").post("/subsidies/payments", data={"uid": thing.uid}).headers["Location"]
    for who in ("reviewer", "federation", "community.clerk", "window.clerk", "approver", "resident", "courier"):
        client = client_as(who)
        for answer in (
            client.get("/subsidies/payments"),
            client.get(address),
            client.post(f"{address}/file"),
            client.post(address, data={"paid_on": "2026-01-01"}),
            client.post("/subsidies/payments", data={"uid": thing.uid}),
        ):
            assert answer.status_code in (403, 404), who
            assert ACCOUNT not in answer.text
        if who != "resident":
            assert ACCOUNT not in client.get(f"/api/v1/contents/{thing.uid}").text
    foreign = client_as("other.bank")
    assert thing.number not in foreign.get("/subsidies/payments").text
    assert foreign.get(address).status_code == 404 and foreign.post(f"{address}/file").status_code == 404
    assert foreign.post("/subsidies/payments", data={"uid": thing.uid}).status_code == 409


def test_two_payers_at_once_make_one_list_and_lists_of_two_districts_have_two_numbers(
    session, actor, levels, monkeypatch
):
    """What one payer saw as waiting before the other pressed is refused by the table itself, with the same sentence."""
    thing, other = applied(session, actor), applied(session, actor)
    federation = actor("federation")
    for one in (thing, other):
        for who, name, inputs in (
            (actor("community.clerk"), "first_check", {}),
            (actor("reviewer"), "review", {}),
            (federation, "approve", {"monthly_amount": 860}),
        ):
            actions.perform(one, name, who, inputs)
    session.commit()
    bank = actor("bank")
    seen = payments.waiting(session, bank)
    first = payments.make(session, bank, [thing.uid])
    monkeypatch.setattr(payments, "waiting", lambda session, actor: seen)
    with pytest.raises(Conflict, match="已经列进别的清单"):
        payments.make(session, bank, [thing.uid])
    session.get_one(Agency, "xiacheng").district = "another"
    session.flush()
    assert payments.make(session, bank, [other.uid]).number != first.number
    session.rollback()


def test_what_did_not_arrive_goes_one_level_back(session, actor, client_as, levels):
    good, bad = applied(session, actor), applied(session, actor, "6228480320000000018")
    wrong = applied(session, actor, "12-34")
    for thing in (good, bad, wrong):
        climbed(client_as, thing)
    bank = client_as("bank")
    shown = bank.get("/subsidies/payments").text
    assert "银行账号应是 12 到 21 位数字" in shown
    refused = bank.post("/subsidies/payments", data={"uid": [good.uid, wrong.uid]})
    assert refused.status_code == 422 and wrong.number in refused.text
    assert bank.post("/subsidies/payments", data={}).status_code == 422
    address = bank.post("/subsidies/payments", data={"uid": [good.uid, bad.uid]}).headers["Location"]
    today = local_day(now()).isoformat()
    unsaid = bank.post(address, data={"paid_on": today, f"failed-{bad.uid}": "1", f"reason-{bad.uid}": ""})
    assert unsaid.status_code == 422 and "没发成的请写原因" in unsaid.text
    said = bank.post(address, data={"paid_on": today, f"failed-{bad.uid}": "1", f"reason-{bad.uid}": "户名不符"})
    assert said.status_code == 303
    session.expire_all()
    assert session.get(Content, good.id).state == "paid"
    again = session.get(Content, bad.id)
    assert again.state == "street_reviewed" and again.number in client_as("federation").get("/desk/").text
    assert "户名不符" in client_as("federation").get(f"/c/{bad.uid}").text
    assert "户名不符" not in client_as("resident").get(f"/c/{bad.uid}").text, "between offices"
    states = sorted(line.state for line in session.scalars(select(PaymentLine)))
    assert states == ["failed", "paid"]
    # Mended and approved again it may stand on a further list.
    assert step(client_as("federation"), bad, "approve", monthly_amount="860").status_code == 303
    assert bank.post("/subsidies/payments", data={"uid": bad.uid}).status_code == 303
    assert len(re.findall("<b>FF-", bank.get("/subsidies/payments").text)) == 2
