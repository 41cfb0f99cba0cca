"""谁能看到这一件, and by what cause: for administrators, heads and supervisors of its place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.access import bp
from blueprints.access.words import cause_title, role_title
from blueprints.context import current_actor, db_session
from extensions import db
from models.content import Content
from process import access
from process.library import library
from process.refusals import NotFound
from process.words import N_
from services import jurisdiction, sight

TOKENS = {
    "owner": N_("登记人"),
    "assignee": N_("经手人"),
    "applicant": N_("申请人本人"),
    "signer": N_("加签"),
    "consultant": N_("委派征询"),
    "copied": N_("抄送"),
}


@bp.get("/c/<uid>/access", endpoint="why")
@login_required
def why(uid: str) -> ResponseReturnValue:
    """Who sees this thing, whether in full, why, and until when. Nothing of its contents is shown here."""
    session = db_session()
    content = _overseen(uid)
    rows = [_row(one) for one in sight.causes(session, content)]
    state = library.of(content, session).states[content.state]
    return render_template(
        "access/why.html",
        number=present.number_of(content),
        kind=present.title_of(library.type(content.type)),
        state=present.state_view(state),
        place=content.place.name,
        rows=rows,
        people=len({row.username for row in rows}),
        everybody=sight.open_to_all(session, content),
        # An administrator looks after accounts; the thing itself may well be closed to them.
        url=url_for("content.show", uid=uid) if access.may(current_actor(), access.VIEW, content, session) else None,
    )


def _overseen(uid: str) -> Content:
    """The thing, for those who look after its place; whether they see its contents is another question."""
    actor = current_actor()
    found = db.session.scalar(select(Content).where(Content.uid == uid))
    if found is None or not (
        jurisdiction.of(actor).covers(found.place_path) or actor.holds("supervisor", found.place_path)
    ):
        raise NotFound()
    return found


def _row(one: sight.Sight) -> Any:
    reach = jurisdiction.of(current_actor())
    role = one.token.partition("@")[0]
    cause = _(TOKENS[role]) if role in TOKENS else role_title(role)
    how = []
    if one.grant is not None:
        post = f"{one.grant.place.name} {role_title(one.grant.role)}"
        how.append(_("%(who)s（%(where)s）", who=post, where=cause_title(one.grant.cause)))
        if one.principal is not None:
            how.append(_("代 %(name)s", name=one.principal.name))
        if one.relation != "origin":
            kind = library.types.get(one.handed_by)
            how.append(_("由“%(what)s”转到该单位", what=present.title_of(kind) if kind else one.handed_by))
    looks_after = one.grant is not None and reach.covers(one.grant.place_path)
    return SimpleNamespace(
        name=one.person.name,
        username=one.person.username,
        unit=one.person.unit.name if one.person.unit else "",
        cause=cause,
        how=" · ".join(how),
        period=present.period(one.grant.since, one.grant.until) if one.grant is not None else _("随办理变化"),
        full=one.full,
        url=url_for("access.person", username=one.person.username) if looks_after else None,
    )
