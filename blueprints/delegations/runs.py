"""送件: runs that carry envelopes, loaded and ticked off by scanning."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.content.actions import FEATURE_LINKS, FEATURE_PAGES
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from blueprints.delegations.bp import bp
from blueprints.dynamic_forms import is_mendable, posted, show_refusal, transition_form
from models.base import now
from models.courier_run import ARRIVED, DROPPED, LISTED, LOADED, MISSING, CourierRun
from process import access, engine
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput, NotFound, Refusal
from services import actions, courier_runs, run_arrivals, run_lines, run_reading

PAGE = 30
DAYS = 30
SHELVES = {
    "open": ("loading", "on_way", "short"),
    "over": ("arrived", "settled", "turned_back", "cancelled"),
    "all": (),
}
SCANNED = ("load", "unload", "tick")
SAID = {LISTED: "needs", LOADED: "running", ARRIVED: "done", MISSING: "late"}
FEATURE_PAGES |= {
    ("courier_run", step): "delegations.run"
    for step in ("load", "unload", "hand_over", "tick", "report_missing", "settle", "bring_back", "cancel")
}


def run_links(session: Session, run: CourierRun, actor: Actor) -> list[tuple[str, str]]:
    if not access.may(actor, access.VIEW_FULL, run, session):
        return []
    return [(_("打开这一趟"), url_for("delegations.run", uid=run.uid))]


FEATURE_LINKS |= {"courier_run": run_links}


def _may_send(actor: Actor) -> bool:
    return not actor.roles.isdisjoint(library.type("courier_run").create)


def may_see_runs(actor: Actor) -> bool:
    """Who hands over and carries, and who watches."""
    return _may_send(actor) or not actor.roles.isdisjoint(("red_courier", "supervisor", "statistician"))


def _require_staff(actor: Actor) -> None:
    if not may_see_runs(actor):
        raise NotFound()


# --- The list


@bp.get("/runs/")
@login_required
def runs() -> ResponseReturnValue:
    """What is being loaded, on its way and short; and how the last weeks went."""
    session, actor = db_session(), current_actor()
    _require_staff(actor)
    chosen = request.args.get("show", "open")
    chosen = chosen if chosen in SHELVES else "open"
    after = request.args.get("after", "")
    before = int(after) if after.isdecimal() and len(after) < 19 else None
    found = run_reading.runs(session, actor, SHELVES[chosen], before=before, limit=PAGE + 1)
    more, found = found[PAGE:], found[:PAGE]
    figures = run_reading.figures(session, actor, now() - timedelta(days=DAYS))
    labels = {"open": _("在办"), "over": _("已结束"), "all": _("全部")}
    return render_template(
        "delegations/runs.html",
        rows=[_row(session, run, actor) for run in found],
        filters=[
            SimpleNamespace(label=label, url=url_for("delegations.runs", show=key), active=key == chosen, count=None)
            for key, label in labels.items()
        ],
        figures=figures,
        lasted=present.lasted(figures.minutes),
        days=DAYS,
        new_url=url_for("delegations.new_run") if _may_send(actor) else None,
        next_url=url_for("delegations.runs", show=chosen, after=found[-1].id) if more else None,
    )


def _row(session: Session, run: CourierRun, actor: Actor) -> Any:
    definition = library.of(run, session)
    ends = run_reading.ends(run)
    full = access.may(actor, access.VIEW_FULL, run, session)
    return SimpleNamespace(
        number=run.number,
        url=url_for("delegations.run" if full else "content.show", uid=run.uid),
        way=run.title,
        carrier=f"{_kinds()[run.carrier_kind]} {run.carrier_name}" if full else _kinds()[run.carrier_kind],
        state=present.state_view(definition.states[run.state]),
        ticked=sum(ticked for _label, _all, ticked in ends),
        envelopes=sum(count for _label, count, _ticked in ends),
        missing=sum(line.envelopes for line in run_lines.missing(run)),
        left=present.moment(run.left_at),
    )


def _kinds() -> dict[str, str]:
    return {key: _(label) for key, label in courier_runs.CARRIERS.items()}


# --- A new one


@bp.route("/runs/new", methods=["GET", "POST"])
@login_required
def new_run() -> ResponseReturnValue:
    """What lies here to be carried, who carries it."""
    session, actor = db_session(), current_actor()
    if not _may_send(actor):
        raise NotFound()
    starts = run_reading.starts(session, actor)
    if not starts:
        raise NotFound()
    typed: dict[str, Any] = {}
    errors: dict[str, str] = {}
    if request.method == "POST":
        typed = {name: request.form.get(name, "") for name in ("place", "carrier_kind", "carrier_name")}
        kind = typed["carrier_kind"]
        typed["carrier"] = request.form.get(f"carrier_{kind}", "") if kind in ("red_courier", "staff") else ""
        typed["numbers"] = request.form.getlist("numbers")
        try:
            with session.begin_nested():
                made = actions.create(session, actor, "courier_run", typed)
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            errors = dict(refusal.errors) or {"": refusal.detail}
        else:
            flash(_("已编好 %(number)s。现在逐件扫码，交给送件人。", number=made.number), "success")
            return redirect(url_for("delegations.run", uid=made.uid), 303)
    wanted = typed.get("place") or request.args.get("place", "")
    start = next((unit for unit in starts if unit.id == wanted), starts[0])
    people = run_reading.carriers(session, start)
    page = render_template(
        "delegations/run_new.html",
        starts=starts,
        start=start,
        waiting=_by_end(run_reading.waiting(session, actor, start)),
        kinds=_kinds(),
        people=people,
        typed=typed,
        errors=[{"field": name, "message": message} for name, message in errors.items()],
        wrong=errors,
    )
    return (page, 422) if errors else page


def _by_end(waiting: list[run_reading.Waiting]) -> list[Any]:
    found: dict[str, list[Any]] = {}
    for one in waiting:
        row = SimpleNamespace(number=one.number, way=one.way, sheets=one.sheets, since=present.moment(one.since))
        found.setdefault(one.to_label, []).append(row)
    return [SimpleNamespace(label=label, rows=rows) for label, rows in found.items()]


# --- One run


@bp.route("/runs/<uid>", methods=["GET", "POST"])
@login_required
def run(uid: str) -> ResponseReturnValue:
    """One run: scanned while it is loaded, scanned when it arrives."""
    found = load_or_404(CourierRun, uid, access.VIEW_FULL)
    if request.method == "GET":
        return _page(found)
    session, actor, step = db_session(), current_actor(), request.form.get("step", "")
    known = library.of(found, session).transitions.get(step)
    try:
        if known is None or known.trigger != "user":
            raise InvalidInput("没有说明要办哪一步，请用页面上的按钮。")
        inputs = {"numbers": request.form.get("code", "")} if step in SCANNED else posted(transition_form(known))
        with session.begin_nested():
            actions.perform(found, step, actor, inputs, on_behalf_of=for_whom())
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        return _page(load_or_404(CourierRun, uid, access.VIEW_FULL), failed=(step, refusal)), 422
    flash(_said(found, step), "success")
    return redirect(url_for("delegations.run", uid=uid), 303)


def _said(run: CourierRun, step: str) -> str:
    ends = run_reading.ends(run)
    count, ticked = sum(n for _l, n, _t in ends), sum(t for _l, _n, t in ends)
    loaded = sum(line.envelopes for line in run.lines if line.state == LOADED)
    match step:
        case "load":
            return _("已点交，这一趟 %(loaded)s/%(count)s 封。", loaded=loaded, count=count)
        case "tick":
            return _("已核对到，这一趟 %(ticked)s/%(count)s 封。", ticked=ticked, count=count)
        case "hand_over":
            return _("已交给%(name)s，收件单位已能看到这一趟。送件交接单在下面打印。", name=run.carrier_name)
    return _("%(number)s：已办好。", number=run.number)


def _page(run: CourierRun, failed: tuple[str, Refusal] | None = None) -> str:
    session, actor = db_session(), current_actor()
    definition = library.of(run, session)
    available = {step.id: step for step in engine.available(run, actor)}
    step, refusal = failed or ("", None)
    forms = {}
    for name in ("hand_over", "report_missing", "settle", "bring_back", "cancel"):
        if name in available:
            forms[name] = transition_form(available[name])
            if refusal is not None and step == name:
                show_refusal(forms[name], refusal)
    scan = next((name for name in ("load", "tick") if name in available), "")
    return render_template(
        "delegations/run.html",
        run=run,
        state=present.state_view(definition.states[run.state]),
        start=run_reading.start_name(run),
        carrier=f"{_kinds()[run.carrier_kind]} {run.carrier_name}",
        left=present.moment(run.left_at),
        ended=present.moment(run.ended_at),
        ends=run_reading.ends(run),
        lines=[_line(session, line, actor, scan) for line in run.lines if line.state != DROPPED],
        titles={name: present.title_of(t) for name, t in available.items()},
        forms=forms,
        open_form=step if step in forms else "",
        scan=scan,
        may_unload="unload" in available,
        problem=refusal.detail if refusal is not None else "",
        typed=request.form.get("code", "")[:60] if refusal is not None else "",
        paper_url=url_for("content.show", uid=run.uid),
    )


def _line(session: Session, line: Any, actor: Actor, scan: str) -> Any:
    mine = any(line.to_unit.path.startswith(path) for path in run_arrivals.receiving_paths(actor))
    whose = line.ended_by if line.state in (ARRIVED, MISSING) else line.loaded_by
    seen = access.may(actor, access.VIEW, line.ticket, session)
    return SimpleNamespace(
        number=line.ticket.number,
        url=url_for("content.show", uid=line.ticket.uid) if seen else None,
        start=line.from_label,
        end=line.to_label,
        envelopes=line.envelopes,
        sheets=line.sheets,
        state=SimpleNamespace(label=_(courier_runs.LINE_STATES[line.state]), tone=SAID.get(line.state, "waiting")),
        who=whose.name if whose is not None else "",
        when=present.moment(line.ended_at or line.loaded_at),
        note=line.note,
        next_label=_("交出")
        if scan == "load" and line.state == LISTED
        else _("到了")
        if scan == "tick" and mine and line.state in (LOADED, MISSING)
        else "",
    )
