"""One personal value in full, for a reason; and for residents, who has looked at theirs."""

from __future__ import annotations

from flask import Response, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.access import bp
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import label_of
from models.content import Content
from process import access
from process.library import library
from process.refusals import InvalidInput
from services import personal


@bp.route("/c/<uid>/fields/<name>/full", methods=["GET", "POST"], endpoint="reveal")
@login_required
def reveal(uid: str, name: str) -> ResponseReturnValue:
    """Asks why, writes it down, and shows the value on this one page."""
    content, session, actor = load_or_404(Content, uid, access.VIEW_FULL), db_session(), current_actor()
    found, problem = personal.find(session, content, actor, name), None
    if request.method == "POST":
        try:
            found = personal.reveal(session, content, actor, name, request.form.get("reason", ""))
            return _fresh(
                render_template(
                    "access/reveal.html",
                    content=content,
                    number=present.number_of(content),
                    label=label_of(found.title),
                    value=_words(content, name, found.value),
                    problem=None,
                )
            )
        except InvalidInput as refusal:
            problem = refusal.errors.get("reason", refusal.detail)
    page = render_template(
        "access/reveal.html",
        content=content,
        number=present.number_of(content),
        label=label_of(found.title),
        value=None,
        problem=problem,
    )
    return (page, 422) if problem else page


def _fresh(page: str) -> Response:
    """Shown once: neither the browser nor anything between keeps it."""
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def _words(content: Content, name: str, value: object) -> str:
    """The value as people read it."""
    spec = library.type(content.type).field(name)
    if value is True or value is False:
        return _("是") if value else _("否")
    if value in (None, "", [], {}):
        return ""
    if isinstance(value, list):
        return "；".join(str(one) for one in value)
    options = {oid: label_of(title) for oid, title in spec.options} if spec else {}
    return options.get(str(value), str(value))


@bp.get("/me/readings", endpoint="readings")
@login_required
def readings() -> ResponseReturnValue:
    """谁看过我的信息: for the resident, with the reason each reader gave."""
    rows = [
        {
            "when": present.moment(one.entry.at),
            "iso": one.entry.at.isoformat(),
            "who": one.entry.person.name if one.entry.person else "",
            "unit": one.entry.unit.name if one.entry.unit else "",
            "post": one.entry.person.title if one.entry.person else "",
            "kind": present.title_of(library.types[one.type_id]) if one.type_id in library.types else "",
            "uid": one.uid,
            "number": one.number,
            "field": label_of(one.field) if one.field else "",
            "by_program": (one.entry.details or {}).get("by") == "api",
            "reason": one.entry.comment or "",
        }
        for one in personal.readings(db_session(), current_actor())
    ]
    return render_template("access/readings.html", rows=rows)
