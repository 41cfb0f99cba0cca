"""What the worker does for deadlines: warnings when their time has come, dates anew when the calendar has changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from process import watching
from services import deadlines


@handles(watching.JOB)
def warn(session: Session, args: Mapping[str, Any]) -> None:
    """Tells the holder that 80 % of the time, or all of it, is over."""
    deadlines.warn(session, args)


@handles(deadlines.RECOMPUTE)
def recompute(session: Session, args: Mapping[str, Any]) -> None:
    """Reckons the dates of one slice of the open things anew."""
    deadlines.recompute(session, args)
