"""文书和条件: what must be true for the paper of a case, the check with the records, the inquiry, and what is printed to sign."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField

from blueprints import present, timeline
from blueprints.cases.bp import bp
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import Asked, SignatureField, show_refusal
from models.base import now
from models.case import Case
from models.paper import Paper
from process import access, clock
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotFound, RequirementUnmet
from process.words import N_
from services import (
    certificates,
    materials,
    paper_conditions,
    papers_letters,
    papers_out,
    promises,
    record_check,
    record_inquiries,
)
from services.papers.definition import load

# Papers that a person makes from here; all others are made by a step.
MADE_HERE = ("signed_statement",)
FROM = {"accept": N_("受理"), "review": N_("审核"), "approve": N_("审批"), "number": N_("编号")}
HOLDS = {
    "": N_("长期有效"),
    "days": N_("自出具之日起%(n)s天有效"),
    "months": N_("自出具之日起%(n)s个月有效"),
    "years": N_("自出具之日起%(n)s年有效"),
}
KEPT = {"permanent": N_("永久"), "30y": N_("30年"), "10y": N_("10年")}
timeline.JOURNAL_WORDS |= {"case:records": N_("与登记记录核对")}


class RecordsForm(FlaskForm):
    """The reviewer's word on the records."""

    result = SelectField(_l("核对结果"), [Asked()])
    source = StringField(_l("查了哪里的记录"), [Asked()])


class InquiryForm(FlaskForm):
    """Whom to ask; everything else stands in the case."""

    addressee = SelectField(_l("保管记录的社区"), [Asked()])
    signature = SignatureField(_l("经办人签名"))


@bp.get("/cases/<uid>/papers", endpoint="papers")
@login_required
def papers_page(uid: str) -> ResponseReturnValue:
    return _page(_case(uid))


@bp.post("/cases/<uid>/papers/<paper>")
@login_required
def make_paper(uid: str, paper: str) -> ResponseReturnValue:
    """Prints what is to be signed; the journal says who made it."""
    case = _case(uid)
    if paper not in MADE_HERE:
        raise NotFound(_("这种文书由办理步骤自动生成，不在这里打印。"))
    try:
        made: Paper = papers_out.print_now(db_session(), case, current_actor(), paper)
    except RequirementUnmet as refusal:
        return _page(case, problem=refusal.detail), 422
    return redirect(url_for("certificates.paper", uid=made.uid), 303)


@bp.post("/cases/<uid>/records")
@login_required
def note_records(uid: str) -> ResponseReturnValue:
    """Writes down with which records the statements were compared."""
    case, session = _case(uid), db_session()
    form = _records_form(case)
    try:
        with session.begin_nested():
            record_check.note(session, case, current_actor(), form.result.data or "", form.source.data or "")
    except InvalidInput as refusal:
        show_refusal(form, refusal)
        return _page(case, records=form), 422
    flash(_("核对结果已记下。"), "success")
    return redirect(url_for("cases.papers", uid=uid), 303)


@bp.post("/cases/<uid>/inquiry")
@login_required
def send_inquiry(uid: str) -> ResponseReturnValue:
    """Sends the inquiry to the community that keeps the records."""
    case, session = _case(uid), db_session()
    form = _inquiry_form(case)
    try:
        with session.begin_nested():
            inquiry = record_inquiries.begin(
                session,
                case,
                current_actor(),
                {"addressee": form.addressee.data, "signature": form.signature.data or None},
            )
    except (InvalidInput, RequirementUnmet) as refusal:
        session.expire_all()
        show_refusal(form, refusal)
        return _page(_case(uid), inquiry=form), 422
    flash(_("调查函 %(number)s 已发出。", number=inquiry.fields["letter_number"]), "success")
    return redirect(url_for("content.show", uid=inquiry.uid), 303)


def _case(uid: str) -> Case:
    case = load_or_404(Case, uid, access.VIEW_FULL)
    if current_actor().resident_id is not None:
        raise Forbidden(_("这一页由工作人员办理时用。您的文书列在办件里。"))
    return case


