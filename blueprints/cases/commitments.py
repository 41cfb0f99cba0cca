"""承诺备案: taken at the counter, checked later by somebody else, and what follows when it was not kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import present, timeline
from blueprints.cases.bp import bp
from blueprints.content.actions import FEATURE_PAGES
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from models.base import now
from models.case import Case
from models.commitment import Commitment
from models.paper import Certificate
from process import access, clock, engine, guards
from process.masking import mask_name
from process.refusals import Forbidden, Refusal
from process.words import N_
from services import actions, broken, commitments, unit_settings

PAGE = 100
PROPOSED = 60
FILTERS = {
    "open": N_("等核查的"),
    "due": N_("到期该核查的"),
    "broken": N_("没有兑现的"),
    "kept": N_("已兑现的"),
    "all": N_("全部"),
}
FEATURE_PAGES |= {("case", "commit"): "cases.commit"}
timeline.JOURNAL_WORDS |= {
    "commitment:kept": N_("承诺核查：已兑现"),
    "commitment:broken": N_("承诺核查：没有兑现"),
}


@bp.route("/cases/<uid>/commit", methods=["GET", "POST"])
@login_required
def commit(uid: str) -> ResponseReturnValue:
    """One condition or paper, the words, the day, the signature; what may not be committed to is not on offer."""
    case, session, actor = load_or_404(Case, uid, access.VIEW_FULL), db_session(), current_actor()
    if request.method == "GET":
        if "commit" not in {t.id for t in engine.available(case, actor)}:
            flash(_("这件现在不能由您作承诺备案。"), "warning")
            return redirect(url_for("content.show", uid=case.uid), 303)
        return _commit_page(case)
    inputs = {name: request.form.get(name, "") for name in ("subject", "words", "due", "promised", "signature")}
    try:
        with session.begin_nested():
            actions.perform(case, "commit", actor, inputs, on_behalf_of=for_whom())
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        session.expire_all()
        return _commit_page(load_or_404(Case, uid, access.VIEW_FULL), refusal), 422
    flash(_("承诺已备案，承诺备案书已生成，请申请人签字后一份交本人。到期会提醒核查。"), "success")
    return redirect(url_for("content.show", uid=case.uid), 303)


def _commit_page(case: Case, refusal: Refusal | None = None) -> str:
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    most = unit_settings.number(session, actor.unit_id, commitments.LONGEST_DAYS)
    papers = {m.name: m for m in case.materials}
    return render_template(
        "cases/commit.html",
        case=case,
        subjects=[
            SimpleNamespace(
                name=one,
                paper=one in papers,
                there=one in papers and papers[one].provided,
            )
            for one in commitments.open_for(session, case)
        ],
        typed=request.form,
        due=request.form.get("due") or (today + timedelta(days=min(PROPOSED, most))).isoformat(),
        most=most,
        broken=broken.broken_by(session, case.applicant_id, actor.unit_id, today),
        problem=refusal.detail if refusal is not None else "",
        errors=refusal.errors if refusal is not None else {},
    )


# --- The later check


def _staff_only() -> None:
    if not commitments.CHECKERS & current_actor().roles:
        raise Forbidden(_("承诺由审核、窗口或勘查的人员核查。您可以在自己的办件里看到承诺和期限。"))


@bp.get("/commitments", endpoint="commitments")
@login_required
def listed() -> ResponseReturnValue:
    """What has to be checked, the one due first."""
    _staff_only()
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    chosen = request.args.get("show", "open")
    chosen = chosen if chosen in FILTERS else "open"
    statement = select(Commitment).where(Commitment.case_id.in_(access.visible(select(Case.id), actor, Case)))
    if chosen == "due":
        statement = statement.where(Commitment.state == "open", Commitment.due <= today)
    elif chosen != "all":
        statement = statement.where(Commitment.state == chosen)
    case = joinedload(Commitment.case)
    statement = statement.options(
        case.joinedload(Case.applicant),
        case.joinedload(Case.place),
        case.selectinload(Case.places),
        case.selectinload(Case.people),
        joinedload(Commitment.made_by),
        joinedload(Commitment.checked_by),
    )
    found = list(session.scalars(statement.order_by(Commitment.due, Commitment.id).limit(PAGE + 1)))
    return render_template(
        "cases/commitments.html",
        rows=_lines(found[:PAGE]),
        more=len(found) > PAGE,
        chosen=chosen,
        filters={key: _(word) for key, word in FILTERS.items()},
    )


def _lines(found: Sequence[Commitment]) -> list[Any]:
    """What may be done about the broken ones is read for the whole list at once."""
    session = db_session()
    certificates = commitments.to_revoke(session, found)
    guards.prefetch(session, [*(one.case for one in found if one.state == "broken"), *certificates.values()])
    return [_line(one, certificates.get(one.case_id) if one.state == "broken" else None) for one in found]


def _line(one: Commitment, revoke: Certificate | None) -> Any:
    actor, today = current_actor(), clock.local_day(now())
    left = (one.due - today).days
    tone = {"kept": "done", "broken": "late", "ended": "waiting"}.get(one.state, "needs" if left <= 7 else "running")
    word = _(commitments.STATES[one.state])
    if one.state == "open":
        word = _("还有 %(n)s 天", n=left) if left > 0 else _("今天到期") if not left else _("已过 %(n)s 天", n=-left)
    may_void = revoke is not None and "void" in {t.id for t in engine.available(revoke, actor)}
    ending = "end_commitment" in {t.id for t in engine.available(one.case, actor)} if one.state == "broken" else False
    return SimpleNamespace(
        uid=one.uid,
        subject=one.subject,
        words=one.words,
        number=one.case.number,
        url=url_for("content.show", uid=one.case.uid),
        title=one.case.title,
        who=mask_name(one.case.applicant.name) if one.case.applicant else "",
        due=present.day_of(one.due),
        word=word,
        tone=tone,
        finding=one.finding,
        checked=_("%(who)s %(when)s 核查", who=one.checked_by.name, when=present.moment(one.checked_at))
        if one.checked_by
        else "",
        taken=_("%(who)s %(when)s 收下", who=one.made_by.name, when=present.moment(one.made_at)),
        check_url=url_for("cases.commitment", uid=one.uid) if one.state == "open" else None,
        own=one.made_by_id == actor.person_id,
        revoke_url=url_for("content.do", uid=revoke.uid, transition="void")
        if may_void and revoke is not None
        else url_for("content.do", uid=one.case.uid, transition="end_commitment")
        if ending
        else None,
        revoke_word=_("撤销证照") if may_void else _("终止办理"),
        waits=one.state == "broken" and revoke is not None and not may_void,
    )


@bp.route("/commitments/<uid>", methods=["GET", "POST"])
@login_required
def commitment(uid: str) -> ResponseReturnValue:
    """Kept or not, and what was seen."""
    _staff_only()
    session, actor = db_session(), current_actor()
    one = commitments.load(session, actor, uid, lock=request.method == "POST")
    if request.method == "GET":
        return render_template("cases/commitment.html", c=_lines([one])[0], typed={}, problem="", errors={})
    try:
        with session.begin_nested():
            commitments.check(session, actor, one, request.form.get("result", ""), request.form.get("finding", ""))
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        session.expire_all()
        line = _lines([commitments.load(session, actor, uid, lock=False)])[0]
        return render_template(
            "cases/commitment.html", c=line, typed=request.form, problem=refusal.detail, errors=refusal.errors
        ), 422
    flash(
        _("已登记兑现。")
        if one.state == "kept"
        else _("已记为没有兑现：已通知审批人撤销，这位申请人在规定的时间内不能再承诺或容缺。"),
        "success" if one.state == "kept" else "warning",
    )
    return redirect(url_for("cases.commitments", show=one.state), 303)
