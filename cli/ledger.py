"""Looking after what must be true: the journal's chain and the outbox."""

from __future__ import annotations

import json

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from cli import plain, stop
from extensions import db
from process import journal as chain
from process import outbox as post
from process import transactions

journal = AppGroup("journal", help="The append-only record.")
outbox = AppGroup("outbox", help="Work that runs after the commit.")


@journal.command("verify")
@plain
def verify() -> None:
    """Walk every stream of the journal; names the first row that does not fit and ends with 1."""
    with transactions.reading(), Session(db.engine) as session:
        count, bad = chain.verify(session)
    if bad is not None:
        stop(
            f"journal row {bad.entry_id} (stream {bad.stream}, number {bad.seq}) {bad.reason}; "
            "compare with a backup and ask who could write there"
        )
    click.echo(f"{count} rows, every chain is whole")


@outbox.command("status")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@plain
def status(as_json: bool) -> None:
    """How much waits, since when, and what was given up."""
    with transactions.reading(), Session(db.engine) as session:
        found = post.status(session)
    if as_json:
        click.echo(json.dumps(found, sort_keys=True))
        return
    for name in ("waiting", "leased", "done", "dead"):
        click.echo(f"{name:<8} {found[name]}")
    click.echo(f"oldest   {found['oldest_seconds']} s")
