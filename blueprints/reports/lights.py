"""红黄绿灯 as a page, for everybody who works on cases or watches over them."""

from __future__ import annotations

from types import SimpleNamespace

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.navigation import CASEWORK, WATCHING
from blueprints.reports.bp import bp
from blueprints.reports.views import PAGE, mark
from models.agency import Agency
from models.case import Case
from process import pages
from process.refusals import Forbidden
from process.relations import HEAD
from services.reports import lights as lamps
from services.reports import scope as scopes

WORDS = {
    lamps.RED: (_l("红灯"), _l("已超期或今天到期")),
    lamps.YELLOW: (_l("黄灯"), _l("还剩 1–2 个工作日")),
    lamps.GREEN: (_l("绿灯"), _l("还剩 3 个工作日以上")),
    lamps.GREY: (_l("没有期限"), _l("还没有算出期限")),
}
LOOKERS = frozenset(CASEWORK | WATCHING | {"grid_leader", HEAD})
TONES = {lamps.RED: "late", lamps.YELLOW: "needs", lamps.GREEN: "done", lamps.GREY: "waiting"}


def _lamp(colour: str) -> tuple[str, str]:
    return str(WORDS[colour][0]), TONES[colour]


@bp.get("/lights")
@login_required
def lights() -> ResponseReturnValue:
    """Open cases by colour with counts and their base; the most urgent first."""
    session, actor, today = db_session(), current_actor(), scopes.today()
    if actor.roles.isdisjoint(LOOKERS):
        raise Forbidden(_("红黄绿灯由办件的单位看。您的办件在“办件”里，每件都写着期限。"))
    chosen = request.args.get("light", "")
    chosen = chosen if chosen in WORDS else ""
    offered = lamps.places(session, actor)
    place: Agency | None = next((one for one in offered if one.id == request.args.get("place", "")), None)
    counts = lamps.counts(session, actor, today, place)
    base, edge = sum(counts.values()), lamps.borders(session, today)
    rows, after = lamps.page(
        session,
        actor,
        chosen,
        today,
        place=place,
        after=mark(request.args.get("after", ""), pages.DEADLINE),
        limit=PAGE,
        options=present.list_options(Case),
    )

    def link(**values: str | None) -> str:
        kept = {"light": chosen or None, "place": place.id if place else None}
        return url_for("reports.lights", **{**kept, **values})

    return render_template(
        "reports/lights.html",
        lamps=[
            SimpleNamespace(
                id=key,
                title=title,
                text=text,
                tone=TONES[key],
                count=counts[key],
                url=link(light=key),
                active=key == chosen,
            )
            for key, (title, text) in WORDS.items()
        ],
        base=base,
        all_url=link(light=None),
        chosen=chosen,
        units=[(one.id, one.name) for one in offered],
        place=place.id if place else "",
        rows=[(present.row(session, case, actor), _lamp(lamps.colour_of(case.deadline, edge))) for case in rows],
        next_url=link(after=pages.write(pages.DEADLINE, after)) if after else None,
    )
