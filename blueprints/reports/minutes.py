"""办证时间: how many minutes lie between filing and issue, by item and by station, beside what the source printed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.reports.bp import bp
from blueprints.reports.trips import file_of
from blueprints.reports.words import Figure, over, percent, picked, share
from process.refusals import InvalidInput, Refusal
from services.reports import minutes as figures
from services.reports import scope as scopes
from services.reports import spread


@bp.get("/minutes")
@login_required
def minutes_report() -> ResponseReturnValue:
    """Mean, median and nine tenths with their base; a case that is still open has no time yet."""
    return _page(request.args.get("item", "")[:80])


def _page(item: str, refusal: Refusal | None = None) -> str:
    session = db_session()
    chosen = picked(request.values.get("period", ""), request.values.get("place", ""))
    found = figures.minutes(session, chosen.scope, chosen.period, item)
    whole, by_item, by_station = spread.spreads(session, chosen.scope, chosen.period, item)
    before = spread.baselines(session, chosen.scope)
    named = next((one for one in found.items if one.code == item), None)
    total = found.total
    tiles = [
        Figure(
            _("平均办证时间"),
            length(total.mean),
            _("按 %(n)s 件已发证的算", n=total.base) if total.base else _("还没有可算的件"),
            _("来源：%(before)s 分钟减到 %(after)s 分钟", before=named.before, after=named.after)
            if named is not None and named.before is not None
            else "",
        ),
        Figure(
            _("一半的件在这以内"),
            length(whole.median if whole.base else None),
            _("九成的件在 %(n)s 以内", n=length(whole.ninety)) if whole.base else _("还没有可算的件"),
        ),
        Figure(
            _("%(n)s 分钟内办好", n=figures.ON_THE_SPOT),
            percent(total.quick, total.base),
            over(total.quick, total.base),
        ),
    ]
    own = before.get(item)
    if own is not None and whole.base:
        tiles.append(
            Figure(
                _("比以前"),
                _change(own.before_minutes, whole.median),
                _("以前 %(before)s 分钟，现在中位数 %(now)s 分钟", before=own.before_minutes, now=whole.median),
                own.words,
            )
        )
    return render_template(
        "reports/minutes.html",
        picked=chosen,
        figures=tiles,
        items=[_row(one, chosen, by_item.get(one.code), before.get(one.code)) for one in found.items],
        stations=[_row(one, chosen, by_station.get(one.code)) for one in found.stations],
        item=named.title if named is not None else "",
        code=item,
        choices=[(one.code, one.title) for one in spread.items(session)],
        all_url=chosen.link("reports.minutes_report"),
        excel_url=chosen.link("reports.minutes_excel"),
        here="reports.minutes_report",
        may_set=chosen.scope.place is not None or len(chosen.scope.paths) == 1,
        typed=request.form,
        errors=[{"field": name, "message": text} for name, text in refusal.errors.items()] if refusal else [],
        wrong=refusal.errors if refusal else {},
    )


def _row(one: figures.Spent, chosen: Any, own: Any = None, before: Any = None) -> Any:
    return SimpleNamespace(
        title=one.title,
        base=one.base,
        mean=length(one.mean),
        median=length(own.median) if own is not None and own.base else "—",
        ninety=length(own.ninety) if own is not None and own.base else "—",
        quick=share(one.quick, one.base),
        source=f"{one.before} → {one.after}" if one.before is not None else "",
        baseline=_(
            "%(before)s → %(now)s（%(change)s）",
            before=before.before_minutes,
            now=own.median,
            change=_change(before.before_minutes, own.median),
        )
        if before is not None and own is not None and own.base
        else "",
        target=(_("已到") if own.median <= before.target_minutes else _("未到"))
        if before is not None and before.target_minutes and own is not None and own.base
        else "",
        url=chosen.link("reports.minutes_report", item=one.code),
    )


def _change(before: int, after: float) -> str:
    """-80.0%: how much shorter, from the office's own earlier figure."""
    return f"{(after - before) / before * 100:+.1f}%".replace("-", "−")


@bp.post("/minutes/baseline")
@login_required
def minutes_baseline() -> ResponseReturnValue:
    """What the office measured before, to compare with; an empty box takes it away."""
    session, actor = db_session(), current_actor()
    chosen = picked(request.form.get("period", ""), request.form.get("place", ""))
    place = chosen.scope.place
    if place is None and len(chosen.scope.paths) == 1:
        place = next((one for one in scopes.agencies(session).values() if one.path == chosen.scope.paths[0]), None)
    try:
        if place is None:
            raise InvalidInput(_("请先在上面选是哪个单位的数。"), {"place": _("请选范围")})
        with session.begin_nested():
            made = spread.set_baseline(session, actor, place, request.form)
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        return _page(request.form.get("item", "")[:80], refusal), 422
    flash(_("对照的数已记下。") if made is not None else _("对照的数已取消。"), "success")
    return redirect(chosen.link("reports.minutes_report", item=request.form.get("item", "")[:80] or None), 303)


@bp.get("/minutes.xlsx")
@login_required
def minutes_excel() -> ResponseReturnValue:
    """Items and stations with mean, median and nine tenths in minutes."""
    session = db_session()
    chosen = picked(request.args.get("period", ""), request.args.get("place", ""))
    found = figures.minutes(session, chosen.scope, chosen.period)
    _whole, by_item, by_station = spread.spreads(session, chosen.scope, chosen.period)
    before = spread.baselines(session, chosen.scope)
    rows = []
    for group, lines, own in (("事项", found.items, by_item), ("站点", found.stations, by_station)):
        for one in lines:
            line, earlier = own.get(one.code), before.get(one.code) if group == "事项" else None
            rows.append(
                (
                    group,
                    one.title,
                    one.base,
                    f"{one.mean:.1f}" if one.mean is not None else "",
                    line.median if line else "",
                    line.ninety if line else "",
                    f"{one.quick}/{one.base}",
                    earlier.before_minutes if earlier else "",
                    (earlier.target_minutes or "") if earlier else "",
                )
            )
    headings = (
        "分组",
        "名称",
        "已发证",
        "平均（分钟）",
        "中位数（分钟）",
        "九成以内（分钟）",
        "5 分钟内",
        "以前（分钟）",
        "目标（分钟）",
    )
    return file_of(_("办证时间"), chosen, headings, rows)


def length(value: float | None) -> str:
    """4.5 分钟, 3.2 小时, 2.1 天: one figure people can picture."""
    if value is None:
        return "—"
    if value < 90:
        return _("%(n)s 分钟", n=f"{value:.1f}")
    if value < 48 * 60:
        return _("%(n)s 小时", n=f"{value / 60:.1f}")
    return _("%(n)s 天", n=f"{value / 1440:.1f}")
