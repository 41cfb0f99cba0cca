"""Official numbers: drawn inside the issuing transaction, so a rollback gives the number back and no gap remains."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from models.ledger import Counter

CHINA = ZoneInfo("Asia/Shanghai")


def draw(session: Session, series: str, unit: str, at: datetime) -> tuple[int, int]:
    """The next number of (series, unit, civil year in China). Draw it last: the counter row is locked until the commit."""
    year = at.astimezone(CHINA).year
    insert = pg_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = insert(Counter).values(series=series, unit=unit, year=year, value=1)
    statement = statement.on_conflict_do_update(
        index_elements=["series", "unit", "year"], set_={"value": Counter.value + 1}
    )
    value = session.execute(statement.returning(Counter.value)).scalar_one()
    return year, value


def plain(prefix: str, year: int, value: int, digits: int = 6) -> str:
    """`DX-2026-000123`"""
    return f"{prefix}-{year}-{value:0{digits}d}"


def certificate(letters: str, unit_code: str, year: int, value: int) -> str:
    """Kind letters, unit code, year and five digits: `SYDX202600001`."""
    return f"{letters}{unit_code}{year}{value:05d}"
