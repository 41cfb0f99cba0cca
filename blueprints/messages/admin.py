"""通知渠道: whether each way works, what went wrong last, a test to oneself, and every text in both languages."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.messages import bp
from catalogue.messages import SMS, WORK_CHAT, Occasion, messages
from models.agency import Agency
from models.base import now
from process.clock import local_day
from process.words import N_
from services.messages import facts, preferences, status, wording
from services.messages.wording import EN, ZH, Facts

NAMES = {SMS: N_("短信"), WORK_CHAT: N_("工作群")}
SETTINGS = {SMS: "SMS_GATEWAY_URL", WORK_CHAT: "WORK_CHAT_URL"}
READERS = {
    "applicant": N_("办事人"),
    "holder": N_("经手人"),
    "holder_and_head": N_("经手人和负责人"),
    "colleague": N_("相关同事"),
    "both_ends": N_("交接双方"),
    "complaint_handler": N_("投诉处理人员"),
    "dispatcher": N_("调度员"),
    "as_the_rule_says": N_("规则里写的人"),
}
WAYS = {"inbox": N_("网上或铃铛"), "sms": N_("短信"), "work_chat": N_("工作群"), "phone": N_("电话")}


@bp.get("/admin/channels")
@login_required
def channels() -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    found = status.ways(session, actor)
    rules = messages()
    return render_template(
        "messages/channels.html",
        ways=[_way(one) for one in found],
        quiet=(preferences.clock(rules.quiet_from), preferences.clock(rules.quiet_to)),
        texts=[_text(one) for one in rules.occasions.values()],
        sensitive=rules.sensitive,
    )


def _way(one: status.Way) -> Any:
    if not one.open:
        label, tone = _("未配置"), "waiting"
    elif one.troubled:
        label, tone = _("最近有错误"), "late"
    else:
        label, tone = (_("正常"), "done") if one.last_ok else (_("已配置，还没有发过"), "running")
    return SimpleNamespace(
        name=one.name,
        title=_(NAMES[one.name]),
        state=(label, tone),
        open=one.open,
        setting=SETTINGS[one.name],
        counts=[
            (_("等待"), one.counts["waiting"]),
            (_("已发出，等回执"), one.counts["sent"]),
            (_("已送达"), one.counts["delivered"]),
            (_("未送达"), one.counts["failed"]),
        ],
        last_ok=present.moment(one.last_ok),
        errors=[(present.moment(at), error, address) for at, error, address in one.errors],
    )


def _text(one: Occasion) -> Any:
    """One occasion with its words as somebody would read them; the values are invented."""
    return SimpleNamespace(
        title=one.title,
        to=_(READERS[one.to]),
        ways="、".join(_(WAYS[way]) for way in one.channels),
        urgent=one.urgent,
        inbox=[_filled(one, locale, False) for locale in (ZH, EN)],
        sms=[_filled(one, locale, True) for locale in (ZH, EN)] if one.sms is not None else [],
    )


def _filled(one: Occasion, locale: str, short: bool) -> str:
    agency = Agency(
        id="example", name="东新街道行政服务中心", name_en="Dongxin Street Service Centre", kind="street_centre"
    )
    found = Facts(
        **facts.sample(),
        agency=agency,
        place=agency,
        when=now() + timedelta(days=1),
        day=local_day(now() + timedelta(days=5)),
    )
    return wording.sms(one, found, locale) if short else wording.inbox(one, found, locale)


@bp.post("/admin/channels/test")
@login_required
def test() -> ResponseReturnValue:
    """A message to oneself; it goes the same way as every other."""
    to = status.test(db_session(), current_actor(), request.form.get("channel", ""))
    flash(_("测试消息已排队，发给 %(who)s。几秒后刷新看结果。", who=to), "success")
    return redirect(url_for("messages.channels"), 303)
