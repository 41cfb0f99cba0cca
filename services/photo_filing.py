"""微审批、在线预审: one photo for each material of the item, a verdict on each, and a bad one returned with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.content import Content
from models.paper import Document
from process import access, clock, journal, registry, tasks
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, RequirementUnmet
from process.registry import Step
from services import files

# In which states the applicant photographs, and in which one the photos are judged.
TAKING = {"micro_approval": ("uploaded", "returned"), "mobile_precheck": ("filed", "returned")}
JUDGING = {"micro_approval": "uploaded", "mobile_precheck": "filed"}
# material id -> uid of its newest photo; material id -> what is wrong with it.
PHOTOS, BAD = "_photos", "_bad_photos"
LONGEST_REASON = 100


@dataclass(frozen=True)
class Slot:
    """One material of the item: its photo, and what the reviewer said about it."""

    id: str
    name: str
    critical: bool
    when: str
    document: Document | None
    bad: str


def slots(session: Session, filing: Content) -> list[Slot]:
    """The materials to be photographed; a filing that names no item has none and takes any photo."""
    code = str((filing.fields or {}).get("item") or "")
    if code not in catalogue.items():
        return []
    taken, bad = _kept(filing, PHOTOS), _kept(filing, BAD)
    found = {
        one.uid: one
        for one in session.scalars(
            select(Document).where(Document.content_id == filing.id, Document.uid.in_(list(taken.values())))
        )
    }
    return [
        Slot(m.id, m.name, m.critical, m.when, found.get(taken.get(m.id, "")), bad.get(m.id, ""))
        for m in catalogue.item(code).materials
    ]


def _alone(session: Session, filing: Content) -> None:
    """Photos sent at once are all kept: what the filing remembers of them is read again under its lock."""
    tasks.lock(session, filing)
    session.refresh(filing, ["fields"])


def _kept(filing: Content, name: str) -> dict[str, str]:
    return dict((filing.fields or {}).get(name) or {})


def photograph(session: Session, filing: Content, actor: Actor, material: str, data: bytes, filename: str) -> Document:
    """Keeps the photo of one material; the newest counts, earlier ones stay in the file."""
    if not access.may(actor, "attach", filing, session):
        raise Forbidden("这件的照片由申请人拍，不由您上传。")
    _alone(session, filing)
    if filing.state not in TAKING[filing.type]:
        raise NotAvailable("这件已经受理，照片不能再换。要补材料请等通知。")
    slot = next((one for one in slots(session, filing) if one.id == material), None)
    if slot is None:
        raise NotFound("这个事项没有这份材料，请刷新后再拍。")
    kept = files.store_document(session, filing, actor, data, filename, "photo")
    photos, bad = _kept(filing, PHOTOS), _kept(filing, BAD)
    photos[material] = kept.uid
    bad.pop(material, None)
    filing.fields = {**(filing.fields or {}), PHOTOS: photos, BAD: bad}
    journal.record(session, "document:add", actor, content=filing, details={"document": kept.uid, "material": material})
    return kept


def judge(session: Session, filing: Content, actor: Actor, reasons: dict[str, str]) -> int:
    """What the reviewer finds wrong, photo by photo; answers how many are bad."""
    if not access.may(actor, "internal", filing, session):
        raise Forbidden("照片由审核的人员看，不由您评定。")
    _alone(session, filing)
    if filing.state != JUDGING[filing.type]:
        raise NotAvailable("这件不在待受理，照片已经看过了。")
    known = {slot.id: slot for slot in slots(session, filing)}
    bad: dict[str, str] = {}
    errors: dict[str, str] = {}
    for material, reason in reasons.items():
        if material not in known:
            continue
        try:
            words = clean_text(reason or "", LONGEST_REASON)
        except ValueError as problem:
            errors[material] = f"{known[material].name}：{problem}"
            continue
        if words:
            bad[material] = words
    if errors:
        raise InvalidInput("；".join(errors.values()) + "。", errors)
    filing.fields = {**(filing.fields or {}), BAD: bad}
    journal.record(session, "photos:judge", actor, content=filing, details={"bad": sorted(bad)})
    return len(bad)


@registry.requirement("every_material_photographed")
def every_material_photographed(step: Step) -> None:
    """Accepted only when each needed material has its photo and none stands marked as bad."""
    found = slots(step.session, step.content)
    lacking = [slot.name for slot in found if slot.document is None and slot.critical and not slot.when]
    if lacking:
        raise RequirementUnmet(f"还缺照片：{'、'.join(lacking)}。请退回申请人补拍。")
    bad = [slot.name for slot in found if slot.bad]
    if bad:
        raise RequirementUnmet(f"{'、'.join(bad)}的照片标了不清楚。请退回重传，或先去掉标记。")


@registry.effect("note_bad_photos")
def note_bad_photos(step: Step) -> None:
    """The history says which materials were sent back, not whose."""
    step.details["bad"] = sorted(_kept(step.content, BAD))


@registry.requirement("bad_photos_replaced")
def bad_photos_replaced(step: Step) -> None:
    """Sent in again only with new photos for those that were returned."""
    bad = [slot.name for slot in slots(step.session, step.content) if slot.bad]
    if bad:
        raise RequirementUnmet(f"{'、'.join(bad)}还没有重拍。请重拍后再“重传”。")


def summary(session: Session, filing: Content) -> dict[str, Any]:
    """How many of the photos are there."""
    found = slots(session, filing)
    return {"have": sum(slot.document is not None for slot in found), "all": len(found)}


# --- 网上预审: which way it goes, and what was once checked online is only confirmed


@registry.requirement("item_open_today")
def item_open_today(step: Step) -> None:
    """An item that has been abolished is not checked beforehand either: 会计证 since the end of 2017."""
    code = str((step.content.fields or {}).get("item") or "")
    record = catalogue.items().get(code)
    if record is not None and not record.fileable(clock.local_day(step.at)):
        raise RequirementUnmet(f"“{record.name}”现在不受理了，不能预审。请告诉申请人看办事指南，撤回这一件。")


@registry.predicate("goes_by_window", why="申请人选的是零临窗快递，请寄出，不用来窗口。")
def goes_by_window(session: Session, filing: Content, actor: Actor) -> bool:
    return (filing.fields or {}).get("way") != "express"


@registry.predicate("goes_by_express", why="申请人选的是窗口核准取件，不寄快递。")
def goes_by_express(session: Session, filing: Content, actor: Actor) -> bool:
    return (filing.fields or {}).get("way") != "window"


@registry.effect("count_trip", writes=("trips",))
def count_trip(step: Step) -> None:
    """跑的次数: everything before this was done from where the applicant is; this step is done in person."""
    fields = step.content.fields or {}
    step.content.fields = {**fields, "trips": int(fields.get("trips") or 0) + 1}


@registry.effect("no_trip_so_far", writes=("trips",))
def no_trip_so_far(step: Step) -> None:
    fields = step.content.fields or {}
    step.content.fields = {**fields, "trips": int(fields.get("trips") or 0)}
