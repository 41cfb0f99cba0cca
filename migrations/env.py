"""Alembic in the application: one metadata, SQLite through batch operations, types written by their portable names."""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app

import models.base
from models.search import of_the_models

target = models.Base.metadata


def render_item(kind: str, item: Any, autogenerate: Any) -> Any:
    """Our own column kinds appear as themselves, so that a migration needs no copy of their insides."""
    if kind != "type":
        return False
    for name in ("Json", "BigId", "Path"):
        if item is getattr(models.base, name):
            autogenerate.imports.add("import models.base")
            return f"models.base.{name}"
    module = type(item).__module__
    if module.startswith("models."):
        autogenerate.imports.add("import models.base")
        return f"models.base.{type(item).__name__}()"
    return False


def run() -> None:
    with current_app.extensions["migrate"].db.engine.connect() as connection:
        options = dict(current_app.extensions["migrate"].configure_args)
        options.pop("render_item", None)
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            # A table that is made anew is dropped for a moment while others refer to it; inside a transaction the switch does nothing.
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
        else:
            # What a city has written in years is rewritten in one statement: the limits of a page do not hold here.
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                connection.exec_driver_sql(f"SET {limit} = 0")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=target,
            render_item=render_item,
            include_object=of_the_models,
            **options,
        )
        with context.begin_transaction():
            context.run_migrations()
        if connection.in_transaction():
            connection.commit()
        if sqlite:
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")


run()
