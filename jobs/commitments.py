"""What the worker does for commitments: reminds before the day, and asks for the check on the day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services import commitments


@handles(commitments.DUE)
def due(session: Session, args: Mapping[str, Any]) -> None:
    """Told twice it changes nothing."""
    commitments.due(session, args)
