"""At the seat: begin, fill in together, ask for the resident's word, file."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.seat.bp import bp
from models.case import Case
from process.masking import mask_name
from process.refusals import Forbidden, InvalidInput, Refusal
from services import item_channels, item_facts, papers_out, seat
from services.cases import items_on_offer

WAYS = {"phone": "手机扫码", "pad": "在屏幕上签名"}


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    """What this guide began and did not file, and the items that may be filed at the seat."""
    _staff()
    session, actor = db_session(), current_actor()
    return render_template(
        "seat/index.html",
        rows=[
            SimpleNamespace(
                url=url_for("seat.show", uid=case.uid),
                number=case.number,
                title=case.title,
                who=mask_name(case.applicant.name) if case.applicant else "",
                state=_word(seat.state_of(seat.latest(session, case), case)),
            )
            for case in seat.open_here(session, actor)
        ],
        items=[
            (item.code, item.title)
            for item in item_channels.offered_by(session, items_on_offer(session), {item_channels.ASSISTED})
        ],
    )


def _staff() -> None:
    if not current_actor().roles & seat.ROLES:
        raise Forbidden(_("陪跑申报由陪办人员和窗口的工作人员办。您自己申报，请在办事指南点“网上申报”。"))


def _word(state: str) -> tuple[str, str]:
    return {
        "": (_("还没有请本人确认"), "waiting"),
        "asked": (_("等本人确认"), "needs"),
        "confirmed": (_("本人已确认"), "done"),
        "refused": (_("本人没有同意"), "late"),
        "changed": (_("表又改过，要重新确认"), "late"),
        "expired": (_("超过 30 分钟没有答复"), "late"),
        "over": (_("已作废，要重新确认"), "waiting"),
    }[state]


@bp.get("/go")
@login_required
def begin() -> ResponseReturnValue:
    """From the chosen item to the sheet where the visitor's card is read."""
    _staff()
    code = request.args.get("item", "")[:80]
    if code not in {item.code for item in items_on_offer(db_session())}:
        flash(_("请先选事项。"), "warning")
        return redirect(url_for("seat.index"), 303)
    return redirect(url_for("catalogue.assist", code=code), 303)


@bp.route("/<uid>", methods=["GET", "POST"])
@login_required
def show(uid: str) -> ResponseReturnValue:
    """The form as both see it, the code for the phone, the pad, and the one button that files."""
    _staff()
    session, actor = db_session(), current_actor()
    case = seat.load(session, actor, uid)
    if request.method == "GET":
        return _page(case)
    verbs: dict[str, Any] = {
        "ask": lambda: seat.ask(session, actor, case),
        "here": lambda: seat.turn_round(session, actor, case),
        "sign": lambda: seat.sign(session, actor, case, request.form.get("signature", "")),
        "refuse": lambda: seat.refuse(session, actor, case, request.form.get("words", "")),
        "file": lambda: seat.file(session, actor, case),
    }
    do = request.form.get("do", "")
    try:
        if do not in verbs:
            raise InvalidInput(_("没有这一步，请刷新后再办。"))
        with session.begin_nested():
            verbs[do]()
    except Refusal as refusal:
        if refusal.status not in (403, 409, 422):
            raise
        session.expire_all()
        return _page(seat.load(session, actor, uid), refusal, here=do in ("sign", "refuse")), refusal.status
    if do == "here":
        return _page(case, here=True)
    if do == "file":
        flash(_("已申报 %(number)s，本人的确认存在办件里。", number=case.number), "success")
        return redirect(url_for("content.show", uid=case.uid), 303)
    return redirect(url_for("seat.show", uid=uid), 303)


def _page(case: Case, refusal: Refusal | None = None, *, here: bool = False) -> Any:
    session = db_session()
    asked = seat.latest(session, case)
    state = seat.state_of(asked, case)
    url = (
        f"{papers_out.base_url() or request.host_url.rstrip('/')}{url_for('seat.phone', token=asked.uid)}"
        if asked
        else ""
    )
    page = make_response(
        render_template(
            "seat/show.html",
            case=case,
            name=case.applicant.name if case.applicant else "",
            lines=seat.lines(case, masked=not here),
            draft=case.state == "draft",
            state=state,
            word=_word(state),
            qr=item_facts.qr_uri(url) if state == "asked" else "",
            phone_url=url if state == "asked" else "",
            words=asked.words if asked is not None and state == "refused" else "",
            until=present.moment(asked.until) if asked is not None else "",
            edit_url=url_for("content.edit", uid=case.uid),
            materials_url=url_for("content.show", uid=case.uid) + "#materials",
            case_url=url_for("content.show", uid=case.uid),
            here=here and state == "asked",
            away_url=url_for("seat.show", uid=case.uid),
            asked=[
                SimpleNamespace(
                    when=present.moment(one.asked_at),
                    answered=present.moment(one.answered_at) if one.answered_at else "",
                    state=_word(one.state)[0],
                    way=_(WAYS[one.way]) if one.way in WAYS else "",
                )
                for one in seat.history(session, case)
            ],
            problem=refusal.detail if refusal is not None else "",
        )
    )
    if state == "asked" and refusal is None and not here:
        # The answer comes from another device; the page looks again by itself, but not while somebody signs on it.
        page.headers["Refresh"] = "5"
    return page
