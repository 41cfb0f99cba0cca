"""综合受理: one screen for any matters of one person. The ID number comes first; what is known is not asked, what is shared is asked once."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from werkzeug.datastructures import MultiDict

from blueprints.cases import counter_view as view
from blueprints.cases import questions
from blueprints.cases.bp import bp
from blueprints.catalogue.offers import COUNTER_ROLES, INTAKE_ROLES
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import posted, uploaded
from models.agency import Agency
from models.case import Case
from models.counter import CounterVisit
from models.resident import Resident
from process import journal
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, Refusal
from services import data_sharing, files, intake, materials, on_record, point_items, residents

ENDPOINTS = frozenset(
    f"cases.{name}"
    for name in ("new", "file", "look", "keep_draft", "drop_draft", "share", "visit", "visit_step", "call")
)


@bp.before_request
def _counter_staff_only() -> None:
    actor = current_actor()
    if request.endpoint not in ENDPOINTS or actor.person_id is None or actor.roles & COUNTER_ROLES:
        return
    if actor.roles.isdisjoint(INTAKE_ROLES):
        raise Forbidden(
            _("综合受理由窗口和社区服务站的工作人员办。您要为自己申报，请到“办事指南”选事项后点“网上申报”。")
        )
    point_items.require_own_outlet(db_session(), actor)
    if request.endpoint == "cases.share" or any(name.endswith("-take") and request.form[name] for name in request.form):
        # What other offices hold about somebody is for offices; a bank works with what lies on its desk.
        raise Forbidden(
            _("银行网点不能向数据共享平台查，也不能用以前在别处交过的材料。请申请人把材料带来，拍照或扫描。")
        )


@bp.get("/counter")
@login_required
def new() -> ResponseReturnValue:
    """The screen as it was left: a draft that was typed and not filed comes back by itself, unless somebody new sits down."""
    session, actor = db_session(), current_actor()
    uid = request.args.get("visit", "")
    visit = intake.load(session, actor, uid) if uid else None
    if visit is None and "new" not in request.args and "item" not in request.args:
        visit = next(iter(intake.unfinished(session, actor)), None)
    if visit is not None and visit.status != "open":
        return redirect(url_for("cases.visit", uid=visit.uid))
    typed: MultiDict[str, str] = MultiDict()
    for name, values in ((visit.draft if visit is not None else None) or {}).items():
        typed.setlist(name, list(values))
    for code in request.args.getlist("item"):
        typed.add("item", code)
    if request.args.get(view.BUNDLE):
        typed.setdefault(view.BUNDLE, request.args[view.BUNDLE])
    if visit is not None and visit.resident is not None:
        # Somebody who already has a matter filed in this visit is not asked for the card a second time.
        typed.setdefault("applicant_id_number", visit.resident.id_number)
        typed.setdefault("applicant_name", visit.resident.name)
    return _screen(typed, visit, looked=visit is not None and visit.resident is not None)


@bp.post("/counter/look")
@login_required
def look() -> ResponseReturnValue:
    """What the ID number and the chosen items tell: parts of the screen for the script, the whole screen without one."""
    session, actor = db_session(), current_actor()
    whole = request.headers.get("X-Fragment") is None
    if not whole and "person" not in request.args:
        return _screen(request.form, _visit(), parts=True)
    resident = _resident(request.form.get("applicant_id_number", ""))
    if resident is not None:
        # Whoever looks somebody up leaves a trace; the row says which resident, not what was read.
        journal.record(session, "personal:lookup", actor, stream="residents", details={"resident": resident.id})
    return _screen(request.form, _visit(), parts=not whole, looked=True)


@bp.post("/counter/draft")
@login_required
def keep_draft() -> ResponseReturnValue:
    """Saved while the clerk types, so that neither a lost session nor a power cut takes anything away."""
    session, actor = db_session(), current_actor()
    visit = _begun()
    at = intake.save_draft(session, actor, visit, _typed_now(), _filed())
    return jsonify(visit=visit.uid, saved=f"{at.astimezone(CHINA):%H:%M:%S}")


@bp.post("/counter/draft/drop")
@login_required
def drop_draft() -> ResponseReturnValue:
    """不要了: what was typed goes, filed matters stay."""
    visit = _visit()
    if visit is not None:
        intake.drop(db_session(), current_actor(), visit)
        if visit.matters:
            return redirect(url_for("cases.visit", uid=visit.uid), 303)
    return redirect(url_for("cases.new", new=1), 303)


@bp.post("/counter/share")
@login_required
def share() -> ResponseReturnValue:
    """Asks the data-sharing platform for every paper of the list that it may have; the answers come into the list."""
    session, actor = db_session(), current_actor()
    visit = _begun()
    intake.save_draft(session, actor, visit, _typed_now(), _filed())
    one = view.one_form_of(session, request.form)
    kinds = [
        slot.record.kind
        for slot in one.slots
        if data_sharing.askable(slot.record.kind)
        and view.own(slot, request.form)
        # What lies on the desk already need not be asked for.
        and not request.form.get(f"m-{slot.key}-provided")
    ]
    try:
        with session.begin_nested():
            data_sharing.ask_for(
                session,
                actor,
                visit,
                request.form.get("applicant_id_number", ""),
                request.form.get("applicant_name", ""),
                kinds,
                "、".join(item.title for item in one.items),
            )
    except InvalidInput as refusal:
        return _screen(request.form, visit, parts=_fragment(), refusal=refusal)
    return _screen(request.form, visit, parts=_fragment())


@bp.post("/counter")
@login_required
def file() -> ResponseReturnValue:
    """Takes all matters in and files them in one go; a refusal comes back with everything that was typed."""
    session, actor = db_session(), current_actor()
    one = view.one_form_of(session, request.form)
    resident = _resident(request.form.get("applicant_id_number", ""))
    form, left_out = view.form_of(one, request.form, resident)
    person = {name: request.form.get(name, "") for name in view.PERSON}
    try:
        _require_choice(one, person)
        _all_listed(one)
        _nothing_vanished(one, request.form)
        with session.begin_nested():
            visit = _begun()
            intake.require_not_filed(visit, one, _filed())
            cases = intake.file(
                session,
                actor,
                visit,
                one,
                person,
                {**posted(form), **_answered(one, left_out)},
                _brought(one),
                {name: request.form.get(name, "") for name in view.AGENT},
                [field.short_name for field in form],
            )
            for case in cases:
                _store_files(one, case)
                _take_over(one, case)
            bundle = view.gathered(session, actor, one, cases, visit, request.form)
            intake.share_papers(one, cases, "同一件事已交" if bundle is not None else "同一次来访已交")
    except Refusal as refusal:
        if refusal.status not in (403, 422):
            raise
        session.expire_all()
        return _screen(request.form, _visit(), refusal=refusal, left_out=left_out, status=422)
    for case in cases:
        flash(_("已收件 %(number)s：%(title)s。", number=case.number, title=case.title), "success")
    if bundle is not None:
        flash(_("合成一件事 %(number)s：%(title)s。", number=bundle.number, title=bundle.title), "success")
    return redirect(url_for("cases.visit", uid=visit.uid), 303)


def _visit() -> CounterVisit | None:
    """The visit on the screen, once something of it was saved or filed."""
    uid = request.form.get("visit", "")
    return intake.find(db_session(), current_actor(), uid) if uid else None


def _begun() -> CounterVisit:
    session, actor = db_session(), current_actor()
    return intake.begin(session, actor, uid=request.form.get("visit", ""), ticket_uid=view.ticket_uid(session, actor))


def _filed() -> int:
    count = request.form.get("filed", "")
    return int(count) if count.isdecimal() and len(count) < 4 else 0


def _fragment() -> bool:
    return request.headers.get("X-Fragment") is not None


def _typed_now() -> dict[str, list[str]]:
    """Everything on the screen but the keys of the form itself."""
    return {
        name: values
        for name, values in request.form.lists()
        if name not in ("csrf_token", "_once", "visit", "filed") and any(value.strip() for value in values)
    }


def _require_choice(one: Any, person: dict[str, str]) -> None:
    """Without an item nothing else can be checked; what is plainly empty is told with it."""
    gone = [code for code in request.form.getlist("item") if code and code not in {i.code for i in one.items}]
    if one.items and not gone:
        return
    errors = {"item": view.gone_sentence(gone) if gone else _("请选要办的事项。")}
    if not person["applicant_id_number"].strip():
        errors["applicant_id_number"] = _("请填写身份证号码。")
    raise InvalidInput("".join(errors.values()), errors)


def _all_listed(one: Any) -> None:
    """A point with a short list says what it takes before it asks for anything else."""
    session, actor = db_session(), current_actor()
    unit = session.get(Agency, actor.unit_id) if actor.unit_id else None
    for item in one.items:
        if unit is None:
            return
        try:
            point_items.require_taken(session, unit, item)
        except InvalidInput as refusal:
            raise InvalidInput(refusal.detail, {"item": refusal.detail}) from refusal


def _nothing_vanished(one: Any, typed: Any) -> None:
    """A box that the form lost while it was being filled: what was typed in it is not dropped in silence."""
    lost = view.vanished(one, typed)
    if lost and not typed.get("vanished_seen"):
        named = "、".join(f"“{title}”" for _name, title, _value in lost)
        raise InvalidInput(
            _("这张表刚改过，%(named)s已经不用填了。填过的内容还列在下面，看过后勾“不用了”，再收件。", named=named),
            {"vanished_seen": _("%(named)s已经不用填了，请看过后勾选。", named=named)},
        )


def _answered(one: Any, left_out: dict[str, str]) -> dict[str, Any]:
    """What the page did not ask because the person pane knows it; what a program sent all the same is taken as it is."""
    return {name: request.form[name] for name in left_out if request.form.get(name)}


def _brought(one: Any) -> dict[str, dict[str, Any]]:
    """The papers that were ticked or scanned, by slot; what comes from elsewhere is laid in afterwards."""
    found = {}
    for slot in one.slots:
        name = f"m-{slot.key}"
        if request.form.get(f"{name}-provided") or uploaded(f"{name}-file"):
            found[slot.key] = {
                "provided": True,
                "original": request.form.get(f"{name}-form") == "original",
                "sheets": request.form.get(f"{name}-sheets") or 1,
            }
    return found


def _store_files(one: Any, case: Case) -> None:
    session, actor = db_session(), current_actor()
    for slot in one.slots:
        record = next((record for code, record in slot.serves if code == case.item.code), None)
        material = next((m for m in case.materials if record is not None and m.code == record.id), None)
        if material is None or slot.serves[0][0] != case.item.code:
            continue
        for one_file in uploaded(f"m-{slot.key}-file")[:10]:
            # A paper for several matters is read once and then stands at its beginning again for nobody else.
            data = one_file.read()
            files.store_document(session, case, actor, data, one_file.filename or "", "material", material=material)
    materials.note_uploads(session, case)


def _take_over(one: Any, case: Case) -> None:
    """Papers on record here or at the platform, as the clerk pressed."""
    session, actor = db_session(), current_actor()
    for slot in one.slots:
        way, _colon, which = request.form.get(f"m-{slot.key}-take", "").partition(":")
        record = next((record for code, record in slot.serves if code == case.item.code), None)
        material = next((m for m in case.materials if record is not None and m.code == record.id), None)
        if material is None or record is None or material.provided or not which:
            continue
        if way == "record" and which.isdecimal():
            on_record.take_over(session, actor, case, material, int(which), consent=bool(request.form.get("consent")))
        elif way == "shared":
            data_sharing.take_over(session, actor, case, material, which, record.kind)


def _resident(text: str) -> Resident | None:
    return residents.find_by_id_number(db_session(), text) if questions.parse(text) is not None else None


def _screen(
    typed: Any,
    visit: CounterVisit | None,
    *,
    parts: bool = False,
    looked: bool = False,
    refusal: Refusal | None = None,
    left_out: dict[str, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    page = view.page(session, actor, typed, visit, looked=looked, refusal=refusal, left_out=left_out or {})
    if parts:
        return render_template("cases/_counter_parts.html", **page)
    waiting = [one for one in intake.unfinished(session, actor) if visit is None or one.uid != visit.uid]
    return render_template(
        "cases/counter.html",
        groups=view.groups(session, actor, page["chosen_codes"]),
        unit=actor.unit_name,
        parked=[view.parked(one) for one in waiting],
        # A browser keeps every box of a form it gets back, but never a file.
        scans_lost=refusal is not None and any(one.filename for one in request.files.values()),
        **page,
    ), status
