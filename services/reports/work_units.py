"""单位网上业务: of the units registered here, how many use it, and which functions."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.case import Case
from models.work_unit import WorkUnit, WorkUnitFiling
from services import work_units
from services.reports.scope import Period, Scope


@dataclass(frozen=True)
class Line:
    """One function: how many units filed it, and how many cases."""

    code: str
    title: str
    hall: str
    units: int
    cases: int


@dataclass(frozen=True)
class Report:
    """Units registered by the end of the period, those that filed something in it, and each function."""

    registered: int
    using: int
    cases: int
    lines: tuple[Line, ...]


def use(session: Session, scope: Scope, period: Period) -> Report:
    """Counts what was filed in the period in the name of a unit; a draft is nobody's use yet."""
    registered = session.scalar(
        select(func.count())
        .select_from(WorkUnit)
        .where(
            WorkUnit.registered_at < period.end,
            or_(WorkUnit.closed_at.is_(None), WorkUnit.closed_at >= period.begin),
            scope.within(WorkUnit.place_path),
        )
    )
    filed = (
        select(WorkUnitFiling.unit_id, Case.item_id, WorkUnitFiling.case_id)
        .join(Case, Case.id == WorkUnitFiling.case_id)
        .join(WorkUnit, WorkUnit.id == WorkUnitFiling.unit_id)
        .where(Case.filed_at >= period.begin, Case.filed_at < period.end, scope.within(WorkUnit.place_path))
        .subquery()
    )
    using, cases = session.execute(
        select(func.count(func.distinct(filed.c.unit_id)), func.count(filed.c.case_id))
    ).one()
    by_item = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(filed.c.item_id, func.count(func.distinct(filed.c.unit_id)), func.count(filed.c.case_id)).group_by(
                filed.c.item_id
            )
        )
    }
    lines = [
        Line(one.code, one.item.title, one.hall, *by_item.get(one.item.id, (0, 0)))
        for one in work_units.functions(session)
    ]
    return Report(registered or 0, using, cases, tuple(sorted(lines, key=lambda line: (-line.units, -line.cases))))
