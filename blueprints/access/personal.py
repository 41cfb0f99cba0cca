"""One personal value in full, for a reason; and for residents, who has looked at theirs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, make_response, render_template, request, url_for
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
from services import generic, personal, readers


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
    """谁看过、谁办过: for the resident, in plain words, with the reason each reader gave."""
    session, actor = db_session(), current_actor()
    things = readers.own_things(session, actor)
    kind, thing = request.args.get("kind", ""), request.args.get("thing", "")
    kind = kind if kind in (readers.VIEWED, readers.HANDLED) else ""
    thing = thing if any(thing == one.uid for one in things) else ""
    before = request.args.get("before", "")
    told = readers.told(
        session,
        actor,
        kind=kind,
        thing=thing,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
    )
    kept: dict[str, Any] = {"kind": kind or None, "thing": thing or None}
    return render_template(
        "access/readings.html",
        rows=[_row(one) for one in told.events],
        filters=[
            SimpleNamespace(
                label=label,
                url=url_for("access.readings", kind=key or None, thing=thing or None),
                active=key == kind,
                count=None,
            )
            for key, label in (("", _("全部")), (readers.VIEWED, _("谁看过")), (readers.HANDLED, _("谁办过")))
        ],
        things=[(one.uid, f"{present.number_of(one)} {one.title}") for one in things],
        thing=thing,
        kind=kind,
        later=bool(before),
        next_url=url_for("access.readings", **kept, before=told.further) if told.further else None,
        complaint_url=url_for("generic.new", type_id="complaint")
        if "complaint" in library.types and generic.may_start(actor, library.types["complaint"])
        else None,
    )


def _row(one: readers.Event) -> dict[str, object]:
    kind = library.types.get(one.thing.type_id)
    return {
        "kind": one.kind,
        "when": present.moment(one.at),
        "iso": one.at.isoformat(),
        "who": _("%(name)s 代 %(absent)s", name=one.who, absent=one.for_whom) if one.for_whom else one.who,
        "unit": one.unit,
        # The post as the staff card says it usually begins with the office, which stands before it already.
        "post": one.post.removeprefix(one.unit) if one.unit else one.post,
        "what": label_of(one.what),
        "reason": one.reason,
        "type": present.title_of(kind) if kind is not None else "",
        "title": one.thing.title,
        "uid": one.thing.uid,
        "number": one.thing.number,
    }
