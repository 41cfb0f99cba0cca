"""容缺承诺: what an applicant promised to supply, by when, which way, and with whose signature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from process import clock, registry
from process.calendar_days import CalendarMissing
from process.registry import Step
from services import catalogue_items, files, materials
from services.papers_common import FORMS

KEPT = "_promise"
PROPOSED_DAYS = 10
WAYS = {
    "window": "送到窗口",
    "fax": "传真",
    "photo": "拍照上传",
    "upload": "网上上传",
    "post": "邮寄",
    "delivery": "送达",
    "courier": "快递或跑腿工",
}


@dataclass(frozen=True)
class Promise:
    """As it stands on the paper."""

    materials: tuple[tuple[str, str], ...]
    due: date
    way: str
    reason: str
    signature_id: int | None


def of(session: Session, content: Content, *, draft: bool = False) -> Promise | None:
    """The promise of a case or of a deferred acceptance; a draft proposes what could be promised now."""
    return _of_case(session, content, draft) if isinstance(content, Case) else _of_process(session, content)


def _of_case(session: Session, case: Case, draft: bool) -> Promise | None:
    kept: dict[str, Any] = (case.fields or {}).get(materials.OWED, {})
    codes = set(kept.get("codes", ()))
    if not codes and not draft:
        return None
    slots = [m for m in case.materials if m.code in codes] if codes else materials.missing(case)
    if not slots:
        return None
    said: dict[str, Any] = (case.private or {}).get(KEPT, {})
    due = date.fromisoformat(kept["due"]) if kept.get("due") else proposed(session, case)
    return Promise(
        tuple((m.name, FORMS.get(m.form, "")) for m in slots),
        due,
        WAYS.get(said.get("way", ""), ""),
        said.get("reason", ""),
        said.get("signature"),
    )


def _of_process(session: Session, content: Content) -> Promise | None:
    """What the ledger holds of a thing without slots, and what the case beside it owes."""
    from services import owed

    own = owed.of_thing(session, content)
    lines = own + [line for line in owed.waited_for(session, content) if line not in own]
    if not lines:
        return None
    said = content.values
    item = session.scalar(select(ServiceItem).where(ServiceItem.code == str(said.get("item") or "")))
    forms = {m.name: FORMS.get(m.form, "") for m in catalogue_items.record_of(item).materials} if item else {}
    return Promise(
        tuple((line.paper, forms.get(line.paper, "原件或复印件")) for line in lines),
        max(line.promised_due for line in lines),
        "",
        str(said.get("reason") or ""),
        (content.fields or {}).get(KEPT),
    )


def proposed(session: Session, case: Case) -> date:
    """Ten working days, never beyond the day the decision is promised for, nor into a year without a calendar."""
    today, calendar = clock.local_day(now()), clock.calendar(session)
    try:
        day = calendar.add_working_days(today, PROPOSED_DAYS)
    except CalendarMissing as missing:
        day = date(missing.year - 1, 12, 31)
        if day < today:
            raise
        while day > today and not calendar.is_working_day(day):
            day -= timedelta(days=1)
    last = materials.latest_promise(session, case, today)
    return min(day, last) if last is not None else day


@registry.effect("keep_promise")
def keep_promise(step: Step) -> None:
    """Reason, way and signature stay with the case, where only those see them who may see its contents."""
    content: Content = step.content
    document = None
    if step.inputs.get("signature"):
        document = files.store_signature(
            step.session, content, step.actor, step.inputs["signature"], "申请人签名（容缺承诺）"
        )
    if not isinstance(content, Case):
        from services import owed

        owed.open_named(step, content)
        if document is not None:
            content.fields = {**(content.fields or {}), KEPT: document.id}
        return
    said = {"way": step.inputs.get("supply_way") or "", "reason": step.inputs.get("reason") or ""}
    content.private = {
        **(content.private or {}),
        KEPT: {**said, "signature": document.id if document is not None else None},
    }
