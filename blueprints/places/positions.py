"""地图位置: where communities, grids and points lie on the drawing of a street; typed, or clicked on the drawing."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid.forms import attempt
from blueprints.places.views import KINDS, bp
from models.agency import Agency
from process.refusals import Refusal
from services import positions, street_map, tours

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# The drawing is this wide on the page, whatever the street measures.
WIDE = 720


@bp.route("/<place_id>/positions", methods=["GET", "POST"])
@login_required
def place_positions(place_id: str) -> ResponseReturnValue:
    """All places of a street with their two numbers, and the drawing on which a click sets them."""
    session, actor = db_session(), current_actor()
    street = positions.load(session, actor, place_id)
    if request.method == "GET":
        return _shown(street)
    changed, refusal = attempt(lambda: positions.save(session, actor, street, request.form))
    if refusal is not None or changed is None:
        return _shown(positions.load(session, actor, place_id), refusal), 422
    flash(_("%(n)s 个位置已保存，路线从现在起按它排、按它画。", n=changed), "success")
    return redirect(url_for("places.place_positions", place_id=street.id), 303)


@bp.get("/<place_id>/positions.xlsx")
@login_required
def positions_table(place_id: str) -> ResponseReturnValue:
    """What is entered, as the table that is brought in: mended in Excel, it goes back the same way."""
    session = db_session()
    street = positions.load(session, current_actor(), place_id)
    answer = send_file(
        io.BytesIO(positions.table(session, street)),
        mimetype=XLSX,
        as_attachment=True,
        download_name=f"{street.name}地图位置.xlsx",
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _shown(street: Agency, refusal: Refusal | None = None) -> str:
    session = db_session()
    board, found = tours.map_of(session, street), positions.below(session, street)
    scale = WIDE / board.width
    errors = refusal.errors if refusal else {}
    groups: dict[str, Any] = {}
    for one in found:
        head = one.parent if one.kind not in ("community", "village") and one.parent is not None else one
        head = head if head.kind in ("community", "village") else street
        groups.setdefault(head.id, SimpleNamespace(name=head.name, rows=[], open=False))
        row = _row(one, board, scale, errors)
        groups[head.id].rows.append(row)
        groups[head.id].open |= bool(row.wrong)
    return render_template(
        "places/positions.html",
        street=street,
        groups=list(groups.values()),
        rows=[row for group in groups.values() for row in group.rows],
        entered=sum(street_map.entered(one) is not None for one in found),
        width=round(board.width * scale),
        height=round(board.height * scale),
        metres=f"{1 / scale:.4f}",
        wrong=[{"field": name, "message": said} for name, said in errors.items()],
        problem=refusal.detail if refusal else "",
        back=url_for("places.show", place_id=street.id),
        import_url=url_for("lists.importing"),
        table_url=url_for("places.positions_table", place_id=street.id),
    )


def _row(one: Agency, board: street_map.StreetMap, scale: float, errors: dict[str, str]) -> Any:
    spot, known = board.spot(one), street_map.entered(one)
    names = (f"x_{one.id}", f"y_{one.id}")
    kept = (str(round(known[0])), str(round(known[1]))) if known is not None else ("", "")
    typed = tuple(
        request.form.get(name, "") if request.method == "POST" else value
        for name, value in zip(names, kept, strict=True)
    )
    return SimpleNamespace(
        id=one.id,
        name=one.name,
        kind=_(KINDS.get(one.kind, "")),
        community=one.kind in ("community", "village"),
        x_name=names[0],
        y_name=names[1],
        x=typed[0],
        y=typed[1],
        wrong=[errors[name] for name in names if name in errors],
        px=round(spot.x * scale),
        py=round(spot.y * scale),
        entered=known is not None,
    )
