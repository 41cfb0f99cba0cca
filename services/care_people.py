"""Putting somebody on the register from the page, and the proofs they showed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.care import CareDocument
from models.resident import CareEntry, Resident
from process import clock, journal
from process.access import Actor
from process.identity import IdNumber
from process.refusals import Forbidden, InvalidInput, NotFound
from services import care, files, residents, uploads

PERSON = ("name", "id_number", "phone", "address", "household_address")
MAX_FILES = 20


def add(session: Session, actor: Actor, data: Mapping[str, Any], at: datetime) -> CareEntry:
    """Somebody the leader or the station knows of is listed, whether or not they ever asked for a visit."""
    if not care.paths(actor):
        raise Forbidden("名册由网格长和社区公共服务站登记，您不能列入。")
    today = clock.local_day(at)
    errors: dict[str, str] = {}
    grid = _grid(session, actor, data.get("grid"), errors)
    person: Resident | None = None
    found: dict[str, Any] = {}
    born = None
    try:
        born = IdNumber.parse(str(data.get("id_number") or "")).birth_date
        known = residents.find_by_id_number(session, str(data.get("id_number") or ""))
        if known is not None and not lives_with(session, actor, known):
            raise InvalidInput(
                "这位居民登记的住址不在您管的网格。已搬来的，请先请社区公共服务站更新住址和网格，再列入名册"
            )
    except InvalidInput as refusal:
        errors |= refusal.errors or {"id_number": refusal.detail}
    try:
        found = care.read(data, today, born=born)
    except InvalidInput as refusal:
        errors |= refusal.errors
    if not str(data.get("address") or "").strip():
        errors["address"] = "请填写住址，上门要用"
    if errors:
        raise InvalidInput("名册还差一点：" + "；".join(e.rstrip("。") for e in errors.values()) + "。", errors)
    assert grid is not None
    person = residents.find_or_create(
        session, {name: data.get(name) for name in PERSON}, community=grid.parent_id, grid=grid
    )
    entry = session.scalar(select(CareEntry).where(CareEntry.resident_id == person.id))
    if entry is not None and entry.ended_on is None:
        raise InvalidInput(
            "这位居民已经在名册上，不用再列入。要改情况的，请打开名册上的那一条复核。",
            {"id_number": "已经在名册上"},
        )
    return care.enter(session, actor, person, at=at, **found)


def _grid(session: Session, actor: Actor, named: Any, errors: dict[str, str]) -> Agency | None:
    grid = session.get(Agency, str(named)) if named else None
    if grid is None or grid.kind != "grid":
        errors["grid"] = "请选择所在网格"
        return None
    if not any(grid.path.startswith(path) for path in care.paths(actor)):
        errors["grid"] = "这个网格不由您管，请选自己的网格"
        return None
    return grid


def lives_with(session: Session, actor: Actor, person: Resident) -> bool:
    """Somebody without a known home may be listed by whoever finds them; everybody else only at home."""
    home = session.get(Agency, person.grid_id or person.community_id or "")
    if home is None:
        return True
    return any(home.path.startswith(path) or path.startswith(home.path) for path in care.paths(actor))


# --- Proofs


def attach(session: Session, actor: Actor, entry: CareEntry, data: bytes, filename: str, at: datetime) -> CareDocument:
    """Keeps a scan or photo of a proof; opened by the two leaders and the station only."""
    if len(documents(session, entry)) >= MAX_FILES:
        raise InvalidInput(f"每人最多存 {MAX_FILES} 个证明文件，请先删掉过期的。", {"file": "文件太多"})
    clean = uploads.inspect(io.BytesIO(data), filename)
    key = files.store().put(clean.content)
    document = CareDocument(
        entry_id=entry.id,
        filename=clean.filename,
        media_type=clean.media_type,
        size=len(clean.content),
        sha256=key,
        storage_key=key,
        uploaded_by_id=actor.person_id,
        created_at=at,
    )
    session.add(document)
    session.flush()
    journal.record(session, "care:proof", actor, stream=care.stream(entry), details={"document": document.uid}, at=at)
    return document


def documents(session: Session, entry: CareEntry) -> Sequence[CareDocument]:
    return session.scalars(
        select(CareDocument).where(CareDocument.entry_id == entry.id).order_by(CareDocument.id.desc())
    ).all()


def document(session: Session, entry: CareEntry, uid: str) -> CareDocument:
    found = session.scalar(select(CareDocument).where(CareDocument.entry_id == entry.id, CareDocument.uid == uid))
    if found is None:
        raise NotFound()
    return found
