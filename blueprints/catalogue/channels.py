"""渠道开关: which ways are open for an item, changed by the catalogue manager, read by everybody in the guide."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.catalogue import offers
from blueprints.catalogue.bp import bp
from blueprints.catalogue.places import loaded, managers_only
from blueprints.context import current_actor, db_session
from catalogue import loader as catalogue
from models.case import ServiceItem
from process.refusals import Refusal
from process.words import N_
from services import item_channels, item_place_changes

GROUPS = {
    "counter": N_("窗口"),
    "outreach": N_("送上门"),
    "online": N_("网上"),
    "terminal": N_("自助"),
    "delivery": N_("送达"),
}


@bp.route("/<code>/channels", methods=["GET", "POST"])
@login_required
def item_channels_page(code: str) -> ResponseReturnValue:
    """A switch for each way; shutting one asks for the reason residents will read."""
    managers_only()
    session, actor, item = db_session(), current_actor(), loaded(code)
    if request.method == "GET":
        return _page(item)
    given = {
        way.channel: (f"open-{way.channel}" in request.form, request.form.get(f"reason-{way.channel}", "").strip())
        for way in item_channels.ways(session, item)
    }
    try:
        with session.begin_nested():
            changed = item_channels.switch(session, actor, item, given)
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        session.expire_all()
        return _page(loaded(code), refusal, given), 422
    names = "、".join(offers.name_of(catalogue.channels()[one]) for one in changed)
    if changed:
        flash(_("已保存：%(names)s。办事指南和申报立即照此。", names=names), "success")
    else:
        flash(_("没有改动。"), "info")
    return redirect(url_for("catalogue.item_channels_page", code=code), 303)


def _page(item: ServiceItem, refusal: Refusal | None = None, given: dict[str, tuple[bool, str]] | None = None) -> str:
    typed = given or {}
    errors = refusal.errors if refusal else {}
    groups: list[Any] = []
    for key, title in GROUPS.items():
        rows = [
            SimpleNamespace(
                channel=way.channel,
                name=offers.name_of(catalogue.channels()[way.channel]),
                open=typed.get(way.channel, (way.open, ""))[0],
                was=way.open,
                printed=way.printed,
                reason=typed.get(way.channel, (False, way.reason))[1],
                error=errors.get(way.channel, ""),
            )
            for way in item_channels.ways(db_session(), item)
            if way.group == key
        ]
        groups.append(SimpleNamespace(title=_(title), rows=rows))
    return render_template(
        "catalogue/channels.html",
        item=item,
        name=offers.name_of(catalogue.item(item.code)),
        groups=[group for group in groups if group.rows],
        problem=refusal.detail if refusal else None,
        may_change=item_place_changes.may_edit(current_actor(), item.place),
    )
