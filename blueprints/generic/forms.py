"""The form of a type without Python, made from its fields; what was typed stays as it was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from flask import request
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from blueprints.dynamic_forms import Asked, hint_of, label_of, narrowing, offered
from models.agency import Agency
from models.content import Content
from process import field_access
from process.content_types import ContentType, Field
from process.field_rules import OPEN
from process.numbers import CHINA
from process.refusals import Refusal
from services.field_values import LIMITS
from services.generic import APPLICANT_PARTS, asked
from services.office import full_name

# So few options are seen at once; more of them are a list to choose from.
SEEN_AT_ONCE = 5
Choices = Mapping[str, list[tuple[str, str]]]


def new_form(
    kind: ContentType, choices: Choices, places: Iterable[Agency] = (), usual: Agency | None = None
) -> FlaskForm:
    """Everything that is asked when a thing is registered."""
    fields: dict[str, Any] = {}
    offered = [(agency.id, full_name(agency)) for agency in places]
    if len(offered) > 1:
        fields["place"] = SelectField(_("由哪个单位登记"), [Asked()], choices=_offer(offered), validate_choice=False)
    for spec in asked(kind):
        if spec.kind == "applicant":
            fields |= _person(spec)
        else:
            fields[spec.name] = _field(spec, choices.get(spec.name, []))
    return _made(kind, fields, {"place": usual.id if usual else ""})


def edit_form(kind: ContentType, choices: Choices, content: Content, rights: Mapping[str, str]) -> FlaskForm:
    """What may be changed now; what is masked stands empty and stays as it is unless it is written anew."""
    fields: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for spec in editable(kind, rights):
        value = content.title if spec.name == "title" else content.values.get(spec.name)
        hint = hint_of(spec.help)
        if spec.private and spec.kind in field_access.MASKS:
            shown = field_access.masked(spec, value)
            hint = _("已填 %(text)s；不改就留空。", text=shown) if shown else hint
        else:
            defaults[spec.name] = _typed(spec, value)
        fields[spec.name] = _field(spec, choices.get(spec.name, []), hint=hint, filled=value is not None)
    return _made(kind, fields, defaults)


def editable(kind: ContentType, rights: Mapping[str, str]) -> list[Field]:
    return [spec for spec in asked(kind) if spec.kind != "applicant" and rights.get(spec.name, OPEN) == OPEN]


def sent(form: FlaskForm, kind: ContentType) -> dict[str, Any]:
    """What was typed, of the kinds a service takes; nothing typed is None, an open tick False."""
    values: dict[str, Any] = {}
    for field in form:
        name = field.short_name
        spec = kind.field(name)
        if spec is None:
            values[name] = field.data or None
            continue
        raw = field.raw_data[0] if field.raw_data else None
        match spec.kind:
            case "bool":
                values[name] = bool(field.data)
            case "number":
                text = (raw or "").strip()
                values[name] = int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else text or None
            case "date" | "datetime":
                values[name] = (raw or "").strip() or None
            case "list":
                values[name] = [line.strip() for line in (field.data or "").splitlines() if line.strip()] or None
            case "longtext":
                # Browsers send CRLF; kept is what people see.
                values[name] = (field.data or "").replace("\r\n", "\n") or None
            case "agencies":
                values[name] = list(field.data or []) or None
            case _:
                values[name] = field.data or None
    return values


def changed(form: FlaskForm, kind: ContentType, content: Content, rights: Mapping[str, str]) -> dict[str, Any]:
    """Only what is not as it was: another field that somebody else changes meanwhile is not touched."""
    typed = sent(form, kind)
    found: dict[str, Any] = {}
    for spec in editable(kind, rights):
        value = content.title if spec.name == "title" else content.values.get(spec.name)
        new = typed.get(spec.name)
        if spec.private and spec.kind in field_access.MASKS:
            if new is not None:
                found[spec.name] = new
        elif new != _comparable(spec, value):
            found[spec.name] = new
    return found


def show_errors(form: FlaskForm, refusal: Refusal) -> None:
    """Each message beside its field; what fits no field stands on top."""
    placed = False
    for name, message in refusal.errors.items():
        target = name.replace("applicant.", "applicant_")
        target = "applicant_name" if target == "applicant" else target
        if target in form:
            form[target].errors = [*form[target].errors, message]
            placed = True
    if not placed:
        form.form_errors.append(refusal.detail)


def _made(kind: ContentType, fields: dict[str, Any], defaults: dict[str, Any]) -> FlaskForm:
    made = type(f"{kind.id.title()}Form", (FlaskForm,), fields)
    return made(formdata=request.form if request.method == "POST" else None, data=defaults, meta={"csrf": False})


def _offer(choices: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    return [SelectChoice("", ""), *offered(choices)]


def _field(spec: Field, choices: list[tuple[str, str]], *, hint: str | None = None, filled: bool = False) -> Any:
    label, common = label_of(spec.title), {"description": hint_of(spec.help) if hint is None else hint}
    masked = spec.private and spec.kind in field_access.MASKS and filled
    validators = [Asked()] if spec.required and not masked else [Optional()]
    limit = {"render_kw": {"maxlength": LIMITS[spec.kind]}} if spec.kind in LIMITS else {}
    options = [SelectChoice(oid, label_of(title)) for oid, title in spec.options]
    match spec.kind:
        case "longtext":
            return TextAreaField(label, validators, **common, **limit)
        case "list":
            return TextAreaField(label, validators, description=hint_of(spec.help) or _("一行写一项。"))
        case "bool":
            return BooleanField(label, validators, **common)
        case "number":
            return IntegerField(label, validators, render_kw={"min": 0, "inputmode": "numeric"}, **common)
        case "date":
            return DateField(label, validators, **common)
        case "datetime":
            return DateTimeLocalField(label, validators, format="%Y-%m-%dT%H:%M", **common)
        case "choice" if len(options) <= SEEN_AT_ONCE and spec.required:
            return RadioField(
                label, validators, choices=options, validate_choice=False, render_kw={"side": True}, **common
            )
        case "choice":
            return SelectField(
                label, validators, choices=[SelectChoice("", ""), *options], validate_choice=False, **common
            )
        case "agency" | "item" | "person":
            return SelectField(
                label,
                validators,
                choices=_offer(choices),
                validate_choice=False,
                render_kw=narrowing(choices),
                **common,
            )
        case "agencies":
            return SelectMultipleField(
                label,
                validators,
                choices=offered(choices),
                validate_choice=False,
                **common,
            )
        case "case":
            return StringField(label, validators, description=hint_of(spec.help) or _("填办件编号。"))
        case "phone":
            return StringField(label, validators, render_kw={"inputmode": "tel"}, **common)
    return StringField(label, validators, **common, **limit)


def _person(spec: Field) -> dict[str, Any]:
    """The applicant as five boxes; the name of the field says whom it is about."""
    who, asked = label_of(spec.title), [Asked()] if spec.required else [Optional()]
    labels = {
        "name": (_("%(who)s姓名", who=who), asked, {"maxlength": LIMITS["person_name"]}),
        "id_number": (_("%(who)s身份证号码", who=who), asked, {"inputmode": "text"}),
        "phone": (_("%(who)s电话", who=who), [Optional()], {"inputmode": "tel"}),
        "address": (_("%(who)s现居住地址", who=who), [Optional()], {"maxlength": LIMITS["address"]}),
        "household_address": (_("%(who)s户籍地址", who=who), [Optional()], {"maxlength": LIMITS["address"]}),
    }
    return {
        f"applicant_{part}": StringField(labels[part][0], labels[part][1], render_kw=labels[part][2])
        for part in APPLICANT_PARTS
    }


def _typed(spec: Field, value: Any) -> Any:
    """As a box of the form shows it."""
    if value is None:
        return None
    match spec.kind:
        case "date":
            return date.fromisoformat(str(value))
        case "datetime":
            return datetime.fromisoformat(str(value)).astimezone(CHINA)
        case "list":
            return "\n".join(str(one) for one in value)
    return value


def _comparable(spec: Field, value: Any) -> Any:
    """As `sent` would say it, had nothing been changed."""
    if spec.kind == "bool":
        return bool(value)
    if value is None:
        return None
    if spec.kind == "datetime":
        return f"{datetime.fromisoformat(str(value)).astimezone(CHINA):%Y-%m-%dT%H:%M}"
    return value
