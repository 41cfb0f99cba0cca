"""The columns of a generated list: plain fields only, and every name in them read at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprints.content.facts import in_words
from blueprints.dynamic_forms import label_of
from models.agency import Agency
from models.case import ServiceItem
from models.content import Content
from models.person import Person
from process import access
from process.access import Actor
from process.content_types import ContentType, Field
from services.office import full_name

MOST = 3
# What says something in two words; long texts, lists and links do not belong in a table.
SHORT_KINDS = ("choice", "date", "datetime", "number", "bool", "agency", "item", "person", "text")
NAMED = ("agency", "item", "person")


@dataclass
class Columns:
    """Which fields are columns, and the words for the ids in them."""

    specs: list[Field]
    session: Session
    actor: Actor
    names: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def titles(self) -> list[str]:
        return [label_of(spec.title) for spec in self.specs]

    def cells(self, content: Content) -> list[str]:
        return [self._cell(spec, (content.fields or {}).get(spec.name)) for spec in self.specs]

    def _cell(self, spec: Field, value: Any) -> str:
        if value in (None, "", [], {}):
            return ""
        if spec.kind in NAMED:
            return self.names.get(spec.kind, {}).get(str(value), str(value))
        options = {oid: label_of(title) for oid, title in spec.options}
        return str(in_words(self.session, self.actor, spec.kind, value, options))


def columns_of(session: Session, actor: Actor, kind: ContentType, rows: list[Content]) -> Columns:
    """The fields marked `column`, else the first that fit; at most three queries for their names."""
    plain = [spec for spec in kind.fields if not spec.private and spec.kind in SHORT_KINDS and spec.name != "title"]
    specs = [spec for spec in plain if spec.column] or [spec for spec in plain if spec.kind != "text"]
    columns = Columns(specs[:MOST] if kind.generic else [], session, actor)
    ids: dict[str, set[str]] = {}
    for spec in columns.specs:
        if spec.kind in NAMED:
            found = {str(row.fields[spec.name]) for row in rows if (row.fields or {}).get(spec.name)}
            ids.setdefault(spec.kind, set()).update(found)
    if ids.get("agency"):
        agencies = session.scalars(select(Agency).where(Agency.id.in_(ids["agency"])))
        columns.names["agency"] = {agency.id: full_name(agency) for agency in agencies}
    if ids.get("person"):
        people = session.execute(select(Person.username, Person.name).where(Person.username.in_(ids["person"])))
        columns.names["person"] = {row[0]: row[1] for row in people}
    if ids.get("item"):
        items = session.execute(
            access.visible(
                select(ServiceItem.code, ServiceItem.title).where(ServiceItem.code.in_(ids["item"])), actor, ServiceItem
            )
        )
        columns.names["item"] = {row[0]: row[1] for row in items}
    return columns
