"""Why an envelope is turned away: each reason has a name for programs and a sentence for the administrator of the other side."""

from __future__ import annotations

from typing import Any

from process.refusals import Refusal


class EnvelopeRefused(Refusal):
    """Nothing of it was done. `facts` goes into the answer: what the sender's program needs to put it right."""

    status = 422
    slug = "exchange-refused"
    title = "没有收下"

    def __init__(self, detail: str, *, sender: str = "", **facts: Any) -> None:
        super().__init__(detail)
        self.sender, self.facts = sender, facts


class NotAnEnvelope(EnvelopeRefused):
    """No JSON, or not of the shape of an envelope."""

    status = 400
    slug = "exchange-not-an-envelope"
    title = "不是函件"


class EnvelopeTooLarge(EnvelopeRefused):
    status = 413
    slug = "exchange-too-large"
    title = "函件太大"


class WrongRecipient(EnvelopeRefused):
    slug = "exchange-wrong-recipient"
    title = "不是发给本系统的"


class UnknownSender(EnvelopeRefused):
    """Nobody we know, or somebody whose key nobody has confirmed yet: both hear the same."""

    status = 403
    slug = "exchange-unknown-sender"
    title = "不认识发件方"


class RevokedKey(EnvelopeRefused):
    status = 403
    slug = "exchange-revoked-key"
    title = "密钥已作废"


class Altered(EnvelopeRefused):
    """The signature, the seal or the spelling does not fit the contents."""

    slug = "exchange-altered"
    title = "内容与签名不符"


class ClockDiffers(EnvelopeRefused):
    slug = "exchange-clock"
    title = "两边时钟不一致"


class Expired(EnvelopeRefused):
    slug = "exchange-expired"
    title = "函件已过期"


class Replayed(EnvelopeRefused):
    """The same number or place once more, with other contents."""

    status = 409
    slug = "exchange-replayed"
    title = "同一函件内容不同"


class PredecessorMissing(EnvelopeRefused):
    """Something before it has not arrived; `expected` says from where to send again."""

    status = 409
    slug = "exchange-predecessor-missing"
    title = "前面的函件还没到"
