"""一次来访: everything one person came for, taken in together. One visit is one trip to one window; what was typed is never lost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.counter import CounterMatter, CounterVisit
from process import engine
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound, Refusal
from services import actions, intake_agents, intake_hall, materials
from services.one_form import OneForm

# A proposal: so many matters in one go; nobody brings more, and the screen stays readable.
MOST_MATTERS = 8
# What somebody typed and then left lying is kept as long as the case number of the day matters.
PARKED = 20
UID = re.compile(r"[A-Za-z0-9_-]{22}")
LONGEST_DRAFT = 60_000


# --- The visit and what was typed


def load(session: Session, actor: Actor, uid: str) -> CounterVisit:
    """A visit of this clerk's own window, or of a colleague in the same unit; others answer like none."""
    found = session.scalar(select(CounterVisit).where(CounterVisit.uid == uid))
    if found is None or found.unit_id != actor.unit_id:
        raise NotFound("没有找到这次来访。它可能是别的窗口接待的，请从“综合受理”重新开始。")
    return found


def find(session: Session, actor: Actor, uid: str) -> CounterVisit | None:
    """The visit a screen belongs to; none while nothing of it was saved."""
    there = session.scalar(select(CounterVisit.id).where(CounterVisit.uid == uid))
    return load(session, actor, uid) if there is not None else None


def unfinished(session: Session, actor: Actor) -> list[CounterVisit]:
    """What this clerk typed and has not filed, newest first: after a power cut it is there."""
    return list(
        session.scalars(
            select(CounterVisit)
            .where(
                CounterVisit.clerk_id == actor.person_id,
                CounterVisit.unit_id == actor.unit_id,
                CounterVisit.status == "open",
                CounterVisit.saved_at.is_not(None),
            )
            .order_by(CounterVisit.saved_at.desc())
            .limit(PARKED)
        )
    )


def at_counter(session: Session, actor: Actor) -> CounterVisit | None:
    """The visit in hand: open and not finished, whether something is typed or filed."""
    return session.scalar(
        select(CounterVisit)
        .where(
            CounterVisit.clerk_id == actor.person_id,
            CounterVisit.unit_id == actor.unit_id,
            CounterVisit.status == "open",
        )
        .order_by(CounterVisit.id.desc())
        .limit(1)
    )


def begin(
    session: Session, actor: Actor, *, uid: str = "", ticket_uid: str | None = None, window: str = ""
) -> CounterVisit:
    """Somebody sits down at the window. The screen brings its own `uid`, so that two requests of one screen mean one visit."""
    if uid:
        there = session.scalar(select(CounterVisit).where(CounterVisit.uid == uid))
        if there is not None:
            return load(session, actor, uid)
        if not UID.fullmatch(uid):
            raise InvalidInput("页面已经过期，请刷新“综合受理”后再收件，填过的内容都在。")
    if actor.unit_id is None or actor.person_id is None:
        raise Forbidden("您的账号没有所在的单位，不能在窗口收件。请管理员先补上所在单位。")
    visit = CounterVisit(
        district=session.get_one(Agency, actor.unit_id).district,
        unit_id=actor.unit_id,
        clerk_id=actor.person_id,
        ticket_uid=ticket_uid,
        window=window[:20],
        **({"uid": uid} if uid else {}),
    )
    try:
        with session.begin_nested():
            session.add(visit)
    except IntegrityError:
        # Saved and filed in the same moment: the other request was a moment earlier.
        return load(session, actor, uid)
    return visit


def save_draft(
    session: Session, actor: Actor, visit: CounterVisit, typed: Mapping[str, Sequence[str]], filed: int | None = None
) -> datetime:
    """Keeps what stands on the screen. Only whoever sits there writes: two windows do not overwrite each other.

    `filed` is how many matters the screen knew: a save that was on its way while they were filed brings nothing back."""
    if visit.clerk_id != actor.person_id:
        raise Forbidden("这次来访由别的同事接待，您填的没有存进去。请同事接着办，或另起一位。")
    if visit.status != "open":
        raise InvalidInput("这次来访已经办完，不再存草稿。要接着办请按“叫下一位”或从工作台打开这件。")
    if filed is not None and filed < len(visit.matters):
        return now()
    kept = {str(name)[:120]: [str(one)[:2_000] for one in values][:40] for name, values in typed.items()}
    if sum(len(name) + sum(map(len, values)) for name, values in kept.items()) > LONGEST_DRAFT:
        raise InvalidInput("填的内容太长，没有存成草稿。请先收件，再把长的内容放进附件。")
    at = now()
    visit.draft, visit.saved_at = kept, at
    session.flush()
    return at


