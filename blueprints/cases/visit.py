"""一次来访: everything this visitor came for on one page — accept, defer, tell once, refuse, decide at once, and on to the next."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.cases.bp import bp
from blueprints.content.actions import url_of
from blueprints.context import current_actor, db_session
from models.case import Case
from models.counter import CounterVisit
from process import engine
from process.library import library
from process.refusals import Refusal
from services import case_routing, intake, intake_hall, materials, papers_letters
from services.one_thing import reading as one_thing

# Steps that a visit offers for one matter, in the order of a sitting; what needs words or a date has its own page.
OFFERED = ("defer", "supplement_needed", "reject_intake", "deliver", "review", "approve", "issue")


@bp.get("/counter/visits/<uid>")
@login_required
def visit(uid: str) -> ResponseReturnValue:
    found = intake.load(db_session(), current_actor(), uid)
    return _page(found)


@bp.post("/counter/visits/<uid>")
@login_required
def visit_step(uid: str) -> ResponseReturnValue:
    """One key for all matters: 受理, 当场办结, or 办完叫下一位."""
    session, actor = db_session(), current_actor()
    found = intake.load(session, actor, uid)
    do = request.form.get("do", "")
    if do == "accept":
        _say(intake.accept_all(session, actor, found), _("已受理 %(number)s：%(title)s。"))
    elif do == "settle":
        wanted = request.form.get("case", "")
        outcomes = [
            intake.settle(session, actor, m.case)
            for m in found.matters
            if (m.case.uid == wanted if wanted else intake.is_instant(m.case)) and m.case.closed_at is None
        ]
        _say(outcomes, _("%(number)s：%(title)s 已办到“%(state)s”。"))
    elif do == "next":
        return _next(found)
    return redirect(url_for("cases.visit", uid=found.uid), 303)


def _next(found: CounterVisit) -> ResponseReturnValue:
    """The visitor gets up and the next number is called, with one press."""
    session, actor = db_session(), current_actor()
    try:
        with session.begin_nested():
            intake.close(session, actor, found)
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        flash(refusal.detail, "warning")
        return redirect(url_for("cases.new", visit=found.uid), 303)
    if not intake_hall.may_call(session, actor):
        return redirect(url_for("cases.new", new=1), 303)
    called = intake_hall.call(session, actor)
    if called is None:
        flash(_("现在没有人等候。"), "info")
        return redirect(url_for("cases.new", new=1), 303)
    return redirect(url_for("cases.new", new=1, item=called.items), 303)


@bp.post("/counter/call")
@login_required
def call() -> ResponseReturnValue:
    """叫下一位 before anybody sits here."""
    session, actor = db_session(), current_actor()
    called = intake_hall.call(session, actor)
    if called is None:
        flash(_("现在没有人等候。"), "info")
        return redirect(url_for("cases.new", new=1), 303)
    return redirect(url_for("cases.new", new=1, item=called.items), 303)


def _say(outcomes: list[intake.Outcome], words: str) -> None:
    for one in outcomes:
        case = one.case
        if one.done:
            state = present.state_view(library.of(case, db_session()).states[case.state]).label
            flash(words % {"number": case.number, "title": case.title, "state": state}, "success")
        if one.sentence and (not one.done or case.state in ("submitted", "accepted", "accepted_deferred")):
            flash(f"{case.number} {case.title}：{one.sentence}", "warning")


def _page(found: CounterVisit) -> str:
    session, actor = db_session(), current_actor()
    rows = [_row(matter.case) for matter in found.matters]
    return render_template(
        "cases/visit.html",
        visit=found,
        name=found.resident.name if found.resident is not None else "",
        agent=found.agent,
        rows=rows,
        bundles=[
            SimpleNamespace(number=one.number, title=one.title, url=url_for("one_things.show", uid=one.uid))
            for one in one_thing.of_visit(session, found)
        ],
        may_accept=any(row.acceptable for row in rows),
        may_settle=any(row.settle for row in rows),
        more_url=url_for("cases.new", visit=found.uid) if found.status == "open" else None,
        open=found.status == "open",
        mine=found.clerk_id == actor.person_id,
        may_call=intake_hall.may_call(session, actor),
        trips=max((m.case.trips for m in found.matters), default=0),
        window=found.window or actor.unit_name,
    )


def _row(case: Case) -> Any:
    session, actor = db_session(), current_actor()
    allowed = {t.id: t for t in engine.available(case, actor)}
    defects = materials.defects(case)
    owed = materials.owed(case)
    carried = case_routing.must_carry(session, case) if case.state == "submitted" else False
    complete = not materials.missing(case)
    instant = intake.is_instant(case)
    steps = []
    for name in OFFERED:
        if name not in allowed or (name == "defer" and (complete or any(m.critical for m in materials.missing(case)))):
            continue
        if name == "supplement_needed" and not defects:
            continue
        if name in ("review", "approve", "issue") and instant:
            continue
        steps.append(SimpleNamespace(label=present.title_of(allowed[name]), url=url_of(case, allowed[name])))
    return SimpleNamespace(
        uid=case.uid,
        number=case.number,
        title=case.title,
        url=url_for("content.show", uid=case.uid),
        state=present.state_view(library.of(case, session).states[case.state]),
        defects=[(m.name, why, m.critical) for m, why in defects],
        owed=[m.name for m in owed],
        carried=case_routing.deciding_unit(session, case).name if carried else "",
        carry_url=url_for("delegations.new", case=case.uid) if carried else None,
        acceptable="accept" in allowed and complete and not carried,
        settle=instant and complete and bool({"accept", "review", "approve", "issue"} & allowed.keys()) and not carried,
        waits=intake.waits_for(case) if instant and not carried and case.closed_at is None else "",
        steps=steps,
        notice=papers_letters.notice_text(case, defects) if defects else "",
        came=[(m.name, m.source_words) for m in case.materials if m.source_words],
        papers_url=url_for("content.show", uid=case.uid) + "#papers",
        took=_took(case),
    )


def _took(case: Case) -> str:
    """From filing to issue, for what is issued."""
    if case.filed_at is None or case.issued_at is None:
        return ""
    return present.lasted(max(1.0, (case.issued_at - case.filed_at).total_seconds() / 60))
