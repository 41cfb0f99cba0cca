"""WTForms made from a definition: the inputs of a transition and the questions of an item become fields, with what was typed kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flask import request
from flask_babel import get_locale, gettext
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    Field,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from catalogue.records import Form as ItemForm
from process.definition import Input, Transition
from process.office import Verb
from process.refusals import InvalidInput, Refusal
from services import town_platforms
from services.field_choices import Unit


class Asked:
    """Marks a field as required on the page; whether it is really filled is the service's question, with its own sentence."""

    field_flags = {"required": True}

    def __call__(self, form: Any, field: Any) -> None:
        return None


class AskedWhen(Optional):
    """Not required as such: says beside the label when a requirement of the step asks for it all the same."""

    def __init__(self, when: Any) -> None:
        super().__init__()
        self.field_flags = {"optional": True, "asked_when": label_of(when)}


class LinesField(Field):
    """Rows of the same few boxes, posted as <name>-0-<part>."""

    def __init__(
        self,
        *args: Any,
        columns: list[dict[str, Any]] | None = None,
        locked: bool = False,
        add_label: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.columns, self.locked, self.add_label = columns, locked, add_label
        self.row_errors: dict[int, dict[str, str]] = {}

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.data or []

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        self.data = data if isinstance(data, list) else []
        self.process_errors = []
        if formdata:
            self.data = read_lines(formdata, self.name)


class SignatureField(StringField):
    """A drawn signature as a PNG data URL."""


class PhotosField(Field):
    """Photos taken now; the view stores them and hands their ids on."""

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        self.data, self.process_errors = [], []


def read_lines(formdata: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """`lines-0-material`, `lines-0-sheets` … back into rows; rows without any text are left out."""
    pattern = re.compile(rf"^{re.escape(name)}-(\d+)-(\w+)$")
    rows: dict[int, dict[str, Any]] = {}
    for key in formdata:
        match = pattern.match(key)
        if match and int(match[1]) < 500:
            rows.setdefault(int(match[1]), {})[match[2]] = formdata[key]
    filled = [
        row
        for _, row in sorted(rows.items())
        if any(str(row.get(part, "")).strip() for part in ("material", "code", "sheets", "counted"))
    ]
    return filled


def label_of(title: Any) -> str:
    locale = str(get_locale())
    if isinstance(title, Mapping):
        return title["en"] if locale == "en" and title.get("en") else title["zh"]
    return title.text(locale)


def hint_of(text: str) -> str:
    """A sentence out of a definition in the reader's language; without a translation as it was written."""
    return gettext(text) if text else ""


def transition_form(
    transition: Transition | Verb,
    *,
    defaults: Mapping[str, Any] | None = None,
    columns: Mapping[str, list[dict[str, Any]]] | None = None,
    choices: Mapping[str, Iterable[tuple[str, str]]] | None = None,
) -> FlaskForm:
    """The form of one transition or verb of the office; choices and lines are handed in, never queried here."""
    fields: dict[str, Any] = {
        spec.name: _field(spec, (columns or {}).get(spec.name), (choices or {}).get(spec.name))
        for spec in transition.inputs
    }
    made = type(f"{transition.id.title()}Form", (FlaskForm,), fields)
    return made(data=dict(defaults or {}), meta={"csrf": False})


def _field(spec: Input, columns: list[dict[str, Any]] | None, choices: Iterable[tuple[str, str]] | None) -> Any:
    label, common = label_of(spec.title), {"description": hint_of(spec.help)}
    validators = [Asked()] if spec.required else [AskedWhen(spec.asked_when)] if spec.asked_when else [Optional()]
    options = [SelectChoice(oid, label_of(title)) for oid, title in spec.options]
    made: Any
    match spec.kind:
        case "longtext":
            made = TextAreaField(label, validators, **common)
        case "bool":
            made = BooleanField(label, validators, **common)
        case "number":
            made = IntegerField(label, validators, **common)
        case "date":
            made = DateField(label, validators, **common)
        case "datetime":
            made = DateTimeLocalField(label, validators, format="%Y-%m-%dT%H:%M", **common)
        case "choice":
            made = RadioField(label, validators, choices=options, validate_choice=False, **common)
        case "checks":
            made = SelectMultipleField(label, validators, choices=options, validate_choice=False, **common)
        case "person" | "agency" | "code" if choices is not None:
            choices = list(choices)
            made = SelectField(
                label,
                validators,
                render_kw=narrowing(choices),
                choices=[SelectChoice("", ""), *offered(choices)],
                validate_choice=False,
                **common,
            )
        case "lines":
            made = LinesField(label, validators, columns=columns, description=hint_of(spec.help))
        case "signature":
            made = SignatureField(label, validators, description=hint_of(spec.help))
        case "photos":
            made = PhotosField(label, validators, description=hint_of(spec.help))
        case _:
            made = StringField(label, validators, **common)
    return made


def offered(choices: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """The options of a list; a unit of a town platform says so, and the list can be narrowed to one (unit_filter.js)."""
    return [
        SelectChoice(
            choice[0],
            choice[1],
            {"data-platforms": "|".join(gettext(town_platforms.PLATFORMS[one]) for one in choice.platforms)}
            if isinstance(choice, Unit) and choice.platforms
            else {},
        )
        for choice in choices
    ]


def narrowing(choices: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What the list itself says so that the filter above it can be drawn: only where a unit has a platform."""
    if not any(isinstance(choice, Unit) and choice.platforms for choice in choices):
        return {}
    return {"data-platform-filter": gettext("按四个平台筛选"), "data-all": gettext("全部单位")}


def item_form(form: ItemForm, *, defaults: Mapping[str, Any] | None = None) -> FlaskForm:
    """The questions of a service item as one form."""
    fields: dict[str, Any] = {}
    for question in form.fields:
        label, common = label_of(question.title), {"description": hint_of(question.help)}
        validators = [Asked()] if question.required else [Optional()]
        match question.kind:
            case "longtext":
                fields[question.name] = TextAreaField(label, validators, **common)
            case "date":
                fields[question.name] = DateField(label, validators, **common)
            case "number":
                fields[question.name] = IntegerField(label, validators, **common)
            case "bool":
                fields[question.name] = BooleanField(label, validators, **common)
            case "choice":
                options = [SelectChoice(o.id, label_of(o.title)) for o in question.options]
                fields[question.name] = SelectField(
                    label, validators, choices=[SelectChoice("", ""), *options], validate_choice=False, **common
                )
            case _:
                fields[question.name] = StringField(label, validators, **common)
    made = type(f"{form.id.title()}Form", (FlaskForm,), fields)
    return made(data=dict(defaults or {}), meta={"csrf": False})


def posted(form: FlaskForm) -> dict[str, Any]:
    """What was typed, as plain values for a service: dates as text, empty answers left out."""
    values: dict[str, Any] = {}
    for field in form:
        if isinstance(field, PhotosField):
            continue
        raw = field.data
        if isinstance(field, (DateField, DateTimeLocalField, IntegerField)):
            # The raw text goes on, so that the service's own sentence about an impossible date is shown, not a silent blank.
            raw = field.raw_data[0] if field.raw_data else raw
        if raw not in (None, "", []):
            values[field.short_name] = raw
    return values


def show_refusal(form: FlaskForm, refusal: Refusal) -> None:
    """Puts a refusal's messages beside the fields they are about; what fits no field stands on top."""
    for name, message in refusal.errors.items():
        head = name.split("-")[0].split(".")[-1]
        if head in form:
            form[head].errors = [*form[head].errors, message]
    if not any(field.errors for field in form):
        form.form_errors.append(refusal.detail)


def is_mendable(refusal: Refusal) -> bool:
    return isinstance(refusal, InvalidInput) or refusal.status == 422


def uploaded(name: str) -> list[Any]:
    return [f for f in request.files.getlist(name) if f.filename]
