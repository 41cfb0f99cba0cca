"""分中心和延伸网点: points of service that are opened and described by page, and the share of cases they take in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.case import Case
from models.ledger import JournalEntry
from process import access, journal
from process.access import Actor
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, NotFound
from process.words import N_
from services import case_routing, grid_rights, jurisdiction, town_platforms

KINDS: Mapping[str, str] = {
    "sub_centre": N_("政务服务分中心"),
    "extended_outlet": N_("延伸服务网点"),
    "bank_outlet": N_("政银通银行网点"),
}
# Where the share of S3-17 is counted: outlets, not the sub-centre, which is a hall of its own.
OUTLETS = ("extended_outlet", "bank_outlet")
PARENTS = ("street", "town", "district", "community", "village")
# name, label, lowest, highest
NUMBERS: tuple[tuple[str, str, int, int], ...] = (
    ("windows", N_("窗口数"), 0, 999),
    ("counters", N_("柜台数"), 0, 999),
    ("terminals", N_("自助终端数"), 0, 999),
    ("area_m2", N_("面积（平方米）"), 0, 999_999),
    ("radius_minutes", N_("服务圈（分钟）"), 0, 180),
    ("people", N_("服务人口（人）"), 0, 99_999_999),
)
TEXTS: tuple[tuple[str, str, int], ...] = (
    ("address", N_("地址"), 160),
    ("phone", N_("电话"), 40),
    ("hours", N_("办公时间"), 120),
)
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,36}[a-z0-9])?")


def listed(session: Session) -> list[Agency]:
    """Every point of service, by place."""
    found = session.scalars(
        select(Agency).where(Agency.kind.in_(list(KINDS))).options(joinedload(Agency.parent)).order_by(Agency.path)
    )
    return list(found)


def may_open(actor: Actor) -> bool:
    return bool(jurisdiction.of(actor).admin)


def open_point(session: Session, actor: Actor, given: Mapping[str, Any]) -> Agency:
    """A new point below a street or district; administrators only."""
    kind = str(given.get("kind") or "")
    errors: dict[str, str] = {}
    if kind not in KINDS:
        errors["kind"] = "请选一项"
    parent = session.get(Agency, str(given.get("parent") or ""))
    if parent is None or parent.kind not in PARENTS or not parent.exists_on(grid_rights.today()):
        errors["parent"] = "请选它属于哪个街道、区或社区"
    elif not jurisdiction.of(actor).administers(parent.path):
        raise Forbidden(f"{parent.name}的服务点由系统管理员设立。")
    name = ""
    try:
        name = grid_rights.text(given.get("name"), 80, "name", ask="请写名称")
    except InvalidInput as refusal:
        errors |= refusal.errors
    code = str(given.get("code") or "").strip().upper()
    if not re.fullmatch(r"[A-Z0-9]{2,10}", code):
        errors["code"] = "请写 2 到 10 个大写字母或数字，编号里要用"
    elif session.scalar(select(Agency.id).where(Agency.code == code)) is not None:
        errors["code"] = f"代码 {code} 已有单位在用"
    point_id = code.lower()
    if "code" not in errors and session.get(Agency, point_id) is not None:
        errors["code"] = f"代码 {code} 已有单位在用"
    details = {**_details(given, errors), town_platforms.KEY: _platforms(given, errors)}
    if errors:
        raise InvalidInput("这个服务点还不能设立：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    assert parent is not None
    point = Agency(
        id=point_id,
        name=name,
        kind=kind,
        parent_id=parent.id,
        path=f"{parent.path}{point_id}/",
        district=parent.district,
        code=code,
        paper_name=name[:40],
        valid_from=grid_rights.today(),
        details=details,
    )
    session.add(point)
    session.flush()
    _record(session, "point:open", actor, point, {"kind": kind, **details})
    return point


def load(session: Session, actor: Actor, place_id: str) -> Agency:
    """A unit whose description this actor keeps."""
    found = session.get(Agency, place_id)
    if found is None or not jurisdiction.of(actor).administers(found.path):
        raise NotFound()
    return found


def describe(session: Session, actor: Actor, agency: Agency, given: Mapping[str, Any]) -> None:
    """What is known of a unit: address, phone, hours, windows, terminals, area, radius; its name never changes."""
    if not jurisdiction.of(actor).administers(agency.path):
        raise Forbidden(f"{agency.name}的基本情况由系统管理员维护。")
    errors: dict[str, str] = {}
    found = _details(given, errors)
    if agency.kind in KINDS:
        asked = given.getlist("serves") if hasattr(given, "getlist") else given.get("serves") or []
        known = [one.id for one in around(session, agency)]
        if any(one not in known for one in asked):
            errors["serves"] = "请从名单里选社区"
        found["serves"] = [one for one in known if one in asked]
    found[town_platforms.KEY] = _platforms(given, errors)
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    old = dict(agency.details or {})
    changed = {name: old.get(name) for name, value in found.items() if (old.get(name) or "") != (value or "")}
    if not changed:
        raise InvalidInput("与原来一样，没有要改的。")
    # What an office has written itself is no longer an example.
    invented = [name for name in old.get("illustrative_fields") or () if name not in changed]
    agency.details = {**old, **found, "illustrative_fields": invented}
    session.flush()
    _record(session, "point:change", actor, agency, {"before": changed, "after": {n: found[n] for n in changed}})


def _platforms(given: Mapping[str, Any], errors: dict[str, str]) -> list[str]:
    asked = given.getlist(town_platforms.KEY) if hasattr(given, "getlist") else given.get(town_platforms.KEY) or []
    found = town_platforms.known(asked)
    if len(found) != len(set(asked)):
        errors[town_platforms.KEY] = "请从四个平台里选"
    return found


def _details(given: Mapping[str, Any], errors: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, _label, limit in TEXTS:
        try:
            found[name] = grid_rights.text(given.get(name), limit, name)
        except InvalidInput as refusal:
            errors |= refusal.errors
    for name, label, low, high in NUMBERS:
        raw = str(given.get(name) or "").strip()
        try:
            found[name] = grid_rights.number(raw, low, high, name, label) if raw else None
        except InvalidInput as refusal:
            errors.update(refusal.errors)
    return found


def within_reach(session: Session, point: Agency) -> list[Agency]:
    """The communities the office has named as lying within the circle of the point; nobody guesses minutes."""
    named = set((point.details or {}).get("serves") or ())
    return [one for one in around(session, point) if one.id in named]


def around(session: Session, point: Agency) -> list[Agency]:
    """The communities that may lie within it: those of its street, or of its district when it stands directly below one."""
    above = case_routing.above(point.parent, "street", "town", "district")
    if above is None:
        return []
    return list(
        session.scalars(
            select(Agency)
            .where(access.within(Agency.path, above.path), Agency.kind.in_(("community", "village")))
            .order_by(Agency.number, Agency.path)
            .limit(300)
        )
    )


# --- 延伸服务网点占比 ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class OutletLine:
    """One outlet: its counters and the cases it accepted in a period."""

    agency: Agency
    cases: int

    @property
    def counters(self) -> int:
        return int((self.agency.details or {}).get("counters") or 0)


@dataclass(frozen=True)
class OutletShare:
    """Cases accepted at outlets, of all cases accepted."""

    lines: tuple[OutletLine, ...]
    at_outlets: int
    all: int

    @property
    def counters(self) -> int:
        return sum(line.counters for line in self.lines)


def share(session: Session, actor: Actor, since: date, until: date) -> OutletShare:
    """Counted from the cases this actor may see; a case counts where it was filed, on the day it was accepted."""
    begin = datetime.combine(since, time.min, CHINA)
    finish = datetime.combine(until + timedelta(days=1), time.min, CHINA)
    statement = select(Case.place_id, func.count()).where(Case.accepted_at >= begin, Case.accepted_at < finish)
    counts: dict[str, int] = {
        row[0]: row[1] for row in session.execute(access.visible(statement, actor, Case).group_by(Case.place_id))
    }
    lines = tuple(OutletLine(a, counts.get(a.id, 0)) for a in listed(session) if a.kind in OUTLETS)
    return OutletShare(lines, sum(line.cases for line in lines), sum(counts.values()))


def story(session: Session, agency: Agency, limit: int = 30) -> list[JournalEntry]:
    return list(
        session.scalars(
            select(JournalEntry)
            .where(JournalEntry.stream == f"agency:{agency.id}")
            .options(joinedload(JournalEntry.person))
            .order_by(JournalEntry.seq.desc())
            .limit(limit)
        )
    )


def _record(session: Session, action: str, actor: Actor, agency: Agency, details: dict[str, Any]) -> None:
    journal.record(session, action, actor, stream=f"agency:{agency.id}", details=details)
