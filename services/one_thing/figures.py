"""一件事成效: bundles, departments and what was spared, each share with its numerator and base."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.agency import Agency
from models.case import Case
from models.one_thing import OneThing, OneThingMember
from services import trips
from services.one_thing import reading
from services.reports.scope import Period, Scope

AT_ONCE = 200


@dataclass
class Sum:
    """Counted over bundles of one theme, or over all."""

    title: str
    bundles: int = 0
    members: int = 0
    closed: int = 0
    refused: int = 0
    papers_single: int = 0
    papers_joint: int = 0
    days_single: int = 0
    days_joint: int = 0
    boxes_single: int = 0
    boxes_joint: int = 0
    once: int = 0
    rated: int = 0
    points: int = 0
    # Whether the shares of papers and days rest on examples of the catalogue.
    example: bool = False
    departments: set[str] = field(default_factory=set)


def total(session: Session, scope: Scope, period: Period) -> tuple[Sum, list[Sum]]:
    """All bundles filed in a period at and below a place, and by theme."""
    rows = session.scalars(
        select(OneThing)
        .join(Agency, Agency.id == OneThing.unit_id)
        .where(OneThing.opened_at >= period.begin, OneThing.opened_at < period.end, scope.within(Agency.path))
        .options(selectinload(OneThing.members).joinedload(OneThingMember.case).joinedload(Case.item))
        .order_by(OneThing.id)
    )
    everything, themes = Sum(""), defaultdict[str, Sum](lambda: Sum(""))
    for some in batched(rows, AT_ONCE):
        counted = trips.of_cases(session, [member.case for bundle in some for member in bundle.members])
        for bundle in some:
            came = trips.Counted(tuple(event for member in bundle.members for event in counted[member.case_id].events))
            themes[bundle.theme].title = bundle.title
            for one in (everything, themes[bundle.theme]):
                _add(one, bundle, came)
    return everything, list(themes.values())


def batched(rows: Iterable[OneThing], size: int) -> Iterator[list[OneThing]]:
    """So many at a time: a year of bundles in few statements, none of them with a list without end."""
    found = iter(rows)
    while some := list(islice(found, size)):
        yield some


def _add(one: Sum, bundle: OneThing, counted: trips.Counted) -> None:
    one.bundles += 1
    one.members += len(bundle.members)
    one.closed += bundle.closed_at is not None
    one.refused += sum(member.case.state in reading.REFUSED for member in bundle.members)
    for name in ("papers", "days", "boxes"):
        for kind in ("single", "joint"):
            key = f"{name}_{kind}"
            setattr(one, key, getattr(one, key) + getattr(bundle, key))
    one.once += bundle.closed_at is not None and counted.trips <= 1 and counted.windows <= 1
    one.example = one.example or reading.is_example(bundle)
    one.rated += bundle.rating is not None
    one.points += bundle.rating or 0
    one.departments |= {member.department for member in bundle.members}
