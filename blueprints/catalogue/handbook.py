"""《服务手册》: the editions for everybody, and the button that makes the next one for the catalogue manager."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.catalogue.bp import bp
from blueprints.catalogue.places import MANAGER
from blueprints.context import current_actor, db_session
from extensions import limiter
from models.publishing import HandbookEdition
from process.refusals import Forbidden
from services import handbook


@bp.get("/handbook")
def handbook_editions() -> ResponseReturnValue:
    """All editions, the newest first; the manager also sees what is being made."""
    session, actor = db_session(), current_actor()
    place = handbook.place_of(session, actor) if MANAGER in actor.roles else None
    rows = [_row(one) for one in handbook.editions(session, ready=place is None)]
    return render_template(
        "catalogue/handbook.html",
        rows=rows,
        place=place,
        count=len(handbook.published(session, place)) if place is not None else 0,
        running=any(row.running for row in rows),
    )


def _row(edition: HandbookEdition) -> Any:
    states = {
        handbook.GATHERING: (
            _("正在整理事项 %(done)s/%(total)s", done=edition.gathered, total=edition.total),
            "running",
        ),
        handbook.DRAWING: (_("事项已整理完，正在排版，约要半分钟"), "running"),
        handbook.READY: (_("已编好"), "done"),
        handbook.FAILED: (_("没有编成"), "late"),
    }
    return SimpleNamespace(
        uid=edition.uid,
        name=edition.name,
        place=edition.place.name,
        state=states[edition.status],
        running=edition.status in (handbook.GATHERING, handbook.DRAWING),
        failed=edition.status == handbook.FAILED,
        problem=edition.problem,
        done=edition.gathered,
        total=edition.total,
        items=len(edition.facts) if edition.status == handbook.READY else edition.total,
        pages=edition.pages,
        size=f"{edition.size / 1024**2:.1f} MB" if edition.size else "",
        when=present.moment(edition.made_at),
        who=edition.made_by.name if edition.made_by else "",
        url=url_for("catalogue.handbook_file", uid=edition.uid) if edition.status == handbook.READY else None,
    )


@bp.post("/handbook")
@login_required
def handbook_make() -> ResponseReturnValue:
    """编印新一版."""
    _managers_only()
    edition = handbook.begin(db_session(), current_actor())
    flash(
        _("已开始编印%(name)s，共 %(n)s 项。这一页会自己刷新，编好就能下载。", name=edition.name, n=edition.total),
        "success",
    )
    return redirect(url_for("catalogue.handbook_editions"), 303)


@bp.post("/handbook/<uid>/again")
@login_required
def handbook_again(uid: str) -> ResponseReturnValue:
    """The edition that failed, once more."""
    _managers_only()
    edition = handbook.load(db_session(), uid)
    handbook.again(db_session(), current_actor(), edition)
    flash(_("%(name)s已重新排版。", name=edition.name), "success")
    return redirect(url_for("catalogue.handbook_editions"), 303)


def _managers_only() -> None:
    if MANAGER not in current_actor().roles:
        raise Forbidden(_("《服务手册》由事项目录管理员编印。编好的版本您可以在这里下载。"))


@bp.get("/handbook/<uid>.pdf")
@limiter.limit("20/minute")
def handbook_file(uid: str) -> ResponseReturnValue:
    """The booklet as it was kept; everybody may take it."""
    edition = handbook.load(db_session(), uid)
    response = Response(handbook.pdf(edition), mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=handbook.filename(edition))
    return response
