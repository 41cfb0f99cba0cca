"""The carrier: takes what waits for a partner over HTTP, in order, with limits on every wait, and keeps the receipts."""

from __future__ import annotations

import fcntl
import logging
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.exchange import Envelope, Partner
from process import outbox, transactions
from process.refusals import EnvelopeRefused
from process.words import N_
from services import notices
from services.exchange import envelopes, keys, partners, posting
from services.exchange.keys import Card
from services.exchange.receiving import refusal_line

log = logging.getLogger("daiban.exchange")
PATH = "/exchange/v1/envelopes"
TIMEOUT = httpx.Timeout(15.0, connect=3.0, pool=3.0)
# Receipts and refusals are short; whoever answers with more is no partner of ours.
LARGEST_ANSWER = 65_536
WHOLE_ANSWER = 30.0
BATCH, BATCH_SECONDS = 25, 20.0
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
SEAL_ANEW = ("exchange-expired", "exchange-revoked-key", "exchange-altered")


@dataclass
class Waiting:
    """One letter to carry, as it stood when it was read."""

    id: int
    seq: int
    uid: str
    digest: str
    text: str


@dataclass
class Line:
    """Everything the carrier needs, so that no database is held while the network is waited for."""

    partner_id: int
    name: str
    url: str
    cards: list[Card]
    letters: list[Waiting]


@dataclass
class Carried:
    """What came of a run."""

    receipts: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    error: str = ""
    # Where the partner wants us to begin again, and whether these letters must be sealed anew.
    again_from: int | None = None
    anew: bool = False


def carry(session: Session, partner_id: int) -> None:
    """One run for one partner. A failure is written on the partner and tried again later; nothing is lost by it."""
    # Whoever called may have read something; on SQLite that would keep everybody from writing while the network is waited for.
    session.rollback()
    with _only_carrier(partner_id) as mine:
        if not mine:
            # Whoever carries now may have looked before our letter was there: somebody looks again in a moment.
            outbox.put(session, partners.SEND, delay=timedelta(seconds=2), partner_id=partner_id)
            return
        line = _look(session, partner_id)
        if line is None or not line.letters:
            return
        carried = _run(line)
        _keep(session, line, carried)


@contextmanager
def _only_carrier(partner_id: int) -> Iterator[bool]:
    """Two carriers would do no harm, only double work; the lock dies with its process."""
    with keys.path().with_name(f"exchange-{partner_id}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _look(session: Session, partner_id: int) -> Line | None:
    with transactions.reading():
        partner = session.get(Partner, partner_id)
        if partner is None or not partners.is_open(partner):
            session.rollback()
            return None
        if partner.next_try_at is not None and partner.next_try_at > now():
            # The row that ends this pause waits in the outbox.
            session.rollback()
            return None
        rows = partners.waiting(session, partner, BATCH)
        line = Line(
            partner.id,
            partner.name,
            partner.base_url,
            partners.cards(partner),
            [Waiting(row.id, row.seq, row.uid, row.digest, row.letter) for row in rows],
        )
        session.rollback()
        session.expire_all()
    return line


def _run(line: Line) -> Carried:
    carried, until = Carried(), time.monotonic() + BATCH_SECONDS
    try:
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            for letter in line.letters:
                if time.monotonic() > until:
                    break
                if not _post(client, line, letter, carried):
                    break
    except httpx.TimeoutException:
        carried.error = N_("对方没有在时限内回答。")
    except httpx.HTTPError as error:
        carried.error = f"连不上对方：{type(error).__name__}。"
    except (httpx.InvalidURL, UnicodeError):
        carried.error = N_("对方的地址不能用，请管理员核对。")
    except _Odd as odd:
        carried.error = str(odd)
    return carried


class _Odd(Exception):
    """The other end answered, but not as a partner does."""


def _post(client: httpx.Client, line: Line, letter: Waiting, carried: Carried) -> bool:
    """True: there is a receipt, and the next letter may go."""
    at = now()
    raw = letter.text.encode()
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Daiban-Posted": envelopes.moment(at),
        "Daiban-Posted-Signature": keys.ring().sign(envelopes.posted_line(letter.digest, at)),
    }
    with client.stream("POST", line.url + PATH, content=raw, headers=headers) as answer:
        body = _read(answer)
        status, signature = answer.status_code, answer.headers.get("Daiban-Refusal-Signature", "")
    if status == 200:
        carried.receipts[letter.id] = _receipt(line, letter, body)
        return True
    _refused(line, letter, status, body, signature, carried)
    return False


def _read(answer: httpx.Response) -> bytes:
    found, until = bytearray(), time.monotonic() + WHOLE_ANSWER
    for piece in answer.iter_bytes():
        found += piece
        if len(found) > LARGEST_ANSWER or time.monotonic() > until:
            raise _Odd("对方的回答太长或太慢，已断开。")
    return bytes(found)


def _receipt(line: Line, letter: Waiting, body: bytes) -> tuple[str, Mapping[str, Any]]:
    """Only a receipt signed by the partner, for this very letter, ends its waiting."""
    for card in line.cards:
        try:
            found = envelopes.read_receipt(body, card)
        except EnvelopeRefused:
            continue
        if (found.get("envelope"), found.get("digest"), found.get("seq")) == (letter.uid, letter.digest, letter.seq):
            return body.decode(), found
        raise _Odd("对方的回执是别的函件的，没有采用。")
    raise _Odd("对方的回执没有有效签名，没有采用。")


