"""Home and progress: no login, little said, and the same answer whether a number is wrong or not theirs."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from blueprints.context import db_session
from blueprints.errors import problem, wants_json
from blueprints.public import progress as tracks
from blueprints.public.bp import bp
from extensions import limiter
from models.crypto import vault

LONGEST = 60


@bp.get("/")
def home() -> ResponseReturnValue:
    """Four doors for people who come from the street; staff go on to their desk."""
    if current_user.is_authenticated:
        return redirect(url_for("desk.index"), 303)
    return render_template("public/home.html")


def _progress_key() -> str:
    # Some people type their ID number there: what counts the tries must not hold it.
    return vault.fingerprint(f"progress:{tracks.tidy(request.values.get('number', ''))[:LONGEST]}")[:32]


def _missed(response: Response) -> bool:
    return response.status_code == 404


@bp.route("/progress", methods=["GET", "POST"])
@limiter.limit("30/minute")
@limiter.limit(
    "20/hour", key_func=_progress_key, deduct_when=_missed, exempt_when=lambda: not request.values.get("number")
)
def progress() -> ResponseReturnValue:
    """Where a matter is: needs its number and the last four characters of the ID number.

    The page posts them, so that no URL carries them."""
    number, tail = (
        tracks.tidy(request.values.get("number", ""))[:LONGEST],
        tracks.tidy(request.values.get("id_last4", ""))[:LONGEST],
    )
    asked = bool(number or tail) or request.method == "POST"
    errors = (
        {}
        if not asked
        else {
            name: sentence
            for name, value, sentence in (
                ("number", number, _("请填写办件编号，在受理通知书右上角，例如 DX-2026-000123。")),
                ("id_last4", tail if len(tail) == 4 else "", _("请填写申请人身份证号码的最后四位，末位是 X 的填 X。")),
            )
            if not value
        }
    )
    if wants_json():
        if not asked or errors:
            wanted = errors or {"number": _("请给出办件编号。"), "id_last4": _("请给出申请人身份证号码的最后四位。")}
            return _varied(problem(422, "invalid-input", _("填写有误"), "".join(wanted.values()), wanted))
        found = tracks.find(db_session(), number, tail)
        return _varied(
            problem(404, "not-found", _("没有查到"), _not_found()) if found is None else jsonify(tracks.as_json(found))
        )
    found = tracks.find(db_session(), number, tail) if asked and not errors else None
    status = 422 if errors else 404 if asked and found is None else 200
    page: dict[str, Any] = {
        "number": number,
        "tail": tail,
        "errors": errors,
        "found": found,
        "missed": _not_found() if status == 404 else "",
    }
    return _varied(make_response(render_template("public/progress.html", **page), status))


def _not_found() -> str:
    return _("没有查到。编号和身份证后四位要对得上才能看，请对照受理通知书核对；还查不到的，请打电话问受理的窗口。")


def _varied(response: Response) -> Response:
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return response
