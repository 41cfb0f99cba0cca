"""What may be granted by whom to whom, and every no with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from catalogue import loader as catalogue
from models.agency import Agency
from models.authority import AuthorityGrant
from models.base import now
from models.case import ServiceItem
from models.item_place import ItemSetting
from models.person import Grant, Person
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.refusals import InvalidInput
from services import authority, case_routing

GIVERS = ("department", "company", "district", "street", "town", "street_centre", "approvals_office")
TAKERS = (
    "approvals_office",
    "street",
    "town",
    "street_centre",
    "community",
    "village",
    "department",
    "company",
    "district",
)
ITEMS = 300
DECIDERS = ("approver", "community_clerk")


# --- What can be chosen


def givers(session: Session, actor: Actor) -> list[Agency]:
    """Units whose authority this actor enters: those they head or administer, with something of their own to decide."""
    today = local_day(now())
    owning = set(session.scalars(select(ItemSetting.owner_id).where(ItemSetting.owner_id.is_not(None))))
    rows = session.scalars(select(Agency).where(Agency.kind.in_(GIVERS)).order_by(Agency.path))
    return [
        unit
        for unit in rows
        if authority.may_give(actor, unit)
        and unit.exists_on(today)
        and (unit.id in owning or unit.kind in ("street", "town"))
    ]


def takers(session: Session, giver: Agency) -> list[Agency]:
    """Units that can hold its authority, offices first."""
    today = local_day(now())
    found = [
        unit
        for unit in session.scalars(select(Agency).where(Agency.kind.in_(TAKERS)).order_by(Agency.path))
        if unit.exists_on(today)
        and unit.id != giver.id
        and unit.kind != "street_centre"
        and case_routing.front_office(session, giver).id != unit.id
    ]
    return sorted(found, key=lambda unit: TAKERS.index(unit.kind))


def own_items(session: Session, giver: Agency) -> list[ServiceItem]:
    """What the giver decides by the catalogue and may let others decide, in the order of the catalogue."""
    today = local_day(now())
    rows = {i.code: i for i in session.scalars(select(ServiceItem).where(ServiceItem.state == "published"))}
    owners = {row.item_id: row.owner_id for row in session.scalars(select(ItemSetting))}
    found = []
    for code, record in catalogue.items().items():
        item = rows.get(code)
        if item is None or not record.fileable(today):
            continue
        owner = owners.get(item.id)
        if owner == giver.id or (not owner and _by_level(giver, item)):
            found.append(item)
    return found


def _by_level(giver: Agency, item: ServiceItem) -> bool:
    return giver.kind in ("street", "town", "street_centre") and item.decide_level in ("street", "district", "city")


# --- What is refused


def unit(session: Session, agency_id: str, field: str, errors: dict[str, str]) -> Agency | None:
    found = session.get(Agency, agency_id) if agency_id else None
    kinds = GIVERS if field == "giver" else TAKERS
    if found is None or found.kind not in kinds:
        errors[field] = "请选委托单位" if field == "giver" else "请选受委托的单位"
        return None
    return found


def pair(session: Session, giver: Agency, taker: Agency, day: date) -> None:
    for unit, field in ((giver, "giver"), (taker, "taker")):
        if not unit.exists_on(day):
            raise InvalidInput(f"{unit.name}到 {day} 已不存在，请改选接替它的单位。", {field: "单位已不存在"})
    if giver.id == taker.id or case_routing.front_office(session, giver).id == taker.id:
        raise InvalidInput(f"{taker.name}就是{giver.name}自己的办事机构，不需要授权。", {"taker": "不用授权给自己"})


def home_of(session: Session, item: ServiceItem) -> str:
    """Whose decision the item is by the catalogue: an owner's id, or '' for street and community."""
    setting = session.get(ItemSetting, item.id)
    return (setting.owner_id if setting else None) or ""


