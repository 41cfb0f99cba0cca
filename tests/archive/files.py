"""A finished case with its card, a short way to its package, and the worker's part."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.handlers import HANDLERS
from models.archive import ArchiveEntry
from models.base import now
from models.case import Case
from models.ledger import OutboxItem
from process import engine
from process.access import Actor
from process.clock import local_day
from services import files
from services.archive import disposal, shelf
from tests.services.fertility import COLLECTED, approved, draw_all

ActorOf = Callable[[str], Actor]
RECEIPT = {"number": "XCDA-2026-0117", "receiver_unit": "下城区档案馆（示例）", "receiver": "示例接收人"}


def photo(shade: int = 128) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 90, 60)).save(out, "JPEG")
    return out.getvalue()


def closed(session: Session, actor: ActorOf, *, shade: int = 128) -> Case:
    """A case from the counter to the hand of the resident, with one photographed material."""
    case = approved(session, actor)
    material = next(m for m in case.materials if m.provided)
    files.store_document(session, case, actor("window.clerk"), photo(shade), "身份证.jpg", "material", material)
    engine.fire(case, "issue", actor("issuer"))
    draw_all(session)
    engine.fire(case, "deliver", actor("window.clerk"), inputs=dict(COLLECTED))
    draw_all(session)
    assert case.closed_at is not None
    return case


def work(session: Session) -> None:
    """What the worker would do of the archive's jobs."""
    jobs = (shelf.BUILD, disposal.DESTROY)
    for item in session.scalars(
        select(OutboxItem).where(OutboxItem.job.in_(jobs), OutboxItem.status == "waiting").order_by(OutboxItem.id)
    ):
        HANDLERS[item.job](session, item.args)
        item.status = "done"
    session.flush()


def built(session: Session, actor: ActorOf, *, shade: int = 128) -> ArchiveEntry:
    case = closed(session, actor, shade=shade)
    (entry,) = shelf.begin(session, actor("issuer"), [case.uid])
    work(session)
    assert entry.status == shelf.BUILT, entry.problem
    return entry


def received(session: Session, actor: ActorOf, *, shade: int = 128) -> ArchiveEntry:
    entry = built(session, actor, shade=shade)
    given = {**RECEIPT, "received_on": local_day(now()).isoformat()}
    shelf.receive(session, actor("issuer"), [entry.uid], given)
    return entry


def let_it_run_out(session: Session, entry: ArchiveEntry) -> None:
    """As if ten years had gone by."""
    entry.retention, entry.keep_until = "10y", local_day(now()) - timedelta(days=1)
    session.flush()
