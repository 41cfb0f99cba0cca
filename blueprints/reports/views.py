"""统计: what the sources report, counted from this office's own cases, each share with its base and a way to the list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required

from blueprints import present
from blueprints.catalogue.offers import english, name_of
from blueprints.context import current_actor, db_session
from blueprints.reports.bp import bp
from blueprints.reports.words import Figure, Picked, mean_base, mean_text, over, percent, picked, share
from catalogue import loader as catalogue
from catalogue.levels import levels as shipped
from models.case import Case
from process import pages
from process.library import library
from process.refusals import InvalidInput
from services.reports import levels, listing, volume

PAGE = 50
PAGES = (
    ("reports.volume_report", _l("办件量"), _l("半年、全年、每月，按层级、办理点和渠道")),
    ("reports.home_report", _l("小事不出社区"), _l("在居民所在社区、街道办结的件，各占多少")),
    ("reports.authority_report", _l("授权办理"), _l("各部门授权后由审批办等决定的件，占多少")),
    ("reports.powers_report", _l("同权事项"), _l("街道按市（区）权限决定的事项，能否全程办结，平均几天")),
    ("reports.pilot_report", _l("试点对照"), _l("试点社区和其他社区：次数、时间、办结")),
    ("reports.trips_report", _l("最多跑一次"), _l("跑一次、一次不跑的件各占多少，按事项、批次和站点")),
    ("reports.minutes_report", _l("办证时间"), _l("从申报到发证用了多少分钟，按事项、按站点")),
    ("reports.units_report", _l("单位网上业务"), _l("登记的单位有多少在网上办，各项业务各有多少")),
    ("reports.lights", _l("红黄绿灯"), _l("在办的件按剩余工作日分三色")),
)


def _picked() -> Picked:
    return picked(request.args.get("period", ""), request.args.get("place", ""))


def reference(name: str) -> dict[str, Any]:
    return dict(shipped().reference[name])


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    """Every report with what it answers, and the most asked figures of this half-year."""
    chosen = _picked()
    session = db_session()
    counted = volume.volume(session, chosen.scope, chosen.period)
    home = levels.at_home(session, chosen.scope, chosen.period).total
    figures = [
        Figure(
            _("办件量"),
            str(counted.filed),
            _("其中已送达 %(share)s", share=share(counted.done, counted.filed)),
            url=chosen.link("reports.volume_report"),
        ),
        *_kept_near(home, chosen.link("reports.home_report")),
    ]
    links = [SimpleNamespace(title=str(t), text=str(x), url=chosen.link(e)) for e, t, x in PAGES]
    return render_template("reports/index.html", picked=chosen, figures=figures, links=links, here="reports.index")


def _kept_near(home: levels.Home, url: str | None = None) -> list[Figure]:
    """不出社区 and 不出街道: how much was done in the resident's own community, and in its street at the furthest."""
    shares = ((_("不出社区"), home.community), (_("不出街道"), home.community + home.street))
    return [Figure(name, percent(part, home.base), over(part, home.base), url=url) for name, part in shares]


@bp.get("/volume")
@login_required
def volume_report() -> ResponseReturnValue:
    """办件量: by level and point, every number a link to its list."""
    chosen, session = _picked(), db_session()
    counted = volume.volume(session, chosen.scope, chosen.period)
    said = reference("volume")
    names = {volume.TOWN: _("镇街级"), volume.VILLAGE: _("村社级"), volume.ABOVE: _("区、市和部门")}
    groups = []
    for level, title in names.items():
        filed, done = counted.of(level)
        groups.append(
            SimpleNamespace(
                title=title,
                filed=filed,
                done=done,
                source=said.get(level),
                lines=[
                    SimpleNamespace(
                        name=line.agency.name,
                        whole=line.whole,
                        filed=line.filed,
                        done=line.done,
                        url=_cases(chosen, line, ""),
                        done_url=_cases(chosen, line, "delivered"),
                    )
                    for line in counted.lines.get(level, [])
                ],
            )
        )
    figures = [
        Figure(
            group.title,
            str(group.filed),
            _("占 %(share)s", share=share(group.filed, counted.filed)),
            _("来源（%(region)s，%(period)s）：%(n)s 件", region=said["region"], period=said["period"], n=group.source)
            if group.source
            else "",
        )
        for group in groups
    ]
    ways = [
        SimpleNamespace(name=way.name_en if english() else way.name, filed=way.filed, assisted=way.assisted)
        for way in volume.by_channel(session, chosen.scope, chosen.period)
    ]
    return render_template(
        "reports/volume.html",
        picked=chosen,
        figures=figures,
        groups=groups,
        total=counted,
        ways=ways,
        share=share,
        here="reports.volume_report",
    )


