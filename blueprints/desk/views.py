"""The desk: what needs me today, and the one search box for everything."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.desk import opinions
from blueprints.lists import bulk as listed_bulk
from blueprints.lists import finding
from models.base import now
from process import pages
from services.desk import Work
from services.desk import desk as read_desk

bp = Blueprint("desk", __name__, url_prefix="/desk")


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
    works = [(w.content, w.transitions) for w in [*desk.late, *desk.today, *desk.week]]
    bulk = listed_bulk.offered(session, actor, works)
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
    action = request.form.get("action", "")
    return listed_bulk.run(
        action if action[:2] in (listed_bulk.STEP, listed_bulk.VERB) else f"{listed_bulk.STEP}{action}",
        url_for("desk.index"),
    )


@bp.get("/search")
@login_required
def search() -> ResponseReturnValue:
    """Number, name, item, or what stands for a whole ID number; only what the actor may see."""
    return finding.page(" ".join(request.args.get("q", "").split())[:100])
