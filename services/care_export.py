"""The care register as a file: the rows and columns of its page, for the two leaders of a grid and the station."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.resident import CareEntry, Resident
from process import clock, eligibility
from process.access import Actor
from process.masking import mask_address, mask_name
from process.words import N_
from services import care_lists, custody
from services.export_sources import Query, Source

NAMES = ("view", "condition", "grid")


def clean(values: Mapping[str, Any]) -> dict[str, str]:
    """Which list of the register, and its filters; what is none of them is left out."""
    found = {name: str(values.get(name) or "")[:60] for name in NAMES}
    found["view"] = found["view"] if found["view"] in care_lists.VIEWS else "now"
    if found["condition"] not in eligibility.CONDITIONS or found["view"] in care_lists.OUTSIDE:
        found["condition"] = ""
    return {name: value for name, value in found.items() if value}


def words(session: Session, actor: Actor, query: Query) -> str:
    said = [care_lists.VIEWS[query.get("view", "now")]]
    if query.get("condition"):
        said.append(f"上门条件：{eligibility.CONDITIONS[query['condition']]}")
    grid = next((one for one in care_lists.grids(session, actor) if one.id == query.get("grid")), None)
    if grid is not None:
        said.append(f"网格：{custody.full_name(grid)}")
    return "；".join(said)


def _wanted(session: Session, actor: Actor, query: Query) -> care_lists.Wanted:
    view = query.get("view", "now")
    return care_lists.Wanted(view, query.get("condition", ""), query.get("grid", ""), care_lists.soon(session, actor))


def count(session: Session, actor: Actor, query: Query, most: int) -> int:
    wanted, today = _wanted(session, actor, query), clock.local_day(now())
    rows: Any = care_lists.entries(actor, wanted, today).with_only_columns(CareEntry.id)
    if wanted.view in care_lists.OUTSIDE:
        rows = care_lists.outside(actor, wanted, today).with_only_columns(Resident.id)
    return session.scalar(select(func.count()).select_from(rows.order_by(None).limit(most).subquery())) or 0


def headings(query: Query) -> tuple[str, ...]:
    view = query.get("view", "now")
    if view in care_lists.OUTSIDE:
        return ("姓名", "网格", "满80周岁")
    last = ("移出", "移出原因") if view == "ended" else ("证明有效期", "下次复核")
    return ("姓名", "住址", "网格", "上门条件", "列入", *last)


def rows(session: Session, actor: Actor, query: Query, most: int) -> Iterator[list[str]]:
    wanted, today = _wanted(session, actor, query), clock.local_day(now())
    if wanted.view in care_lists.OUTSIDE:
        people = care_lists.outside(actor, wanted, today).options(joinedload(Resident.grid)).limit(most)
        for person in session.scalars(people).unique():
            yield [mask_name(person.name), _grid(person.grid), _day(care_lists.turns_80(person.birth_date))]
        return
    for entry in session.scalars(care_lists.entries(actor, wanted, today).limit(most)).unique():
        person = entry.resident
        yield [
            mask_name(person.name),
            mask_address(person.address) if person.address else "",
            _grid(person.grid),
            eligibility.CONDITIONS.get(entry.condition, entry.condition),
            _day(entry.opened_on),
            *(
                (_day(entry.ended_on), entry.end_reason)
                if wanted.view == "ended"
                else (_day(entry.proof_until), _day(entry.review_on))
            ),
        ]


def _grid(grid: Agency | None) -> str:
    return custody.full_name(grid) if grid is not None else ""


def _day(day: date | None) -> str:
    return day.isoformat() if day is not None else ""


SOURCE = Source(
    key="care",
    title=N_("服务对象名册"),
    clean=clean,
    words=words,
    count=count,
    headings=headings,
    rows=rows,
    endpoint="visits.register",
    note="姓名和住址已按规定打码；上门条件是健康信息，不得张贴、转发。仅限本次工作使用。",
)
