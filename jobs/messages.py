"""What the worker does for messages: sends one, reminds of what is owed, looks for errands nobody has claimed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import gives_up, handles
from services.messages import colleagues, listening, sending, telling


@handles(telling.SEND)
def send(session: Session, args: Mapping[str, Any]) -> None:
    """One attempt at one text message or one line in the work chat."""
    sending.send(session, int(args["delivery_id"]))


@gives_up(telling.SEND)
def send_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    sending.given_up(session, args, sentence)


@handles(listening.REMIND)
def remind(session: Session, args: Mapping[str, Any]) -> None:
    """Says some days before that owed materials are due."""
    listening.remind(session, args)


@handles(colleagues.WATCH)
def unclaimed(session: Session, args: Mapping[str, Any]) -> None:
    """Tells the dispatcher of an errand that has hung too long."""
    colleagues.unclaimed(session, args)
