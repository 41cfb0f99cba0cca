"""The catalogue in the database: items as content, so that they have states, history and a place like everything else."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from catalogue.records import ServiceItem as ItemRecord
from models.agency import Agency
from models.case import ServiceItem
from process import engine
from process.access import Actor
from process.refusals import InvalidInput

HOME_CATALOGUE_PLACE = "dongxin"


def load_items(session: Session, actor: Actor) -> int:
    """Writes catalogue items that the database lacks, published; returns how many were new."""
    known = set(session.scalars(select(ServiceItem.code)))
    place = session.get(Agency, HOME_CATALOGUE_PLACE)
    assert place is not None
    new = 0
    for record in catalogue.items().values():
        if record.id in known:
            continue
        item = ServiceItem(
            code=record.id,
            title=record.name,
            category=record.category,
            service_type=record.service_type,
            accept_level=record.accept_level,
            decide_level=record.decide_level,
            delegable=record.delegable,
            home_visit=bool(record.home_visit),
            illustrative=record.illustrative or record.placeholder,
            search_text=f"{record.name} {record.name_en} {record.id}",
            fields={},
            spec={},
        )
        engine.create(session, item, actor, type_id="service_item", place=place, allowed=True)
        engine.fire(item, "publish", actor)
        new += 1
    session.flush()
    return new


def record_of(item: ServiceItem) -> ItemRecord:
    """The catalogue record behind an item: materials, form, limits."""
    return catalogue.item(item.code)


def of_code(session: Session, code: str) -> ServiceItem | None:
    """The item of the catalogue whatever its state, for those who keep it."""
    return session.scalar(select(ServiceItem).where(ServiceItem.code == code))


def by_code(session: Session, code: Any, on: date) -> ServiceItem:
    """The published item, or a refusal that says which field to mend."""
    found = session.scalar(select(ServiceItem).where(ServiceItem.code == str(code or ""))) if code else None
    if found is None:
        raise InvalidInput("没有找到这个事项，请从事项目录中选择。", {"item": "没有这个事项" if code else "请选择事项"})
    if found.state != "published" or not record_of(found).fileable(on):
        raise InvalidInput(f"“{found.title}”现在不受理，请到事项目录查看替代的事项。", {"item": "该事项现在不受理"})
    return found
