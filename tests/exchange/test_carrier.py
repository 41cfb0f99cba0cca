"""The carrier against a partner that misbehaves: only its own signed word ends a letter's waiting, and nothing waits for ever."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import at_time
from models.content import Content
from models.exchange import Envelope, Partner
from models.ledger import OutboxItem
from models.notice import Notice
from process import engine
from process.access import Actor
from services.exchange import envelopes, items, partners, posting, sending, tickets
from services.exchange.receiving import refusal_line
from tests.exchange.hand import Hand, new_ring

Answer = Callable[[Hand, bytes], tuple[int, bytes, dict[str, str]]]


class There:
    """The other city's door; a test says how it answers."""

    def __init__(self, hand: Hand) -> None:
        self.answer: Answer = receipt
        self.asked: list[bytes] = []
        there = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                there.asked.append(raw)
                status, body, headers = there.answer(hand, raw)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def receipt(hand: Hand, raw: bytes) -> tuple[int, bytes, dict[str, str]]:
    return 200, envelopes.receipt(hand.ring, envelopes.read(raw), datetime.now(UTC), "done").encode(), {}


def refusal(slug: str, signed: bool = True, **facts: Any) -> Answer:
    def answer(hand: Hand, raw: bytes) -> tuple[int, bytes, dict[str, str]]:
        line = refusal_line(envelopes.digest_of(raw.decode()), slug, facts.get("expected"))
        signature = hand.ring.sign(line) if signed else "00" * 64
        body = {"type": f"/problems/{slug}", "detail": "示例理由", **facts}
        return 409, json.dumps(body).encode(), {"Daiban-Refusal-Signature": signature}

    return answer


@pytest.fixture
def there(hand: Hand, session: Session, partner: Partner) -> Iterator[There]:
    door = There(hand)
    partner.base_url = door.url
    session.commit()
    yield door
    door.server.shutdown()
    door.server.server_close()


def waiting(session: Session) -> list[Envelope]:
    session.expire_all()
    return list(session.scalars(select(Envelope).where(Envelope.status == "waiting").order_by(Envelope.seq)))


def carry(session: Session, partner: Partner) -> None:
    session.rollback()
    sending.carry(session, partner.id)
    session.commit()
    session.refresh(partner)


def pushed(
    session: Session, hand: Hand, client: FlaskClient, actor: Callable[[str], Actor], partner: Partner
) -> Content:
    row = {"code": "a", "title": "示例事项", "kind": "item", "unit": "示例窗口", "days": 5, "illustrative": True}
    hand.send(client, "items", {"items": [row]})
    session.expire_all()
    clerk = actor("window.clerk")
    given = {"applicant_name": "欧阳建国", "applicant_id_number": "440524188001010014", "want_paper": "print"}
    content = tickets.file(session, clerk, {**given, "item": items.theirs(session, partner)[0].id})
    engine.fire(content, "push", clerk)
    session.commit()
    return content


def test_letters_go_in_order_and_wait_until_there_is_a_receipt(
    session: Session, there: There, partner: Partner, hand: Hand, client: FlaskClient, actor: Callable[[str], Actor]
) -> None:
    pushed(session, hand, client, actor, partner)
    before = [row.seq for row in waiting(session)]
    assert before == list(range(1, len(before) + 1)) and len(before) >= 2
    carry(session, partner)
    assert waiting(session) == [] and partner.answered_at is not None
    assert [envelopes.read(raw).seq for raw in there.asked] == before
    rows = session.scalars(select(Envelope).where(Envelope.direction == "out")).all()
    assert all(row.receipt and json.loads(row.receipt)["digest"] == row.digest for row in rows)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda hand, raw: (200, b"OK", {}), "没有有效签名"),
        (lambda hand, raw: (200, b"{}", {}), "没有有效签名"),
        (lambda hand, raw: (200, receipt(Hand(new_ring(), hand.office), raw)[1], {}), "没有有效签名"),
        (lambda hand, raw: (200, _of_another(hand), {}), "别的函件"),
        (lambda hand, raw: (200, b"x" * 200_000, {}), "太长"),
        (lambda hand, raw: (500, b"", {}), "没有收（500）"),
        (lambda hand, raw: (302, b"", {"Location": "http://127.0.0.1:1/"}), "没有收（302）"),
        (lambda hand, raw: (404, b"<html>", {}), "没有收（404）"),
        (refusal("exchange-clock"), "示例理由"),
    ],
)
def test_whatever_else_is_answered_the_letter_waits_and_the_page_says_why(
    session: Session,
    there: There,
    partner: Partner,
    answer: Answer,
    words: str,
    client_as: Callable[[str], FlaskClient],
) -> None:
    there.answer = answer
    before = [row.digest for row in waiting(session)]
    carry(session, partner)
    assert [row.digest for row in waiting(session)] == before
    assert words in partner.last_error and partner.down_since is not None and partner.failures == 1
    assert partner.next_try_at is not None and partner.next_try_at > datetime.now(UTC)
    assert words in client_as("admin").get(f"/exchange/partners/{partner.id}").text
    # The next attempt is in the outbox, and nobody asks before its time, which on a busy machine must not be over yet.
    partner.next_try_at += timedelta(hours=1)
    session.commit()
    asked = len(there.asked)
    carry(session, partner)
    assert len(there.asked) == asked
    later = session.scalars(
        select(OutboxItem.available_at).where(OutboxItem.job == partners.SEND).order_by(OutboxItem.id.desc())
    ).first()
    assert later is not None and later > datetime.now(UTC)


