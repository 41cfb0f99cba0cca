"""After a certificate was issued: one more copy, and a correction that two people agree on."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.certificates.views import bp
from blueprints.content.actions import FEATURE_LINKS, FEATURE_PAGES
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from models.content import Content
from models.paper import Certificate
from process import access, engine
from process.access import Actor
from process.refusals import InvalidInput, NotFound, Refusal, RequirementUnmet
from services import actions, corrections, papers_out, print_records, printers

FEATURE_PAGES[("certificate", "reprint")] = "certificates.reprint"
FEATURE_PAGES[("certificate", "correct")] = "certificates.correction"
FEATURE_PAGES[("certificate", "amend")] = "certificates.correction"


def links(session: Session, content: Content, actor: Actor) -> list[tuple[str, str]]:
    """What may be begun with an issued certificate beside its steps."""
    assert isinstance(content, Certificate)
    found = []
    waits = corrections.open_request(session, content)
    if waits is not None and access.may(actor, access.VIEW_FULL, content, session):
        found.append((_("看更正申请"), url_for("certificates.correction", uid=content.uid)))
    elif waits is None and corrections.may_ask(session, content, actor):
        found.append((_("申请更正"), url_for("certificates.correct", uid=content.uid)))
    return found


FEATURE_LINKS["certificate"] = links


def _version() -> int | None:
    value = request.form.get("version", "")
    return int(value) if value.isdecimal() and len(value) < 10 else None


# --- One more copy


@bp.get("/c/<uid>/reprint")
@login_required
def reprint(uid: str) -> ResponseReturnValue:
    return _reprint_page(load_or_404(Certificate, uid, access.VIEW_FULL))


def _reprint_page(certificate: Certificate, refusal: Refusal | None = None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    paper = certificate.paper
    if paper is None or actor.resident_id is not None:
        raise NotFound()
    step = next((t for t in engine.available(certificate, actor) if t.id == "reprint"), None)
    second = print_records.needs_second(session, paper, certificate)
    html = render_template(
        "certificates/reprint.html",
        certificate=certificate,
        paper=paper,
        allowed=step is not None,
        needs_second=second,
        agreed=print_records.agreement(session, paper, actor) if second else None,
        asked=print_records.pending(session, paper, actor) if second else None,
        free=print_records.free_reprints(session, certificate.place),
        times=print_records.reprints(session, paper),
        history=print_records.of_paper(session, paper),
        printers=printers.mine(session, actor, active=True),
        values=request.form,
        moment=present.moment,
        refusal=refusal,
    )
    return (html, refusal.status) if refusal is not None else (html, 200 if step is not None else 409)


@bp.post("/c/<uid>/reprint")
@login_required
def print_again(uid: str) -> ResponseReturnValue:
    """The stored bytes once more, with a reason; or the question to a second person."""
    certificate, session, actor = load_or_404(Certificate, uid, access.VIEW_FULL), db_session(), current_actor()
    asking = request.form.get("what") == "ask"
    try:
        with session.begin_nested():
            if asking:
                print_records.ask(session, actor, certificate, request.form.get("comment"))
            else:
                given = {name: request.form.get(name, "") for name in ("comment", "copies", "printer")}
                actions.perform(
                    certificate, "reprint", actor, given, expected_version=_version(), on_behalf_of=for_whom()
                )
    except (InvalidInput, RequirementUnmet) as refusal:
        session.expire_all()
        return _reprint_page(load_or_404(Certificate, uid, access.VIEW_FULL), refusal)
    if asking:
        flash(_("申请已提出，等另一个人在“打印台—更正和补打”里答复。"), "success")
        return redirect(url_for("certificates.reprint", uid=uid), 303)
    assert certificate.paper is not None, "the step has looked"
    papers_out.pdf(certificate.paper)
    return redirect(url_for("certificates.paper", uid=certificate.paper.uid), 303)


# --- A correction


@bp.get("/c/<uid>/correct")
@login_required
def correct(uid: str) -> ResponseReturnValue:
    return _ask_page(load_or_404(Certificate, uid, access.VIEW_FULL))


def _ask_page(certificate: Certificate, refusal: InvalidInput | None = None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    if not corrections.may_ask(session, certificate, actor):
        raise NotFound()
    if corrections.open_request(session, certificate) is not None:
        return redirect(url_for("certificates.correction", uid=certificate.uid), 303)
    html = render_template(
        "certificates/correct.html",
        certificate=certificate,
        lines=corrections.lines(session, certificate, actor),
        values=request.form,
        refusal=refusal,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/c/<uid>/correct")
@login_required
def ask_correction(uid: str) -> ResponseReturnValue:
    """What is wrong and what would be right; nothing changes before another person agrees."""
    certificate, session, actor = load_or_404(Certificate, uid, access.VIEW_FULL), db_session(), current_actor()
    wanted = {
        name.removeprefix("new_"): value for name, value in request.form.items() if name.startswith("new_") and value
    }
    try:
        with session.begin_nested():
            corrections.ask(session, actor, certificate, wanted, request.form.get("reason"))
    except InvalidInput as refusal:
        session.expire_all()
        return _ask_page(load_or_404(Certificate, uid, access.VIEW_FULL), refusal)
    flash(_("更正申请已提出，等审批人审核。"), "success")
    return redirect(url_for("certificates.correction", uid=uid), 303)


@bp.get("/c/<uid>/correction")
@login_required
def correction(uid: str) -> ResponseReturnValue:
    return _answer_page(load_or_404(Certificate, uid, access.VIEW_FULL))


def _answer_page(certificate: Certificate, refusal: Refusal | None = None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    found = corrections.of(session, certificate)
    html = render_template(
        "certificates/correction.html",
        certificate=certificate,
        requests=found,
        may_answer=any(t.id in ("correct", "amend") for t in engine.available(certificate, actor)),
        own=any(one.status == "asked" and one.asked_by_id == actor.person_id for one in found),
        ask_url=url_for("certificates.correct", uid=certificate.uid)
        if corrections.may_ask(session, certificate, actor) and corrections.open_request(session, certificate) is None
        else None,
        values=request.form,
        moment=present.moment,
        refusal=refusal,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/c/<uid>/correction")
@login_required
def answer_correction(uid: str) -> ResponseReturnValue:
    """The second person agrees, and a new certificate is drafted; or says why not."""
    certificate, session, actor = load_or_404(Certificate, uid, access.VIEW_FULL), db_session(), current_actor()
    agree = request.form.get("answer") == "agree"
    made: Certificate | None = None
    try:
        with session.begin_nested():
            if agree:
                made = corrections.agree(session, actor, certificate, request.form.get("comment"), _version())
            else:
                corrections.refuse(session, actor, certificate, request.form.get("comment"))
    except InvalidInput as refusal:
        session.expire_all()
        return _answer_page(load_or_404(Certificate, uid, access.VIEW_FULL), refusal)
    if made is None:
        flash(_("已答复不同意，原证照不变。"), "success")
        return redirect(url_for("certificates.correction", uid=uid), 303)
    if made.id == certificate.id:
        flash(_("已同意更正。请发证人在打印台编号、用印。"), "success")
    else:
        flash(_("已同意更正。新证照已起草，请发证人在打印台编号、用印。"), "success")
    return redirect(url_for("content.show", uid=made.uid), 303)
