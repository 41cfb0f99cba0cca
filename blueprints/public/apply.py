"""网上申报: a few questions a page; every page is kept on the server as a draft before the next one."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select
from wtforms import StringField

from blueprints.cases import questions
from blueprints.catalogue.offers import FORM_WORDS, offer
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.dynamic_forms import Asked, label_of, posted, show_refusal, uploaded
from blueprints.public.bp import bp
from catalogue import loader as catalogue
from models.case import Case, ServiceItem
from models.paper import Document
from process import access, journal
from process.masking import mask_address, mask_id_number, mask_phone
from process.refusals import Forbidden, InvalidInput, NotFound, Refusal
from services import actions, case_forms, cases, files, materials

CONTACT, PAPERS, CHECK = "contact", "papers", "check"


@bp.route("/apply/<code>", methods=["GET", "POST"])
@login_required
def apply(code: str) -> ResponseReturnValue:
    """What it takes; the button opens a draft, or goes on with the one begun before."""
    session, actor = db_session(), current_actor()
    if actor.resident_id is None:
        raise Forbidden(_("网上申报由居民用自己的账号办。替来窗口的人收件，请用“综合受理”。"))
    item = next((i for i in cases.items_on_offer(session) if i.code == code), None)
    if item is None:
        raise NotFound(_("这个事项现在不能网上申报，请到办事指南看办理地点。"))
    begun = _draft(item)
    if request.method == "POST":
        if begun is None:
            begun = actions.create(session, actor, "case", {"item": code, "channel": channel_of(item)})  # type: ignore[assignment]
        assert isinstance(begun, Case)
        return redirect(first_page(begun), 303)
    record = catalogue.item(code)
    return render_template(
        "public/apply_start.html",
        offer=offer(record, True),
        record=record,
        begun=begun,
        materials=_listed(record),
        back_url=url_for("catalogue.guide", code=code),
    )


def first_page(case: Case) -> str:
    """Where the filling in of a draft begins."""
    return url_for("public.apply_step", code=case.item.code, uid=case.uid, step=_steps(case)[0].id)


def _listed(record: Any) -> list[Any]:
    return [
        SimpleNamespace(name=m.name, form=str(FORM_WORDS[m.form]), critical=m.critical, when=m.when)
        for m in record.materials
    ]


def channel_of(item: ServiceItem) -> str:
    """Phone or computer, as the reader sits there."""
    phone = "Mobi" in request.user_agent.string
    return "online_mobile" if phone and "online_mobile" in catalogue.item(item.code).channels else "online_pc"


def _draft(item: ServiceItem) -> Case | None:
    actor = current_actor()
    statement = access.visible(
        select(Case).where(Case.applicant_id == actor.resident_id, Case.item_id == item.id, Case.state == "draft"),
        actor,
        Case,
    )
    return db_session().scalar(statement.order_by(Case.id.desc()).limit(1))


def _own(uid: str, code: str) -> Case:
    case = load_or_404(Case, uid, access.VIEW_FULL)
    if case.applicant_id is None or case.applicant_id != current_actor().resident_id or case.item.code != code:
        raise NotFound()
    return case


def _steps(case: Case) -> list[Any]:
    """Contact only when the office lacks it, groups that still ask something, materials, and the last look."""
    found = []
    if not (case.applicant and case.applicant.phone and case.applicant.address):
        found.append(SimpleNamespace(id=CONTACT, title=_("怎么联系您")))
    form = case_forms.form_of(case.item)
    for group in form.groups:
        if any(f.type != "CSRFTokenField" for f in _ask(case, group.id)):
            found.append(SimpleNamespace(id=group.id, title=label_of(group.title)))
    if case.materials:
        found.append(SimpleNamespace(id=PAPERS, title=_("材料")))
    return [*found, SimpleNamespace(id=CHECK, title=_("核对并申报"))]


def _ask(case: Case, group: str) -> FlaskForm:
    assert case.applicant is not None
    number = questions.IdNumber.parse(case.applicant.id_number)
    return questions.ask(case_forms.form_of(case.item), number, case.applicant, group=group, defaults=_defaults(case))


def _defaults(case: Case) -> dict[str, Any]:
    kinds = {f.name: f.kind for f in case_forms.form_of(case.item).fields}
    return {
        name: date.fromisoformat(value) if kinds.get(name) == "date" and value else value
        for name, value in case.values.items()
        if name in kinds
    }


class ContactForm(FlaskForm):
    phone = StringField("", [Asked()])
    address = StringField("", [Asked()])


def _contact(case: Case) -> FlaskForm:
    assert case.applicant is not None
    form = ContactForm(
        data={"phone": case.applicant.phone or "", "address": case.applicant.address or ""}, meta={"csrf": False}
    )
    form.phone.label.text, form.address.label.text = _("手机或电话"), _("现居住地址")
    form.phone.description = _("办理进度会打这个电话告诉您")
    return form


@bp.route("/apply/<code>/<uid>/<step>", methods=["GET", "POST"])
@login_required
def apply_step(code: str, uid: str, step: str) -> ResponseReturnValue:
    """One page of the way; what it holds is saved before the next one."""
    case = _own(uid, code)
    if case.state != "draft":
        return redirect(url_for("content.show", uid=uid), 303)
    cases.require_editable(db_session(), case, current_actor())
    steps = _steps(case)
    index = next((n for n, s in enumerate(steps) if s.id == step), None)
    if index is None:
        return redirect(url_for("public.apply_step", code=code, uid=uid, step=steps[0].id), 303)
    form = _contact(case) if step == CONTACT else _ask(case, step) if step not in (PAPERS, CHECK) else None
    refusal: Refusal | None = None
    if request.method == "POST":
        try:
            with db_session().begin_nested():
                _save(case, step, form)
        except Refusal as problem:
            if problem.status != 422:
                raise
            refusal = problem
            db_session().expire_all()
            case = _own(uid, code)
            if form is not None:
                show_refusal(form, problem)
        else:
            if step == CHECK:
                flash(_("已申报，编号 %(n)s。受理、缺材料和办好都会告诉您。", n=case.number), "success")
                return redirect(url_for("content.show", uid=uid), 303)
            steps = _steps(case)
            here = next((n for n, s in enumerate(steps) if s.id == step), -1)
            stay = step == PAPERS and "stay" in request.form
            return redirect(
                url_for("public.apply_step", code=code, uid=uid, step=step if stay else steps[here + 1].id), 303
            )
    return _step_page(case, steps, index, form, refusal), 422 if refusal else 200


def _save(case: Case, step: str, form: FlaskForm | None) -> None:
    session, actor = db_session(), current_actor()
    if step == CHECK:
        actions.perform(case, "submit", actor)
    elif step == PAPERS:
        _keep_files(case)
    elif step == CONTACT:
        assert form is not None
        given = posted(form)
        lacking = {
            name: _("请填写“%(what)s”。", what=form[name].label.text)
            for name in ("phone", "address")
            if not given.get(name)
        }
        if lacking:
            raise InvalidInput("".join(lacking.values()), lacking)
        answers = {
            name: given[pane]
            for name, pane in (("phone", "phone"), ("address", "address"), ("present_address", "address"))
        }
        names = {f.name for f in case_forms.form_of(case.item).fields}
        cases.update(session, case, actor, {"applicant": given, **{n: v for n, v in answers.items() if n in names}})
    else:
        assert form is not None
        given = {f.short_name: None for f in form if f.type != "CSRFTokenField"} | posted(form)
        # Wrong answers are told first, then what is missing: both beside their box.
        cases.update(session, case, actor, given)
        lacking = {
            name: text
            for name, text in case_forms.missing(case_forms.form_of(case.item), case.values).items()
            if name in given
        }
        if lacking:
            raise InvalidInput("".join(lacking.values()), lacking)


def _keep_files(case: Case) -> None:
    session, actor = db_session(), current_actor()
    errors: dict[str, str] = {}
    for slot in case.materials:
        for one in uploaded(f"file-{slot.code}")[:10]:
            try:
                kept = files.store_document(
                    session, case, actor, one.read(), one.filename or "", "material", material=slot
                )
                details = {"document": kept.uid, "purpose": "material"}
                journal.record(session, "document:add", actor, content=case, details=details)
            except InvalidInput as refusal:
                errors[f"file-{slot.code}"] = refusal.detail
    if errors:
        raise InvalidInput("".join(errors.values()), errors)
    materials.note_uploads(session, case)


def _step_page(case: Case, steps: list[Any], index: int, form: FlaskForm | None, refusal: Refusal | None) -> str:
    step = steps[index]
    back = (
        url_for("public.apply_step", code=case.item.code, uid=case.uid, step=steps[index - 1].id)
        if index
        else url_for("public.apply", code=case.item.code)
    )
    page: dict[str, Any] = {
        "case": case,
        "step": step,
        "form": form,
        "progress": SimpleNamespace(index=index + 1, total=len(steps)),
        "back_url": back,
        "problem": refusal.detail if refusal else "",
        "errors": refusal.errors if refusal else {},
        "last": step.id == CHECK,
        "answers": [],
        "slots": [],
        "lacking": [],
    }
    if step.id in (PAPERS, CHECK):
        page["slots"] = _slots(case, refusal)
    if step.id == CHECK:
        page["answers"], page["lacking"] = _answers(case, steps)
    return render_template("public/apply_step.html", **page)


def _slots(case: Case, refusal: Refusal | None) -> list[Any]:
    names: dict[int | None, list[Any]] = {}
    for d in db_session().scalars(select(Document).where(Document.content_id == case.id).order_by(Document.id)):
        names.setdefault(d.material_id, []).append(
            SimpleNamespace(name=d.filename, url=url_for("content.document", uid=case.uid, document_uid=d.uid))
        )
    when = {m.id: m.when for m in catalogue.item(case.item.code).materials}
    return [
        SimpleNamespace(
            code=m.code,
            name=m.name,
            critical=m.critical,
            form=str(FORM_WORDS.get(m.form, "")),
            when=when.get(m.code, ""),
            files=names.get(m.id, []),
            error=(refusal.errors if refusal else {}).get(f"file-{m.code}", ""),
        )
        for m in case.materials
    ]


def _answers(case: Case, steps: list[Any]) -> tuple[list[Any], list[Any]]:
    """Everything once more before it goes out; a missing answer leads back to its page."""
    form, values = case_forms.form_of(case.item), case.values
    missing = case_forms.missing(form, values)
    masks = {"id_number": mask_id_number, "phone": mask_phone, "address": mask_address}
    reachable = {s.id for s in steps}

    def page_of(group: str) -> str:
        known = group if group in reachable else steps[0].id
        return url_for("public.apply_step", code=case.item.code, uid=case.uid, step=known)

    rows, lacking = [], []
    for field in form.fields:
        value = values.get(field.name)
        if field.name in missing:
            lacking.append(SimpleNamespace(message=missing[field.name], url=page_of(field.group)))
        if value in (None, ""):
            continue
        text = next(
            (label_of(o.title) for o in field.options if o.id == value),
            _("是") if value is True else _("否") if value is False else str(value),
        )
        rows.append(
            SimpleNamespace(
                label=label_of(field.title),
                value=masks[field.kind](text) if field.kind in masks else text,
                url=page_of(field.group) if field.group in reachable else None,
            )
        )
    return rows, lacking