def _of_another(hand: Hand) -> bytes:
    friend = Hand(new_ring(), hand.ring.card)
    letter = envelopes.read(friend.write("items", {"items": []}).encode())
    return envelopes.receipt(hand.ring, letter, datetime.now(UTC), "done").encode()


def test_pauses_grow_and_end_when_the_partner_is_back(session: Session, there: There, partner: Partner) -> None:
    there.server.shutdown()
    there.server.server_close()
    pauses = []
    at = datetime.now(UTC)
    for _ in range(9):
        with at_time(at):
            carry(session, partner)
            assert partner.next_try_at is not None
            pauses.append((partner.next_try_at - at).total_seconds())
            at = partner.next_try_at + timedelta(seconds=1)
    assert pauses[0] <= 5 and pauses[-1] > 250 and max(pauses) <= 600
    assert "连不上对方" in partner.last_error and partner.failures == 9


def test_a_line_that_breaks_after_every_letter_never_counts_as_down_for_long(
    session: Session, there: There, partner: Partner
) -> None:
    """Each run gets one letter through: the pause stays that of a first failure."""

    def one_of_two(hand: Hand, raw: bytes) -> tuple[int, bytes, dict[str, str]]:
        return receipt(hand, raw) if len(there.asked) % 2 else (500, b"", {})

    there.answer = one_of_two
    for _ in range(6):
        items.send_list(session, partner)
    session.commit()
    for _ in range(4):
        partner.next_try_at = None
        session.commit()
        carry(session, partner)
        assert partner.failures == 1 and partner.next_try_at is not None
        assert partner.next_try_at - datetime.now(UTC) < timedelta(seconds=6)
    assert len(waiting(session)) == 4


def test_a_partner_that_restored_an_old_backup_gets_again_what_it_lost(
    session: Session, there: There, partner: Partner, administrator: Actor
) -> None:
    for code in ("pension_payment_proof", "medical_insurance_transfer"):
        items.offer(session, administrator, {"code": code, "unit": "dongxin-centre"})
    session.commit()
    carry(session, partner)
    first = [envelopes.read(raw).digest for raw in there.asked]
    assert waiting(session) == []
    items.send_list(session, partner)
    session.commit()
    there.answer = refusal("exchange-predecessor-missing", expected=2)
    carry(session, partner)
    there.answer = receipt
    there.asked.clear()
    carry(session, partner)
    again = [envelopes.read(raw).digest for raw in there.asked]
    assert again[:-1] == first[1:] and waiting(session) == []


def test_a_letter_that_went_out_of_date_is_sealed_anew_with_its_place(
    session: Session, there: There, partner: Partner
) -> None:
    before = waiting(session)[0]
    seq, digest, uid = before.seq, before.digest, before.uid
    there.answer = refusal("exchange-expired")
    carry(session, partner)
    row = waiting(session)[0]
    assert row.seq == seq and row.digest != digest and row.uid != uid and row.previous == envelopes.FIRST
    there.answer = receipt
    carry(session, partner)
    assert waiting(session) == []
    last = session.scalars(select(Envelope).where(Envelope.direction == "out").order_by(Envelope.seq.desc())).first()
    assert last is not None and last.digest == partner.out_digest and json.loads(last.receipt or "")["seq"] == last.seq


