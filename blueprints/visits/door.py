"""On the phone at the door: one step a screen, each kept on the server as soon as it is done, handed in together."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from flask_wtf import FlaskForm
from sqlalchemy import select

from blueprints import present
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from blueprints.dynamic_forms import is_mendable, posted, read_lines, show_refusal, transition_form, uploaded
from blueprints.visits.answers import questions
from blueprints.visits.bp import bp
from models.base import now
from models.delegation import HomeVisit
from models.paper import Document
from process import access, clock, engine
from process.library import library
from process.refusals import Refusal
from process.words import N_
from services import actions, delegations, doorstep, files, findings, letters, visit_day
from services.catalogue_items import record_of

STEPS = (
    ("identity", N_("身份")),
    ("papers", N_("材料")),
    ("photos", N_("拍照")),
    ("letter", N_("委托书签名")),
    ("list", N_("交接清单")),
    ("done", N_("完成")),
)
KEYS = [key for key, _label in STEPS]
HELP = {
    "identity": N_("先出示工作证，说明来意，再看身份证：照片、姓名、号码都要对得上。"),
    "papers": N_("收走什么就写什么，原件看清楚是不是要还。没有收的行，份数空着。"),
    "photos": N_("按事项需要拍：证件、证件照、本人。拍好一张传一张，不用一次拍完。"),
    "letter": N_("念给老人听，再请本人签名；不能书写的按指印，请两名见证人在场。"),
    "list": N_("和老人一起再看一遍，签收后这些材料由您保管。"),
}
TITLES = {
    "identity": N_("核对身份"),
    "papers": N_("收材料"),
    "photos": N_("拍照"),
    "letter": N_("签代办委托书"),
    "list": N_("核对交接清单"),
    "done": N_("材料已收好"),
}


@bp.get("/<uid>/door")
@login_required
def door(uid: str) -> ResponseReturnValue:
    """Goes on where the form was left."""
    visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
    doorstep.require_at_door(db_session(), visit, current_actor())
    kept = doorstep.draft(visit).get("screens", [])
    following = next((key for key in doorstep.screens_of(visit) if key not in kept), None)
    return redirect(
        url_for("visits.door_step", uid=uid, step=following) if following else url_for("visits.door_list", uid=uid), 303
    )


@bp.route("/<uid>/door/<any(identity, papers, photos, letter):step>", methods=["GET", "POST"])
@login_required
def door_step(uid: str, step: str) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
    doorstep.require_at_door(session, visit, actor)
    form, asked = _form(visit, step), questions(visit) if step == "papers" else None
    if request.method == "GET":
        return _screen(visit, step, form, asked)
    try:
        with session.begin_nested():
            doorstep.keep(session, visit, actor, step, _given(visit, step, form))
            if asked is not None:
                doorstep.keep_answers(session, visit, actor, posted(asked))
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
        _blame(form, refusal)
        if asked is not None and any(name in asked for name in refusal.errors):
            form.form_errors.clear()
            show_refusal(asked, refusal)
        return _screen(visit, step, form, asked), 422
    needed = doorstep.screens_of(visit)
    following = next((key for key in needed if KEYS.index(key) > KEYS.index(step)), None)
    return redirect(
        url_for("visits.door_step", uid=uid, step=following) if following else url_for("visits.door_list", uid=uid), 303
    )


def _form(visit: HomeVisit, step: str) -> FlaskForm:
    transition = doorstep.screen(db_session(), visit, step)
    kept = doorstep.draft(visit)
    defaults: dict[str, Any] = {spec.name: kept[spec.name] for spec in transition.inputs if spec.name in kept}
    if step == "papers":
        defaults["lines"] = [
            {**line, "original": "original" if line.get("original") else "copy"} for line in kept.get("lines", ())
        ] or _usual(visit)
    if step == "letter":
        usual = clock.local_day(now()).toordinal() + letters.USUAL_DAYS
        until = defaults.get("valid_until")
        defaults["valid_until"] = (
            type(clock.local_day(now())).fromisoformat(until) if until else clock.local_day(now()).fromordinal(usual)
        )
        defaults.setdefault("powers", list(letters.POWERS))
    return transition_form(transition, defaults=defaults)


def _usual(visit: HomeVisit) -> list[dict[str, Any]]:
    """The item's own list, to be ticked off by writing numbers."""
    return [
        {"material": m.name, "original": "copy" if m.form == "copy" else "original", "sheets": "", "condition": ""}
        for m in record_of(visit.item).materials
    ]


