"""标准审批流程图: the version in force, what an administrator changes in it, and how long it takes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalogue import projects as shipped
from catalogue.projects import Chart, ChartRow
from models.agency import Agency
from models.base import now
from models.content import Content
from models.project import DROPPED, ProjectChart
from process import access, journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, NotFound

ADMIN = "system_admin"
LONGEST_DAYS, MOST_ROWS = 200, 80


def in_force(session: Session, district: str, key: str) -> Chart:
    """The office's newest version, else the shipped one."""
    if key not in shipped.charts():
        raise NotFound("没有这种项目的标准流程图。")
    last = session.scalar(
        select(ProjectChart)
        .where(ProjectChart.district == district, ProjectChart.key == key)
        .order_by(ProjectChart.number.desc())
        .limit(1)
    )
    return shipped.from_body(key, last.number, last.body) if last is not None else shipped.charts()[key]


def drawn_from(session: Session, content: Content) -> Chart:
    """The version a project's list was drawn from, whatever holds by now; the one in force while there is no list yet."""
    key, _slash, number = str((content.fields or {}).get("chart_version") or "").partition("/")
    if number == "0" and key in shipped.charts():
        return shipped.charts()[key]
    made = session.scalar(
        select(ProjectChart).where(
            ProjectChart.district == content.district,
            ProjectChart.key == key,
            ProjectChart.number == (int(number) if number.isdecimal() else 0),
        )
    )
    return (
        shipped.from_body(key, made.number, made.body)
        if made is not None
        else in_force(session, content.district, key_of(content))
    )


def versions(session: Session, district: str, key: str) -> Sequence[ProjectChart]:
    """What the office has put in force, newest first."""
    return session.scalars(
        select(ProjectChart)
        .where(ProjectChart.district == district, ProjectChart.key == key)
        .order_by(ProjectChart.number.desc())
        .limit(50)
    ).all()


def key_of(content: Content) -> str:
    """Which chart a project goes by."""
    fields = content.fields or {}
    return "renovation" if fields.get("programme") == "renovation" else str(fields.get("funding") or "enterprise")


def keeps(actor: Actor, district: Agency) -> bool:
    """Whether this actor keeps the charts of the district."""
    return actor.holds(ADMIN, district.path)


def district_of(session: Session, actor: Actor) -> Agency | None:
    """The district above this actor's posts, or the first one below them."""
    paths = sorted({held.path for held in actor.held} | ({actor.unit_path} if actor.unit_path else set()))
    above = {path[: i + 1] for path in paths for i, sign in enumerate(path) if sign == "/" and i}
    found = session.scalar(
        select(Agency).where(Agency.kind == "district", Agency.path.in_(sorted(above))).order_by(Agency.path).limit(1)
    )
    if found is not None or not paths:
        return found
    below = select(Agency).where(Agency.kind == "district", access.within(Agency.path, paths[0]))
    return session.scalar(below.order_by(Agency.path).limit(1))


