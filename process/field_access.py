"""May somebody read, see masked, or change this one field of this one thing? Asked by pages, forms, API, lists and exports alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from models.content import Content
from process import access, guards
from process.access import Actor
from process.content_types import Field
from process.field_rules import HIDDEN, MASKED, OPEN, READ_ONLY, stricter
from process.library import library
from process.masking import mask_address, mask_id_number, mask_name, mask_phone

MASKS = {"id_number": mask_id_number, "phone": mask_phone, "person_name": mask_name, "address": mask_address}
# What stands where a value is masked that has no shape worth keeping.
COVERED = "＊＊＊"


def right(session: Session, content: Content, spec: Field, actor: Actor, *, full: bool | None = None) -> str:
    """open, read_only, masked or hidden. `full`: whether the actor sees the contents at all, when the caller knows already."""
    found = OPEN
    for rule in spec.access:
        if rule.states and content.state not in rule.states:
            continue
        if rule.roles and not guards.holds_any(session, content, rule.roles, actor):
            continue
        if rule.spared and guards.holds_any(session, content, rule.spared, actor):
            continue
        found = stricter(found, rule.right)
    if spec.private and found in (OPEN, READ_ONLY):
        seen = access.may(actor, access.VIEW_FULL, content, session) if full is None else full
        if not seen:
            return MASKED
    return found


def rights(session: Session, content: Content, actor: Actor, *, full: bool | None = None) -> dict[str, str]:
    """The right to every field of the type, by name."""
    specs = library.type(content.type).fields
    if full is None and any(spec.private for spec in specs):
        full = access.may(actor, access.VIEW_FULL, content, session)
    return {spec.name: right(session, content, spec, actor, full=full) for spec in specs}


def masked(spec: Field, value: Any) -> str | None:
    """The value as it looks masked; None where there is nothing to mask."""
    if value in (None, "", [], {}):
        return None
    mask = MASKS.get(spec.kind)
    return mask(str(value)) if mask is not None and isinstance(value, str) else COVERED


def refusals(session: Session, content: Content, actor: Actor, given: Mapping[str, Any]) -> dict[str, str]:
    """By field, why this actor may not write what was sent; fields that nothing is said about are not in it."""
    found: dict[str, str] = {}
    for spec in _of(content, given):
        held = right(session, content, spec, actor)
        if held == HIDDEN:
            found[spec.name] = f"“{spec.title.zh}”不对您开放，不能填写"
        elif held == READ_ONLY:
            found[spec.name] = f"“{spec.title.zh}”现在只能看，不能改"
        elif (
            held == MASKED
            and isinstance(given[spec.name], str)
            and given[spec.name] == masked(spec, _value(content, spec))
        ):
            found[spec.name] = f"“{spec.title.zh}”您看到的是打码后的内容，请填完整的新内容，或不要改这一项"
    return found


def _of(content: Content, names: Iterable[str]) -> list[Field]:
    kind = library.types.get(content.type)
    return [spec for name in names if kind is not None and (spec := kind.field(name)) is not None]


def _value(content: Content, spec: Field) -> Any:
    own = getattr(type(content), spec.name, None) is not None and spec.name not in ("fields", "private")
    return getattr(content, spec.name) if own else content.values.get(spec.name)
