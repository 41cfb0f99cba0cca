"""A partner played by hand: a key pair of its own, and letters that are right unless a test says what is wrong with them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from process.digests import canonical
from services.exchange import envelopes
from services.exchange.keys import Card, Ring

PATH = "/exchange/v1/envelopes"


def new_ring(installation: str = "") -> Ring:
    signs, opens = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    card = Card(
        installation or secrets.token_urlsafe(16),
        signs.public_key().public_bytes_raw().hex(),
        opens.public_key().public_bytes_raw().hex(),
    )
    return Ring(card, datetime.now(UTC), signs, (opens,))


@dataclass
class Hand:
    """Whoever writes letters to the office under test."""

    ring: Ring
    office: Card
    seq: int = 0
    previous: str = envelopes.FIRST
    texts: list[str] = field(default_factory=list)

    def write(self, kind: str, body: Mapping[str, Any], **other: Any) -> str:
        """The next letter of the row; `other` replaces parts of it before it is signed."""
        at = other.pop("sent", datetime.now(UTC))
        given: dict[str, Any] = {
            "uid": secrets.token_urlsafe(16),
            "kind": kind,
            "seq": self.seq + 1,
            "previous": self.previous,
            "sent": at,
            "expires": at + timedelta(days=30),
            "body": body,
        }
        ring = other.pop("ring", self.ring)
        return envelopes.write(ring, other.pop("recipient", self.office), **{**given, **other})

    def deliver(
        self,
        client: FlaskClient,
        text: str,
        *,
        at: datetime | None = None,
        ring: Ring | None = None,
        posted_signature: str | None = None,
        kind: str = "application/json",
    ) -> TestResponse:
        """Carries a letter; a receipt moves the row on."""
        at = at or datetime.now(UTC)
        signature = (ring or self.ring).sign(envelopes.posted_line(envelopes.digest_of(text), at))
        answer = client.post(
            PATH,
            data=text.encode(),
            headers={
                "Content-Type": kind,
                "Daiban-Posted": envelopes.moment(at),
                "Daiban-Posted-Signature": signature if posted_signature is None else posted_signature,
            },
        )
        if answer.status_code == 200:
            said = envelopes.read_receipt(answer.data, self.office)
            if said["seq"] == self.seq + 1:
                self.seq, self.previous = said["seq"], said["digest"]
                self.texts.append(text)
        return answer

    def send(self, client: FlaskClient, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Writes, carries, and answers the receipt."""
        answer = self.deliver(client, self.write(kind, body))
        assert answer.status_code == 200, answer.text
        return envelopes.read_receipt(answer.data, self.office)

    def ticket(self, uid: str = "", **other: Any) -> dict[str, Any]:
        return {
            "global_uid": f"{self.ring.card.installation}:{uid or secrets.token_urlsafe(16)}",
            "number": "KS-2026-000777",
            "item": "social_insurance_transfer_proof",
            "matter": "社保关系转移、接续事项证明",
            "want_paper": "print",
            "filed_at": envelopes.moment(datetime.now(UTC)),
            "place": "示例代办站",
            "phone": "0571-00000001",
            "applicant": {
                "name": "林若琳",
                "id_number": "11010519491231002X",
                "phone": "13800000098",
                "address": "示例路1号",
            },
            **other,
        }


def forged(text: str, **changes: Any) -> str:
    """The letter with other contents and the old signature."""
    return canonical({**json.loads(text), **changes})
