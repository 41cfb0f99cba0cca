"""What the worker does for the care register: every morning, before the desks open, the leaders are reminded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import handles
from services import care_reminders


@handles(care_reminders.JOB)
def remind(session: Session, args: Mapping[str, Any]) -> None:
    """Whose proof runs out, whom to look at again, who turns 80; and the row of the next morning."""
    care_reminders.remind(session, args)
