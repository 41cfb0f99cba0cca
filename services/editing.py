"""Mending what a thing says without moving it: only fields of its type, only for whoever may edit it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Table, inspect, update
from sqlalchemy.orm import Session, attributes

from models.base import now
from models.case import Case
from models.content import Content
from models.delegation import HomeVisit
from models.errand import Errand
from process import access, clock, field_access, journal
from process.access import Actor
from process.library import library
from process.refusals import Forbidden, InvalidInput, Stale
from services import case_forms, cases, field_values, generic
from services.errand_posting import readable_on_the_board, redirect_errand

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
    _refuse(field_access.refusals(session, content, actor, changes))
    if isinstance(content, Case):
        return _edit_case(session, content, actor, changes, expected_version)
    if expected_version != content.version:
        raise Stale(f"您看到的是第 {expected_version} 版，现在已是第 {content.version} 版。请刷新后再改。")
    columns, values = _sorted(session, content, actor, changes)
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
    if library.type(content.type).generic:
        _write_generic(session, content, values)
    elif values:
        secret = {f.name for f in library.type(content.type).fields if f.private}
        content.fields = {**(content.fields or {}), **{n: v for n, v in values.items() if n not in secret}}
        if any(n in secret for n in values):
            content.private = {**(content.private or {}), **{n: v for n, v in values.items() if n in secret}}
    clock.advance(session, library.of(content, session), content, content.state, content.entered_at, actor)
    # Which fields, never what stood in them: the journal is for ever.
    journal.record(session, "content:edit", actor, content=content, details={"fields": sorted(changes)})
    session.flush()
    return content


def _write_generic(session: Session, content: Content, values: Mapping[str, Any]) -> None:
    kind = library.type(content.type)
    generic.write(session, content, kind, values)
    if values.get("unit"):
        content.unit_id = values["unit"]
    generic.admit_addressees(session, content, kind)


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


def _sorted(
    session: Session, content: Content, actor: Actor, changes: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each change to where it lives: a column, or the JSON of the type."""
    columns: dict[str, Any] = {}
    values: dict[str, Any] = {}
    kind = library.type(content.type)
    errors = {name[:60]: "没有这个字段" for name in changes if kind.field(name) is None}
    for name in changes:
        spec = kind.field(name)
        if spec is not None and spec.kind in SETTLED and not (kind.generic and spec.kind != "applicant"):
            errors[name] = f"“{spec.title.zh}”登记后不能改，请撤回后重新登记"
    errors |= generic.by_steps(kind, changes) if kind.generic else {}
    cleaned, wrong = field_values.read(session, actor, kind, changes, whole=False)
    _refuse({**wrong, **errors})
    known = inspect(type(content)).attrs
    for name, value in cleaned.items():
        spec = kind.field(name)
        column = f"{name}_id" if spec is not None and spec.kind == "agency" and f"{name}_id" in known else name
        if not kind.generic and column in known and column not in ("fields", "private"):
            columns[column] = value
        else:
            values[name] = field_values.stored(value)
    return columns, values


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
