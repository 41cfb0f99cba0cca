"""An envelope as text: canonical JSON, signed by the sender, its body sealed for the recipient. Nothing here knows a database."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from process.digests import GENESIS, canonical
from process.refusals import Altered, EnvelopeTooLarge, NotAnEnvelope
from services.exchange.keys import Card, Ring

VERSION = 1
KINDS = ("ticket", "state", "message", "answer", "document", "items")
# A scanned page has its place in it; a film has not.
LARGEST = 12_000_000
LARGEST_FILE = 8_000_000
FIRST = GENESIS
_NONCE = bytes(12)
_SHAPES: Mapping[str, tuple[str, str]] = {
    "id": (r"[A-Za-z0-9_-]{22}", "22 个字符的编号"),
    "from": (r"[A-Za-z0-9_-]{22}", "发件方编号"),
    "to": (r"[A-Za-z0-9_-]{22}", "收件方编号"),
    "key": (r"[0-9a-f]{16}", "密钥编号"),
    "kind": (r"[a-z]{1,12}", "种类"),
    "previous": (r"[0-9a-f]{64}", "前一封的摘要"),
    "sent": (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", "发出时间"),
    "expires": (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", "有效期"),
    "ephemeral": (r"[0-9a-f]{64}", "加密用的临时公钥"),
    "box": (r"[A-Za-z0-9+/]+={0,2}", "密文"),
    "signature": (r"[0-9a-f]{128}", "签名"),
}
_KEYS = frozenset({"v", "seq", *_SHAPES})


@dataclass(frozen=True)
class Letter:
    """An envelope that was read and has the right shape; whether it is genuine is asked afterwards."""

    text: str
    fields: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.fields[name]

    @property
    def sender(self) -> str:
        return str(self.fields["from"])

    @property
    def recipient(self) -> str:
        return str(self.fields["to"])

    @property
    def sent_at(self) -> datetime:
        return datetime.fromisoformat(self.fields["sent"])

    @property
    def expires_at(self) -> datetime:
        return datetime.fromisoformat(self.fields["expires"])

    @property
    def digest(self) -> str:
        return digest_of(self.text)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def write(
    ring: Ring,
    recipient: Card,
    *,
    uid: str,
    kind: str,
    seq: int,
    previous: str,
    sent: datetime,
    expires: datetime,
    body: Mapping[str, Any],
) -> str:
    """The finished text. The seal also covers the address lines, so a body cannot be moved into another envelope."""
    head = {
        "v": VERSION,
        "id": uid,
        "from": ring.card.installation,
        "to": recipient.installation,
        "key": ring.card.key_id,
        "kind": kind,
        "seq": seq,
        "previous": previous,
        "sent": moment(sent),
        "expires": moment(expires),
    }
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(recipient.opens)))
    box = ChaCha20Poly1305(_derived(shared)).encrypt(_NONCE, canonical(dict(body)).encode(), canonical(head).encode())
    signed = {
        **head,
        "ephemeral": ephemeral.public_key().public_bytes_raw().hex(),
        "box": base64.b64encode(box).decode(),
    }
    text = canonical({**signed, "signature": ring.sign(canonical(signed).encode())})
    if len(text) > LARGEST:
        raise EnvelopeTooLarge(f"函件有 {len(text) // 1_000_000} MB，超过 {LARGEST // 1_000_000} MB，不能发送。")
    return text


def _derived(shared: bytes) -> bytes:
    # The secret is of one envelope only, so a fixed nonce is never used twice with one key.
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"daiban-exchange-1").derive(shared)


def read(raw: bytes) -> Letter:
    """The envelope of these bytes, if they have the shape of one and are spelled in the one allowed way."""
    if len(raw) > LARGEST:
        raise EnvelopeTooLarge(f"函件超过 {LARGEST // 1_000_000} MB，没有收。大的附件请另行寄送。")
    fields = parsed(raw, "函件")
    if set(fields) != _KEYS:
        odd = "、".join(sorted(str(key)[:20] for key in set(fields) ^ _KEYS)[:5])
        raise NotAnEnvelope(f"函件缺少或多出了字段：{odd}。")
    for name, (pattern, words) in _SHAPES.items():
        value = fields[name]
        if not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            raise NotAnEnvelope(f"函件的“{name}”不是{words}。")
    if fields["v"] != VERSION or isinstance(fields["v"], bool):
        raise NotAnEnvelope(
            f"函件用的是第 {str(fields['v'])[:10]} 版格式，本系统只认第 {VERSION} 版。请两边升级到同一版本。"
        )
    if not isinstance(fields["seq"], int) or isinstance(fields["seq"], bool) or not 0 < fields["seq"] < 2**31:
        raise NotAnEnvelope("函件的“seq”不是序号。")
    for name in ("sent", "expires"):
        try:
            datetime.fromisoformat(fields[name])
        except ValueError as error:
            raise NotAnEnvelope(f"函件的“{name}”不是存在的时间。") from error
    text = raw.decode()
    if canonical(fields) != text:
        raise Altered("函件的写法不是规定的那一种（键要排序，不留空格），签名对不上。", sender=fields["from"])
    return Letter(text, fields)


def parsed(raw: bytes, what: str) -> dict[str, Any]:
    """A JSON object without doubled keys and without numbers that are none."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_refuse)
    except (ValueError, RecursionError) as error:
        raise NotAnEnvelope(f"{what}不是 JSON，读不懂。") from error
    if not isinstance(found, dict):
        raise NotAnEnvelope(f"{what}不是 JSON 对象。")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(text: str) -> Any:
    raise ValueError(f"{text[:20]} is no number of ours")


