"""What the worker does for the fast path of papers: the next few copies on both ways, and the row of the slice after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from jobs.handlers import gives_up, handles
from services import paper_admissions


@handles(paper_admissions.JOB)
def admit(session: Session, args: Mapping[str, Any]) -> None:
    """Compares for some seconds, outside of any transaction; done twice it only compares more."""
    if paper_admissions.compare_some():
        paper_admissions.go_on(session)


@gives_up(paper_admissions.JOB)
def admission_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    paper_admissions.give_up(session, sentence)
