"""The office's own keys in a file outside the database: one signs papers, one signs what stands in the square code.

Private keys rest encrypted; of keys that were replaced only the public half stays, so that old papers can be checked for ever.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import NameOID

from process import key_usage
from process.refusals import Refusal

FILE = "trust.key"
FORMAT = 1
PAPER, CLAIM = "paper", "claim"
# The root is used a few times in its life, the key for papers thousands of times a day: the difference is 2 ms a paper.
ROOT_BITS, PAPER_BITS = 3072, 2048
ROOT_LIFE, PAPER_LIFE = timedelta(days=30 * 365), timedelta(days=10 * 365)
# Papers dated the day a key was made must not look signed before their key.
BACKDATED = timedelta(days=1)


class KeysUnusable(Refusal):
    """The file is there but cannot be opened, or it is gone while papers exist; nothing is signed with a guess."""

    status = 503
    slug = "trust-keys"
    title = "签名密钥不能用"


@dataclass(frozen=True)
class Key:
    """One pair, or what is left of it after it was replaced."""

    id: str
    use: str
    public: str
    since: datetime
    private: str = ""
    chain: tuple[str, ...] = ()
    ended: datetime | None = None
    # Withdrawn because it may be in wrong hands: what it signed counts no more.
    revoked: datetime | None = None
    reason: str = ""

    @cached_property
    def certificates(self) -> list[x509.Certificate]:
        return [x509.load_pem_x509_certificate(one.encode()) for one in self.chain]

    @cached_property
    def rsa_key(self) -> rsa.RSAPrivateKey:
        key = load_pem_private_key(self.private.encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        return key

    @cached_property
    def ec_key(self) -> ec.EllipticCurvePrivateKey:
        key = load_pem_private_key(self.private.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key

    @cached_property
    def public_point(self) -> ec.EllipticCurvePublicKey:
        key = load_pem_public_key(self.public.encode())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return key

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as PDF programs show it; of the public key where there is none."""
        body = self.certificates[0].public_bytes(Encoding.DER) if self.chain else self.public.encode()
        return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True)
class Ring:
    """All keys there ever were, the newest last."""

    keys: tuple[Key, ...]
    root: str
    office: str

    def current(self, use: str) -> Key:
        return next(key for key in reversed(self.keys) if key.use == use and key.ended is None)

    def claim_key(self, key_id: str) -> Key | None:
        return next((key for key in self.keys if key.use == CLAIM and key.id == key_id), None)


_path: Path | None = None
_secret = _passphrase = _office = ""
_cached: tuple[tuple[int, int, int], Ring] | None = None


def configure(path: Path, secret_key: str, passphrase: str = "", office: str = "代办") -> None:
    """Names the file and what opens it; called once when the application is made."""
    global _path, _secret, _passphrase, _office, _cached
    _path, _secret, _passphrase, _office, _cached = path, secret_key, passphrase, office, None


def path() -> Path:
    assert _path is not None, "services.trust.keystore.configure(path, …) was not called"
    return _path


def ring() -> Ring:
    """The keys as they are in the file now; another process may have changed them. Made when first asked for."""
    global _cached
    where = path()
    if not where.exists():
        ensure()
    stat = where.stat()
    stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    if _cached is None or _cached[0] != stamp:
        _cached = (stamp, _open(where))
    return _cached[1]


def ensure(at: datetime | None = None) -> None:
    """Makes the keys at installation; of two processes that begin at once both end with the same."""
    with _locked():
        if not path().exists():
            moment = at or datetime.now(UTC)
            root_key, root = _new_root(moment)
            held = (_new_paper_key(root_key, root, moment), _new_claim_key(moment))
            _write(_Opened(Ring(held, root, _office), root_key))


def rotate(use: str, at: datetime, *, revoke: bool = False, reason: str = "") -> Key:
    """A new key for this use. The old private half is destroyed; its public half stays, withdrawn or honourably ended."""
    with _locked():
        opened = _opened(path())
        old = opened.ring.current(use)
        new = _new_paper_key(opened.root_key, opened.ring.root, at) if use == PAPER else _new_claim_key(at)
        gone = replace(old, private="", ended=at, revoked=at if revoke else None, reason=reason)
        keys = (*(gone if key.id == old.id else key for key in opened.ring.keys), new)
        _write(_Opened(Ring(keys, opened.ring.root, opened.ring.office), opened.root_key))
    return new


# --- Making


