"""Papers in and out: the list that goes along, and counting it line by line."""

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
from blueprints.context import current_actor, db_session, for_whom, load_or_404
from blueprints.delegations.bp import bp
from blueprints.dynamic_forms import is_mendable, posted, read_lines, show_refusal, transition_form
from models.delegation import Delegation, Handover
from process import access, engine
from process.library import library
from process.refusals import NotFound, Refusal
from services import actions, counting, custody, delegation_steps, further, sub_tickets

EXTRA_ROWS = 2


def _ticket(uid: str, step: str) -> tuple[Delegation, Any, bool]:
    """The ticket, the transition in its own version, and whether this actor may take it now."""
    ticket = load_or_404(Delegation, uid, access.VIEW_FULL)
    transition = library.of(ticket, db_session()).transitions.get(step)
    if transition is None:
        raise NotFound()
    return ticket, transition, transition in engine.available(ticket, current_actor())


def _not_now(ticket: Delegation, title: str) -> ResponseReturnValue:
    return render_template(
        "content/do.html", content=ticket, transition=None, form=None, allowed=False, title=title
    ), 409


def _done(ticket: Delegation, what: str) -> ResponseReturnValue:
    flash(_("%(number)s：%(what)s，已办好。", number=ticket.number, what=what), "success")
    visible = db_session().scalar(
        access.visible(select(Delegation.id).where(Delegation.id == ticket.id), current_actor(), Delegation)
    )
    return redirect(url_for("content.show", uid=ticket.uid) if visible else url_for("delegations.index"), 303)


def _version() -> int | None:
    value = request.form.get("version", "")
    return int(value) if value.isdecimal() and len(value) < 10 else None


def typed_lines(name: str = "lines") -> list[dict[str, Any]]:
    """The rows of a list as typed, in the words of the service."""
    rows = read_lines(request.form, name)
    return [{**row, "original": row.get("original") == "original"} for row in rows]


def _shown(lines: list[custody.Line]) -> list[dict[str, Any]]:
    return [
        {
            "material": line.name,
            "original": "original" if line.original else "copy",
            "sheets": line.sheets,
            "condition": line.condition,
        }
        for line in lines
    ]


# --- Out


@bp.route("/<uid>/send", methods=["GET", "POST"])
@login_required
def send(uid: str) -> ResponseReturnValue:
    """受委托并转交: the list is written from what was brought, and goes with the papers."""
    ticket, transition, allowed = _ticket(uid, "send")
    if not allowed:
        return _not_now(ticket, present.title_of(transition))
    lines = custody.lines_of(ticket.case) if ticket.case else []
    return _hand_out(ticket, transition, lines, "delegations/send.html")


@bp.route("/<uid>/result", methods=["GET", "POST"])
@login_required
def send_result(uid: str) -> ResponseReturnValue:
    """出件: result and originals go back to the station, on request with a courier."""
    ticket, transition, allowed = _ticket(uid, "send_result")
    if not allowed:
        return _not_now(ticket, present.title_of(transition))
    return _hand_out(ticket, transition, delegation_steps.result_lines(ticket), "delegations/send.html")


def _hand_out(ticket: Delegation, transition: Any, lines: list[custody.Line], template: str) -> ResponseReturnValue:
    session, uid = db_session(), ticket.uid
    form = transition_form(transition, defaults={"lines": _shown(lines)})
    title = present.title_of(transition)
    if request.method == "POST":
        inputs = {**posted(form), "lines": typed_lines()}
        try:
            with session.begin_nested():
                actions.perform(
                    ticket, transition.id, current_actor(), inputs, expected_version=_version(), on_behalf_of=for_whom()
                )
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            ticket = load_or_404(Delegation, uid)
            _blame(form, refusal)
            return render_template(template, ticket=ticket, form=form, title=title, step=transition.id), 422
        return _done(ticket, title)
    return render_template(template, ticket=ticket, form=form, title=title, step=transition.id)


def _blame(form: FlaskForm, refusal: Refusal) -> None:
    """Each mistake beside its box of its row."""
    lines = form["lines"]
    for name, message in refusal.errors.items():
        parts = name.split("-")
        if len(parts) == 3 and parts[0] == "lines" and parts[1].isdecimal():
            lines.row_errors.setdefault(int(parts[1]), {})[parts[2]] = message
    show_refusal(form, refusal)


@bp.route("/<uid>/supply", methods=["GET", "POST"])
@login_required
def supply(uid: str) -> ResponseReturnValue:
    """补材料: what was missing, in words or on a list that goes along."""
    ticket, transition, allowed = _ticket(uid, "supply")
    if not allowed:
        return _not_now(ticket, present.title_of(transition))
    return _hand_out(ticket, transition, [], "delegations/send.html")


@bp.route("/<uid>/answer", methods=["GET", "POST"])
@login_required
def answer(uid: str) -> ResponseReturnValue:
    """答复: yes, no or words; originals that came along go back with it."""
    ticket, transition, allowed = _ticket(uid, "answer")
    if not allowed:
        return _not_now(ticket, present.title_of(transition))
    return _hand_out(ticket, transition, _held_there(ticket), "delegations/send.html")


@bp.route("/<uid>/hand-back", methods=["GET", "POST"])
@login_required
def hand_back(uid: str) -> ResponseReturnValue:
    """再交回材料: an original that was missing when the answer came."""
    ticket, transition, allowed = _ticket(uid, "hand_back")
    if not allowed:
        return _not_now(ticket, present.title_of(transition))
    return _hand_out(ticket, transition, _held_there(ticket), "delegations/send.html")


