"""The seal platform over real HTTP: it answers, refuses, stays silent, answers nonsense; the paper waits, and says why."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs import worker
from models.base import now
from models.ledger import OutboxItem
from models.paper import Certificate
from models.trust import SealRequest
from process import engine
from process.refusals import RequirementUnmet
from services import papers_out
from services.messages.channels import signature
from services.papers import cms
from services.trust import keystore, sealing
from services.trust.platform import Platform
from tests.services.fertility import approved, certificate_of

SECRET = "platform-secret-0123456789"


class SealHall:
    """A platform on loopback with a key of its own; `mood` says what the next answers are."""

    def __init__(self) -> None:
        self.mood, self.asked, self.release = "answer", [], threading.Event()  # type: ignore[var-annotated]
        hall = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                hall.asked.append((json.loads(raw), dict(self.headers), raw))
                status, body = hall.answer(json.loads(raw))
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    return  # whoever asked has gone

            def log_message(self, *_args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/seals/sign"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if self.mood == "silent":
            self.release.wait(60)
            return 200, b"{}"
        if self.mood == "refuse":
            return 422, json.dumps({"reason": "印章授权已到期"}).encode()
        if self.mood == "down":
            return 503, b""
        key = keystore.ring().current(keystore.PAPER)
        digest = base64.b64decode(body["digest"])
        if self.mood == "wrong":
            digest = digest[::-1]
        made = cms.template(key.rsa_key, key.certificates).signed(digest)
        if self.mood == "nonsense":
            made = b"\x30\x03abc"
        return 200, json.dumps({"id": "YZ-1", "cms": base64.b64encode(made).decode()}).encode()

    def about(self, certificate: Certificate) -> list[tuple[dict[str, Any], dict[str, str], bytes]]:
        """What was asked about this one; letters of the case with a seal are asked about, too."""
        return [one for one in self.asked if one[0]["number"] == certificate.number]

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hall(app) -> Iterator[SealHall]:
    hall = SealHall()
    sealing.configure(Platform(hall.url, SECRET, patience=0.5))
    yield hall
    sealing.configure(None)
    hall.close()


def work(session, *jobs: str) -> None:
    """The workers, until nothing of these jobs is due."""
    for _ in range(6):
        session.execute(update(OutboxItem).where(OutboxItem.status == "waiting").values(available_at=now()))
        session.commit()
        due = session.scalars(
            select(OutboxItem.id).where(OutboxItem.status == "waiting", OutboxItem.job.in_(jobs))
        ).all()
        session.commit()
        for item in due:
            assert worker.do(session, item) == "done"
        if not due or jobs == (sealing.SIGN,):
            return


def numbered(session, actor) -> Certificate:
    certificate = certificate_of(session, approved(session, actor))
    engine.fire(certificate, "number", actor("issuer"))
    session.commit()
    work(session, papers_out.RENDER)
    session.expire_all()
    return certificate


def request_of(session, certificate: Certificate) -> SealRequest:
    session.expire_all()
    return session.scalars(select(SealRequest).where(SealRequest.paper_id == certificate.paper_id)).one()


def test_the_platform_signs_and_learns_no_name(session, actor, hall) -> None:
    certificate = numbered(session, actor)
    assert certificate.paper.status == "waiting" and "等待签章" in certificate.paper.error
    work(session, sealing.SIGN)
    assert request_of(session, certificate).state == "done" and certificate.paper.status == "ready"
    from tests.trust.test_signing import judged

    assert judged(papers_out.pdf(certificate.paper)) == (True, True, True, True)
    ((body, headers, raw),) = hall.about(certificate)
    assert body["number"] == certificate.number and "林" not in raw.decode() and set(body) == {
        "key", "agency", "paper", "number", "algorithm", "digest"
    }  # fmt: skip
    said = {name.lower(): value for name, value in headers.items()}
    assert said["x-daiban-signature"] == signature(SECRET, said["x-daiban-timestamp"], said["x-daiban-nonce"], raw)
    assert request_of(session, certificate).drawn is None, "nothing of the paper is kept twice"


@pytest.mark.parametrize("mood", ["silent", "down", "nonsense", "wrong"])
def test_a_silent_platform_leaves_a_sentence_and_is_asked_again(session, actor, client_as, hall, mood) -> None:
    hall.mood = mood
    certificate = numbered(session, actor)
    work(session, sealing.SIGN)
    request = request_of(session, certificate)
    assert (request.state, request.tries) == ("waiting", 1) and certificate.paper.status == "waiting"
    assert "自动再试（已试 1 次）" in certificate.paper.error and "编号不变" in certificate.paper.error
    page = client_as("issuer").get(f"/papers/{certificate.paper.uid}.pdf")
    assert page.status_code == 202 and "自动再试" in page.text
    engine.fire(certificate, "seal", actor("issuer"))
    with pytest.raises(RequirementUnmet, match="自动再试"):
        engine.fire(certificate, "print", actor("issuer"))
    session.rollback()
    waiting = select(OutboxItem).where(OutboxItem.job == sealing.SIGN, OutboxItem.status == "waiting")
    (again,) = [one for one in session.scalars(waiting) if one.args["request_id"] == request.id]
    assert (again.available_at - now()).total_seconds() > 5
    hall.mood = "answer"
    hall.release.set()
    work(session, sealing.SIGN)
    assert request_of(session, certificate).state == "done" and certificate.paper.status == "ready"
    assert certificate.paper.error is None
    asked = [(body["key"], body["digest"]) for body, _, _ in hall.about(certificate)]
    assert len(asked) == 2 and len(set(asked)) == 1, "asked twice for one use"


def test_a_refusal_is_told_and_asked_for_anew_under_another_key(session, actor, hall) -> None:
    hall.mood = "refuse"
    certificate = numbered(session, actor)
    work(session, sealing.SIGN)
    assert request_of(session, certificate).state == "refused" and certificate.paper.status == "failed"
    assert "没有同意用印：印章授权已到期" in certificate.paper.error
    hall.mood = "answer"
    papers_out.draw_again(session, certificate.paper)
    session.commit()
    work(session, papers_out.RENDER)
    work(session, sealing.SIGN)
    assert request_of(session, certificate).state == "done" and certificate.paper.status == "ready"
    assert len({body["key"] for body, _, _ in hall.about(certificate)}) == 2


def test_the_wait_is_thirty_seconds_and_the_lease_longer() -> None:
    from process import outbox
    from services.trust.platform import PATIENCE

    assert PATIENCE == 30 and outbox.needs[sealing.SIGN].lease.total_seconds() > PATIENCE + 20
    assert outbox.needs[sealing.SIGN].queue == outbox.NETWORK


def test_a_foreign_signature_is_read_with_care() -> None:
    for broken in (
        b"",
        b"\x30",
        b"\x30\x82\xff\xff",
        b"\x30\x80\x00\x00",
        bytes(40),
        datetime.now(UTC).isoformat().encode(),
    ):
        with pytest.raises(cms.BadSignature):
            cms.check(broken, bytes(32))
