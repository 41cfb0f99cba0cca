"""我的手机: which phones keep my day, signing one out from afar, and reporting one lost."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.field.bp import bp
from process.refusals import InvalidInput
from services.field import devices


@bp.get("/devices")
@login_required
def phones() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    rows = [
        SimpleNamespace(
            uid=one.uid,
            label=one.label,
            who=one.person.name,
            seen=present.moment(one.seen_at),
            opened=present.moment(one.opened_at),
            idle=devices.idle_minutes(session, one.person),
            lost=one.lost,
            closed=present.moment(one.closed_at) if one.closed_at else "",
            closed_by=one.closed_by.name if one.closed_by else "",
        )
        for one in devices.listed(session, actor)
    ]
    return render_template(
        "field/devices.html",
        rows=rows,
        all_of_them=bool(actor.roles & devices.KEEPERS),
        app_url=url_for("field.app") if devices.works_outside(actor) else None,
    )


@bp.post("/devices/<uid>")
@login_required
def close(uid: str) -> ResponseReturnValue:
    """远程退出 or 报失."""
    session, actor = db_session(), current_actor()
    device = devices.load(session, actor, uid)
    what = request.form.get("what", "")
    if what not in ("close", "lost"):
        raise InvalidInput(_("请选远程退出或报失。"), {"what": _("请选一个")})
    devices.close(session, actor, device, lost=what == "lost")
    if what == "lost":
        flash(_("已报失。手机上的密钥已销毁，谁也读不出里面的资料；手机一联网就会清空。"), "success")
    else:
        flash(_("已远程退出。手机一联网就会锁上；没有上报的内容仍加密存在手机上，本人重新登录后接着上报。"), "success")
    return redirect(url_for("field.phones"), 303)
