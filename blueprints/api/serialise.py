"""Things as JSON. Masking happens here: full values only inside one thing, for whoever may see them in full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from flask import url_for
from sqlalchemy import inspect, or_, select
from sqlalchemy.orm import Session

from blueprints.api import lines
from blueprints.api.named import Names, unit
from blueprints.api.related import materials, own_facts, papers, related
from blueprints.context import language
from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content
from models.delegation import HomeVisit
from models.person import Person
from models.resident import Resident
from process import access, engine, field_access, office
from process.access import Actor
from process.content_types import Field
from process.definition import Input, Title, Transition
from process.field_rules import HIDDEN, MASKED, withheld
from process.library import library
from process.masking import mask_address, mask_id_number, mask_name, mask_phone
from process.numbers import CHINA
from services import inside, side_by_side, visits

# Kinds of fields that name another thing, and what is kept beside the fields of a type and names one.
NAMING = ("case",)
REFERENCES = frozenset({"case", "parent"})
MASKS = {"id_number": mask_id_number, "phone": mask_phone, "person_name": mask_name, "address": mask_address}


def when(value: datetime | date | None) -> str | None:
    """ISO 8601; a moment in China's time with its offset."""
    if isinstance(value, datetime):
        return value.astimezone(CHINA).isoformat(timespec="seconds")
    return value.isoformat() if value is not None else None


def words(title: Title) -> str:
    return title.text(language())


def agency(place: Agency | None) -> dict[str, Any] | None:
    return unit(place.id, place.name, place.details) if place is not None else None


def person(one: Person | None) -> dict[str, str] | None:
    return {"username": one.username, "name": one.name} if one is not None else None


def applicant(resident: Resident | None, *, full: bool) -> dict[str, str | None] | None:
    if resident is None:
        return None
    plain = {
        "name": resident.name,
        "id_number": resident.id_number,
        "phone": resident.phone,
        "address": resident.address,
    }
    if full:
        return plain
    masks = {"name": mask_name, "id_number": mask_id_number, "phone": mask_phone, "address": mask_address}
    return {name: masks[name](value) if value else None for name, value in plain.items()}


def action(session: Session, content: Content, transition: Transition, tongue: str) -> dict[str, Any]:
    """A step this actor may take now, with everything a form needs."""
    return {
        "id": transition.id,
        "title": transition.title.text(tongue),
        "to": transition.to,
        "primary": transition.primary,
        "dangerous": transition.dangerous,
        "inputs": [
            told(i, tongue) | (lines.told(session, content, transition) if i.kind == "lines" else {})
            for i in transition.inputs
        ],
    }


def told(spec: Input, tongue: str) -> dict[str, Any]:
    """One input, with everything a form needs."""
    return (
        {"name": spec.name, "kind": spec.kind, "required": spec.required, "title": spec.title.text(tongue)}
        | ({"help": spec.help} if spec.help else {})
        | ({"max": spec.maximum} if spec.maximum else {})
        | ({"asked_when": spec.asked_when.text(tongue)} if spec.asked_when else {})
        | (
            {"options": [{"id": oid, "title": title.text(tongue)} for oid, title in spec.options]}
            if spec.options
            else {}
        )
    )


def verbs(content: Content, actor: Actor, tongue: str) -> list[dict[str, Any]]:
    """The verbs of the office (转派, 加签 …): they change who has the thing or who is heard, never its state."""
    return [_verb(verb.id, tongue) for verb in office.available(content, actor)]


@cache
def _verb(verb_id: str, tongue: str) -> dict[str, Any]:
    verb = office.VERBS[verb_id]
    return {"id": verb.id, "title": verb.title.text(tongue), "inputs": [told(i, tongue) for i in verb.inputs]}


