"""全部业务: every process somebody may begin or take part in, its list and its form, drawn from the definitions."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy.orm import joinedload

from blueprints import present
from blueprints.catalogue.offers import INTAKE_ROLES
from blueprints.context import current_actor, db_session
from blueprints.delegations.runs import may_see_runs
from blueprints.dynamic_forms import is_mendable, label_of
from blueprints.errands.bp import BOARD_ROLES
from blueprints.generic.columns import Columns, columns_of
from blueprints.generic.forms import new_form, sent, show_errors
from blueprints.lists import bulk
from extensions import db
from models.agency import Agency
from models.base import now
from models.content import Content
from process import engine, guards, pages
from process.access import Actor
from process.content_types import GROUPS, ContentType
from process.definition import Transition
from process.library import library
from process.pages import Key, Wanted
from process.refusals import InvalidInput, NotFound, Refusal
from services import actions, field_choices, generic, listing, overview

bp = Blueprint("generic", __name__, url_prefix="/t")
PAGE = 50
# Types that have better pages of their own.
OWN_LIST = {
    "case": "cases.index",
    "delegation": "delegations.index",
    "home_visit": "visits.index",
    "errand": "errands.board",
    "courier_run": "delegations.runs",
    "certificate": "certificates.index",
    "service_item": "catalogue.index",
    "project_delegation": "projects.index",
}
OWN_FORM = {
    "case": "cases.new",
    "home_visit": "visits.new",
    "errand": "errands.new",
    "courier_run": "delegations.new_run",
}
# Pages of their own that let in only these.
STAFFED = {"errands.board": BOARD_ROLES, "cases.new": INTAKE_ROLES}
FILTERS = ("q", "state", "unit", "since", "until", "only", "sort")
ONLY = ("open", "mine", "overdue")


@bp.get("/")
@login_required
def index() -> ResponseReturnValue:
    """What I may begin or take part in, by group, with what lies with me."""
    found = overview.entries(db_session(), current_actor())
    groups = [
        SimpleNamespace(id=group, title=label_of(GROUPS[group]), entries=[_entry(one) for one in found[group]])
        for group in GROUPS
        if group in found
    ]
    return render_template("generic/index.html", groups=groups, admin="system_admin" in current_actor().roles)


def _entry(one: overview.Entry) -> Any:
    kind = one.kind
    endpoint = OWN_LIST.get(kind.id)
    return SimpleNamespace(
        id=kind.id,
        title=present.title_of(kind),
        icon=kind.icon,
        what=label_of(kind.description),
        illustrative=kind.illustrative,
        notes=[_(note) for note in kind.notes],
        open=one.open,
        mine=one.mine,
        url=url_for(endpoint) if endpoint and _open(endpoint) else url_for("generic.listed", type_id=kind.id),
        new_url=_new_url(kind) if one.may_start else None,
    )


def _open(endpoint: str) -> bool:
    """Whether the page of its own lets this reader in; whoever it does not finds the same things in the plain list."""
    if endpoint == "delegations.runs":
        return may_see_runs(current_actor())
    return endpoint not in STAFFED or not STAFFED[endpoint].isdisjoint(current_actor().roles)


def _new_url(kind: ContentType) -> str | None:
    if kind.id == "case" and not _open(OWN_FORM["case"]):
        # Without a counter one applies from the guide of the matter.
        return url_for("catalogue.index")
    if kind.id in OWN_FORM:
        return url_for(OWN_FORM[kind.id])
    return url_for("generic.new", type_id=kind.id) if kind.generic else None


def _kind(type_id: str, actor: Actor) -> ContentType:
    """The type, if this actor has anything to do with it."""
    kind = library.types.get(type_id)
    if kind is None or not overview.takes_part(actor, kind):
        raise NotFound()
    return kind


@bp.get("/<type_id>/")
@login_required
def listed(type_id: str) -> ResponseReturnValue:
    """All of one process that I may see, filtered and in order, a page at a time."""
    session, actor = db_session(), current_actor()
    kind = _kind(type_id, actor)
    definition = library.workflows[kind.workflow]
    chosen = {name: request.args.get(name, "").strip()[:100] for name in FILTERS}
    wanted = _wanted(kind, chosen)
    order = chosen["sort"] or pages.DEADLINE
    rows, after = listing.page(
        session,
        actor,
        wanted,
        order,
        words="".join(c for c in chosen["q"] if c.isprintable()),
        after=_mark(request.args.get("after", ""), order),
        limit=PAGE,
        options=[*present.list_options(Content), joinedload(Content.owner)],
    )
    guards.prefetch(session, rows)
    columns = columns_of(session, actor, kind, rows)
    steps = {content.id: engine.available(content, actor) for content in rows}
    kept = {name: value for name, value in chosen.items() if value}
    return render_template(
        "generic/list.html",
        kind=kind,
        title=present.title_of(kind),
        what=label_of(kind.description),
        notes=[_(note) for note in kind.notes],
        columns=columns.titles,
        rows=[_line(content, actor, columns, steps[content.id]) for content in rows],
        bulk_actions=bulk.offered(session, actor, [(content, steps[content.id]) for content in rows]),
        states=[(state.id, present.title_of(state)) for state in definition.states.values()],
        units=[] if actor.resident_id is not None else field_choices.agencies(session, actor),
        chosen=chosen,
        shortcuts=_shortcuts(kind, chosen, actor),
        filtered=any(value for name, value in kept.items() if name != "sort"),
        more_open=any(chosen[name] for name in ("unit", "since", "until")),
        next_url=url_for("generic.listed", type_id=kind.id, **kept, after=pages.write(order, after))
        if after is not None
        else None,
        new_url=_new_url(kind) if generic.may_start(actor, kind) else None,
        admin="system_admin" in actor.roles,
    )


def _wanted(kind: ContentType, chosen: dict[str, str]) -> Wanted:
    """A filter that cannot be meant is left out, and its box shows that it is empty."""
    if chosen["state"] not in library.workflows[kind.workflow].states:
        chosen["state"] = ""
    unit = db.session.get(Agency, chosen["unit"]) if chosen["unit"].isprintable() and chosen["unit"] else None
    if unit is None:
        chosen["unit"] = ""
    if chosen["only"] not in ONLY:
        chosen["only"] = ""
    if chosen["sort"] not in listing.SORTS:
        chosen["sort"] = ""
    days: dict[str, date | None] = {}
    for name in ("since", "until"):
        days[name] = _day(chosen[name])
        if days[name] is None:
            chosen[name] = ""
    since, until = days["since"], days["until"]
    return Wanted(
        types=frozenset({kind.id}),
        states=frozenset({chosen["state"]}) if chosen["state"] else None,
        path=unit.path if unit else "",
        mine=chosen["only"] == "mine",
        overdue_at=now() if chosen["only"] == "overdue" else None,
        open_only=chosen["only"] == "open",
        created_from=listing.begin_of(since) if since else None,
        created_before=listing.begin_of(until + timedelta(days=1)) if until else None,
    )


def _mark(text: str, order: str) -> Key | None:
    """A mark from a link of ours; anything else begins at the start."""
    try:
        return pages.read(text, order) if text else None
    except InvalidInput:
        return None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 <= day.year <= 2100 else None


def _shortcuts(kind: ContentType, chosen: dict[str, str], actor: Actor) -> list[Any]:
    """The three questions asked most and the worklists of the definition, as links."""
    found = [
        SimpleNamespace(
            label=label,
            url=url_for("generic.listed", type_id=kind.id, only=only or None),
            active=chosen["only"] == only and not chosen["state"],
        )
        for only, label in (("", _("全部")), ("open", _("在办")), ("mine", _("我的")), ("overdue", _("超期")))
    ]
    for worklist in library.workflows[kind.workflow].worklists.values():
        states = worklist.match.get("state", ())
        names = {token.partition("@")[0] for token in worklist.guard.roles}
        if len(states) == 1 and ("anyone" in names or not names.isdisjoint(actor.roles)):
            found.append(
                SimpleNamespace(
                    label=present.title_of(worklist),
                    url=url_for("generic.listed", type_id=kind.id, state=states[0]),
                    active=chosen["state"] == states[0],
                )
            )
    return found


def _line(content: Content, actor: Actor, columns: Columns, steps: list[Transition]) -> Any:
    row = present.row(db_session(), content, actor, steps)
    return SimpleNamespace(row=row, cells=columns.cells(content), created=present.day(content.created_at))


@bp.route("/<type_id>/new", methods=["GET", "POST"])
@login_required
def new(type_id: str) -> ResponseReturnValue:
    """The form of a process; a refusal comes back with everything that was typed."""
    session, actor = db_session(), current_actor()
    kind = _kind(type_id, actor)
    if not generic.may_start(actor, kind):
        raise NotFound()
    if not kind.generic:
        if kind.id not in OWN_FORM:
            raise NotFound()
        return redirect(url_for(OWN_FORM[kind.id]), 303)
    form = new_form(
        kind,
        field_choices.for_type(session, actor, kind),
        generic.places_for(session, actor, kind),
        generic.usual_place(session, actor, kind),
    )
    if request.method == "POST":
        try:
            with session.begin_nested():
                content = actions.create(session, actor, kind.id, sent(form, kind))
        except Refusal as refusal:
            if not is_mendable(refusal):
                raise
            session.expire_all()
            show_errors(form, refusal)
            return _form_page(kind, form), 422
        flash(_("%(number)s 已登记。", number=content.number or content.title), "success")
        return redirect(url_for("content.show", uid=content.uid), 303)
    return _form_page(kind, form)


def _form_page(kind: ContentType, form: Any) -> str:
    return render_template(
        "generic/new.html",
        kind=kind,
        form=form,
        title=present.title_of(kind),
        what=label_of(kind.description),
        own=current_actor().resident_id is not None,
    )
