"""What the worker does for errands: frees those of a courier whose last day is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services import errand_life


@handles(errand_life.LEAVER)
def leaver(session: Session, args: Mapping[str, Any]) -> None:
    """Puts what they have not fetched back on the board, and tells the dispatchers."""
    errand_life.left(session, args)
