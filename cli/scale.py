"""`scale load`: a city of any size beside the demo office, to try out that pages stay fast. Only for demonstrations."""

from __future__ import annotations

import time

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import func, select

from cli import plain, stop
from cli.bulk import Bulk
from extensions import db
from models.content import Content, ContentPlace
from process.transactions import set_writing
from services.scale import city
from services.scale.city import Plan
from services.scale.things import Things

scale = AppGroup("scale", help="Invented mass data (only with DAIBAN_DEMO=1).")


@scale.command("load")
@click.option("--cases", required=True, type=int, help="How many things of all types.")
@click.option("--towns", default=city.TOWNS, show_default=True)
@click.option("--villages", default=city.VILLAGES, show_default=True)
@click.option("--points", default=city.POINTS, show_default=True)
@click.option("--seed", default=2026, show_default=True, help="The same seed gives the same world.")
@click.option("--journal", is_flag=True, help="Also write the first journal row of each thing (slower).")
@plain
def load(cases: int, towns: int, villages: int, points: int, seed: int, journal: bool) -> None:
    """A city of towns, villages and points with N things; run again, it adds N more."""
    if not current_app.config["DAIBAN_DEMO"]:
        stop("invented mass data are for no real office; set DAIBAN_DEMO=1 for a trial", 2)
    plan = Plan(cases, towns, villages, points, seed)
    plan.check()
    set_writing(True)
    session = db.session()
    started = time.monotonic()
    world = city.build(session, plan)
    first = (session.scalar(select(func.max(Content.id))) or 0) + 1
    first_place = (session.scalar(select(func.max(ContentPlace.id))) or 0) + 1
    things = Things(session, plan, world, first, first_place)
    session.commit()
    db.session.remove()
    click.echo(f"{len(world.city)} units of the city and {len(world.office)} of the demo office are there")
    with Bulk(db.engine, large=cases >= 200_000) as bulk:
        told = 0
        for made, rows in things.batches():
            bulk.write(rows, things.counters, journal=journal)
            if made == cases or made - told >= 200_000:
                told, spent = made, time.monotonic() - started
                click.echo(f"{made:>9} of {cases} written, {made / spent:,.0f} a second")
    click.echo(f"done in {time.monotonic() - started:.0f} s")
