"""The keys of the exchange, when nothing but the command line is left."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from cli import plain
from services.exchange import keys


@click.command("exchange-keys")
@click.option("--new", is_flag=True, help="The file was lost for good: begin with a new number and a new pair.")
@with_appcontext
@plain
def exchange_keys(new: bool) -> None:
    """Show the card of this installation. With --new and no key file left, make new keys that every partner must enter anew."""
    ring = keys.begin_anew() if new else keys.ring()
    click.echo(ring.card.text)
    click.echo(" ".join(ring.card.groups))
