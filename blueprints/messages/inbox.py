"""我的消息: what a resident was told, newest first."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.messages import bp
from blueprints.notices.views import every_line
from catalogue.messages import messages
from models.content import Content
from process import access
from services import notices
from services.messages import inbox as of
from services.messages.wording import language


@bp.get("/messages")
@login_required
def inbox() -> ResponseReturnValue:
    """The resident's list; colleagues have their bell."""
    actor, session = current_actor(), db_session()
    if actor.resident_id is None:
        return redirect(url_for("notices.index"), 303)
    found = of.listed(session, actor)
    ids = {one.content_id for one in found if one.content_id is not None}
    seen = set(session.scalars(access.visible(select(Content.id).where(Content.id.in_(ids)), actor, Content)))
    rows = [
        {
            "uid": one.uid,
            "title": title_of(one.occasion),
            "text": one.text,
            "when": present.moment(one.created_at),
            "iso": one.created_at.isoformat(),
            "read": one.read_at is not None,
            "number": one.content.number if one.content is not None and one.content_id in seen else None,
            "url": url_for("content.show", uid=one.content.uid)
            if one.content is not None and one.content_id in seen
            else None,
        }
        for one in found
    ]
    return render_template("messages/inbox.html", rows=rows, lines=every_line())


@bp.post("/messages/read")
@login_required
def read_all() -> ResponseReturnValue:
    of.read(db_session(), current_actor())
    notices.read_all(db_session(), current_actor())
    return redirect(url_for("messages.inbox"), 303)


@bp.post("/messages/<uid>/read")
@login_required
def read(uid: str) -> ResponseReturnValue:
    of.read(db_session(), current_actor(), uid)
    return redirect(url_for("messages.inbox"), 303)


def title_of(occasion: str) -> str:
    """The heading of an occasion in the reader's language; of one that exists no more, what all of them are."""
    known = messages().occasions.get(occasion)
    return known.title[language(str(get_locale()))] if known is not None else _("消息")
