"""Our own key pair in a file of its own, and keys of others as cards that two administrators can read to each other."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from process.refusals import InvalidInput, Refusal

# How long letters sealed for an old key can still be opened: as long as a letter is valid.
OLD_KEPT = timedelta(days=30)
GROUPS, DIGITS = 6, 5
_CARD = re.compile(r"daiban1:([A-Za-z0-9_-]{22}):([0-9a-f]{64}):([0-9a-f]{64})\Z")
_READ_ALOUD = str.maketrans("0123456789", "零一二三四五六七八九")
FILE = "exchange.key"
_path: Path | None = None
_known_elsewhere: Callable[[], bool] = bool
_read: tuple[tuple[int, int], Ring] | None = None


class KeyFileError(RuntimeError):
    """The file of our own keys is there but cannot be used; nothing is sent or opened with a guess."""


class KeysLost(Refusal):
    """Partners know us by keys that are not here any more: a new pair made silently would be a stranger to all of them."""

    status = 503
    slug = "exchange-keys-lost"
    title = "通办密钥不见了"

    def __init__(self) -> None:
        super().__init__(
            "已登记有通办伙伴，但本系统的密钥文件 exchange.key 不见了，没有另造新的，函件都留着。请管理员从备份恢复这个文件；"
            "确实找不回的，在服务器上执行 bin/flask exchange-keys --new，再与每个伙伴重新登记、念读核对。"
        )


@dataclass(frozen=True)
class Card:
    """A public key as it is handed over: whose it is, the key that signs, the key that letters are sealed for."""

    installation: str
    signs: str
    opens: str

    @property
    def text(self) -> str:
        return f"daiban1:{self.installation}:{self.signs}:{self.opens}"

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def groups(self) -> list[str]:
        """The fingerprint in six groups of five digits: a hundred bits, half a minute on the telephone."""
        number = int.from_bytes(hashlib.sha256(self.text.encode()).digest()) % 10 ** (GROUPS * DIGITS)
        digits = f"{number:0{GROUPS * DIGITS}d}"
        return [digits[start : start + DIGITS] for start in range(0, len(digits), DIGITS)]

    @property
    def aloud(self) -> list[str]:
        return [group.translate(_READ_ALOUD) for group in self.groups]

    def verifies(self, signature: str, data: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.signs)).verify(bytes.fromhex(signature), data)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_card(text: str) -> Card:
    """A card as it was pasted; line breaks and blanks of a mail programme do not matter."""
    found = _CARD.match("".join(text.split()))
    if found is None:
        raise InvalidInput(
            "这不是通办密钥卡。请让对方管理员在“通办伙伴”页复制整行（以 daiban1: 开头），原样粘贴到这里。",
            {"card": "不是通办密钥卡"},
        )
    return Card(*found.groups())


@dataclass(frozen=True)
class Ring:
    """Our keys: the pair in use, and older ones with the day they ended."""

    card: Card
    since: datetime
    signs: Ed25519PrivateKey
    opens: tuple[X25519PrivateKey, ...]
    ended: tuple[tuple[Card, datetime], ...] = ()

    def sign(self, data: bytes) -> str:
        return self.signs.sign(data).hex()


def configure(path: Path, known_elsewhere: Callable[[], bool] = bool) -> None:
    """Names the file; called once when the application is made. It is made when the first card is asked for, as long as no partner knows us."""
    global _path, _read, _known_elsewhere
    _path, _read, _known_elsewhere = path, None, known_elsewhere


def path() -> Path:
    if _path is None:
        raise KeyFileError("services.exchange.keys.configure(path) was not called")
    return _path


def ring() -> Ring:
    """The keys as they are in the file now; another process may have changed them."""
    global _read
    where = path()
    if not where.exists():
        if _known_elsewhere():
            raise KeysLost()
        _make(where)
    stat = where.stat()
    stamp = (stat.st_mtime_ns, stat.st_size)
    if _read is None or _read[0] != stamp:
        _read = (stamp, _parse(where))
    return _read[1]


def rotate(at: datetime) -> Ring:
    """A new pair; the old public key stays in the file with its end, the old private one as long as letters for it may come."""
    old, where = ring(), path()
    lines = [f"id {old.card.installation}", _new_pair(at)]
    for line in where.read_text("ascii").splitlines():
        word, _, rest = line.partition(" ")
        parts = rest.split()
        if word == "pair":
            lines.append(f"ended {parts[0]} {parts[1]} {parts[2]} {at.astimezone(UTC).isoformat()}")
        elif word == "ended" and len(parts) == 4:
            keep = at - datetime.fromisoformat(parts[3]) < OLD_KEPT
            lines.append(line if keep else f"public {_publics(parts[0], parts[1])} {parts[3]}")
        elif word == "public":
            lines.append(line)
    draft = where.with_name(f".{where.name}.{secrets.token_hex(4)}")
    _write(draft, lines)
    os.replace(draft, where)
    return ring()


def begin_anew() -> Ring:
    """After the file was lost for good: a new number and a new pair, strangers to every partner. Never while the old file is there."""
    where = path()
    if where.exists():
        raise InvalidInput("密钥文件还在，不能另起一套。要换密钥，请在“通办伙伴”页点“更换密钥”，系统编号不变。")
    _make(where)
    return ring()


def _make(where: Path) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    draft = where.with_name(f".{where.name}.{secrets.token_hex(4)}")
    _write(draft, [f"id {secrets.token_urlsafe(16)}", _new_pair(datetime.now(UTC))])
    try:
        # Linked, not moved: of two processes that start at once both end with the first one's key.
        os.link(draft, where)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _new_pair(at: datetime) -> str:
    signs, opens = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    return f"pair {signs.private_bytes_raw().hex()} {opens.private_bytes_raw().hex()} {at.astimezone(UTC).isoformat()}"


def _write(where: Path, lines: list[str]) -> None:
    handle = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _publics(signs: str, opens: str) -> str:
    return f"{_public(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(signs)))} {_public(X25519PrivateKey.from_private_bytes(bytes.fromhex(opens)))}"


def _public(key: Ed25519PrivateKey | X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _parse(where: Path) -> Ring:
    try:
        rows = [line.split() for line in where.read_text("ascii").splitlines() if line.strip()]
        (installation,) = (row[1] for row in rows if row[0] == "id")
        ((_, signs, opens, since),) = (row for row in rows if row[0] == "pair")
        older = [row for row in rows if row[0] == "ended"]
        gone = [row for row in rows if row[0] == "public"]
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(signs))
        openers = [X25519PrivateKey.from_private_bytes(bytes.fromhex(key)) for key in (opens, *(r[2] for r in older))]
        ended = [(Card(installation, *_publics(r[1], r[2]).split()), datetime.fromisoformat(r[4])) for r in older]
        ended += [(Card(installation, r[1], r[2]), datetime.fromisoformat(r[3])) for r in gone]
        return Ring(
            Card(installation, _public(private), _public(openers[0])),
            datetime.fromisoformat(since),
            private,
            tuple(openers),
            tuple(ended),
        )
    except (OSError, ValueError, IndexError) as error:
        raise KeyFileError(
            f"{where}: the keys of the exchange cannot be read ({error}); bring the file back from a backup"
        ) from error
