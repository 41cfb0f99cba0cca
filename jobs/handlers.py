"""What the worker can do: one function per job, found by name. Doing a job twice changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from models.paper import Paper
from process import timers, transactions
from services import exports, imports, papers_out, process_changes, rules
from services.trust import sealing

Handler = Callable[[Session, Mapping[str, Any]], None]
GivingUp = Callable[[Session, Mapping[str, Any], str], None]

HANDLERS: dict[str, Handler] = {}
_GIVING_UP: dict[str, GivingUp] = {}
log = logging.getLogger("daiban.jobs")


def handles(job: str) -> Callable[[Handler], Handler]:
    """Registers the function that does this job; it commits nothing, the worker does."""

    def keep(function: Handler) -> Handler:
        assert job not in HANDLERS, f"two handlers for {job}"
        HANDLERS[job] = function
        return function

    return keep


def gives_up(job: str) -> Callable[[GivingUp], GivingUp]:
    """Registers what is written where a clerk sees it when the last attempt failed."""

    def keep(function: GivingUp) -> GivingUp:
        _GIVING_UP[job] = function
        return function

    return keep


def exhausted(session: Session, job: str, args: Mapping[str, Any], sentence: str) -> None:
    """The worker calls this after the last attempt."""
    log.error("job %s given up: %s", job, sentence)
    if job in _GIVING_UP:
        _GIVING_UP[job](session, args, sentence)


@handles(papers_out.RENDER)
def render(session: Session, args: Mapping[str, Any]) -> None:
    """Draws a paper. The drawing takes a second, so it happens before the writing transaction begins."""
    paper_id = int(args["paper_id"])
    if session.in_transaction():
        papers_out.render_paper(session, paper_id)
        return
    with transactions.reading():
        paper = session.get(Paper, paper_id)
        sheet = papers_out.sheet_of(paper) if paper is not None and paper.status != papers_out.READY else None
        session.rollback()
    if sheet is None:
        return
    from services.papers.errors import InvalidPaperData, MissingGlyphs

    try:
        content = papers_out.draw(sheet)
    except (InvalidPaperData, MissingGlyphs) as refusal:
        papers_out.give_up(session, paper_id, refusal.detail)
        return
    paper = session.get(Paper, paper_id, with_for_update=True, populate_existing=True)
    if paper is not None and paper.status != papers_out.READY:
        papers_out.keep_or_wait(session, paper, content)


@gives_up(papers_out.RENDER)
def render_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    papers_out.give_up(session, int(args["paper_id"]), sentence)


@handles(sealing.SIGN)
def sign(session: Session, args: Mapping[str, Any]) -> None:
    """Asks the seal platform for the signature of a drawn paper."""
    sealing.ask(session, int(args["request_id"]))


@handles(timers.JOB)
def unattended(session: Session, args: Mapping[str, Any]) -> None:
    """Takes a timer's or an automatic step, if the thing still waits for it."""
    timers.ring(session, args)


@handles(process_changes.MIGRATE)
def migrate(session: Session, args: Mapping[str, Any]) -> None:
    """Moves the next slice of open things to another version of their process."""
    process_changes.migrate_slice(session, int(args["migration_id"]))


@handles(rules.JOB)
def run_rules(session: Session, args: Mapping[str, Any]) -> None:
    """Carries out the rules that waited for this event."""
    rules.run(session, int(args["content_id"]), str(args["event"]))


@handles(exports.JOB)
def export_list(session: Session, args: Mapping[str, Any]) -> None:
    """Makes the Excel file of a long list."""
    exports.make(session, int(args["export_id"]))


@gives_up(exports.JOB)
def export_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    exports.give_up(session, int(args["export_id"]), sentence)


@handles(imports.CHECK_JOB)
def check_import(session: Session, args: Mapping[str, Any]) -> None:
    """Looks through the next slice of a file that was brought in."""
    imports.check(session, int(args["import_id"]))


@handles(imports.WRITE_JOB)
def write_import(session: Session, args: Mapping[str, Any]) -> None:
    """Writes a file that was looked through: everything or nothing."""
    imports.write(session, int(args["import_id"]))


@gives_up(imports.CHECK_JOB)
@gives_up(imports.WRITE_JOB)
def import_given_up(session: Session, args: Mapping[str, Any], sentence: str) -> None:
    imports.give_up(session, int(args["import_id"]), sentence)
