"""What a phone takes along in the morning: exactly what its owner may see, nothing of anybody else's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.base import now
from models.delegation import HomeVisit
from models.errand import Errand
from models.field import FieldDevice
from models.grid import Building
from models.ledger import JournalEntry
from models.resident import CareEntry
from process import access, clock, eligibility, guards, journal
from process.access import Actor
from process.definition import Title
from process.library import library
from process.numbers import CHINA
from services import care, custody, errand_board, grid_log, visit_day
from services.catalogue_items import record_of
from services.field import forms, verbs

# Visits somebody may meet at the door; what waits for a decision at a desk stays there.
OUTSIDE = ("scheduled", "visiting", "missed", "collected", "result_ready", "requested")
DAYS_BACK, DAYS_AHEAD = 1, 7
MOST_VISITS, MOST_ERRANDS, MOST_CARE = 200, 100, 500
SEEN_AGAIN = timedelta(hours=1)


def day(session: Session, actor: Actor, device: FieldDevice, *, english: bool = False) -> dict[str, Any]:
    """The whole day of this person, with a version that changes whenever any of it does."""
    at = now()

    def words(title: Title) -> str:
        return title.text("en" if english else "zh_Hans_CN")

    def mapped(title: dict[str, str]) -> str:
        return title.get("en" if english else "zh") or title["zh"]

    visits = _visits(session, actor, at)
    mine, board = _errands(session, actor)
    entries = _care(session, actor)
    guards.prefetch(session, [*visits, *mine, *board])
    flows: dict[str, Any] = {}
    body = {
        "person": {"username": actor.username, "name": actor.name, "unit": actor.unit_name},
        "visits": [_visit(session, actor, one, words, mapped, flows) for one in visits],
        "errands": [_errand(session, actor, one, words, flows) for one in mine],
        "board": [_errand(session, actor, one, words, flows) for one in board],
        "care": [_entry(one) for one in entries],
        "conditions": [[key, title] for key, title in eligibility.CONDITIONS.items()],
        "log": _log(session, actor, entries),
        "flows": flows,
        "today": clock.local_day(at).isoformat(),
    }
    body["version"] = hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:24]
    return body


def note(session: Session, actor: Actor, device: FieldDevice, body: dict[str, Any]) -> None:
    """Whose address and phone went onto a phone is in the journal, once an hour for each."""
    at = now()
    full = [one["uid"] for one in body["visits"] if one["full"]]
    if full:
        visits = session.scalars(access.visible(select(HomeVisit).where(HomeVisit.uid.in_(full)), actor, HomeVisit))
        stops = [visit_day.Stop(visit, "", ()) for visit in visits.unique()]
        visit_day.note_reading(session, actor, visit_day.unread(session, actor, stops))
    streams = [f"care-{one['id']}" for one in body["care"]]
    seen = set(
        session.scalars(
            select(JournalEntry.stream).where(
                JournalEntry.stream.in_(streams),
                JournalEntry.person_id == actor.person_id,
                JournalEntry.at > at - SEEN_AGAIN,
            )
        )
    )
    for stream in streams:
        if stream not in seen:
            journal.record(session, "care:view", actor, stream=stream, details={"by": "field"})


def _visits(session: Session, actor: Actor, at: datetime) -> list[HomeVisit]:
    grids = visit_day.grids(session, actor)
    if not grids:
        return []
    start = datetime.combine(clock.local_day(at), datetime.min.time(), CHINA)
    since, until = start - timedelta(days=DAYS_BACK), start + timedelta(days=DAYS_AHEAD + 1)
    statement = access.visible(
        select(HomeVisit).where(
            HomeVisit.place_id.in_([grid.id for grid in grids]),
            HomeVisit.state.in_(OUTSIDE),
            or_(
                HomeVisit.slot_start.is_(None),
                HomeVisit.slot_start.between(since, until),
                HomeVisit.state.in_(("visiting", "collected", "result_ready", "missed")),
            ),
        ),
        actor,
        HomeVisit,
    )
    found = session.scalars(
        statement.options(
            joinedload(HomeVisit.applicant),
            joinedload(HomeVisit.item),
            joinedload(HomeVisit.assignee),
            joinedload(HomeVisit.place),
            selectinload(HomeVisit.places),
            selectinload(HomeVisit.people),
        )
        .order_by(HomeVisit.slot_start.is_(None), HomeVisit.slot_start, HomeVisit.id)
        .limit(MOST_VISITS)
    )
    return list(found.unique())


def _flow(flows: dict[str, Any], session: Session, content: Any, words: Callable[[Title], str]) -> str:
    definition = library.of(content, session)
    key = f"{content.type}@{definition.digest[:12]}"
    if key not in flows:
        flows[key] = forms.flow(definition, content.type, words)
    return key


def _head(session: Session, actor: Actor, content: Any, words: Any, flows: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": content.uid,
        "type": content.type,
        "number": content.number,
        "version": content.version,
        "state": content.state,
        "flow": _flow(flows, session, content, words),
        "able": forms.able(session, content, actor),
        "full": access.may(actor, access.VIEW_FULL, content, session),
    }


def _visit(
    session: Session, actor: Actor, visit: HomeVisit, words: Any, mapped: Any, flows: dict[str, Any]
) -> dict[str, Any]:
    told = _head(session, actor, visit, words, flows)
    definition = library.of(visit, session)
    person, private = visit.applicant, visit.private or {}
    told |= {
        "item": visit.item.title,
        "slot": _when(visit.slot_start),
        "grid": visit.place.name,
        "visitor": visit.assignee.name if visit.assignee else "",
        "mine": visit.assignee_id == actor.person_id,
        "attempts": visit.attempts,
        "bring": [m.name for m in record_of(visit.item).materials],
        "who": "",
    }
    if told["full"] and person is not None:
        told |= {
            "who": person.name,
            "id_number": person.id_number,
            "address": person.address or "",
            "phone": person.phone or "",
            "contact": private.get("requested_by", ""),
            "contact_phone": private.get("requested_phone", ""),
            "defaults": forms.defaults(session, visit),
            "screens": {"collect": forms.screens(visit, definition.transitions["collect"])}
            if "collect" in definition.transitions
            else {},
            "questions": forms.questions(visit, mapped),
        }
        if access.may(actor, "view_health", visit, session):
            told["basis"] = visit.basis or ""
    return told


def _errands(session: Session, actor: Actor) -> tuple[list[Errand], list[Errand]]:
    if "red_courier" not in actor.roles:
        return [], []
    board = session.scalars(
        access.visible(select(Errand).where(Errand.state == "open"), actor, Errand)
        .options(joinedload(Errand.from_agency), joinedload(Errand.to_agency), joinedload(Errand.place))
        .order_by(Errand.deadline.is_(None), Errand.deadline, Errand.id)
        .limit(MOST_ERRANDS)
    )
    return errand_board.mine(session, actor)[:MOST_ERRANDS], list(board.unique())


def _errand(session: Session, actor: Actor, errand: Errand, words: Any, flows: dict[str, Any]) -> dict[str, Any]:
    told = _head(session, actor, errand, words, flows)
    told |= {
        "item": errand.title,
        "slot": _when(errand.window_end),
        "from": custody.full_name(errand.from_agency) if errand.from_agency else "",
        "to": custody.full_name(errand.to_agency) if errand.to_agency else "",
        "envelopes": errand.envelopes,
        "needs": list(errand.needs or []),
        "related": errand.related.number if errand.related is not None and told["full"] else None,
    }
    if told["full"]:
        told |= {
            "from_address": errand.from_address or "",
            "to_address": errand.to_address or "",
            "contact": errand.contact or "",
            "who": errand.applicant.name if errand.applicant is not None else "",
            "defaults": forms.defaults(session, errand),
        }
    return told


def _care(session: Session, actor: Actor) -> list[CareEntry]:
    if not visit_day.grids(session, actor):
        return []
    statement = care.visible(actor).where(CareEntry.ended_on.is_(None))
    return list(session.scalars(statement.order_by(CareEntry.review_on, CareEntry.id).limit(MOST_CARE)).unique())


def _entry(entry: CareEntry) -> dict[str, Any]:
    person = entry.resident
    return {
        "id": entry.id,
        "who": person.name,
        "address": person.address or "",
        "phone": person.phone or "",
        "grid": person.grid_id,
        "values": verbs.care_values(entry),
    }


def _log(session: Session, actor: Actor, entries: list[CareEntry]) -> dict[str, Any]:
    grids = grid_log.my_grids(session, actor)
    if not grids:
        return {}
    ids = [grid.id for grid in grids]
    buildings = session.scalars(
        select(Building).where(Building.grid_id.in_(ids), Building.ended_on.is_(None)).order_by(Building.name)
    )
    return {
        "grids": [[grid.id, _name(grid)] for grid in grids],
        "duties": [[key, title] for key, title in grid_log.DUTIES.items()],
        "kinds": [[key, title] for key, title in grid_log.KINDS.items()],
        "buildings": [[one.id, one.name, one.grid_id] for one in buildings],
        "late_days": grid_log.LATE_DAYS,
    }


def _name(grid: Agency) -> str:
    return custody.full_name(grid)


def _when(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).isoformat(timespec="minutes") if moment is not None else ""
