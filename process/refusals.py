"""Everything the product says no to, as exceptions with a sentence for people. One handler each turns them into pages and problem+json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


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


@dataclass
class DefinitionError(Exception):
    """A definition file is wrong: where, what, and what would be right. Nothing of it comes into force."""

    file: str
    key: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}" + (f" ({self.hint})" if self.hint else "")
