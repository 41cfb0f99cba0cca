"""Signing in and out."""

from __future__ import annotations

import re

from flask import Blueprint, current_app, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required, login_user, logout_user

from blueprints.auth.forms import SignInForm
from blueprints.context import current_actor
from blueprints.sessions import load_identity
from catalogue import loader as catalogue
from extensions import csrf, db
from process.refusals import InvalidInput, TooMany
from services import accounts
from services.field import devices

bp = Blueprint("auth", __name__)


@bp.get("/sign-in")
def sign_in_page() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(url_for("desk.index"), 303)
    return _page(SignInForm(next=request.args.get("next", "")), None), 200


@bp.post("/sign-in", endpoint="sign_in")
def sign_in() -> ResponseReturnValue:
    form = SignInForm()
    if not form.validate_on_submit():
        return _page(form, None), 422
    try:
        token, _person = accounts.sign_in(
            db.session(),
            form.username.data or "",
            form.password.data or "",
            address=request.remote_addr or "",
            device=request.user_agent.string,
        )
    except (InvalidInput, TooMany) as refusal:
        # The failure counts although nobody signed in: this commit is the back-off.
        db.session.commit()
        response = make_response(_page(form, refusal.detail), refusal.status)
        if isinstance(refusal, TooMany):
            response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    session.clear()
    db.session.flush()
    identity = load_identity(token)
    login_user(identity, force=True)
    return redirect(_safe(form.next.data) or url_for("desk.index"), 303)


@bp.post("/sign-out")
@login_required
def sign_out() -> ResponseReturnValue:
    accounts.sign_out(db.session(), current_user.token)
    field = request.cookies.get("field_device")
    if field:
        devices.leave(db.session(), current_actor(), field)
    logout_user()
    session.clear()
    if field:
        # What waits on this phone to be handed in lies sealed in its storage; the page that follows takes away the key alone.
        response = make_response(redirect(url_for("field.left"), 303))
        response.headers["Clear-Site-Data"] = '"cache"'
        response.delete_cookie("field_device")
        return response
    response = make_response(redirect(url_for("auth.sign_in_page"), 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.post("/locale/<any(zh_Hans_CN, en):code>")
# No token: the worst a stranger can do is another language, and public pages stay free of sessions.
@csrf.exempt
def choose_locale(code: str) -> ResponseReturnValue:
    """The language of this browser, whoever sits at it."""
    response = make_response(redirect(_safe(request.form.get("back")) or url_for("desk.index"), 303))
    response.set_cookie(
        "locale",
        code,
        max_age=365 * 86400,
        samesite="Lax",
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response


def _page(form: SignInForm, problem: str | None) -> str:
    demo = (
        [{"username": a.username, "label": a.title} for a in catalogue.demo_accounts().values()]
        if current_app.config["DAIBAN_DEMO"]
        else None
    )
    return render_template("auth/login.html", form=form, problem=problem, demo_accounts=demo)


def _safe(target: str | None) -> str | None:
    """Only paths of this site: an open redirect is a gift to phishers."""
    # Browsers drop tabs and line ends and read a backslash as a slash: «/<tab>/elsewhere» would leave the house.
    if target and re.match(r"/(?![/\\])", target) and not re.search(r"[\x00-\x20\x7f\\]", target):
        return target
    return None