def forget_draft(visit: CounterVisit) -> None:
    """Filed, or not wanted any more."""
    visit.draft, visit.saved_at = None, None


def drop(session: Session, actor: Actor, visit: CounterVisit) -> None:
    """不要了: a visit in which nothing was filed is over; with matters filed only the typed rest goes."""
    if visit.clerk_id != actor.person_id:
        raise Forbidden("这份草稿是别的同事填的，不由您清掉。")
    forget_draft(visit)
    if not visit.matters:
        visit.status, visit.closed_at = "dropped", now()
    session.flush()


# --- Taking in


def file(
    session: Session,
    actor: Actor,
    visit: CounterVisit,
    one: OneForm,
    person: Mapping[str, str],
    answers: Mapping[str, Any],
    brought: Mapping[str, Mapping[str, Any]],
    agent_typed: Mapping[str, str] | None = None,
    asked: Iterable[str] = (),
) -> list[Case]:
    """All matters or none: every mistake of every matter is told at once, and each case is filed by its own step.

    `asked` are the boxes that stood on the screen: an empty one that must be filled is told with the other mistakes."""
    if len(one.items) > MOST_MATTERS:
        words = f"一次最多办 {MOST_MATTERS} 件，现在选了 {len(one.items)} 件。请分两次收。"
        raise InvalidInput(words, {"item": words})
    on_screen = set(asked)
    errors = {
        q.field.name: f"请填写“{q.field.title['zh']}”。"
        for q in one.questions
        if q.field.required and q.field.name in on_screen and answers.get(q.field.name) in (None, "", [])
    }
    agent = None
    try:
        agent = intake_agents.read(agent_typed or {}, str(person.get("applicant_id_number") or ""))
    except InvalidInput as refusal:
        errors |= refusal.errors
    cases, wrong = file_matters(session, actor, one, person, answers, brought)
    errors |= wrong
    if errors:
        raise InvalidInput("请更正：" + "".join(f"{text.rstrip('。')}。" for text in errors.values()), errors)
    _join(session, visit, cases)
    if agent is not None:
        intake_agents.represent(session, actor, visit, cases, agent)
    intake_hall.note(session, actor, visit.ticket_uid, cases)
    forget_draft(visit)
    session.flush()
    return cases


def file_matters(
    session: Session,
    actor: Actor,
    one: OneForm,
    person: Mapping[str, str],
    answers: Mapping[str, Any],
    brought: Mapping[str, Mapping[str, Any]],
    channels: Mapping[str, str] | None = None,
) -> tuple[list[Case], dict[str, str]]:
    """Files each matter by its own step; the mistakes of all of them, each under the box in which it is mended."""
    cases: list[Case] = []
    errors: dict[str, str] = {}
    for item in one.items:
        channel = (channels or {}).get(item.code, "")
        try:
            cases.append(_file_one(session, actor, one, item, person, answers, brought, channel))
        except Refusal as refusal:
            if refusal.status not in (403, 422) or not refusal.errors:
                raise
            errors |= {one.box_of(item.code, name): text for name, text in refusal.errors.items()}
    return cases, errors


def _file_one(
    session: Session,
    actor: Actor,
    one: OneForm,
    item: ServiceItem,
    person: Mapping[str, str],
    answers: Mapping[str, Any],
    brought: Mapping[str, Mapping[str, Any]],
    channel: str,
) -> Case:
    lines = [
        {**line, "code": record.id, "original": bool(line.get("original")) and slot.serves[0][0] == item.code}
        for slot in one.slots
        for code, record in slot.serves
        if code == item.code and (line := brought.get(slot.key)) is not None
    ]
    data = {"item": item.code, **person, **one.answers(answers, item.code), "materials": lines}
    if channel:
        data["channel"] = channel
    case = actions.create(session, actor, "case", data)
    assert isinstance(case, Case)
    actions.perform(case, "submit", actor)
    return case


def require_not_filed(visit: CounterVisit, one: OneForm, known: int) -> None:
    """A second page of the same visit does not know what the first has filed: nothing is filed twice because of it.

    `known` is how many matters stood on the page as filed; whoever saw them and wants one more of the same gets it."""
    chosen = {item.code for item in one.items}
    twice = [m.case for m in visit.matters[known:] if m.case.item.code in chosen and m.case.closed_at is None]
    if twice:
        named = "、".join(f"“{case.title}”（{case.number}）" for case in twice)
        words = (
            f"这次来访刚刚在另一个页面收过{named}，没有再收一遍。请去掉这一项再收别的；"
            "确要再办一件同样的，请从“看这次来访”按“再办一件”。"
        )
        raise InvalidInput(words, {"item": words})


