"""扫码接收: one focused box for the scanner, a row for each envelope, and one press to sign for those that were counted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session, for_whom
from blueprints.delegations.bp import bp
from models.courier_run import CourierRun
from process.library import library
from process.refusals import InvalidInput, NotFound
from services import custody, scanning
from services.scanning import Counted, Found

TONES = {
    scanning.READY: "needs",
    scanning.DONE: "done",
    scanning.WAITING: "waiting",
    scanning.ENDED: "waiting",
    scanning.NOT_OURS: "late",
    scanning.UNKNOWN: "late",
}
COUNT_PAGES = {
    "receive": "delegations.receive",
    "take_over": "delegations.take_over",
    scanning.FURTHER: "delegations.count_further",
}


def row_of(found: Found, picked: bool = False) -> Any:
    """One scanned code as the page shows it."""
    session, ticket = db_session(), found.ticket
    row: dict[str, Any] = {"code": found.code, "verdict": found.verdict, "tone": TONES[found.verdict]}
    row |= {"sentence": found.sentence, "uid": "", "picked": picked and found.verdict == scanning.READY}
    if isinstance(found.other, CourierRun):
        row["link"] = SimpleNamespace(url=url_for("delegations.run", uid=found.other.uid), label=_("打开这一趟送件"))
    if ticket is None:
        return SimpleNamespace(**{"link": None, **row})
    state = library.of(ticket, session).states[ticket.state]
    row |= {
        "uid": ticket.uid,
        "number": ticket.number,
        "url": url_for("content.show", uid=ticket.uid),
        "what": ticket.title,
        "state": present.state_view(state),
        "link": None,
    }
    if found.handover is not None:
        row |= {
            "way": f"{found.handover.from_label} → {found.handover.to_label}",
            "handover": found.handover.id,
            "version": ticket.version,
            "lines": found.handover.lines,
            "sheets": found.sheets,
            "count_url": url_for(COUNT_PAGES[found.step], uid=ticket.uid),
        }
    else:
        row["way"] = f"{custody.full_name(ticket.place)} → {ticket.addressee.name}"
    return SimpleNamespace(**row)


def _require_receiver() -> None:
    if not scanning.may_receive(current_actor()):
        raise NotFound()


@bp.route("/scan", methods=["GET", "POST"])
@login_required
def scan() -> ResponseReturnValue:
    """The pile before the clerk: scanned, counted, received."""
    _require_receiver()
    if request.method == "GET":
        return _page([], [])
    codes = [code for code in request.form.getlist("codes") if code][: scanning.MAX_ROWS]
    typed = request.form.get("code", "")
    if typed.strip():
        return _page([*codes, typed], [], just=typed)
    return _receive(codes)


@bp.post("/scan/look")
@login_required
def scan_look() -> ResponseReturnValue:
    """The row of one code, for the page that is already open."""
    _require_receiver()
    found = scanning.look(db_session(), current_actor(), request.form.get("code", ""))
    return render_template("delegations/_scan_row.html", r=row_of(found))


def _receive(codes: list[str]) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    try:
        outcomes = scanning.receive_all(
            session, actor, [_counted(uid) for uid in request.form.getlist("pick")], on_behalf_of=for_whom()
        )
    except InvalidInput as refusal:
        return _page(codes, [], problem=refusal.detail), 422
    received = {outcome.uid for outcome in outcomes if outcome.done}
    session.expire_all()
    return _page(codes, outcomes, leave_out=received)


def _counted(uid: str) -> Counted:
    def number(name: str) -> int | None:
        raw = request.form.get(f"{name}-{uid}", "")
        return int(raw) if raw.isdecimal() and len(raw) < 19 else None

    return Counted(uid, number("list") or 0, number("version"))


def _page(
    codes: list[str],
    outcomes: list[scanning.Outcome],
    *,
    just: str = "",
    problem: str = "",
    leave_out: set[str] | None = None,
) -> str:
    session, actor = db_session(), current_actor()
    picked = set(request.form.getlist("pick"))
    rows: dict[str, Any] = {}
    twice = ""
    for code in codes:
        found = scanning.look(session, actor, code)
        uid = found.ticket.uid if found.ticket is not None else ""
        if uid and uid in (leave_out or ()):
            continue
        key = uid or found.code
        if key in rows and code == just:
            twice = found.code
        rows.setdefault(key, row_of(found, uid in picked))
    done = sum(outcome.done for outcome in outcomes)
    return render_template(
        "delegations/scan.html",
        rows=list(reversed(rows.values())),
        ready=sum(row.verdict == scanning.READY for row in rows.values()),
        outcomes=outcomes,
        said=ngettext("已接收 %(num)d 件。", "已接收 %(num)d 件。", done) if outcomes else "",
        failed=len(outcomes) - done,
        problem=problem,
        twice=twice,
        most=scanning.MAX_ROWS,
    )
