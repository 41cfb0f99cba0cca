"""What several tests of handing in look up or send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.delegation import HomeVisit
from models.errand import Errand
from process import engine
from process.access import Actor
from services import actions
from tests.field.phone import Phone

As = Callable[[str], Actor]
Client = Callable[[str], FlaskClient]


def of(session: Session, uid: str) -> HomeVisit:
    session.expire_all()
    session.rollback()
    return session.scalars(select(HomeVisit).where(HomeVisit.uid == uid)).one()


def chain(phone: Phone, uid: str, base: int, inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Set off, collect, file: each builds on the one before."""
    first = phone.op("step", uid, "set_off", base=base)
    second = phone.op("step", uid, "collect", inputs=inputs, base=base, after=[first["op_id"]])
    return [first, second, phone.op("step", uid, "file", base=base, after=[second["op_id"]])]


def posted(session: Session, actor: As) -> Errand:
    made = actions.create(
        session,
        actor("community.clerk"),
        "errand",
        {
            "title": "送材料到街道",
            "purpose": "hand_in",
            "to_agency": "dongxin-centre",
            "envelopes": 2,
            "place": "dx-c01",
        },
    )
    engine.fire(made, "post", actor("community.clerk"))
    session.commit()
    assert isinstance(made, Errand)
    return made
