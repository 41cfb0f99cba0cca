"""容缺: the promise taken at the counter with a date for each paper, the ledger of everything owed, and faxes laid into their slot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select, true

from blueprints import present, timeline
from blueprints.cases.bp import bp
from blueprints.content.actions import FEATURE_PAGES
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from blueprints.dynamic_forms import uploaded
from models.base import now
from models.case import Case
from models.content import Content
from models.promise import OwedMaterial
from process import access, clock, engine
from process.calendar_days import CalendarMissing
from process.masking import mask_name
from process.refusals import Forbidden, InvalidInput, Refusal
from process.words import N_
from services import actions, broken, fax, materials, owed, promises

STAFF = frozenset(
    {"window_clerk", "community_clerk", "all_round_worker", "back_office_reviewer", "approver", "certificate_issuer"}
)
FILTERS = ("open", "soon", "late", "extended", "supplied", "ended", "all")
SOON = timedelta(days=3)
PAGE = 100
FEATURE_PAGES |= {("case", "defer"): "cases.defer"}
timeline.JOURNAL_WORDS |= {
    "promise:extend": N_("容缺延期一次"),
    "promise:lapse": N_("容缺承诺到期没有补"),
    "material:reuse": N_("用以前交过的材料"),
    "material:shared": N_("用数据共享查到的材料"),
    "case:agent": N_("登记代办人和委托书"),
    "promise:supply": N_("容缺的材料补来了"),
}


def filter_words() -> dict[str, str]:
    """How the lists of the ledger are called."""
    return {
        "open": _("没补齐的"),
        "soon": _("三天内到期"),
        "late": _("逾期未补"),
        "extended": _("延过期的"),
        "supplied": _("已补齐"),
        "ended": _("不再等的"),
        "all": _("全部"),
    }


# --- Taking the promise


@bp.route("/cases/<uid>/defer", methods=["GET", "POST"])
@login_required
def defer(uid: str) -> ResponseReturnValue:
    """Each missing paper with its own date and way; what may not come later is said before anything is signed."""
    case, session, actor = load_or_404(Case, uid, access.VIEW_FULL), db_session(), current_actor()
    if request.method == "GET":
        if "defer" not in {t.id for t in engine.available(case, actor)}:
            flash(_("这件现在不能由您容缺受理。"), "warning")
            return redirect(url_for("content.show", uid=case.uid), 303)
        return _defer_page(case)
    lines = [
        {"code": m.code, "due": request.form.get(f"due-{m.code}", "").strip() or None} for m in materials.missing(case)
    ]
    dates = sorted(line["due"] for line in lines if line["due"])
    inputs = {
        "due": dates[-1] if dates else "",
        "owed": lines,
        "supply_way": request.form.get("supply_way", ""),
        "reason": request.form.get("reason", ""),
        "promise": request.form.get("promise", ""),
        "signature": request.form.get("signature", ""),
    }
    try:
        with session.begin_nested():
            actions.perform(case, "defer", actor, inputs, on_behalf_of=for_whom())
    except Refusal as refusal:
        if refusal.status != 422:
            raise
        session.expire_all()
        return _defer_page(load_or_404(Case, uid, access.VIEW_FULL), refusal), 422
    flash(_("已容缺受理 %(number)s，承诺书已生成，请申请人签字后一份交本人。", number=case.number), "success")
    from services import intake

    visit = intake.of_case(session, case)
    if visit is not None and visit.status == "open" and visit.clerk_id == actor.person_id:
        return redirect(url_for("cases.visit", uid=visit.uid), 303)
    return redirect(url_for("content.show", uid=case.uid), 303)


def _defer_page(case: Case, refusal: Refusal | None = None) -> str:
    session = db_session()
    lacking = materials.missing(case)
    try:
        proposed, unknown = promises.proposed(session, case).isoformat(), ""
    except CalendarMissing as missing:
        proposed, unknown = "", str(missing)
    errors = refusal.errors if refusal is not None else {}
    return render_template(
        "cases/defer.html",
        case=case,
        rows=[
            SimpleNamespace(
                code=m.code,
                name=m.name,
                critical=m.critical,
                due=request.form.get(f"due-{m.code}", proposed),
                wrong=errors.get(f"owed[{index}].due") or errors.get(f"materials.{m.code}", ""),
            )
            for index, m in enumerate(lacking)
        ],
        ways={"": "—", **{key: _(word) for key, word in owed.WAYS.items()}},
        way=request.form.get("supply_way", ""),
        reason=request.form.get("reason", ""),
        promised=bool(request.form.get("promise")),
        blocked=any(m.critical for m in lacking),
        broken=broken.broken_by(session, case.applicant_id, current_actor().unit_id, clock.local_day(now())),
        problem=refusal.detail if refusal is not None else unknown,
        errors=errors,
    )


# --- The ledger


@bp.get("/promises", endpoint="owed")
@login_required
def ledger() -> ResponseReturnValue:
    return _ledger_page()


def _ledger_page(refusal: Refusal | None = None, about: str = "") -> str:
    _staff_only()
    session, actor = db_session(), current_actor()
    chosen = request.args.get("show", "open")
    chosen = chosen if chosen in FILTERS else "open"
    today = clock.local_day(now())
    words = " ".join(request.args.get("q", "").split())[:40]
    named = Content.number == words.upper() if words else true()
    mine = access.visible(select(Content.id).where(named), actor, Content)
    statement = select(OwedMaterial).where(owed.to_things(mine))
    match chosen:
        case "open":
            statement = statement.where(OwedMaterial.state.in_(("open", "lapsed")))
        case "soon":
            statement = statement.where(OwedMaterial.state == "open", OwedMaterial.due <= today + SOON)
        case "late":
            statement = statement.where(OwedMaterial.state == "lapsed")
        case "extended":
            statement = statement.where(OwedMaterial.extended_at.is_not(None))
        case "supplied" | "ended":
            statement = statement.where(OwedMaterial.state == chosen)
    found = list(session.scalars(statement.order_by(OwedMaterial.due, OwedMaterial.id).limit(PAGE + 1)))
    return render_template(
        "cases/owed.html",
        rows=[_line(one) for one in found[:PAGE]],
        more=len(found) > PAGE,
        chosen=chosen,
        filters=filter_words(),
        q=words,
        ways={key: _(word) for key, word in owed.WAYS.items()},
        faxes=len(fax.waiting(session, actor)),
        problem=refusal.detail if refusal is not None else "",
        about=about,
        typed=request.form,
    )


def _line(one: OwedMaterial) -> Any:
    case, actor, session = one.thing, current_actor(), db_session()
    today = clock.local_day(now())
    left = (one.due - today).days
    still = owed.is_owed(one)
    tone = {"supplied": "done", "lapsed": "late", "ended": "waiting"}.get(
        one.state, "needs" if left <= 3 else "running"
    )
    if one.state == "supplied":
        word = _("已补齐（%(way)s）", way=_(owed.WAYS.get(one.supplied_way, "送到窗口")))
    elif one.state == "lapsed":
        word = _("逾期 %(n)s 天", n=-left) if still else _("逾期后补来")
    elif one.state == "ended":
        word = _("不再等")
    else:
        word = _("今天到期") if left == 0 else _("还有 %(n)s 天", n=left) if left > 0 else _("已过 %(n)s 天", n=-left)
    may = any(access.may(actor, p, case, session) for p in ("edit", "attach"))
    return SimpleNamespace(
        uid=one.uid,
        number=case.number,
        url=url_for("content.show", uid=case.uid),
        who=mask_name(case.applicant.name) if case.applicant else "",
        title=case.title,
        material=one.paper,
        form=one.material.form if one.material is not None else "copy",
        counted=one.material is not None,
        due=present.day_of(one.due),
        first=present.day_of(one.promised_due) if one.promised_due != one.due else "",
        why=one.extension_reason,
        word=word,
        tone=tone,
        way=_(owed.WAYS[one.way]) if one.way in owed.WAYS else "",
        may_receive=still and may and case.closed_at is None,
        may_extend=still and may and one.extended_at is None and case.closed_at is None and owed.may_wait(session, one),
        extended=one.extended_at is not None,
    )


@bp.post("/promises/<uid>/receive")
@login_required
def owed_receive(uid: str) -> ResponseReturnValue:
    """The paper came: from the window, by post, by courier; a scan may go with it."""
    return _done(uid, _receive)


def _receive(line: OwedMaterial) -> str:
    session, actor = db_session(), current_actor()
    for one in uploaded("file")[:10]:
        fax.lay_in(session, actor, line, one.read(), one.filename or "")
    owed.receive(
        session,
        actor,
        line,
        request.form.get("way", ""),
        original=request.form.get("form") == "original",
        sheets=request.form.get("sheets") or 1,
    )
    return _("“%(name)s”已登记补来。", name=line.paper)


@bp.post("/promises/<uid>/extend")
@login_required
def owed_extend(uid: str) -> ResponseReturnValue:
    """One more date, once."""
    return _done(uid, _extend)


def _extend(line: OwedMaterial) -> str:
    owed.extend(db_session(), current_actor(), line, request.form.get("due", ""), request.form.get("reason", ""))
    return _("“%(name)s”延期到 %(day)s，只延这一次。", name=line.paper, day=present.day_of(line.due))


def _done(uid: str, verb: Callable[[OwedMaterial], str]) -> ResponseReturnValue:
    _staff_only()
    line = owed.load(db_session(), current_actor(), uid)
    return _tried(lambda: verb(line), lambda refusal: _ledger_page(refusal, uid), url_for("cases.owed"))


def _tried(verb: Callable[[], str], page: Callable[[Refusal], str], back: str) -> ResponseReturnValue:
    """Does it and goes back with a word; a refusal shows the page again with what was typed."""
    session = db_session()
    try:
        with session.begin_nested():
            words = verb()
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return page(refusal), refusal.status
    flash(words, "success")
    return redirect(back, 303)


def _staff_only() -> None:
    if not current_actor().roles & STAFF:
        raise Forbidden(_("容缺台账由窗口和后台的工作人员看。您欠的材料在自己的办件里。"))


# --- Faxes


@bp.route("/promises/fax", methods=["GET", "POST"])
@login_required
def faxes() -> ResponseReturnValue:
    """传真补齐: what came out of the machine waits here until a clerk lays it into the slot it answers."""
    _staff_only()
    if request.method == "POST":
        return _tried(_enter, _fax_page, url_for("cases.faxes"))
    return _fax_page()


def _enter() -> str:
    session, actor = db_session(), current_actor()
    found = uploaded("file")[:MAX_PAGES]
    if not found:
        raise InvalidInput(_("还没有选传真件。请扫描或导出传真后选文件。"), {"file": _("请先选文件")})
    for one in found:
        fax.enter(
            session,
            actor,
            one.read(),
            one.filename or "",
            request.form.get("sender", ""),
            request.form.get("words", ""),
        )
    return _("已登记 %(n)d 页传真。", n=len(found))


MAX_PAGES = 20


def _fax_page(refusal: Refusal | None = None, about: str = "") -> str:
    session, actor = db_session(), current_actor()
    slots = fax.candidates(session, actor)
    return render_template(
        "cases/fax.html",
        pages=[
            SimpleNamespace(
                uid=one.uid,
                name=one.filename,
                sender=one.sender,
                words=one.words,
                when=present.moment(one.arrived_at),
                url=url_for("cases.fax_file", uid=one.uid),
                picture=one.media_type.startswith("image/"),
            )
            for one in fax.waiting(session, actor)
        ],
        slots=[
            (
                line.uid,
                f"{line.thing.number} {mask_name(line.thing.applicant.name) if line.thing.applicant else ''} · {line.paper}",
            )
            for line in slots
        ],
        problem=refusal.detail if refusal is not None else "",
        about=about,
        typed=request.form,
    )


@bp.post("/promises/fax/<uid>")
@login_required
def fax_match(uid: str) -> ResponseReturnValue:
    """This page answers that slot; or it is nobody's."""
    _staff_only()
    return _tried(lambda: _match(uid), lambda refusal: _fax_page(refusal, uid), url_for("cases.faxes"))


def _match(uid: str) -> str:
    session, actor = db_session(), current_actor()
    if request.form.get("do") == "discard":
        fax.discard(session, actor, uid, request.form.get("words", ""))
        return _("这页传真已作废，原因记下了。")
    line = fax.match(session, actor, uid, request.form.get("slot", ""))
    return _("已放进 %(number)s 的“%(name)s”。", number=line.thing.number, name=line.paper)


@bp.get("/promises/fax/<uid>/file")
@login_required
def fax_file(uid: str) -> ResponseReturnValue:
    _staff_only()
    page = fax.load(db_session(), current_actor(), uid)
    answer = Response(fax.content(page), mimetype=page.media_type)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    shown = page.media_type.startswith("image/")
    answer.headers.set("Content-Disposition", "inline" if shown else "attachment", filename=page.filename)
    return answer
