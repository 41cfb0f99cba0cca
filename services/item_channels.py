"""渠道开关: which ways in and out of an item are open. The catalogue says what there is; a switch opens or shuts one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.case import ServiceItem
from models.item_place import ItemChannel
from process import journal
from process.access import Actor
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput
from services.item_place_changes import may_edit

# 网上指导代办: staff open the filing, the resident sees it through with their own account.
ASSISTED = "filing_zone"
# The three ways of the source that residents look for, first on the page of switches.
SHOWN_FIRST = ("self_service_terminal", "app", ASSISTED)
SWITCHED = ("counter", "outreach", "online", "terminal", "delivery")
# Ways that exist for an item only where the catalogue or a switch says so; a counter takes everything.
BY_ITEM = frozenset({*SHOWN_FIRST, "self_service_hall_24h", "wechat_account", "cross_region_terminal"})


@dataclass(frozen=True)
class Way:
    """One way with its switch."""

    channel: str
    name: str
    name_en: str
    group: str
    open: bool
    printed: bool
    reason: str = ""


def ways(session: Session, item: ServiceItem) -> list[Way]:
    """Every way the product knows, with whether it is open for this item; the three that residents look for come first."""
    rows = {row.channel: row for row in session.scalars(select(ItemChannel).where(ItemChannel.item_id == item.id))}
    printed = catalogue.item(item.code).channels
    found = []
    for channel in catalogue.channels().values():
        if channel.group not in SWITCHED and channel.id not in printed:
            continue
        row = rows.get(channel.id)
        is_open = row.open if row is not None else channel.id in printed
        found.append(
            Way(
                channel.id,
                channel.name,
                channel.name_en,
                channel.group,
                is_open,
                channel.id in printed,
                row.reason if row else "",
            )
        )
    order = {name: number for number, name in enumerate(SHOWN_FIRST)}
    return sorted(found, key=lambda way: order.get(way.channel, len(order)))


def open_ways(session: Session, item: ServiceItem) -> list[str]:
    """The ids of the ways a resident may take today, in the order of the catalogue."""
    by_id = {way.channel: way for way in ways(session, item)}
    return [name for name in catalogue.channels() if name in by_id and by_id[name].open]


def is_open(session: Session, item: ServiceItem, channel: str) -> bool:
    row = session.get(ItemChannel, (item.id, channel))
    if row is not None:
        return row.open
    return channel not in BY_ITEM or channel in catalogue.item(item.code).channels


def offered_by(session: Session, items: Iterable[ServiceItem], channels: Collection[str]) -> list[ServiceItem]:
    """Those of a list that at least one of these ways is open for, with one question however long the list is."""
    rows = session.scalars(select(ItemChannel).where(ItemChannel.channel.in_(channels)))
    switched = {(row.item_id, row.channel): row.open for row in rows}
    return [
        item
        for item in items
        if any(switched.get((item.id, one), one in catalogue.item(item.code).channels) for one in channels)
    ]


def require_open(session: Session, item: ServiceItem, channel: str) -> None:
    """A way that is shut takes nothing in; the sentence names the ways that are open."""
    if is_open(session, item, channel):
        return
    row = session.get(ItemChannel, (item.id, channel))
    name = catalogue.channels()[channel].name
    others = "、".join(catalogue.channels()[one].name for one in open_ways(session, item)) or "综合窗口"
    why = f"（{row.reason}）" if row is not None and row.reason else ""
    raise InvalidInput(
        f"“{item.title}”现在不能从“{name}”办理{why}。可以走：{others}。", {"channel": "这个渠道没有开通"}
    )


def switch(session: Session, actor: Actor, item: ServiceItem, given: Mapping[str, tuple[bool, str]]) -> list[str]:
    """Opens and shuts ways; returns those that changed. Shutting one needs a reason that residents may read."""
    if not may_edit(actor, item.place):
        raise Forbidden(f"渠道开关由{item.place.name}的目录管理员管，不由您修改。")
    if item.state == "retired" or not catalogue.item(item.code).in_force(local_day(now())):
        raise InvalidInput(f"“{item.title}”已经停用，渠道都不开。要恢复请先在目录里启用。")
    known = {way.channel: way for way in ways(session, item)}
    strange = sorted(set(given) - set(known))
    if strange:
        raise InvalidInput(f"没有“{'、'.join(strange)[:80]}”这种渠道，请刷新后再改。")
    errors: dict[str, str] = {}
    changed: dict[str, bool] = {}
    for channel, (wanted, reason) in given.items():
        way = known[channel]
        if way.open == wanted:
            continue
        try:
            words = clean_text(reason or "", 200)
        except ValueError as problem:
            errors[channel] = str(problem)
            continue
        if not wanted and not words:
            errors[channel] = f"关掉“{way.name}”要写明原因，办事的人会看到"
            continue
        row = session.get(ItemChannel, (item.id, channel), with_for_update=True)
        if row is None:
            row = ItemChannel(item_id=item.id, channel=channel)
            session.add(row)
        row.open, row.reason = wanted, "" if wanted else words
        row.changed_at, row.changed_by_id = now(), actor.person_id
        changed[channel] = wanted
    if errors:
        raise InvalidInput("还有几处要改：" + "；".join(errors.values()) + "。", errors)
    left = [name for name, way in known.items() if changed.get(name, way.open)]
    if changed and not left:
        raise InvalidInput("不能把所有渠道都关掉。要停办这个事项，请在目录里停用它。")
    session.flush()
    if changed:
        journal.record(session, "item:channels", actor, content=item, details={"channels": changed})
    return sorted(changed)