def _refused(line: Line, letter: Waiting, status: int, body: bytes, signature: str, carried: Carried) -> None:
    try:
        found = envelopes.parsed(body, "回答")
    except EnvelopeRefused:
        found = {}
    slug = str(found.get("type", "")).rpartition("/")[2]
    detail = str(found.get("detail") or "")[:300]
    carried.error = f"对方没有收（{status}）：{detail or '没有说明'}"
    expected = found.get("expected")
    told = refusal_line(letter.digest, slug, expected)
    if not any(card.verifies(signature, told) for card in line.cards):
        return
    if slug == "exchange-predecessor-missing" and isinstance(expected, int) and 0 < expected < letter.seq:
        carried.again_from = expected
    elif slug in SEAL_ANEW:
        carried.again_from, carried.anew = letter.seq, True


# --- What stays of a run


def _keep(session: Session, line: Line, carried: Carried) -> None:
    found = [_receipted(session, key, text, said) for key, (text, said) in carried.receipts.items()]
    rows = [row for row in found if row is not None]
    # First things, then the partner's row, then its journal: steps of people and letters that arrive lock in this order as well.
    for row in rows:
        if row.status == "refused":
            _effect_refused(session, row)
    partner = posting.locked(session, line.partner_id)
    for row in rows:
        posting.note(session, partner, "exchange:receipt", row, outcome=row.status)
    at = now()
    if carried.receipts:
        # It answered: what breaks after that is a new failure, not the next in a row, and waits no longer than the first.
        partner.answered_at, partner.down_since, partner.failures = at, None, 0
    if carried.again_from is not None and _begin_again(session, partner, carried):
        partner.last_error = carried.error or partner.last_error
        if partner.failures < 3:
            # At first at once; a partner that says the same again and again is treated like one that is down.
            partner.failures += 1
            outbox.put(session, partners.SEND, delay=timedelta(seconds=1), partner_id=partner.id)
            return
    if carried.error:
        _failed(session, partner, carried)
        return
    partner.down_since, partner.failures, partner.last_error, partner.next_try_at = None, 0, "", None
    session.flush()
    if partners.waiting(session, partner, 1):
        outbox.put(session, partners.SEND, partner_id=partner.id)


def _receipted(session: Session, envelope_id: int, text: str, said: Mapping[str, Any]) -> Envelope | None:
    done = "done" if said.get("outcome") == "done" else "refused"
    row = session.scalar(
        update(Envelope)
        .where(Envelope.id == envelope_id, Envelope.status == "waiting", Envelope.digest == said["digest"])
        .values(
            status=done,
            receipt=text,
            receipted_at=now(),
            outcome=str(said.get("detail") or "")[:500],
            tries=Envelope.tries + 1,
            error="",
        )
        .returning(Envelope)
        .execution_options(populate_existing=True)
    )
    return row


def _effect_refused(session: Session, row: Envelope) -> None:
    """The partner has the letter but did nothing: for a ticket that means it comes back, otherwise somebody must know."""
    from services.exchange import arriving

    if row.kind == "ticket" and row.content_id is not None:
        arriving.came_back(session, session.get_one(Content, row.content_id), row.outcome)
    for person in partners.administrators(session):
        notices.notify(
            session,
            row.content,
            to=person,
            kind="exchange",
            text=N_("通办函件对方收下了，但没有办成。请看往来记录里对方的说明。"),
            once=f"exchange-refused:{row.id}",
        )


def _begin_again(session: Session, partner: Partner, carried: Carried) -> bool:
    assert carried.again_from is not None
    if carried.anew:
        return posting.seal_anew(session, partner.id, carried.again_from) > 0
    # The partner has lost what it once had (a restored backup): the letters are still here as they were signed.
    session.execute(
        update(Envelope)
        .where(
            Envelope.partner_id == partner.id,
            Envelope.direction == "out",
            Envelope.seq >= carried.again_from,
            Envelope.status != "waiting",
        )
        .values(status="waiting")
    )
    return True


def _failed(session: Session, partner: Partner, carried: Carried) -> None:
    at = now()
    partner.failures += 1
    partner.down_since = partner.down_since or at
    partner.last_error = carried.error[:500]
    pause = min(FIRST_PAUSE * 2 ** min(partner.failures - 1, 10), LONGEST_PAUSE) * random.uniform(0.5, 1)
    partner.next_try_at = at + timedelta(seconds=pause)
    first = session.scalar(
        select(Envelope.id)
        .where(Envelope.partner_id == partner.id, Envelope.direction == "out", Envelope.status == "waiting")
        .order_by(Envelope.seq)
        .limit(1)
    )
    session.execute(
        update(Envelope).where(Envelope.id == first).values(tries=Envelope.tries + 1, error=partner.last_error)
    )
    session.flush()
    log.warning("partner %s does not take letters: %s", partner.installation, partner.last_error)
    outbox.put(session, partners.SEND, delay=timedelta(seconds=pause), partner_id=partner.id)


def overdue(session: Session, envelope_id: int) -> None:
    """Four hours without a receipt: whoever has the thing, and the administrators, are told once; nothing pretends."""
    row = session.get(Envelope, envelope_id)
    if row is None or row.status != "waiting":
        return
    text = N_("发给“%(partner)s”的通办函件 4 小时没有回执，对方可能还不知道。请电话联系，或请管理员查看线路。")
    readers: list[Any] = list(partners.administrators(session))
    if row.content is not None and (holder := row.content.owner or notices.holder(session, row.content)) is not None:
        readers.append(holder)
    for reader in readers:
        notices.notify(
            session,
            row.content,
            to=reader,
            kind="exchange",
            text=text,
            params={"partner": row.partner.name},
            once=f"exchange-overdue:{row.partner_id}:{row.content_id or row.id}",
        )
