"""The worker: takes a lease on an outbox row, does the work, and finishes both in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

from flask import Flask, current_app, has_app_context
from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy.orm import Session

from extensions import db
from jobs import standby
from jobs.handlers import HANDLERS, exhausted
from jobs.queue import connect, name_of
from process import outbox, releases, transactions
from process.outbox import Lease
from process.refusals import NotAvailable, Refusal
from services.papers import own
from services.papers.errors import RenderInterrupted

log = logging.getLogger("daiban.worker")


def run(queues: Sequence[str] = ()) -> None:
    """One worker process, on all queues or on these. Rendering forks its own limited child, so the worker itself need not."""
    from services.papers.prepared import issuing
    from services.papers.renderer import warm

    queues = queues or outbox.QUEUES
    if outbox.PAPERS in queues:
        warm()
        issuing.warm()
        db.engine.dispose()
        standby.stay_behind()
    connection = connect(current_app.config["SETTINGS"].redis_url)
    worker = SimpleWorker([name_of(name) for name in queues], connection=connection, serializer=JSONSerializer)
    worker.work(with_scheduler=False, logging_level="WARNING")


def run_item(item_id: int) -> str:
    """What RQ calls. Done twice, it finds the row done and stops."""
    if has_app_context():
        return do(db.session(), item_id)
    with _app().app_context():
        return do(db.session(), item_id)


def do(session: Session, item_id: int) -> str:
    """Leases and does one row; answers what became of it: done, busy, fenced, lost, failed or dead."""
    try:
        held = outbox.lease(session, item_id)
        session.commit()
        if held is None:
            return "busy"
        return _work(session, held)
    finally:
        session.rollback()


def _work(session: Session, held: Lease) -> str:
    try:
        if outbox.worn_out(held):
            raise NotAvailable(f"工作进程办这一件时中断了 {held.losses} 次，不再自动重试。请管理员查看日志后重新生成。")
        with transactions.reading():
            releases.refresh(session)
            own.refresh(session)
        # That look is no part of the work: a job that speaks to somebody outside must begin without any lock of ours.
        session.rollback()
        HANDLERS[held.job](session, held.args)
        if not outbox.finish(session, held):
            # Our lease ran out and somebody else took over: nothing we did may stay.
            session.rollback()
            return "fenced"
        session.commit()
        return "done"
    except RenderInterrupted as cut:
        # Ended from outside, as this worker might have been: the job did nothing wrong and is taken up again.
        session.rollback()
        log.warning("outbox %s (%s): %s", held.item_id, held.job, cut.detail)
        if not outbox.lost(session, held, cut.detail):
            session.rollback()
            return "fenced"
        session.commit()
        return "lost"
    except Exception as error:
        # Whatever went wrong, the row says so and is tried again; after the last attempt a person finds it there.
        session.rollback()
        log.exception("outbox %s (%s), attempt %s", held.item_id, held.job, held.attempt)
        last = outbox.last_attempt(held)
        # A refusal is a sentence for people already.
        sentence = (error.detail if isinstance(error, Refusal) else f"{type(error).__name__}: {error}")[:500]
        if not outbox.fail(session, held, sentence):
            session.rollback()
            return "fenced"
        if last:
            exhausted(session, held.job, held.args, sentence)
        session.commit()
        return "dead" if last else "failed"


@cache
def _app() -> Flask:
    from app import create_app

    return create_app()
