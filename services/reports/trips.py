"""最多跑一次: shares of cases with at most one trip and with none, per item kind and per batch of items, from the counted trips."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content
from services.reports.scope import IS_CASE, Period, Scope, agencies

BATCH = "item_optimisation"


@dataclass
class Trips:
    """Of a group of delivered cases: how many there are, how often people came, how many once at most, how many not at all."""

    title: str
    code: str = ""
    base: int = 0
    trips: int = 0
    once: int = 0
    zero: int = 0
    # In a batch: how many items, and how many of them reach it with every case of theirs.
    items: int = 0
    reached: int = 0

    @property
    def mean(self) -> float | None:
        return round(self.trips / self.base, 2) if self.base else None

    def add(self, base: int, trips: int, once: int, zero: int) -> None:
        self.base, self.trips = self.base + base, self.trips + trips
        self.once, self.zero = self.once + once, self.zero + zero


@dataclass
class Report:
    """All together, by item, by batch, by station."""

    total: Trips
    items: list[Trips] = field(default_factory=list)
    batches: list[Trips] = field(default_factory=list)
    stations: list[Trips] = field(default_factory=list)


def trips(session: Session, scope: Scope, period: Period) -> Report:
    """Cases whose result was delivered in the period; whoever still has to come is in no base yet."""
    rows = session.execute(
        select(
            Case.item_id,
            Content.place_id,
            func.count(),
            func.sum(Case.trips),
            func.count().filter(Case.trips <= 1),
            func.count().filter(Case.trips == 0),
        )
        .select_from(Case)
        .where(
            IS_CASE,
            Content.state == "delivered",
            Content.closed_at >= period.begin,
            Content.closed_at < period.end,
            scope.within(Content.place_path),
        )
        .group_by(Case.item_id, Content.place_id)
    ).all()
    known = {
        one.id: one for one in session.scalars(select(ServiceItem).where(ServiceItem.id.in_({row[0] for row in rows})))
    }
    tree = agencies(session)
    total = Trips("")
    by_item: dict[str, Trips] = {}
    by_station: dict[str, Trips] = {}
    for item_id, place_id, base, came, once, zero in rows:
        item = known[item_id]
        figures = (base, int(came or 0), once, zero)
        total.add(*figures)
        by_item.setdefault(item.code, Trips(item.title, item.code)).add(*figures)
        station = tree.get(place_id)
        if station is not None:
            by_station.setdefault(station.id, Trips(station.name, station.id)).add(*figures)
    return Report(
        total,
        _sorted(by_item.values()),
        _batches(session, scope, by_item, tree),
        _sorted(by_station.values()),
    )


def _sorted(found: Iterable[Trips]) -> list[Trips]:
    return sorted(found, key=lambda one: (-one.base, one.title))


def _batches(session: Session, scope: Scope, by_item: dict[str, Trips], tree: dict[str, Agency]) -> list[Trips]:
    """分批: the items an office listed together for optimisation; each batch over the cases of its items."""
    listed: dict[str, set[str]] = {}
    for fields, path in session.execute(
        select(Content.fields, Content.place_path).where(Content.type == BATCH).order_by(Content.id)
    ):
        batch, code = str((fields or {}).get("batch") or "").strip(), str((fields or {}).get("item") or "")
        # A street's batch list counts for whoever reads the street or anything in it.
        if batch and code and (scope.holds(path) or any(one.startswith(path) for one in scope.paths)):
            listed.setdefault(batch, set()).add(code)
    found = []
    for batch, codes in sorted(listed.items()):
        line = Trips(batch, items=len(codes))
        for code in codes:
            own = by_item.get(code)
            if own is None:
                continue
            line.add(own.base, own.trips, own.once, own.zero)
            line.reached += own.once == own.base
        found.append(line)
    return found


HEADINGS = ("分组", "名称", "已送达", "跑的次数", "平均", "最多跑一次", "占比", "零次跑", "占比")


def table(report: Report) -> Sequence[Sequence[object]]:
    """The rows of the Excel file: every share with its numerator and base."""
    groups = (("合计", [report.total]), ("批次", report.batches), ("事项", report.items), ("站点", report.stations))
    return [
        (
            name,
            one.title or "合计",
            one.base,
            one.trips,
            one.mean if one.mean is not None else "",
            one.once,
            f"{one.once / one.base * 100:.1f}%" if one.base else "",
            one.zero,
            f"{one.zero / one.base * 100:.1f}%" if one.base else "",
        )
        for name, lines in groups
        for one in lines
    ]
