"""The machine: look up, file, print a slip. It signs nobody in and keeps nothing between two presses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import current_app, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import logout_user

from blueprints import present
from blueprints.cases import questions
from blueprints.catalogue.offers import name_of
from blueprints.context import db_session
from blueprints.dynamic_forms import posted, show_refusal, uploaded
from blueprints.public import progress as tracks
from blueprints.terminals.bp import bp
from catalogue import loader as catalogue
from extensions import limiter
from models.base import now
from models.case import ServiceItem
from models.crypto import vault
from models.terminal import Terminal
from process.library import library
from process.refusals import InvalidInput, NotFound, Refusal
from services import case_forms, terminals

COOKIE = "terminal"
LONGEST = 60
PERSON = ("name", "id_number", "phone", "address")
MOST_FILES = 5


def _machine() -> Terminal | None:
    return terminals.by_secret(db_session(), request.cookies.get(COOKIE, ""))


def _needed() -> Terminal:
    found = _machine()
    if found is None:
        raise NotFound(_("这台机器还没有开通自助终端，或已停用。请工作人员到大厅的“自助终端”里重新生成开机码。"))
    return found


def _who() -> str:
    """Tries are counted for each machine, by a print that tells nobody which."""
    return vault.fingerprint(f"terminal-tries:{request.cookies.get(COOKIE, '')}:{request.remote_addr}")[:32]


def _missed(response: Any) -> bool:
    return response.status_code in (404, 422)


@bp.route("/terminal", methods=["GET", "POST"])
@limiter.limit("30/hour", key_func=_who, deduct_when=_missed, exempt_when=lambda: request.method == "GET")
def home() -> ResponseReturnValue:
    """What one can do here; a machine that is not open yet asks for its code."""
    if request.method == "POST":
        opened = terminals.open_with(db_session(), request.form.get("code", ""))
        if opened is None:
            wrong = _("开机码不对，或已经过了时间。请到大厅的“自助终端”里看，或重新生成。")
            return render_template("terminals/pair.html", wrong=wrong), 422
        # Whoever set the machine up is not signed in at it any longer.
        logout_user()
        session.clear()
        response = make_response(redirect(url_for("terminals.home"), 303))
        response.set_cookie(
            COOKIE,
            opened[1],
            max_age=366 * 24 * 3600,
            path="/terminal",
            httponly=True,
            samesite="Strict",
            secure=bool(current_app.config.get("SESSION_COOKIE_SECURE")),
        )
        return response
    found = _machine()
    if found is None:
        return render_template("terminals/pair.html", wrong="")
    return render_template(
        "terminals/home.html", terminal=found, many=len(terminals.offered(db_session(), found)), idle=0
    )


@bp.get("/terminal/done")
def done() -> ResponseReturnValue:
    """The visitor has gone: everything of the visit is forgotten, here and in the browser."""
    session.clear()
    response = make_response(redirect(url_for("terminals.home"), 303))
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.route("/terminal/look", methods=["GET", "POST"])
@limiter.limit("20/hour", key_func=_who, deduct_when=_missed, exempt_when=lambda: request.method == "GET")
def look() -> ResponseReturnValue:
    """Where a matter is: by its number and the last four characters, or by card. State and place, nothing of the contents."""
    terminal, found, errors, status = _needed(), [], {}, 200
    typed = {name: request.form.get(name, "")[:LONGEST] for name in ("number", "tail", "name", "id_number")}
    if request.method == "POST":
        try:
            found = _found(typed)
        except InvalidInput as refusal:
            errors, status = refusal.errors, 422
        else:
            if not found:
                errors, status = {"": _("没有查到。请对照受理通知书和身份证再输一次，或请工作人员帮忙。")}, 404
    page = render_template(
        "terminals/look.html",
        terminal=terminal,
        found=found,
        wrong=list(errors.values()),
        # With a mistake the number of the matter stays; what says who somebody is does not stand on the screen again.
        number=typed["number"] if status != 200 else "",
        by_card=request.form.get("by") == "card",
        when=present.moment(now()),
    )
    return page, status


def _found(typed: dict[str, str]) -> list[Any]:
    if request.form.get("by") == "card":
        rows = terminals.cases_of(db_session(), typed) or ()
        return [
            SimpleNamespace(
                number=case.number,
                title=case.title,
                state=present.state_view(library.of(case, db_session()).states[case.state]),
                unit=(case.unit or case.place).name,
            )
            for case in rows
        ]
    number, tail = tracks.tidy(typed["number"]), tracks.tidy(typed["tail"])
    errors = {}
    if not number:
        errors["number"] = _("请填写办件编号，在受理通知书右上角，例如 DX-2026-000123。")
    if len(tail) != 4:
        errors["tail"] = _("请填写申请人身份证号码的最后四位，末位是 X 的填 X。")
    if errors:
        raise InvalidInput("".join(errors.values()), errors)
    track = tracks.find(db_session(), number, tail)
    return [track] if track is not None else []


@bp.get("/terminal/file")
def pick() -> ResponseReturnValue:
    """What this machine takes."""
    terminal = _needed()
    items = [(one.code, name_of(catalogue.item(one.code))) for one in terminals.offered(db_session(), terminal)]
    return render_template("terminals/pick.html", terminal=terminal, items=items)


@bp.route("/terminal/file/<code>", methods=["GET", "POST"])
@limiter.limit("60/hour", key_func=_who, deduct_when=_missed, exempt_when=lambda: request.method == "GET")
def file(code: str) -> ResponseReturnValue:
    """First who, then what: nothing is stored before the last press, and everything with it."""
    terminal = _needed()
    item = next((one for one in terminals.offered(db_session(), terminal) if one.code == code), None)
    if item is None:
        raise NotFound(_("这件事现在不能在这台终端上申报，请到窗口办理。"))
    person = {name: request.form.get(name, "")[:200] for name in PERSON}
    if request.method == "GET":
        return _who_page(terminal, item, person, {})
    try:
        terminals.person_of(person)
    except InvalidInput as refusal:
        return _who_page(terminal, item, person, refusal.errors), 422
    form = questions.ask(case_forms.form_of(item), questions.parse(person["id_number"]), None)
    if request.form.get("step") != "file":
        return _form_page(terminal, item, person, form)
    papers = {
        slot.id: [(one.read(), one.filename or "") for one in uploaded(f"file-{slot.id}")[:MOST_FILES]]
        for slot in catalogue.item(code).materials
    }
    try:
        with db_session().begin_nested():
            case = terminals.file(db_session(), terminal, item, person, posted(form), papers)
    except Refusal as refusal:
        if refusal.status not in (403, 409, 422):
            raise
        db_session().expire_all()
        about = {name.rpartition(".")[2].removeprefix("applicant_") for name in refusal.errors}
        if about and about <= set(PERSON):
            errors = {name.rpartition(".")[2].removeprefix("applicant_"): w for name, w in refusal.errors.items()}
            return _who_page(_needed(), item, person, errors), 422
        show_refusal(form, refusal)
        return _form_page(_needed(), item, person, form, refusal), 422
    return render_template(
        "terminals/slip.html",
        terminal=terminal,
        number=case.number,
        title=case.title,
        unit=(case.unit or case.place).name,
        when=present.moment(now()),
    )


def _who_page(terminal: Terminal, item: ServiceItem, person: dict[str, str], errors: dict[str, str]) -> str:
    return render_template("terminals/who.html", terminal=terminal, item=item, person=person, errors=errors)


def _form_page(
    terminal: Terminal, item: ServiceItem, person: dict[str, str], form: Any, refusal: Refusal | None = None
) -> str:
    record = catalogue.item(item.code)
    return render_template(
        "terminals/form.html",
        terminal=terminal,
        item=item,
        person=person,
        form=form,
        problem=refusal.detail if refusal else "",
        slots=record.materials,
        errors=refusal.errors if refusal else {},
    )
