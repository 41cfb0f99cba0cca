"""The working-day calendar: look, enter next year's notice, upload Excel, change a day; always tried before it is saved."""

from __future__ import annotations

import io
from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Response, flash, g, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.calendar.gap import calendar_gap
from blueprints.context import current_actor, db_session
from models.base import now
from models.clock import CalendarChange
from process import clock, day_words
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotFound
from services import calendar_excel, calendar_notice, calendars
from services.calendars import Day, Plan, Preview, WrongPlan

bp = Blueprint("calendar", __name__, url_prefix="/admin/calendar")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _administrator(year: int | None = None) -> None:
    """The calendar moves the dates of the whole installation: administrators only, for everybody else it is not there."""
    if "system_admin" not in current_actor().roles:
        raise NotFound()
    if year is not None:
        calendars.check_year(year)


@bp.app_context_processor
def warning() -> dict[str, Any]:
    """The frame of every page may ask whether a year is missing that this page depends on."""
    return {} if g.get("no_page_context") or request.blueprint == "api" else {"calendar_gap": calendar_gap}


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    _administrator()
    session = db_session()
    today = clock.local_day(now())
    return render_template(
        "calendar/index.html",
        lines=calendars.years(session, today),
        this_year=today.year,
        changes=[_change(change) for change in calendars.changes(session)],
    )


@bp.get("/<int:year>")
@login_required
def show(year: int) -> ResponseReturnValue:
    """A year as twelve months."""
    _administrator(year)
    session = db_session()
    days = calendars.year_of(session, year)
    return render_template(
        "calendar/year.html",
        year=year,
        months=_months(year, days) if days else None,
        working=sum(day.working for day in days.values()) if days else 0,
        week=day_words.WEEK_EN if str(get_locale()) == "en" else "一二三四五六日",
        changes=[_change(change) for change in calendars.changes(session, year, 10)],
        today=clock.local_day(now()),
    )


@bp.get("/days/<day>")
@login_required
def edit(day: str) -> ResponseReturnValue:
    """One day and what it may become."""
    _administrator()
    found = _day(day)
    entry = _entry(found)
    return _edit_page(found, entry, {"name": entry.name, "working": "on" if entry.working else "off", "reason": ""})


@bp.get("/<int:year>/fill")
@login_required
def fill(year: int) -> ResponseReturnValue:
    """Next year's notice: pasted, filled in, or as an Excel file."""
    _administrator(year)
    days = calendars.year_of(db_session(), year)
    rows = calendar_notice.rows_of(days) if days else calendar_notice.blank()
    return _fill_page(year, [*rows, *(calendar_notice.Row(),) * 2][: calendar_notice.MOST_ROWS])


@bp.post("/<int:year>/read")
@login_required
def read(year: int) -> ResponseReturnValue:
    """Reads a pasted notice into the rows of the form; nothing is saved."""
    _administrator(year)
    text = request.form.get("text", "")
    try:
        rows, notes = calendar_notice.read_text(year, text)
    except WrongPlan as wrong:
        return _fill_page(year, calendar_notice.blank(), text=text, wrong=wrong, part="text")
    for note in notes:
        flash(note, "info")
    return _fill_page(year, [*rows, calendar_notice.Row(), calendar_notice.Row()], text=text, read=len(rows))


@bp.get("/<int:year>/template.xlsx")
@login_required
def template(year: int) -> ResponseReturnValue:
    """The Excel file to fill in, with what the year has already."""
    _administrator(year)
    content = calendar_excel.template(year, calendars.year_of(db_session(), year) or {})
    answer = send_file(io.BytesIO(content), mimetype=XLSX, as_attachment=True, download_name=f"{year}年工作日历.xlsx")
    # `send_file` asks caches to check again; nothing of an office is to be kept at all.
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/<int:year>/preview")
@login_required
def preview(year: int) -> ResponseReturnValue:
    """What saving would change; the plan travels on as a hidden field and is checked again when it is saved."""
    _administrator(year)
    source = request.form.get("source", "")
    reason = request.form.get("reason", "")
    if source == "day":
        return _preview_day(year, reason)
    rows = _rows()
    try:
        if source == "excel":
            file = request.files.get("file")
            plan = calendar_excel.read(year, file.read(calendar_excel.MAX_BYTES + 1) if file else b"")
        else:
            source = "notice"
            plan, _kept = calendar_notice.read_rows(year, rows)
        return _preview_page(year, plan, reason, source, whole=True)
    except InvalidInput as wrong:
        shown = [calendar_notice.Row(**row) for row in rows] if source == "notice" else calendar_notice.blank()
        return _fill_page(year, shown, wrong=wrong, part=source, reason=reason)


def _preview_day(year: int, reason: str) -> ResponseReturnValue:
    found = _day(request.form.get("day", ""))
    typed = {key: request.form.get(key, "") for key in ("working", "name", "reason")}
    try:
        name = clean_text(typed["name"], calendars.LONGEST_NAME)
        if typed["working"] not in ("on", "off"):
            raise InvalidInput(_("请选这一天上班还是放假。"), {"working": _("请选一项")})
        usual = calendars.default(found).working == (typed["working"] == "on")
        if not usual and not name:
            raise InvalidInput(_("与平常不同的日子要有名称，例如“台风停工”“春节调休”。"), {"name": _("请写名称")})
        return _preview_page(year, {found: Day(typed["working"] == "on", name)}, reason, "day", whole=False)
    except ValueError as error:
        problem = InvalidInput(str(error), {"name": str(error)})
    except InvalidInput as refusal:
        problem = refusal
    return _edit_page(found, _entry(found), typed, problem)


