"""通办伙伴: what an administrator does to let another city in, and out again; what others see of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content
from models.exchange import Envelope, ExchangeTicket, Partner
from models.ledger import JournalEntry
from models.message import Message
from models.person import Grant, Person
from process.access import Actor
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable
from services.exchange import items, keys, partners, tickets
from tests.exchange.hand import Hand, new_ring

NEW = "/exchange/partners/new"


def enter(admin: FlaskClient, session: Session, **given: str) -> Partner:
    ring = new_ring()
    data = {"name": "上海青浦", "base_url": "https://tongban.example.cn/", "card": ring.card.text, **given}
    answer = admin.post(NEW, data=data)
    assert answer.status_code == 303, answer.text
    return session.query(Partner).filter_by(name=data["name"]).one()


def test_a_partner_is_entered_read_aloud_and_only_then_told_our_items(
    session: Session, client_as: Callable[[str], FlaskClient]
) -> None:
    admin = client_as("admin")
    ring = new_ring()
    # As a mail programme breaks the line.
    broken = ring.card.text[:40] + "\r\n  " + ring.card.text[40:]
    partner = enter(admin, session, card=broken)
    assert not partners.is_open(partner) and partner.base_url == "https://tongban.example.cn"
    page = admin.get(f"/exchange/partners/{partner.id}").text
    assert "请打电话核对密钥" in page and "马上再试" not in page, "nothing can be sent yet"
    # What must be heard stands nowhere on the page; what we read aloud does.
    assert ring.card.groups[0] not in page and keys.ring().card.groups[0] in page
    wrong = admin.post(f"/exchange/partners/{partner.id}/confirm", data={"key": ring.card.key_id, "heard": "1" * 30})
    assert wrong.status_code == 422 and "不一致" in wrong.text and "1" * 30 in wrong.text
    session.expire_all()
    assert not partners.is_open(partner)
    heard = "，".join(ring.card.aloud).replace("一", "幺")
    right = admin.post(f"/exchange/partners/{partner.id}/confirm", data={"key": ring.card.key_id, "heard": heard})
    assert right.status_code == 303
    session.expire_all()
    assert partners.is_open(partner) and "马上再试" in admin.get(f"/exchange/partners/{partner.id}").text
    kinds = session.scalars(select(Envelope.kind).where(Envelope.partner_id == partner.id)).all()
    assert kinds == ["items"]
    actions = session.scalars(select(JournalEntry.action).where(JournalEntry.stream == "exchange")).all()
    assert actions == ["partner:enter", "partner:confirm"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"card": "daiban1:abc"}, "不是通办密钥卡"),
        ({"card": ""}, "不是通办密钥卡"),
        ({"name": ""}, "请填写对方的名称"),
        ({"name": "长" * 41}, "最多 40 个字"),
        ({"base_url": "ftp://x.cn"}, "地址应像"),
        ({"base_url": "https://user:secret@x.cn"}, "地址应像"),
        ({"base_url": "https://x.cn:99999"}, "地址应像"),
        ({"base_url": ""}, "地址应像"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    client_as: Callable[[str], FlaskClient], change: dict[str, str], words: str
) -> None:
    given = {"name": "上海青浦", "base_url": "https://tongban.example.cn", "card": new_ring().card.text, **change}
    answer = client_as("admin").post(NEW, data=given)
    assert answer.status_code == 422 and words in answer.text
    assert all(value in answer.text for name, value in given.items() if len(value) < 40)


def test_our_own_card_and_a_card_that_is_known_are_refused(session: Session, administrator: Actor, hand: Hand) -> None:
    given = {"name": "某地", "base_url": "https://x.example.cn"}
    with pytest.raises(InvalidInput, match="自己的密钥卡"):
        partners.enter(session, administrator, {**given, "card": keys.ring().card.text})
    with pytest.raises(Conflict, match="已登记为“江苏吴江”"):
        partners.enter(session, administrator, {**given, "card": hand.ring.card.text})


def test_the_card_of_another_system_does_not_replace_a_key(
    session: Session, administrator: Actor, hand: Hand, partner: Partner
) -> None:
    with pytest.raises(InvalidInput, match="不是“江苏吴江”"):
        partners.add_key(session, administrator, partner, {"card": new_ring().card.text})
    with pytest.raises(Conflict, match="已经登记过"):
        partners.add_key(session, administrator, partner, {"card": hand.ring.card.text})


def test_only_the_administrator_and_nobody_else_by_any_door(
    session: Session, actor: Callable[[str], Actor], client_as: Callable[[str], FlaskClient], partner: Partner
) -> None:
    clerk = client_as("window.clerk")
    for path in ("/exchange/partners", NEW, f"/exchange/partners/{partner.id}", "/exchange/items"):
        assert clerk.get(path).status_code == 404
    with pytest.raises(Forbidden):
        partners.stop(session, actor("window.clerk"), partner, "x")
    with pytest.raises(Forbidden):
        items.offer(session, actor("supervisor"), {})


def test_an_administrator_of_a_street_has_no_say_in_keys_and_partners(
    session: Session,
    actor: Callable[[str], Actor],
    person: Callable[[str], Person],
    client_as: Callable[[str], FlaskClient],
    hand: Hand,
    partner: Partner,
) -> None:
    street, clerk = session.get_one(Agency, "dongxin"), person("window.clerk")
    session.add(Grant(person_id=clerk.id, role="system_admin", place_id=street.id, place_path=street.path))
    clerk.epoch += 1
    session.commit()
    here, before = client_as("window.clerk"), keys.ring().card
    for path in ("/exchange/partners", NEW, f"/exchange/partners/{partner.id}", "/exchange/items"):
        assert here.get(path).status_code == 404
    assert here.post("/exchange/partners/rotate", data={"sure": "y"}).status_code == 404
    assert here.post(f"/exchange/partners/{partner.id}/line", data={"do": "stop", "reason": "x"}).status_code == 404
    with pytest.raises(Forbidden, match="下城区的系统管理员"):
        partners.rotate(session, actor("window.clerk"), sure=True)
    with pytest.raises(Forbidden, match="下城区的系统管理员"):
        partners.stop(session, actor("window.clerk"), partner, "x")
    assert keys.ring().card == before and partner.stopped_at is None
    assert clerk not in partners.administrators(session)
    assert person("admin") in partners.administrators(session)


def test_a_lost_key_file_is_not_replaced_while_partners_know_us(
    app: Flask, session: Session, client_as: Callable[[str], FlaskClient], hand: Hand, tmp_path: Path
) -> None:
    runner, before, admin = app.test_cli_runner(), keys.ring().card, client_as("admin")
    assert "还在" in runner.invoke(args=["exchange-keys", "--new"]).output
    aside = keys.path().rename(tmp_path / "aside")
    try:
        answer = admin.get("/exchange/partners")
        assert answer.status_code == 503 and "从备份恢复" in answer.text
        assert "exchange.key" in runner.invoke(args=["exchange-keys"]).output
        assert not keys.path().exists()
        aside.rename(keys.path())
        assert keys.ring().card == before
        keys.path().rename(aside)
        said = runner.invoke(args=["exchange-keys", "--new"])
        assert said.exit_code == 0 and keys.ring().card.text in said.output
        assert keys.ring().card.installation != before.installation
    finally:
        aside.replace(keys.path())
    assert keys.ring().card == before


def test_stopping_and_withdrawing_ask_for_a_reason_and_are_in_the_journal(
    session: Session, client_as: Callable[[str], FlaskClient], hand: Hand, partner: Partner
) -> None:
    admin, page = client_as("admin"), f"/exchange/partners/{partner.id}"
    assert admin.post(f"{page}/line", data={"do": "stop", "reason": ""}).status_code == 422
    assert admin.post(f"{page}/line", data={"do": "stop", "reason": "对方升级"}).status_code == 303
    assert "停用：对方升级" in admin.get(page).text
    assert admin.post(f"{page}/line", data={"do": "stop", "reason": "再停"}).status_code == 409
    assert admin.post(f"{page}/line", data={"do": "resume"}).status_code == 303
    assert admin.post(f"{page}/line", data={"do": "dance"}).status_code == 404
    key = {"key": hand.ring.card.key_id}
    assert admin.post(f"{page}/revoke", data={**key, "reason": " "}).status_code == 422
    assert admin.post(f"{page}/revoke", data={**key, "reason": "失窃"}).status_code == 303
    assert "作废：失窃" in admin.get(page).text and "密钥待核对" in admin.get("/exchange/partners").text
    actions = set(session.scalars(select(JournalEntry.action).where(JournalEntry.stream == "exchange")))
    assert {"partner:stop", "partner:resume", "partner:revoke"} <= actions


def test_changing_our_own_key_asks_twice_and_shows_the_new_card(
    client_as: Callable[[str], FlaskClient], hand: Hand
) -> None:
    admin, before = client_as("admin"), keys.ring().card
    assert admin.post("/exchange/partners/rotate", data={}).status_code == 422
    assert keys.ring().card == before
    assert admin.post("/exchange/partners/rotate", data={"sure": "y"}).status_code == 303
    after = keys.ring().card
    assert after.installation == before.installation and after.text in admin.get("/exchange/partners").text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"unit": "nowhere"}, "请选由哪个单位受理"),
        ({"code": ""}, "请填写事项代码"),
        ({"code": "社保"}, "只用英文字母"),
        ({"code": "own_item", "title": ""}, "请填写事项名称"),
        ({"days": "0"}, "1 到 999"),
        ({"days": "-5"}, "1 到 999"),
        ({"kind": "film"}, "请选“事项”或“证明”"),
    ],
)
def test_a_wrong_offer_is_said_in_words(
    session: Session, administrator: Actor, change: dict[str, str], words: str
) -> None:
    given = {"code": "medical_insurance_transfer", "unit": "dongxin-centre", **change}
    with pytest.raises(InvalidInput, match=words):
        items.offer(session, administrator, given)


def test_an_offer_made_twice_and_one_ended_twice(session: Session, administrator: Actor, hand: Hand) -> None:
    row = items.ours(session)[0]
    with pytest.raises(NotAvailable, match="已经在清单里"):
        items.offer(session, administrator, {"code": row.code, "unit": "dongxin-centre"})
    items.end(session, administrator, row.id)
    with pytest.raises(NotAvailable, match="已经停止接收"):
        items.end(session, administrator, row.id)
    again = items.offer(session, administrator, {"code": row.code, "unit": "dongxin-centre"})
    assert again.id == row.id and again.ended_at is None


def offered(hand: Hand, client: FlaskClient, *codes: str) -> None:
    rows = [
        {"code": code, "title": f"事项{code}", "kind": "item", "unit": "示例窗口", "days": 5, "illustrative": True}
        for code in codes
    ]
    assert hand.send(client, "items", {"items": rows})["outcome"] == "done"


APPLICANT = {"applicant_name": "欧阳建国", "applicant_id_number": "440524188001010014", "want_paper": "print"}


def test_filing_needs_an_item_a_way_and_a_person(
    session: Session, hand: Hand, client: FlaskClient, partner: Partner, client_as: Callable[[str], FlaskClient]
) -> None:
    offered(hand, client, "a", "b")
    clerk = client_as("window.clerk")
    item = str(items.theirs(session, partner)[0].id)
    for given, words in (
        ({**APPLICANT}, "请选事项"),
        ({**APPLICANT, "item": item, "want_paper": ""}, "请选一种"),
        ({**APPLICANT, "item": item, "applicant_id_number": "440524188001010015"}, "applicant_id_number"),
        ({**APPLICANT, "item": "999999999999999999999"}, "请选事项"),
    ):
        answer = clerk.post("/exchange/new", data=given)
        assert answer.status_code == 422 and words in answer.text, answer.text[-500:]
        assert "欧阳建国" in answer.text
    session.expire_all()
    assert session.query(Envelope).filter_by(kind="ticket").count() == 0
    assert clerk.post("/exchange/new", data={**APPLICANT, "item": item}).status_code == 303
    session.expire_all()
    assert session.query(Envelope).filter_by(kind="ticket", status="waiting").count() == 1


def test_what_the_other_city_writes_to_our_resident_goes_out_to_them(
    session: Session, client_as: Callable[[str], FlaskClient], hand: Hand, client: FlaskClient, partner: Partner
) -> None:
    offered(hand, client, "a")
    session.expire_all()
    filed = client_as("window.clerk").post(
        "/exchange/new", data={**APPLICANT, "item": items.theirs(session, partner)[0].id}
    )
    assert filed.status_code == 303
    ticket = session.scalars(select(ExchangeTicket)).one()
    body = {"global_uid": ticket.global_uid, "unit": "吴江窗口", "at": ""}
    assert hand.send(client, "message", {**body, "text": "请补一份参保凭证", "from": "staff"})["outcome"] == "done"
    session.expire_all()
    told = session.scalars(select(Message).where(Message.occasion == "manual")).one()
    assert told.resident_id == ticket.content.applicant_id and "参保凭证" in told.text
    # The resident's own words do not come back to the resident.
    assert hand.send(client, "message", {**body, "text": "好的", "from": "resident"})["outcome"] == "done"
    assert session.query(Message).filter_by(occasion="manual").count() == 1


def test_the_deciding_city_leaves_telling_the_resident_to_the_city_of_filing(
    session: Session, hand: Hand, client: FlaskClient, client_as: Callable[[str], FlaskClient]
) -> None:
    hand.send(client, "ticket", hand.ticket())
    content = session.scalars(select(Content).where(Content.type == "cross_region")).one()
    answer = client_as("approver").post(f"/c/{content.uid}/notes", data={"kind": "message", "text": "请补材料"})
    assert answer.status_code == 303, answer.text
    assert session.query(Envelope).filter_by(kind="message").count() == 1
    assert session.query(Message).filter_by(occasion="manual").count() == 0


def test_an_item_that_ended_meanwhile_and_a_stopped_partner_are_refused(
    session: Session,
    hand: Hand,
    client: FlaskClient,
    partner: Partner,
    administrator: Actor,
    actor: Callable[[str], Actor],
) -> None:
    offered(hand, client, "a", "b")
    first = items.theirs(session, partner)[0]
    offered(hand, client, "b")
    session.expire_all()
    assert [row.code for row in items.theirs(session, partner)] == ["b"]
    clerk = actor("window.clerk")
    with pytest.raises(NotAvailable, match="不接收这个事项"):
        tickets.file(session, clerk, {**APPLICANT, "item": first.id})
    session.rollback()
    partners.stop(session, administrator, partner, "示例")
    with pytest.raises(NotAvailable, match="已停用"):
        tickets.file(session, clerk, {**APPLICANT, "item": items.theirs(session, partner)[0].id})


@pytest.mark.parametrize(
    "rows",
    [
        "x",
        [{"code": "a"}],
        [{"code": "a", "title": "A", "kind": "film", "unit": "", "days": 1, "illustrative": False}],
        [{"code": "a", "title": "A", "kind": "item", "unit": "", "days": 1, "illustrative": False}] * 2,
    ],
)
def test_a_list_that_is_none_changes_nothing(
    session: Session, hand: Hand, client: FlaskClient, partner: Partner, rows: object
) -> None:
    offered(hand, client, "a")
    said = hand.send(client, "items", {"items": rows})
    assert said["outcome"] == "refused" and said["detail"]
    session.expire_all()
    assert [row.code for row in items.theirs(session, partner)] == ["a"]
