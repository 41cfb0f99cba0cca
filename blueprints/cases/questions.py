"""Which questions of an item's form still have to be asked: what the person pane or the office knows is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask_wtf import FlaskForm

from blueprints.dynamic_forms import item_form
from catalogue.records import Form
from models.resident import Resident
from process.identity import IdNumber, InvalidIdNumber

# A question of the form -> the field of the person pane that answers it.
ANSWERED_BY = {
    "name": "applicant_name",
    "id_number": "applicant_id_number",
    "phone": "applicant_phone",
    "address": "applicant_address",
    "present_address": "applicant_address",
    "sex": "applicant_id_number",
    "birth_date": "applicant_id_number",
}
COUPLES = (("husband", "wife"), ("father", "mother"))


def parse(text: str) -> IdNumber | None:
    """The number if it is whole and right; its sex tells which of a couple stands here."""
    try:
        return IdNumber.parse(text)
    except InvalidIdNumber:
        return None


def answered(form: Form, number: IdNumber | None, resident: Resident | None) -> dict[str, str]:
    """Questions nobody is asked twice: question -> field of the person pane where a mistake in it is mended."""
    names = {field.name for field in form.fields}
    found = {name: pane for name, pane in ANSWERED_BY.items() if name in names}
    if number is not None:
        for male, female in COUPLES:
            side = male if number.sex == "male" else female
            found |= {
                f"{side}_{part}": f"applicant_{part}" for part in ("name", "id_number") if f"{side}_{part}" in names
            }
            if resident is not None and resident.household_address and f"{side}_household_address" in names:
                found[f"{side}_household_address"] = "applicant_address"
    if resident is not None and resident.household_address and "household_address" in names:
        found["household_address"] = "applicant_address"
    return found


def ask(
    form: Form,
    number: IdNumber | None,
    resident: Resident | None,
    *,
    group: str | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> FlaskForm:
    """The remaining questions as a form, in one group or all; what was typed stays in it."""
    left_out = answered(form, number, resident)
    fields = tuple(f for f in form.fields if f.name not in left_out and group in (None, f.group))
    return item_form(replace(form, fields=fields), defaults=defaults)
