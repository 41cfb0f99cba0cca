"""Everything the product says no to, as exceptions with a sentence for people. One handler each turns them into pages and problem+json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Refusal(Exception):
    """A no with a reason. `status` is the HTTP answer; `errors` names the fields to mend."""

    status = 422
    slug = "refused"
    title = "未能办理"

    def __init__(self, detail: str, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = dict(errors or {})


class InvalidInput(Refusal):
    """Something typed is missing or impossible."""

    slug = "invalid-input"
    title = "填写有误"


class RequirementUnmet(Refusal):
    """The step is allowed, but something it needs is not there yet."""

    slug = "requirement-unmet"
    title = "还缺条件"


class NotFound(Refusal):
    """Not there, or not for you: the two look the same on purpose."""

    status = 404
    slug = "not-found"
    title = "没有找到"

    def __init__(
        self, detail: str = "没有找到您要的内容，可能已被移走，或不在您的管辖范围内。请从工作台或搜索重新进入。"
    ) -> None:
        super().__init__(detail)


class Forbidden(Refusal):
    """Visible, but this is not yours to do."""

    status = 403
    slug = "forbidden"
    title = "无权办理"


class NotAvailable(Refusal):
    """The transition does not leave from the present state."""

    status = 409
    slug = "not-available"
    title = "当前状态不能这样办理"


class UnknownTransition(Refusal):
    """No such transition in the definition."""

    status = 404
    slug = "unknown-transition"
    title = "没有这个办理动作"


class Stale(Refusal):
    """Somebody else was faster."""

    status = 409
    slug = "stale"
    title = "内容已被他人更新"


class Conflict(Refusal):
    """The same key with another body, a taken number, a second claim."""

    status = 409
    slug = "conflict"
    title = "有冲突"


class IdempotencyMismatch(Refusal):
    """An idempotency key was used again with other contents."""

    status = 422
    slug = "idempotency-mismatch"
    title = "重复提交的内容不一致"


class TooLarge(Refusal):
    status = 413
    slug = "too-large"
    title = "文件太大"


class TooMany(Refusal):
    status = 429
    slug = "too-many"
    title = "操作太频繁"

    def __init__(self, detail: str, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


# --- Why an envelope of another installation is turned away: a name for programs, a sentence for its administrator.


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


@dataclass
class DefinitionError(Exception):
    """A definition file is wrong: where, what, and what would be right. Nothing of it comes into force."""

    file: str
    key: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}" + (f" ({self.hint})" if self.hint else "")