def _given(visit: HomeVisit, step: str, form: FlaskForm) -> dict[str, Any]:
    given = posted(form)
    if step == "papers":
        rows = [row for row in read_lines(request.form, "lines") if str(row.get("sheets", "")).strip()]
        given["lines"] = [{**row, "original": row.get("original") == "original"} for row in rows]
    if step == "photos":
        kept = [uid for uid in request.form.getlist("keep") if uid in {d.uid for d in _photos(visit)}]
        fresh = [
            files.store_document(db_session(), visit, current_actor(), f.read(), f.filename or "", "photo").uid
            for f in uploaded("photos")
        ]
        given["photos"] = kept + fresh
    return given


def _photos(visit: HomeVisit) -> list[Document]:
    return list(
        db_session().scalars(
            select(Document).where(Document.content_id == visit.id, Document.purpose == "photo").order_by(Document.id)
        )
    )


def _blame(form: FlaskForm, refusal: Refusal) -> None:
    if "lines" in form:
        for name, message in refusal.errors.items():
            parts = name.split("-")
            if len(parts) == 3 and parts[1].isdecimal():
                form["lines"].row_errors.setdefault(int(parts[1]), {})[parts[2]] = message
    show_refusal(form, refusal)


def _screen(visit: HomeVisit, step: str, form: Any, asked: FlaskForm | None = None, **more: Any) -> str:
    index = KEYS.index(step)
    kept = doorstep.draft(visit)
    back = None
    if 0 < index < len(KEYS) - 1:
        back = url_for("visits.door_step", uid=visit.uid, step=KEYS[index - 1])
    steps = [
        SimpleNamespace(label=_(label), status="done" if i < index else "current" if i == index else "todo")
        for i, (_key, label) in enumerate(STEPS)
    ]
    template = {
        "papers": "visits/papers.html",
        "photos": "visits/photos.html",
        "list": "visits/list.html",
        "done": "visits/done.html",
    }.get(step, "visits/step.html")
    photos = (
        [
            SimpleNamespace(
                uid=d.uid,
                url=url_for("content.thumbnail", uid=visit.uid, document_uid=d.uid, part="thumbnail"),
                name=d.filename,
            )
            for d in _photos(visit)
            if d.uid in kept.get("photos", [])
        ]
        if step in ("photos", "list")
        else []
    )
    return render_template(
        template,
        visit=_visit_view(visit),
        steps=steps,
        form=form,
        questions=asked,
        back_url=back,
        sync=SimpleNamespace(online=True, waiting=0),
        action_url="",
        photos=photos,
        kept=kept,
        step=SimpleNamespace(
            index=index + 1,
            total=len(STEPS),
            key=step,
            title=_(TITLES[step]),
            help=_(HELP[step]) if step in HELP else None,
            next_label=_("签收材料，收好") if step == "list" else None,
        ),
        **more,
    )


def _visit_view(visit: HomeVisit) -> Any:
    person = visit.applicant
    return SimpleNamespace(
        uid=visit.uid,
        number=visit.number,
        who=person.name if person else "",
        item=visit.item.title,
        address=person.address if person else "",
        when=present.moment(visit.slot_start),
        version=visit.version,
    )