def _join(session: Session, visit: CounterVisit, cases: Sequence[Case]) -> None:
    for case in cases:
        if visit.resident_id is not None and visit.resident_id != case.applicant_id:
            words = "这次来访已为另一位申请人收了件。请先办完这位，再叫下一位。"
            raise InvalidInput(words, {"applicant_id_number": words})
        visit.resident_id = case.applicant_id
        visit.matters.append(CounterMatter(case_id=case.id, position=len(visit.matters) + 1))
        session.flush()


def share_papers(one: OneForm, cases: Sequence[Case], said: str = "同一次来访已交") -> None:
    """A paper that serves several matters lies in the first; the others say where to look."""
    by_item = {case.item.code: case for case in cases}
    for slot in one.slots:
        (first_code, first), *others = slot.serves
        holder = by_item.get(first_code)
        given = next((m for m in holder.materials if m.code == first.id), None) if holder else None
        if holder is None or given is None or not given.provided:
            continue
        for code, record in others:
            taken = next((m for m in by_item[code].materials if m.code == record.id), None) if code in by_item else None
            if taken is not None and taken.provided:
                taken.source, taken.source_material_id = "visit", given.id
                taken.source_words = f"{said}，原件或扫描件在 {holder.number}"


def of_case(session: Session, case: Case) -> CounterVisit | None:
    """The visit in which a case was taken in."""
    return session.scalar(
        select(CounterVisit)
        .join(CounterMatter, CounterMatter.visit_id == CounterVisit.id)
        .where(CounterMatter.case_id == case.id)
    )


# --- What is done with the matters


@dataclass(frozen=True)
class Outcome:
    """What a step of the visit did with one matter."""

    case: Case
    done: tuple[str, ...] = ()
    sentence: str = ""


def accept_all(session: Session, actor: Actor, visit: CounterVisit) -> list[Outcome]:
    """受理 for each that is complete; each refusal is a sentence beside its matter and stops no other."""
    found = []
    for matter in visit.matters:
        case = matter.case
        if case.state != "submitted":
            continue
        try:
            with session.begin_nested():
                actions.perform(case, "accept", actor)
            found.append(Outcome(case, ("accept",)))
        except Refusal as refusal:
            session.refresh(case)
            found.append(Outcome(case, (), refusal.detail))
    return found


def settle(session: Session, actor: Actor, case: Case) -> Outcome:
    """当场办结: every step up to the result that this person may take and that is lawful; what stops it is said.

    Two people stay two people: who reviewed does not approve, the engine's guards decide as always."""
    done: list[str] = []
    sentence = ""
    for verb in ("accept", "review", "approve", "issue"):
        if verb not in {t.id for t in engine.available(case, actor)}:
            continue
        try:
            with session.begin_nested():
                inputs: dict[str, Any] = {}
                if verb == "review":
                    inputs = {
                        "materials": [
                            {"code": m.code, "verdict": "accepted"}
                            for m in case.materials
                            if m.provided and not m.verdict
                        ]
                    }
                actions.perform(case, verb, actor, inputs)
            done.append(verb)
        except Refusal as refusal:
            session.refresh(case)
            sentence = refusal.detail
            break
    return Outcome(case, tuple(done), sentence or waits_for(case))


def waits_for(case: Case) -> str:
    """Who is next, in a sentence the clerk can say to the visitor."""
    if case.state == "submitted" and not materials.missing(case):
        return "材料齐了，可以受理（F9）。"
    return {
        "submitted": "还没有受理：请看缺什么。",
        "accepted": "等审核。请后台审核的同事当场审，或交后台。",
        "accepted_deferred": "等审核，欠的材料补齐后才能发证。",
        "reviewed": "等审批。审核过的人不能审批，请另一位同事在自己的工作台上按“审批同意”。",
        "approved": "等发证。",
    }.get(case.state, "")


def close(session: Session, actor: Actor, visit: CounterVisit) -> None:
    """办完: the visitor gets up. Nothing may be left typed and unfiled without somebody saying so."""
    if visit.draft and any(value for name, values in visit.draft.items() if name != "visit" for value in values):
        raise InvalidInput("这位还有填了没收的内容。请先收件，或按“不要了”清掉，再叫下一位。")
    if visit.status == "open":
        visit.status, visit.closed_at = "closed", now()
        session.flush()
        intake_hall.finish(session, actor, visit.ticket_uid, [m.case for m in visit.matters])


def is_instant(case: Case) -> bool:
    """The catalogue says that this item may be decided at the counter."""
    return catalogue.item(case.item.code).modes.instant
