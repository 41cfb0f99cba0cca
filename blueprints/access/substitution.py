"""代班: naming a colleague for one's posts, and for whom one stands in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select

from blueprints import present
from blueprints.access import bp
from blueprints.access.forms import SubstituteForm, day
from blueprints.access.words import role_title
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import show_refusal
from models.agency import Agency
from models.base import now
from models.person import Person
from models.substitution import Substitution
from process.clock import local_day
from process.refusals import InvalidInput, NotFound, Refusal
from services import jurisdiction, role_grants, substitutions


@bp.route("/me/substitution", methods=["GET", "POST"], endpoint="substitution")
@login_required
def mine() -> ResponseReturnValue:
    """My substitutes, and for whom I stand in."""
    own = db_session().get(Person, current_actor().person_id)
    if own is None or own.resident_id is not None or own.unit is None:
        raise NotFound()
    return _page(own, url_for("access.substitution"))


@bp.route("/access/people/<username>/substitution", methods=["GET", "POST"], endpoint="substitution_for")
@login_required
def colleague(username: str) -> ResponseReturnValue:
    """The head or the administrator names somebody for a colleague who is away."""
    session = db_session()
    found = session.scalar(select(Person).where(Person.username == username))
    if found is None or found.resident_id is not None or not substitutions.may_name(session, current_actor(), found):
        raise NotFound()
    return _page(found, url_for("access.substitution_for", username=username))


def _page(principal: Person, here: str) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    today = local_day(now())
    form = SubstituteForm(meta={"csrf": False})
    far = today.replace(year=today.year + 1, day=min(today.day, 28))
    posts = substitutions.posts_of(session, principal, today, far)
    form.substitute.choices = _people(principal)
    form.posts.choices = [(str(g.id), f"{g.place.name} · {role_title(g.role)}") for g in posts]
    refusal: Refusal | None = None
    if request.method == "POST":
        try:
            return _name(form, principal, here)
        except Refusal as said:
            session.expire_all()
            principal, refusal = session.get_one(Person, principal.id), said
            show_refusal(form, said)
    else:
        form.posts.data = [str(g.id) for g in posts if _lendable(g.role, g.place_path)]
        form.since.data = today
    away, standing = substitutions.of_person(session, principal.id)
    own = principal.id == actor.person_id
    html = render_template(
        "access/substitution.html",
        principal=principal,
        own=own,
        form=form if posts else None,
        here=here,
        problem=refusal.detail if refusal else None,
        away=[_row(made, made.substitute, here) for made in away],
        standing=[_row(made, made.principal, here) for made in standing],
    )
    return (html, refusal.status) if refusal else html


def _lendable(role: str, path: str) -> bool:
    return role not in jurisdiction.ADMIN_ONLY or role == "head" or jurisdiction.of(current_actor()).administers(path)


def _people(principal: Person) -> dict[str, list[tuple[str, str]]]:
    """Colleagues by unit, the own unit first."""
    found: dict[str, list[tuple[str, str]]] = {"": [("", "")]}
    for person in substitutions.candidates(db_session(), current_actor(), principal):
        unit = person.unit.name if person.unit else ""
        label = f"{person.name}（{person.title}）" if person.title else person.name
        found.setdefault(unit, []).append((person.username, label))
    return found


def _name(form: SubstituteForm, principal: Person, here: str) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    if not form.substitute.data:
        raise InvalidInput(_("请选择代班的同事。"), {"substitute": _("请选一位同事")})
    if not form.posts.data:
        raise InvalidInput(_("请至少勾选一个要代的岗位。"), {"posts": _("请至少选一个岗位")})
    made = substitutions.name(
        session,
        actor,
        principal,
        role_grants.colleague(session, form.substitute.data, "substitute"),
        since=day(form.since),
        until=day(form.until),
        posts=[int(one) for one in form.posts.data if one.isdecimal() and len(one) < 19] or [0],
        reason=form.reason.data or "",
    )
    flash(
        _(
            "%(period)s 由%(who)s代%(whom)s的班。到日子自动生效和结束，记录会写“%(who)s 代 %(whom)s”。",
            period=present.period(made.since, made.until),
            who=made.substitute.name,
            whom=made.principal.name,
        ),
        "success",
    )
    warning = substitutions.warning(session, made)
    if warning:
        flash(warning, "warning")
    return redirect(here, 303)


def _row(made: Substitution, other: Person, here: str) -> Any:
    today = local_day(now())
    over = made.ended_at is not None or made.until < today
    wanted = select(Agency.id, Agency.name).where(Agency.id.in_([p["place"] for p in made.posts]))
    names = {row.id: row.name for row in db_session().execute(wanted)}
    return SimpleNamespace(
        name=other.name,
        unit=other.unit.name if other.unit else "",
        posts=[f"{names.get(p['place'], p['place'])} · {role_title(p['role'])}" for p in made.posts],
        period=present.period(made.since, made.until),
        reason=made.reason,
        named_by=made.named_by.name if made.named_by and made.named_by_id != made.principal_id else "",
        state=(_("已结束"), "done")
        if over
        else (_("还没开始"), "waiting")
        if made.since > today
        else (_("有效"), "running"),
        end_reason=made.end_reason,
        end_url=None
        if over or not substitutions.may_end(db_session(), current_actor(), made)
        else url_for("access.end_substitution", uid=made.uid),
        asks_reason=made.named_by_id != current_actor().person_id,
    )


@bp.post("/me/substitution/<uid>/end", endpoint="end_substitution")
@login_required
def end(uid: str) -> ResponseReturnValue:
    """Back early: by either of the two, the head or the administrator."""
    session, actor = db_session(), current_actor()
    made = substitutions.find(session, actor, uid)
    substitutions.end(session, actor, made, reason=request.form.get("reason", "")[:300])
    flash(_("%(who)s 代 %(whom)s 的班已结束。", who=made.substitute.name, whom=made.principal.name), "success")
    mine = actor.person_id in (made.principal_id, made.substitute_id)
    target = (
        url_for("access.substitution") if mine else url_for("access.substitution_for", username=made.principal.username)
    )
    return redirect(target, 303)
