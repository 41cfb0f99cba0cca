"""统一电子印章平台 over HTTP: the hash of a paper goes there, a signature made with the agency's real seal comes back."""

from __future__ import annotations

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from services.messages.channels import signed
from services.papers import cms

# Nobody at the counter waits for this: the paper stands in the list with a sentence, and is asked for again.
PATIENCE = 30.0
LONGEST_ANSWER = 64 * 1024
LATER = frozenset({408, 425, 429})


class Silent(Exception):
    """No answer, or none that can be used; under the same key the platform may be asked again without a second use of the seal."""


class Declined(Exception):
    """The platform will not seal this paper; its reason is for people."""


@dataclass(frozen=True)
class Order:
    """One request for a seal: under which key it is done once, for which paper, over which hash. No name travels."""

    key: str
    agency: str
    paper: str
    number: str
    digest: bytes


@dataclass(frozen=True)
class Sealed:
    """What came back: the signature (CMS) and the platform's own number of this use."""

    signature: bytes
    foreign_id: str


class SealSystem(Protocol):
    """Whoever holds the agency's seal: a platform, or an HSM behind a small service of the agency."""

    def seal(self, order: Order) -> Sealed: ...


class Platform:
    """POST {url} with {key, agency, paper, number, algorithm, digest}, signed like our other calls; 200 answers {id, cms}."""

    def __init__(self, url: str, secret: str, patience: float = PATIENCE) -> None:
        self.url, self.secret, self.patience = url, secret, patience

    def seal(self, order: Order) -> Sealed:
        body = {
            "key": order.key,
            "agency": order.agency,
            "paper": order.paper,
            "number": order.number,
            "algorithm": "sha256",
            "digest": base64.b64encode(order.digest).decode(),
        }
        answer = self._post(json.dumps(body, ensure_ascii=False).encode(), order.key)
        try:
            signature = base64.b64decode(answer["cms"], validate=True)
            cms.check(signature, order.digest)
        except (KeyError, TypeError, binascii.Error, cms.BadSignature) as error:
            raise Silent("统一电子印章平台的回答不是这张证照的签名") from error
        return Sealed(signature, str(answer.get("id") or "")[:80])

    def _post(self, raw: bytes, key: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, **signed(self.secret, raw)}
        deadline = time.monotonic() + self.patience
        try:
            timeout = httpx.Timeout(self.patience, connect=min(5.0, self.patience))
            with httpx.stream(
                "POST", self.url, content=raw, headers=headers, timeout=timeout, trust_env=False
            ) as response:
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > LONGEST_ANSWER or time.monotonic() > deadline:
                        raise Silent("统一电子印章平台的回答太长或太慢")
                status = response.status_code
        except httpx.TimeoutException as error:
            raise Silent(f"统一电子印章平台 {self.patience:g} 秒没有答复") from error
        except httpx.HTTPError as error:
            raise Silent("统一电子印章平台连不上") from error
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        if not isinstance(answer, dict):
            answer = {}
        if status == 200:
            return answer
        if 400 <= status < 500 and status not in LATER:
            reason = " ".join(str(answer.get("reason") or f"代码 {status}").split())[:120]
            raise Declined(reason)
        raise Silent(f"统一电子印章平台暂时不能用（代码 {status}）")
