"""Looking after what must be true: the journal's chain, its signed heads, and the outbox."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.orm import Session

from cli import plain, stop
from config import Settings
from extensions import db
from jobs import kinds
from models.base import now
from process import heads, transactions
from process import outbox as post
from process.heads import Book, HeadsError
from process.journal_verify import Finding, examine
from services import grants
from services.trust import seals

journal = AppGroup("journal", help="The append-only record and its signed heads.")
outbox = AppGroup("outbox", help="Work that runs after the commit.")


def book() -> Book:
    settings: Settings = current_app.config["SETTINGS"]
    return Book(settings.journal_heads, settings.journal_key)


@journal.command("verify")
@click.option(
    "--heads", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A copy of the heads."
)
@click.option("--public-key", "keys", multiple=True, help="Trust this key instead of the one on this machine.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@plain
def verify(path: Path | None, keys: tuple[str, ...], as_json: bool) -> None:
    """Walk every row, every signed head and the log of every seal; names the first row that does not fit and ends with 1."""
    kept = book()
    if path is not None:
        kept = dataclasses.replace(kept, path=path)
    with transactions.reading(), Session(db.engine) as session:
        found = examine(session, kept, frozenset(keys))
        if more := grants.excess(session.connection()):
            found.notes.append(f"the database role in use may {', '.join(more)} the journal; see bin/flask grants")
        # The log of the seals is numbered, not chained: a use that was taken out shows by its hole.
        found.trouble = "; ".join([*filter(None, [found.trouble]), *seals.unbroken(session)])
    if as_json:
        told = {**dataclasses.asdict(found), "finding": _row(found.finding)}
        click.echo(json.dumps(told, sort_keys=True, ensure_ascii=False))
        raise SystemExit(1 if found.finding or found.trouble else 0)
    for note in found.notes:
        click.echo(f"note: {note}")
    if found.trouble:
        click.echo(f"Error: {found.trouble}", err=True)
    if found.finding is not None:
        stop(f"{_sentence(found.finding)}; compare with a backup and ask who could write there")
    if found.trouble:
        raise SystemExit(1)
    click.echo(
        f"{found.rows} rows, every chain is whole; {found.heads} heads, {found.signed} rows are as they were signed"
    )


def _row(finding: Finding | None) -> dict[str, Any] | None:
    return dataclasses.asdict(finding) if finding else None


def _sentence(finding: Finding) -> str:
    where = f"stream {finding.stream}, number {finding.seq}" if finding.stream else "its stream is not known any more"
    return f"journal row {finding.entry_id} ({where}) {finding.reason}"


@journal.command("head")
@plain
def head() -> None:
    """Sign what was written since the last head, now; the relay does it every minute."""
    try:
        with transactions.reading(), db.engine.connect() as connection:
            added = heads.write(connection, book(), now(), current_app.config["SETTINGS"].journal_algorithm, force=True)
    except HeadsError as error:
        stop(str(error))
    click.echo(f"{added} heads added to {book().path}")


@journal.command("key")
@plain
def key() -> None:
    """Print the public keys that the heads are checked with: give them to whoever checks on another machine."""
    try:
        book().private()
        click.echo("\n".join(sorted(book().trusted())))
    except HeadsError as error:
        stop(str(error))


@journal.command("resume")
@click.option("--reason", required=True, help="Why older heads do not fit, such as: backup of 3 March restored.")
@plain
def resume(reason: str) -> None:
    """After a restored backup: begin the heads anew with the rows that are there. The reason is signed and stays."""
    if not reason.strip():
        stop("a reason is needed, it stays in the heads for ever", 2)
    try:
        heads.begin_anew(book(), now(), reason.strip(), current_app.config["SETTINGS"].journal_algorithm)
    except HeadsError as error:
        stop(str(error))
    click.echo("the heads begin anew; the next one signs every row that is there now")


@outbox.command("status")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@plain
def status(as_json: bool) -> None:
    """How much waits, since when, and what was given up."""
    with transactions.reading(), Session(db.engine) as session:
        found = post.status(session, counted=post.ALL)
        dead = post.dead_by_job(session)
    if as_json:
        click.echo(json.dumps({**found, "dead_by_job": dead}, sort_keys=True))
        return
    for name in ("waiting", "delayed", "leased", "done", "dead", "closed"):
        click.echo(f"{name:<8} {found[name]}")
    click.echo(f"oldest   {found['oldest_seconds']} s")
    for name, queue in found["queues"].items():
        click.echo(f"queue {name}: {queue['waiting']} waiting, oldest {queue['oldest_seconds']} s")
    for job, count in dead.items():
        click.echo(f"dead {job}: {count}, for {kinds.kind(job).owner} ({kinds.kind(job).title})")


@click.command("grants")
@click.argument("role")
@with_appcontext
@plain
def restrict(role: str) -> None:
    """Let the program work as ROLE, which cannot change the journal. Run as the owner of the tables (PostgreSQL)."""
    with db.engine.begin() as connection:
        made = grants.restrict(connection, role)
    click.echo(f"{role} may add to the journal and read it, not change it; put it into DATABASE_URL of the program")
    if made:
        click.echo(f"{role} was made without a password: set one in psql with \\password {role}")