def _cases(chosen: Picked, line: volume.Line, state: str) -> str:
    return chosen.link("reports.cases", place=line.agency.id, exact=None if line.whole else "1", state=state or None)


@bp.get("/cases")
@login_required
def cases() -> ResponseReturnValue:
    """The cases behind a number, masked as everywhere; who may not see them gets the number and no list."""
    chosen, session, actor = _picked(), db_session(), current_actor()
    if chosen.scope.place is None:
        # The list is always of one unit: without one, the table where units are chosen.
        return redirect(chosen.link("reports.volume_report"), 303)
    state = request.args.get("state", "")
    state = state if state in library.workflows["case"].states else ""
    exact = bool(request.args.get("exact"))
    after = request.args.get("after", "")
    rows, more = listing.behind(
        session,
        actor,
        chosen.scope.place,
        chosen.period,
        state=state,
        exact=exact,
        after=after,
        limit=PAGE,
        options=present.list_options(Case),
    )
    return render_template(
        "reports/cases.html",
        picked=chosen,
        place=chosen.scope.place,
        state=present.title_of(library.workflows["case"].states[state]) if state else "",
        rows=[present.row(session, case, actor) for case in rows],
        total=listing.number(session, chosen.scope.place, chosen.period, state=state, exact=exact),
        next_url=chosen.link("reports.cases", state=state or None, exact="1" if exact else None, after=more)
        if more
        else None,
        back_url=chosen.link("reports.volume_report", place=None),
    )


@bp.get("/home")
@login_required
def home_report() -> ResponseReturnValue:
    """小事不出社区，大事不出街道: where people's cases were filed and decided."""
    chosen, session = _picked(), db_session()
    homes = levels.at_home(session, chosen.scope, chosen.period)
    total = homes.total
    counted = levels.as_catalogued(session)
    said, devolved = reference("levels"), reference("devolved")
    terms = {term.id: name_of(term) for term in catalogue.schemes().levels}
    figures = [
        *_kept_near(total),
        Figure(_("要去街道以上"), percent(total.beyond, total.base), over(total.beyond, total.base)),
    ]
    catalogued = [
        Figure(
            _("社区直接办"),
            str(counted.direct),
            over(counted.direct, counted.total),
            _("来源：%(n)s 项", n=said["direct"]),
        ),
        Figure(
            _("社区代办"),
            str(counted.total - counted.direct),
            over(counted.total - counted.direct, counted.total),
            _("来源：%(n)s 项", n=said["delegated"]),
        ),
        Figure(
            _("部门的事项"),
            str(sum(counted.departments.values())),
            _("%(n)s 个部门", n=len(counted.departments)),
            _("来源（%(region)s）：%(n)s 个部门", region=devolved["region"], n=devolved["departments"]),
        ),
        Figure(
            _("公用事业公司的事项"),
            str(sum(counted.companies.values())),
            _("%(n)s 家公司", n=len(counted.companies)),
            _(
                "来源（%(region)s）：%(n)s 家公司，共下放 %(items)s 项",
                region=devolved["region"],
                n=devolved["companies"],
                items=devolved["items"],
            ),
        ),
    ]
    return render_template(
        "reports/home.html",
        picked=chosen,
        figures=figures,
        homes=homes,
        share=share,
        catalogued=catalogued,
        decide=[(terms.get(level, _("未公布")), n) for level, n in counted.decide.items()],
        counted=counted,
        here="reports.home_report",
    )


