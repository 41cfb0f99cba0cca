"""出件窗口: find whose results wait, check the card, hand all of them over with one press, print the one receipt."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.exits import rows as shown
from blueprints.exits.bp import bp
from models.exit import ExitReceipt, Outgoing
from process import journal
from process.identity import IdNumber, InvalidIdNumber
from process.refusals import Forbidden, NotFound, Refusal
from services import exit_handing, exit_moves, outgoing, unit_settings

SHOWS = ("waiting", "unclaimed", "underway", "making", "gone")


def staff_only() -> None:
    """The window is minded by those who hand things out."""
    if not current_actor().roles & outgoing.HANDS:
        raise Forbidden(_("统一出件由窗口、社区站和发证的工作人员办。您自己的结果在“办件”里看怎么领。"))


def show_words() -> dict[str, str]:
    """How the lists of the exit are called."""
    return {
        "waiting": _("等人来领的"),
        "unclaimed": _("没人领的"),
        "underway": _("在路上的"),
        "making": _("还没出来的"),
        "gone": _("交出去的"),
    }


@bp.get("")
@login_required
def index() -> ResponseReturnValue:
    """Everything that waits to leave here, by person."""
    staff_only()
    session, actor = db_session(), current_actor()
    show = request.args.get("show", "waiting")
    show = show if show in SHOWS else "waiting"
    found = outgoing.unclaimed(session, actor) if show == "unclaimed" else outgoing.here(session, actor, show)
    return _list(found, show, "")


@bp.post("")
@login_required
def find() -> ResponseReturnValue:
    """One person found goes straight to their results. Posted, because an ID number never stands in an address."""
    staff_only()
    session, actor = db_session(), current_actor()
    words = " ".join(request.form.get("q", "").split())[:300]
    if not words:
        return redirect(url_for("exits.index"), 303)
    found = outgoing.here(session, actor, "found", words)
    _note_lookup(words, found)
    if len({row.resident_id for row in found}) == 1:
        ready = [row for row in found if row.state == outgoing.WAITING] or found
        return redirect(url_for("exits.hand", uid=ready[0].uid), 303)
    return _list(found, "found", words)


def _note_lookup(words: str, found: list[Outgoing]) -> None:
    """Whoever looks somebody up by the whole ID number leaves a trace."""
    try:
        IdNumber.parse(words)
    except InvalidIdNumber:
        return
    for resident in {row.resident_id for row in found}:
        journal.record(
            db_session(), "personal:lookup", current_actor(), stream="residents", details={"resident": resident}
        )


def _list(found: list[Outgoing], show: str, words: str) -> str:
    session, actor = db_session(), current_actor()
    coming = outgoing.arriving(session, actor)
    return render_template(
        "exits/index.html",
        groups=shown.groups(found),
        more=len(found) >= outgoing.LISTED,
        show=show,
        shows=show_words(),
        q=words,
        days=unit_settings.number(session, actor.unit_id, outgoing.UNCLAIMED),
        arriving=[SimpleNamespace(row=shown.view(row), url=url_for("exits.hand", uid=row.uid)) for row in coming],
        unit=actor.unit_name,
    )


def person_rows(uid: str) -> tuple[Outgoing, list[Outgoing]]:
    """The row that was opened, and everything else of this person at this point."""
    session, actor = db_session(), current_actor()
    first = outgoing.load(session, actor, uid, arriving=True, lock=False)
    if first.resident_id is None:
        return first, [first]
    own = session.scalars(
        select(Outgoing)
        .where(Outgoing.resident_id == first.resident_id, Outgoing.state.in_(("making", "waiting", "underway")))
        .order_by(Outgoing.id)
    )
    found = []
    for row in own:
        try:
            found.append(outgoing.load(session, actor, row.uid, arriving=True, lock=False))
        except NotFound:
            continue
    if first not in found:
        found.insert(0, first)
    return first, found


@bp.route("/<uid>", methods=["GET", "POST"])
@login_required
def hand(uid: str) -> ResponseReturnValue:
    """Everything of one person: ticked, the card checked, signed for once."""
    staff_only()
    session, actor = db_session(), current_actor()
    if request.method == "GET":
        return person_page(uid, request.args)
    picked = request.form.getlist("pick")
    try:
        # What is not at this point answers like nothing before anything typed is judged.
        outgoing.load(session, actor, uid, lock=False)
        with session.begin_nested():
            receipt = exit_handing.hand_over(session, actor, picked, request.form)
    except Refusal as refusal:
        if refusal.status not in (409, 422):
            raise
        session.expire_all()
        return person_page(uid, request.form, refusal), refusal.status
    flash(
        _("已一并交出 %(n)d 份，签收单 %(number)s。", n=len(receipt.rows), number=receipt.number)
        if len(receipt.rows) > 1
        else _("已交出，签收单 %(number)s。", number=receipt.number),
        "success",
    )
    return redirect(url_for("exits.receipt", uid=receipt.uid), 303)


def person_page(uid: str, typed: Mapping[str, Any], refusal: Refusal | None = None, about: str = "") -> str:
    """The page of one person's results; what was typed stays after a refusal."""
    session, actor = db_session(), current_actor()
    first, own = person_rows(uid)
    sat = outgoing.visits(session, own)
    views = [shown.view(row, sat.get(row.case_id), full=True) for row in own]
    posted = refusal is not None and not about
    chosen = set(request.form.getlist("pick")) if posted else {v.uid for v in views if v.waiting and not v.obstacle}
    errors = refusal.errors if refusal is not None else {}
    for one in views:
        one.picked = one.uid in chosen
        one.wrong = errors.get(f"pick-{one.uid}", "")
        row = next(row for row in own if row.uid == one.uid)
        one.arriving = (
            row.way == "station"
            and row.state == outgoing.UNDERWAY
            and row.moved_to is not None
            and any(row.moved_to.path.startswith(path) for path in outgoing.paths(actor))
        )
        one.ours = any(row.unit.path.startswith(path) for path in outgoing.paths(actor))
        one.lines = row.handover.lines if one.arriving and row.handover is not None else []
    owner = first.resident
    return render_template(
        "exits/hand.html",
        uid=uid,
        name=owner.name if owner is not None else "",
        masked=IdNumber.parse(owner.id_number, allow_old=True).masked if owner is not None else "",
        rows=views,
        ready=sum(v.waiting and not v.obstacle for v in views),
        typed=typed,
        stations=[(one.id, one.name) for one in exit_moves.stations(session, first)],
        errors=[{"field": name if name != "pick" else "", "message": text} for name, text in errors.items()]
        or ([{"field": "", "message": refusal.detail}] if refusal is not None else []),
        wrong=errors,
        problem=refusal.detail if refusal is not None else "",
        about=about,
        steps=3,
    )


