"""窗口运行管理制度: versions on a page, read and signed for."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.hall.bp import bp, desk_url, hall_for, kept
from process.refusals import NotFound
from services import grid_rights, opening, window_rules


@bp.get("/<place_id>/rules")
@login_required
def rules(place_id: str) -> ResponseReturnValue:
    """All documents of the hall, what I have still to read, and who has read what."""
    agency, session, actor, today = hall_for(place_id), db_session(), current_actor(), grid_rights.today()
    keeper = opening.may_keep(actor, agency)
    mine = {one.id for one in window_rules.unread(session, actor, agency)}
    return render_template(
        "hall/rules.html",
        agency=agency,
        keeper=keeper,
        rows=[
            {
                "rule": rule,
                "version": version,
                "unread": version is not None and version.id in mine,
                "coming": [v for v in rule.versions if v.valid_from > today],
                "older": [v for v in rule.versions if version is not None and v.number < version.number],
                "receipts": window_rules.receipts(session, version) if keeper and version is not None else None,
            }
            for rule in window_rules.listed(session, agency)
            for version in [window_rules.in_force(rule, today)]
        ],
    )


@bp.route("/<place_id>/rules/new", methods=["GET", "POST"])
@login_required
def publish_rule(place_id: str) -> ResponseReturnValue:
    """A new document or a new version."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    back = url_for("hall.rules", place_id=agency.id)
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: window_rules.publish(session, actor, agency, request.form))
        if refusal is None and made is not None:
            flash(_("已发布第 %(n)s 版，请窗口人员签收。", n=made.number), "success")
            return redirect(back, 303)
    old = next((r for r in window_rules.listed(session, agency) if str(r.id) == request.args.get("of", "")), None)
    last = old.versions[0] if old and old.versions else None
    boxes = [
        Box("title", _("制度名称"), value=old.title if old else "", attrs={"maxlength": 80}),
        Box(
            "window",
            _("哪个窗口"),
            value=old.window if old else "",
            required=False,
            cls="field--short",
            description=_("不填就是全部窗口。"),
            attrs={"maxlength": 20},
        ),
        Box("body", _("正文"), "textarea", last.body if last else "", attrs={"rows": 12}),
        Box(
            "change",
            _("这一版改了什么"),
            required=bool(old),
            description=_("第一版不用填。"),
            attrs={"maxlength": 200},
        ),
        Box("valid_from", _("从哪天起执行"), "date", grid_rights.today().isoformat()),
    ]
    return forms.page(
        _("发布窗口制度"),
        boxes,
        submit=_("发布"),
        back=back,
        crumbs=[(_("大厅"), desk_url(agency)), (_("窗口制度"), back)],
        refusal=refusal,
        intro=_("发布的版本不再改动；要改就发下一版，旧版留着可查。"),
    )


@bp.post("/rules/<int:entry_id>/read")
@login_required
def read_rule(entry_id: int) -> ResponseReturnValue:
    """已读签收."""
    session, actor = db_session(), current_actor()
    from models.opening import WindowRuleVersion

    version = session.get(WindowRuleVersion, entry_id)
    if version is None or not window_rules.may_read(actor, version.rule.place):
        raise NotFound()
    window_rules.read(session, actor, entry_id)
    flash(_("已签收：%(title)s 第 %(n)s 版。", title=version.rule.title, n=version.number), "success")
    return redirect(url_for("hall.rules", place_id=version.rule.place_id), 303)
