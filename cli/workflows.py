"""Definitions from the command line: check them before they come into force, look at them, walk through them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from cli import plain, sentence, stop
from process import content_types, drawing, plone_reader, plone_xml, trial
from process import library as shelf
from process.definition import Definition
from process.parsing import parse
from process.plone import PloneDefinition
from process.plone_drawing import drawable
from process.refusals import DefinitionError
from services import paper_names, role_names

process = AppGroup("process", help="Workflow definitions (process/workflows/, process/types/).")
PLONE = "definition.xml"


def vocabulary() -> Any:
    return shelf.vocabulary(role_names(), paper_names())


def find(name: str) -> Definition | PloneDefinition:
    """A definition in force by its id, or one from a file that need not be in force."""
    known = shelf.library.workflows.get(name)
    if known is not None:
        return known
    path = Path(name)
    if not path.exists():
        stop(f"there is no process '{name}' and no such file; processes: {', '.join(sorted(shelf.library.workflows))}")
    return read(path)


def read(path: Path) -> Definition | PloneDefinition:
    """The workflow of a file, or of the folder of a GenericSetup profile that holds one; reading is checking."""
    if path.is_dir():
        if not (path / PLONE).is_file():
            within = sorted(str(one.parent.relative_to(path)) for one in path.rglob(PLONE))
            hint = f"name one of: {', '.join(within[:8])}" if within else "name the file itself"
            raise DefinitionError(str(path), "(folder)", f"holds no {PLONE}", hint)
        path = path / PLONE
    if _is_xml(path):
        return plone_reader.read(plone_xml.read_bytes(path), path.name)
    return parse(shelf.read_yaml(path), path.name, vocabulary())


def _is_xml(path: Path) -> bool:
    """By its name, or by its first character: no YAML definition begins with `<`."""
    if path.suffix.lower() == ".xml":
        return True
    with path.open("rb") as stream:
        return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _check_file(path: Path) -> str:
    if _is_xml(path):
        plone = plone_reader.read(plone_xml.read_bytes(path), path.name)
        told = "".join(f"\n  {warning}" for warning in plone.warnings)
        size = f"{len(plone.states)} states, {len(plone.transitions)} transitions, {len(plone.warnings)} warnings"
        return f"{path}: Plone process {plone.id} is right ({size}){told}"
    data = shelf.read_yaml(path)
    if isinstance(data, dict) and "workflow" in data and "states" not in data:
        return f"{path}: type {content_types.read(data, path.name, vocabulary()).id} is right"
    if path.name == "policy.yaml":
        return f"{path}: is read with the whole folder, run `process check` without a path"
    found = parse(data, path.name, vocabulary())
    return f"{path}: process {found.id} is right ({len(found.states)} states, {len(found.transitions)} transitions)"


@process.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@plain
def check(paths: tuple[Path, ...]) -> None:
    """Check definition files, or everything in force; each mistake is named by file, key and reason."""
    if not paths:
        # Loading at the start of this command checked them already; a fresh load says so again for what is on disk now.
        loaded = shelf.load(vocabulary(), shelf.library.folders)
        click.echo(f"{len(loaded.workflows)} processes and {len(loaded.types)} types are right")
        return
    failed = 0
    for path in paths:
        for file in _files(path):
            try:
                click.echo(_check_file(file))
            except (DefinitionError, OSError) as error:
                failed += 1
                click.echo(sentence(error), err=True)
    if failed:
        stop(f"{failed} definitions are wrong, see above")


def _files(path: Path) -> list[Path]:
    """The definitions of a folder, or the one file."""
    if not path.is_dir():
        return [path]
    found = sorted([*path.rglob("*.yaml"), *path.rglob(PLONE)])
    if not found:
        stop(f"{path} holds no definition (*.yaml or {PLONE})")
    return found


@process.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="The normal form, for programs.")
@plain
def show(name: str, as_json: bool) -> None:
    """Say what a definition (id or file) holds."""
    definition = find(name)
    if as_json:
        click.echo(json.dumps(definition.normal_form(), ensure_ascii=False, sort_keys=True, indent=2))
        return
    if isinstance(definition, PloneDefinition):
        _show_plone(definition)
        return
    click.echo(f"{definition.id} {definition.title.zh} / {definition.title.en} (begins in {definition.initial})")
    for state in definition.states.values():
        click.echo(f"  {state.id} {state.title.zh}{' ■' if state.terminal else ''}")
        for transition in definition.exits(state.id):
            held = ", ".join((*transition.guard.roles, *transition.guard.permissions, *transition.guard.groups)) or "—"
            click.echo(f"    {transition.id} {transition.title.zh} → {transition.to or state.id} [{held}]")


def _show_plone(definition: PloneDefinition) -> None:
    click.echo(f"{definition.id} {definition.title} (begins in {definition.initial})")
    for state in definition.states.values():
        click.echo(f"  {state.id} {state.title}")
        for transition in definition.exits(state.id):
            guard = transition.guard
            held = (
                ", ".join((*guard.roles, *guard.permissions, *guard.groups, *filter(None, [guard.expression]))) or "—"
            )
            closed = "" if transition.supported else " (closed)"
            click.echo(f"    {transition.id} {transition.title} → {transition.to or state.id} [{held}]{closed}")
    for warning in definition.warnings:
        click.echo(f"  ! {warning}")


@process.command("draw")
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; without it standard output."
)
@click.option("--vertical", is_flag=True, help="From top to bottom, for narrow screens and paper.")
@click.option("--english", is_flag=True, help="English titles.")
@plain
def draw(name: str, output: Path | None, vertical: bool, english: bool) -> None:
    """Draw a definition (id or file) as SVG."""
    found = find(name)
    definition = drawable(found) if isinstance(found, PloneDefinition) else found
    picture = drawing.draw(definition, locale="en" if english else "zh_Hans_CN", vertical=vertical)
    if output is None:
        click.echo(picture)
    else:
        output.write_text(picture, encoding="utf-8")
        click.echo(f"{output}: {len(picture.encode())} bytes")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


@process.command("try")
@click.argument("path")
@click.option("--roles", default="", help="Roles of the actor, separated by commas.")
@click.option("--permissions", default="", help="Permissions the place grants to this actor.")
@click.option("--groups", default="", help="Groups of the actor.")
@click.option("--walk", default="", help="Transitions to fire in turn.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--stdin",
    "lines",
    is_flag=True,
    help="Read {roles, groups, permissions, walk} as JSON lines and answer a line each.",
)
@plain
def attempt(path: str, roles: str, permissions: str, groups: str, walk: str, as_json: bool, lines: bool) -> None:
    """Walk through a definition (id or file) as somebody with these roles, without touching any data.

    A Plone definition.xml is walked as Products.DCWorkflow would: the place grants every permission to Manager and to
    this actor the named ones; what cannot be honoured stays closed and `process show` says why.
    In our own definitions roles count wherever they are held. Named predicates need a real thing to look at and are taken as fulfilled;
    `different_person_than` is obeyed, because one actor takes every step of the walk.
    """
    definition = find(path)
    if lines:
        for number, line in enumerate(sys.stdin, start=1):
            if line.strip():
                click.echo(json.dumps(trial.walk(definition, *_order(line, number)), ensure_ascii=False))
        return
    steps = trial.walk(definition, _names(roles), _names(permissions), _names(groups), _names(walk))
    if as_json:
        click.echo(json.dumps(steps, ensure_ascii=False))
        return
    for step in steps:
        click.echo(
            f"{step['state']}: may {', '.join(step['available']) or 'do nothing'}; "
            f"holds {', '.join(step['permissions']) or 'nothing'}"
            + (f"; refused: {step['refused']}" if "refused" in step else "")
        )


def _order(line: str, number: int) -> tuple[tuple[str, ...], ...]:
    try:
        asked = json.loads(line)
        return tuple(_list(asked, name) for name in ("roles", "permissions", "groups", "walk"))
    except (ValueError, AttributeError, TypeError) as error:
        stop(f'line {number} is not {{"roles": […], "groups": […], "permissions": […], "walk": […]}}: {error}', 2)
        raise AssertionError from error


def _list(asked: dict[str, Any], name: str) -> tuple[str, ...]:
    value = asked.get(name) or []
    if isinstance(value, str):
        return _names(value)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError(f"{name} must be a list of names")
    return tuple(value)
