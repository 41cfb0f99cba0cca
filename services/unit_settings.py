"""What a unit decides for itself and everything below it: the hours of visits, a few numbers, and who takes over when it ends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from process import clock, journal
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound
from process.words import N_
from services import grid_rights, jurisdiction, successors

HOURS = "visit_hours"
MOST_SPANS = 4
_SPAN = re.compile(r"(\d{1,2})[:：](\d{2})\s*[-–—~～至到]+\s*(\d{1,2})[:：](\d{2})")


@dataclass(frozen=True)
class Number:
    """One number that an office may set; `usual` holds until it does."""

    label: str
    usual: int
    low: int
    high: int
    hint: str


# Proposals of the sources and of the product; each office may decide otherwise.
NUMBERS = {
    "visit_target": Number(N_("每人每年走访次数"), 180, 1, 2_000, N_("来源：一个村的规定是每年超过 180 次。")),
    "missed_visits": Number(
        N_("几次没遇到人后先电话约好"), 3, 1, 10, N_("满这个次数，再上门前要先电话约好，或改走其他渠道。")
    ),
    "care_soon_days": Number(
        N_("名册提前几天提醒"), 30, 1, 180, N_("证明到期、该复核、快满80周岁，都提前这么多天提醒。")
    ),
    "errand_assign_hours": Number(
        N_("任务没人认领，几小时后自动指派"),
        0,
        0,
        72,
        N_("填 0 就不自动指派，由调度员安排。指派只给培训有效、有空、没满的跑腿工。"),
    ),
    "field_idle_minutes": Number(
        N_("外勤手机几分钟不用就锁上"),
        120,
        5,
        1_440,
        N_("锁上时手机里的密钥销毁，没有信号就打不开。短了更安全，长了在没有信号的地方更方便。手机下次联网时生效。"),
    ),
    "record_months": Number(
        N_("以前交过的材料几个月内可再用"), 12, 1, 120, N_("经本人同意，窗口可用以前办件里交过的材料，不用再带。")
    ),
    "broken_months": Number(
        N_("容缺失信后几个月不能再容缺"), 12, 0, 60, N_("承诺的材料到期没补，这么多个月内不再容缺受理；填 0 不限制。")
    ),
    "unclaimed_days": Number(
        N_("结果几天没人领就提醒"),
        10,
        1,
        180,
        N_("出件窗口里等人来领的结果，超过这么多天列进“没人领的”，并提醒本人；两倍、三倍时各再提醒一次。"),
    ),
    "project_limit": Number(
        N_("一人最多同时带几个投资项目"),
        4,
        1,
        50,
        N_("到了这个数再认领会提醒，不会拦住。来源：32 名代办员带 102 个项目。"),
    ),
    "commitment_days": Number(
        N_("承诺备案最长几天内兑现"), 180, 1, 1_095, N_("兑现期限不能晚于收下承诺后这么多天，到期由另一个人核查。")
    ),
    "export_days": Number(N_("导出和导入的表保留几天"), 7, 1, 90, N_("到期后文件自动删除，不能再下载。")),
}


def number(session: Session, agency: Agency | str | None, name: str) -> int:
    """The number that holds at a unit: its own, else that of the nearest unit above which set one."""
    here = session.get(Agency, agency) if isinstance(agency, str) else agency
    while here is not None:
        own = (here.details or {}).get(name)
        if isinstance(own, int):
            return own
        here = here.parent
    return NUMBERS[name].usual


def longest(session: Session, name: str) -> int:
    """The largest that any unit has set, for a look over all of them at once."""
    own = ((details or {}).get(name) for details in session.scalars(select(Agency.details)))
    return max([NUMBERS[name].usual, *(value for value in own if isinstance(value, int))])


def load(session: Session, actor: Actor, place_id: str) -> Agency:
    """A unit whose settings this actor keeps."""
    found = session.get(Agency, place_id)
    if found is None or not jurisdiction.of(actor).administers(found.path):
        raise NotFound()
    return found


def _require(actor: Actor, agency: Agency) -> None:
    if not jurisdiction.of(actor).administers(agency.path):
        raise Forbidden(f"{agency.name}的规定由管理它的系统管理员维护。")


# --- 上门时间和规定


def hours_in_words(agency: Agency) -> str:
    """Its own hours as they are typed; empty while it follows the unit above."""
    return "、".join(f"{start}–{end}" for start, end in (agency.details or {}).get(HOURS) or ())


def set_rules(session: Session, actor: Actor, agency: Agency, given: Mapping[str, Any]) -> None:
    """The hours in which homes are visited, and the numbers; an empty box follows the unit above."""
    _require(actor, agency)
    errors: dict[str, str] = {}
    found: dict[str, Any] = {}
    try:
        found[HOURS] = _hours(str(given.get(HOURS) or ""))
    except InvalidInput as refusal:
        errors |= refusal.errors
    for name, one in NUMBERS.items():
        raw = str(given.get(name) or "").strip()
        try:
            found[name] = grid_rights.number(raw, one.low, one.high, name, one.label) if raw else None
        except InvalidInput as refusal:
            errors |= refusal.errors
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    _change(session, actor, agency, found)


def _hours(text: str) -> list[list[str]] | None:
    if not text.strip():
        return None
    spans = _SPAN.findall(text)
    left = re.sub(r"[\s,，、;；]+", "", _SPAN.sub("", text))
    try:
        found = [(time(int(a), int(b)), time(int(c), int(d))) for a, b, c, d in spans]
    except ValueError:
        found = []
    wrong = not found or left or len(found) > MOST_SPANS or any(start >= end for start, end in found)
    if wrong or any(one[1] > following[0] for one, following in pairwise(found)):
        raise InvalidInput(
            "上门时间写成“08:30–12:00、13:30–17:30”的样子，从早到晚，前后不重叠，最多 4 段。",
            {HOURS: "写成“08:30–12:00、13:30–17:30”，从早到晚、不重叠"},
        )
    from services import slots

    if found[0][0] < slots.EARLIEST or found[-1][1] > slots.LATEST:
        raise InvalidInput(
            f"上门时间应在 {slots.EARLIEST:%H:%M} 到 {slots.LATEST:%H:%M} 之间，夜里不敲门。",
            {HOURS: f"应在 {slots.EARLIEST:%H:%M} 到 {slots.LATEST:%H:%M} 之间"},
        )
    return [[f"{start:%H:%M}", f"{end:%H:%M}"] for start, end in found]


# --- 停办与接替


def possible_heirs(session: Session, agency: Agency) -> Sequence[Agency]:
    """Units that may take over here, those of the same kind first."""
    today = clock.local_day(now())
    rows = session.scalars(
        select(Agency).where(Agency.district == agency.district, Agency.kind != "grid").order_by(Agency.path)
    )
    found = [one for one in rows if one.exists_on(today) and successors.sensible(agency, one)]
    return sorted(found, key=lambda one: one.kind != agency.kind)


def name_successor(session: Session, actor: Actor, agency: Agency, given: Mapping[str, Any]) -> None:
    """The last day of a unit and who takes over from then on; tickets on the way are moved there step by step."""
    _require(actor, agency)
    errors: dict[str, str] = {}
    last: date | None = None
    try:
        last = grid_rights.day(given.get("valid_to"), "valid_to")
    except InvalidInput as refusal:
        errors |= refusal.errors
    heir_id = str(given.get("successor") or "")
    heir = session.get(Agency, heir_id) if heir_id else None
    if heir_id and heir is None:
        errors["successor"] = "没有这个单位，请从名单中选"
    elif heir is not None:
        try:
            successors.require_sensible(agency, heir, clock.local_day(now()), "successor")
        except InvalidInput as refusal:
            errors |= refusal.errors
    if last is not None and heir is None and "successor" not in errors:
        errors["successor"] = "写了最后一天，就要选接替的单位，否则在途的件没人接"
    if last is not None and agency.valid_from is not None and last < agency.valid_from:
        errors["valid_to"] = "不能早于开始办公的那天"
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    before, agency.valid_to = agency.valid_to, last
    _change(
        session,
        actor,
        agency,
        {"successor": heir.id if heir is not None else None},
        ended=(before, last) if before != last else None,
    )


def _change(
    session: Session,
    actor: Actor,
    agency: Agency,
    found: Mapping[str, Any],
    ended: tuple[date | None, date | None] | None = None,
) -> None:
    old = dict(agency.details or {})
    changed = {name: value for name, value in found.items() if old.get(name) != value}
    if not changed and ended is None:
        raise InvalidInput("与原来一样，没有要改的。")
    agency.details = {name: value for name, value in {**old, **changed}.items() if value is not None}
    details = {"before": {name: old.get(name) for name in changed}, "after": dict(changed)}
    if ended is not None:
        details["before"]["valid_to"], details["after"]["valid_to"] = (
            day.isoformat() if day else None for day in ended
        )
    session.flush()
    journal.record(session, "agency:settings", actor, stream=f"agency:{agency.id}", details=details)
