"""办证时间: minutes from filing to issue, by item and by the station that took the case in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Float, case, cast, extract, func, literal_column, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content
from services.catalogue_items import record_of
from services.reports.scope import Period, Scope, agencies, filed_in

# What the source counts as “on the spot”: a card that took 25 minutes takes 5.
ON_THE_SPOT = 5
EVERYWHERE = "*"


@dataclass
class Spent:
    """How long a number of cases took together, and how many of them were done on the spot."""

    title: str
    base: int = 0
    minutes: float = 0.0
    quick: int = 0
    before: int | None = None
    after: int | None = None
    code: str = ""

    @property
    def mean(self) -> float | None:
        return self.minutes / self.base if self.base else None

    def add(self, base: int, minutes: float, quick: int) -> None:
        self.base, self.minutes, self.quick = self.base + base, self.minutes + minutes, self.quick + quick


@dataclass
class Minutes:
    """The whole report: all together, by item, by station."""

    total: Spent
    items: list[Spent] = field(default_factory=list)
    stations: list[Spent] = field(default_factory=list)


def minutes(session: Session, scope: Scope, period: Period, item: str = "") -> Minutes:
    """One statement, grouped by item and place; only cases that were issued have a time."""
    elapsed = spent(session)
    rows = session.execute(
        select(
            Case.item_id,
            Content.place_path,
            func.count(),
            func.sum(elapsed),
            func.sum(case((elapsed <= ON_THE_SPOT, 1), else_=0)),
        )
        .select_from(Case)
        .where(filed_in(scope, period), Case.filed_at.is_not(None), Case.issued_at.is_not(None))
        .group_by(Case.item_id, Content.place_path)
    ).all()
    known = {
        one.id: one for one in session.scalars(select(ServiceItem).where(ServiceItem.id.in_({r[0] for r in rows})))
    }
    tree = agencies(session)
    by_item: dict[str, Spent] = {}
    by_station: dict[str, Spent] = {}
    total = Spent("")
    for item_id, path, base, summed, quick in rows:
        one = known[item_id]
        reference = record_of(one).reference
        line = by_item.setdefault(
            one.code,
            Spent(
                one.title,
                before=reference.get("minutes_before"),
                after=reference.get("minutes_after"),
                code=one.code,
            ),
        )
        line.add(base, float(summed or 0), int(quick or 0))
        if item and one.code != item:
            continue
        total.add(base, float(summed or 0), int(quick or 0))
        place = station(tree, path)
        if place is not None:
            by_station.setdefault(place.id, Spent(place.name, code=place.id)).add(
                base, float(summed or 0), int(quick or 0)
            )
    order = lambda one: (-one.base, one.title)  # noqa: E731
    return Minutes(total, sorted(by_item.values(), key=order), sorted(by_station.values(), key=order))


def spent(session: Session) -> Any:
    """Minutes between the two stamps, on either database."""
    if session.get_bind().dialect.name == "postgresql":
        return cast(extract("epoch", Case.issued_at - Case.filed_at), Float) / literal_column("60.0")
    days = func.julianday(Case.issued_at) - func.julianday(Case.filed_at)
    return days * literal_column("1440.0")


def station(tree: dict[str, Agency], path: str) -> Agency | None:
    """The community, or the hall itself where nobody lives below it."""
    parts = path.strip("/").split("/")
    for part in parts:
        agency = tree.get(part)
        if agency is not None and agency.kind in ("community", "village"):
            return agency
    return tree.get(parts[-1])