def _held_there(ticket: Delegation) -> list[custody.Line]:
    there = sub_tickets.papers_there(db_session(), ticket)
    return [custody.Line(m.name, m.sheets or 1, True, "", m) for m in there]


# --- In


@bp.route("/<uid>/receive", methods=["GET", "POST"])
@login_required
def receive(uid: str) -> ResponseReturnValue:
    """清点接收: every line is counted; a number that differs opens its box for the difference."""
    ticket, transition, allowed = _ticket(uid, "receive")
    return _count(ticket, transition, allowed, custody.latest(db_session(), ticket, "send", "pass_on"))


@bp.route("/<uid>/take-over", methods=["GET", "POST"])
@login_required
def take_over(uid: str) -> ResponseReturnValue:
    ticket, transition, allowed = _ticket(uid, "take_over")
    return _count(ticket, transition, allowed, custody.latest(db_session(), ticket, "result"))


@bp.route("/<uid>/count-further", methods=["GET", "POST"])
@login_required
def count_further(uid: str) -> ResponseReturnValue:
    """清点补送或退回的材料: what came after the first count."""
    ticket, transition, allowed = _ticket(uid, "count_further")
    return _count(ticket, transition, allowed, further.waiting(db_session(), ticket, current_actor()))


def _count(ticket: Delegation, transition: Any, allowed: bool, handover: Handover | None) -> ResponseReturnValue:
    session, uid, title = db_session(), ticket.uid, present.title_of(transition)
    if not allowed or (handover is None and not ticket.parent_id):
        return _not_now(ticket, title)
    page = Counting(ticket, handover, title, transition.id)
    if request.method == "GET":
        return _count_page(page, {}, {})
    typed = {index: row for index, row in enumerate(_rows((len(handover.lines) if handover else 0) + EXTRA_ROWS))}
    inputs: dict[str, Any] = {"lines": [row for row in typed.values() if row.get("counted") or row.get("material")]}
    for row in inputs["lines"]:
        row.setdefault("counted", "")
    if handover is None:
        # Nothing came along: there is nothing to count, only to take on.
        inputs = {}
    if request.form.get("signature"):
        inputs["signature"] = request.form["signature"]
    try:
        with session.begin_nested():
            actions.perform(
                ticket, transition.id, current_actor(), inputs, expected_version=_version(), on_behalf_of=for_whom()
            )
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        ticket = load_or_404(Delegation, uid)
        handover = session.get(Handover, handover_id) if (handover_id := page.handover_id) else None
        errors = (
            refusal.errors if any(name.startswith("lines-") for name in refusal.errors) else {"lines": refusal.detail}
        )
        return _count_page(Counting(ticket, handover, title, transition.id), typed, errors), 422
    return _done(ticket, title)


class Counting:
    """What one counting page is about."""

    def __init__(self, ticket: Delegation, handover: Handover | None, title: str, step: str) -> None:
        self.ticket, self.handover, self.title, self.step = ticket, handover, title, step
        self.handover_id = handover.id if handover is not None else None


def _rows(number: int) -> list[dict[str, Any]]:
    """Boxes of the counting page; unlike a free list every row keeps its place, counted or not."""
    parts = ("line", "material", "counted", "difference", "verdict", "defect")
    return [
        {part: value for part in parts if (value := request.form.get(f"lines-{index}-{part}", "").strip())}
        for index in range(number)
    ]


def _count_page(page: Counting, typed: dict[int, dict[str, Any]], errors: dict[str, str]) -> str:
    handover = page.handover
    lines = handover.lines if handover is not None else []

    def wrong(index: int, *parts: str) -> str | None:
        return next((errors[key] for part in parts if (key := f"lines-{index}-{part}") in errors), None)

    rows = [
        SimpleNamespace(
            index=line.position - 1,
            line=line.position,
            name=line.name,
            original=line.original,
            sheets=line.sheets,
            condition=line.condition,
            counted=typed.get(line.position - 1, {}).get("counted", ""),
            difference=typed.get(line.position - 1, {}).get("difference", ""),
            back=typed.get(line.position - 1, {}).get("verdict") == counting.SEND_BACK,
            reason=typed.get(line.position - 1, {}).get("defect", ""),
            counted_error=wrong(line.position - 1, "counted"),
            difference_error=wrong(line.position - 1, "difference"),
            reason_error=wrong(line.position - 1, "verdict", "defect"),
        )
        for line in lines
    ]
    extras = [
        SimpleNamespace(
            index=index,
            name=typed.get(index, {}).get("material", ""),
            counted=typed.get(index, {}).get("counted", ""),
            difference=typed.get(index, {}).get("difference", ""),
            error=wrong(index, "difference", "counted", "material"),
        )
        for index in range(len(lines), len(lines) + EXTRA_ROWS)
    ]
    summary = [{"field": "" if name == "lines" else name, "message": message} for name, message in errors.items()]
    return render_template(
        "delegations/count.html",
        ticket=page.ticket,
        title=page.title,
        rows=rows,
        extras=extras,
        errors=summary,
        partial=page.step == "receive",
        signature=SimpleNamespace(
            name="signature", id="signature", value=request.form.get("signature", ""), errors=[], type="SignatureField"
        ),
        giver=handover.from_label if handover is not None else custody.full_name(page.ticket.place),
        taker=handover.to_label if handover is not None else custody.full_name(page.ticket.addressee),
        when=present.moment(handover.at if handover is not None else page.ticket.entered_at),
        total=sum(line.sheets for line in lines),
        question=str((page.ticket.fields or {}).get("question") or "") if page.ticket.parent_id else "",
    )
