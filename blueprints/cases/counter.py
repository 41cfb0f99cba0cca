"""综合受理: one screen for every item. The ID number comes first; what is known is not asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select

from blueprints import present
from blueprints.cases import questions
from blueprints.cases.bp import bp
from blueprints.catalogue.offers import COUNTER_ROLES, FORM_WORDS, name_of, offer
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import posted, uploaded
from catalogue import loader as catalogue
from models.base import now
from models.case import Case, ServiceItem
from models.resident import Resident
from process import access, clock, journal
from process.identity import InvalidIdNumber
from process.library import library
from process.masking import mask_address, mask_phone
from process.refusals import Forbidden, InvalidInput, Refusal
from services import actions, case_routing, cases, files, materials, residents

PERSON = ("applicant_id_number", "applicant_name", "applicant_phone", "applicant_address")
LAST_CASES = 5


@bp.before_request
def _counter_staff_only() -> None:
    if (
        request.endpoint in ("cases.new", "cases.file", "cases.look")
        and current_actor().person_id is not None
        and not current_actor().roles & COUNTER_ROLES
    ):
        raise Forbidden(
            _("综合受理由窗口和社区服务站的工作人员办。您要为自己申报，请到“办事指南”选事项后点“网上申报”。")
        )


@bp.get("/counter")
@login_required
def new() -> ResponseReturnValue:
    return _screen(item_code=request.args.get("item", ""))


@bp.post("/counter/look")
@login_required
def look() -> ResponseReturnValue:
    """What the ID number and the chosen item tell: parts of the screen for the script, the whole screen without one."""
    session, actor = db_session(), current_actor()
    whole = request.headers.get("X-Fragment") is None
    if not whole and "person" not in request.args:
        return _screen(parts=True)
    resident = _resident(request.form.get("applicant_id_number", ""))
    if resident is not None:
        # Whoever looks somebody up leaves a trace; the row says which resident, not what was read.
        journal.record(session, "personal:lookup", actor, stream="residents", details={"resident": resident.id})
    return _screen(parts=not whole, looked=True)


@bp.post("/counter")
@login_required
def file() -> ResponseReturnValue:
    """Takes the matter in and files it in one go; a refusal comes back with everything that was typed."""
    session, actor = db_session(), current_actor()
    item, form, left_out = _chosen(session, request.form.get("item", ""), _resident_quietly())
    data: dict[str, Any] = {
        "item": request.form.get("item", ""),
        **{name: request.form.get(name, "") for name in PERSON},
    }
    lines = read_lines(item) if item is not None else []
    try:
        _require_choice(item, data)
        with session.begin_nested():
            case = actions.create(
                session, actor, "case", {**data, **(posted(form) if form is not None else {}), "materials": lines}
            )
            assert isinstance(case, Case)
            _store_files(case)
            actions.perform(case, "submit", actor)
    except Refusal as refusal:
        if refusal.status not in (403, 422):
            raise
        return _screen(refusal=refusal, left_out=left_out, status=422)
    flash(_("已收件 %(number)s：%(title)s。", number=case.number, title=case.title), "success")
    if case_routing.must_carry(session, case):
        unit = case_routing.deciding_unit(session, case).name
        flash(
            _("“%(title)s”由街道受理：请签代办委托书，开代办单转交%(unit)s。", title=case.title, unit=unit)
            if case.item.accept_level == "street"
            else _("“%(title)s”由%(unit)s受理：请签代办委托书，开代办单转交过去。", title=case.title, unit=unit),
            "info",
        )
    return redirect(url_for("content.show", uid=case.uid), 303)


def _require_choice(item: ServiceItem | None, data: dict[str, Any]) -> None:
    """Without an item nothing else can be checked; what is plainly empty is told with it."""
    if item is not None:
        return
    errors = {"item": _("请选要办的事项。")}
    if not data["applicant_id_number"].strip():
        errors["applicant_id_number"] = _("请填写身份证号码。")
    raise InvalidInput("".join(errors.values()), errors)


def read_lines(item: ServiceItem) -> list[dict[str, Any]]:
    """The materials that were ticked or uploaded."""
    lines = []
    for record in catalogue.item(item.code).materials:
        name = f"m-{record.id}"
        if request.form.get(f"{name}-provided") or uploaded(f"{name}-file"):
            lines.append(
                {
                    "code": record.id,
                    "provided": True,
                    "original": request.form.get(f"{name}-form") == "original",
                    "sheets": request.form.get(f"{name}-sheets") or 1,
                }
            )
    return lines


def _store_files(case: Case) -> None:
    session, actor = db_session(), current_actor()
    for slot in case.materials:
        for one in uploaded(f"m-{slot.code}-file")[:10]:
            files.store_document(session, case, actor, one.read(), one.filename or "", "material", material=slot)
    materials.note_uploads(session, case)


def _resident(text: str) -> Resident | None:
    return residents.find_by_id_number(db_session(), text) if questions.parse(text) is not None else None


def _resident_quietly() -> Resident | None:
    """For deciding which questions to ask; nothing of the person is shown by it."""
    return _resident(request.form.get("applicant_id_number", ""))


def _chosen(
    session: Any, code: str, resident: Resident | None
) -> tuple[ServiceItem | None, FlaskForm | None, dict[str, str]]:
    item = next((i for i in cases.items_on_offer(session) if i.code == code), None)
    if item is None:
        return None, None, {}
    form = catalogue.form(catalogue.item(code).form)
    number = questions.parse(request.form.get("applicant_id_number", ""))
    return item, questions.ask(form, number, resident), questions.answered(form, number, resident)


def _screen(
    *,
    item_code: str = "",
    parts: bool = False,
    looked: bool = False,
    refusal: Refusal | None = None,
    left_out: dict[str, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    typed = {name: request.form.get(name, "") for name in PERSON}
    resident = _resident_quietly()
    item, form, _left = _chosen(session, request.form.get("item", item_code), resident)
    errors = place_errors(refusal, form, left_out or {}) if refusal is not None else []
    page = {
        "item": _item_view(item) if item is not None else None,
        "form": form,
        "typed": typed,
        "person": _person_view(resident, typed["applicant_id_number"], looked),
        "materials": _slots(item) if item is not None else [],
        "errors": errors,
        "wrong": {e["field"]: e["message"] for e in errors if e["field"]},
        "look_url": url_for("cases.look"),
    }
    if parts:
        return render_template("cases/_counter_parts.html", **page)
    return render_template("cases/counter.html", groups=_groups(session, item), unit=actor.unit_name, **page), status


def place_errors(refusal: Refusal, form: FlaskForm | None, left_out: dict[str, str]) -> list[dict[str, str]]:
    """Each message beside the box it is about; a known answer is mended where the person stands."""
    found = []
    for name, message in refusal.errors.items():
        field = left_out.get(name, name)
        if name.startswith("applicant."):
            # The pane has one address; the household address is asked by the item's own form.
            field = name.replace(".", "_", 1).replace("household_address", "address")
        elif name.startswith("materials"):
            field = "materials"
        if form is not None and field in form:
            form[field].errors = [*form[field].errors, message]
        found.append({"field": field, "message": message})
    return found or [{"field": "", "message": refusal.detail}]


def _item_view(item: ServiceItem) -> Any:
    """How this item runs from this very counter: decided here, accepted here, or carried on."""
    shown, actor = offer(catalogue.item(item.code), True), current_actor()
    at_street = any(h.role == "window_clerk" for h in actor.held)
    if shown.record.accept_level != "village" and not at_street:
        way, tone = _("本站收件，街道受理：收件后开代办单转交"), "needs"
    elif shown.direct and not at_street:
        way, tone = _("直接办理：本站受理，当场决定"), "done"
    elif at_street:
        way, tone = _("直接受理：本中心受理，后台审核审批"), "done"
    else:
        way, tone = _("本站受理，街道决定：受理后转后台或开代办单"), "running"
    return SimpleNamespace(code=item.code, name=shown.name, offer=shown, way=way, tone=tone, guide_url=shown.url)


def _groups(session: Any, chosen: ServiceItem | None) -> list[Any]:
    groups: dict[str, Any] = {}
    schemes = catalogue.schemes()
    for item in cases.items_on_offer(session):
        record = catalogue.item(item.code)
        category = schemes.by_id.get(record.category or "")
        group = groups.setdefault(
            record.category or "",
            SimpleNamespace(name=name_of(category) if category else _("其他单位和地区的事项"), items=[]),
        )
        group.items.append(
            SimpleNamespace(
                code=item.code,
                name=name_of(record),
                direct=record.direct,
                placeholder=record.placeholder,
                street=record.accept_level != "village",
                chosen=chosen is not None and chosen.code == item.code,
                words=f"{record.name} {record.name_en} {record.id}".lower(),
            )
        )
    return list(groups.values())


def _slots(item: ServiceItem) -> list[Any]:
    slots = []
    for record in catalogue.item(item.code).materials:
        name = f"m-{record.id}"
        slots.append(
            SimpleNamespace(
                code=record.id,
                field=name,
                name=record.name,
                critical=record.critical,
                when=record.when,
                copies=record.copies,
                kind=record.form,
                form_word=str(FORM_WORDS[record.form]),
                provided=bool(request.form.get(f"{name}-provided")),
                sheets=request.form.get(f"{name}-sheets") or record.copies,
                form=request.form.get(f"{name}-form") or ("original" if record.form == "original" else "copy"),
            )
        )
    return slots


def _person_view(resident: Resident | None, text: str, looked: bool) -> Any:
    """Known data, masked but for the name: the clerk has the card in hand and compares."""
    if not text.strip():
        return None
    try:
        number = questions.IdNumber.parse(text)
    except InvalidIdNumber as wrong:
        # Half a number is no mistake yet: the clerk is still typing.
        whole = looked or len("".join(text.split())) >= 18
        return SimpleNamespace(problem=wrong.detail, found=False, number=None) if whole else None
    view = SimpleNamespace(
        problem="",
        found=resident is not None,
        sex=number.sex_zh,
        age=number.age_on(clock.local_day(now())),
        number=number.masked,
        name="",
        phone="",
        address="",
        open=[],
    )
    if resident is not None and looked:
        view.name = resident.name
    if resident is not None:
        view.phone = mask_phone(resident.phone) if resident.phone else ""
        view.address = mask_address(resident.address) if resident.address else ""
        view.open = _open_cases(resident)
    return view


def _open_cases(resident: Resident) -> list[Any]:
    """What this person already has running here, so that nobody files it twice."""
    session, actor = db_session(), current_actor()
    statement = access.visible(
        select(Case).where(Case.applicant_id == resident.id, Case.closed_at.is_(None)), actor, Case
    )
    found = session.scalars(statement.order_by(Case.id.desc()).limit(LAST_CASES))
    return [
        SimpleNamespace(
            number=c.number,
            title=c.title,
            url=url_for("content.show", uid=c.uid),
            state=present.state_view(library.of(c, session).states[c.state]),
        )
        for c in found
    ]