@bp.route("/<uid>/door/list", methods=["GET", "POST"])
@login_required
def door_list(uid: str) -> ResponseReturnValue:
    """The whole of it once more, then the leader signs for the papers."""
    session, actor = db_session(), current_actor()
    visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
    if request.method == "GET" and visit.state != "visiting":
        return redirect(url_for("content.show", uid=uid), 303)
    doorstep.require_at_door(session, visit, actor)
    powers = {key: _(title) for key, title in letters.POWERS.items()}
    errors: list[dict[str, str]] = []
    if request.method == "POST":
        inputs = {name: value for name, value in doorstep.draft(visit).items() if name != "screens"}
        try:
            with session.begin_nested():
                actions.perform(visit, "collect", actor, inputs, on_behalf_of=for_whom())
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
            errors = [{"field": "", "message": message} for message in (refusal.errors.values() or [refusal.detail])]
            return _screen(visit, "list", None, powers=powers, errors=errors), 422
        flash(_("材料和委托书已收好，请当天代为申报。"), "success")
        return redirect(url_for("visits.done", uid=uid), 303)
    missing = [
        SimpleNamespace(label=_(label), url=url_for("visits.door_step", uid=uid, step=key))
        for key, label in STEPS
        if key in doorstep.screens_of(visit) and key not in doorstep.draft(visit).get("screens", [])
    ]
    return _screen(visit, "list", None, powers=powers, errors=errors, missing=missing)


@bp.get("/<uid>/door/done")
@login_required
def done(uid: str) -> ResponseReturnValue:
    """What comes next, the same day."""
    visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
    definition = library.of(visit, db_session())
    file = definition.transitions["file"]
    allowed = file in engine.available(visit, current_actor())
    where = ""
    if findings.is_check(visit):
        payer = findings.payer_of(db_session(), findings.finding_of(visit, clock.local_day(now())).region)
        where = (payer or delegations.default_addressee(db_session(), visit.item, visit.place)).name
    elif delegations.needs_carrying(visit.item):
        where = delegations.default_addressee(db_session(), visit.item, visit.place).name
    return _screen(
        visit,
        "done",
        None,
        file_url=url_for("content.do", uid=uid, transition="file") if allowed else None,
        where=where,
        next_stop=_next_stop(visit),
    )


def _next_stop(visit: HomeVisit) -> Any:
    """Who is next on today's route."""
    other = visit_day.following(db_session(), current_actor(), visit)
    if other is None or other.slot_start is None:
        return None
    return SimpleNamespace(
        when=present.moment(other.slot_start), url=url_for("visits.route", grid=other.place_id) + f"#stop-{other.uid}"
    )


@bp.route("/<uid>/deliver", methods=["GET", "POST"])
@login_required
def deliver(uid: str) -> ResponseReturnValue:
    """The result at the door, signed for."""
    session, actor = db_session(), current_actor()
    visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
    transition = library.of(visit, session).transitions["deliver"]
    if transition not in engine.available(visit, actor):
        return render_template(
            "content/do.html",
            content=visit,
            transition=None,
            form=None,
            allowed=False,
            title=present.title_of(transition),
        ), 409
    form = transition_form(
        replace(transition, inputs=tuple(sorted(transition.inputs, key=lambda spec: spec.kind == "signature")))
    )
    status = 200
    if request.method == "POST":
        version = request.form.get("version", "")[:9]
        try:
            with session.begin_nested():
                actions.perform(
                    visit,
                    "deliver",
                    actor,
                    posted(form),
                    expected_version=int(version) if version.isdecimal() else None,
                    on_behalf_of=for_whom(),
                )
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            visit = load_or_404(HomeVisit, uid, access.VIEW_FULL)
            show_refusal(form, refusal)
            status = 422
        else:
            flash(_("%(number)s：结果已送达，请登记评价后办结。", number=visit.number), "success")
            return redirect(url_for("content.show", uid=uid), 303)
    html = render_template(
        "visits/step.html",
        visit=_visit_view(visit),
        steps=[SimpleNamespace(label=_("上门送达"), status="current")],
        form=form,
        back_url=url_for("content.show", uid=uid),
        sync=SimpleNamespace(online=True, waiting=0),
        action_url="",
        step=SimpleNamespace(
            index=1,
            total=1,
            key="deliver",
            title=_("上门送达"),
            help=_("把结果和原件一件件交到手上，再请签收人签名。"),
            next_label=_("签收完，送达"),
        ),
    )
    return html, status
