"""The key ring for personal data: encryption at rest and blind indexes for exact look-up."""

from __future__ import annotations

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, MultiFernet


class Vault:
    """Holds the keys of one installation; `open` is called once at start with SECRET_KEY (old ones after it, for rotation)."""

    def __init__(self) -> None:
        self._ring: MultiFernet | None = None
        self._index_key = b""

    def open(self, *secrets: str) -> None:
        self._ring = MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(secret, b"data"))) for secret in secrets])
        self._index_key = _derive(secrets[0], b"index")

    def encrypt(self, plain: bytes) -> bytes:
        return self._keys().encrypt(plain)

    def decrypt(self, token: bytes) -> bytes:
        return self._keys().decrypt(token)

    def fingerprint(self, value: str) -> str:
        """Blind index: equal values give equal fingerprints, and nobody without the key can try values."""
        self._keys()
        return hmac.new(self._index_key, value.encode(), hashlib.sha256).hexdigest()

    def _keys(self) -> MultiFernet:
        if self._ring is None:
            raise RuntimeError("the key ring was not opened: create_app() does it from SECRET_KEY")
        return self._ring


def _derive(secret: str, purpose: bytes) -> bytes:
    return hashlib.blake2b(secret.encode(), key=b"daiban-" + purpose, digest_size=32).digest()


vault = Vault()
