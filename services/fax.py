"""传真补齐: a page that came out of the machine is kept at the unit, and a clerk lays it into the slot it answers."""

from __future__ import annotations

import io

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.promise import FaxPage, OwedMaterial
from process import access, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from services import files, owed, uploads

LIMIT = 200
LONGEST_SENDER = 40


def enter(session: Session, actor: Actor, data: bytes, filename: str, sender: str, words: str) -> FaxPage:
    """One page as it came; the number it came from helps to find whose it is."""
    if actor.unit_id is None or actor.person_id is None:
        raise Forbidden("您的账号没有所在的单位，不能登记传真。")
    try:
        sender, words = clean_text(sender, LONGEST_SENDER), clean_text(words, 120)
    except ValueError as problem:
        raise InvalidInput(f"来件号码或说明{problem}。", {"sender": str(problem)}) from problem
    clean = uploads.inspect(io.BytesIO(data), filename)
    page = FaxPage(
        district=session.get_one(Agency, actor.unit_id).district,
        unit_id=actor.unit_id,
        sender=sender,
        words=words,
        filename=clean.filename,
        media_type=clean.media_type,
        storage_key=files.store().put(clean.content, clean.media_type),
        entered_by_id=actor.person_id,
    )
    session.add(page)
    session.flush()
    journal.record(session, "fax:enter", actor, stream=f"fax:{page.unit_id}", details={"fax": page.uid})
    return page


def waiting(session: Session, actor: Actor) -> list[FaxPage]:
    """What has come in at this clerk's unit and lies nowhere yet."""
    return list(
        session.scalars(
            select(FaxPage)
            .where(FaxPage.unit_id == actor.unit_id, FaxPage.state == "waiting")
            .order_by(FaxPage.id)
            .limit(LIMIT)
        )
    )


def load(session: Session, actor: Actor, uid: str) -> FaxPage:
    """A page of this clerk's own unit."""
    page = session.scalar(select(FaxPage).where(FaxPage.uid == uid).with_for_update())
    if page is None or page.unit_id != actor.unit_id:
        raise NotFound("没有找到这页传真。它可能是别的单位收的，请从“传真”页重新进入。")
    return page


def content(page: FaxPage) -> bytes:
    """The page itself."""
    return files.store().read(page.storage_key)


def candidates(session: Session, actor: Actor) -> list[OwedMaterial]:
    """Slots that wait for a paper and that this clerk may fill, the nearest date first."""
    mine = access.visible(select(Content.id).where(Content.closed_at.is_(None)), actor, Content)
    found = session.scalars(
        select(OwedMaterial)
        .where(owed.to_things(mine), OwedMaterial.state.in_(("open", "lapsed")))
        .order_by(OwedMaterial.due, OwedMaterial.id)
        .limit(LIMIT)
    )
    return [line for line in found if owed.is_owed(line)]


def match(session: Session, actor: Actor, uid: str, slot: str) -> OwedMaterial:
    """This page is that paper."""
    page = load(session, actor, uid)
    if page.state != "waiting":
        raise NotAvailable("这页传真已经有人处理过了，请刷新再看。")
    if not slot:
        raise InvalidInput("请先选这页传真补的是哪一份材料。", {"slot": "请选一份"})
    line = owed.load(session, actor, slot)
    if not owed.is_owed(line):
        raise NotAvailable(f"{line.thing.number} 的“{line.paper}”已经补来，请另选，或把这页作废。")
    lay_in(session, actor, line, content(page), page.filename)
    owed.receive(session, actor, line, "fax", original=False, sheets=1)
    page.state, page.owed_id = "matched", line.id
    page.matched_by_id, page.matched_at = actor.person_id, now()
    journal.record(session, "fax:match", actor, content=line.thing, details={"fax": page.uid, "code": line.code})
    session.flush()
    return line


def lay_in(session: Session, actor: Actor, line: OwedMaterial, data: bytes, filename: str) -> None:
    """A file of any origin goes into the slot of an owed paper; the slot is looked at again."""
    thing = line.thing
    if not any(access.may(actor, permission, thing, session) for permission in ("edit", "attach")):
        raise Forbidden("这件的材料现在不由您登记，请交给经手人。")
    files.store_document(session, thing, actor, data, filename, "material", material=line.material)
    if line.material is not None:
        line.material.verdict, line.material.defect = "", ""
    session.flush()


def discard(session: Session, actor: Actor, uid: str, words: str) -> None:
    """Nobody's page, or one that cannot be read: why is written down."""
    page = load(session, actor, uid)
    if page.state != "waiting":
        raise NotAvailable("这页传真已经有人处理过了，请刷新再看。")
    try:
        reason = clean_text(words, 120)
    except ValueError as problem:
        raise InvalidInput(f"作废原因{problem}。", {"words": str(problem)}) from problem
    if not reason:
        raise InvalidInput("请写为什么作废，例如“看不清，已请对方重发”。", {"words": "请写原因"})
    page.state, page.words, page.matched_by_id, page.matched_at = "discarded", reason, actor.person_id, now()
    journal.record(session, "fax:discard", actor, stream=f"fax:{page.unit_id}", comment=reason, details={"fax": uid})
    session.flush()
