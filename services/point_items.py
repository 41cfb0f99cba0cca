"""What a point of service takes: a bank outlet its short list, a branch station everything of its department for the whole district."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.item_place import ItemSetting
from models.person import Grant, Person
from process import clock, journal, registry
from process.access import Actor
from process.refusals import Forbidden, InvalidInput
from process.registry import Step
from services import jurisdiction

ITEMS, DEPARTMENT = "items", "department"
# A bank takes what it was given; nothing is open there before somebody has said what.
ALWAYS_LISTED = ("bank_outlet",)
# 政银通网点柜员: the bank's own account, at the counter of its own outlet and nowhere else.
TELLER = "bank_teller"
LISTED = ("bank_outlet", "extended_outlet", "sub_centre")


def limited(point: Agency) -> bool:
    """Whether this point takes only what stands in a list of its own."""
    details = point.details or {}
    return point.kind in LISTED and (point.kind in ALWAYS_LISTED or bool(details.get(ITEMS) or details.get(DEPARTMENT)))


def item_codes(session: Session, point: Agency) -> set[str]:
    """What a point with a list takes in: its items, and all of its department where it is a branch station."""
    details = point.details or {}
    found = set(details.get(ITEMS) or ())
    if details.get(DEPARTMENT):
        found |= set(
            session.scalars(
                select(ServiceItem.code)
                .join(ItemSetting, ItemSetting.item_id == ServiceItem.id)
                .where(ItemSetting.owner_id == details[DEPARTMENT])
            )
        )
    return found


def takes(session: Session, point: Agency, code: str) -> bool:
    return not limited(point) or code in item_codes(session, point)


def require_taken(session: Session, point: Agency, item: ServiceItem) -> None:
    """A point with a list of its own takes nothing else; the sentence names what it takes."""
    if takes(session, point, item.code):
        return
    known = catalogue.items()
    names = [known[code].name for code in sorted(item_codes(session, point)) if code in known]
    what = (
        f"可以办的有：{'、'.join(names[:8])}{'等' if len(names) > 8 else ''}。"
        if names
        else nothing_listed(session, point)
    )
    raise InvalidInput(
        f"{point.name}不受理“{item.title}”。{what}请到社区服务站或街道服务中心办。",
        {"item": "这个网点不受理" if names else what, "place": "这个网点不受理"},
    )


def at_own_outlet(actor: Actor, point: Agency | None) -> bool:
    """Whether a teller sits at this very outlet: a post given higher up is no counter."""
    return (
        point is not None
        and point.kind in ALWAYS_LISTED
        and any(held.role == TELLER and held.path == point.path for held in actor.held)
    )


def require_own_outlet(session: Session, actor: Actor) -> None:
    """A teller takes in at the outlet of the account."""
    point = session.get(Agency, actor.unit_id) if actor.unit_id else None
    if not at_own_outlet(actor, point):
        raise Forbidden(
            "政银通柜员只在自己的银行网点收件，您的账号没有设在银行网点。请系统管理员把账号和岗位设到所在的网点。"
        )


def nothing_listed(session: Session, point: Agency) -> str:
    """Why a point takes nothing at all, and who can change that; empty where it takes something."""
    if not limited(point) or item_codes(session, point):
        return ""
    names = "、".join(person.name for person in keepers(session, point))
    who = f"系统管理员（{names}）" if names else "系统管理员"
    return (
        f"{point.name}还没有列出可办的事项，现在什么都不能受理；请{who}在“机构和网格”打开这个网点，设“网点的事项清单”。"
    )


def keepers(session: Session, point: Agency) -> Sequence[Person]:
    """Who may write the list of a point today."""
    today = clock.local_day(now())
    return session.scalars(
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .where(
            Grant.role == jurisdiction.ADMIN,
            Grant.place_path.in_(_above(point.path)),
            Person.active,
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
        .distinct()
        .order_by(Person.name)
        .limit(3)
    ).all()


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) + "/" for n in range(1, len(parts))]


def _listening(session: Session, content: Any, event: str, actor: Actor, step: Step | None) -> None:
    if step is None and event == "create" and isinstance(content, Case):
        item = session.get(ServiceItem, content.item_id)
        point = session.get(Agency, content.place_id)
        if item is not None and point is not None:
            require_taken(session, point, item)


registry.listeners.append(_listening)


def set_list(session: Session, actor: Actor, point: Agency, codes: Sequence[str], department: str) -> None:
    """The list of a point as its administrator ticks it; a department makes it a branch station."""
    if not jurisdiction.of(actor).administers(point.path):
        raise Forbidden(f"{point.name}的事项清单由系统管理员维护。")
    if point.kind not in LISTED:
        raise InvalidInput(f"{point.name}不是网点或分中心，不用单独的清单；它受理本级全部事项。")
    known = catalogue.items()
    if any(code not in known for code in codes):
        raise InvalidInput("有的事项目录里没有，请从名单里选。", {"items": "请从名单里选"})
    names: Mapping[str, str] = departments(session)
    if department and department not in names:
        raise InvalidInput("请从名单里选部门。", {"department": "请从名单里选"})
    if point.kind in ALWAYS_LISTED and not codes and not department:
        raise InvalidInput("银行网点要列出可以办的事项，至少一项。", {"items": "请至少选一项"})
    before = {ITEMS: (point.details or {}).get(ITEMS), DEPARTMENT: (point.details or {}).get(DEPARTMENT)}
    point.details = {**(point.details or {}), ITEMS: sorted(set(codes)), DEPARTMENT: department or None}
    session.flush()
    journal.record(
        session,
        "point:items",
        actor,
        stream=f"agency:{point.id}",
        details={"before": before, "after": {ITEMS: sorted(set(codes)), DEPARTMENT: department}},
    )


def departments(session: Session) -> dict[str, str]:
    """Departments that own items."""
    rows = session.execute(
        select(Agency.id, Agency.name)
        .join(ItemSetting, ItemSetting.owner_id == Agency.id)
        .distinct()
        .order_by(Agency.name)
    )
    return {row.id: row.name for row in rows}


def offered(session: Session, point: Agency) -> list[str]:
    """Names of what a point takes today, for its page."""
    day = clock.local_day(now())
    known = catalogue.items()
    return [
        known[code].name for code in sorted(item_codes(session, point)) if code in known and known[code].in_force(day)
    ]
