"""What the worker does for the counter: asks the data-sharing platform while the clerk goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services import data_sharing


@handles(data_sharing.JOB)
def ask(session: Session, args: Mapping[str, Any]) -> None:
    """One question, one sentence."""
    data_sharing.ask(session, int(args["request_id"]))
