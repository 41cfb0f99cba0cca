"""The machines of a hall: added with what they take, opened by a code, shut."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints.catalogue.offers import name_of
from blueprints.context import current_actor, db_session
from blueprints.grid import forms
from blueprints.grid.forms import Box
from blueprints.hall.bp import kept, tried
from blueprints.terminals.bp import bp
from catalogue import loader as catalogue
from models.agency import Agency
from models.terminal import Terminal
from services import terminals


def _given() -> dict[str, object]:
    return {"name": request.form.get("name", ""), "items": request.form.getlist("items")}


@bp.get("/hall/<place_id>/terminals")
@login_required
def index(place_id: str) -> ResponseReturnValue:
    agency = kept(place_id)
    return _page(agency)


def _page(agency: Agency, code: str = "", about: Terminal | None = None) -> str:
    session = db_session()
    known = catalogue.items()
    return render_template(
        "terminals/index.html",
        agency=agency,
        rows=[
            (one, [name_of(known[item]) for item in one.items if item in known])
            for one in terminals.of_place(session, agency)
        ],
        code=code,
        about=about.name if about is not None else "",
        minutes=int(terminals.PAIRING_TIME.total_seconds() // 60),
        address=url_for("terminals.home", _external=True),
    )


@bp.route("/hall/<place_id>/terminals/new", methods=["GET", "POST"])
@login_required
def new(place_id: str) -> ResponseReturnValue:
    """加终端: the code is shown once, on the page that follows."""
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    if request.method == "POST":
        made, refusal = forms.attempt(lambda: terminals.register(session, actor, agency, _given()))
        if made is not None:
            return _page(agency, made[1], made[0])
    return _form(agency, None, refusal)


@bp.route("/hall/<place_id>/terminals/<uid>", methods=["GET", "POST"])
@login_required
def change(place_id: str, uid: str) -> ResponseReturnValue:
    agency, session, actor, refusal = kept(place_id), db_session(), current_actor(), None
    one = terminals.load(session, agency, uid)
    if request.method == "POST":
        _done, refusal = forms.attempt(lambda: terminals.change(session, actor, one, _given()))
        if refusal is None:
            flash(_("终端“%(name)s”已保存。", name=one.name), "success")
            return redirect(url_for("terminals.index", place_id=agency.id), 303)
    return _form(agency, one, refusal)


def _form(agency: Agency, one: Terminal | None, refusal: object) -> ResponseReturnValue:
    back = url_for("terminals.index", place_id=agency.id)
    choices = [(item.code, name_of(catalogue.item(item.code))) for item in terminals.fileable(db_session())]
    boxes = [
        Box("name", _("终端的名称"), value=one.name if one else "", attrs={"maxlength": 60}),
        Box(
            "items",
            _("可以在这台终端申报的事项"),
            "boxes",
            list(one.items) if one else [],
            choices,
            required=False,
            description=_("只列开通了“自助终端”渠道的事项；都不勾，终端只能查进度。")
            if choices
            else _("还没有事项开通“自助终端”渠道，终端现在只能查进度。请目录管理员在事项的渠道里开通后，再来勾选。"),
        ),
    ]
    return forms.page(
        one.name if one else _("加终端"),
        boxes,
        submit=_("保存"),
        back=back,
        crumbs=[(_("窗口和规则"), url_for("hall.layout", place_id=agency.id)), (_("自助终端"), back)],
        refusal=refusal,  # type: ignore[arg-type]
    )


@bp.post("/hall/<place_id>/terminals/<uid>/code")
@login_required
def code(place_id: str, uid: str) -> ResponseReturnValue:
    """A new code; the machine that is open now is shut until it is typed."""
    agency, session = kept(place_id), db_session()
    one = terminals.load(session, agency, uid)
    return _page(agency, terminals.new_code(session, current_actor(), one), one)


@bp.post("/hall/<place_id>/terminals/<uid>/end")
@login_required
def end(place_id: str, uid: str) -> ResponseReturnValue:
    agency, session = kept(place_id), db_session()
    one = terminals.load(session, agency, uid)
    back = url_for("terminals.index", place_id=agency.id)
    return tried(lambda: terminals.end(session, current_actor(), one), _("终端已停用，马上生效。"), back)
