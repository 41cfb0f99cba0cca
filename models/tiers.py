"""What makes lists short: the agencies above a place as columns of their own, so that one index holds one unit's things in order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, Index, String, Table, event, text
from sqlalchemy.orm import Mapped, mapped_column

# City, district or town, street, community, grid or point. Deeper places are found by their fifth agency and the path.
LEVELS = 5


def tiers_of(path: str | None) -> list[str | None]:
    """The ids of the agencies from the top down to the place of `path`, as many as there are columns."""
    named: list[str | None] = [*(path or "").strip("/").split("/")[:LEVELS]]
    return [one or None for one in named] + [None] * (LEVELS - len(named))


def _of_path(level: int) -> Any:
    def default(context: Any) -> str | None:
        return tiers_of(context.get_current_parameters().get("place_path"))[level - 1]

    return default


class Tiers:
    """Columns for a table with `place_path`; whoever writes the path writes them as well, without knowing of it."""

    tier1: Mapped[str | None] = mapped_column(String(40), default=_of_path(1))
    tier2: Mapped[str | None] = mapped_column(String(40), default=_of_path(2))
    tier3: Mapped[str | None] = mapped_column(String(40), default=_of_path(3))
    tier4: Mapped[str | None] = mapped_column(String(40), default=_of_path(4))
    tier5: Mapped[str | None] = mapped_column(String(40), default=_of_path(5))


def follow_path(model: Any) -> None:
    """A path set on an object sets its tiers."""

    def changed(target: Any, value: Any, _old: Any, _initiator: Any) -> None:
        for level, agency_id in enumerate(tiers_of(value), 1):
            setattr(target, f"tier{level}", agency_id)

    event.listen(model.place_path, "set", changed, propagate=True)


OPEN = text("closed_at IS NULL")
NOT_ENDED = text('"until" IS NULL')


def _partial(name: str, *columns: str, where: Any) -> Index:
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


def content_indexes() -> tuple[Index, ...]:
    """Per level: what is open by deadline, and everything by age, each under who may see it."""
    return (
        *(
            _partial(f"ix_content_due_{level}", f"tier{level}", "acl_id", "deadline", "id", where=OPEN)
            for level in range(1, LEVELS + 1)
        ),
        *(
            Index(f"ix_content_age_{level}", f"tier{level}", "acl_id", "created_at", "id")
            for level in range(1, LEVELS + 1)
        ),
        _partial("ix_content_due_acl", "acl_id", "deadline", "id", where=OPEN),
        Index("ix_content_age_acl", "acl_id", "created_at", "id"),
        _partial("ix_content_due_owner", "owner_id", "acl_id", "deadline", "id", where=OPEN),
        Index("ix_content_age_owner", "owner_id", "acl_id", "created_at", "id"),
        _partial("ix_content_due_assignee", "assignee_id", "acl_id", "deadline", "id", where=OPEN),
        Index("ix_content_age_assignee", "assignee_id", "acl_id", "created_at", "id"),
        _partial("ix_content_due_unit", "unit_id", "acl_id", "deadline", "id", where=OPEN),
        Index("ix_content_age_unit", "unit_id", "acl_id", "created_at", "id"),
    )


def place_indexes() -> tuple[Index, ...]:
    """The same for second places, as long as they last."""
    return (
        *(
            _partial(f"ix_content_place_due_{level}", f"tier{level}", "acl_id", "due_at", "content_id", where=NOT_ENDED)
            for level in range(1, LEVELS + 1)
        ),
        *(
            _partial(
                f"ix_content_place_age_{level}", f"tier{level}", "acl_id", "made_at", "content_id", where=NOT_ENDED
            )
            for level in range(1, LEVELS + 1)
        ),
    )


# A second place repeats what its list is sorted and filtered by; the database keeps the copies true, whoever writes.
SQLITE_COPIES = (
    "CREATE TRIGGER content_place_copies AFTER INSERT ON content_place WHEN NEW.acl_id IS NULL BEGIN "
    "UPDATE content_place SET (acl_id, due_at, made_at) = (SELECT acl_id, CASE WHEN closed_at IS NULL THEN deadline END, created_at "
    "FROM content WHERE id = NEW.content_id) WHERE id = NEW.id; END",
    "CREATE TRIGGER content_copied AFTER UPDATE OF acl_id, deadline, closed_at, created_at ON content BEGIN "
    "UPDATE content_place SET acl_id = NEW.acl_id, due_at = CASE WHEN NEW.closed_at IS NULL THEN NEW.deadline END, "
    "made_at = NEW.created_at WHERE content_id = NEW.id; END",
)
POSTGRES_COPIES = (
    "CREATE OR REPLACE FUNCTION content_place_copies() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN SELECT acl_id, CASE WHEN closed_at IS NULL THEN deadline END, created_at "
    "INTO NEW.acl_id, NEW.due_at, NEW.made_at FROM content WHERE id = NEW.content_id; RETURN NEW; END $$",
    "CREATE TRIGGER content_place_copies BEFORE INSERT ON content_place FOR EACH ROW "
    "WHEN (NEW.acl_id IS NULL) EXECUTE FUNCTION content_place_copies()",
    "CREATE OR REPLACE FUNCTION content_copied() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN UPDATE content_place SET acl_id = NEW.acl_id, due_at = CASE WHEN NEW.closed_at IS NULL THEN NEW.deadline END, "
    "made_at = NEW.created_at WHERE content_id = NEW.id; RETURN NULL; END $$",
    "CREATE TRIGGER content_copied AFTER UPDATE OF acl_id, deadline, closed_at, created_at ON content FOR EACH ROW "
    "EXECUTE FUNCTION content_copied()",
)


def keep_copies(table: Table) -> None:
    """Makes the triggers with the table."""
    for statements, dialect in ((SQLITE_COPIES, "sqlite"), (POSTGRES_COPIES, "postgresql")):
        for statement in statements:
            event.listen(table, "after_create", DDL(statement.replace("%", "%%")).execute_if(dialect=dialect))


def fill(connection: Any) -> None:
    """For a database from before these columns: writes them for everything that is there. Used by the migration."""
    for table in ("content", "content_place"):
        paths = connection.execute(text(f"SELECT DISTINCT place_path FROM {table} WHERE tier1 IS NULL")).scalars().all()
        for path in paths:
            values = {f"tier{level}": one for level, one in enumerate(tiers_of(path), 1)}
            connection.execute(
                text(
                    f"UPDATE {table} SET {', '.join(f'{name} = :{name}' for name in values)} WHERE place_path = :path"
                ),
                {**values, "path": path},
            )
    connection.execute(
        text(
            "UPDATE content_place SET acl_id = (SELECT c.acl_id FROM content c WHERE c.id = content_id), "
            "due_at = (SELECT CASE WHEN c.closed_at IS NULL THEN c.deadline END FROM content c WHERE c.id = content_id), "
            "made_at = (SELECT c.created_at FROM content c WHERE c.id = content_id)"
        )
    )
