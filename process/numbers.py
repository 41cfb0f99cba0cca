"""Official numbers: drawn inside the issuing transaction, so a rollback gives the number back and no gap remains."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from models.ledger import Counter

CHINA = ZoneInfo("Asia/Shanghai")


def _next(insert: Any) -> Any:
    """The first number of a counter, or one more than the last: one statement, which also locks the row."""
    return (
        insert(Counter)
        .values(series=bindparam("series"), unit=bindparam("unit"), year=bindparam("year"), value=1)
        .on_conflict_do_update(index_elements=["series", "unit", "year"], set_={"value": Counter.value + 1})
        .returning(Counter.value)
    )


_NEXT_SQLITE, _NEXT_POSTGRES = _next(sqlite_insert), _next(pg_insert)


def draw(session: Session, series: str, unit: str, at: datetime) -> tuple[int, int]:
    """The next number of (series, unit, civil year in China). Draw it last: the counter row is locked until the commit."""
    year = at.astimezone(CHINA).year
    connection = session.connection()
    statement = _NEXT_POSTGRES if connection.dialect.name == "postgresql" else _NEXT_SQLITE
    value = connection.execute(statement, {"series": series, "unit": unit, "year": year}).scalar_one()
    return year, value


def plain(prefix: str, year: int, value: int, digits: int = 6) -> str:
    """`DX-2026-000123`"""
    return f"{prefix}-{year}-{value:0{digits}d}"


def certificate(letters: str, unit_code: str, year: int, value: int) -> str:
    """Kind letters, unit code, year and five digits: `SYDX202600001`."""
    return f"{letters}{unit_code}{year}{value:05d}"
