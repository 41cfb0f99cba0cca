"""Home visits for programs: hours of the leaders, the day's route, the care register, visits of the year."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import jsonify, request, url_for
from flask.typing import ResponseReturnValue

from blueprints.api import bp
from blueprints.api.body import json_object
from blueprints.api.openapi import OPERATIONS
from blueprints.api.serialise import agency, person, when
from blueprints.context import current_actor, db_session, load_or_404
from blueprints.visits.reading import committed, remember_entry
from blueprints.visits.slot import of_mine
from models.agency import Agency
from models.base import now
from models.delegation import HomeVisit
from models.resident import CareEntry
from process import clock
from process.masking import mask_name
from process.refusals import InvalidInput, NotFound
from services import care, care_lists, care_people, other_ways, slots, visit_counts, visit_day

SHOWN_DAYS = 5
OBJECT = {"application/json": {"schema": {"type": "object"}}}
TEXT = {"type": "string"}


def _query(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": TEXT, "description": text}


OPERATIONS.update(
    {
        "slots": {
            "query": [_query("from", "从哪一天看起")],
            "answers": {200: ("hours of the leaders, free and taken", OBJECT)},
        },
        "ways": {"answers": {200: ("where else to go, with address and hours", OBJECT)}},
        "route": {
            "query": [_query("day", "哪一天"), _query("grid", "网格代码"), _query("who", "上门人员的登录名")],
            "answers": {200: ("the homes of one day in order", OBJECT)},
        },
        "care": {
            "query": [
                _query("view", "、".join(care_lists.VIEWS)),
                _query("condition", "上门条件"),
                _query("grid", "网格代码"),
            ],
            "answers": {200: ("the care register of one's own grids", OBJECT)},
        },
        "care_add": {"body": lambda: OBJECT, "answers": {201: ("put on the register", OBJECT)}},
        "care_entry": {"answers": {200: ("one entry with its history", OBJECT)}},
        "care_change": {"body": lambda: OBJECT, "answers": {200: ("as it is now", OBJECT)}},
        "visit_counts": {
            "query": [_query("year", "年份")],
            "answers": {200: ("visits of the year by worker, in the order of the grids", OBJECT)},
        },
    }
)


def _day(name: str, usual: date) -> date:
    given = request.args.get(name, "")
    try:
        return date.fromisoformat(given) if given else usual
    except ValueError as error:
        raise InvalidInput("日期请写成 2026-03-05 的样子。", {name: "日期不对"}) from error


@bp.get("/v1/contents/<uid>/slots", endpoint="slots")
def slots_of(uid: str) -> ResponseReturnValue:
    """Every hour of every visitor on the next working days; taken by the step schedule, move or reschedule."""
    visit = of_mine(uid)
    today = clock.local_day(now())
    board = slots.board(db_session(), visit.place, now(), visit=visit, first=_day("from", today), count=SHOWN_DAYS)
    return jsonify(
        items=[
            {
                "start": when(cell.start),
                "visitor": cell.visitor.username,
                "name": cell.visitor.name,
                "state": cell.state,
            }
            for day in board
            for row in day.cells.values()
            for cell in row
        ],
        next=None,
    )


@bp.get("/v1/contents/<uid>/ways", endpoint="ways")
def ways(uid: str) -> ResponseReturnValue:
    """Where else one can go with this when nobody comes to the home."""
    visit = load_or_404(HomeVisit, uid)
    told = other_ways.offered(visit)
    return jsonify(
        told=bool(told),
        reason=visit.refused_for,
        items=[
            {"channel": w.channel, "title": w.title, "where": w.where, "hours": w.hours, "phone": w.phone}
            for w in told or other_ways.of_visit(visit)
        ],
    )


@bp.get("/v1/visits/route", endpoint="route")
def route() -> ResponseReturnValue:
    """The homes of one day in the order of their hours; that address and phone were read is in the journal."""
    session, actor = db_session(), current_actor()
    mine = visit_day.grids(session, actor)
    wanted = request.args.get("grid", "")
    grid = next((one for one in mine if not wanted or one.id == wanted), None)
    if grid is None:
        raise NotFound()
    day = _day("day", clock.local_day(now()))
    who = request.args.get("who", "")
    someone = next((p for p in visit_day.leaders(session, grid) if p.username == who), None)
    if who and someone is None:
        raise NotFound()
    stops = visit_day.route(session, actor, grid, day, someone)
    unread = visit_day.unread(session, actor, stops)
    if unread:
        committed(lambda fresh: visit_day.note_reading(fresh, actor, unread))
        grid = session.get_one(Agency, grid.id)
        stops = visit_day.route(session, actor, grid, day, someone)
    return jsonify(
        day=day.isoformat(),
        grid=agency(grid),
        items=[
            {
                "uid": stop.visit.uid,
                "number": stop.visit.number,
                "start": when(stop.visit.slot_start),
                "state": stop.visit.state,
                "stands": stop.stands,
                "name": stop.visit.applicant.name if stop.visit.applicant else None,
                "address": stop.visit.applicant.address if stop.visit.applicant else None,
                "phone": stop.visit.applicant.phone if stop.visit.applicant else None,
                "item": stop.visit.item.title,
                "bring": list(stop.bring),
                "visitor": person(stop.visit.assignee),
                "attempts": stop.visit.attempts,
            }
            for stop in stops
        ],
        next=None,
    )


@bp.get("/v1/care", endpoint="care")
def register() -> ResponseReturnValue:
    """The lists of the register, masked: who is on it, who is due, who turns 80."""
    session, actor, today = db_session(), current_actor(), clock.local_day(now())
    view = request.args.get("view", "now")
    if view not in care_lists.VIEWS:
        raise InvalidInput(f"没有这份名单。可选：{'、'.join(care_lists.VIEWS)}。", {"view": "没有这份名单"})
    wanted = care_lists.Wanted(
        view, request.args.get("condition", ""), request.args.get("grid", ""), care_lists.soon(session, actor)
    )
    if view in care_lists.OUTSIDE:
        people = session.scalars(care_lists.outside(actor, wanted, today).limit(200)).unique()
        items: list[dict[str, Any]] = [
            {"name": mask_name(p.name), "grid": p.grid_id, "turns_80": care_lists.turns_80(p.birth_date).isoformat()}
            for p in people
        ]
    else:
        items = [_line(e) for e in session.scalars(care_lists.entries(actor, wanted, today).limit(200)).unique()]
    return jsonify(items=items, counts=care_lists.counts(session, actor, today), next=None)


def _line(entry: CareEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "name": mask_name(entry.resident.name),
        "grid": entry.resident.grid_id,
        "condition": entry.condition,
        "opened_on": entry.opened_on.isoformat(),
        "review_on": entry.review_on.isoformat() if entry.review_on else None,
        "proof_until": entry.proof_until.isoformat() if entry.proof_until else None,
        "ended_on": entry.ended_on.isoformat() if entry.ended_on else None,
        "end_reason": entry.end_reason,
        "url": url_for("api.care_entry", entry_id=entry.id),
    }


def _whole(entry: CareEntry) -> dict[str, Any]:
    return {
        **_line(entry),
        "name": entry.resident.name,
        "proof": entry.proof,
        "needs": entry.needs,
        "contact": entry.contact,
        "contact_phone": entry.contact_phone,
        "documents": [one.filename for one in care_people.documents(db_session(), entry)],
        "history": [
            {
                "at": when(event.at),
                "action": event.action,
                "person": person(event.person),
                "reason": event.reason,
                "values": event.snapshot,
            }
            for event in care.events(db_session(), entry)
        ],
    }


@bp.post("/v1/care", endpoint="care_add")
def care_add() -> ResponseReturnValue:
    """Puts somebody on the register of one's own grid."""
    session, actor = db_session(), current_actor()
    entry = care_people.add(session, actor, json_object(), now())
    answer = jsonify(_whole(entry))
    answer.status_code = 201
    answer.headers["Location"] = url_for("api.care_entry", entry_id=entry.id)
    return answer


