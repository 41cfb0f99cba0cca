"""Mending what a thing says without moving it: only fields of its type, only for whoever may edit it now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Table, inspect, update
from sqlalchemy.orm import Session, attributes

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.delegation import HomeVisit
from models.errand import Errand
from process import access, clock, journal
from process.access import Actor
from process.identity import IdNumber, normalise_phone
from process.inputs import clean_text
from process.library import Field, library
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput, Stale
from services import case_forms, cases
from services.errand_posting import readable_on_the_board, redirect_errand

LIMITS = {"text": 200, "longtext": 2000, "person_name": 60, "address": 90}
# What a thing is about is settled when it is registered; another matter or person is another thing.
SETTLED = ("item", "applicant", "case")
# The ground of a visit was held against the rule when it was booked, and later goes into the care register.
SETTLED_ONCE_BOOKED = frozenset({"condition", "proof"})


def edit(
    session: Session, content: Content, actor: Actor, changes: Mapping[str, Any], *, expected_version: int
) -> Content:
    """Writes the changed fields; the state stays. A second editor who saw an older version is told so."""
    if not access.may(actor, "edit", content, session):
        raise Forbidden("这一件现在不能由您修改。请先看状态：已受理的办件只能按办理步骤改动。")
    if isinstance(content, Case):
        return _edit_case(session, content, actor, changes, expected_version)
    if expected_version != content.version:
        raise Stale(f"您看到的是第 {expected_version} 版，现在已是第 {content.version} 版。请刷新后再改。")
    columns, values = _sorted(session, content, changes)
    if isinstance(content, HomeVisit) and content.state != "requested":
        booked = sorted(SETTLED_ONCE_BOOKED & changes.keys())
        _refuse({name: "排期时已按它核过资格，现在不能改；情况有变请另约一次上门" for name in booked})
    if isinstance(content, Errand) and not readable_on_the_board(columns.get("title") or content.title):
        _refuse({"title": "任务板上人人可见，这里不要写电话、证件号和门牌，请写在地址和联系人里"})
    _count(session, content)
    for name, value in columns.items():
        setattr(content, name, value)
    if isinstance(content, Errand) and "to_agency_id" in columns:
        redirect_errand(session, content)
    if values:
        secret = {f.name for f in library.type(content.type).fields if f.sensitive}
        content.fields = {**(content.fields or {}), **{n: v for n, v in values.items() if n not in secret}}
        if any(n in secret for n in values):
            content.private = {**(content.private or {}), **{n: v for n, v in values.items() if n in secret}}
    clock.advance(session, library.of(content, session), content, content.state, content.entered_at, actor)
    # Which fields, never what stood in them: the journal is for ever.
    journal.record(session, "content:edit", actor, content=content, details={"fields": sorted(changes)})
    session.flush()
    return content


def _edit_case(session: Session, case: Case, actor: Actor, changes: Mapping[str, Any], expected_version: int) -> Case:
    """A case is its item's form; the service of cases knows which answers belong together."""
    asked = {field.name for field in case_forms.form_of(case.item).fields} | {"materials", "applicant"}
    errors = {name[:60]: "没有这个字段" for name in changes if name not in asked}
    errors |= {"item": "登记后不能改，请撤回后重新登记"} if "item" in changes else {}
    _refuse(errors)
    session.refresh(case, ["version"], with_for_update=True)
    return cases.update(session, case, actor, changes, expected_version=expected_version)


def _refuse(errors: Mapping[str, str]) -> None:
    if errors:
        raise InvalidInput(
            "修改没有保存：" + "；".join(f"{name}：{why}" for name, why in errors.items()) + "。", errors
        )


def _sorted(session: Session, content: Content, changes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each change to where it lives: a column, or the JSON of the type."""
    columns: dict[str, Any] = {}
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    known = inspect(type(content)).attrs
    for name, raw in changes.items():
        spec = library.type(content.type).field(name)
        if spec is None:
            errors[name[:60]] = "没有这个字段"
        elif spec.kind in SETTLED:
            errors[name] = f"“{spec.title.zh}”登记后不能改，请撤回后重新登记"
        else:
            try:
                value = _clean(session, spec, raw)
            except InvalidInput as refusal:
                errors[name] = refusal.detail
                continue
            except (ValueError, TypeError) as problem:
                errors[name] = str(problem) if isinstance(problem, ValueError) else "格式不对"
                continue
            column = f"{name}_id" if spec.kind == "agency" and f"{name}_id" in known else name
            if column in known and column not in ("fields", "private"):
                columns[column] = value
            else:
                values[name] = value.isoformat() if isinstance(value, (date, datetime)) else value
    _refuse(errors)
    return columns, values


def _clean(session: Session, spec: Field, raw: Any) -> Any:
    if raw in (None, "", []):
        if spec.required:
            raise ValueError(f"请填写“{spec.title.zh}”")
        return None
    match spec.kind:
        case "text" | "longtext" | "person_name" | "address":
            if not isinstance(raw, str):
                raise ValueError("应是文字")
            return clean_text(raw, LIMITS[spec.kind])
        case "bool":
            if not isinstance(raw, bool):
                raise ValueError("应是 true 或 false")
            return raw
        case "number":
            if isinstance(raw, bool) or not isinstance(raw, int) or not 0 <= raw < 1_000_000_000:
                raise ValueError("应是不小于 0 的整数")
            return raw
        case "date":
            return _parsed(date.fromisoformat, raw, "日期请写成 2026-03-05 的样子，且必须存在")
        case "datetime":
            moment = _parsed(datetime.fromisoformat, raw, "时间请写成 2026-03-05T14:30+08:00 的样子")
            if not 2000 <= moment.year <= 2100:
                raise ValueError("请填 2000 年到 2100 年之间的时间")
            return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
        case "choice":
            if raw not in dict(spec.options):
                raise ValueError(f"请在{'、'.join(dict(spec.options))}中选一项")
            return raw
        case "id_number":
            return IdNumber.parse(str(raw)).value
        case "phone":
            return normalise_phone(str(raw))
        case "agency":
            if not isinstance(raw, str) or session.get(Agency, raw) is None:
                raise ValueError("没有这个单位")
            return raw
        case "list":
            if not isinstance(raw, list) or len(raw) > 200:
                raise ValueError("应是不超过 200 项的列表")
            return [clean_text(one, 200) for one in raw]
        case _:
            return clean_text(raw, 200)


def _parsed(parse: Any, raw: Any, sentence: str) -> Any:
    try:
        return parse(raw)
    except (ValueError, TypeError) as error:
        raise ValueError(sentence) from error


def _count(session: Session, content: Content) -> None:
    """Compare-and-set on the version, as every change of state does."""
    session.flush()
    table = cast(Table, Content.__table__)
    values = {"version": content.version + 1, "modified_at": now()}
    changed = session.execute(
        update(table).where(table.c.id == content.id, table.c.version == content.version).values(**values)
    )
    if changed.rowcount != 1:  # type: ignore[attr-defined]
        session.refresh(content)
        raise Stale("就在刚才，这件已被他人改动。请刷新后再改。")
    for name, value in values.items():
        attributes.set_committed_value(content, name, value)
