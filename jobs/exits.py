"""What the worker does for the exit window: says that a result is still waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services import exit_reminders


@handles(exit_reminders.REMIND)
def remind(session: Session, args: Mapping[str, Any]) -> None:
    """Told twice it says nothing the second time."""
    exit_reminders.remind(session, args)
