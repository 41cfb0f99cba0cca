"""A list on paper and as an Excel file."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.lists.bp import bp
from blueprints.lists.tools import address
from models.base import now
from models.sheets import ListExport
from process import guards
from process.refusals import Refusal
from services import exports, lists, unit_settings

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A sheet of paper for every thirty; whoever needs more needs a file.
PRINTED = 300


@bp.get("/print/<key>")
@login_required
def printed(key: str) -> ResponseReturnValue:
    """All rows of a filter without the frame, ready for the printer."""
    session, actor = db_session(), current_actor()
    kind = lists.kind_of(key)
    query = lists.cleaned(kind, request.args)
    rows = []
    for part in lists.things(session, actor, kind, query, PRINTED + 1):
        guards.prefetch(session, list(part))
        rows += [
            SimpleNamespace(
                row=present.row(session, content, actor),
                place=content.place.name,
                created=present.day(content.created_at),
            )
            for content in part
        ]
    return render_template(
        "lists/print.html",
        title=_(kind.title),
        words=lists.in_words(session, actor, kind, query),
        rows=rows[:PRINTED],
        cut=PRINTED if len(rows) > PRINTED else 0,
        at=present.moment(now()),
        back_url=address(kind, query),
        export_url=url_for("lists.export", key=key, **query),
    )


@bp.get("/export/<key>")
@login_required
def export(key: str) -> ResponseReturnValue:
    """What would stand in the file, and what for."""
    return _asking(key, dict(request.args))


def _asking(key: str, values: dict[str, str], refusal: Refusal | None = None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    source = exports.source_of(key)
    query = source.clean(values)
    rows = source.count(session, actor, query, exports.MOST + 1)
    page = render_template(
        "lists/export.html",
        key=key,
        title=_(source.title),
        query=query,
        words=source.words(session, actor, query),
        rows=rows,
        most=exports.MOST,
        reasoned=rows > exports.WITH_REASON,
        with_reason=exports.WITH_REASON,
        later=rows > exports.AT_ONCE,
        reason=values.get("reason", ""),
        wrong=refusal,
        back_url=url_for(source.endpoint, **source.address, **query),
    )
    return page, refusal.status if refusal is not None else 200


@bp.post("/export/<key>")
@login_required
def take(key: str) -> ResponseReturnValue:
    """Makes the file, or has it made."""
    session, actor = db_session(), current_actor()
    try:
        with session.begin_nested():
            made = exports.request(session, actor, key, request.form, request.form.get("reason"))
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        return _asking(key, request.form.to_dict(), refusal)
    if made.status == "ready":
        flash(_("文件已生成，共 %(n)s 件。", n=made.rows), "success")
    else:
        flash(_("共 %(n)s 件，正在生成文件，一两分钟后在这里下载。", n=made.rows), "info")
    return redirect(url_for("lists.exported"), 303)


@bp.get("/exports")
@login_required
def exported() -> ResponseReturnValue:
    """我的导出: what I have taken out, with the files that are still kept."""
    rows = [_line(one) for one in exports.mine(db_session(), current_actor())]
    return render_template(
        "lists/exports.html", rows=rows, days=unit_settings.number(db_session(), current_actor().unit_id, "export_days")
    )


def _line(made: ListExport) -> Any:
    kept = not exports.is_over(db_session(), made)
    return SimpleNamespace(
        title=_(made.title),
        words=made.words,
        reason=made.reason,
        rows=made.rows,
        at=present.moment(made.at),
        url=url_for("lists.fetch", uid=made.uid) if made.status == "ready" and kept else None,
        state=_("已过期")
        if not kept
        else {"waiting": _("正在生成"), "failed": _("没有生成：%(why)s", why=made.problem)}.get(made.status, ""),
    )


@bp.get("/exports/<uid>.xlsx")
@login_required
def fetch(uid: str) -> ResponseReturnValue:
    """The file itself, for whoever asked for it and nobody else."""
    made, body = exports.fetch(db_session(), current_actor(), uid)
    answer = send_file(io.BytesIO(body), mimetype=XLSX, as_attachment=True, download_name=exports.filename(made))
    answer.headers["Cache-Control"] = "no-store"
    return answer
