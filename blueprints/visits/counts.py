"""走访数: what each worker of a grid has done this year, with the lines behind each number. In the order of the grids, never a ranking."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.visits.bp import bp
from models.base import now
from models.delegation import HomeVisit
from process import access, clock
from process.refusals import NotFound
from services import custody, other_ways, visit_counts


@bp.get("/counts")
@login_required
def counts() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    if not visit_counts.scope(actor):
        raise NotFound()
    today = clock.local_day(now())
    year = visit_counts.year_of(request.args.get("year"), today)
    lines = visit_counts.lines(session, actor, year)
    since, until = visit_counts.bounds(year)
    refused = other_ways.counted(session, actor, since, until)
    return render_template(
        "visits/counts.html",
        year=year,
        years=_years(year, today.year, "visits.counts"),
        kinds={key: _(label) for key, label in visit_counts.KINDS.items()},
        counted=visit_counts.COUNTED,
        target=visit_counts.target(session, actor),
        through=round(100 * (today.timetuple().tm_yday if year == today.year else 366) / 366),
        current=year == today.year,
        lines=[
            SimpleNamespace(
                name=line.person.name,
                grid=custody.full_name(line.grid),
                by_kind=line.by_kind,
                total=line.total,
                mine=line.person.id == actor.person_id,
                url=url_for("visits.counts_of", person_id=line.person.id, year=year),
            )
            for line in lines
        ],
        refused=SimpleNamespace(
            base=refused.base,
            total=refused.total,
            by_reason=[
                (_(label), refused.by_reason[reason])
                for reason, label in other_ways.REASONS.items()
                if reason in refused.by_reason
            ],
        ),
    )


def _years(shown: int, last: int, endpoint: str, **more: Any) -> list[Any]:
    return [
        SimpleNamespace(label=str(one), url=url_for(endpoint, year=one, **more), active=one == shown)
        for one in range(last, max(last - 3, visit_counts.FIRST_YEAR - 1), -1)
    ]


@bp.get("/counts/<int:person_id>")
@login_required
def counts_of(person_id: int) -> ResponseReturnValue:
    """The rows behind one number."""
    session, actor = db_session(), current_actor()
    person = visit_counts.person_of(session, actor, person_id)
    today = clock.local_day(now())
    year = visit_counts.year_of(request.args.get("year"), today)
    kind = request.args.get("kind", "")
    rows = visit_counts.behind(session, actor, person_id, year, kind if kind in visit_counts.KINDS else "")
    uids = [row.uid for row in rows if row.uid]
    seen = set(
        session.scalars(access.visible(select(HomeVisit.uid).where(HomeVisit.uid.in_(uids)), actor, HomeVisit))
        if uids
        else ()
    )
    return render_template(
        "visits/counts_of.html",
        person=person.name,
        year=year,
        kinds=[
            SimpleNamespace(
                label=label,
                url=url_for("visits.counts_of", person_id=person_id, year=year, kind=key),
                active=kind == key,
            )
            for key, label in (("", _("全部")), *((k, _(v)) for k, v in visit_counts.KINDS.items()))
        ],
        rows=[
            SimpleNamespace(
                when=present.day(clock.end_of(row.at)),
                kind=_(visit_counts.KINDS[row.kind]),
                grid=custody.full_name(row.grid),
                number=row.number,
                url=url_for("content.show", uid=row.uid) if row.uid in seen else None,
                minutes=row.minutes,
            )
            for row in rows
        ],
    )