def opinions(session: Session, content: Content, actor: Actor, *, full: bool) -> list[dict[str, Any]]:
    """Branches, signers and colleagues asked, newest round first; what people wrote only for whoever sees it in full."""
    if not side_by_side.may_have_some(session, content) and not content.people:
        return []
    return [
        {
            "uid": task.uid,
            "kind": task.kind,
            "title": task.title,
            "state": task.state,
            "in_state": task.in_state,
            "round": task.round,
            "deadline": when(task.deadline),
            "closed": when(task.closed_at),
            "closed_by": person(task.closed_by),
            "question": task.question if full else None,
            "answer": task.answer if full else None,
            "mine": side_by_side.answerable(session, task, actor),
        }
        for task in side_by_side.of(session, content)
    ]


def summary(session: Session, content: Content) -> dict[str, Any]:
    """One line of a list: everything personal masked, whoever reads."""
    return _head(session, content) | {
        "place": agency(content.place),
        "unit": agency(content.unit),
        "assignee": person(inside.shown_holder(session, content) if isinstance(content, Case) else content.assignee),
        "applicant": None if _withheld(content) else applicant(content.applicant, full=False),
        "fields": fields(content, full=False, listed=True)[0],
    }


def _holder_id(session: Session, content: Content, actor: Actor) -> int | None:
    """Who has it; what colleagues give back to each other shows only to those who work on it."""
    if isinstance(content, Case) and not access.may(actor, "internal", content, session):
        held = inside.shown_holder(session, content)
        return held.id if held is not None else None
    return content.assignee_id


def whole(session: Session, content: Content, actor: Actor) -> dict[str, Any]:
    """One thing with its fields and what this actor may do with it."""
    full = access.may(actor, access.VIEW_FULL, content, session)
    rights = field_access.rights(session, content, actor, full=full)
    values, masked = fields(content, full=full, rights=rights)
    hidden = visits.hidden(session, content, actor).intersection(values)
    hidden = hidden | _unnamed(session, content, actor, values)
    values, masked = {name: value for name, value in values.items() if name not in hidden}, sorted({*masked, *hidden})
    names, tongue = Names(session, content, actor), language()
    return _head(session, content) | {
        "place": names.agency(content.place_id),
        "unit": names.agency(content.unit_id),
        "assignee": names.person(_holder_id(session, content, actor)),
        "applicant": applicant(
            None if "applicant" in rights and rights["applicant"] == HIDDEN else content.applicant,
            full=full and rights.get("applicant") != MASKED,
        ),
        "fields": values,
        "masked": masked,
        "owner": names.person(content.owner_id),
        "places": [
            {"relation": p.relation, "place": names.agency(p.place_id)} for p in content.places if p.until is None
        ],
        "permissions": [p for p in library.of(content, session).permissions if access.may(actor, p, content, session)],
        "actions": [action(session, content, t, tongue) for t in engine.available(content, actor)],
        "office": verbs(content, actor, tongue),
        "tasks": opinions(session, content, actor, full=full),
        "materials": materials(content) if full else [],
        "papers": papers(session, content) if full or access.may(actor, "print", content, session) else [],
        "related": related(session, content, actor),
        "form": form(content),
    }


def _unnamed(session: Session, content: Content, actor: Actor, values: Mapping[str, Any]) -> set[str]:
    """The fields that name another thing which this reader may not see: nobody learns of a thing through another one."""
    naming = {spec.name for spec in library.type(content.type).fields if spec.kind in NAMING} | REFERENCES
    asked = {name: value for name in naming if isinstance(value := values.get(name), str) and value}
    if not asked:
        return set()
    marks = asked.values()
    known = access.visible(
        select(Content.uid, Content.number).where(or_(Content.uid.in_(marks), Content.number.in_(marks))), actor
    )
    seen = {mark for row in session.execute(known) for mark in row if mark}
    return {name for name, value in asked.items() if value not in seen}


def _head(session: Session, content: Content) -> dict[str, Any]:
    state = library.of(content, session).states[content.state]
    return {
        "uid": content.uid,
        "number": content.number,
        "type": content.type,
        "title": content.title,
        "state": content.state,
        "state_title": words(state.title),
        "tone": state.tone,
        "version": content.version,
        "deadline": when(content.deadline),
        "created": when(content.created_at),
        "modified": when(content.modified_at),
        "closed": when(content.closed_at),
        "url": url_for("api.show", uid=content.uid),
    }


