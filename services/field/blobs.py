"""Photos and signatures in pieces: each piece says where it begins, the whole is checked by its hash."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.base import now
from models.field import FieldBlob, FieldChunk
from models.person import Person
from process.access import Actor
from process.refusals import Conflict, InvalidInput, NotFound, TooLarge

# The phone shrinks to some hundred KB; whatever is larger came from elsewhere.
MOST_BYTES = 8 * 1024 * 1024
MOST_WAITING = 200
LARGEST_PIECE = 512 * 1024
KEPT = timedelta(days=30)
_HASH = re.compile(r"[0-9a-f]{64}")


class WrongOffset(Conflict):
    """A piece that begins somewhere else; the phone goes on where we are."""

    slug = "wrong-offset"
    title = "这一段接不上"

    def __init__(self, received: int) -> None:
        super().__init__(f"这张照片已经收到第 {received} 字节，请从那里接着传。")
        self.received = received


def begin(session: Session, actor: Actor, sha256: object, size: object) -> FieldBlob:
    """How much of this picture is here already; a new one begins at nothing."""
    if not isinstance(sha256, str) or not _HASH.fullmatch(sha256):
        raise InvalidInput("照片的校验码不对，请重新拍这一张。", {"sha256": "格式不对"})
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise InvalidInput("照片是空的，请重新拍这一张。", {"size": "大小不对"})
    if size > MOST_BYTES:
        raise TooLarge(f"一张照片最大 {MOST_BYTES // 2**20} MB，这张太大了。请用应用里的拍照，它会自动缩小。")
    found = _find(session, actor, sha256)
    if found is not None:
        if found.size != size:
            raise Conflict("同一张照片两次报的大小不一样，请重新拍这一张。")
        return found
    session.execute(delete(FieldChunk).where(FieldChunk.blob_id.in_(_old(actor))))
    session.execute(delete(FieldBlob).where(FieldBlob.id.in_(_old(actor))))
    waiting = session.scalar(select(func.count(FieldBlob.id)).where(FieldBlob.person_id == actor.person_id)) or 0
    if waiting >= MOST_WAITING:
        raise Conflict(f"还有 {waiting} 张照片没有随表单报完，请先把待上报的报完再传新的。")
    person = session.get_one(Person, actor.person_id)
    district = person.unit.district if person.unit else ""
    made = FieldBlob(person_id=person.id, district=district, sha256=sha256, size=size, created_at=now())
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:
        # Asked twice at once: whoever came first has begun it.
        first = _find(session, actor, sha256)
        if first is None:
            raise
        return first
    return made


def add(session: Session, actor: Actor, sha256: str, start: int, data: bytes) -> FieldBlob:
    """Takes one piece if it begins where we are; the last one is only taken when the whole is what was promised."""
    blob = _find(session, actor, sha256)
    if blob is None:
        raise NotFound("这张照片还没有开始传，请重新上报这一项。")
    if not data or len(data) > LARGEST_PIECE:
        raise TooLarge(f"一段最多 {LARGEST_PIECE // 1024} KB，也不能是空的。")
    if start != blob.received:
        raise WrongOffset(blob.received)
    if start + len(data) > blob.size:
        raise InvalidInput("传来的内容比报的大小还多，请重新传这一张。")
    # Two answers of one phone may arrive at once; only the one that meets the expected length is kept.
    taken = session.execute(
        update(FieldBlob)
        .where(FieldBlob.id == blob.id, FieldBlob.received == start)
        .values(received=start + len(data))
        .execution_options(synchronize_session=False)
        .returning(FieldBlob.id)
    ).first()
    session.refresh(blob)
    if taken is None:
        raise WrongOffset(blob.received)
    session.add(FieldChunk(blob_id=blob.id, start=start, data=data))
    session.flush()
    if blob.received == blob.size and hashlib.sha256(_bytes(session, blob)).hexdigest() != blob.sha256:
        session.execute(delete(FieldChunk).where(FieldChunk.blob_id == blob.id))
        blob.received = 0
        session.flush()
    return blob


def content(session: Session, actor: Actor, sha256: str) -> bytes | None:
    """The whole picture; None as long as something of it is missing."""
    blob = _find(session, actor, sha256)
    return _bytes(session, blob) if blob is not None and blob.received == blob.size else None


def forget(session: Session, actor: Actor, hashes: list[str]) -> None:
    """It hangs on its thing now."""
    ids = select(FieldBlob.id).where(FieldBlob.person_id == actor.person_id, FieldBlob.sha256.in_(hashes))
    session.execute(delete(FieldChunk).where(FieldChunk.blob_id.in_(ids)))
    session.execute(delete(FieldBlob).where(FieldBlob.person_id == actor.person_id, FieldBlob.sha256.in_(hashes)))


def _find(session: Session, actor: Actor, sha256: str) -> FieldBlob | None:
    return session.scalar(
        select(FieldBlob).where(FieldBlob.person_id == (actor.person_id or 0), FieldBlob.sha256 == sha256[:64])
    )


def _bytes(session: Session, blob: FieldBlob) -> bytes:
    return b"".join(
        session.scalars(select(FieldChunk.data).where(FieldChunk.blob_id == blob.id).order_by(FieldChunk.start))
    )


def _old(actor: Actor):  # type: ignore[no-untyped-def]
    return select(FieldBlob.id).where(FieldBlob.person_id == actor.person_id, FieldBlob.created_at < now() - KEPT)
