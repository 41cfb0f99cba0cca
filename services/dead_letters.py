"""Work that failed for good: who answers for it, a second try, or giving it up with a reason. Administrators only."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.ledger import OutboxItem
from process import journal, outbox
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, NotAvailable, NotFound

ADMIN = "system_admin"
REASON = 200


def listed(
    session: Session,
    actor: Actor,
    *,
    jobs: Collection[str] | None = None,
    district: str = "",
    closed: bool = False,
    before: int | None = None,
    limit: int = 50,
) -> list[OutboxItem]:
    """Dead letters, the newest first: those that wait for somebody, or those that were given up."""
    _administrator(actor)
    statement = select(OutboxItem).where(OutboxItem.status == outbox.DEAD)
    statement = statement.where(OutboxItem.closed_at.is_not(None) if closed else OutboxItem.closed_at.is_(None))
    if jobs is not None:
        statement = statement.where(OutboxItem.job.in_(jobs))
    if district:
        statement = statement.where(OutboxItem.district == district)
    if before is not None:
        statement = statement.where(OutboxItem.id < before)
    return list(session.scalars(statement.order_by(OutboxItem.id.desc()).limit(limit)))


def retry(session: Session, actor: Actor, item_id: int) -> OutboxItem:
    """All attempts once more, after the cause was mended."""
    item = _one(session, actor, item_id)
    if not outbox.again(session, item_id):
        raise NotAvailable(f"第 {item_id} 号任务就在刚才已有人处理，请刷新后再看。")
    journal.record(session, "outbox:again", actor, details={"item": item_id, "job": item.job})
    return item


def give_up(session: Session, actor: Actor, item_id: int, reason: str) -> OutboxItem:
    """Nobody will do this any more; the reason stays with it and in the journal."""
    item = _one(session, actor, item_id)
    try:
        words = clean_text(reason, REASON)
    except ValueError as problem:
        raise InvalidInput(str(problem), {"reason": str(problem)}) from problem
    if not words:
        raise InvalidInput("请写明为什么不再办，例如“该件已撤回，文书不再需要”。", {"reason": "必填"})
    if not outbox.close(session, item_id, words):
        raise NotAvailable(f"第 {item_id} 号任务就在刚才已有人处理，请刷新后再看。")
    journal.record(session, "outbox:give_up", actor, comment=words, details={"item": item_id, "job": item.job})
    return item


def _one(session: Session, actor: Actor, item_id: int) -> OutboxItem:
    _administrator(actor)
    item = session.get(OutboxItem, item_id)
    if item is None:
        raise NotFound()
    if item.status != "dead" or item.closed_at is not None:
        raise NotAvailable(f"第 {item_id} 号任务现在不在办不成的任务里，请刷新后再看。")
    return item


def _administrator(actor: Actor) -> None:
    # Whoever else asks learns nothing, not even that there is such a list.
    if ADMIN not in actor.roles:
        raise NotFound()
