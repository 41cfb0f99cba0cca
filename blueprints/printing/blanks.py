"""空白证件: what came in, where it lies, what each sheet was used for."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import db_session
from blueprints.printing.bp import at_the_desk, bp, choices, tabs
from process.refusals import InvalidInput, NotFound, Refusal
from services import blanks, print_desk

LOOKERS = print_desk.KEEPERS | print_desk.RULERS | {"supervisor"}


@bp.get("/blanks", endpoint="blanks")
@login_required
def blanks_list() -> ResponseReturnValue:
    return ledger()


def ledger(refusal: Refusal | None = None) -> ResponseReturnValue:
    actor, session = at_the_desk(LOOKERS), db_session()
    word = request.args.get("q", "")[:40]
    keeps = not print_desk.KEEPERS.isdisjoint(actor.roles)
    home = print_desk.home(session, actor, print_desk.KEEPERS)
    html = render_template(
        "printing/blanks.html",
        tabs=tabs("printing.blanks"),
        balance=blanks.balance(session, actor),
        moves=blanks.moves(session, actor),
        sheets=blanks.sheets(session, actor, word=word),
        q=word,
        verbs={key: _(label) for key, label in blanks.VERBS.items()},
        kinds=blanks.kinds(),
        unit_choices=choices(print_desk.units(session, actor, print_desk.KEEPERS)) if keeps else [],
        home=home,
        values=request.form,
        refusal=refusal,
        moment=present.moment,
    )
    return (html, refusal.status) if refusal is not None else html


@bp.post("/blanks")
@login_required
def move_blanks() -> ResponseReturnValue:
    """One line of the ledger: received, given, returned or spoiled."""
    actor, session = at_the_desk(print_desk.KEEPERS), db_session()
    form, verb = request.form, request.form.get("verb", "")
    unit, kind, first, last = (form.get(name, "") for name in ("unit", "kind", "first", "last"))
    last = last or first
    try:
        with session.begin_nested():
            match verb:
                case "receive":
                    made = blanks.receive(session, actor, unit, kind, first, last, form.get("reason"))
                case "give":
                    made = blanks.give(session, actor, unit, kind, first, last, form.get("to", ""))
                case "return":
                    made = blanks.give_back(session, actor, unit, kind, first, last, form.get("reason"))
                case "spoil":
                    made = blanks.spoil(session, actor, unit, kind, first, last, form.get("reason"))
                case _other:
                    raise InvalidInput(_("请选要登记什么：领入、发放、退回或作废。"), {"verb": _("请选择")})
    except NotFound:
        raise
    except Refusal as refusal:
        session.expire_all()
        return ledger(refusal)
    flash(
        _(
            "已登记%(verb)s：%(first)s—%(last)s，共 %(n)s 张。",
            verb=_(blanks.VERBS[made.verb]),
            first=made.first,
            last=made.last,
            n=made.count,
        ),
        "success",
    )
    return redirect(url_for("printing.blanks"), 303)
