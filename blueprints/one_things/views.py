"""One bundle: its branches side by side, what was spared, the one exit and the one rating."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present, timeline
from blueprints.content import parcels  # noqa: F401  its box of a case stands below ours
from blueprints.content.matter import PANELS
from blueprints.context import current_actor, db_session
from blueprints.exits import rows as shown
from blueprints.one_things.bp import bp
from blueprints.one_things.themes import standing_words
from blueprints.reports.words import share
from models.one_thing import OneThing, OneThingMember
from process import access, engine
from process.access import Actor
from process.library import library
from process.masking import mask_name
from process.refusals import Refusal
from process.words import N_
from services import outgoing
from services.one_thing import exit, reading

# What the history of a member says about the bundle.
timeline.JOURNAL_WORDS |= {
    "one_thing:file": N_("作为一件事一并申报"),
    "one_thing:branch_ended": N_("一件事的这一件已有结果，其余照办"),
    "one_thing:close": N_("一件事全部办完"),
}


@bp.get("/<uid>")
@login_required
def show(uid: str) -> ResponseReturnValue:
    return _page(reading.load(db_session(), current_actor(), uid))


@bp.post("/<uid>/hand-over")
@login_required
def hand_over(uid: str) -> ResponseReturnValue:
    """一并交付: everything that waits, into the same hands, against one receipt."""
    return _do(
        uid,
        lambda bundle, actor: exit.hand_over(db_session(), actor, bundle, request.form),
        lambda receipt: _("已一并交出 %(n)d 份，签收单 %(number)s。", n=len(receipt.rows), number=receipt.number),
        lambda receipt: url_for("exits.receipt", uid=receipt.uid),
    )


@bp.post("/<uid>/cabinet")
@login_required
def cabinet(uid: str) -> ResponseReturnValue:
    """一个取件柜: all results in one box, one code to the resident."""
    box = request.form.get("box", "")[:20]
    return _do(
        uid,
        lambda bundle, actor: exit.into_cabinet(db_session(), actor, bundle, box),
        lambda _made: _("都已放进 %(box)s 号柜，取件码已发给本人。", box=box.strip().upper()),
    )


@bp.post("/<uid>/send")
@login_required
def send(uid: str) -> ResponseReturnValue:
    """一个包裹: all results under one number."""
    number = request.form.get("express_number", "")[:40]
    return _do(
        uid,
        lambda bundle, actor: exit.send(db_session(), actor, bundle, number),
        lambda _m: _("已装进一个包裹交快递。"),
    )


@bp.post("/<uid>/signed")
@login_required
def signed(uid: str) -> ResponseReturnValue:
    """The parcel has arrived: everything in it is delivered."""
    name = request.form.get("signed_by", "")[:60]
    return _do(
        uid,
        lambda bundle, actor: exit.signed(db_session(), actor, bundle, name),
        lambda _m: _("包裹已签收，都已送达。"),
    )


@bp.post("/<uid>/rate")
@login_required
def rate(uid: str) -> ResponseReturnValue:
    """One rating for all of it."""
    score, words = request.form.get("score", ""), request.form.get("comment", "")
    return _do(
        uid, lambda bundle, actor: exit.rate(db_session(), actor, bundle, score, words), lambda _m: _("谢谢您的评价。")
    )


def _do(
    uid: str, verb: Any, done: Callable[[Any], str], onward: Callable[[Any], str] | None = None
) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    bundle = reading.load(session, actor, uid)
    try:
        with session.begin_nested():
            made = verb(bundle, actor)
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return _page(reading.load(session, actor, uid), refusal), refusal.status
    flash(done(made), "success")
    return redirect(onward(made) if onward is not None else url_for("one_things.show", uid=uid), 303)


def _page(bundle: OneThing, refusal: Refusal | None = None) -> str:
    session, actor = db_session(), current_actor()
    standing = reading.standing(bundle)
    counted = reading.came(session, bundle)
    label, tone = standing_words(standing)
    own = actor.resident_id is not None and actor.resident_id == bundle.resident_id
    full = own or any(access.may(actor, access.VIEW_FULL, member.case, session) for member in bundle.members)
    waiting = exit.at_window(session, actor, bundle) if standing != reading.RUNNING else []
    hands = bool(waiting) and not actor.roles.isdisjoint(outgoing.HANDS)
    parcel = exit.in_parcel(session, bundle)
    errors = refusal.errors if refusal is not None else {}
    until = reading.promised(bundle)
    return render_template(
        "one_things/show.html",
        bundle=bundle,
        label=label,
        tone=tone,
        name=bundle.resident.name if full else mask_name(bundle.resident.name),
        rows=[_branch(bundle, member, actor) for member in bundle.members],
        left_out=bundle.left_out,
        promised=present.day(until) if until is not None and standing == reading.RUNNING else "",
        came=counted,
        steps=[
            SimpleNamespace(when=present.moment(e.at), what=_(e.step), why=_(e.why), unit=e.unit, came=e.came)
            for e in counted.events
        ],
        saved=saved(bundle),
        example=reading.is_example(bundle),
        shared=sorted(set(reading.elsewhere(bundle))),
        results=[_result(one) for one in exit.results(session, bundle) if one.row is not None],
        receipts=[
            SimpleNamespace(
                number=one.number,
                when=present.moment(one.at),
                url=url_for("exits.receipt", uid=one.uid)
                if any(one.unit.path.startswith(path) for path in outgoing.paths(actor))
                else None,
            )
            for one in exit.receipts(session, bundle)
        ],
        hands=len(waiting) if hands else 0,
        may_send=hands and any(row.kind == "result" for row in waiting),
        sent=bool(parcel) and all(_may(row.case, "deliver", actor) for row in parcel),
        may_rate=own
        and standing == reading.CLOSED
        and bundle.rating is None
        and any(member.case.state == "delivered" for member in bundle.members),
        problem=refusal.detail if refusal is not None else "",
        wrong=errors,
        errors=[{"field": "" if name.startswith("pick") else name, "message": text} for name, text in errors.items()]
        or [{"field": "", "message": refusal.detail if refusal is not None else ""}],
        typed=request.form,
        list_url=url_for("one_things.index"),
        exit_url=url_for("exits.index") if hands or (parcel and outgoing.paths(actor)) else None,
    )


def _result(one: exit.Result) -> Any:
    """What came of a member and where it is now."""
    assert one.row is not None
    return SimpleNamespace(
        name=one.name,
        holds=one.holds,
        waits=one.row.state != outgoing.GONE,
        where=_("在%(unit)s等人来领", unit=one.row.unit.name) if one.waits else shown.state_words(one.row),
    )


def saved(bundle: OneThing) -> list[Any]:
    """What one filing spared, each with its numerator and base."""
    rows = (
        (_("材料"), bundle.papers_single, bundle.papers_joint, _("份")),
        (_("承诺时间"), bundle.days_single, bundle.days_joint, _("个工作日")),
        (_("要填的项"), bundle.boxes_single, bundle.boxes_joint, _("项")),
        (_("要报的次数"), len(bundle.members), 1, _("次")),
    )
    return [
        SimpleNamespace(name=name, single=single, joint=joint, unit=unit, less=share(single - joint, single))
        for name, single, joint, unit in rows
    ]


def _panel(session: Session, case: Any, actor: Actor, full: bool) -> Any:
    """On the page of a member: the bundle it belongs to, above what that page shows anyway."""
    inner = _CASE(session, case, actor, full)
    bundle = reading.of_case(session, case)
    if bundle is None:
        return inner
    where = SimpleNamespace(title=bundle.title, number=bundle.number, url=url_for("one_things.show", uid=bundle.uid))
    return SimpleNamespace(template="one_things/_panel.html", bundle=where, inner=inner)


_CASE = PANELS["case"]
PANELS["case"] = _panel


def _may(case: Any, step: str, actor: Actor) -> bool:
    return any(one.id == step for one in engine.available(case, actor))


def _branch(bundle: OneThing, member: OneThingMember, actor: Actor) -> Any:
    """One column: the case, who has it, until when; the case itself opens for whoever may see it."""
    session, case = db_session(), member.case
    waits = reading.waits_for(bundle, member)
    definition = library.of(case, session)
    sees = access.may(actor, access.VIEW, case, session)
    unit = case.unit or case.deciding_unit
    return SimpleNamespace(
        name=member.name,
        department=member.department,
        stage=member.stage,
        number=case.number,
        url=url_for("content.show", uid=case.uid) if sees else None,
        state=present.state_view(definition.states[case.state]),
        unit=unit.name if unit is not None else "",
        deciding=case.deciding_unit.name if case.deciding_unit is not None else "",
        holder=present.holder_text(case),
        reviewer=case.reviewer.name if case.reviewer is not None else "",
        approver=case.approver.name if case.approver is not None else "",
        deadline=present.day(case.deadline) if case.deadline is not None and case.state not in reading.DECIDED else "",
        waits="、".join(one.name for one in waits) if case.state not in reading.DECIDED else "",
        refused=case.state in reading.REFUSED,
    )
