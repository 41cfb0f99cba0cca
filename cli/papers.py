"""Papers from the command line: print one, check all."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from cli import plain, stop

papers = AppGroup("papers", help="Printed forms (pdf_templates/, and the office's own).")


def _take_up() -> None:
    """The versions that this office has put in force itself; before the database is made there are none."""
    from sqlalchemy import inspect

    from extensions import db
    from models.paper_template import PaperRelease
    from services.papers import own

    if inspect(db.engine).has_table(PaperRelease.__tablename__):
        own.refresh(db.session(), at_once=True)


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

    _take_up()
    size = render_sample(paper, data_file, output, draft=draft)
    click.echo(f"{output}: {size} bytes")


@papers.command("check")
@plain
def check() -> None:
    """Print every paper with its sample, as a draft and with hostile text; ends with 1 when one fails."""
    from services.papers.samples import papers_check

    _take_up()
    failed = 0
    for line in papers_check():
        failed += not line.ok
        told = f"{line.pages} pages, {line.size} bytes, {line.seconds:.2f} s" if line.ok else line.message
        click.echo(f"{'ok ' if line.ok else 'BAD'} {line.paper} {line.case}: {told}")
    if failed:
        stop(f"{failed} papers cannot be printed, see above")


@papers.command("admit")
@click.argument("paper", required=False)
@click.option("--all", "every", is_flag=True, help="Every paper with a number of its own, one after the other.")
@click.option(
    "--fills", default=1000, show_default=True, help="Invented copies to compare; fewer than 1,000 admit nothing."
)
@click.option("--seed", default=0, show_default=True, help="Another number invents other copies.")
@plain
def admit(paper: str | None, every: bool, fills: int, seed: int) -> None:
    """Compare the fast path of PAPER with the ordinary one and admit it when all copies agree; ends with 1 when not."""
    from services import papers_out
    from services.papers.definition import load, load_all
    from services.papers.prepared import admission, place, record
    from services.papers.renderer import warm

    if not paper and not every:
        stop("name a paper, or --all")
    if lacking := record.lacking():
        stop(f"this machine lacks {' and '.join(lacking)}: apt-get install poppler-utils")
    _take_up()
    service = warm()
    wanted = [load(paper)] if paper else [one for one in load_all().values() if one.series]
    failed = 0
    for one in wanted:
        found = admission.admit(one, service, place.folder(), fills=fills, seed=seed, demo=papers_out.is_demo())
        failed += not found.admitted
        click.echo(record.told(found))
    if failed:
        stop(f"{failed} papers stay on the ordinary way, see above")


@papers.command("admitted")
@plain
def admitted() -> None:
    """Which papers are on the fast path in their present version, and what the comparison said."""
    from services import paper_admissions
    from services.papers.definition import load_all
    from services.papers.prepared import record

    _take_up()
    for one in load_all().values():
        found = paper_admissions.state(one)
        click.echo(record.told(found) if found else f"--  {one.id}: never compared in this version")


@papers.command("faces")
@plain
def faces() -> None:
    """List the faces papers are printed with and compare every file with its hash."""
    from services.papers import facefiles, fonts

    for face in fonts.faces():
        click.echo(f"{face.family} {face.weight}: {len(face.coverage)} characters, {face.sha256[:12]}")
    if damaged := facefiles.verify():
        stop("; ".join(damaged))


@papers.command("face")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--as", "kind", type=click.Choice(["fang", "own"]), required=True, help="The office's 仿宋, or own glyphs."
)
@plain
def face(source: Path, kind: str) -> None:
    """Install the office's own face: a .ttf file, or a folder of drawings named like U+E001.svg."""
    from services.papers import officefaces

    installed = officefaces.install(source, kind)
    click.echo(f"{installed.family}: {installed.sha256[:12]}; used from the next start on")