def is_signed(letter: Letter, card: Card) -> bool:
    signed = {name: value for name, value in letter.fields.items() if name != "signature"}
    return card.verifies(letter.fields["signature"], canonical(signed).encode())


def open_body(letter: Letter, ring: Ring) -> dict[str, Any]:
    """What is inside, with whichever of our keys it was sealed for."""
    fields = letter.fields
    head = canonical({n: v for n, v in fields.items() if n not in ("ephemeral", "box", "signature")}).encode()
    try:
        box = base64.b64decode(fields["box"], validate=True)
        peer = X25519PublicKey.from_public_bytes(bytes.fromhex(fields["ephemeral"]))
    except (binascii.Error, ValueError) as error:
        raise NotAnEnvelope("函件的密文读不出来。") from error
    for key in ring.opens:
        try:
            plain = ChaCha20Poly1305(_derived(key.exchange(peer))).decrypt(_NONCE, box, head)
        except (InvalidTag, ValueError):
            continue
        return parsed(plain, "函件的正文")
    raise Altered(
        "函件不是用本系统现在的密钥封的，打不开。请对方按本系统最新的密钥卡重新核对后再发。", sender=letter.sender
    )


# --- When it was posted, and what the recipient signs for


def posted_line(digest: str, at: datetime) -> bytes:
    """What the sender signs at each attempt: a letter may have waited for days, its carrier's clock may not be days off."""
    return f"posted:{digest}:{moment(at)}".encode()


def receipt(ring: Ring, letter: Letter, at: datetime, outcome: str, reason: str = "", detail: str = "") -> str:
    """Signed by whoever received: which letter, its place in the row, and what became of it."""
    said = {
        "v": VERSION,
        "envelope": letter.fields["id"],
        "digest": letter.digest,
        "seq": letter.fields["seq"],
        "from": ring.card.installation,
        "to": letter.sender,
        "key": ring.card.key_id,
        "received": moment(at),
        "outcome": outcome,
        "reason": reason,
        "detail": detail,
    }
    return canonical({**said, "signature": ring.sign(canonical(said).encode())})


def read_receipt(raw: bytes, card: Card) -> dict[str, Any]:
    """The receipt, if this partner signed it."""
    found = parsed(raw, "回执")
    signature = found.get("signature")
    said = {name: value for name, value in found.items() if name != "signature"}
    if not isinstance(signature, str) or not card.verifies(signature, canonical(said).encode()):
        raise Altered("回执的签名不是对方的，没有采用。", sender=card.installation)
    return found
