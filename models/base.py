"""What every table shares: naming of constraints, portable column kinds, time in UTC."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import JSON, BigInteger, DateTime, Integer, LargeBinary, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator

from models.crypto import vault

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite only autoincrements INTEGER keys; PostgreSQL gets 64 bits.
BigId = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")
# Paths are compared as ranges, so their order must be byte order on every database.
Path = String(255).with_variant(String(255, collation="C"), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in Python, UTC in the database; a naive value is a programming error, not a guess."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class EncryptedText(TypeDecorator[str]):
    """Personal data at rest: ciphertext in the table, plain text in Python."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:
        return None if value is None else vault.encrypt(value.encode())

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:
        if value is None:
            return None
        try:
            return vault.decrypt(bytes(value)).decode()
        except InvalidToken as error:
            raise RuntimeError("stored data was encrypted with another SECRET_KEY") from error


class EncryptedJson(EncryptedText):
    """A JSON document at rest as ciphertext."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> bytes | None:
        return None if value is None else super().process_bind_param(json.dumps(value, ensure_ascii=False), dialect)

    def process_result_value(self, value: bytes | None, dialect: Any) -> Any:
        text = super().process_result_value(value, dialect)
        return None if text is None else json.loads(text)


class Base(DeclarativeBase):
    # A registry of its own, because Flask-SQLAlchemy builds its base from this class and shares what stands here.
    registry = registry(metadata=MetaData(naming_convention=NAMING), type_annotation_map={datetime: UtcDateTime})


_told: ContextVar[datetime | None] = ContextVar("told", default=None)


def now() -> datetime:
    """The time of this installation: the machine's, unless somebody tells a story of the past (see `at_time`)."""
    return _told.get() or datetime.now(UTC)


@contextmanager
def at_time(moment: datetime) -> Iterator[None]:
    """Inside, it is `moment`: the demo's weeks of life and tests of dates are told through the ordinary services."""
    token = _told.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _told.reset(token)


def new_uid() -> str:
    """22 characters, 128 bits: fit for a URL and not guessable."""
    return secrets.token_urlsafe(16)
