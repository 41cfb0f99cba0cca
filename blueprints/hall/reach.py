"""30分钟办事圈: minutes from each community, and what cannot be done within them."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.hall.bp import bp
from models.agency import Agency
from process.refusals import InvalidInput, NotFound
from services import case_routing, grid_rights, opening, places, reach


@bp.get("/reach")
@login_required
def reach_report() -> ResponseReturnValue:
    """For each community of the street what is out of reach, with the base it is counted of."""
    session, actor = db_session(), current_actor()
    street = places.street_of_actor(session, actor)
    if street is None or not grid_rights.works_in_office(actor):
        raise NotFound()
    within, wrong = reach.CIRCLE, ""
    if request.args.get("within"):
        try:
            within = grid_rights.number(request.args["within"], 1, reach.MOST_MINUTES, "within", _("分钟数"))
        except InvalidInput as refusal:
            wrong = refusal.detail
    known = reach.points(session, street)

    def measured(line: reach.Line) -> list[tuple[Agency, int]]:
        """The points whose minutes are known, the nearest first."""
        found = [(point, line.minutes[point.id]) for point in known if line.minutes.get(point.id) is not None]
        return sorted(found, key=lambda pair: pair[1])

    return render_template(
        "hall/reach.html",
        street=street,
        within=within,
        typed=request.args.get("within", str(within)),
        wrong=wrong,
        rows=[
            SimpleNamespace(
                community=line.community,
                own=line.minutes.get(line.community.id),
                near=[pair for pair in measured(line) if pair[1] <= within],
                far=[pair for pair in measured(line) if pair[1] > within],
                known=line.known,
                beyond=reach.names(line.beyond),
                base=line.base,
                edit=url_for("hall.reach_minutes", place_id=line.community.id)
                if opening.may_keep(actor, line.community)
                else None,
            )
            for line in reach.report(session, actor, street, within)
        ],
    )


@bp.route("/<place_id>/minutes", methods=["GET", "POST"])
@login_required
def reach_minutes(place_id: str) -> ResponseReturnValue:
    """What was measured from one community."""
    session, actor, refusal = db_session(), current_actor(), None
    community = session.get(Agency, place_id)
    if community is None or community.kind not in reach.NEAR or not opening.may_keep(actor, community):
        raise NotFound()
    street = case_routing.above(community, "street", "town")
    if street is None:
        raise NotFound()
    if request.method == "POST":
        count, refusal = forms.attempt(lambda: reach.set_minutes(session, actor, community, request.form))
        if refusal is None:
            flash(_("已保存，改了 %(n)s 处。", n=count or 0), "success")
            return redirect(url_for("hall.reach_report"), 303)
    line = next((one for one in reach.report(session, actor, street) if one.community.id == community.id), None)
    minutes = line.minutes if line else {}
    boxes = [
        Box(
            f"to_{point.id}",
            _("到%(name)s要几分钟", name=point.name),
            "number",
            minutes.get(point.id, ""),
            required=False,
            cls="field--short",
            attrs={"min": 1, "max": reach.MOST_MINUTES, "inputmode": "numeric"},
        )
        for point in [community, *reach.points(session, street)]
    ]
    back = url_for("hall.reach_report")
    return forms.page(
        _("%(name)s到各点要几分钟", name=community.name),
        boxes,
        submit=_("保存"),
        back=back,
        crumbs=[(_("30分钟办事圈"), back)],
        refusal=refusal,
        intro=_("按平时怎么去就怎么量，不知道的留空；空的不算在圈里。"),
    )