def unit_names(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """Names of the units a chart names."""
    rows = session.execute(select(Agency.id, Agency.name).where(Agency.id.in_([one for one in ids if one])))
    return {agency_id: name for agency_id, name in rows}


# --- How long it takes


@dataclass(frozen=True)
class Span:
    """When a row can begin and end, in working days from the start of its part."""

    begin: int
    end: int


def plan(rows: Sequence[Any]) -> dict[str, Span]:
    """The earliest begin and end of every row when whatever may run side by side does. Dropped rows take no time."""
    spans: dict[str, Span] = {}
    by_key = {row.key: row for row in rows}
    for key in shipped.order(rows) or []:
        row = by_key[key]
        begin = max((spans[before].end for before in row.after if before in spans), default=0)
        spans[key] = Span(begin, begin + (0 if getattr(row, "state", "") == DROPPED else days_of(row)))
    return spans


def days_of(row: Any) -> int:
    """Working days of a chart's row or of a project's."""
    days: int = row.working_days if hasattr(row, "working_days") else row.days
    return days


@dataclass(frozen=True)
class Saving:
    """One after another against side by side, in working days."""

    one_by_one: int
    together: int

    @property
    def percent(self) -> float:
        """How much shorter, in percent of one after another."""
        return round((self.one_by_one - self.together) * 100 / self.one_by_one, 1) if self.one_by_one else 0.0


def saving(rows: Sequence[Any]) -> Saving:
    """What filing side by side saves, by plan."""
    counted = [row for row in rows if getattr(row, "state", "") != DROPPED]
    spans = plan(rows)
    return Saving(sum(days_of(row) for row in counted), max((span.end for span in spans.values()), default=0))


def approving(chart: Chart) -> list[ChartRow]:
    """The rows before the works begin: what the 50 or 100 days are about."""
    late = {stage.id for stage in chart.stages if stage.after_works}
    return [row for row in chart.rows if row.stage not in late]


# --- Changing it


def change_limit(session: Session, actor: Actor, district: Agency, key: str, given: Mapping[str, Any]) -> ProjectChart:
    """The days of this kind of project."""
    chart = in_force(session, district.id, key)
    errors: dict[str, str] = {}
    limit = _days(given.get("limit"), "limit", errors)
    _refuse(errors)
    return _release(session, actor, district, replace(chart, limit=limit), given)


def save_row(
    session: Session, actor: Actor, district: Agency, key: str, row_key: str, given: Mapping[str, Any]
) -> ProjectChart:
    """One row changed, or added where `row_key` is empty; the whole chart is checked before it holds."""
    chart = in_force(session, district.id, key)
    old = next((row for row in chart.rows if row.key == row_key), None)
    if row_key and old is None:
        raise NotFound("流程图里没有这一项，可能刚被去掉。")
    errors: dict[str, str] = {}
    made = _row(session, chart, old, given, errors)
    _refuse(errors)
    if old is None:
        if len(chart.rows) >= MOST_ROWS:
            raise InvalidInput(f"一张流程图最多 {MOST_ROWS} 项。", {"name": f"最多 {MOST_ROWS} 项"})
        rows = (*chart.rows, made)
    else:
        rows = tuple(made if row.key == row_key else row for row in chart.rows)
    return _release(session, actor, district, replace(chart, rows=_sorted(chart, rows)), given)


def remove_row(
    session: Session, actor: Actor, district: Agency, key: str, row_key: str, given: Mapping[str, Any]
) -> ProjectChart:
    """One row taken out; whoever waited for it waits for what it waited for."""
    chart = in_force(session, district.id, key)
    gone = next((row for row in chart.rows if row.key == row_key), None)
    if gone is None:
        raise NotFound("流程图里没有这一项，可能刚被去掉。")
    rows = tuple(
        replace(row, after=tuple(dict.fromkeys(n for k in row.after for n in (gone.after if k == row_key else (k,)))))
        for row in chart.rows
        if row.key != row_key
    )
    if not rows:
        raise InvalidInput("流程图至少要有一项，这是最后一项，不能去掉。")
    return _release(session, actor, district, replace(chart, rows=rows), given)


def make_own(session: Session, actor: Actor, district: Agency, key: str, given: Mapping[str, Any]) -> ProjectChart:
    """Somebody answers for it that the chart is the office's own by now: it is not called an example any more."""
    chart = in_force(session, district.id, key)
    if not chart.illustrative:
        raise NotAvailable("这张流程图已经核实为本单位的，不用再办。")
    if given.get("sure") not in ("y", True, "on"):
        raise InvalidInput("请先逐项核对，再勾选“已逐项核对”。", {"sure": "请核对后勾选"})
    return _release(session, actor, district, replace(chart, illustrative=False), given)


def _sorted(chart: Chart, rows: Sequence[ChartRow]) -> tuple[ChartRow, ...]:
    places = {stage.id: n for n, stage in enumerate(chart.stages)}
    return tuple(sorted(rows, key=lambda row: places[row.stage]))


def _row(
    session: Session, chart: Chart, old: ChartRow | None, given: Mapping[str, Any], errors: dict[str, str]
) -> ChartRow:
    name = _words(given, "name", 60, errors, ask="请填写事项名称")
    stage = str(given.get("stage") or "")
    if stage not in {one.id for one in chart.stages}:
        errors["stage"] = "请选择阶段"
    agency = str(given.get("agency") or "")
    unit = session.get(Agency, agency) if agency else None
    if agency and unit is None:
        errors["agency"] = "没有这个单位"
    department = _words(given, "department", 30, errors) or (unit.name if unit else "")
    if not department and "department" not in errors:
        errors["department"] = "请填写部门，或选择单位"
    after = [str(one) for one in _many(given, "after")]
    keys = {row.key for row in chart.rows} - ({old.key} if old else set())
    if strange := [one for one in after if one not in keys]:
        errors["after"] = f"流程图里没有：{'、'.join(strange)[:60]}"
    materials = [line.strip() for line in _words(given, "materials", 2000, errors).splitlines() if line.strip()]
    if any(len(line) > 60 for line in materials) or len(materials) > 20:
        errors["materials"] = "材料一行一份，每份最多 60 个字，最多 20 份"
    joint = _words(given, "joint", 20, errors)
    return ChartRow(
        old.key if old else _free(chart),
        name,
        department,
        stage,
        _days(given.get("days"), "days", errors),
        agency,
        tuple(after),
        tuple(materials),
        joint,
        given.get("commit") in ("y", True, "on"),
    )


def _free(chart: Chart) -> str:
    used = {row.key for row in chart.rows}
    return next(key for n in range(1, MOST_ROWS + 2) if (key := f"own_{n}") not in used)


def _many(given: Mapping[str, Any], name: str) -> list[Any]:
    getter = getattr(given, "getlist", None)
    value = getter(name) if getter is not None else given.get(name) or []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _days(value: Any, name: str, errors: dict[str, str]) -> int:
    try:
        days = int(str(value or "").strip())
    except ValueError:
        days = 0
    if not 1 <= days <= LONGEST_DAYS:
        errors[name] = f"请填 1 到 {LONGEST_DAYS} 之间的工作日数"
        return 1
    return days


def _words(given: Mapping[str, Any], name: str, limit: int, errors: dict[str, str], *, ask: str = "") -> str:
    try:
        words: str = clean_text(str(given.get(name) or ""), limit)
    except ValueError as problem:
        errors[name] = str(problem)
        return ""
    if not words and ask:
        errors[name] = ask
    return words


def _refuse(errors: Mapping[str, str]) -> None:
    if errors:
        raise InvalidInput(f"流程图还不能保存：{'；'.join(dict.fromkeys(errors.values()))}。", errors)


def _release(session: Session, actor: Actor, district: Agency, chart: Chart, given: Mapping[str, Any]) -> ProjectChart:
    """A new version in force for projects that draw their list from now on; lists already drawn stay."""
    if not keeps(actor, district):
        raise Forbidden("标准流程图由区里的系统管理员维护。")
    errors: dict[str, str] = {}
    change = _words(given, "change", 200, errors, ask="请写明这一版改了什么")
    _refuse(errors)
    if shipped.order(chart.rows) is None:
        raise InvalidInput("这样改，几项会互相等待，谁也办不了。请去掉其中一个“要等”。", {"after": "互相等待"})
    last = in_force(session, district.id, chart.key).number
    seen = str(given.get("number") or "")
    if seen and seen != str(last):
        raise Conflict(f"您看到的是第 {seen} 版，现在已是第 {last} 版。请刷新后再改。")
    total = session.scalar(
        select(func.max(ProjectChart.number)).where(ProjectChart.district == district.id, ProjectChart.key == chart.key)
    )
    made = ProjectChart(
        district=district.id,
        key=chart.key,
        number=(total or 0) + 1,
        body=shipped.as_body(chart),
        change=change,
        released_at=now(),
        released_by_id=actor.person_id,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError as error:
        raise Conflict("流程图刚由同事改过。请刷新看过新的一版后再改。") from error
    journal.record(
        session,
        "project_chart:release",
        actor,
        details={"key": chart.key, "number": made.number, "rows": len(chart.rows)},
    )
    return made