@bp.post("/<int:year>/save")
@login_required
def save(year: int) -> ResponseReturnValue:
    """Writes the plan that was tried; the dates of everything open follow in the background."""
    _administrator(year)
    form = request.form
    source = form.get("source", "")
    if source not in calendars.SOURCES:
        raise InvalidInput(_("要保存的日历读不出来，可能页面开得太久。请重新预览一次再保存。"))
    made = calendars.save(
        db_session(),
        current_actor(),
        year,
        calendars.unpack(form.get("plan", "")),
        reason=form.get("reason", ""),
        source=source,
        whole=source != "day",
    )
    if made is None:
        flash(_("与现有日历一样，没有要改的。"), "info")
    else:
        flash(
            _("已保存，改动 %(n)d 天。在办件的期限正在后台重算，原先答应办事人的日期保留在案。", n=len(made.days)),
            "success",
        )
    return redirect(url_for("calendar.show", year=year), 303)


def _rows() -> list[dict[str, str]]:
    columns = {key: request.form.getlist(key) for key in ("name", "first", "last", "made_up")}
    count = min(max((len(values) for values in columns.values()), default=0), calendar_notice.MOST_ROWS)
    return [
        {key: (values[n] if n < len(values) else "")[:200] for key, values in columns.items()} for n in range(count)
    ]


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise NotFound() from None
    calendars.check_year(found.year)
    return found


def _entry(day: date) -> Day:
    days = calendars.year_of(db_session(), day.year)
    if days is None:
        raise NotFound(_("%(year)s年还没有日历，请先录入整年的安排，再改某一天。", year=day.year))
    return days[day]


def _edit_page(day: date, entry: Day, typed: dict[str, str], problem: InvalidInput | None = None) -> Any:
    html = render_template(
        "calendar/day.html", day=day, label=_label(day), entry=_entry_words(day, entry), typed=typed, problem=problem
    )
    return Response(html, 422 if problem else 200)


def _fill_page(
    year: int,
    rows: list[calendar_notice.Row],
    *,
    text: str = "",
    wrong: InvalidInput | None = None,
    part: str = "",
    read: int = 0,
    reason: str = "",
) -> Any:
    faults = [f"{fault.where}：{fault.what}" for fault in wrong.faults] if isinstance(wrong, WrongPlan) else []
    html = render_template(
        "calendar/fill.html",
        year=year,
        known=calendars.year_of(db_session(), year) is not None,
        rows=rows,
        text=text,
        wrong=wrong,
        faults=faults or ([wrong.detail] if wrong else []),
        part=part,
        read=read,
        reason=reason or f"国务院办公厅关于{year}年部分节假日安排的通知",
    )
    return Response(html, 422 if wrong else 200)


def _preview_page(year: int, plan: Plan, reason: str, source: str, *, whole: bool) -> ResponseReturnValue:
    seen: Preview = calendars.preview(db_session(), year, plan, whole=whole)
    why = calendars.clean_reason(reason)
    return render_template(
        "calendar/preview.html",
        year=year,
        seen=seen,
        lines=[
            SimpleNamespace(
                label=_label(change.day),
                before=_entry_words(change.day, change.before) if change.before else _("还没有"),
                after=_entry_words(change.day, change.after),
            )
            for change in seen.changes
        ],
        types=[(present.title_of(library.type(name)), count) for name, count in sorted(seen.by_type.items())],
        plan=calendars.pack(plan),
        reason=why,
        source=source,
    )


def _label(day: date) -> str:
    if str(get_locale()) == "en":
        return f"{day_words.WEEK_EN[day.weekday()]} {day_words.say(day)}"
    return f"{day.year}年{day.month}月{day.day}日 周{present.WEEKDAYS[day.weekday()]}"


def _name(text: str) -> str:
    return day_words.name(text) if str(get_locale()) == "en" else text


def _entry_words(day: date, entry: Day) -> str:
    worked = _("调休上班") if day.weekday() >= 5 else _("上班")
    free = _("放假") if entry.name or day.weekday() < 5 else _("周末")
    word = worked if entry.working else free
    return f"{word} {_name(entry.name)}".strip()


def _months(year: int, days: dict[date, Day]) -> list[SimpleNamespace]:
    months = []
    for number in range(1, 13):
        cells: list[Any] = [None] * date(year, number, 1).weekday()
        for day, entry in days.items():
            if day.month == number:
                special = bool(entry.name) or entry != calendars.default(day)
                kind = (
                    "made" if entry.working and day.weekday() >= 5
                    else "off" if not entry.working and (special or day.weekday() < 5)
                    else "rest" if not entry.working
                    else "work"
                )  # fmt: skip
                cells.append(
                    SimpleNamespace(
                        day=day,
                        kind=kind,
                        mark={"made": _("班"), "off": _("休")}.get(kind, ""),
                        said=f"{_label(day)} {_entry_words(day, entry)}",
                    )
                )
        title = day_words.MONTHS[number - 1] if str(get_locale()) == "en" else f"{number}月"
        months.append(SimpleNamespace(title=title, weeks=[cells[n : n + 7] for n in range(0, len(cells), 7)]))
    return months


def _change(change: CalendarChange) -> SimpleNamespace:
    return SimpleNamespace(
        when=present.moment(change.at),
        who=change.person.name if change.person else "",
        year=change.year,
        reason=change.reason,
        days=len(change.days),
        checked=change.checked,
        moved=change.moved,
        done=change.done_at is not None,
    )
