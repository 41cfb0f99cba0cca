"""The blueprint itself, and what its pages share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from blueprints import timeline
from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from models.content import Content
from process.access import Actor
from process.words import N_
from services.projects import rules, tables

bp = Blueprint("projects", __name__, url_prefix="/projects")
timeline.JOURNAL_WORDS |= {
    "project:hand_over": N_("移交项目"),
    "project_clock:stop": N_("停表"),
    "project_clock:go_on": N_("继续计时"),
    "project_meeting:call": N_("约联合会审"),
    "project_meeting:hold": N_("登记会审结论"),
    "project_meeting:cancel": N_("取消会审"),
    "project_meeting:confirm": N_("部门确认会审纪要"),
    "project_meeting:object": N_("部门对会审纪要有异议"),
    "project_meeting:correct": N_("更正会审纪要"),
    "project_row:file": N_("申报清单事项"),
    "project_row:done": N_("清单事项办结"),
    "project_row:refuse": N_("清单事项不同意"),
    "project_row:commit": N_("清单事项承诺备案"),
    "project_row:drop": N_("清单事项不涉及"),
    "project_row:again": N_("清单事项仍要办"),
    "project_row:link": N_("清单事项关联办件"),
}
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
