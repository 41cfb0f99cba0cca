"""The list of projects by remaining days, what waits for one's department, and who carries how much."""

from __future__ import annotations

from types import SimpleNamespace

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.projects.bp import PAGE, STAFF, bp, tabs
from models.agency import Agency
from models.content import Content
from process import pages
from process.library import library
from process.refusals import Forbidden
from services.projects import clocks, overview, people, tables

SHOWN = ("open", "claim", "mine", "all")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """Projects this actor sees, the fewest days left first; to claim, mine, all."""
    session, actor = db_session(), current_actor()
    carrier = not actor.roles.isdisjoint(tables.CARRIERS)
    chosen = request.args.get("show", "")
    chosen = chosen if chosen in SHOWN else "open"
    mark = request.args.get("after", "")
    after = pages.read(mark, pages.DEADLINE) if mark else None
    keys = pages.page(session, actor, overview.wanted(actor, chosen), after=after, limit=PAGE + 1)
    found: list[Content] = pages.load(session, actor, keys[:PAGE], present.list_options(Content), Content)
    handlers = tables.handlers(session, [one.id for one in found])
    progress = overview.progress(session, [one.id for one in found])
    standing = clocks.standing_among(session, [one.id for one in found])
    options = [("open", _("在办"))]
    if carrier:
        options += [("claim", _("待认领")), ("mine", _("我承办的"))]
    options.append(("all", _("全部")))
    return render_template(
        "projects/index.html",
        tabs=tabs(actor, "projects.index"),
        options=[(label, url_for("projects.index", show=key), key == chosen) for key, label in options],
        chosen=chosen,
        rows=[
            SimpleNamespace(
                uid=one.uid,
                number=one.number,
                title=(one.fields or {}).get("name") or one.title,
                owner=(one.fields or {}).get("enterprise") or "",
                town=one.place.name,
                url=url_for("projects.show", uid=one.uid),
                state=present.state_view(library.of(one, session).states[one.state]),
                deadline=present.deadline_view(session, one, library.of(one, session)),
                standing=one.id in standing,
                handler=handlers[one.id].person.name if one.id in handlers else "",
                done=progress.get(one.id, (0, 0))[0],
                base=progress.get(one.id, (0, 0))[1],
                claim=carrier
                and one.state == "registered"
                and any(actor.holds(role, one.place_path) for role in tables.CARRIERS),
            )
            for one in found
        ],
        next_url=url_for("projects.index", show=chosen, after=pages.write(pages.DEADLINE, keys[PAGE - 1]))
        if len(keys) > PAGE
        else None,
        waiting=overview.waiting_for(session, actor),
        may_begin=not actor.roles.isdisjoint(library.type(tables.TYPE).create),
        own_load=next(
            (
                one
                for unit in [session.get(Agency, actor.unit_id) if actor.unit_id else None]
                if unit is not None and carrier
                for one in people.loads(session, unit, exact=True)
                if one.person.id == actor.person_id
            ),
            None,
        ),
    )


@bp.get("/load")
@login_required
def load() -> ResponseReturnValue:
    """承办负荷: open projects and filed items of each manager and delegate, against the office's limit."""
    session, actor = db_session(), current_actor()
    if actor.roles.isdisjoint({*tables.CARRIERS, *tables.WATCHERS}):
        raise Forbidden(_("承办负荷由项目经理、代办员和督查人员看。"))
    place = overview.own_place(session, actor)
    loads = people.loads(session, place) if place is not None else []
    projects, carriers = sum(one.projects for one in loads), len(loads)
    return render_template(
        "projects/load.html",
        tabs=tabs(actor, "projects.load"),
        place=place,
        loads=loads,
        projects=projects,
        carriers=carriers,
        mean=round(projects / carriers, 1) if carriers else None,
        full=sum(one.full for one in loads),
    )


def staff_only() -> None:
    if current_actor().roles.isdisjoint(STAFF):
        raise Forbidden(_("这一页由项目代办和审批部门的人员看。"))
