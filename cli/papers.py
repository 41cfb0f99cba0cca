"""Papers from the command line: print one, check all."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from cli import plain, stop

papers = AppGroup("papers", help="Printed forms (pdf_templates/).")


@papers.command("render")
@click.argument("paper")
@click.option(
    "--data",
    "data_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML or JSON with the fields; without it the sample.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The PDF to write."
)
@click.option("--draft", is_flag=True, help="With the diagonal 样张 and without a number.")
@plain
def render(paper: str, data_file: Path | None, output: Path, draft: bool) -> None:
    """Print PAPER into a PDF file."""
    # WeasyPrint takes two seconds to load; only these commands need it.
    from services.papers.samples import render_sample

    size = render_sample(paper, data_file, output, draft=draft)
    click.echo(f"{output}: {size} bytes")


@papers.command("check")
@plain
def check() -> None:
    """Print every paper with its sample, as a draft and with hostile text; ends with 1 when one fails."""
    from services.papers.samples import papers_check

    failed = 0
    for line in papers_check():
        failed += not line.ok
        told = f"{line.pages} pages, {line.size} bytes, {line.seconds:.2f} s" if line.ok else line.message
        click.echo(f"{'ok ' if line.ok else 'BAD'} {line.paper} {line.case}: {told}")
    if failed:
        stop(f"{failed} papers cannot be printed, see above")
