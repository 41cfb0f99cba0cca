"""村社轮值: the month of a place, a day by hand, two people swapping, and the day's record."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.grid import forms, words
from blueprints.grid.bp import bp
from blueprints.grid.forms import Box
from models.agency import Agency
from models.roster import RosterShift
from process import clock, day_words
from process.refusals import NotFound, Refusal
from services import grid_log, grid_rights, rosters
from services.rosters import SHIFTS


@bp.get("/roster")
@login_required
def my_roster() -> ResponseReturnValue:
    """Straight to the roster of the place I work at."""
    place = own_place()
    if place is None:
        raise NotFound()
    return redirect(url_for("grid.roster", place_id=place.id), 303)


def own_place() -> Agency | None:
    """The place with a roster that the reader works at; None when there is none, and the way to it is not shown."""
    actor = current_actor()
    unit = db_session().get(Agency, actor.unit_id) if actor.unit_id else None
    while unit is not None and unit.kind not in rosters.KINDS:
        unit = unit.parent
    return unit if grid_rights.works_in_office(actor) else None


@bp.get("/<place_id>/roster")
@login_required
def roster(place_id: str) -> ResponseReturnValue:
    """A month as a calendar with names: who is on duty when, how often each one, and what may be done."""
    session, actor = db_session(), current_actor()
    place = _place(place_id)
    first, last = grid_log.month_of(request.args.get("month", ""))
    shifts = rosters.month(session, place, first, last)
    keeper, today = grid_rights.keeps(actor, place), grid_rights.today()
    people = rosters.staff(session, place, max(first, today))
    record = rosters.record_of(session, actor, place, today)
    english = str(get_locale()) == "en"
    return render_template(
        "grid/roster.html",
        place=place,
        month=f"{first:%Y-%m}",
        before=f"{first - timedelta(days=1):%Y-%m}",
        after=f"{last + timedelta(days=1):%Y-%m}",
        weeks=_weeks(place, first, last, shifts, keeper),
        week=day_words.WEEK_EN if english else "一二三四五六日",
        turns=[SimpleNamespace(name=p.name, count=n) for p, n in rosters.turns(shifts)],
        staff=[p.name for p in people],
        each=max(rosters.FEWEST, -(-len(people) // 2)),
        gap=first.year not in clock.calendar(session).years,
        keeper=keeper,
        planned=bool(shifts),
        past=last < today,
        today=[SimpleNamespace(name=s.person.name, shift=_(SHIFTS[s.shift])) for s in shifts.get(today, ())],
        in_month=first <= today <= last,
        record_url=url_for("content.show", uid=record.uid) if record else None,
        may_begin=record is None
        and keeper
        and place.kind != "grid"
        and bool(shifts.get(today))
        and rosters.may_begin(actor, place),
        entries=words.story(rosters.story(session, place, first), {}) if keeper else [],
    )


def _place(place_id: str) -> Agency:
    if not grid_rights.works_in_office(current_actor()):
        raise NotFound()
    return rosters.place_of(db_session(), place_id)


def _weeks(place: Agency, first: date, last: date, shifts: dict[date, list[RosterShift]], keeper: bool) -> list[Any]:
    calendar, today = clock.calendar(db_session()), grid_rights.today()
    known = first.year in calendar.years
    cells: list[Any] = [None] * first.weekday()
    day = first
    while day <= last:
        there = shifts.get(day, [])
        cells.append(
            SimpleNamespace(
                day=day.day,
                rest=known and not calendar.is_working_day(day),
                today=day == today,
                name=calendar.names.get(day, "") if known else "",
                shifts=[
                    SimpleNamespace(
                        title=_(SHIFTS[kind]) if kind != "day" else "",
                        names=[s.person.name for s in there if s.shift == kind],
                    )
                    for kind in SHIFTS
                    if any(s.shift == kind for s in there)
                ],
                url=url_for("grid.roster_day", place_id=place.id, day=day.isoformat())
                if keeper and day >= today
                else None,
            )
        )
        day += timedelta(days=1)
    return [cells[n : n + 7] for n in range(0, len(cells), 7)]


def _kept(place_id: str) -> Agency:
    place = _place(place_id)
    if not grid_rights.keeps(current_actor(), place):
        raise NotFound()
    return place


@bp.post("/<place_id>/roster/propose")
@login_required
def roster_propose(place_id: str) -> ResponseReturnValue:
    """Writes a fair month: half of the staff each working day."""
    session, place = db_session(), _kept(place_id)
    first, last = grid_log.month_of(request.form.get("month", ""))
    plan, refusal = forms.attempt(lambda: rosters.take_proposal(session, current_actor(), place, first, last))
    if refusal is not None:
        flash(refusal.detail, "error")
    elif plan is not None:
        flash(_("已排好 %(n)s 个工作日，可以逐天改、换班。", n=len(plan)), "success")
    return redirect(url_for("grid.roster", place_id=place_id, month=f"{first:%Y-%m}"), 303)


@bp.route("/<place_id>/roster/<day>", methods=["GET", "POST"])
@login_required
def roster_day(place_id: str, day: str) -> ResponseReturnValue:
    """One day by hand: who, on which shift; and swapping with another day."""
    session, place = db_session(), _kept(place_id)
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise NotFound() from None
    refusal: Refusal | None = None
    back = url_for("grid.roster", place_id=place_id, month=f"{when:%Y-%m}")
    if request.method == "POST":
        _done, refusal = forms.attempt(
            lambda: rosters.set_day(
                session,
                current_actor(),
                place,
                when,
                request.form.get("shift", ""),
                [int(i) for i in request.form.getlist("people") if i.isdecimal() and len(i) < 10],
                request.form.get("reason", ""),
            )
        )
        if refusal is None:
            flash(_("%(day)s 的值班已改。", day=present.day_of(when)), "success")
            return redirect(back, 303)
        place = _kept(place_id)
    there = rosters.month(session, place, when, when).get(when, [])
    calendar = clock.calendar(session)
    working = when.year in calendar.years and calendar.is_working_day(when)
    shift = request.args.get("shift") or (there[0].shift if there else "day" if working else "weekend")
    if shift not in SHIFTS:
        shift = "day"
    boxes = [
        Box("shift", _("班次"), "radio", shift, [(s, _(t)) for s, t in SHIFTS.items()], attrs={"side": True}),
        Box(
            "people",
            _("谁值班"),
            "boxes",
            [str(s.person_id) for s in there if s.shift == shift],
            [(str(p.id), p.name, False, p.title) for p in rosters.staff(session, place, when)],
            description=_("每班至少 2 人；都不选就取消这一班。"),
        ),
        Box("reason", _("原因"), required=False, attrs={"maxlength": 200}),
    ]
    return forms.page(
        _("%(day)s 值班", day=present.full_day(when)),
        boxes,
        submit=_("保存"),
        back=back,
        crumbs=[(place.name, url_for("places.show", place_id=place.id)), (_("值班表"), back)],
        refusal=refusal,
        intro="" if working else _("这一天不是工作日。"),
        more=[(_("和别的日子换班"), url_for("grid.roster_swap", place_id=place_id, day=day))] if there else [],
    )


@bp.route("/<place_id>/roster/<day>/swap", methods=["GET", "POST"])
@login_required
def roster_swap(place_id: str, day: str) -> ResponseReturnValue:
    """Two people take each other's day."""
    session, place = db_session(), _kept(place_id)
    try:
        when = date.fromisoformat(day)
    except ValueError:
        raise NotFound() from None
    back, refusal = url_for("grid.roster", place_id=place_id, month=f"{when:%Y-%m}"), None
    if request.method == "POST":
        ids = [
            int(request.form.get(n, "") or 0) if request.form.get(n, "").isdecimal() else 0 for n in ("first", "second")
        ]
        done, refusal = forms.attempt(
            lambda: rosters.swap(session, current_actor(), ids[0], ids[1], request.form.get("reason", ""))
        )
        if done is not None:
            one, two = done
            flash(
                _("已换班：%(a)s %(x)s，%(b)s %(y)s。", a=one.day, x=one.person.name, b=two.day, y=two.person.name),
                "success",
            )
            return redirect(back, 303)
        place = _kept(place_id)
    first, last = grid_log.month_of(f"{when:%Y-%m}")
    shifts = rosters.month(session, place, max(first, grid_rights.today()), last)

    def said(shift: RosterShift) -> str:
        return f"{shift.day.month}月{shift.day.day}日 {shift.person.name}（{_(SHIFTS[shift.shift])}）"

    mine = shifts.get(when, [])
    return forms.page(
        _("换班"),
        [
            Box("first", _("哪一班"), "radio", str(mine[0].id) if mine else "", [(str(s.id), said(s)) for s in mine]),
            Box(
                "second",
                _("和哪一班换"),
                "select",
                "",
                [("", ""), *((str(s.id), said(s)) for d, found in shifts.items() if d != when for s in found)],
            ),
            Box("reason", _("原因"), attrs={"maxlength": 200}),
        ],
        submit=_("换班"),
        back=back,
        crumbs=[(place.name, url_for("places.show", place_id=place.id)), (_("值班表"), back)],
        refusal=refusal,
    )


@bp.post("/<place_id>/roster/begin")
@login_required
def roster_begin(place_id: str) -> ResponseReturnValue:
    """The day's record with hand-over, begun from the roster."""
    place = _kept(place_id)
    made, refusal = forms.attempt(lambda: rosters.begin_record(db_session(), current_actor(), place))
    if made is None:
        flash(refusal.detail if refusal else "", "error")
        return redirect(url_for("grid.roster", place_id=place_id), 303)
    return redirect(url_for("content.show", uid=made.uid), 303)