@bp.get("/v1/care/<int:entry_id>", endpoint="care_entry")
def care_entry(entry_id: int) -> ResponseReturnValue:
    """One entry with its ground, needs, contact and history; for the two leaders and the station."""
    entry = care.load(db_session(), current_actor(), entry_id)
    remember_entry(entry)
    return jsonify(_whole(entry))


@bp.post("/v1/care/<int:entry_id>/<any(review, end):step>", endpoint="care_change")
def care_change(entry_id: int, step: str) -> ResponseReturnValue:
    """A fresh look at an entry, its return, or its end with a reason."""
    session, actor = db_session(), current_actor()
    entry = care.load(session, actor, entry_id)
    body = json_object()
    if step == "end":
        care.end(session, actor, entry, body.get("reason"), now())
    else:
        given = care.read(body, clock.local_day(now()), entry=entry, born=entry.resident.birth_date)
        care.enter(session, actor, entry.resident, at=now(), **given)
    return jsonify(_whole(entry))


@bp.get("/v1/visits/counts", endpoint="visit_counts")
def counts() -> ResponseReturnValue:
    """Visits and walks of the year by worker, in the order of the grids; with the requests that ended without a visit."""
    session, actor = db_session(), current_actor()
    if not visit_counts.scope(actor):
        raise NotFound()
    year = visit_counts.year_of(request.args.get("year"), clock.local_day(now()))
    since, until = visit_counts.bounds(year)
    refused = other_ways.counted(session, actor, since, until)
    return jsonify(
        year=year,
        target=visit_counts.target(session, actor),
        items=[
            {"person": person(line.person), "grid": agency(line.grid), "total": line.total, **line.by_kind}
            for line in visit_counts.lines(session, actor, year)
        ],
        refused={"base": refused.base, "total": refused.total, "by_reason": refused.by_reason},
        next=None,
    )