def scope_of(session: Session, giver: Agency, codes: list[str], category: str, day: date) -> list[ServiceItem]:
    """The items granted; each must be the giver's own to decide and in use."""
    if category:
        if category not in catalogue.schemes().by_id:
            raise InvalidInput("没有这个类别，请从列表中选。", {"items": "没有这个类别"})
        rows = session.scalars(
            select(ServiceItem).where(ServiceItem.category == category, ServiceItem.state == "published")
        )
        own = [item for item in rows if not _why_not_own(session, giver, item)]
        if not own:
            name = catalogue.schemes().by_id[category].name
            raise InvalidInput(f"“{name}”里没有由{giver.name}决定的事项，不能授权。", {"items": "没有本单位决定的事项"})
        return own
    if len(codes) > ITEMS:
        raise InvalidInput(
            f"一份授权最多 {ITEMS} 项，现在是 {len(codes)} 项，请分几份办。", {"items": f"最多 {ITEMS} 项"}
        )
    found = {item.code: item for item in session.scalars(select(ServiceItem).where(ServiceItem.code.in_(codes)))}
    strange = [code for code in codes if code not in found]
    if strange:
        raise InvalidInput(f"没有找到事项“{'、'.join(strange)[:80]}”，请从列表中选。", {"items": "没有这个事项"})
    chosen = [found[code] for code in dict.fromkeys(codes)]
    for item in chosen:
        if item.state != "published" or not catalogue.item(item.code).in_force(day):
            raise InvalidInput(f"“{item.title}”已经停用，不能授权。请从所选事项中去掉它。", {"items": "有停用的事项"})
        why = _why_not_own(session, giver, item)
        if why:
            raise InvalidInput(why, {"items": f"“{item.title}”不是{giver.name}的"})
    return chosen


def _why_not_own(session: Session, giver: Agency, item: ServiceItem) -> str:
    """Why this unit cannot grant this item; empty when it can. What is held by a grant is not one's own (不得再委托)."""
    owner = home_of(session, item)
    if owner:
        if owner == giver.id:
            return ""
        name = session.get_one(Agency, owner).name
        held = session.scalar(
            select(AuthorityGrant.id).where(
                AuthorityGrant.from_id == owner, AuthorityGrant.to_id == giver.id, AuthorityGrant.ended_at.is_(None)
            )
        )
        if held is not None:
            return f"{giver.name}只是受{name}委托办理“{item.title}”，不得再委托给别人。请由{name}直接授权。"
        return f"“{item.title}”由{name}决定，{giver.name}不能把它授权出去。"
    if _by_level(giver, item):
        return ""
    level = "社区" if item.decide_level == "village" else "街道"
    return f"“{item.title}”由{level}决定，{giver.name}不能把它授权出去。"


def somebody_decides(session: Session, taker: Agency, day: date) -> None:
    desk = case_routing.front_office(session, taker)
    paths = [desk.path[: i + 1] for i, char in enumerate(desk.path) if char == "/" and i]
    somebody = session.scalar(
        select(Grant.id)
        .join(Person, Person.id == Grant.person_id)
        .where(
            Grant.role.in_(DECIDERS),
            Grant.place_path.in_(paths),
            Person.active,
            or_(Grant.until.is_(None), Grant.until >= day),
        )
        .limit(1)
    )
    if somebody is None:
        raise InvalidInput(
            f"{desk.name}还没有审批人，授权给它的件没有人能决定。请先给它授予“审批人”的岗位，或只授权受理。",
            {"taker": "还没有审批人"},
        )


def overlap(
    session: Session,
    giver: Agency,
    taker: Agency,
    power: str,
    scope: Sequence[ServiceItem],
    category: str,
    since: date,
    until: date | None,
) -> None:
    """For one item on one ground there is one who decides."""
    rows = session.scalars(
        select(AuthorityGrant)
        .where(
            AuthorityGrant.from_id == giver.id,
            AuthorityGrant.power == power,
            AuthorityGrant.ended_at.is_(None),
            or_(AuthorityGrant.until.is_(None), AuthorityGrant.until >= since),
        )
        .options(selectinload(AuthorityGrant.items), joinedload(AuthorityGrant.taker))
    ).unique()
    ground, ids = authority.ground_of(taker), {item.id for item in scope}
    for other in rows:
        if until is not None and other.since > until:
            continue
        theirs = authority.ground_of(other.taker)
        if not (ground.startswith(theirs) or theirs.startswith(ground)):
            continue
        both = (
            bool(category and category == other.category)
            or bool(ids & {row.item_id for row in other.items})
            or (bool(other.category) and any(item.category == other.category for item in scope))
        )
        if both:
            period = f"{say(other.since)}至{say(other.until) if other.until else '长期'}"
            raise InvalidInput(
                f"{giver.name}已把其中的事项授权给{other.taker.name}（{other.basis}，{period}），与这一份重叠。"
                "请先结束那一份，或改事项、改期间。",
                {"items": "与已有的授权重叠", "since": "与已有的授权重叠"},
            )
