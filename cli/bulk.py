"""Writing millions of rows: COPY on PostgreSQL, plain inserts on SQLite; indexes are taken off before and put back afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import click
from sqlalchemy import Engine, Index, text
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from models.base import Base
from models.ledger import Counter
from process import journal as book
from services.scale.things import TABLES, Rows, columns_of

Counters = Mapping[tuple[str, str, int], int]


class Bulk:
    """One connection that only writes; whatever happens, the indexes are back when it is left."""

    def __init__(self, engine: Engine, *, large: bool) -> None:
        self.engine, self.large = engine, large
        self.lite = engine.dialect.name == "sqlite"
        self.indexes: list[Index] = [
            index for name in TABLES for index in Base.metadata.tables[name].indexes if not index.unique
        ]

    def __enter__(self) -> Bulk:
        self.connection = self.engine.connect()
        if self.lite:
            # Set outside a transaction, which is where SQLite hears them.
            raw = self.connection.connection.driver_connection
            assert raw is not None
            for pragma in ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-1500000", "temp_store=MEMORY"):
                raw.execute(f"PRAGMA {pragma}")
        else:
            self._quiet_postgres()
        if self.large:
            with self.connection.begin():
                for index in self.indexes:
                    index.drop(self.connection, checkfirst=True)
        return self

    def _quiet_postgres(self) -> None:
        with self.connection.begin():
            self.connection.execute(text("SET statement_timeout = 0"))
            self.connection.execute(text("SET synchronous_commit = off"))
            self.connection.execute(text("SET maintenance_work_mem = '1GB'"))
            chief = self.connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
            if chief:
                # References are true by construction; checking ten a row takes longer than writing it.
                self.connection.execute(text("SET session_replication_role = replica"))

    def write(self, rows: Rows, counters: Counters, *, journal: bool) -> None:
        """One batch and the counters of its numbers, in one transaction."""
        with self.connection.begin():
            for table in TABLES:
                if rows[table]:
                    (self._insert if self.lite else self._copy)(table, rows[table])
            self._count(counters)
            if journal:
                self._journal(rows["content"])

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        columns = columns_of(table)
        marks = ", ".join("?" * len(columns))
        names = ", ".join(f'"{column}"' for column in columns)
        raw = self.connection.connection.driver_connection
        assert raw is not None
        raw.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", map(_lite, rows))

    def _copy(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        names = ", ".join(f'"{column}"' for column in columns_of(table))
        raw = self.connection.connection.driver_connection
        assert raw is not None
        with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            copy.write("".join(_line(row) for row in rows))

    def _count(self, counters: Counters) -> None:
        insert: Any = sqlite_insert if self.lite else pg_insert
        rows = [{"series": s, "unit": u, "year": y, "value": v} for (s, u, y), v in sorted(counters.items())]
        if not rows:
            return
        statement = insert(Counter)
        self.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["series", "unit", "year"], set_={"value": statement.excluded.value}
            ),
            rows,
        )

    def _journal(self, contents: Iterable[tuple[Any, ...]]) -> None:
        names = {name: place for place, name in enumerate(columns_of("content"))}
        for row in contents:
            book.append(
                self.connection,
                f"{row[names['type']]}:create",
                stream=row[names["uid"]],
                at=row[names["created_at"]],
                content_id=row[names["id"]],
                district=row[names["district"]],
                person_id=row[names["owner_id"]],
                unit_id=row[names["place_id"]],
                to_state=row[names["state"]],
                details={"scale": True},
                first=True,
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.connection.in_transaction():
            self.connection.rollback()
        if self.large:
            click.echo(f"putting {len(self.indexes)} indexes back")
            for index in self.indexes:
                with self.connection.begin():
                    index.create(self.connection, checkfirst=True)
        with self.connection.begin():
            if not self.lite:
                for table in ("content", "content_place"):
                    self.connection.execute(
                        text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
                    )
        raw = self.connection.connection.driver_connection
        assert raw is not None
        if self.lite:
            raw.execute("ANALYZE")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            raw.autocommit = True
            raw.execute("VACUUM ANALYZE")
            raw.autocommit = False
        # Nobody gets this connection as it is now.
        self.connection.invalidate()
        self.connection.close()


def _lite(row: tuple[Any, ...]) -> list[Any]:
    return [
        value.strftime("%Y-%m-%d %H:%M:%S.000000")
        if isinstance(value, datetime)
        else json.dumps(value)
        if isinstance(value, (dict, list))
        else value
        for value in row
    ]


def _line(row: tuple[Any, ...]) -> str:
    return "\t".join(_cell(value) for value in row) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("\t", " ").replace("\n", " ")
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)
