"""The city the day runs in: its villages with their people, everybody signed in, and the items they handle."""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.office_day.stories import Item, Village
from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.item_place import ItemSetting
from models.person import Grant, LoginSession, Person
from process import access
from services import accounts
from services.scale.city import CITY

ROLES = {
    "community_clerk",
    "all_round_worker",
    "window_clerk",
    "back_office_reviewer",
    "approver",
    "certificate_issuer",
}


@dataclass(frozen=True)
class World:
    villages: list[Village]
    items: list[Item]
    tokens: dict[str, str]
    cookies: dict[str, str]


def read(session: Session, app: Flask, villages: int) -> World:
    """The first `villages` villages; sessions of everybody in them are opened, the caller commits."""
    posts: dict[tuple[str, str], list[str]] = defaultdict(list)
    rows = session.execute(
        select(Grant.place_id, Grant.role, Person)
        .join(Person, Person.id == Grant.person_id)
        .where(access.within(Grant.place_path, f"/{CITY}/"), Grant.role.in_(ROLES))
        .order_by(Person.id)
    ).all()
    for place, role, person in rows:
        posts[place, role].append(person.username)
    found = []
    here = select(Agency).where(access.within(Agency.path, f"/{CITY}/"), Agency.kind == "village").order_by(Agency.id)
    for agency in session.scalars(here.limit(villages)):
        town = agency.parent_id or ""
        found.append(
            Village(
                agency.id,
                town,
                tuple(posts[agency.id, "community_clerk"]),
                tuple(posts[agency.id, "all_round_worker"]),
                tuple(posts[town, "window_clerk"]),
                tuple(posts[town, "back_office_reviewer"]),
                tuple(posts[town, "approver"]),
                tuple(posts[town, "certificate_issuer"]),
            )
        )
    tokens: dict[str, str] = {}
    cookies: dict[str, str] = {}
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    cookie = app.session_interface.get_cookie_name(app)
    for person in {person.username: person for _place, _role, person in rows}.values():
        tokens[person.username] = _open(session, person, "api")
        inside = {"_user_id": _open(session, person, "web"), "_fresh": True}
        cookies[person.username] = f"{cookie}={signer.dumps(inside)}"
    return World(found, items(session), tokens, cookies)


def items(session: Session) -> list[Item]:
    """Items that end without a printed certificate, need no form of their own beyond the person, and are decided in the town:
    what a company or a bureau owns travels to them."""
    owned = set(
        session.scalars(
            select(ServiceItem.code)
            .join(ItemSetting, ItemSetting.item_id == ServiceItem.id)
            .where(ItemSetting.owner_id.is_not(None))
        )
    )
    return [
        Item(record.id, record.direct, tuple(one.id for one in record.materials))
        for record in catalogue.items().values()
        if record.delegable
        and record.decide_level in ("village", "street")
        and record.form == "generic"
        and record.id not in owned
        and not record.number_series
    ]


def _open(session: Session, person: Person, kind: str) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=accounts.token_hash(token),
            person_id=person.id,
            kind=kind,
            expires_at=now() + accounts.LIFETIME["api"],
        )
    )
    return token
