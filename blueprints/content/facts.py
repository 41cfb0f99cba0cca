"""What was filled in, as the object page shows it: names for ids, masks for whoever may not see, nothing that is hidden."""

from __future__ import annotations

from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints import present
from blueprints.dynamic_forms import label_of
from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case, ServiceItem
from models.content import Content
from models.person import Person
from process import access, field_access
from process.access import Actor
from process.field_rules import HIDDEN, MASKED
from process.library import library
from process.masking import mask_address, mask_id_number, mask_name, mask_phone
from services.case_forms import FROM_RECORD
from services.catalogue_items import record_of
from services.office import full_name

MASKS = {"id_number": mask_id_number, "phone": mask_phone, "address": mask_address, "person_name": mask_name}
WIDE = ("longtext", "address", "list", "agencies")
# What is a thing, a place or a column of its own already stands under 基本情况 and 相关 of types with Python.
ELSEWHERE = ("case", "item", "agency", "applicant", "person")


def questions(content: Content) -> dict[str, str]:
    """Field name to its title in the reader's language, from the item's form and the type."""
    titles = {f.name: label_of(f.title) for f in library.type(content.type).fields}
    if isinstance(content, Case):
        titles |= {f.name: label_of(f.title) for f in catalogue.form(record_of(content.item).form).fields}
    return titles


def filled_in(session: Session, content: Content, actor: Actor, full: bool, hidden: frozenset[str]) -> Any:
    """The section 填报内容."""
    kind = library.type(content.type)
    titles, kinds = questions(content), {f.name: f.kind for f in kind.fields}
    options: dict[str, dict[str, str]] = {f.name: {oid: label_of(t) for oid, t in f.options} for f in kind.fields}
    if isinstance(content, Case):
        form = catalogue.form(record_of(content.item).form)
        kinds |= {f.name: f.kind for f in form.fields}
        options |= {f.name: {o.id: label_of(o.title) for o in f.options} for f in form.fields}
    rights = field_access.rights(session, content, actor, full=full)
    private = content.private or {}
    facts = []
    values = content.values
    taken_over = values.get(FROM_RECORD, ())
    # In the order of the form; answers to the form of an item follow.
    for name in [*(f.name for f in kind.fields if f.name in values), *(n for n in values if kind.field(n) is None)]:
        value, is_kind = values[name], kinds.get(name, "")
        if name not in titles or value in (None, "", [], {}) or isinstance(value, dict) or name in hidden:
            continue
        if not kind.generic and (is_kind in ELSEWHERE or hasattr(type(content), name) or isinstance(value, list)):
            continue
        right = rights.get(name)
        # Masked sight is of times and states: what people wrote may name anybody.
        if right == HIDDEN or (not full and (name in private or is_kind == "longtext")):
            continue
        spec = kind.field(name)
        if right == MASKED and spec is not None:
            shown: Any = {
                "text": field_access.masked(spec, value),
                "reveal_url": _reveal(content, name) if full else None,
            }
        elif name in private and is_kind in MASKS:
            shown = {"text": MASKS[is_kind](str(value)), "reveal_url": _reveal(content, name)}
        else:
            shown = in_words(session, actor, is_kind, value, options.get(name, {}))
        label = titles[name] + (_("（取自以前的登记）") if name in taken_over else "")
        facts.append(SimpleNamespace(label=label, value=shown, wide=is_kind in WIDE))
    return SimpleNamespace(title=_("填报内容"), facts=facts)


def _reveal(content: Content, name: str) -> str:
    """Where somebody says why they want to see this one value in full."""
    return url_for("access.reveal", uid=content.uid, name=name)


def in_words(session: Session, actor: Actor, kind: str, value: Any, options: dict[str, str]) -> Any:
    """A value as people read it."""
    if value is True or value is False:
        return _("是") if value else _("否")
    match kind:
        case "choice":
            return options.get(str(value), str(value))
        case "datetime":
            return present.moment(datetime.fromisoformat(str(value)))
        case "date":
            return _day(str(value))
        case "agency":
            return names_of_agencies(session, [str(value)])[0]
        case "agencies":
            return "、".join(names_of_agencies(session, [str(one) for one in value]))
        case "list":
            return "；".join(str(one) for one in value)
        case "item":
            return session.scalar(
                access.visible(select(ServiceItem.title).where(ServiceItem.code == str(value)), actor, ServiceItem)
            ) or str(value)
        case "person":
            return session.scalar(select(Person.name).where(Person.username == str(value))) or str(value)
        case "case":
            return _linked_case(session, actor, str(value))
    return str(value)


def names_of_agencies(session: Session, ids: list[str]) -> list[str]:
    found = {agency.id: full_name(agency) for agency in session.scalars(select(Agency).where(Agency.id.in_(ids)))}
    return [found.get(one, one) for one in ids]


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return present.full_day(day)


def _linked_case(session: Session, actor: Actor, uid: str) -> Any:
    """Its number with the way to it; nothing at all about a case this reader may not see."""
    row = session.execute(
        access.visible(
            select(Case.uid, Case.number, Case.state, Case.workflow_version).where(Case.uid == uid), actor, Case
        )
    ).first()
    if row is None:
        return _("（不在您的管辖范围内）")
    state = library.version(row.workflow_version, session).states[row.state]
    return SimpleNamespace(
        number=row.number or _("还没有编号"),
        url=url_for("content.show", uid=row.uid),
        state=present.state_view(state),
    )
