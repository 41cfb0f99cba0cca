"""The blueprint itself, and what its pages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from models.content import Content
from process.access import Actor
from services.projects import rules, tables

bp = Blueprint("projects", __name__, url_prefix="/projects")
PAGE = 50
STAFF = frozenset({*tables.CARRIERS, *tables.WATCHERS, *tables.DEPARTMENT, "system_admin", "inspection_office"})


def project(uid: str) -> Content:
    return tables.project(db_session(), current_actor(), uid)


def page_url(content: Content) -> str:
    return url_for("projects.show", uid=content.uid)


def crumbs(content: Content) -> list[tuple[str, str]]:
    return [(_("投资项目"), url_for("projects.index")), (content.title, page_url(content))]


def tried(act: Callable[[], Any], done: str, back: str) -> ResponseReturnValue:
    """Does it and goes back; a refusal goes back as well and says why."""
    _result, refusal = forms.attempt(act)
    flash(refusal.detail if refusal is not None else done, "error" if refusal is not None else "success")
    return redirect(back, 303)


def tabs(actor: Actor, here: str) -> list[tuple[str, str, bool]]:
    """The pages beside the list, for whoever they are meant for."""
    found = [(_("项目"), "projects.index")]
    if not actor.roles.isdisjoint({*tables.CARRIERS, *tables.WATCHERS}):
        found.append((_("承办负荷"), "projects.load"))
    if not actor.roles.isdisjoint({*rules.WRITERS, *rules.CHECKERS}):
        found.append((_("代办六统一"), "projects.six"))
    if not actor.roles.isdisjoint(STAFF):
        found.append((_("标准流程图"), "projects.charts"))
    return [(label, url_for(endpoint), endpoint == here) for label, endpoint in found] if len(found) > 1 else []
