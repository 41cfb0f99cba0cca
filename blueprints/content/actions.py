"""Where a button leads: to the feature's own page for a step where there is one, else to the generic form."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from blueprints.dynamic_forms import label_of, transition_form
from blueprints.present import title_of
from models.content import Content
from models.person import Grant, Person
from process import capacities
from process.access import Actor
from process.definition import Transition
from process.library import library
from services import field_choices

# Steps that a feature shows better than a generic form: (type, transition) -> endpoint taking the uid.
FEATURE_PAGES: dict[tuple[str, str], str] = {
    ("case", "review"): "cases.materials",
    ("case", "review_again"): "cases.materials",
    ("delegation", "send"): "delegations.send",
    ("delegation", "receive"): "delegations.receive",
    ("delegation", "send_result"): "delegations.send_result",
    ("delegation", "take_over"): "delegations.take_over",
    ("home_visit", "collect"): "visits.door",
    ("home_visit", "deliver"): "visits.deliver",
    **{("errand", step): f"errands.{step}" for step in ("assign", "pick_up", "deliver", "fail", "release", "confirm")},
}
# Pages beside the steps, per type: what this actor may open for this thing, as (label, address).
FEATURE_LINKS: dict[str, Callable[[Session, Any, Actor], list[tuple[str, str]]]] = {}
# A step for which several things may wait together: (type, transition) -> what to call and where is their common page, or nothing.
JOINT_PAGES: dict[tuple[str, str], Callable[[Session, Any, Actor], tuple[str, str] | None]] = {}
SIMPLE_KINDS = {
    "text",
    "longtext",
    "choice",
    "bool",
    "date",
    "datetime",
    "number",
    "code",
    "person",
    "agency",
    "checks",
}
# Who may be named where a step asks for a colleague.
PERSON_ROLES = {
    ("errand", "assign"): ("red_courier",),
    ("home_visit", "schedule"): ("grid_leader", "grid_service_worker"),
}


def url_of(content: Content, transition: Transition) -> str:
    endpoint = FEATURE_PAGES.get((content.type, transition.id))
    return (
        url_for(endpoint, uid=content.uid)
        if endpoint
        else url_for("content.do", uid=content.uid, transition=transition.id)
    )


def form_for(session: Session, content: Content, transition: Transition, actor: Actor) -> FlaskForm:
    choices: dict[str, list[tuple[str, str]]] = {}
    columns: dict[str, list[dict[str, Any]]] = {}
    for spec in transition.inputs:
        if spec.kind == "person":
            named = (content.type, transition.id) in PERSON_ROLES
            choices[spec.name] = (
                people(session, content, transition) if named else field_choices.colleagues(session, actor)
            )
        elif spec.kind == "agency":
            choices[spec.name] = field_choices.agencies(session, actor)
        elif spec.kind == "lines" and library.type(content.type).generic:
            # Without Python there is no list to hand over: a line is a name.
            columns[spec.name] = [{"name": "material", "label": label_of(spec.title)}]
    return transition_form(transition, choices=choices, columns=columns)


def people(session: Session, content: Content, transition: Transition) -> list[tuple[str, str]]:
    """Colleagues who hold the role at the place of the thing or above it; for grids also those of the grid itself."""
    roles = PERSON_ROLES.get((content.type, transition.id), ())
    ancestors = [content.place_path[: i + 1] for i, char in enumerate(content.place_path) if char == "/"]
    rows = session.execute(
        select(Person.username, Person.name, Person.title)
        .join(Grant, Grant.person_id == Person.id)
        .where(
            Grant.role.in_(roles),
            Person.active,
            or_(Grant.place_path.in_(ancestors), Grant.place_path.startswith(content.place_path)),
        )
        .order_by(Person.id)
        .distinct()
    ).all()
    return [(username, f"{name}（{title}）" if title else name) for username, name, title in rows]


def links(session: Session, content: Content, actor: Actor) -> list[Any]:
    """Pages that belong to a thing but move nothing, or begin something new with it."""
    found = FEATURE_LINKS[content.type](session, content, actor) if content.type in FEATURE_LINKS else []
    joint = [page(session, content, actor) for (kind, _step), page in JOINT_PAGES.items() if kind == content.type]
    found = [*(one for one in joint if one is not None), *found]
    return [
        SimpleNamespace(
            id="", label=label, url=url, primary=False, hint="", method="get", open=False, confirm=None, form=None
        )
        for label, url in found
    ]


def in_whose_name(session: Session, content: Content, transition: Transition, actor: Actor) -> Any:
    """What the form of a step says about standing in: nothing, for whom one acts, or a choice."""
    found = capacities.of(session, content, transition.guard, actor)
    if not found.principals:
        return None
    names = [(person.username, _("代 %(name)s", name=person.name)) for person in found.principals]
    if found.several:
        return SimpleNamespace(hint="", choices=[("", _("以本人名义")), *names] if found.own else names)
    return SimpleNamespace(hint=_("您代%(name)s办这一步，记录会写明。", name=found.principals[0].name), choices=[])


def buttons(session: Session, content: Content, transitions: list[Transition], actor: Actor) -> list[Any]:
    """The actions of the object page: one press where nothing is asked, a small form in place, or a page of its own."""
    made = []
    for transition in sorted(transitions, key=lambda t: (not t.primary, t.dangerous)):
        featured = (content.type, transition.id) in FEATURE_PAGES
        simple = all(spec.kind in SIMPLE_KINDS for spec in transition.inputs)
        post = not featured and simple
        standing = in_whose_name(session, content, transition, actor)
        url = url_of(content, transition)
        made.append(
            SimpleNamespace(
                id=transition.id,
                label=title_of(transition),
                url=url,
                primary=transition.primary and not made,
                hint=standing.hint if standing else "",
                # On a page of its own the name travels in the address, and comes back with its form.
                names=standing.choices if standing and post else [],
                roads=[(label, f"{url}?on_behalf_of={name}" if name else url) for name, label in standing.choices]
                if standing and not post
                else [],
                method="post" if post else "get",
                open=False,
                confirm=_("“%(what)s”之后不能撤销，确定要办吗？", what=title_of(transition))
                if transition.dangerous and not transition.inputs
                else None,
                form=form_for(session, content, transition, actor) if post and transition.inputs else None,
            )
        )
    return made
