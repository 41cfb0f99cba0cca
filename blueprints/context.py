"""What every view may ask: who acts, in which session, and whether a thing is theirs to see."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any, TypeVar

from flask import Flask, current_app, g, request, url_for
from flask_babel import get_locale, gettext
from flask_login import current_user
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, joinedload

from blueprints.navigation import navigation
from extensions import db
from models.content import Content
from models.person import Person
from process import access
from process.access import NOBODY, Actor
from process.refusals import NotFound
from services import actions, unprintable

T = TypeVar("T", bound=Content)


def current_actor() -> Actor:
    return current_user.actor if current_user.is_authenticated else NOBODY


def db_session() -> Session:
    return db.session()


@cache
def _by_uid(model: type[Content]) -> Select[Any]:
    """Built once for each kind of thing; second places and people drawn in decide who sees it, so they come along."""
    return (
        select(model).where(model.uid == bindparam("uid")).options(joinedload(model.places), joinedload(model.people))
    )


def for_whom() -> Person | None:
    """The absent colleague in whose name this step is taken, where the form or the address says so."""
    return actions.substitute(db_session(), request.values.get("on_behalf_of", "").strip()[:60] or None)


def load_or_404(model: type[T], uid: str, permission: str = access.VIEW) -> T:
    """The thing, if this actor may see it. Not there and not yours answer alike."""
    # `may` is the same policy as `visible`; for one thing it costs a comparison of sets, not a condition with sub-queries.
    actor = current_actor()
    found = db.session.scalars(_by_uid(model), {"uid": uid}).unique().first()
    if found is None or not access.may(actor, access.VIEW, found):
        raise NotFound()
    if permission != access.VIEW and not access.may(actor, permission, found):
        raise NotFound()
    return found


def load_for_step(model: type[T], uid: str, transition: str) -> T:
    """As `load_or_404`, but what a colleague took this very moment is still found, so that the engine can say who and when."""
    try:
        return load_or_404(model, uid)
    except NotFound:
        taken = actions.just_taken(db.session(), current_actor(), uid, transition)
        if not isinstance(taken, model):
            raise
        return taken


def locale() -> str:
    """The language of this page: chosen at this browser, else the person's, else what the browser asks for."""
    # A page that must not ask the database (health, database away) must not ask who is there either.
    asks = not g.get("no_page_context")
    chosen = request.cookies.get("locale") or (current_user.locale if asks and current_user.is_authenticated else "")
    if chosen in ("zh_Hans_CN", "en"):
        return chosen
    return request.accept_languages.best_match(["zh", "en"], "zh").replace("zh", "zh_Hans_CN")


def language() -> str:
    """The locale of an answer of the API, which is only a word there: Flask-Babel would read a whole locale for it."""
    return "en" if locale() == "en" else "zh_Hans_CN"


def once_token() -> str:
    """A fresh key for each form on the page: pressing its button twice is one request."""
    return secrets.token_urlsafe(12)


def init_app(app: Flask) -> None:
    app.context_processor(_page_context)
    # Macros are imported without the page's context, and every form they draw needs its key.
    app.jinja_env.globals["once_token"] = once_token
    app.jinja_env.globals["unprintable"] = unprintable.wanting


def _page_context() -> dict[str, Any]:
    context: dict[str, Any] = {
        "once_token": once_token,
        "page_language": "en" if str(get_locale()) == "en" else "zh-CN",
    }
    if request.blueprint == "api" or g.get("no_page_context"):
        return context
    actor = current_actor()
    if actor.person_id is None:
        return {**context, "agency_name": gettext("东新街道"), "navigation": list}
    return {
        **context,
        "navigation": lambda: navigation(actor),
        "agency_name": actor.unit_name,
        "post_name": current_user.title,
        "sign_out_url": url_for("auth.sign_out"),
        "demo": current_app.config["DAIBAN_DEMO"],
        "acting_for": _stands_in_for(actor),
        "substitution_url": url_for("access.substitution") if actor.unit_id and not actor.resident_id else None,
        "readings_url": url_for("access.readings") if actor.resident_id else None,
    }


def _stands_in_for(actor: Actor) -> str:
    """The names of the colleagues one stands in for today; asked of the database only then."""
    if not actor.principals:
        return ""
    names = db.session.scalars(select(Person.name).where(Person.id.in_(sorted(actor.principals))).order_by(Person.id))
    return "、".join(names)
