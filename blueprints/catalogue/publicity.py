"""发布与宣传 of an item: its carriers and their log for the manager, sheets and screen for everybody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.catalogue import offers
from blueprints.catalogue.bp import bp
from blueprints.catalogue.places import loaded, managers_only
from blueprints.context import current_actor, db_session
from catalogue import loader as catalogue
from extensions import limiter
from models.case import ServiceItem
from models.publishing import ItemPublicity
from process import access, engine
from process.access import NOBODY
from process.library import library
from process.refusals import NotFound
from services import actions, handbook, item_facts, item_place_changes, item_sheets, publicity

# How long one item stays on the screen of a hall.
SECONDS = 12
STEPS = ("publish", "revise", "retire")


@bp.get("/<code>/publicity")
@login_required
def item_publicity(code: str) -> ResponseReturnValue:
    """State, carriers ready to use, and who put what where and when."""
    managers_only()
    session, actor, item = db_session(), current_actor(), loaded(code)
    latest = publicity.latest(session, item)
    return render_template(
        "catalogue/publicity.html",
        item=item,
        name=offers.name_of(catalogue.item(code)),
        state=present.state_view(library.of(item, session).states[item.state]),
        steps=[
            SimpleNamespace(id=step.id, title=present.title_of(step), needs_reason=bool(step.inputs))
            for step in engine.available(item, actor)
            if step.id in STEPS
        ],
        carriers=[_carrier(item, key, latest.get(key)) for key in publicity.CARRIERS],
        sheets=_sheets(item) if item.state == "published" else [],
        rows=[_line(item, row) for row in publicity.log(session, item)],
        may_change=item_place_changes.may_edit(actor, item.place),
    )


def _carrier(item: ServiceItem, key: str, row: ItemPublicity | None) -> Any:
    return SimpleNamespace(
        key=key,
        title=_(publicity.CARRIERS[key]),
        text=row.text if row is not None and key in (publicity.SMS, publicity.WECHAT) else "",
        line=_line(item, row) if row is not None else None,
        screen_url=url_for("catalogue.screen", only=item.code) if key == publicity.SCREEN else None,
    )


def _line(item: ServiceItem, row: ItemPublicity) -> Any:
    words = {
        "waiting": _("正在做"),
        "failed": _("没有做成：%(why)s", why=row.problem),
        "ready": _("已发给 %(n)s 位关注的人，其余可复制转发", n=row.told)
        if row.carrier == publicity.SMS and row.told
        else _("文字已备好，可复制")
        if row.carrier in (publicity.SMS, publicity.WECHAT)
        else _("已做好"),
    }
    return SimpleNamespace(
        carrier=_(publicity.CARRIERS[row.carrier]),
        when=present.moment(row.at),
        who=row.by.name if row.by else "",
        words=words[row.status],
        url=url_for("catalogue.publicity_file", code=item.code, uid=row.uid) if row.storage_key else None,
    )


def _sheets(item: ServiceItem) -> list[tuple[str, str]]:
    titles = {
        item_sheets.BOARD: _("公告栏 A4"),
        item_sheets.BOARD_A3: _("公告栏 A3"),
        item_sheets.LEAFLET: _("办事清单折页"),
        item_sheets.POSTER: _("二维码张贴页"),
    }
    return [(titles[key], url_for("catalogue.item_sheet", code=item.code, sheet=key)) for key in item_sheets.SHEETS]


@bp.post("/<code>/publicity")
@login_required
def item_publicise(code: str) -> ResponseReturnValue:
    """发布、撤回修改、停用, or 再宣传一次."""
    managers_only()
    session, actor, item = db_session(), current_actor(), loaded(code)
    step = request.form.get("step", "")
    if step in STEPS:
        inputs = {"comment": request.form.get("comment", "")} if step == "retire" else {}
        actions.perform(item, step, actor, inputs)
        said = {
            "publish": _("“%(name)s”已发布，短信、微信、公告栏、电子屏、手册活页都已备好。", name=item.title),
            "revise": _("“%(name)s”已撤回修改，办事指南和手册里暂时没有它。改好后再发布。", name=item.title),
            "retire": _("“%(name)s”已停用。", name=item.title),
        }[step]
    else:
        publicity.once_more(session, actor, item)
        said = _("宣传材料已按现在的内容重做一遍。")
    flash(said, "success")
    return redirect(url_for("catalogue.item_publicity", code=code), 303)


@bp.get("/<code>/publicity/<uid>.pdf")
@login_required
def publicity_file(code: str, uid: str) -> ResponseReturnValue:
    """The sheet of one line of the log, as it was kept."""
    managers_only()
    return _pdf(publicity.pdf(db_session(), loaded(code), uid), f"{loaded(code).title}.pdf")


@bp.get("/<code>/sheets/<sheet>.pdf")
@limiter.limit("20/minute")
def item_sheet(code: str, sheet: str) -> ResponseReturnValue:
    """Board sheet, leaflet or poster as the item stands today; anybody may print one."""
    item = _published(code)
    return _pdf(item_sheets.made(db_session(), item, sheet), f"{item.title}-{sheet}.pdf")


def _pdf(content: bytes, name: str) -> Response:
    response = Response(content, mimetype="application/pdf")
    response.headers.set("Content-Disposition", "inline", filename=name)
    return response


def _published(code: str) -> ServiceItem:
    found = db_session().scalar(
        access.visible(
            select(ServiceItem).where(ServiceItem.code == code, ServiceItem.state == "published"), NOBODY, ServiceItem
        )
    )
    if found is None or code not in catalogue.items():
        raise NotFound(_("没有找到这个事项，可能已改名或停用。请到事项目录按类别或名称再找。"))
    return found


@bp.get("/screen")
def screen() -> ResponseReturnValue:
    """电子屏: one published item after another, large, without buttons; `only` keeps one."""
    session = db_session()
    only = request.args.get("only", "")[:60]
    if only:
        items, number = [_published(only)], 0
    else:
        items = [item for item in handbook.of_all(session) if not catalogue.item(item.code).placeholder]
        asked = request.args.get("n", "")
        number = int(asked[:6]) % len(items) if items and asked.isascii() and asked.isdigit() else 0
    facts = item_facts.of(session, items[number]) if items else None
    return render_template(
        "catalogue/screen.html",
        facts=facts,
        code=item_facts.qr_uri(facts["url"]) if facts else "",
        street=items[number].place.name if items else "",
        number=number + 1,
        total=len(items),
        next_url=url_for("catalogue.screen", n=number + 1) if len(items) > 1 else None,
        seconds=SECONDS,
    )


@bp.post("/<code>/follow")
@login_required
def follow(code: str) -> ResponseReturnValue:
    """有变动通知我, and no longer."""
    item, actor = _published(code), current_actor()
    wanted = request.form.get("wanted") == "yes"
    publicity.follow(db_session(), item, actor, wanted=wanted)
    flash(_("这个事项重新发布时，会在“消息”里告诉您，手机号在的也发短信。") if wanted else _("不再通知您。"), "success")
    return redirect(url_for("catalogue.guide", code=code), 303)
