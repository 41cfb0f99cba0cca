"""The fields of a type, cleaned by kind: one reading for forms and API, for new things and for changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.person import Person
from process import access, clock
from process.access import Actor
from process.content_types import ContentType, Field
from process.identity import IdNumber, normalise_phone
from process.inputs import clean_text
from process.numbers import CHINA
from process.refusals import InvalidInput

LIMITS = {"text": 200, "longtext": 2000, "person_name": 60, "address": 90}
MAX_LIST, MAX_AGENCIES = 200, 100
MAX_NUMBER = 1_000_000_000
CHOSEN = ("choice", "agency", "agencies", "item", "person")
EMPTY: tuple[Any, ...] = (None, "", [], {})


def read(
    session: Session, actor: Actor, kind: ContentType, given: Mapping[str, Any], *, whole: bool
) -> tuple[dict[str, Any], dict[str, str]]:
    """Clean values and, by field, every mistake. `whole`: a new thing, so what is required must be there."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for spec in kind.fields:
        if spec.kind == "applicant" or (not whole and spec.name not in given):
            continue
        try:
            values[spec.name] = clean(session, actor, spec, given.get(spec.name))
        except InvalidInput as refusal:
            errors[spec.name] = refusal.detail
        except (ValueError, TypeError) as problem:
            errors[spec.name] = str(problem) if isinstance(problem, ValueError) and str(problem) else "格式不对"
    return values, errors


def clean(session: Session, actor: Actor, spec: Field, raw: Any) -> Any:
    """One value as the database keeps it; ValueError or a refusal with a sentence otherwise."""
    if raw is None or raw == "" or raw == [] or (isinstance(raw, str) and not raw.strip()):
        if spec.required:
            raise ValueError(lacking(spec))
        return None
    value = _clean(session, actor, spec, raw)
    if spec.required and (value in EMPTY or (spec.kind == "bool" and value is False)):
        # A text of nothing but invisible marks, or a promise that was not ticked.
        raise ValueError(lacking(spec))
    return None if value == "" or value == [] else value


def lacking(spec: Field) -> str:
    """What to do about a box that stands empty."""
    verb = "勾选" if spec.kind == "bool" else "选择" if spec.kind in CHOSEN else "填写"
    return f"请{verb}“{spec.title.zh}”"


def _clean(session: Session, actor: Actor, spec: Field, raw: Any) -> Any:
    match spec.kind:
        case "text" | "longtext" | "person_name" | "address":
            if not isinstance(raw, str):
                raise ValueError("应是文字")
            text = clean_text(raw, LIMITS[spec.kind])
            # One line stays one line, so that lists and papers do not break.
            return text if spec.kind == "longtext" else " ".join(text.split())
        case "bool":
            if not isinstance(raw, bool):
                raise ValueError("应是 true 或 false")
            return raw
        case "number":
            if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < MAX_NUMBER:
                raise ValueError("请填 0 到 999999999 之间的整数")
            return raw
        case "date":
            day: date = _parsed(date.fromisoformat, raw, "日期请写成 2026-03-05 的样子，且必须存在")
            if not 1900 <= day.year <= 2100:
                raise ValueError("请填 1900 年到 2100 年之间的日期")
            return day
        case "datetime":
            moment: datetime = _parsed(datetime.fromisoformat, raw, "时间请写成 2026-03-05T14:30+08:00 的样子")
            if not 2000 <= moment.year <= 2100:
                raise ValueError("请填 2000 年到 2100 年之间的时间")
            return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
        case "choice":
            options = dict(spec.options)
            if not isinstance(raw, str) or raw not in options:
                raise ValueError(f"请在{'、'.join(title.zh for title in options.values())}中选一项")
            return raw
        case "id_number":
            return IdNumber.parse(_text(raw)).value
        case "phone":
            return normalise_phone(_text(raw))
        case "agency":
            return agency(session, raw).id
        case "agencies":
            return _agencies(session, raw)
        case "item":
            found = session.scalar(select(ServiceItem.code).where(ServiceItem.code == _text(raw)))
            if found is None:
                raise ValueError("事项目录里没有这个事项，请从目录中选择")
            return found
        case "person":
            return _person(session, raw)
        case "case":
            return _case(session, actor, raw)
        case "list":
            return _list(raw)
        case _:
            return clean_text(_text(raw), 200)


def agency(session: Session, raw: Any) -> Agency:
    """A unit that works today, by its code."""
    found = session.get(Agency, raw) if isinstance(raw, str) and len(raw) <= 60 else None
    if found is None:
        raise ValueError("没有这个单位，请从列表中选择")
    if not found.exists_on(clock.local_day(now())):
        raise ValueError(f"{found.name}已停止办公，请改选现在办理的单位")
    return found


def _agencies(session: Session, raw: Any) -> list[str]:
    if not isinstance(raw, list) or len(raw) > MAX_AGENCIES:
        raise ValueError(f"应是不超过 {MAX_AGENCIES} 个单位的列表")
    return list(dict.fromkeys(agency(session, one).id for one in raw))


def _person(session: Session, raw: Any) -> str:
    """A colleague by user name; residents are applicants, never persons in a form."""
    found = session.scalar(
        select(Person.username).where(Person.username == _text(raw), Person.active, Person.resident_id.is_(None))
    )
    if found is None:
        raise ValueError("没有这个同事，或其账号已停用，请从列表中选择")
    return found


def _case(session: Session, actor: Actor, raw: Any) -> str:
    """A case this actor may see, by its number or its address."""
    text = _text(raw).strip()
    found = session.scalar(
        access.visible(select(Case.uid).where(or_(Case.uid == text, Case.number == text.upper())), actor, Case).limit(1)
    )
    if found is None:
        raise ValueError("没有找到这个办件，或不在您的管辖范围内，请核对办件编号")
    return found


def _list(raw: Any) -> list[str]:
    if not isinstance(raw, list) or len(raw) > MAX_LIST:
        raise ValueError(f"应是不超过 {MAX_LIST} 项的列表")
    lines = []
    for index, one in enumerate(raw, start=1):
        if not isinstance(one, (str, int)) or isinstance(one, bool):
            raise ValueError(f"第 {index} 项应是文字")
        try:
            line = " ".join(clean_text(one, LIMITS["text"]).split())
        except ValueError as problem:
            raise ValueError(f"第 {index} 项{problem}") from problem
        if line:
            lines.append(line)
    return lines


def _text(raw: Any) -> str:
    if not isinstance(raw, (str, int)) or isinstance(raw, bool):
        raise ValueError("应是文字")
    return str(raw)


def _parsed(parse: Any, raw: Any, sentence: str) -> Any:
    if isinstance(raw, (date, datetime)):
        return raw
    try:
        return parse(raw)
    except (ValueError, TypeError) as error:
        raise ValueError(sentence) from error


def stored(value: Any) -> Any:
    """As JSON keeps it."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value
