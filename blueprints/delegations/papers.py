"""Papers in and out: the list that goes along, and counting it line by line."""

from __future__ import annotations

from collections.abc import Callable
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
from services import actions, counting, custody, delegation_steps, delegations, further, sub_tickets

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
    return _hand_out(uid, "send", lambda ticket: custody.lines_of(ticket.case) if ticket.case else [])


@bp.route("/<uid>/result", methods=["GET", "POST"])
@login_required
def send_result(uid: str) -> ResponseReturnValue:
    """出件: result and originals go back to the station, on request with a courier."""
    return _hand_out(uid, "send_result", delegation_steps.result_lines)


@bp.route("/<uid>/supply", methods=["GET", "POST"])
@login_required
def supply(uid: str) -> ResponseReturnValue:
    """补材料: what was missing, in words or on a list that goes along."""
    return _hand_out(uid, "supply", lambda _ticket: [])


@bp.route("/<uid>/answer", methods=["GET", "POST"])
@login_required
def answer(uid: str) -> ResponseReturnValue:
    """答复: yes, no or words; originals that came along go back with it."""
    return _hand_out(uid, "answer", _held_there)


@bp.route("/<uid>/hand-back", methods=["GET", "POST"])
@login_required
def hand_back(uid: str) -> ResponseReturnValue:
    """再交回材料: an original that was missing when the answer came."""
    return _hand_out(uid, "hand_back", _held_there)


def _held_there(ticket: Delegation) -> list[custody.Line]:
    there = sub_tickets.papers_there(db_session(), ticket)
    return [custody.Line(m.name, m.sheets or 1, True, "", m) for m in there]


def _hand_out(uid: str, step: str, proposed: Callable[[Delegation], list[custody.Line]]) -> ResponseReturnValue:
    """One page for every step with which papers leave; it opens with the lines that usually go along."""
    ticket, transition, allowed = _ticket(uid, step)
    title = present.title_of(transition)
    if not allowed:
        return _not_now(ticket, title)
    form = transition_form(transition, defaults={"lines": _shown(proposed(ticket))})
    if request.method == "POST":
        refusal = _perform(ticket, step, {**posted(form), "lines": typed_lines()})
        if refusal is None:
            return _done(ticket, title)
        ticket = load_or_404(Delegation, uid)
        _blame(form, refusal)
    page = render_template(
        "delegations/send.html", ticket=ticket, form=form, title=title, step=step, asked=_asked(ticket, step)
    )
    return page, 422 if request.method == "POST" else 200


def _asked(ticket: Delegation, step: str) -> str:
    """What the other end wants, in its words."""
    if step == "supply":
        return delegations.asked_for(db_session(), ticket)
    return str((ticket.fields or {}).get("question") or "") if step == "answer" else ""


def _perform(ticket: Delegation, step: str, inputs: dict[str, Any]) -> Refusal | None:
    """Takes the step; what can be mended on the page is answered, everything else goes further up."""
    session = db_session()
    try:
        with session.begin_nested():
            actions.perform(ticket, step, current_actor(), inputs, expected_version=_version(), on_behalf_of=for_whom())
    except Refusal as refusal:
        if not is_mendable(refusal):
            raise
        session.expire_all()
        return refusal
    return None


def _blame(form: FlaskForm, refusal: Refusal) -> None:
    """Each mistake beside its box of its row."""
    lines = form["lines"]
    for name, message in refusal.errors.items():
        parts = name.split("-")
        if len(parts) == 3 and parts[0] == "lines" and parts[1].isdecimal():
            lines.row_errors.setdefault(int(parts[1]), {})[parts[2]] = message
    show_refusal(form, refusal)


# --- In


@bp.route("/<uid>/receive", methods=["GET", "POST"])
@login_required
def receive(uid: str) -> ResponseReturnValue:
    """清点接收: every line is counted; a number that differs opens its box for the difference."""
    return _count(uid, "receive", lambda ticket: custody.latest(db_session(), ticket, "send", "pass_on"))


@bp.route("/<uid>/take-over", methods=["GET", "POST"])
@login_required
def take_over(uid: str) -> ResponseReturnValue:
    """交接清点: result and originals are back at the station."""
    return _count(uid, "take_over", lambda ticket: custody.latest(db_session(), ticket, "result"))


@bp.route("/<uid>/count-further", methods=["GET", "POST"])
@login_required
def count_further(uid: str) -> ResponseReturnValue:
    """清点补送或退回的材料: what came after the first count."""
    return _count(uid, "count_further", lambda ticket: further.waiting(db_session(), ticket, current_actor()))


def _count(uid: str, step: str, list_of: Callable[[Delegation], Handover | None]) -> ResponseReturnValue:
    """One page for every step with which papers come in, and the list it counts against."""
    ticket, transition, allowed = _ticket(uid, step)
    title = present.title_of(transition)
    handover = list_of(ticket) if allowed else None
    if not allowed or (handover is None and not ticket.parent_id):
        return _not_now(ticket, title)
    page = Counting(ticket, handover, title, step)
    if request.method == "GET":
        return _count_page(page, {}, {})
    typed = {index: row for index, row in enumerate(_rows((len(handover.lines) if handover else 0) + EXTRA_ROWS))}
    inputs: dict[str, Any] = {"lines": [row for row in typed.values() if row.get("counted") or row.get("material")]}
    if not inputs["lines"]:
        # Nothing was typed: it is said beside the first line, like any other line that was not counted.
        inputs["lines"] = [{"line": "1"}]
    for row in inputs["lines"]:
        row.setdefault("counted", "")
    if handover is None:
        # Nothing came along: there is nothing to count, only to take on.
        inputs = {}
    if request.form.get("signature"):
        inputs["signature"] = request.form["signature"]
    refusal = _perform(ticket, step, inputs)
    if refusal is None:
        return _done(ticket, title)
    ticket = load_or_404(Delegation, uid)
    handover = db_session().get(Handover, page.handover_id) if page.handover_id else None
    errors = refusal.errors if any(name.startswith("lines-") for name in refusal.errors) else {"lines": refusal.detail}
    return _count_page(Counting(ticket, handover, title, step), typed, dict(errors)), 422


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