@bp.get("/receipts/<uid>")
@login_required
def receipt(uid: str) -> ResponseReturnValue:
    """The one receipt: what left, into whose hands, and the paper to sign."""
    staff_only()
    session, actor = db_session(), current_actor()
    found = session.scalar(select(ExitReceipt).where(ExitReceipt.uid == uid[:40]))
    if found is None or not any(found.unit.path.startswith(path) for path in outgoing.paths(actor)):
        raise NotFound()
    known, bundle = found.collector, exit_handing.bundle_of(session, found)
    number = str(known.get("id_number") or "")
    return render_template(
        "exits/receipt.html",
        receipt=found,
        when=present.moment(found.at),
        rows=[shown.view(row, full=True) for row in found.rows],
        name=known.get("name") or "",
        number=IdNumber.parse(number, allow_old=True).masked if number else "",
        who={"holder": _("本人"), "agent": _("代领人（凭委托书）"), "code": _("凭取件码自助领取")}[found.who],
        paper=found.paper,
        paper_url=url_for("certificates.paper", uid=found.paper.uid) if found.paper is not None else None,
        signed=_signed(found),
        bundle=SimpleNamespace(title=bundle.title, number=bundle.number, url=url_for("one_things.show", uid=bundle.uid))
        if bundle is not None
        else None,
    )


def _signed(receipt: ExitReceipt) -> str:
    if receipt.who == exit_handing.CODE:
        return _("凭取件码领取，不用签名")
    return _("已在屏幕上签名") if receipt.signature_id is not None else _("请打印签收单，请领取人签名后存档")