def test_nobody_between_can_make_us_seal_anew_or_send_again(session: Session, there: There, partner: Partner) -> None:
    before = [row.digest for row in waiting(session)]
    for answer in (
        refusal("exchange-expired", signed=False),
        refusal("exchange-predecessor-missing", False, expected=1),
    ):
        there.answer = answer
        partner.next_try_at = None
        session.commit()
        carry(session, partner)
    assert [row.digest for row in waiting(session)] == before


def test_a_ticket_that_is_not_taken_comes_back_with_the_reason(
    session: Session,
    there: There,
    partner: Partner,
    hand: Hand,
    client: FlaskClient,
    actor: Callable[[str], Actor],
    client_as: Callable[[str], FlaskClient],
) -> None:
    def not_taken(hand: Hand, raw: bytes) -> tuple[int, bytes, dict[str, str]]:
        letter = envelopes.read(raw)
        outcome = ("refused", "unknown-item", "本地不接收这个事项。") if letter.kind == "ticket" else ("done", "", "")
        return 200, envelopes.receipt(hand.ring, letter, datetime.now(UTC), *outcome).encode(), {}

    content = pushed(session, hand, client, actor, partner)
    there.answer = not_taken
    carry(session, partner)
    session.refresh(content)
    assert content.state == "refused" and content.closed_at is not None
    assert "本地不接收这个事项" in client_as("window.clerk").get(f"/c/{content.uid}").text
    assert waiting(session) == [], "what came back is not sent to and fro"


def test_four_hours_without_a_receipt_everybody_concerned_is_told_once(
    session: Session,
    there: There,
    partner: Partner,
    hand: Hand,
    client: FlaskClient,
    actor: Callable[[str], Actor],
    client_as: Callable[[str], FlaskClient],
) -> None:
    content = pushed(session, hand, client, actor, partner)
    letter = session.scalars(select(Envelope).where(Envelope.kind == "ticket")).one()
    due = session.scalars(
        select(OutboxItem).where(OutboxItem.job == partners.OVERDUE).order_by(OutboxItem.id.desc())
    ).first()
    assert due is not None and due.args == {"envelope_id": letter.id}
    assert abs(due.available_at - letter.sent_at - timedelta(hours=4)) < timedelta(minutes=1)
    letter.sent_at = datetime.now(UTC) - timedelta(hours=5)
    for _ in range(2):
        sending.overdue(session, letter.id)
    session.commit()
    told = session.scalars(select(Notice).where(Notice.kind == "exchange")).all()
    assert len({notice.person_id for notice in told}) == len(told) >= 2
    assert content.owner_id in {notice.person_id for notice in told}
    admin = client_as("admin")
    assert "4 小时没有回执" in admin.get("/exchange/partners").text
    assert "还没有回执" in client_as("window.clerk").get("/exchange/").text
    # Receipted meanwhile: nobody is told of what is over.
    carry(session, partner)
    session.query(Notice).filter_by(kind="exchange").delete()
    session.commit()
    sending.overdue(session, letter.id)
    session.commit()
    assert session.query(Notice).filter_by(kind="exchange").count() == 0


def test_a_silent_partner_costs_no_more_than_the_limits(
    session: Session, there: There, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    monkeypatch.setattr(sending, "TIMEOUT", httpx.Timeout(0.5))

    given_up = threading.Event()

    def silent(hand: Hand, raw: bytes) -> tuple[int, bytes, dict[str, str]]:
        # The partner would be silent for longer than this test may take; the carrier is back before.
        given_up.wait(280)
        return 200, b"", {}

    there.answer = silent
    carry(session, partner)
    assert not given_up.is_set()
    given_up.set()
    assert "没有在时限内回答" in partner.last_error


def test_nothing_is_sent_to_a_partner_that_is_stopped_and_all_of_it_afterwards(
    session: Session, there: There, partner: Partner, administrator: Actor
) -> None:
    partners.stop(session, administrator, partner, "示例")
    items.send_list(session, partner)
    session.commit()
    carry(session, partner)
    assert there.asked == [] and len(waiting(session)) >= 2
    partners.resume(session, administrator, partner)
    session.commit()
    carry(session, partner)
    assert waiting(session) == []


def test_a_letter_and_its_step_stay_or_go_together(
    session: Session, partner: Partner, hand: Hand, client: FlaskClient, actor: Callable[[str], Actor]
) -> None:
    count = len(waiting(session))
    content = pushed(session, hand, client, actor, partner)
    assert len(waiting(session)) == count + 1
    posting.post(session, partner.id, "message", {"text": "x"}, content=content)
    session.rollback()
    session.refresh(partner)
    assert len(waiting(session)) == count + 1 and partner.out_seq == count + 1