def _records_form(case: Case) -> RecordsForm:
    kept = record_check.of(case) or {}
    form = RecordsForm(data={"result": kept.get("result", ""), "source": kept.get("source", "")})
    form.result.choices = [("", _("请选")), *((name, _(word)) for name, word in record_check.RESULTS.items())]
    form.result.validate_choice = False
    return form


def _inquiry_form(case: Case) -> InquiryForm:
    form = InquiryForm()
    units = record_inquiries.keepers(db_session(), case)
    form.addressee.choices = [("", _("请选")), *((unit.id, unit.name) for unit in units)]
    form.addressee.validate_choice = False
    return form


def _page(
    case: Case, *, records: RecordsForm | None = None, inquiry: InquiryForm | None = None, problem: str = ""
) -> str:
    session, actor = db_session(), current_actor()
    kind = certificates.paper_kind(case)
    kept = record_check.of(case)
    outcome = kept["result"] if kept else ""
    may_note = record_check.asked_for(case) and record_check.may_note(session, case, actor)
    may_ask = record_inquiries.may_ask(session, case, actor)
    definition = library.of(case, session)
    return render_template(
        "cases/papers.html",
        case=case,
        state=present.state_view(definition.states[case.state]),
        terms=_terms(case, kind),
        conditions=[
            SimpleNamespace(title=_(one.title), since=_(FROM[one.since]), why=one.why)
            for one in paper_conditions.findings(session, case, clock.local_day(case.filed_at or now()))
        ],
        checked=SimpleNamespace(
            result=_(record_check.RESULTS[outcome]),
            different=outcome == record_check.DIFFERENT,
            source=kept["source"],
            by=kept["by"],
        )
        if kept
        else None,
        shows_records=record_check.asked_for(case),
        lines=record_check.lines(session, case) if may_note else [],
        records=(records or _records_form(case)) if may_note else None,
        is_survey=case.item.code == record_inquiries.ITEM,
        inquiries=_inquiries(case),
        inquiry=(inquiry or _inquiry_form(case)) if may_ask else None,
        statement=_statement(case),
        problem=problem,
        drafts=_drafts(case, kind),
        may_print=access.may(actor, "print", case, session),
    )


def _terms(case: Case, kind: str | None) -> Any:
    """How long the paper holds, in how many copies, how long it is kept."""
    if kind is None:
        return None
    paper = load(kind)
    return SimpleNamespace(
        title=paper.title_zh,
        validity=_(HOLDS[paper.terms.validity.unit], n=paper.terms.validity.number),
        copies="、".join(paper.copies),
        retention=_(KEPT[paper.terms.retention]),
        seal=paper.seal,
    )


def _inquiries(case: Case) -> list[Any]:
    session, actor = db_session(), current_actor()
    rows = []
    for one in record_inquiries.of_case(session, case):
        definition = library.of(one, session)
        rows.append(
            SimpleNamespace(
                number=one.fields.get("letter_number") or one.number,
                unit=one.unit.name if one.unit else "",
                state=present.state_view(definition.states[one.state]),
                url=url_for("content.show", uid=one.uid) if access.may(actor, access.VIEW, one, session) else None,
            )
        )
    return rows


def _statement(case: Case) -> Any:
    slot = papers_letters.statement_of(case)
    if slot is None:
        return None
    return SimpleNamespace(
        name=slot.name,
        here=slot.provided,
        preview=url_for("certificates.draft", uid=case.uid, paper="signed_statement"),
        url=url_for("cases.make_paper", uid=case.uid, paper="signed_statement"),
    )


def _drafts(case: Case, kind: str | None) -> list[Any]:
    """样张 of what the next steps will make."""
    found = []
    if case.state in ("submitted", "accepted_deferred") and promises.of(db_session(), case, draft=True) is not None:
        found.append("deferral_promise")
    if case.state in ("submitted", "accepted", "accepted_deferred") and materials.defects(case):
        found.append("one_time_notice")
    if kind is not None and case.state in ("accepted", "accepted_deferred", "reviewed", "approved"):
        found.append(kind)
    return [
        SimpleNamespace(title=load(name).title_zh, url=url_for("certificates.draft", uid=case.uid, paper=name))
        for name in found
    ]
