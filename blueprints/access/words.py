"""Roles, causes and periods in the reader's language."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import get_locale, gettext
from sqlalchemy import select

from blueprints import present
from blueprints.context import db_session
from models.agency import Agency
from models.ledger import JournalEntry
from models.person import Person
from process.words import N_
from services import jurisdiction

ACTIONS = {
    "access:grant": N_("授予岗位"),
    "access:end": N_("结束岗位"),
    "access:substitute": N_("指定代班"),
    "access:substitute_end": N_("结束代班"),
    "account:add": N_("开通账号"),
    "account:grant": N_("授予岗位"),
    "account:revoke": N_("结束岗位"),
    "account:disable": N_("停用账号"),
}


def role_title(role: str) -> str:
    chinese, english = jurisdiction.role_names().get(role, (role, role))
    return english if str(get_locale()) == "en" else chinese


def cause_title(cause: str) -> str:
    return gettext(jurisdiction.CAUSES[cause]) if cause in jurisdiction.CAUSES else cause


def story(rows: list[JournalEntry]) -> list[dict[str, Any]]:
    """Journal rows of somebody's rights as entries of a time line."""
    session = db_session()
    wanted = {p["place"] for r in rows for p in (r.details.get("posts") or [r.details]) if p.get("place")}
    names: dict[str, str] = {
        row.id: row.name for row in session.execute(select(Agency.id, Agency.name).where(Agency.id.in_(wanted)))
    }
    people = {r.details.get(key) for r in rows for key in ("principal", "substitute")} - {None}
    who: dict[int, str] = {
        row.id: row.name for row in session.execute(select(Person.id, Person.name).where(Person.id.in_(people)))
    }
    return [
        {
            "when": present.moment(row.at),
            "iso": row.at.isoformat(),
            "who": row.person.name if row.person else gettext("命令行"),
            "for_whom": "",
            "title": gettext(ACTIONS.get(row.action, row.action)),
            "text": "；".join(part for part in (_told(row, names, who), row.comment) if part),
            "kind": "move",
        }
        for row in rows
    ]


def _told(row: JournalEntry, places: dict[str, str], people: dict[int, str]) -> str:
    details = row.details or {}
    posts = "、".join(
        f"{places.get(p['place'], p['place'])} {role_title(p['role'])}"
        for p in (details.get("posts") or [details])
        if p.get("role")
    )
    dates = ""
    if details.get("since") or details.get("until"):
        dates = present.period(_date(details.get("since")), _date(details.get("until")))
    both = ""
    if details.get("substitute") in people and details.get("principal") in people:
        both = gettext("%(who)s 代 %(whom)s", who=people[details["substitute"]], whom=people[details["principal"]])
    return " · ".join(part for part in (both, posts, dates) if part)


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
