"""What hangs on a thing, so that a program finds its way: materials, papers, and the things that came of it."""

from __future__ import annotations

from typing import Any

from flask import url_for
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.case import Case, ServiceItem
from models.content import Content
from models.paper import Certificate, Paper
from process import access
from process.access import Actor
from services import linked

# Asked for every answer about a thing, so it is built once.
_PAPERS = (
    select(Paper.paper, Paper.title, Paper.number, Paper.status, Paper.error)
    .where(Paper.content_id == bindparam("content_id"))
    .order_by(Paper.id)
)


def materials(content: Content) -> list[dict[str, Any]]:
    """The material list of a case; `code` names a line in uploads and handover lists."""
    if not isinstance(content, Case):
        return []
    return [
        {
            "code": m.code,
            "name": m.name,
            "critical": m.critical,
            "form": m.form,
            "provided": m.provided,
            "original_held": m.original_held,
            "sheets": m.sheets,
            "verdict": m.verdict,
            "defect": m.defect,
        }
        for m in content.materials
    ]


def papers(session: Session, content: Content) -> list[dict[str, Any]]:
    """The newest paper of each kind and how far it is."""
    rows = session.connection().execute(_PAPERS, {"content_id": content.id})
    newest = {row.paper: row for row in rows}
    return [
        {
            "paper": p.paper,
            "title": p.title,
            "number": p.number,
            "status": p.status,
            "error": p.error,
            "url": url_for("api.paper", uid=content.uid, paper=p.paper),
        }
        for p in newest.values()
    ]


def related(session: Session, content: Content, actor: Actor) -> list[dict[str, Any]]:
    """Certificates, tickets, visits and errands of a case, and the case of those; only what this actor may see."""
    ids = linked.ids(session, content)
    if not ids:
        return []
    rows = session.execute(
        access.visible(
            select(Content.uid, Content.type, Content.number, Content.state).where(Content.id.in_(ids)), actor
        ).order_by(Content.id)
    )
    return [
        {"uid": uid, "type": kind, "number": number, "state": state, "url": url_for("api.show", uid=uid)}
        for uid, kind, number, state in rows
    ]


def own_facts(content: Content) -> dict[str, Any]:
    """Facts of a type that has columns but no form of its own."""
    if isinstance(content, ServiceItem):
        return {
            "item": content.code,
            "category": content.category,
            "accept_level": content.accept_level,
            "decide_level": content.decide_level,
            "delegable": content.delegable,
            "home_visit": content.home_visit,
        }
    if isinstance(content, Certificate):
        return {"paper": content.paper_kind, "issued_on": content.issued_on}
    return {}
