"""What the answers of one form must agree on: told at once, each beside its question, before anybody reviews it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from process.calendar_days import say
from process.identity import IdNumber, today_in_china
from services import children

Answers = Mapping[str, Any]
SINCE = {"married": "结婚", "divorced": "离婚", "widowed": "丧偶"}


def contradictions(form_id: str, values: Answers) -> dict[str, str]:
    """Answers that cannot all be true; what is not answered yet contradicts nothing."""
    check = _CONTRADICTIONS.get(form_id)
    return check(values) if check else {}


def missing(form_id: str, values: Answers) -> dict[str, str]:
    """Questions that have to be answered because of another answer."""
    check = _MISSING.get(form_id)
    return check(values) if check else {}


def _family(values: Answers) -> dict[str, str]:
    errors: dict[str, str] = {}
    status, count = values.get("marital_status"), values.get("children_count")
    if status == "unmarried":
        for name, word in (("spouse_name", "配偶姓名"), ("spouse_id_number", "配偶身份证号码")):
            if values.get(name):
                errors[name] = f"婚姻状况填的是未婚，{word}应空着，请核对。"
        if values.get("marital_status_date"):
            errors["marital_status_date"] = "婚姻状况填的是未婚，变动日期应空着，请核对。"
    if _day(values, "marital_status_date") and _day(values, "marital_status_date") > today_in_china():
        errors["marital_status_date"] = "婚姻状况变动日期还没有到，请核对。"
    if values.get("spouse_id_number") and values.get("spouse_id_number") == values.get("id_number"):
        errors["spouse_id_number"] = "配偶和本人的身份证号码相同，请核对。"
    if values.get("sex") and values.get("id_number"):
        number = IdNumber.parse(values["id_number"])
        if values["sex"] != number.sex:
            errors["sex"] = f"身份证号码显示的性别是“{number.sex_zh}”，请核对。"
    try:
        rows = children.read(values.get("children"))
    except ValueError as problem:
        return {**errors, "children": f"{problem}。"}
    if values.get("children") and count is not None and len(rows) != count:
        errors["children"] = f"子女数填的是 {count}，子女情况写了 {len(rows)} 行，请核对。"
    return errors


def _migrant(values: Answers) -> dict[str, str]:
    errors = _family(values)
    first, last = _day(values, "period_from"), _day(values, "period_to")
    if first and last and last < first:
        errors["period_to"] = "终止日期早于起始日期，请核对。"
    if values.get("birth_date") and values.get("id_number"):
        born = IdNumber.parse(values["id_number"]).birth_date
        if born != _day(values, "birth_date"):
            errors["birth_date"] = f"身份证号码显示的出生日期是{say(born)}，请核对。"
    return errors


def _only_child(values: Answers) -> dict[str, str]:
    errors: dict[str, str] = {}
    child = values.get("child_id_number")
    for side, word in (("father", "父亲"), ("mother", "母亲")):
        parent = values.get(f"{side}_id_number")
        if child and parent and IdNumber.parse(child).birth_date <= IdNumber.parse(parent).birth_date:
            errors["child_id_number"] = f"子女的出生日期不晚于{word}的，请核对子女身份证号码。"
    return errors


def _family_missing(values: Answers) -> dict[str, str]:
    errors: dict[str, str] = {}
    status = values.get("marital_status")
    if status == "married" and not values.get("spouse_name"):
        errors["spouse_name"] = "婚姻状况是已婚，请填写“配偶姓名”。"
    if values.get("children_count") and not values.get("children"):
        errors["children"] = f"请写明每个子女的情况，{children.HOW}。"
    return errors


def _proof_missing(values: Answers) -> dict[str, str]:
    errors, status = _family_missing(values), values.get("marital_status")
    if status in SINCE and not values.get("marital_status_date"):
        errors["marital_status_date"] = f"请填写{SINCE[status]}的日期。"
    return errors


def _day(values: Answers, name: str) -> Any:
    return date.fromisoformat(values[name]) if values.get(name) else None


_CONTRADICTIONS: dict[str, Callable[[Answers], dict[str, str]]] = {
    "marital_fertility_proof": _family,
    "migrant_marital_fertility_proof": _migrant,
    "only_child_honour_certificate": _only_child,
}
_MISSING: dict[str, Callable[[Answers], dict[str, str]]] = {
    "marital_fertility_proof": _proof_missing,
    "migrant_marital_fertility_proof": _family_missing,
}
