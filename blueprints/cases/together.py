"""同次来访一起批: all matters of one visit on one page for the approver, each with its answers, papers and its own tick."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.cases import checking
from blueprints.cases.bp import bp
from blueprints.content.actions import JOINT_PAGES, url_of
from blueprints.content.facts import filled_in
from blueprints.context import current_actor, db_session, load_or_404
from models.case import Case
from process import access, engine
from process.access import Actor
from process.library import library
from process.refusals import Forbidden
from services import materials, together, visits

# What else an approver may do with one of them; each asks for words and has its own form on the case.
OTHERWISE = ("return_review", "refuse")


def joint_page(session: Session, case: Case, actor: Actor) -> tuple[str, str] | None:
    """The page of the visit, where more than this one case of it waits for this actor."""
    # What is looked up last costs most, and hardly any case has company.
    if case.state not in library.of(case, session).transitions[together.STEP].sources:
        return None
    found = together.matters(session, actor, case)
    if len(found) < 2 or not access.may(actor, access.VIEW_FULL, case, session):
        return None
    waiting = [one for one in found if together.waits(one, actor)]
    if len(waiting) < 2 or case not in waiting:
        return None
    return _("同次来访 %(n)s 件一起批", n=len(waiting)), url_for("cases.together", uid=case.uid)


JOINT_PAGES[("case", together.STEP)] = joint_page


@bp.get("/cases/<uid>/together", endpoint="together")
@login_required
def together_page(uid: str) -> ResponseReturnValue:
    return _page(load_or_404(Case, uid, access.VIEW_FULL), {})


@bp.post("/cases/<uid>/together")
@login_required
def approve_together(uid: str) -> ResponseReturnValue:
    """Approves what was ticked, one by one; who refuses is named beside its matter, and the others stand."""
    case, session, actor = load_or_404(Case, uid, access.VIEW_FULL), db_session(), current_actor()
    if not together.waits(case, actor):
        raise Forbidden(
            _(
                "%(number)s 现在不由您审批：可能同事刚办过，或您审核过这一件。请回工作台重新打开。",
                number=case.number or "",
            )
        )
    found = together.matters(session, actor, case)
    wishes = [
        together.Wish(one, _version(one), request.form.get(f"comment-{one.uid}", "").strip())
        for one in found
        if request.form.get(f"yes-{one.uid}")
    ]
    if not wishes:
        nothing = _("还没有勾选。请逐件看过填报内容和材料，同意的勾上“看过，同意”，再按“同意勾选的”。")
        return _page(case, {}, nothing), 422
    done, refused = together.approve(session, actor, wishes)
    if refused:
        words = _("同意了 %(done)s 件，没办成 %(refused)s 件，原因写在每件下面。", done=len(done), refused=len(refused))
        return _page(load_or_404(Case, uid, access.VIEW), refused, words), 200 if done else 422
    for one in done:
        flash(_("%(number)s %(title)s：已审批同意。", number=one.number or "", title=one.title), "success")
    left = next((one for one in found if together.waits(one, actor)), None)
    return redirect(url_for("cases.together", uid=left.uid) if left is not None else url_for("desk.index"), 303)


def _version(case: Case) -> int | None:
    value = request.form.get(f"version-{case.uid}", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _page(case: Case, refused: dict[str, str], problem: str = "") -> str:
    session, actor = db_session(), current_actor()
    rows = [_row(session, one, actor, refused.get(one.uid, "")) for one in together.matters(session, actor, case)]
    return render_template(
        "cases/together.html",
        case=case,
        rows=rows,
        applicant=present.applicant_view(case, actor, session),
        waiting=sum(row.waits for row in rows),
        problem=problem,
    )


def _row(session: Session, case: Case, actor: Actor, refused: str) -> Any:
    allowed = {step.id: step for step in engine.available(case, actor)}
    kept = checking.files_of(case)
    typed = request.form if request.method == "POST" else {}
    return SimpleNamespace(
        uid=case.uid,
        number=present.number_of(case),
        title=case.title,
        url=url_for("content.show", uid=case.uid),
        state=present.state_view(library.of(case, session).states[case.state]),
        version=case.version,
        reviewer=case.reviewer.name if case.reviewer is not None else "",
        facts=getattr(filled_in(session, case, actor, True, visits.hidden(session, case, actor)), "facts", []),
        papers=[
            SimpleNamespace(
                name=m.name,
                source=checking.source_of(case, m) if m.provided else "",
                verdict=m.verdict,
                defect=m.defect,
                checked=m.checked_by.name if m.checked_by is not None else "",
                files=kept.get(m.id, []),
            )
            for m in case.materials
            if m.provided or m.critical
        ],
        owed=[m.name for m in materials.owed(case)],
        waits=together.STEP in allowed,
        ticked=bool(typed.get(f"yes-{case.uid}")),
        comment=typed.get(f"comment-{case.uid}", ""),
        refused=refused,
        otherwise=[
            present.Link(present.title_of(allowed[name]), url_of(case, allowed[name]))
            for name in OTHERWISE
            if name in allowed
        ],
    )
