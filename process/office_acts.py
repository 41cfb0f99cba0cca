"""How each verb of the office is done and undone. `office.py` says who may, and writes the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.content import Content, ContentPerson
from models.ledger import JournalEntry
from models.person import Person
from models.task import AGREED, CANCELLED, CONSULT, OPEN, REFUSED, SIGNER, Task
from process import access, clock, engine, tasks
from process.access import Actor
from process.refusals import InvalidInput, NotAvailable, NotFound, TooMany

URGE_AGAIN = timedelta(hours=20)


@dataclass
class Act:
    """One doing of a verb."""

    session: Session
    content: Content
    actor: Actor
    inputs: dict[str, Any]
    at: datetime
    details: dict[str, Any]


def task_for(session: Session, content: Content, uid: str) -> Task:
    """A task of this thing, or the refusal that there is none."""
    found = session.scalar(select(Task).where(Task.uid == uid, Task.content_id == content.id))
    if found is None:
        raise NotFound("没有找到这一项会签或委派，可能已经取消。请刷新后再看。")
    return found


def _transfer(act: Act) -> None:
    content, person_name, unit_id = act.content, act.inputs.get("person"), act.inputs.get("unit")
    if bool(person_name) == bool(unit_id):
        sentence = "请在同事和单位中选一个。"
        raise InvalidInput(f"“转派”还差一点：{sentence}", {"person": sentence})
    act.details |= {"from_person": content.assignee_id, "from_unit": content.unit_id}
    if unit_id:
        unit = _unit(act.session, content, str(unit_id))
        content.assignee_id, content.unit_id = None, unit.id
        act.details["to_unit"] = unit.id
    else:
        person = _colleague(act, str(person_name))
        if person.id == content.assignee_id:
            raise InvalidInput(f"这一件已经在{person.name}手上。", {"person": "已在其手上"})
        before, content.assignee_id = content.assignee_id, person.id
        if not engine.available(content, _actor_of(act.session, person, act.at)):
            content.assignee_id = before
            raise InvalidInput(
                f"{person.name}没有办理这一步的岗位，转过去也办不了。请选有岗位的同事，或用“委派”请其出意见。",
                {"person": "没有办理这一步的岗位"},
            )
        if person.unit_id and _reaches(content, person.unit):
            content.unit_id = person.unit_id
        act.details["to_person"] = person.id
    act.session.flush()
    act.session.expire(content, ["assignee", "unit"])


def _claim(act: Act) -> None:
    """Out of the unit's inbox onto one's own desk; the version has already said that nobody was faster."""
    act.details |= {"from_person": None, "to_person": act.actor.acting_for or act.actor.person_id}
    act.content.assignee_id = act.details["to_person"]
    act.session.flush()
    act.session.expire(act.content, ["assignee"])


def _hand_in(act: Act) -> None:
    """Off one's desk and into the unit's inbox, where any colleague takes it."""
    act.details |= {"from_person": act.content.assignee_id, "to_unit": act.content.unit_id}
    act.content.assignee_id = None
    act.session.flush()
    act.session.expire(act.content, ["assignee"])


def _consult(act: Act) -> None:
    person = _colleague(act, act.inputs["person"])
    if person.id == act.actor.person_id:
        raise InvalidInput("不能委派给自己。", {"person": "请选别的同事"})
    task = tasks.ask(act.session, act.content, CONSULT, person, act.actor, act.inputs["comment"], act.at)
    act.details |= {"task": task.uid, "to_person": person.id, "from_person": act.content.assignee_id}
    act.content.assignee_id = person.id
    act.session.flush()
    act.session.expire(act.content, ["assignee"])


def _add_signer(act: Act) -> None:
    person = _colleague(act, act.inputs["person"])
    if person.id == act.actor.person_id:
        raise InvalidInput("不能请自己加签。", {"person": "请选别的同事"})
    if any(t.person_id == person.id and t.kind == SIGNER for t in tasks.holding(act.session, act.content)):
        raise InvalidInput(f"已经请{person.name}会签，正在等其意见。", {"person": "已请过"})
    task = tasks.ask(act.session, act.content, SIGNER, person, act.actor, act.inputs.get("comment", ""), act.at)
    act.details |= {"task": task.uid, "to_person": person.id}


def _remove_signer(act: Act) -> None:
    task = task_for(act.session, act.content, act.inputs["task"])
    if task not in tasks.holding(act.session, act.content):
        raise NotAvailable("这一位的意见已经有了，或已经减签。请刷新后再看。")
    _cancel(act, task)


def _cancel(act: Act, task: Task) -> None:
    tasks.close(act.session, act.content, task, CANCELLED, act.actor, act.inputs.get("comment", ""), act.at)
    if task.kind == CONSULT and act.content.assignee_id == task.person_id:
        act.content.assignee_id = task.asked_by_id
        act.session.flush()
        act.session.expire(act.content, ["assignee"])
    act.details |= {"task": task.uid, "from_person": task.person_id}


def _copy(act: Act) -> None:
    person = _colleague(act, act.inputs["person"])
    if any(p.person_id == person.id and p.relation == "copied" and p.until is None for p in act.content.people):
        raise InvalidInput(f"已经抄送过{person.name}。", {"person": "已抄送"})
    act.content.people.append(
        ContentPerson(person_id=person.id, relation="copied", by_id=act.actor.person_id, since=act.at)
    )
    act.details["to_person"] = person.id


def _end_copy(act: Act) -> None:
    person = _colleague(act, act.inputs["person"])
    rows = [p for p in act.content.people if p.person_id == person.id and p.relation == "copied" and p.until is None]
    if not rows:
        raise InvalidInput(f"没有抄送给{person.name}。", {"person": "没有抄送给此人"})
    for row in rows:
        row.until = act.at
    act.details["from_person"] = person.id


def _urge(act: Act) -> None:
    last = act.session.scalar(
        select(JournalEntry.at)
        .where(
            JournalEntry.content_id == act.content.id,
            JournalEntry.action == "office:urge",
            JournalEntry.person_id == act.actor.person_id,
        )
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    if last is not None and act.at - last < URGE_AGAIN:
        again = (last + URGE_AGAIN).astimezone(clock.CHINA)
        raise TooMany(
            f"您已催办过这一件，{again.month}月{again.day}日 {again:%H:%M} 后可以再催。",
            round((last + URGE_AGAIN - act.at).total_seconds()),
        )


def _take_back(act: Act) -> None:
    found = undo(act.session, act.content, act.actor)
    assert found is not None, "available() has just said so"
    found(act)


DOING: dict[str, Callable[[Act], None]] = {
    "transfer": _transfer,
    "claim": _claim,
    "hand_in": _hand_in,
    "consult": _consult,
    "add_signer": _add_signer,
    "remove_signer": _remove_signer,
    "copy": _copy,
    "end_copy": _end_copy,
    "urge": _urge,
    "take_back": _take_back,
}


def undo(session: Session, content: Content, actor: Actor) -> Callable[[Act], None] | None:
    """What taking back would undo: one's own last act if nobody has acted since, else one's own opinion in a round still open."""
    last = session.connection().execute(_LAST_ACT, {"content_id": content.id}).first()
    if last is not None and last.person_id == actor.person_id:
        details = last.details
        if last.action == "office:transfer":
            return lambda act: _hand_back(act, details)
        if last.action in ("office:consult", "office:add_signer"):
            task = task_for(session, content, details["task"])
            return (lambda act: _cancel(act, task)) if task.state == OPEN else None
        if last.action == "office:copy":
            return lambda act: _end_sight_of(act, details["to_person"])
    mine = [
        t
        for t in (tasks.current(session, content) if tasks.may_have_some(session, content) else ())
        if t.closed_by_id == actor.person_id and t.state in (AGREED, REFUSED) and t.sub_content_id is None
    ]
    return (lambda act: _reopen(act, mine[-1])) if mine else None


# Rows that say somebody looked or wrote beside the matter: they do not make it too late to take something back.
_ASIDE = (
    "personal:reveal",
    "note:add",
    "document:add",
    "office:urge",
    "notice:send",
    "clock:near",
    "clock:late",
    "clock:recalculated",
)
# Asked for every answer about a thing: built once.
_LAST_ACT = (
    select(JournalEntry.person_id, JournalEntry.action, JournalEntry.details)
    .where(JournalEntry.content_id == bindparam("content_id"), JournalEntry.action.not_in(_ASIDE))
    .order_by(JournalEntry.id.desc())
    .limit(1)
)


def _hand_back(act: Act, details: Mapping[str, Any]) -> None:
    act.content.assignee_id, act.content.unit_id = details["from_person"], details["from_unit"]
    act.session.flush()
    act.session.expire(act.content, ["assignee", "unit"])
    act.details["undone"] = "transfer"


def _end_sight_of(act: Act, person_id: int) -> None:
    for row in act.content.people:
        if row.person_id == person_id and row.relation == "copied" and row.until is None:
            row.until = act.at
    act.details["undone"] = "copy"


def _reopen(act: Act, task: Task) -> None:
    tasks.lock(act.session, act.content)
    tasks.reopen(act.session, act.content, task)
    act.details |= {"undone": "opinion", "task": task.uid}


def _colleague(act: Act, username: str) -> Person:
    person = act.session.scalar(select(Person).where(Person.username == username, Person.active.is_(True)))
    if person is None or person.unit_id is None:
        raise InvalidInput(
            f"没有登录名为“{username[:40]}”的在岗同事。请从名单中选，或问清登录名。", {"person": "没有这位同事"}
        )
    return person


def _unit(session: Session, content: Content, unit_id: str) -> Agency:
    unit = session.get(Agency, unit_id)
    if unit is None:
        raise InvalidInput(f"没有编号为“{unit_id[:40]}”的单位。", {"unit": "没有这个单位"})
    if not _reaches(content, unit):
        raise InvalidInput(
            f"{unit.name}不在这一件的办理范围内。要交给外单位办，请开代办单。", {"unit": "不在办理范围内"}
        )
    return unit


def _reaches(content: Content, unit: Agency | None) -> bool:
    """Does the unit lie at or below a place of this thing, or above one and so oversee it?"""
    paths = [content.place_path, *(p.place_path for p in content.places if p.until is None)]
    return unit is not None and any(unit.path.startswith(p) or p.startswith(unit.path) for p in paths)


def _actor_of(session: Session, person: Person, at: datetime) -> Actor:
    return access.load_actor(session, person.id, clock.local_day(at))