def _withheld(content: Content) -> bool:
    """Somebody may not even know whom it is about; a list shows everybody the same."""
    spec = library.type(content.type).field("applicant")
    return spec is not None and any(rule.right == HIDDEN for rule in spec.access)


def fields(
    content: Content, *, full: bool, listed: bool = False, rights: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Values of the type's fields and of the item's form; and the names of those that were masked or left out.

    What is hidden from this reader is in neither. A list knows no reader, so it leaves out what is withheld from anybody."""
    values: dict[str, Any] = {}
    masked: list[str] = []
    values |= {
        name: when(value) if isinstance(value, (date, datetime)) else value
        for name, value in own_facts(content).items()
    }
    for spec in library.type(content.type).fields:
        if spec.kind == "applicant":
            continue
        right = (rights or {}).get(spec.name)
        if right == HIDDEN or (listed and withheld(spec.access)):
            continue
        value = _value(content, spec)
        if right == MASKED and full and value not in (None, "", [], {}):
            values[spec.name] = field_access.masked(spec, value)
            masked.append(spec.name)
        elif full or value in (None, ""):
            values[spec.name] = value
        elif spec.kind in MASKS:
            values[spec.name] = MASKS[spec.kind](str(value))
            masked.append(spec.name)
        elif spec.sensitive or spec.kind == "longtext":
            # What people wrote may name anybody; masked sight is of times and states.
            masked.append(spec.name)
        else:
            values[spec.name] = value
    if not listed:
        _add_answers(content, values, masked, full=full)
    return values, masked


def _value(content: Content, spec: Field) -> Any:
    """Where the value lives: a column, a relation to another thing, or the JSON of the type."""
    known = inspect(type(content)).attrs
    if spec.kind == "item" and spec.name in known:
        item: ServiceItem | None = getattr(content, spec.name)
        return item.code if item is not None else None
    if spec.kind == "agency" and f"{spec.name}_id" in known:
        return getattr(content, f"{spec.name}_id")
    if spec.kind == "case" and spec.name in known:
        other: Content | None = getattr(content, spec.name)
        return other.uid if other is not None else None
    own = spec.name in known and spec.name not in ("fields", "private")
    value = getattr(content, spec.name) if own else content.values.get(spec.name)
    return when(value) if isinstance(value, (date, datetime)) else value


def _add_answers(content: Content, values: dict[str, Any], masked: list[str], *, full: bool) -> None:
    questions = form_questions(content)
    own = {spec.name for spec in library.type(content.type).fields}
    for name, value in content.values.items():
        # What begins with an underscore is how steps remember something, among it names of things not everybody sees.
        if name in own or name in values or name in masked or name.startswith("_"):
            continue
        question = questions.get(name)
        kind = question.kind if question else ""
        secret = name in (content.private or {}) or (question is not None and question.sensitive)
        if full or not (secret or kind in MASKS):
            values[name] = value
        elif kind in MASKS and isinstance(value, str):
            values[name] = MASKS[kind](value)
            masked.append(name)
        else:
            masked.append(name)


def form(content: Content) -> list[dict[str, Any]]:
    """What the form of the item asks, so that a program can fill it in."""
    return [
        {
            "name": q.name,
            "kind": q.kind,
            "required": q.required,
            "title": q.title["en"] if language() == "en" else q.title["zh"],
        }
        | (
            {
                "options": [
                    {"id": o.id, "title": o.title["en"] if language() == "en" else o.title["zh"]} for o in q.options
                ]
            }
            if q.options
            else {}
        )
        for q in form_questions(content).values()
    ]


def form_questions(content: Content) -> dict[str, Any]:
    """The questions by name; other types ask nothing further."""
    item = (
        content
        if isinstance(content, ServiceItem)
        else getattr(content, "item", None)
        if isinstance(content, (Case, HomeVisit))
        else None
    )
    if item is None:
        return {}
    record = catalogue.items().get(item.code)
    form = catalogue.forms().get(record.form) if record is not None and record.form else None
    return {question.name: question for question in form.fields} if form is not None else {}
