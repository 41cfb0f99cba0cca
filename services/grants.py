"""The database role that the program works under on PostgreSQL: it may add to the journal and read it, nothing else."""

from __future__ import annotations

import re

from sqlalchemy import Connection, inspect, text

from config import ConfigError
from models.base import Base

# What has been written there stays, whoever got hold of the program or its password.
APPEND_ONLY = frozenset({"journal"})
READ_ONLY = frozenset({"alembic_version"})
FORBIDDEN = ("UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES")
_NAME = re.compile(r"\A[a-z_][a-z0-9_]{0,62}\Z")


def restrict(connection: Connection, role: str) -> bool:
    """Gives the role what the program needs and takes everything else away; the owner of the tables calls it.

    May run again, and should after every upgrade. Answers whether the role was made now."""
    if connection.dialect.name != "postgresql":
        raise ConfigError("only PostgreSQL has roles; on SQLite triggers protect the journal")
    if not _NAME.match(role):
        raise ConfigError(
            f"{role[:70]!r} is no name for a role: use small letters, digits and underscores, no digit first"
        )
    known = set(inspect(connection).get_table_names())
    if "journal" not in known:
        raise ConfigError("the database has no tables yet; run `bin/flask db upgrade` as their owner first")
    _refuse_owner(connection, role)
    made = not connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    if made:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT")
    database = connection.dialect.identifier_preparer.quote(str(connection.scalar(text("SELECT current_database()"))))
    for statement in (
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}, PUBLIC",
        f"REVOKE ALL ON SCHEMA public FROM {role}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {role}",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        # A table that a later version adds; the journal has its own line below.
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    ):
        connection.exec_driver_sql(statement)
    for table in sorted(known & (set(Base.metadata.tables) | READ_ONLY)):
        rights = "SELECT, INSERT, UPDATE, DELETE"
        if table in APPEND_ONLY:
            rights = "SELECT, INSERT"
        elif table in READ_ONLY:
            rights = "SELECT"
        connection.exec_driver_sql(f'GRANT {rights} ON "{table}" TO {role}')
    return made


def _refuse_owner(connection: Connection, role: str) -> None:
    """Who owns a table can do anything to it, whatever was granted."""
    owner = connection.scalar(
        text("SELECT tableowner FROM pg_tables WHERE tablename = 'journal' AND schemaname = 'public'")
    )
    if role == owner:
        raise ConfigError(f"{role} owns the tables, nothing can be kept from it; name another role for the program")
    beyond = connection.scalar(
        text(
            "SELECT rolsuper OR pg_has_role(rolname, CAST(:owner AS name), 'MEMBER') FROM pg_roles WHERE rolname = :role"
        ),
        {"role": role, "owner": owner},
    )
    if beyond:
        raise ConfigError(f"{role} is a superuser or a member of {owner}, who owns the tables; name another role")


def excess(connection: Connection) -> list[str]:
    """What the role of this connection may do to the journal although it should not; from the live catalogue."""
    if connection.dialect.name != "postgresql":
        return []
    return [
        right
        for right in FORBIDDEN
        if connection.scalar(text("SELECT has_table_privilege(current_user, 'journal', :right)"), {"right": right})
    ]
