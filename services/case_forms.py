"""The form of an item: answers are checked by kind, each mistake named by its field, and what is known is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from catalogue import loader as catalogue
from catalogue.records import Field, Form
from models.case import Case, ServiceItem
from models.resident import Resident
from process.identity import IdNumber, normalise_phone
from process.inputs import clean_text
from process.refusals import InvalidInput
from services import form_checks
from services.catalogue_items import record_of

LIMITS = {"text": 200, "longtext": 1000, "person_name": 60, "address": 90}
LARGEST_NUMBER = 1_000_000_000
# Answers that nobody was asked for, because the person was registered before: the case remembers which.
FROM_RECORD = "_from_record"
KEPT_OF_PEOPLE = {
    "phone": "phone",
    "address": "address",
    "present_address": "address",
    "household_address": "household_address",
}
SIDES = ("husband_", "wife_", "father_", "mother_")
YES = (True, 1, "1", "true", "on", "y", "yes")
NO = (False, 0, "0", "false", "off", "n", "no")


def form_of(item: ServiceItem) -> Form:
    return catalogue.form(record_of(item).form)


def clean(form: Form, given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers that were given, each of its kind; an empty one is dropped. All mistakes are told at once."""
    cleaned: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in form.fields:
        raw = given.get(field.name)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            continue
        try:
            cleaned[field.name] = _clean(field, raw)
        except InvalidInput as refusal:
            errors[field.name] = refusal.detail
        except (ValueError, TypeError, OverflowError) as problem:
            errors[field.name] = f"{_title(field)}：{problem if isinstance(problem, ValueError) else '格式不对'}。"
    if not errors:
        errors = _contradictions(cleaned) | form_checks.contradictions(form.id, cleaned)
    if errors:
        raise InvalidInput("申请表有误：" + "".join(errors.values()), errors)
    return cleaned


def known_answers(form: Form, resident: Resident, given: Mapping[str, Any]) -> dict[str, Any]:
    """What the form asks and the office knows already: nobody writes the same thing twice."""
    person = {
        "name": resident.name,
        "id_number": resident.id_number,
        "phone": given.get("phone") or resident.phone,
        "address": given.get("address") or resident.address,
        "present_address": given.get("address") or resident.address,
        "household_address": given.get("household_address") or resident.household_address,
        "sex": "male" if resident.sex == "男" else "female",
        "birth_date": resident.birth_date.isoformat(),
    }
    names = {field.name for field in form.fields}
    # A couple's or parents' form: the applicant is one of the two, the ID number tells which.
    for male, female in (("husband", "wife"), ("father", "mother")):
        side = male if resident.sex == "男" else female
        person |= {
            f"{side}_{name}": person[name]
            for name in ("name", "id_number", "household_address")
            if f"{side}_{name}" in names
        }
    return {name: value for name, value in person.items() if name in names and value}


def from_record(known: Mapping[str, Any], answers: Mapping[str, Any], applicant: Mapping[str, Any]) -> list[str]:
    """Those of `known` that come from an earlier registration: neither answered now nor given with the applicant."""
    found = []
    for name in known:
        side = next((one for one in SIDES if name.startswith(one)), "")
        kept = KEPT_OF_PEOPLE.get(name.removeprefix(side))
        if kept is not None and name not in answers and not applicant.get(kept):
            found.append(name)
    return sorted(found)


def remember_record(case: Case, names: list[str]) -> None:
    """What was taken over; an empty list takes the mark away."""
    fields = {name: value for name, value in (case.fields or {}).items() if name != FROM_RECORD}
    case.fields = {**fields, FROM_RECORD: names} if names else fields


def missing(form: Form, values: Mapping[str, Any]) -> dict[str, str]:
    """Every required question without an answer: field -> sentence."""
    found = {
        field.name: f"请填写“{_title(field)}”。"
        for field in form.fields
        if field.required and values.get(field.name) in (None, "", [])
    }
    return found | form_checks.missing(form.id, values)


def store(case: Case, form: Form, values: Mapping[str, Any]) -> None:
    """Sensitive answers are encrypted, the others may be listed."""
    plain, private = dict(case.fields or {}), dict(case.private or {})
    for field in form.fields:
        if field.name in values:
            (private if field.sensitive else plain)[field.name] = values[field.name]
    case.fields, case.private = plain, private


def title_of(form: Form, name: str) -> str:
    return _title(form.field(name))


def option_title(form: Form, name: str, value: str) -> str:
    """What a choice is called on paper."""
    return next((option.title["zh"] for option in form.field(name).options if option.id == value), str(value))


def _clean(field: Field, raw: Any) -> Any:
    match field.kind:
        case "id_number":
            return IdNumber.parse(str(raw)).value
        case "phone":
            return normalise_phone(str(raw))
        case "date":
            day = raw if isinstance(raw, date) else _date(str(raw).strip())
            return day.isoformat()
        case "number":
            return _number(field, raw)
        case "bool":
            if raw in YES:
                return True
            if raw in NO:
                return False
            raise ValueError("请选“是”或“否”")
        case "choice":
            if raw not in [option.id for option in field.options]:
                raise ValueError(f"请在{'、'.join(option.title['zh'] for option in field.options)}中选一项")
            return raw
        case _:
            if not isinstance(raw, (str, int, float)) or isinstance(raw, bool):
                raise ValueError("应是文字")
            text = clean_text(raw, field.max or LIMITS.get(field.kind, 200))
            return text if field.kind == "longtext" else " ".join(text.split())


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("日期请写成 2026-03-05 的样子，且必须存在") from error


def _number(field: Field, raw: Any) -> int:
    highest = field.max if field.max is not None else LARGEST_NUMBER
    try:
        number = int(str(raw).strip())
    except ValueError as error:
        raise ValueError(f"请填 0 到 {highest} 之间的整数") from error
    if not 0 <= number <= highest:
        raise ValueError(f"请填 0 到 {highest} 之间的整数")
    return number


def _contradictions(values: Mapping[str, Any]) -> dict[str, str]:
    """Two answers that cannot both be true: the couple of a form is two people, a woman and a man."""
    errors: dict[str, str] = {}
    for male, female, words in (("husband", "wife", ("男方", "女方")), ("father", "mother", ("父亲", "母亲"))):
        for side, sex, word in ((male, "male", words[0]), (female, "female", words[1])):
            number = values.get(f"{side}_id_number")
            if number and IdNumber.parse(number).sex != sex:
                errors[f"{side}_id_number"] = (
                    f"{word}身份证号码显示的性别是“{IdNumber.parse(number).sex_zh}”，请核对是否填反。"
                )
        both = values.get(f"{male}_id_number"), values.get(f"{female}_id_number")
        if both[0] and both[0] == both[1]:
            errors[f"{male}_id_number"] = f"{words[0]}和{words[1]}的身份证号码相同，请核对。"
    return errors


def _title(field: Field) -> str:
    return field.title["zh"]