@bp.get("/authority")
@login_required
def authority_report() -> ResponseReturnValue:
    """Of the decisions on departments' items, how many were taken under their authority."""
    chosen, session = _picked(), db_session()
    rows = levels.under_authority(session, chosen.scope, chosen.period)
    said = reference("authority")
    base, granted = sum(r.base for r in rows), sum(r.granted for r in rows)
    items, covered = sum(r.items for r in rows), sum(r.items_granted for r in rows)
    giving = sum(bool(r.items_granted) for r in rows)
    figures = [
        Figure(
            _("按授权决定的件"),
            percent(granted, base),
            over(granted, base),
            _("来源（%(region)s）：%(share)s", region=said["region"], share=said["share"]),
        ),
        Figure(_("授权的事项"), percent(covered, items), over(covered, items)),
        Figure(
            _("授权的部门"),
            str(giving),
            over(giving, len(rows)),
            _("来源：%(n)s 个，列出名称的有%(names)s", n=said["departments"], names="、".join(said["named"])),
        ),
    ]
    return render_template(
        "reports/authority.html",
        picked=chosen,
        figures=figures,
        rows=rows,
        share=share,
        here="reports.authority_report",
    )


@bp.get("/powers")
@login_required
def powers_report() -> ResponseReturnValue:
    """同权: items, how many can be done to the end, and the mean time."""
    chosen, session = _picked(), db_session()
    rows = levels.powers(session, chosen.scope, chosen.period)
    said = reference("powers")
    items, completable = sum(len(r.items) for r in rows), sum(r.completable for r in rows)
    mean = levels.sum_of([r.mean for r in rows])
    figures = [
        Figure(
            _("同权事项"),
            str(items),
            _("%(n)s 个街道（镇）", n=len(rows)),
            _(
                "来源（%(region)s）：%(n)s 项，先行同权五类 %(pilot)s 项",
                region=said["region"],
                n=said["items"],
                pilot=said["pilot_items"],
            ),
        ),
        Figure(
            _("可全程办结"),
            percent(completable, items),
            over(completable, items),
            _("来源：%(share)s", share=said["completable"]),
        ),
        Figure(
            _("平均办理时间"),
            mean_text(mean),
            mean_base(mean),
            _("来源：%(n)s 个工作日", n=said["days"]),
        ),
    ]
    return render_template(
        "reports/powers.html",
        picked=chosen,
        figures=figures,
        rows=[SimpleNamespace(row=r, mean=mean_text(r.mean), base=mean_base(r.mean)) for r in rows],
        share=share,
        here="reports.powers_report",
    )


@bp.get("/pilot")
@login_required
def pilot_report() -> ResponseReturnValue:
    """试点对照: each item on trial, pilot communities beside the others."""
    chosen, session = _picked(), db_session()
    found = []
    for trial in levels.trials(session, chosen.scope, chosen.period):
        sides = []
        for title, side in ((_("试点社区"), trial.pilot), (_("其他社区和窗口"), trial.others)):
            sides.append(
                SimpleNamespace(
                    title=title,
                    communities=side.communities,
                    filed=side.filed,
                    delivered=share(side.delivered, side.filed),
                    once=share(side.once, side.delivered),
                    zero=share(side.zero, side.delivered),
                    mean=mean_text(side.mean),
                    base=mean_base(side.mean),
                )
            )
        record = catalogue.items().get(trial.item.code)
        found.append(
            SimpleNamespace(
                name=name_of(record) if record else trial.item.title,
                code=trial.item.code,
                places="、".join(place.name for place in trial.places),
                sides=sides,
            )
        )
    return render_template(
        "reports/pilot.html", picked=chosen, trials=found, said=reference("pilot"), here="reports.pilot_report"
    )


def mark(text: str, order: str) -> pages.Key | None:
    """A mark from a link of ours; anything else begins at the start."""
    try:
        return pages.read(text, order) if text else None
    except InvalidInput:
        return None
