"""预约: a resident books by phone, one question a page; and their numbers of today and later."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints.context import current_actor, db_session, load_or_404
from blueprints.grid import forms
from blueprints.hall.bp import bp
from blueprints.hall.desk import grounds, items_of
from models.agency import Agency
from models.base import now
from models.content import Content
from process import clock
from process.numbers import CHINA
from process.refusals import InvalidInput, NotFound
from services import actions, grid_rights, hall, opening
from services.hall import booking, tables, tickets


def _resident() -> None:
    if current_actor().resident_id is None:
        raise NotFound()


def halls() -> list[Agency]:
    """Where one may book: service centres, those with windows."""
    day = clock.local_day(now())
    found = db_session().scalars(
        select(Agency).where(Agency.kind.in_(("street_centre", "sub_centre"))).order_by(Agency.path).limit(60)
    )
    return [one for one in found if one.exists_on(day)]


@bp.get("/mine")
@login_required
def mine() -> ResponseReturnValue:
    """My numbers: when, where, how many are before me, and what became of it."""
    _resident()
    session, actor = db_session(), current_actor()
    return render_template(
        "hall/mine.html",
        rows=[
            SimpleNamespace(
                url=url_for("hall.slip", uid=one.content.uid),
                ticket=one.ticket or "",
                hall=tables.hall_agency(one.content).name,
                matter=str((one.content.fields or {}).get("matter") or ""),
                slot=tickets.say_slot(one),
                state=one.state,
                ahead=hall.ahead(session, one) if one.state == "waiting" else None,
                counter=one.counter.code if one.counter else "",
            )
            for one in booking.of_resident(session, actor)
        ],
        book_url=url_for("hall.book"),
    )


@bp.route("/book", methods=["GET", "POST"])
@login_required
def book() -> ResponseReturnValue:
    """One page after the other: where and what, then the day and the time. What was chosen is carried along."""
    _resident()
    session, actor = db_session(), current_actor()
    known = halls()
    given: Any = request.form if request.method == "POST" else request.args
    place = next((one for one in known if one.id == given.get("hall")), known[0] if len(known) == 1 else None)
    items = [one for one in given.getlist("item") if one]
    words, refusal = given.get("words", ""), None
    letter = tables.letter_for(session, place.id, items[0] if items else "") if place else tables.ANY
    if request.method == "POST" and place is not None and request.form.get("slot"):
        made, refusal = forms.attempt(
            lambda: hall.book(
                session,
                actor,
                place.id,
                _slot(request.form["slot"]),
                matters=items,
                words=words,
                ground=request.form.get("ground", ""),
            )
        )
        if refusal is None and made is not None:
            flash(
                _("约好了：%(when)s，%(hall)s。当天到厅再取号。", when=tickets.say_slot(made), hall=place.name),
                "success",
            )
            return redirect(url_for("hall.slip", uid=made.content.uid), 303)
    elif request.method == "POST":
        refusal = InvalidInput(_("请选时间。"), {"slot": _("请选时间")})
    page = 2 if place is not None and (items or words) else 1
    problem = refusal.detail if refusal else ""
    if page == 1 and given.get("asked"):
        problem = _("请选大厅，再选要办的事，或者写几个字。")
    html = render_template(
        "hall/book.html",
        page=page,
        place=place,
        halls=known,
        items=items_of(session, place or known[0]) if known else [],
        chosen=items,
        words=words,
        ground=given.get("ground", ""),
        grounds=grounds(),
        problem=problem,
        days=_days(place, letter) if page == 2 and place else [],
        day=_chosen_day(place, letter, given.get("day", "")) if page == 2 and place else None,
        progress=SimpleNamespace(index=page, total=2),
        back_url=url_for("hall.book", hall=place.id if place else None) if page == 2 else url_for("hall.mine"),
        change=None,
    )
    return (html, refusal.status) if refusal else html


@bp.route("/n/<uid>/rebook", methods=["GET", "POST"])
@login_required
def rebook(uid: str) -> ResponseReturnValue:
    """改约: another time for the same number of matters."""
    content = load_or_404(Content, uid)
    session, actor = db_session(), current_actor()
    if content.type != tables.TYPE or content.state != "booked":
        raise NotFound()
    place, one, refusal = tables.hall_agency(content), tables.ticket(session, content), None
    if request.method == "POST":
        raw = request.form.get("slot", "")
        done, refusal = forms.attempt(
            lambda: actions.perform(content, "rebook", actor, {"new_slot": _slot(raw).isoformat()})
        )
        if refusal is None and done is not None:
            flash(_("已改到%(when)s。", when=tickets.say_slot(one)), "success")
            return redirect(url_for("hall.slip", uid=uid), 303)
    html = render_template(
        "hall/book.html",
        page=2,
        place=place,
        halls=[place],
        items=[],
        chosen=[],
        words=str((content.fields or {}).get("matter") or ""),
        ground="",
        grounds=[],
        problem=refusal.detail if refusal else "",
        days=_days(place, one.service),
        day=_chosen_day(place, one.service, request.values.get("day", "")),
        progress=None,
        back_url=url_for("hall.slip", uid=uid),
        change=uid,
    )
    return (html, refusal.status) if refusal else html


def _slot(raw: str) -> Any:
    try:
        return booking.moment(raw)
    except ValueError as problem:
        raise InvalidInput(_("请从上面选一个时间。"), {"slot": _("请选时间")}) from problem


def _days(place: Agency, letter: str) -> list[Any]:
    session, at = db_session(), now()
    return [
        SimpleNamespace(
            value=day.isoformat(),
            words=f"{day.month}月{day.day}日 周{booking.WEEKDAYS[day.weekday()]}",
            free=sum(slot.left for slot in booking.slots(session, place, letter, day, at)),
        )
        for day in booking.days(session, place, at)
    ]


def _chosen_day(place: Agency, letter: str, raw: str) -> Any:
    session, at = db_session(), now()
    days = booking.days(session, place, at)
    wrong, day = "", next((d for d in days if any(s.free for s in booking.slots(session, place, letter, d, at))), None)
    if raw:
        try:
            wanted: date | None = grid_rights.day(raw, "day")
        except InvalidInput as refusal:
            wrong, wanted = refusal.detail, None
        if wanted is not None and wanted not in days:
            _done, refused = forms.attempt(
                lambda: booking.check(session, place, letter, booking.moment(f"{wanted}T09:00"), at)
            )
            wrong = refused.detail if refused else ""
        elif wanted is not None:
            day = wanted
    if day is None:
        return SimpleNamespace(value="", words="", slots=[], wrong=wrong or booking.offer(session, place, letter, at))
    return SimpleNamespace(
        value=day.isoformat(),
        words=f"{day.month}月{day.day}日 周{booking.WEEKDAYS[day.weekday()]}",
        hours=opening.in_words(opening.hours(session, place, "window", day)),
        slots=[
            SimpleNamespace(
                value=slot.value,
                words=f"{slot.start.astimezone(CHINA):%H:%M}–{slot.end.astimezone(CHINA):%H:%M}",
                left=slot.left,
            )
            for slot in booking.slots(session, place, letter, day, at)
        ],
        wrong=wrong,
    )
