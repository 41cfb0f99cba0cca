"""Filters by name: keep, rename, share, make usual, delete."""

from __future__ import annotations

from types import SimpleNamespace

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.lists.bp import bp
from blueprints.lists.tools import WHOLE, address
from process.refusals import Refusal
from services import lists, saved_filters


@bp.get("/filters/<key>")
@login_required
def filters(key: str) -> ResponseReturnValue:
    """My filters of one list and those my unit shows me."""
    return _page(key)


def _page(key: str, wrong: Refusal | None = None, where: str = "") -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    kind = lists.kind_of(key)
    usual = saved_filters.default(session, actor, key)
    rows = [
        SimpleNamespace(
            uid=one.uid,
            name=request.form.get("name", one.name) if wrong is not None and where == one.uid else one.name,
            own=one.owner_id == actor.person_id,
            owner=one.owner.name,
            shared=one.unit_id is not None,
            usual=usual is not None and usual.id == one.id,
            words=lists.in_words(session, actor, kind, lists.cleaned(kind, one.query)),
            url=address(kind, lists.cleaned(kind, one.query)),
            wrong=wrong.detail if wrong is not None and where == one.uid else "",
        )
        for one in saved_filters.of_list(session, actor, key)
    ]
    page = render_template(
        "lists/filters.html",
        key=key,
        title=_(kind.title),
        rows=rows,
        back_url=address(kind, **{WHOLE: 1}),
        shares=bool(actor.unit_id) and actor.resident_id is None,
    )
    return page, wrong.status if wrong is not None else 200


@bp.post("/filters/<key>")
@login_required
def keep(key: str) -> ResponseReturnValue:
    """Names what the list shows now."""
    kind = lists.kind_of(key)
    query = lists.cleaned(kind, request.form)
    try:
        with db_session().begin_nested():
            made = saved_filters.keep(
                db_session(), current_actor(), key, request.form.get("filter_name"), query,
                shared=request.form.get("shared") == "1",
            )  # fmt: skip
    except Refusal as refusal:
        flash(refusal.detail, "error")
        return redirect(address(kind, query, **({} if query else {WHOLE: 1})), 303)
    flash(_("已保存筛选“%(name)s”。", name=made.name), "success")
    return redirect(address(kind, query), 303)


@bp.post("/filters/<key>/<uid>")
@login_required
def change(key: str, uid: str) -> ResponseReturnValue:
    """One press of a button beside a filter."""
    session, actor, what = db_session(), current_actor(), request.form.get("do", "")
    said = ""
    try:
        with session.begin_nested():
            if what == "rename":
                said = _(
                    "已改名为“%(name)s”。",
                    name=saved_filters.rename(session, actor, uid, request.form.get("name")).name,
                )
            elif what in ("share", "unshare"):
                saved_filters.share(session, actor, uid, what == "share")
                said = _("本单位的同事现在也能用这个筛选。") if what == "share" else _("这个筛选现在只有您能用。")
            elif what in ("usual", "unusual"):
                saved_filters.make_default(session, actor, uid, what == "usual")
                said = _("以后打开这个清单就用这个筛选。") if what == "usual" else _("以后打开这个清单看全部。")
            elif what == "remove":
                said = _("已删除筛选“%(name)s”。", name=saved_filters.remove(session, actor, uid))
    except Refusal as refusal:
        if refusal.status in (404, 403):
            raise
        return _page(key, refusal, uid)
    if said:
        flash(said, "success")
    return redirect(url_for("lists.filters", key=key), 303)
