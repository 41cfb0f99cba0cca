"""Forms for the phone, from the same definitions as the pages: steps with their inputs, and what a thing fills in by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from catalogue.records import Field
from models.base import now
from models.content import Content
from models.delegation import HomeVisit
from models.errand import Errand
from process import clock, guards
from process.access import Actor
from process.definition import Definition, Input, Title, Transition
from process.library import library
from services import case_forms, doorstep, findings, letters
from services.catalogue_items import record_of

# What is planned and decided at a desk, or needs a list of people and hours: not offered without a signal.
AT_A_DESK = {
    "home_visit": frozenset(
        {"schedule", "move", "reschedule", "decline", "give_up", "cancel", "maintain", "conclude", "close"}
    ),
    "errand": frozenset({"post", "assign", "reopen", "cancel", "confirm"}),
}
SCREEN_TITLES = {"identity": "核对身份", "papers": "收材料", "photos": "拍照", "letter": "签代办委托书"}
Words = Callable[[Title], str]


def flow(definition: Definition, kind: str, words: Words) -> dict[str, Any]:
    """States and steps of one version of a process, so that a phone can go on from step to step."""
    return {
        "id": definition.id,
        "states": {
            state.id: {"title": words(state.title), "tone": state.tone, "terminal": state.terminal}
            for state in definition.states.values()
        },
        "steps": {
            step.id: {
                "title": words(step.title),
                "from": list(step.sources),
                "to": step.to,
                "primary": step.primary,
                "dangerous": step.dangerous,
                "inputs": [told(spec, words) for spec in step.inputs],
            }
            for step in definition.transitions.values()
            if step.trigger == "user" and step.id not in AT_A_DESK.get(kind, ())
        },
    }


def told(spec: Input, words: Words) -> dict[str, Any]:
    """One input with all that a form needs."""
    found: dict[str, Any] = {
        "name": spec.name,
        "kind": spec.kind,
        "title": words(spec.title),
        "required": spec.required,
        "help": spec.help,
        "max": spec.maximum,
        "options": [[key, words(title)] for key, title in spec.options],
    }
    if spec.asked_when:
        found["asked_when"] = words(spec.asked_when)
    return found


def able(session: Session, content: Content, actor: Actor) -> list[str]:
    """Steps this actor may take with the thing in some state; the state is looked at on the phone and again here."""
    definition = library.of(content, session)
    return [
        step.id
        for step in definition.transitions.values()
        if step.trigger == "user"
        and step.id not in AT_A_DESK.get(content.type, ())
        and guards.passes(session, content, step.guard, actor, definition)
    ]


def defaults(session: Session, content: Content) -> dict[str, dict[str, Any]]:
    """What stands in a form before anybody has typed, per step."""
    if isinstance(content, HomeVisit):
        until = clock.local_day(now()) + timedelta(days=letters.USUAL_DAYS)
        lines = [
            {"material": m.name, "original": m.form != "copy", "sheets": "", "condition": ""}
            for m in record_of(content.item).materials
        ]
        kept = {k: v for k, v in doorstep.draft(content).items() if k not in ("screens", "signature", "photos")}
        usual = {"lines": lines, "powers": list(letters.POWERS), "valid_until": until.isoformat()}
        return {"collect": {**usual, **kept}}
    if isinstance(content, Errand):
        return {"pick_up": {"envelopes": content.envelopes}}
    return {}


def screens(content: Content, step: Transition) -> list[dict[str, Any]]:
    """A long form in the order of the doorstep, one screen after the other; others are one screen."""
    if not isinstance(content, HomeVisit) or step.id != "collect":
        return []
    names = {spec.name for spec in step.inputs}
    check = findings.is_check(content)
    found = [
        {
            "id": key,
            "title": SCREEN_TITLES[key],
            "inputs": [name for name in asked if name in names and (check or not name.startswith("finding"))],
        }
        for key, asked in doorstep.SCREENS.items()
    ]
    return found


def questions(content: Content, words: Callable[[dict[str, str]], str]) -> list[dict[str, Any]]:
    """What the form of the item asks and nobody has told yet."""
    if not isinstance(content, HomeVisit) or content.state not in doorstep.ASKING:
        return []
    known = doorstep.known_answers(content) | dict((content.private or {}).get("form") or {})
    form = case_forms.form_of(content.item)
    left = [one for one in form.fields if one.name not in known and one.name not in ("finding", "found_on")]
    return [_question(one, words) for one in left]


def _question(one: Field, words: Callable[[dict[str, str]], str]) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "title": words(dict(one.title)),
        "required": one.required,
        "help": one.help,
        "max": one.max,
        "options": [[option.id, words(dict(option.title))] for option in one.options],
    }
