"""In the thread of a thing: what the resident was told, in which words, on which way, and whether it arrived."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present, timeline
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.messages import bp
from blueprints.messages.inbox import title_of
from catalogue.messages import PHONE, SMS
from models.content import Content
from models.message import Delivery, Message
from process import access
from process.access import Actor
from process.words import N_
from services.messages import calls
from services.messages import thread as of

WORDS = {
    "waiting": (N_("短信排队中"), "waiting"),
    "sent": (N_("短信已发出，等回执"), "running"),
    "delivered": (N_("短信已送达"), "done"),
    "failed": (N_("短信未送达，请打电话"), "late"),
    "lapsed": (N_("短信没有发：已不需要"), "waiting"),
}
CALLS = {
    "waiting": (N_("请电话告知"), "needs"),
    "told": (N_("已电话告知"), "done"),
    "lapsed": (N_("不用再打电话"), "waiting"),
}


def told(session: Session, content: Content, actor: Actor, kind: str, found: list[dict[str, Any]]) -> None:
    """Adds the messages to the time line, and beside what was written by hand how it went out."""
    if kind not in ("", "message") or not access.may(actor, access.VIEW_FULL, content, session):
        return
    staff = of.may_resend(session, actor, content)
    notes = {entry["note_id"]: entry for entry in found if entry.get("note_id")}
    mine = set(calls.units(actor))
    for message in of.of(session, content):
        ways = {
            "anchor": f"told-{message.uid}",
            "ways": _ways(message, actor),
            "short": next((one.text for one in message.deliveries if one.channel == SMS and not one.to_contact), None),
            "resend_url": url_for("messages.resend", uid=content.uid, message_uid=message.uid)
            if staff and of.resendable(message)
            else None,
            "calls": [
                {
                    "told": url_for("messages.called", uid=one.uid, result="told"),
                    "unreached": url_for("messages.called", uid=one.uid, result="unreached"),
                }
                for one in message.deliveries
                if staff and one.channel == PHONE and one.state == "waiting" and one.unit_id in mine
            ],
        }
        if message.note_id in notes:
            notes[message.note_id] |= ways
            continue
        found.append(
            {
                "when": present.moment(message.created_at),
                "at": message.created_at,
                "iso": message.created_at.isoformat(),
                "who": message.author.name if message.author is not None else "",
                "for_whom": "",
                "title": _("告知办事人：%(what)s", what=title_of(message.occasion)),
                "text": message.text,
                "kind": "message",
                **ways,
            }
        )


def _ways(message: Message, actor: Actor) -> list[dict[str, str]]:
    found = []
    own = actor.resident_id is not None and actor.resident_id == message.resident_id
    if not own:
        read = _("网上已看 %(when)s", when=present.moment(message.read_at)) if message.read_at else _("网上未看")
        found.append({"label": read, "tone": "done" if message.read_at else "waiting", "note": ""})
    for one in message.deliveries:
        label, tone = (CALLS if one.channel == PHONE else WORDS).get(one.state, (one.state, "waiting"))
        found.append(
            {"label": _(label), "tone": tone, "note": (_("给联系人") if one.to_contact else "") if own else _note(one)}
        )
    return found


def _note(one: Delivery) -> str:
    parts = [_("给联系人") if one.to_contact else "", one.address, present.moment(one.finished_at or one.sent_at)]
    if one.state == "waiting" and one.not_before is not None and one.channel == SMS:
        parts.append(_("安静时间，%(when)s 后再发", when=present.moment(one.not_before)))
    if one.by is not None:
        parts.append(one.by.name)
    if one.channel == PHONE and one.attempts and one.state == "waiting":
        parts.append(_("打过 %(n)s 次", n=one.attempts))
    if one.error:
        parts.append(one.error)
    return " · ".join(part for part in parts if part)


@bp.post("/c/<uid>/messages/<message_uid>/resend")
@login_required
def resend(uid: str, message_uid: str) -> ResponseReturnValue:
    """The same words once more, to the number that holds now."""
    content = load_or_404(Content, uid)
    delivery = of.resend(db_session(), current_actor(), content, message_uid)
    flash(_("短信已重新排队，发往 %(phone)s。", phone=delivery.address), "success")
    return redirect(url_for("content.show", uid=uid) + "#thread", 303)


timeline.FURTHER.append(told)
