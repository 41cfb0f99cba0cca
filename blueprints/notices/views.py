"""What somebody was told: the bell, the lines on the desk, and the list of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from models.notice import Notice
from services import notices
from services.messages import inbox, staff

bp = Blueprint("notices", __name__, url_prefix="/notices")
ON_DESK = 5
CARE_LISTS = {"care:proof": "proof", "care:review": "due", "care:turns_80": "soon"}
SIGNS = {"clock:near": "needs", "clock:late": "late"}


@dataclass(frozen=True)
class Line:
    """One notice as a page shows it; without number and link when the thing is no longer this reader's to see."""

    id: int
    text: str
    when: str
    sign: str
    url: str | None
    read: bool
    unit: str


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """Everything told, newest first."""
    return render_template("notices/index.html", lines=every_line())


@bp.post("/<int:notice_id>/read")
@login_required
def read(notice_id: int) -> ResponseReturnValue:
    notices.read(db_session(), current_actor(), notice_id)
    return redirect(url_for("desk.index" if request.form.get("from") == "desk" else "notices.index"), 303)


@bp.post("/read")
@login_required
def read_all() -> ResponseReturnValue:
    notices.read_all(db_session(), current_actor())
    inbox.read(db_session(), current_actor())
    return redirect(url_for("desk.index" if request.form.get("from") == "desk" else "notices.index"), 303)


@bp.app_context_processor
def bell() -> dict[str, Any]:
    """What the frame of every signed-in page shows: the bell with its count, and the lines for the desk."""
    if g.get("no_page_context") or request.blueprint == "api" or current_actor().person_id is None:
        return {}
    session, actor = db_session(), current_actor()
    resident = actor.resident_id is not None
    return {
        "messages_url": url_for("messages.inbox" if resident else "notices.index"),
        "unread_count": notices.count(session, actor) + (inbox.unread(session, actor) if resident else 0),
        "desk_notices": on_desk,
    }


def on_desk() -> list[Line]:
    """The newest unread lines, for the top of the desk; what has left this reader's hands waits at the bell only."""
    session, actor = db_session(), current_actor()
    found = notices.unread(session, actor, 4 * ON_DESK)
    seen = notices.seen(session, actor, found)
    return _lines([one for one in found if one.content_id is None or one.content_id in seen][:ON_DESK])


def every_line() -> list[Line]:
    """What this reader was told at the bell, newest first; a resident sees it beside the messages."""
    return _lines(notices.listed(db_session(), current_actor()))


def _lines(found: Sequence[Notice]) -> list[Line]:
    seen = notices.seen(db_session(), current_actor(), found)
    return [
        Line(
            notice.id,
            words(notice, notice.content_id is None or notice.content_id in seen),
            present.moment(notice.created_at),
            SIGNS.get(notice.kind, "info"),
            url_for("content.show", uid=notice.content.uid)
            if notice.content_id in seen and notice.content
            else _list_of(notice),
            notice.read_at is not None,
            notice.unit_id or "",
        )
        for notice in found
    ]


def _list_of(notice: Notice) -> str | None:
    """Reminders of the care register speak of a person, not of a thing: they lead to the list in which that person stands."""
    view = CARE_LISTS.get(notice.kind)
    return url_for("visits.register", view=view) if view is not None else None


def words(notice: Notice, visible: bool = True) -> str:
    """The sentence in the reader's language; a word that nothing fills stays as it was written."""
    if not visible:
        return _("有一件事提醒过您，现在已不由您办理。")
    values = {key: _value(key, value) for key, value in (notice.params or {}).items()}
    if notice.content is not None:
        values |= {"number": present.number_of(notice.content), "title": notice.content.title}
    text = (staff.english(notice) if str(get_locale()) == "en" else None) or str(_(notice.text))
    for key, value in values.items():
        text = text.replace(f"%({key})s", str(value))
    return text


def _value(key: str, value: object) -> object:
    if key == "when" and isinstance(value, str):
        return present.moment(datetime.fromisoformat(value))
    return value
