"""What the functions that fill papers share: whose case it is, what the item is called, where a signature lies."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.case import Case, Material
from models.content import Content
from models.errand import Errand
from models.paper import Document
from models.person import Person
from services import office, papers_out

FORMS = {"original": "原件", "copy": "复印件", "either": "原件或复印件"}


def case_of(content: Content) -> Case | None:
    """The case a ticket, a visit, an errand or a certificate belongs to."""
    if isinstance(content, Case):
        return content
    if isinstance(content, Errand):
        return case_of(content.related) if content.related is not None else None
    return getattr(content, "case", None)


def item_title(content: Content, case: Case | None) -> str:
    # A courier signs for envelopes; what they are for is not the courier's to know.
    if isinstance(content, Errand):
        return content.title
    item = case.item if case is not None else getattr(content, "item", None)
    return item.title if item is not None else content.title


def portrait(session: Session, case: Case) -> Document | None:
    """The latest picture filed under the material “photo”; one that came on paper is glued on instead."""
    return session.scalar(
        select(Document)
        .join(Material, Material.id == Document.material_id)
        .where(Material.case_id == case.id, Material.code == "photo", Document.media_type.like("image/%"))
        .order_by(Document.id.desc())
        .limit(1)
    )


def signature(session: Session, document_id: int | None) -> dict[str, Any] | None:
    return papers_out.picture(session.get(Document, document_id)) if document_id else None


def person_phone(person: Person | None) -> str:
    if person is None:
        return ""
    return person.phone or office.phone(person.unit)
