"""办件量: how many cases were filed in a period, by level, by point and by way in."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case
from models.content import Content
from services.reports.scope import Period, Scope, agencies, filed_during, filed_in

TOWN, VILLAGE, ABOVE = "town", "village", "above"
TOWN_KINDS = ("street", "town", "street_centre", "errand_station", "town_centre", "sub_centre")
VILLAGE_KINDS = ("community", "village", "community_station", "errand_point", "grid")


@dataclass
class Line:
    """A point with what was filed there, and how much of that is delivered."""

    agency: Agency
    filed: int = 0
    done: int = 0
    # Filed at this very unit; a community counts what its station and grids took in.
    whole: bool = False


@dataclass
class Volume:
    """The whole table."""

    filed: int = 0
    done: int = 0
    levels: dict[str, Line] = field(default_factory=dict)
    lines: dict[str, list[Line]] = field(default_factory=dict)

    def of(self, level: str) -> tuple[int, int]:
        rows = self.lines.get(level, [])
        return sum(row.filed for row in rows), sum(row.done for row in rows)


def level_of(agency: Agency) -> str:
    if agency.kind in VILLAGE_KINDS:
        return VILLAGE
    return TOWN if agency.kind in TOWN_KINDS else ABOVE


def volume(session: Session, scope: Scope, period: Period) -> Volume:
    """One statement over the index of cases by day; what lies below a community is the community's."""
    # Places are few beside cases: leaving out those of others here lets the database read the index of the period alone.
    rows = session.execute(
        select(Content.place_path, func.count(), func.count().filter(Content.state == "delivered"))
        .where(filed_during(period))
        .group_by(Content.place_path)
    ).all()
    tree = agencies(session)
    found = Volume()
    points: dict[str, Line] = {}
    for path, filed, done in rows:
        here = tree.get(path.strip("/").rpartition("/")[2])
        if here is None or not scope.holds(path):
            continue
        community = _community(tree, path)
        point = community or here
        line = points.setdefault(point.id, Line(point, whole=community is not None))
        line.filed, line.done = line.filed + filed, line.done + done
        found.filed, found.done = found.filed + filed, found.done + done
    for line in sorted(points.values(), key=lambda one: (-one.filed, one.agency.path)):
        found.lines.setdefault(level_of(line.agency), []).append(line)
    return found


def _community(tree: dict[str, Agency], path: str) -> Agency | None:
    for part in path.strip("/").split("/"):
        agency = tree.get(part)
        if agency is not None and agency.kind in ("community", "village"):
            return agency
    return None


@dataclass(frozen=True)
class Way:
    """One way in with its cases, and how many of them staff guided."""

    channel: str
    name: str
    name_en: str
    filed: int
    assisted: int


def by_channel(session: Session, scope: Scope, period: Period) -> list[Way]:
    """渠道: which way the cases of the period came, most used first."""
    rows = session.execute(
        select(Case.channel, func.count(), func.count(Case.assisted_by_id))
        .where(filed_in(scope, period))
        .group_by(Case.channel)
        .order_by(func.count().desc())
    ).all()
    known = catalogue.channels()
    return [
        Way(
            channel,
            known[channel].name if channel in known else channel,
            known[channel].name_en if channel in known else channel,
            filed,
            assisted,
        )
        for channel, filed, assisted in rows
    ]
