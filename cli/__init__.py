"""The command line of daiban: `bin/flask --help`. Every failure is one line and an exit code, never a trace."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

import click
from flask import Flask
from sqlalchemy.exc import OperationalError, ProgrammingError

from catalogue.records import CatalogueError
from config import ConfigError
from process.refusals import DefinitionError, Refusal

FAILED, WRONG_USE = 1, 2
# What people can do something about; anything else is a fault of ours and keeps its trace for the report.
EXPECTED = (Refusal, DefinitionError, ConfigError, CatalogueError, OperationalError, ProgrammingError, OSError)


def sentence(error: BaseException) -> str:
    """One line that says what is wrong."""
    if isinstance(error, Refusal):
        return error.detail
    if isinstance(error, (OperationalError, ProgrammingError)):
        first = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
        missing = "no such table" in first or "does not exist" in first
        return (
            f"the database has no tables yet ({first}); run `bin/flask db upgrade` first"
            if missing
            else f"the database does not answer: {first}"
        )
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or type(error).__name__).lower()}"
    return " ".join(str(error).split()) or type(error).__name__


def plain(command: Callable[..., Any]) -> Callable[..., Any]:
    """Around every command: what was expected to go wrong is told in one line, and the command ends with 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except EXPECTED as error:
            raise click.ClickException(sentence(error)) from error

    return run


def stop(message: str, code: int = FAILED) -> None:
    """Ends the command with one line on the error stream."""
    click.echo(f"Error: {message}", err=True)
    raise SystemExit(code)


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, EXPECTED):
        click.echo(f"Error: {sentence(error)}", err=True)
        # An exception hook may not choose the exit code; 1 is what Python answers.
        return
    sys.__excepthook__(kind, error, trace)


def init_app(app: Flask) -> None:
    from cli import accounts, archive, exchange, keep, ledger, office, papers, scale, workflows

    for group in (
        accounts.account,
        office.demo,
        workflows.process,
        ledger.journal,
        ledger.outbox,
        papers.papers,
        archive.archive,
        scale.scale,
    ):
        app.cli.add_command(group)
    for command in (
        office.install,
        office.worker,
        office.relay,
        keep.backup,
        keep.restore,
        ledger.restrict,
        exchange.exchange_keys,
    ):
        app.cli.add_command(command)


# A bad setting stops create_app() before any command runs: here too one line is enough.
if sys.argv and sys.argv[0].endswith(("/flask", "/flask/__main__.py")):
    sys.excepthook = _one_line
