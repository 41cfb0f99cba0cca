"""Backup and restore of a whole installation in one file."""

from __future__ import annotations

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from cli import plain
from extensions import db
from services import backup as vault


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
@plain
def backup(file: Path) -> None:
    """Write database, files and keys into FILE (a tar archive); may run while people work."""
    told = vault.write(current_app.config["SETTINGS"], db.engine, file)
    click.echo(f"{file}: {told.files} files, {told.size} bytes; it holds the key to personal data, keep it like a seal")


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is in this installation.")
@with_appcontext
@plain
def restore(file: Path, force: bool) -> None:
    """Bring back what `backup` wrote; stop the installation first. Refuses one that holds anything, unless --force."""
    told = vault.read(current_app.config["SETTINGS"], db.engine, file, force=force)
    click.echo(f"restored {told.files} files from {told.made_at}; start daiban again")
    if told.note:
        click.echo(told.note, err=True)
