"""The desk: what needs me today, and the one search box for everything."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from blueprints import present
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.desk import opinions
from models.base import now
from models.content import Content, every_kind
from process import access, engine, guards, pages
from process.refusals import Refusal
from services import actions
from services.desk import Work
from services.desk import desk as read_desk
from services.search import matching

bp = Blueprint("desk", __name__, url_prefix="/desk")
SEARCH_LIMIT = 50


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    actor, session = current_actor(), db_session()
    mark = request.args.get("after", "")
    desk = read_desk(session, actor, after=pages.read(mark, pages.DEADLINE) if mark else None)

    def rows(works: list[Work]) -> list[present.Row]:
        return [present.row(session, w.content, actor, w.transitions) for w in works]

    groups = [
        SimpleNamespace(key="late", title=_("已逾期"), hint=_("先办这些"), rows=rows(desk.late), empty=""),
        SimpleNamespace(
            key="today",
            title=_("今天"),
            hint="",
            rows=rows(desk.today),
            empty=_("今天没有到期的事。新的办件、代办和任务到了会出现在这里。"),
        ),
        SimpleNamespace(key="week", title=_("本周及以后"), hint="", rows=rows(desk.week), empty=""),
        SimpleNamespace(
            key="others", title=_("等别人"), hint=_("已交出去、轮到别人办的"), rows=rows(desk.others), empty=""
        ),
    ]
    asked = opinions.group(session, actor) if not request.args.get("after") else None
    if asked is not None:
        groups.insert(0, asked)
    figures = [
        SimpleNamespace(label=_("已逾期"), value=len(desk.late), tone="late" if desk.late else None),
        SimpleNamespace(label=_("今天"), value=len(desk.today), tone=None),
        SimpleNamespace(label=_("本周及以后"), value=len(desk.week), tone=None),
    ]
    pickable = {
        t.id: t
        for w in [*desk.late, *desk.today, *desk.week]
        for t in w.transitions
        if t.primary and not any(i.required for i in t.inputs)
    }
    bulk = [SimpleNamespace(id=t.id, label=present.title_of(t)) for t in pickable.values()]
    return render_template(
        "desk/index.html",
        today=present.day(now()),
        figures=figures,
        groups=groups,
        bulk_url=url_for("desk.bulk") if bulk else None,
        bulk_actions=bulk,
        next_url=url_for("desk.index", after=pages.write(pages.DEADLINE, desk.after)) if desk.after else None,
    )


@bp.post("/bulk")
@login_required
def bulk() -> ResponseReturnValue:
    """The same step for several things, each through the one door; one that refuses does not stop the others."""
    actor, session = current_actor(), db_session()
    done, refused = 0, []
    for uid in request.form.getlist("uid")[:200]:
        content = load_or_404(Content, uid)
        try:
            with session.begin_nested():
                actions.perform(content, request.form.get("action", ""), actor)
            done += 1
        except Refusal as refusal:
            refused.append(f"{content.number or content.title}：{refusal.detail}")
    if done:
        flash(_("已办 %(n)d 件。", n=done), "success")
    for sentence in refused[:10]:
        flash(sentence, "error")
    if not done and not refused:
        flash(_("请先勾选要办的事。"), "info")
    return redirect(url_for("desk.index"), 303)


@bp.get("/search")
@login_required
def search() -> ResponseReturnValue:
    """Number, name, item, or a whole ID number; only what the actor may see."""
    q = " ".join(request.args.get("q", "").split())[:100]
    actor, session = current_actor(), db_session()
    found: list[Content] = []
    if q:
        entity = every_kind()
        statement = access.visible(select(entity), actor, entity).options(
            *present.list_options(entity), selectinload(entity.places), selectinload(entity.people)
        )
        statement = (
            statement.where(matching(session, actor, q, entity))
            .order_by(entity.closed_at.is_not(None), entity.id.desc())
            .limit(SEARCH_LIMIT)
        )
        found = list(session.scalars(statement).unique())
    guards.prefetch(session, found)
    rows = [present.row(session, c, actor, engine.available(c, actor)) for c in found]
    return render_template("desk/search.html", q=q, rows=rows, limit=SEARCH_LIMIT)
