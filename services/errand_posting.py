"""Putting an errand up: typed by staff, or as the consequence of a step that needs something carried."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content, ContentPlace
from models.errand import Errand
from models.paper import Note
from process import access, clock, engine, registry
from process.access import Actor
from process.calendar_days import CalendarMissing
from process.inputs import clean_text
from process.library import library
from process.numbers import CHINA
from process.refusals import InvalidInput
from process.registry import Step
from services.errand_kinds import NEEDS, at_home, kinds, needs_of

MAX_ENVELOPES = 99
USUAL_END = time(17, 30)
# The title hangs on the board before anybody has claimed: no telephone, no ID number, no door number.
_PERSONAL = re.compile(r"\d{7,}|\d+\s*[-－—]\s*\d+\s*[-－—]\s*\d+|\d+\s*(?:幢|单元|室|号楼|弄)")


def post_for(
    step: Step,
    related: Content,
    *,
    title: str,
    purpose: str,
    from_agency: Agency,
    to_agency: Agency | None,
    to_address: str | None = None,
    envelopes: int = 1,
    contact: str | None = None,
    needs: Iterable[str] = (),
) -> Errand:
    """A step of another thing asks a red courier: the errand is on the board of the street once it is done."""
    errand = Errand(
        title=title[:200],
        purpose=purpose,
        related_id=related.id,
        applicant_id=related.applicant_id,
        from_agency_id=from_agency.id,
        to_agency_id=to_agency.id if to_agency else None,
        to_address=to_address,
        contact=contact,
        envelopes=envelopes,
        needs=needs_of(purpose, home=at_home(purpose, None, to_address), asked=needs),
        window_end=usual_end(step.session, step.at),
        confirm_code=new_code(),
        search_text=title[:500],
    )
    place = from_agency if street_of(from_agency) is not None or to_agency is None else to_agency
    engine.create(
        step.session,
        errand,
        step.actor,
        type_id="errand",
        place=place,
        at=step.at,
        allowed=True,
        details={"because": f"{step.content.type}:{step.transition.id}"},
    )
    admit_receiver(errand, to_agency)
    engine.fire(errand, "post", step.actor, on_behalf_of=step.on_behalf_of, cause=step)
    if to_address and related.applicant_id is not None:
        # Told in the thread of the related thing, which the courier cannot open.
        step.session.add(
            Note(
                content_id=related.id,
                audience="resident",
                at=step.at,
                text=f"红色代办的跑腿工会把材料送到您手上（任务 {errand.number}）。"
                f"确认码 {errand.confirm_code}，当面收到后再告诉他。",
            )
        )
    return errand


def new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def admit_receiver(errand: Errand, to_agency: Agency | None) -> None:
    """The unit the errand goes to sees it once it is under way, so that its clerks can confirm."""
    if to_agency is not None:
        errand.places.append(
            ContentPlace(
                relation="addressee",
                place_id=to_agency.id,
                place_path=to_agency.path,
                cause="errand",
                cause_uid=errand.uid,
            )
        )


def redirect_errand(session: Session, errand: Errand) -> None:
    """Another unit is to receive it: the first one no longer sees it and cannot confirm it."""
    for place in errand.places:
        if place.relation == "addressee" and place.until is None:
            place.until = now()
    admit_receiver(errand, session.get(Agency, errand.to_agency_id) if errand.to_agency_id else None)
    session.flush()
    session.expire(errand, ["to_agency"])


def readable_on_the_board(title: str) -> bool:
    """No telephone, ID number or door number where everybody reads."""
    return _PERSONAL.search(title) is None


def street_of(agency: Agency) -> Agency | None:
    """The street whose board shows what this agency posts."""
    here: Agency | None = agency
    while here is not None and here.kind not in ("street", "town"):
        here = here.parent
    return here


def usual_end(session: Session, at: datetime) -> datetime | None:
    """The end of the next working day; no guess where the calendar ends."""
    try:
        day = clock.calendar(session).add_working_days(clock.local_day(at), 1)
    except CalendarMissing:
        return None
    return datetime.combine(day, USUAL_END, CHINA)


def purposes(locale: str = "zh_Hans_CN") -> dict[str, str]:
    """The kinds of errand, as the type defines them."""
    field = library.type("errand").field("purpose")
    return {key: title.text(locale) for key, title in field.options} if field else {}


@registry.creator("errand")
def create_errand(session: Session, actor: Actor, data: Mapping[str, Any]) -> Errand:
    """An errand as typed by staff; every mistake is named at once. It is not on the board before `post`."""
    reader = _Reader(session, data)
    place = reader.agency("place") or (session.get(Agency, actor.unit_id) if actor.unit_id else None)
    start, end = reader.agency("from_agency"), reader.agency("to_agency")
    from_address, to_address = reader.text("from_address", 200), reader.text("to_address", 200)
    title = reader.text("title", 60)
    contact = reader.text("contact", 80)
    envelopes = reader.number("envelopes", 1)
    window_start, window_end = reader.moment("window_start"), reader.moment("window_end")
    purpose = str(data.get("purpose") or "deliver_result")
    needs = data.get("needs") or []
    related = reader.related(actor)
    errors = reader.errors
    if not title:
        errors.setdefault("title", "请写要做什么，例如“送老年卡”")
    elif _PERSONAL.search(title):
        errors["title"] = "任务板上人人可见，这里不要写电话、证件号和门牌，请写在地址和联系人里"
    if purpose not in purposes():
        errors["purpose"] = f"请在{'、'.join(purposes().values())}中选一项"
    elif not kinds()[purpose].papers:
        envelopes = 0
    if not isinstance(needs, list) or any(need not in NEEDS for need in needs):
        errors["needs"] = f"只能选{'、'.join(NEEDS.values())}"
    if end is None and not to_address:
        errors.setdefault("to_agency", "请选送到哪个单位，或写送达地址")
    if place is None or street_of(place) is None:
        errors.setdefault("place", "任务板在街道上，请选街道或社区的单位发布")
    elif start is None and not from_address:
        start = place
    if start is not None and end is not None and start.id == end.id and not to_address and not from_address:
        errors.setdefault("to_agency", "取件和送达是同一个地方，请改其中一个")
    if window_end is not None and window_end <= now():
        errors["window_end"] = "最晚送达时间已经过了，请改成以后的时间"
    if window_start is not None and window_end is not None and window_start >= window_end:
        errors["window_start"] = "最早时间应在最晚送达之前"
    if errors:
        raise InvalidInput("任务还不能发布：" + "；".join(errors.values()) + "。", errors)
    assert place is not None
    errand = Errand(
        title=title,
        purpose=purpose,
        related_id=related.id if related else None,
        applicant_id=related.applicant_id if related else None,
        from_agency_id=start.id if start else None,
        to_agency_id=end.id if end else None,
        from_address=from_address or None,
        to_address=to_address or None,
        contact=contact or None,
        envelopes=envelopes,
        needs=needs_of(purpose, home=at_home(purpose, from_address, to_address), asked=needs),
        window_start=window_start,
        window_end=window_end or usual_end(session, now()),
        confirm_code=new_code(),
        search_text=title,
    )
    engine.create(session, errand, actor, type_id="errand", place=place)
    admit_receiver(errand, end)
    session.flush()
    return errand


class _Reader:
    """Reads the fields of a posting and gathers what is wrong with each."""

    def __init__(self, session: Session, data: Mapping[str, Any]) -> None:
        self.session, self.data = session, data
        self.errors: dict[str, str] = {}

    def text(self, name: str, limit: int) -> str:
        try:
            return " ".join(clean_text(self.data.get(name) or "", limit).split())
        except ValueError as problem:
            self.errors[name] = str(problem)
            return ""

    def number(self, name: str, usual: int) -> int:
        raw = self.data.get(name)
        if raw in (None, ""):
            return usual
        try:
            value = int(str(raw))
        except ValueError:
            value = -1
        if not 0 <= value <= MAX_ENVELOPES:
            self.errors[name] = f"件数请填 0 到 {MAX_ENVELOPES} 之间的整数"
        return value

    def moment(self, name: str) -> datetime | None:
        raw = self.data.get(name)
        if raw in (None, ""):
            return None
        try:
            value = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
            if not 2000 <= value.year <= 2100:
                raise ValueError
        except ValueError:
            self.errors[name] = "时间请写成 2026-03-05T14:30 的样子"
            return None
        return value if value.tzinfo else value.replace(tzinfo=CHINA)

    def agency(self, name: str) -> Agency | None:
        raw = self.data.get(name)
        if raw in (None, ""):
            return None
        found = self.session.get(Agency, str(raw))
        if found is None:
            self.errors[name] = "没有这个单位，请从列表中选择"
        elif not found.exists_on(clock.local_day(now())):
            self.errors[name] = f"{found.name}已停止办公，请改选现在办理的单位"
        return found

    def related(self, actor: Actor) -> Content | None:
        raw = self.data.get("related")
        if raw in (None, ""):
            return None
        found = self.session.scalar(access.visible(select(Content).where(Content.uid == str(raw)), actor))
        if found is None:
            self.errors["related"] = "没有找到相关的办件或代办单，请从那一件的页面上发起"
        return found
