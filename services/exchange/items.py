"""What may be sent where: the items we decide for partners, and the lists that partners have sent us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.exchange import Partner, PartnerItem
from process import clock, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, NotAvailable, NotFound
from services.exchange import partners, posting
from services.exchange.receiving import Arrived, EffectRefused, effect

OURS, THEIRS = "ours", "theirs"
KINDS = ("item", "proof")
# A region offers some hundreds; a list of more is a mistake.
MOST = 3_000


@cache
def regions() -> Mapping[str, Any]:
    """What the sources say of partner regions: names and numbers."""
    path = Path(__file__).parents[2] / "catalogue" / "partner_regions.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def ours(session: Session, *, ended: bool = False) -> Sequence[PartnerItem]:
    return _listed(session, OURS, 0, ended)


def theirs(session: Session, partner: Partner, *, ended: bool = False) -> Sequence[PartnerItem]:
    return _listed(session, THEIRS, partner.id, ended)


def _listed(session: Session, side: str, partner_id: int, ended: bool) -> Sequence[PartnerItem]:
    query = select(PartnerItem).where(PartnerItem.side == side, PartnerItem.partner_id == partner_id)
    if not ended:
        query = query.where(PartnerItem.ended_at.is_(None))
    return session.scalars(query.order_by(PartnerItem.kind, PartnerItem.title).limit(MOST)).all()


def counts(session: Session) -> dict[int, dict[str, int]]:
    """How many items and proofs each partner takes, by its id."""
    found: dict[int, dict[str, int]] = {}
    rows = session.execute(
        select(PartnerItem.partner_id, PartnerItem.kind, func.count())
        .where(PartnerItem.side == THEIRS, PartnerItem.ended_at.is_(None))
        .group_by(PartnerItem.partner_id, PartnerItem.kind)
    )
    for partner_id, kind, count in rows:
        found.setdefault(partner_id, {})[kind] = count
    return found


def offer(session: Session, actor: Actor, data: Mapping[str, Any]) -> PartnerItem:
    """From now on partners may send us this; the unit named decides it."""
    partners.require_administrator(session, actor)
    known = {row["code"]: row for row in regions()["offers"]}
    example = known.get(str(data.get("code") or ""), {})
    errors: dict[str, str] = {}
    code, title = _text(data, "code", 60, errors), _text({"title": example.get("title"), **data}, "title", 100, errors)
    if code and not code.isascii():
        errors["code"] = "代码只用英文字母、数字和下划线"
    kind = str(data.get("kind") or example.get("kind") or "item")
    if kind not in KINDS:
        errors["kind"] = "请选“事项”或“证明”"
    unit = session.get(Agency, str(data.get("unit") or ""))
    if unit is None:
        errors["unit"] = "请选由哪个单位受理"
    elif not unit.exists_on(clock.local_day(now())):
        errors["unit"] = f"{unit.name}已停止办公，请改选"
    days = str(data.get("days") or example.get("days") or "")
    if days and not (days.isascii() and days.isdigit() and 0 < int(days[:4]) < 1000):
        errors["days"] = "承诺天数是 1 到 999 的整数"
    if errors:
        raise InvalidInput("还不能加入清单：" + "；".join(errors.values()), errors)
    assert unit is not None
    row = session.scalar(
        select(PartnerItem).where(PartnerItem.side == OURS, PartnerItem.partner_id == 0, PartnerItem.code == code)
    )
    if row is not None and row.ended_at is None:
        raise NotAvailable(f"“{row.title}”已经在清单里。")
    if row is None:
        row = PartnerItem(side=OURS, partner_id=0, code=code, title=title)
        session.add(row)
    row.title, row.kind, row.unit_id, row.unit_name = title, kind, unit.id, unit.name
    row.days, row.illustrative, row.ended_at = int(days) if days else None, bool(example.get("illustrative")), None
    session.flush()
    _changed(session, actor, "offer", row)
    return row


def _text(data: Mapping[str, Any], name: str, limit: int, errors: dict[str, str]) -> str:
    try:
        text = clean_text(data.get(name) or "", limit)
    except ValueError as problem:
        errors[name] = str(problem)
        return ""
    if not text:
        errors[name] = "请填写事项代码" if name == "code" else "请填写事项名称"
    return text


def end(session: Session, actor: Actor, item_id: int) -> PartnerItem:
    """Nothing new of this is taken; what is under way goes on. The row stays."""
    partners.require_administrator(session, actor)
    row = session.get(PartnerItem, item_id)
    if row is None or row.side != OURS:
        raise NotFound("没有找到这个事项，请刷新清单。")
    if row.ended_at is not None:
        raise NotAvailable("这个事项已经停止接收了。")
    row.ended_at = now()
    session.flush()
    _changed(session, actor, "withdraw", row)
    return row


def _changed(session: Session, actor: Actor, action: str, row: PartnerItem) -> None:
    """Every partner hears of it at once; one that is down finds the letter when it is back."""
    for partner in partners.open_partners(session):
        send_list(session, partner)
    journal.record(
        session, f"partner:{action}", actor, stream=partners.STREAM, details={"item": row.code, "unit": row.unit_id}
    )


def send_list(session: Session, partner: Partner) -> None:
    """The whole list each time: a list that is whole cannot be half old."""
    rows = [
        {
            "code": row.code,
            "title": row.title,
            "kind": row.kind,
            "unit": row.unit_name,
            "days": row.days,
            "illustrative": row.illustrative,
        }
        for row in ours(session)
    ]
    posting.post(session, partner.id, "items", {"items": rows})


@effect("items")
def list_arrived(arrived: Arrived) -> Content | None:
    """Replaces what we knew of this partner; an item that is gone ends, tickets under way keep it."""
    session, partner = arrived.session, arrived.partner
    listed = arrived.body["items"]
    if not isinstance(listed, list) or len(listed) > MOST:
        raise EffectRefused("bad-body", f"事项清单不是清单，或超过 {MOST} 项，没有采用。")
    known = {row.code: row for row in theirs(session, partner, ended=True)}
    seen: set[str] = set()
    for one in listed:
        code, title = clean_text(one["code"], 60), clean_text(one["title"], 100)
        if not code or not title or code in seen or one["kind"] not in KINDS:
            raise EffectRefused("bad-body", "事项清单里有重复或不全的行，没有采用。")
        seen.add(code)
        row = known.get(code)
        if row is None:
            row = PartnerItem(side=THEIRS, partner_id=partner.id, code=code, title=title)
            session.add(row)
        row.title, row.kind, row.ended_at = title, one["kind"], None
        row.unit_name, row.illustrative = clean_text(one["unit"], 80), bool(one["illustrative"])
        row.days = one["days"] if isinstance(one["days"], int) and 0 < one["days"] < 1000 else None
    for code, row in known.items():
        if code not in seen and row.ended_at is None:
            row.ended_at = arrived.at
    session.flush()
    partner.items_at = arrived.at
    return None
