"""Packages of the archive from the command line: checked without a network and without the database."""

from __future__ import annotations

from pathlib import Path

import click
from cryptography import x509
from flask.cli import AppGroup

from cli import plain, stop

archive = AppGroup("archive", help="Packages of the archive.")


@archive.command("verify")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--root",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The root certificate to trust (PEM); without it the one of this installation.",
)
@plain
def verify(file: Path, root: Path | None) -> None:
    """Check FILE line by line: manifest, every file, history, signature; ends with 1 when anything is wrong."""
    from services.archive import verify as checking

    if root is None:
        trusted = checking.own()
    else:
        try:
            trusted = checking.Trusted(
                frozenset({checking.fingerprint(x509.load_pem_x509_certificate(root.read_bytes()))})
            )
        except ValueError:
            stop(f"{root}: this is no certificate in PEM")
            return
    with file.open("rb") as stream:
        lines = checking.check(stream, trusted)
    for line in lines:
        click.echo(f"{'ok ' if line.state == checking.OK else 'BAD'} {line.what}: {line.said}")
    bad = sum(line.state != checking.OK for line in lines)
    if bad:
        stop(f"{file}: {bad} of {len(lines)} checks failed")
    click.echo(f"{file}: whole, {len(lines)} checks")


@archive.command("root")
@plain
def root_certificate() -> None:
    """Print the root certificate that whoever checks packages elsewhere needs."""
    from services.trust import keystore

    click.echo(keystore.ring().root.strip())
