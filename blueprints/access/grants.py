"""Who holds which role where, for administrators and for heads of units."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from blueprints import present
from blueprints.access import bp
from blueprints.access.forms import EndForm, GiveForm, day
from blueprints.access.words import cause_title, role_title, story
from blueprints.context import current_actor, db_session
from blueprints.dynamic_forms import show_refusal
from models.base import now
from models.person import Grant, Person
from process.clock import local_day
from process.refusals import InvalidInput, NotFound, Refusal
from process.relations import HEAD
from services import jurisdiction, role_grants, substitutions

LISTED_PEOPLE = 400


def _looks_after() -> jurisdiction.Reach:
    reach = jurisdiction.of(current_actor())
    if not reach:
        raise NotFound()
    return reach


@bp.get("/access/", endpoint="grants")
@login_required
def listing() -> ResponseReturnValue:
    """Everything held within reach, by place; what has ended on a second list."""
    _looks_after()
    session, actor = db_session(), current_actor()
    chosen = {name: request.args.get(name, "").strip()[:60] for name in ("q", "role", "cause", "place", "ended")}
    rows, after = role_grants.listed(
        session,
        actor,
        query=chosen["q"],
        role=chosen["role"],
        cause=chosen["cause"],
        place=chosen["place"],
        ended=bool(chosen["ended"]),
        after=request.args.get("after", "")[:300],
    )
    return render_template(
        "access/grants.html",
        rows=[_row(grant) for grant in rows],
        filters=[
            SimpleNamespace(
                name="place", label=_("单位"), options=[(a.id, a.name) for a in role_grants.places(session, actor)]
            ),
            SimpleNamespace(
                name="role", label=_("岗位"), options=[(r, role_title(r)) for r in jurisdiction.role_names()]
            ),
            SimpleNamespace(name="cause", label=_("缘由"), options=[(c, cause_title(c)) for c in jurisdiction.CAUSES]),
        ],
        chosen=chosen,
        filtered=any(chosen.values()),
        next_url=url_for("access.grants", after=after, **{k: v for k, v in chosen.items() if v}) if after else None,
        standing_in=[_stand_in(made) for made in substitutions.listed(session, actor)],
    )


def _row(grant: Grant) -> Any:
    today = local_day(now())
    ended = grant.until is not None and grant.until < today
    coming = grant.since is not None and grant.since > today
    return SimpleNamespace(
        name=grant.person.name,
        username=grant.person.username,
        person_url=url_for("access.person", username=grant.person.username),
        place=grant.place.name,
        role=role_title(grant.role),
        cause=cause_title(grant.cause),
        period=present.period(grant.since, grant.until),
        state=(_("已结束"), "done") if ended else (_("还没开始"), "waiting") if coming else (_("有效"), "running"),
        end_url=None
        if ended or grant.cause == "substitution" or grant.person_id == current_actor().person_id
        else url_for("access.end", grant_id=grant.id),
    )


def _stand_in(made: Any) -> Any:
    today = local_day(now())
    over = made.ended_at is not None or made.until < today
    return SimpleNamespace(
        text=_("%(who)s 代 %(whom)s", who=made.substitute.name, whom=made.principal.name),
        period=present.period(made.since, made.until),
        state=(_("已结束"), "done")
        if over
        else (_("还没开始"), "waiting")
        if made.since > today
        else (_("有效"), "running"),
        url=url_for("access.person", username=made.principal.username),
    )


@bp.get("/access/people/<username>", endpoint="person")
@login_required
def person(username: str) -> ResponseReturnValue:
    """One colleague: what they hold and why, who stands in for them, and how it came about."""
    session, actor, reach = db_session(), current_actor(), _looks_after()
    found = _colleague(username)
    held = session.scalars(
        select(Grant)
        .where(Grant.person_id == found.id, reach.condition(Grant.place_path))
        .options(joinedload(Grant.place), joinedload(Grant.person))
        .order_by(Grant.until.is_not(None), Grant.place_path, Grant.role)
    ).all()
    away, standing = substitutions.of_person(session, found.id)
    return render_template(
        "access/person.html",
        person=found,
        rows=[_row(grant) for grant in held],
        away=[_stand_in(made) for made in away],
        standing=[_stand_in(made) for made in standing],
        entries=story(role_grants.story(session, found)),
        give_url=url_for("access.give", person=found.username),
        substitute_url=url_for("access.substitution_for", username=found.username)
        if substitutions.may_name(session, actor, found)
        else None,
    )


def _colleague(username: str) -> Person:
    """Somebody this actor looks after: of a unit within reach, or holding something there."""
    session, reach = db_session(), _looks_after()
    found = session.scalar(select(Person).where(Person.username == username))
    if found is None or found.resident_id is not None:
        raise NotFound()
    inside = found.unit is not None and reach.covers(found.unit.path)
    if not inside and not session.scalar(
        select(Grant.id).where(Grant.person_id == found.id, reach.condition(Grant.place_path)).limit(1)
    ):
        raise NotFound()
    return found


@bp.route("/access/new", methods=["GET", "POST"], endpoint="give")
@login_required
def give() -> ResponseReturnValue:
    """A role at a place, from one day to another, for a reason."""
    _looks_after()
    session, actor = db_session(), current_actor()
    places = role_grants.places(session, actor)
    form = GiveForm(meta={"csrf": False})
    form.place.choices = [("", ""), *((a.id, a.name) for a in places)]
    possible = {role for place in places for role in jurisdiction.givable(actor, place)}
    form.role.choices = [("", ""), *((r, role_title(r)) for r in jurisdiction.role_names() if r in possible)]
    form.cause.choices = [(c, cause_title(c)) for c in ("post", *role_grants.LENT)]
    if request.method == "GET":
        form.username.data = request.args.get("person", "")[:60]
        form.place.data = request.args.get("place", "")[:60] or (places[0].id if len(places) == 1 else "")
        form.role.data = HEAD if request.args.get("role") == HEAD else ""
        form.cause.data = "post"
        return _give_page(form)
    try:
        if not form.place.data or not form.role.data:
            errors = {n: _("请选一项") for n in ("place", "role") if not form[n].data}
            raise InvalidInput(_("请选择单位和岗位。"), errors)
        given = role_grants.give(
            session,
            actor,
            username=form.username.data or "",
            role=form.role.data,
            place=form.place.data,
            cause=form.cause.data or "",
            since=day(form.since),
            until=day(form.until),
            reason=form.reason.data or "",
        )
    except Refusal as refusal:
        session.expire_all()
        show_refusal(form, refusal)
        return _give_page(form, refusal)
    flash(
        _(
            "%(name)s：%(place)s %(role)s，%(period)s。立即生效。",
            name=given.person.name,
            place=given.place.name,
            role=role_title(given.role),
            period=present.period(given.since, given.until),
        ),
        "success",
    )
    return redirect(url_for("access.person", username=given.person.username), 303)


def _give_page(form: GiveForm, refusal: Refusal | None = None) -> ResponseReturnValue:
    session, actor = db_session(), current_actor()
    people = session.scalars(
        select(Person)
        .where(
            Person.active,
            Person.resident_id.is_(None),
            Person.unit_id.in_([a.id for a in role_grants.places(session, actor)]),
        )
        .order_by(Person.unit_id, Person.id)
        .limit(LISTED_PEOPLE)
    ).unique()
    html = render_template(
        "access/give.html",
        form=form,
        problem=refusal.detail if refusal else None,
        people=[(p.username, f"{p.name}（{p.title or p.unit.name}）") for p in people],
    )
    return (html, refusal.status) if refusal else html


@bp.route("/access/grants/<int:grant_id>/end", methods=["GET", "POST"], endpoint="end")
@login_required
def end(grant_id: int) -> ResponseReturnValue:
    """Ends a role at once or by a day, with the reason."""
    _looks_after()
    session, actor = db_session(), current_actor()
    grant = role_grants.within_reach(session, actor, grant_id)
    username, row = grant.person.username, _row(grant)
    form = EndForm(meta={"csrf": False})
    if request.method == "GET":
        return render_template("access/end.html", form=form, row=row, problem=None)
    try:
        role_grants.end(session, actor, grant_id, last_day=day(form.last_day), reason=form.reason.data or "")
    except Refusal as refusal:
        session.expire_all()
        show_refusal(form, refusal)
        return render_template("access/end.html", form=form, row=row, problem=refusal.detail), refusal.status
    flash(_("%(name)s 的“%(role)s”已结束，已记入经过。", name=row.name, role=row.role), "success")
    return redirect(url_for("access.person", username=username), 303)
