"""The index of words: one row per thing with the terms it is found by, kept in the transaction that writes the thing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DDL, ForeignKey, Index, String, Table, Text, event
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, BigId, now


class ContentSearch(Base):
    """What a thing is found by: pieces of its words, and where and to whom it belongs. Written by services/search_index only."""

    __tablename__ = "content_search"
    __table_args__ = (
        Index("ix_content_search_terms", "terms", postgresql_using="gin", postgresql_with={"fastupdate": "off"}).ddl_if(
            dialect="postgresql"
        ),
    )

    content_id: Mapped[int] = mapped_column(ForeignKey("content.id"), primary_key=True, autoincrement=False)
    district: Mapped[str] = mapped_column(String(40))
    # Equal digests mean equal terms, so that nothing is written twice.
    digest: Mapped[str] = mapped_column(String(40))
    terms: Mapped[Any] = mapped_column(Text().with_variant(TSVECTOR(), "postgresql"))


class NameReading(Base):
    """How the office reads a name whose characters have several readings; found by these initials besides the usual ones."""

    __tablename__ = "name_reading"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), unique=True)
    initials: Mapped[str] = mapped_column(String(30))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    at: Mapped[datetime] = mapped_column(default=now)


# SQLite's own index over the terms. The tokenizer takes every byte beyond ASCII as a letter, whatever Unicode it knows of.
SQLITE_INDEX = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS content_terms USING fts5(terms, content='content_search', content_rowid='content_id', "
    "detail=none, columnsize=0, tokenize=\"ascii tokenchars '-_.:@~#='\")",
    "CREATE TRIGGER IF NOT EXISTS content_search_added AFTER INSERT ON content_search BEGIN "
    "INSERT INTO content_terms (rowid, terms) VALUES (NEW.content_id, NEW.terms); END",
    "CREATE TRIGGER IF NOT EXISTS content_search_gone AFTER DELETE ON content_search BEGIN "
    "INSERT INTO content_terms (content_terms, rowid, terms) VALUES ('delete', OLD.content_id, OLD.terms); END",
    "CREATE TRIGGER IF NOT EXISTS content_search_changed AFTER UPDATE OF terms ON content_search BEGIN "
    "INSERT INTO content_terms (content_terms, rowid, terms) VALUES ('delete', OLD.content_id, OLD.terms); "
    "INSERT INTO content_terms (rowid, terms) VALUES (NEW.content_id, NEW.terms); END",
)
SQLITE_GONE = "DROP TABLE IF EXISTS content_terms"


def keep_index(table: Table) -> None:
    """Makes SQLite's index with the table and takes it away with it."""
    for statement in SQLITE_INDEX:
        event.listen(table, "after_create", DDL(statement.replace("%", "%%")).execute_if(dialect="sqlite"))
    event.listen(table, "before_drop", DDL(SQLITE_GONE).execute_if(dialect="sqlite"))


keep_index(ContentSearch.__table__)  # type: ignore[arg-type]


def of_the_models(_item: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """For Alembic: SQLite's tables behind the index are its own affair, and the index of PostgreSQL is not SQLite's."""
    if kind == "table" and reflected and name is not None and name.startswith("content_terms"):
        return False
    return not (kind == "index" and name == "ix_content_search_terms")
