"""快递送达: the parcel of a case, a photo filing or a bundle — number, sent, signed — and the proof that nobody came."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.case import Case
from models.content import Content
from models.express import ExpressRecord
from process import registry
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput
from process.registry import Step

# Couriers number as they like; what somebody's mobile or identity card looks like is no number of a parcel.
PERSONAL = re.compile(r"1[3-9]\d{9}\Z|\d{17}[\dX]\Z")
EXAMPLE = "SF1234567890123"


def of(session: Session, content: Content) -> ExpressRecord | None:
    """The parcel of this thing, if one was sent."""
    return session.scalar(select(ExpressRecord).where(ExpressRecord.content_id == content.id))


@registry.predicate("not_sent_yet", why="这件已经交快递了，单号登记过。收到后办“送达”。")
def not_sent_yet(session: Session, content: Content, actor: Actor) -> bool:
    return of(session, content) is None


@registry.requirement("parcel_number")
def parcel_number(step: Step) -> None:
    """The number as it stands on the label; whoever types anything else is told at once."""
    number = "".join(str(step.inputs.get("express_number") or "").split()).upper()
    if not number or PERSONAL.match(number):
        raise InvalidInput(
            f"快递单号不对。请照快递单上的填，例如 {EXAMPLE}，不写姓名和电话。", {"express_number": "快递单号不对"}
        )
    step.inputs["express_number"] = number


@registry.effect("note_express_sent")
def note_express_sent(step: Step) -> None:
    """Given to the courier: from now on the parcel has its line."""
    record = ExpressRecord(
        district=step.content.district,
        content_id=step.content.id,
        number=str(step.inputs["express_number"]),
        holds=_holds(step)[:300],
        sent_at=step.at,
        sent_by_id=step.actor.person_id,
    )
    step.session.add(record)
    step.session.flush()
    step.details["express"] = record.number


def _holds(step: Step) -> str:
    content = step.content
    if isinstance(content, Case):
        return "、".join(catalogue.item(content.item.code).outputs) or content.item.title
    fields = content.fields or {}
    return str(fields.get("issued_papers") or fields.get("licence_number") or content.title).replace("\n", "；")


@registry.effect("note_express_signed")
def note_express_signed(step: Step) -> None:
    """Signed for: who and when. What went another way has no parcel."""
    record = of(step.session, step.content)
    way = step.inputs.get("way")
    if record is None or (way is not None and way != "express"):
        return
    applicant = step.content.applicant
    record.signed_at = max(step.at, record.sent_at)
    record.signed_name = str(step.inputs.get("collector") or (applicant.name if applicant else "")) or None
    step.details["signed"] = record.number


@registry.requirement("every_licence")
def every_licence(step: Step) -> None:
    """一次申报，几张证照: the list names every licence that the item promises, each with its number on a line of its own."""
    code = str((step.content.fields or {}).get("item") or "")
    if code not in catalogue.items():
        return
    lines = [line.strip() for line in str(step.inputs.get("issued_papers") or "").splitlines() if line.strip()]
    lacking = [
        name
        for name in catalogue.item(code).outputs
        if not any(line.startswith(name) and len(line.removeprefix(name).strip(" ：:，,")) >= 4 for line in lines)
    ]
    if lacking:
        raise InvalidInput(
            f"还缺{'、'.join(lacking)}。每张证照写一行：名称和证号。", {"issued_papers": f"还缺{'、'.join(lacking)}"}
        )


def kinds() -> tuple[str, ...]:
    """The types of things that may go by express."""
    return tuple(name for name in ("case", "micro_approval", "one_thing_joint") if name in library.types)
