"""请电话告知: the calls on the desk, each with 已告知 and 打不通."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.messages import bp
from blueprints.messages.inbox import title_of
from models.message import Delivery
from process.masking import mask_name
from services.messages import calls as of

# As many as leave the day's work in sight; the rest stands on a page of its own.
ON_DESK = 5


@bp.app_context_processor
def desk() -> dict[str, Any]:
    """What the desk shows of calls; asked for only there."""
    return {"desk_calls": waiting, "calls_on_desk": ON_DESK}


def waiting(limit: int = ON_DESK + 1) -> list[dict[str, Any]]:
    """The lines of the desk, oldest first, what was tried in vain last."""
    return [_line(one) for one in of.waiting(db_session(), current_actor(), limit)]


@bp.get("/messages/calls")
@login_required
def calls() -> ResponseReturnValue:
    """All calls that somebody here has to make."""
    return render_template("messages/calls.html", calls=waiting(of.LIMIT * 5))


def _line(call: Delivery) -> dict[str, Any]:
    message = call.message
    assert message is not None and message.content is not None
    content = message.content
    return {
        "uid": call.uid,
        "number": present.number_of(content),
        "url": url_for("content.show", uid=content.uid) + f"#told-{message.uid}",
        "who": mask_name(message.resident.name) if message.resident is not None else "",
        "phone": call.address,
        "phone_url": url_for("access.reveal", uid=content.uid, name="applicant.phone") if call.address else None,
        "title": title_of(message.occasion),
        "text": message.text,
        "since": present.moment(call.created_at),
        "tried": call.attempts,
        "told_url": url_for("messages.called", uid=call.uid, result="told"),
        "unreached_url": url_for("messages.called", uid=call.uid, result="unreached"),
    }


@bp.post("/messages/calls/<uid>/<any(told, unreached):result>")
@login_required
def called(uid: str, result: str) -> ResponseReturnValue:
    """已告知 counts as told; 打不通 is counted and comes again."""
    if result == "told":
        call = of.told(db_session(), current_actor(), uid)
        flash(_("已记下：电话告知了。"), "success")
    else:
        call = of.unreached(db_session(), current_actor(), uid)
        flash(_("已记下：没有打通，第 %(n)s 次。过两小时再试。", n=call.attempts), "info")
    if request.form.get("from") == "thing" and call.message is not None and call.message.content is not None:
        return redirect(url_for("content.show", uid=call.message.content.uid) + "#thread", 303)
    return redirect(url_for("messages.calls" if request.form.get("from") == "calls" else "desk.index"), 303)