def _name(office: str, what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, office[:60]),
            x509.NameAttribute(NameOID.COMMON_NAME, what),
        ]
    )


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _new_root(at: datetime) -> tuple[str, str]:
    key = rsa.generate_private_key(65537, ROOT_BITS)
    name = _name(_office, "证照签名根证书（自建）")
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - BACKDATED)
        .not_valid_after(at + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage.authority(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(key), made.public_bytes(Encoding.PEM).decode()


def _new_paper_key(root_pem: str, root_certificate: str, at: datetime) -> Key:
    root_key = load_pem_private_key(root_pem.encode(), None)
    root = x509.load_pem_x509_certificate(root_certificate.encode())
    assert isinstance(root_key, rsa.RSAPrivateKey)
    key = rsa.generate_private_key(65537, PAPER_BITS)
    made = (
        x509.CertificateBuilder()
        .subject_name(_name(_office, f"证照签名 {at:%Y-%m-%d}"))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - BACKDATED)
        .not_valid_after(min(at + PAPER_LIFE, root.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage.paper(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    certificate = made.public_bytes(Encoding.PEM).decode()
    return Key(_id(key), PAPER, _public(key), at, _pem(key), (certificate, root_certificate))


def _new_claim_key(at: datetime) -> Key:
    # P-256, because every telephone's browser can check it; Ed25519 only since 2025.
    key = ec.generate_private_key(ec.SECP256R1())
    return Key(_id(key), CLAIM, _public(key), at, _pem(key))


def _id(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """Four bytes: enough to tell an office's few keys apart, little enough for a small square code."""
    return hashlib.sha256(_public(key).encode()).hexdigest()[:8]


# --- The file


@dataclass(frozen=True)
class _Opened:
    ring: Ring
    root_key: str


@contextmanager
def _locked() -> Iterator[None]:
    where = path()
    where.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(where.with_name(f".{where.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        flock(handle, LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sealer(salt: bytes) -> Fernet:
    if _passphrase:
        key = Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(_passphrase.encode())
    else:
        key = hashlib.blake2b(_secret.encode(), key=b"daiban-trust", salt=salt[:16], digest_size=32).digest()
    return Fernet(base64.urlsafe_b64encode(key))


def _write(opened: _Opened) -> None:
    """Whole or not at all, and for nobody else's eyes."""
    where, salt = path(), secrets.token_bytes(16)
    plain = {
        "office": opened.ring.office,
        "root": opened.ring.root,
        "root_key": opened.root_key,
        "keys": [_plain(key) for key in opened.ring.keys],
    }
    body = {
        "format": FORMAT,
        "opens_with": "TRUST_PASSPHRASE" if _passphrase else "SECRET_KEY",
        "salt": salt.hex(),
        "sealed": _sealer(salt).encrypt(json.dumps(plain).encode()).decode(),
    }
    draft = where.with_name(f".{where.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(body, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, where)


def _plain(key: Key) -> dict[str, Any]:
    told = {name: getattr(key, name) for name in ("id", "use", "public", "private", "reason")}
    moments = {name: getattr(key, name) for name in ("since", "ended", "revoked")}
    return {
        **told,
        "chain": list(key.chain),
        **{name: moment.astimezone(UTC).isoformat() if moment else None for name, moment in moments.items()},
    }


def _opened(where: Path) -> _Opened:
    try:
        body = json.loads(where.read_text("ascii"))
        plain = json.loads(_sealer(bytes.fromhex(body["salt"])).decrypt(body["sealed"].encode()))
        keys = tuple(
            Key(
                **{name: one[name] for name in ("id", "use", "public", "private", "reason")},
                chain=tuple(one["chain"]),
                since=datetime.fromisoformat(one["since"]),
                ended=datetime.fromisoformat(one["ended"]) if one["ended"] else None,
                revoked=datetime.fromisoformat(one["revoked"]) if one["revoked"] else None,
            )
            for one in plain["keys"]
        )
        return _Opened(Ring(keys, plain["root"], plain["office"]), plain["root_key"])
    except InvalidToken as error:
        raise KeysUnusable(
            f"签名密钥文件 {where.name} 打不开：它是用另一个 SECRET_KEY 或口令封存的。请管理员恢复原来的设置，或从备份恢复。"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeysUnusable(f"签名密钥文件 {where.name} 读不出来。请管理员从备份恢复这个文件。") from error


def _open(where: Path) -> Ring:
    return _opened(where).ring
