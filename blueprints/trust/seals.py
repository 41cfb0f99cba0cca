"""用印登记: the seals of the towns, every use of each, narrowed, on paper and as a file."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.trust.bp import bp
from models.trust import Seal, SealUse
from process import access
from process.refusals import InvalidInput, NotFound
from services.trust import seals

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@bp.get("/seals", endpoint="seals")
@login_required
def index() -> ResponseReturnValue:
    """Which seals, how often used, and the log."""
    return _page()


def _page(refusal: InvalidInput | None = None, status: int = 200) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    if not seals.may_read(actor):
        raise NotFound()
    wanted = seals.asked(request.values)
    rows, total, more = seals.page(session, actor, wanted, request.args.get("after", ""))
    query: dict[str, Any] = {name: value for name, value in _query(wanted).items() if value}
    page = render_template(
        "trust/seals.html",
        seals=[
            SimpleNamespace(
                seal=seal, year=count, last=present.moment(last) if last else "", keeps=seals.keeps(actor, seal)
            )
            for seal, count, last in seals.seals(session, actor)
        ],
        people=seals.people(session, actor),
        rows=[_row(use) for use in rows],
        total=total,
        wanted=wanted,
        query=query,
        refusal=refusal,
        next_url=url_for("trust.seals", **{**query, "after": more}) if more else None,
    )
    return page, status


def _query(wanted: seals.Asked) -> dict[str, str]:
    return {
        "seal": wanted.seal,
        "person": wanted.person,
        "q": wanted.words,
        "since": wanted.since.isoformat() if wanted.since else "",
        "until": wanted.until.isoformat() if wanted.until else "",
    }


def _row(use: SealUse) -> Any:
    seen = access.may(current_actor(), access.VIEW, use.content, db_session())
    return SimpleNamespace(
        use=use,
        at=present.moment(use.at),
        who=use.person.name if use.person else _("系统自动"),
        instead=use.on_behalf_of.name if use.on_behalf_of else "",
        url=url_for("content.show", uid=use.content.uid) if seen else None,
    )


@bp.post("/seals/export", endpoint="seal_sheet")
@login_required
def sheet() -> ResponseReturnValue:
    """The log as it is narrowed now; taking it out is on record before the file goes."""
    session, actor = db_session(), current_actor()
    if not seals.may_read(actor):
        raise NotFound()
    wanted = seals.asked(request.form)
    names = {seal.uid: seal.name for seal, _count, _last in seals.seals(session, actor)}
    people = {str(person.id): person.name for person in seals.people(session, actor)}
    try:
        body, _made = seals.sheet(session, actor, wanted, wanted.in_words(names, people))
    except InvalidInput as refusal:
        return _page(refusal, 422)
    return send_file(io.BytesIO(body), XLSX, as_attachment=True, download_name=_("用印登记簿") + ".xlsx")


@bp.route("/seals/<uid>", methods=["GET", "POST"], endpoint="seal")
@login_required
def change(uid: str) -> ResponseReturnValue:
    """The name as it is cut, and whether it may be used."""
    session, actor = db_session(), current_actor()
    found: Seal = seals.load(session, actor, uid)
    if not seals.keeps(actor, found):
        raise NotFound()
    refusal = None
    if request.method == "POST":
        try:
            seals.change(session, actor, found, request.form)
        except InvalidInput as problem:
            refusal = problem
        else:
            flash(_("已保存“%(name)s”。", name=found.name), "success")
            return redirect(url_for("trust.seals"), 303)
    page = render_template(
        "trust/seal.html",
        seal=found,
        name=request.form.get("name", found.name),
        state=request.form.get("state", found.state),
        refusal=refusal,
    )
    return page, 422 if refusal else 200
