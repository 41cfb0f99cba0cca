"""A code seen outside: whose it is, as far as this person may hear of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from process import access
from process.access import Actor
from process.library import library
from process.refusals import InvalidInput, NotFound
from services import codes


def look(session: Session, actor: Actor, raw: Any) -> dict[str, Any]:
    """The thing the code stands on; a code of another station tells nothing but that."""
    code = codes.read(raw if isinstance(raw, str) else "")
    if not code.known:
        raise InvalidInput(
            "这不是本系统的码。请扫代办单、任务单或交接清单上的码，也可以手工输入编号。", {"code": "认不出"}
        )
    ids = [one.id for one in codes.things(session, code)]
    statement = access.visible(select(Content).where(Content.id.in_(ids)), actor)
    found = session.scalars(statement.order_by(Content.id)).unique().first()
    if found is None:
        raise NotFound(
            f"“{code.shown}”不归您办，可能是别的站点的。请不要收下，当面交还给发码的站点；不清楚的打电话问代办站。"
        )
    state = library.of(found, session).states[found.state]
    return {"uid": found.uid, "number": found.number, "type": found.type, "state_title": state.title.zh}
