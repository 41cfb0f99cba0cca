"""What the worker does for the ledger of owed papers: the evening of the day it looks whether the promise was kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services import owed


@handles(owed.LAPSE)
def lapse(session: Session, args: Mapping[str, Any]) -> None:
    """Told twice it changes nothing."""
    owed.lapse(session, args)
