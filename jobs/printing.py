"""What the worker does for the print desk: slices of a batch, and what is written on its lines when one is given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import gives_up, handles
from services import batch_work, batches


@handles(batches.NUMBER)
def number(session: Session, args: Mapping[str, Any]) -> None:
    """Numbers and seals a slice of a batch."""
    batch_work.number_slice(session, int(args["batch_id"]), int(args["first"]), int(args["last"]))


@handles(batches.DRAW)
def draw(session: Session, args: Mapping[str, Any]) -> None:
    """Draws and signs a slice of a batch."""
    batch_work.draw_slice(session, int(args["batch_id"]), int(args["first"]), int(args["last"]))


@handles(batches.PRINT)
def print_file(session: Session, args: Mapping[str, Any]) -> None:
    """Makes the next piece of the file for the printer."""
    batch_work.print_slice(session, int(args["batch_id"]))


@gives_up(batches.NUMBER)
@gives_up(batches.DRAW)
def slice_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    positions = range(int(args["first"]), int(args["last"]) + 1)
    batches.fail_lines(session, int(args["batch_id"]), list(positions), f"{sentence} {batch_work.AGAIN}")


@gives_up(batches.PRINT)
def print_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    batches.fail_lines(session, int(args["batch_id"]), None, f"{sentence} {batch_work.AGAIN}")
