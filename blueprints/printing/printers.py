"""Printers: what lies in them, and by how many millimetres they are off."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import db_session
from blueprints.printing.bp import at_the_desk, bp, choices, tabs
from models.printer import Printer
from process.refusals import InvalidInput, NotFound, Refusal
from services import print_desk, print_records, printers
from services.papers import calibration

ROLES = print_desk.DESK | print_desk.RULERS


@bp.get("/printers", endpoint="printers")
@login_required
def printers_list() -> ResponseReturnValue:
    return list_page()


def list_page(refusal: Refusal | None = None) -> ResponseReturnValue:
    actor, session = at_the_desk(ROLES), db_session()
    home = print_desk.home(session, actor, ROLES)
    html = render_template(
        "printing/printers.html",
        tabs=tabs("printing.printers"),
        rows=[(one, offsets(one)) for one in printers.mine(session, actor)],
        unit_choices=choices(print_desk.units(session, actor, ROLES)),
        home=home,
        papers=calibration.NAMES,
        duplex={key: _(label) for key, label in printers.DUPLEX.items()},
        values=request.form,
        refusal=refusal,
        rule_choices=choices(print_desk.units(session, actor, print_desk.RULERS)),
        free=print_records.free_reprints(session, home),
    )
    return (html, refusal.status) if refusal is not None else html


def offsets(printer: Printer) -> Any:
    """The corrections in millimetres and per cent."""
    return SimpleNamespace(
        across=_("左移") if printer.offset_x < 0 else _("右移"),
        x=f"{abs(printer.offset_x) / 1000:.2f}",
        down=_("上移") if printer.offset_y < 0 else _("下移"),
        y=f"{abs(printer.offset_y) / 1000:.2f}",
        sx=f"{printer.scale_x / 100:.2f}",
        sy=f"{printer.scale_y / 100:.2f}",
        measured=present.moment(printer.measured_at) if printer.measured_at else "",
        paper=calibration.NAMES[printer.paper],
        duplex=_(printers.DUPLEX[printer.duplex]),
    )


@bp.post("/printers")
@login_required
def add_printer() -> ResponseReturnValue:
    actor, session = at_the_desk(ROLES), db_session()
    try:
        with session.begin_nested():
            made = printers.save(session, actor, request.form)
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return list_page(refusal)
    flash(_("打印机“%(name)s”已登记，请先校准。", name=made.name), "success")
    return redirect(url_for("printing.printer", uid=made.uid), 303)


@bp.get("/printers/<uid>")
@login_required
def printer(uid: str) -> ResponseReturnValue:
    return printer_page(uid)


def printer_page(uid: str, refusal: Refusal | None = None) -> ResponseReturnValue:
    actor, session = at_the_desk(ROLES), db_session()
    found = printers.load(session, actor, uid)
    html = render_template(
        "printing/printer.html",
        tabs=tabs("printing.printers"),
        printer=found,
        view=offsets(found),
        # Not “places”: the frame of every page sets that name for its menu.
        crosses=calibration.marks(found.paper),
        marks=[(mark, _(printers.WORDS[mark])) for mark in printers.MARKS],
        papers=calibration.NAMES,
        duplex={key: _(label) for key, label in printers.DUPLEX.items()},
        values=request.form,
        refusal=refusal,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/printers/<uid>")
@login_required
def save_printer(uid: str) -> ResponseReturnValue:
    """Saves name and paper, or takes what was measured."""
    actor, session = at_the_desk(ROLES), db_session()
    found = printers.load(session, actor, uid)
    measuring = request.form.get("what") == "measure"
    measured = found.measured_at is not None
    try:
        with session.begin_nested():
            if measuring:
                printers.measure(session, actor, found, request.form)
            else:
                printers.save(session, actor, request.form, found)
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return printer_page(uid, refusal)
    if measuring:
        flash(_("校准已保存。请再打一张检查页核对。"), "success")
    elif measured and found.measured_at is None:
        flash(_("打印机已保存。换了纸，原来的校准不再算数，请重新校准。"), "warning")
    else:
        flash(_("打印机已保存。"), "success")
    return redirect(url_for("printing.printer", uid=uid), 303)


@bp.get("/printers/<uid>/calibration.pdf")
@login_required
def sheet(uid: str) -> ResponseReturnValue:
    """The sheet to print and measure; with ?check=1 moved as certificates will be."""
    found = printers.load(db_session(), at_the_desk(ROLES), uid)
    answer = Response(printers.sheet(found, corrected=request.args.get("check") == "1"), mimetype="application/pdf")
    answer.headers.set("Content-Disposition", "inline", filename=f"校准页{found.name}.pdf")
    return answer


@bp.post("/rule")
@login_required
def rule() -> ResponseReturnValue:
    """How many reprints are free before a second person has to agree."""
    actor, session = at_the_desk(print_desk.RULERS), db_session()
    try:
        with session.begin_nested():
            made = print_records.set_rule(
                session, actor, request.form.get("unit", ""), request.form.get("free_reprints", "")
            )
    except InvalidInput as refusal:
        session.expire_all()
        return list_page(refusal)
    flash(_("%(unit)s：补打超过 %(n)s 次要另一个人同意。", unit=made.unit.name, n=made.free_reprints), "success")
    return redirect(url_for("printing.printers"), 303)
