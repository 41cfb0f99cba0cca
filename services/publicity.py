"""Making an item known: publishing fans it out to five carriers, each with its line in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import new_uid, now
from models.case import ServiceItem
from models.publishing import ItemFollower, ItemPublicity
from models.resident import Resident
from process import journal, outbox, registry
from process.access import Actor
from process.clock import local_day
from process.refusals import Forbidden, NotAvailable, NotFound
from process.registry import Step
from process.words import N_
from services import files, handbook, item_facts, item_place_changes, item_sheets, office
from services.messages import telling
from services.messages.wording import Facts

JOB = "items.sheet"
SMS, WECHAT, BOARD, SCREEN, HANDBOOK = "sms", "wechat", "board_sheet", "hall_screen", "handbook"
CARRIERS = {
    SMS: N_("短信"),
    WECHAT: N_("微信"),
    BOARD: N_("公告栏"),
    SCREEN: N_("电子屏"),
    HANDBOOK: N_("手册活页"),
}
# What the worker has to draw; the rest is words.
DRAWN = (BOARD, HANDBOOK)
OCCASION = "guide_published"
SHOWN = 100


@registry.effect("spread_item")
def spread_item(step: Step) -> None:
    """发布 makes the item known at once; what the installation itself brings along is known by the handbook."""
    if step.actor.person_id is not None:
        step.details["carriers"] = [row.carrier for row in spread(step.session, step.content, step.actor, step.at)]


def spread(session: Session, item: ServiceItem, actor: Actor, at: datetime | None = None) -> list[ItemPublicity]:
    """One line for each carrier; the sheets are drawn by the worker."""
    moment, issue = at or now(), new_uid()
    facts = item_facts.of(session, item)
    rows = []
    for carrier in CARRIERS:
        row = ItemPublicity(
            district=item.district,
            item_id=item.id,
            issue=issue,
            carrier=carrier,
            status="waiting" if carrier in DRAWN else "ready",
            text=_words(carrier, facts, item),
            at=moment,
            by_id=actor.person_id,
        )
        session.add(row)
        session.flush()
        if carrier == SMS:
            row.told = _tell_followers(session, item, actor, issue)
        elif carrier in DRAWN:
            outbox.put(session, JOB, district=item.district, publicity_id=row.id)
        rows.append(row)
    return rows


def once_more(session: Session, actor: Actor, item: ServiceItem) -> list[ItemPublicity]:
    """再宣传一次: the five carriers afresh, for an item that stands published."""
    if not item_place_changes.may_edit(actor, item.place):
        raise Forbidden(f"宣传材料由{item.place.name}的目录管理员制作，不由您办理。")
    if item.state != "published":
        raise NotAvailable(f"“{item.title}”还没有发布，先发布才能宣传。")
    made = spread(session, item, actor)
    journal.record(session, "item:publicise", actor, content=item, details={"carriers": [row.carrier for row in made]})
    return made


def _words(carrier: str, facts: dict[str, Any], item: ServiceItem) -> str:
    """The text of a carrier, ready to be copied; a text message stays within two parts."""
    name, url = facts["name"], facts["url"]
    mark = "（示例事项）" if facts["placeholder"] else ""
    if carrier == SMS:
        return (
            f"【{item.place.name}】“{name}”{mark}办事指南已更新：{facts['level']}受理，{facts['promised']}。详见 {url}"
        )
    if carrier == WECHAT:
        lines = [
            f"{name}{mark} 怎么办？",
            f"谁可以办：{facts['conditions'].replace(chr(10), '；')}",
            "带什么：" + ("；".join(f"{m['name']}（{m['kind']}）" for m in facts["materials"]) or item_facts.NOT_SAID),
            f"几天办好：{facts['promised']}　收费：{facts['fee']}",
            f"从哪里办：{facts['ways']}",
            f"看指南、扫码办：{url}",
            f"监督投诉：{office.complaints_phone(item.place)}",
        ]
        return "\n".join(lines)[:1000]
    if carrier == BOARD:
        return "公告栏 A4、A3 张贴页"
    if carrier == SCREEN:
        return "大厅电子屏一屏"
    return "A5 活页，夹在手册里，下一版自动编入"


def _tell_followers(session: Session, item: ServiceItem, actor: Actor, issue: str) -> int:
    followers = session.scalars(
        select(Resident)
        .join(ItemFollower, ItemFollower.resident_id == Resident.id)
        .where(ItemFollower.item_id == item.id)
    ).all()
    facts = Facts(item=item.title, agency=item.place, phone=office.phone(item.place))
    return sum(
        telling.tell(session, OCCASION, one, facts, once=f"{issue}:{one.id}", actor=actor) is not None
        for one in followers
    )


# --- What was made


def log(session: Session, item: ServiceItem | None = None) -> Sequence[ItemPublicity]:
    """Every carrier with time and name, the newest first; of one item or of all."""
    wanted = select(ItemPublicity).order_by(ItemPublicity.id.desc()).limit(SHOWN)
    if item is not None:
        wanted = wanted.where(ItemPublicity.item_id == item.id)
    return list(session.scalars(wanted))


def latest(session: Session, item: ServiceItem) -> dict[str, ItemPublicity]:
    """The newest line of each carrier."""
    newest = (
        select(func.max(ItemPublicity.id)).where(ItemPublicity.item_id == item.id).group_by(ItemPublicity.carrier)
    ).scalar_subquery()
    return {row.carrier: row for row in session.scalars(select(ItemPublicity).where(ItemPublicity.id.in_(newest)))}


def pdf(session: Session, item: ServiceItem, uid: str) -> bytes:
    """The kept sheet of one line of the log."""
    row = session.scalar(select(ItemPublicity).where(ItemPublicity.uid == uid, ItemPublicity.item_id == item.id))
    if row is None or row.storage_key is None:
        raise NotFound("这一张还没有做好，请过几秒刷新再取。")
    return files.store().read(row.storage_key)


def fields_of(session: Session, publicity_id: int) -> tuple[str, dict[str, Any]] | None:
    """What the worker draws: carrier and fields; None when it is done or the item was taken back."""
    row = session.get(ItemPublicity, publicity_id)
    if row is None or row.status != "waiting":
        return None
    facts = item_facts.of(session, row.item)
    if row.carrier == HANDBOOK:
        return row.carrier, handbook.page_data(session, row.item.place, facts)
    return row.carrier, item_sheets.board_data(row.item, facts, local_day(row.at))


def draw(carrier: str, fields: dict[str, Any]) -> bytes:
    """The sheet, without a database."""
    return handbook.draw(fields) if carrier == HANDBOOK else item_sheets.draw(item_sheets.BOARD, fields)


def keep(session: Session, publicity_id: int, content: bytes) -> None:
    row = session.get(ItemPublicity, publicity_id, with_for_update=True, populate_existing=True)
    if row is not None and row.status == "waiting":
        row.storage_key = files.store().put(content, "application/pdf")
        row.status, row.problem = "ready", ""


def give_up(session: Session, publicity_id: int, sentence: str) -> None:
    """Why there is no sheet, where the manager reads it."""
    row = session.get(ItemPublicity, publicity_id)
    if row is not None and row.status == "waiting":
        row.status, row.problem = "failed", sentence[:300]


# --- Who wants to hear of it


def follows(session: Session, item: ServiceItem, actor: Actor) -> bool:
    return actor.resident_id is not None and session.get(ItemFollower, (item.id, actor.resident_id)) is not None


def follow(session: Session, item: ServiceItem, actor: Actor, *, wanted: bool) -> None:
    """有变动通知我: a resident asks to hear of the next publication, or no longer."""
    if actor.resident_id is None:
        raise Forbidden("关注办事指南要用居民账号登录。")
    found = session.get(ItemFollower, (item.id, actor.resident_id))
    if wanted and found is None:
        session.add(ItemFollower(item_id=item.id, resident_id=actor.resident_id, district=item.district))
    elif not wanted and found is not None:
        session.delete(found)
    session.flush()
    journal.record(session, "item:follow" if wanted else "item:unfollow", actor, content=item)
