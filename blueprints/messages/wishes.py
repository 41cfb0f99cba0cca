"""How somebody wants to be told: one's own page, and the clerk's for a resident who has no account."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField

from blueprints import present
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import Asked, show_refusal
from blueprints.messages import bp
from models.content import Content
from models.person import Person
from models.resident import Resident
from process import access
from process.masking import mask_name, mask_phone
from process.refusals import Forbidden, InvalidInput, NotFound
from services.messages import preferences
from services.messages.wording import EN, ZH


class WishForm(FlaskForm):
    order = RadioField("", [Asked()], validate_choice=False)
    quiet_from = StringField("", [Asked()])
    quiet_to = StringField("", [Asked()])
    locale = RadioField("", [Asked()], validate_choice=False)


@bp.app_context_processor
def settings() -> dict[str, Any]:
    """The line 我的设置 in the menu of every signed-in page."""
    return {"settings_url": url_for("messages.wishes")} if current_actor().person_id is not None else {}


@bp.route("/me/messages", methods=["GET", "POST"])
@login_required
def wishes() -> ResponseReturnValue:
    """One's own wish."""
    reader = preferences.own(db_session(), current_actor())
    return _page(reader, url_for("messages.wishes"), None)


@bp.route("/c/<uid>/contact", methods=["GET", "POST"])
@login_required
def contact(uid: str) -> ResponseReturnValue:
    """The wish of an applicant, as they told it to whoever works on their matter."""
    content = load_or_404(Content, uid, access.VIEW_FULL)
    try:
        reader = preferences.applicant_of(db_session(), current_actor(), content)
    except Forbidden as refusal:
        if content.applicant is None:
            raise NotFound() from refusal
        raise
    return _page(reader, url_for("messages.contact", uid=uid), content)


def _page(reader: Resident | Person, here: str, content: Content | None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    resident = isinstance(reader, Resident)
    orders, words = (
        (preferences.ORDERS, preferences.ORDER_WORDS)
        if resident
        else (preferences.STAFF_ORDERS, preferences.STAFF_WORDS)
    )
    wish = preferences.of(session, reader)
    form = WishForm(
        data={
            "order": preferences.order_of(wish, orders),
            "quiet_from": preferences.clock(wish.quiet_from),
            "quiet_to": preferences.clock(wish.quiet_to),
            "locale": wish.locale,
        },
        meta={"csrf": False},
    )
    form.order.label.text = _("怎么告知") if resident else _("提醒怎么发")
    form.order.choices = [(name, _(words[name])) for name in orders]
    form.quiet_from.label.text, form.quiet_to.label.text = _("从几点起不打扰"), _("到几点为止")
    form.quiet_from.description = _("写成 21:00 的样子；两个时间一样，就是随时都可以")
    form.locale.label.text, form.locale.choices = _("用哪种文字"), [(ZH, "中文"), (EN, "English")]
    if request.method == "POST":
        given = {name: form[name].data for name in ("order", "quiet_from", "quiet_to", "locale")}
        try:
            with session.begin_nested():
                preferences.save(session, actor, reader, given)
        except InvalidInput as refusal:
            show_refusal(form, refusal)
        else:
            flash(_("已记下，下一条消息起照这样发。"), "success")
            return redirect(url_for("content.show", uid=content.uid) + "#thread" if content else here, 303)
    page = render_template(
        "messages/wishes.html",
        form=form,
        here=here,
        resident=resident,
        own=content is None,
        name=mask_name(reader.name),
        number=present.number_of(content) if content is not None else "",
        back_url=url_for("content.show", uid=content.uid) if content is not None else None,
        phone=mask_phone(reader.phone) if reader.phone else "",
        mobile=preferences.takes_sms(reader.phone),
        chosen=wish.own,
    )
    return page, 422 if form.errors else 200
