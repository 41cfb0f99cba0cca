"""What a row of the journal is hashed over, and by which algorithm: each row names its own, so chains may change over."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes

GENESIS = "0" * 64


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


# Both give 64 hexadecimal digits, so a chain may go over from one to the other in the middle.
ALGORITHMS: dict[str, Callable[[bytes], str]] = {"sha256": _sha256, "sm3": _sm3}

canonical = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def plain(value: Any) -> Any:
    """The value as every database gives it back: keys are text, and a number is written one way only."""
    if isinstance(value, Mapping):
        return {_key(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and (value == 0 or abs(value) >= 1e15):
        # PostgreSQL keeps 1e16 as 10000000000000000 and forgets the sign of -0.0.
        return int(value)
    return value


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"details of the journal are named by text, not by {key!r}")
    return key


# What a row is hashed over, in this order: the previous digest and every column that says something. `at` is ISO 8601 with
# microseconds, in UTC.
FIELDS = (
    *("previous", "algorithm", "stream", "seq", "at", "action", "content_id", "district"),
    *("person_id", "principal_id", "substitute_for_id", "unit_id", "from_state", "to_state", "comment", "details"),
)


def digest(algorithm: str, fields: tuple[Any, ...]) -> str:
    """The hash of these values of FIELDS."""
    return ALGORITHMS[algorithm](canonical(fields).encode())
