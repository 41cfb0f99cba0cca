"""Setting up an office, and the two processes that work behind the scenes."""

from __future__ import annotations

import importlib
import importlib.util

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from cli import plain, stop
from extensions import db
from process import outbox
from services import installation

demo = AppGroup("demo", help="Demonstration data and accounts (only with DAIBAN_DEMO=1).")


@demo.command("load")
@plain
def load() -> None:
    """Fill the database with the demo; may run again, adds only what is missing."""
    if not current_app.config["DAIBAN_DEMO"]:
        stop(
            "demo accounts have a known password and are for no real office; set DAIBAN_DEMO=1 for a demonstration",
            2,
        )
    session = db.session()
    installation.install(session)
    installation.load_demo_people(session)
    if importlib.util.find_spec("services.demo") is not None:
        importlib.import_module("services.demo").load(session)
    session.commit()
    click.echo("demo data loaded")


@click.command("install")
@with_appcontext
@plain
def install() -> None:
    """Write agencies, working-day calendar and catalogue; what a start without demo does. May run again."""
    session = db.session()
    installation.install(session)
    session.commit()
    click.echo("agencies, calendar and catalogue are in the database")


@click.command("worker")
@click.option("--queue", "queues", multiple=True, type=click.Choice(outbox.QUEUES), help="Only these; default: all.")
@with_appcontext
@plain
def worker(queues: tuple[str, ...]) -> None:
    """Do the work that waits in the outbox; runs until it is stopped."""
    importlib.import_module("jobs.worker").run(queues)


@click.command("relay")
@with_appcontext
@plain
def relay() -> None:
    """Ring for outbox rows that are due; runs until it is stopped."""
    importlib.import_module("jobs.relay").run()
