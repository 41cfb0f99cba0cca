"""The verbs of a Chinese office, the same for every thing: pass on, ask and get back, let others sign, copy, urge, take back.

Each changes who has the thing or who is heard, never its state; each is one row in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session, object_session

from models.base import now
from models.content import Content
from models.person import Person
from models.task import AGREED, ANSWERED, CONSULT, OPEN, REFUSED, Task
from process import access, capacities, engine, journal, registry, relations, tasks
from process.access import Actor
from process.definition import Input, Title
from process.inputs import clean_inputs
from process.library import library
from process.office_acts import DOING, Act, undo
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound, Refusal

URGE_AGAIN = timedelta(hours=20)


@dataclass(frozen=True)
class Verb:
    """Something that can be done with a thing without moving it."""

    id: str
    title: Title
    inputs: tuple[Input, ...]


_REASON = Input("comment", "longtext", Title("说明", "Reason"), required=True)
_REMARK = Input("comment", "longtext", Title("说明", "Remark"))
_PERSON = Input("person", "person", Title("同事", "Colleague"), required=True, help="填同事的登录名，可从名单中选。")
_TASK = Input("task", "code", Title("哪一位", "Which"), required=True, maximum=22)

VERBS = {
    verb.id: verb
    for verb in (
        Verb(
            "transfer",
            Title("转派", "Pass on"),
            (
                Input("person", "person", Title("转给同事", "To a colleague")),
                Input("unit", "agency", Title("或转到单位收件箱", "Or to the inbox of a unit")),
                _REASON,
            ),
        ),
        Verb("claim", Title("认领", "Take"), ()),
        Verb("hand_in", Title("交回单位", "Hand back to the unit"), (_REMARK,)),
        Verb("consult", Title("委派", "Ask and get back"), (_PERSON, _REASON)),
        Verb("add_signer", Title("加签", "Add a signer"), (_PERSON, _REMARK)),
        Verb("remove_signer", Title("减签", "Remove a signer"), (_TASK, _REASON)),
        Verb("copy", Title("抄送", "Copy to"), (_PERSON, _REMARK)),
        Verb("end_copy", Title("取消抄送", "End a copy"), (_PERSON,)),
        Verb("urge", Title("催办", "Urge"), (_REMARK,)),
        Verb("take_back", Title("收回", "Take back"), ()),
    )
}


def available(content: Content, actor: Actor) -> list[Verb]:
    """The verbs this actor may use on this thing now."""
    session = _session(content)
    if content.closed_at is not None or actor.person_id is None or not access.may(actor, access.VIEW, content, session):
        return []
    mine = has_it(session, content, actor)
    asked = (
        [t for t in tasks.holding(session, content) if mine or t.asked_by_id == actor.person_id]
        if content.holds
        else []
    )
    copied = mine and any(p.relation == "copied" and p.until is None for p in content.people)
    shown = {
        "transfer": mine and not asked_only(session, content, actor),
        "claim": content.assignee_id is None and mine and lies_with(content, actor),
        "hand_in": content.assignee_id in actor.persons
        and not asked_only(session, content, actor)
        and lies_with(content, actor)
        and _colleagues_could(session, content, actor),
        "consult": mine and not any(t.kind == CONSULT for t in asked),
        "add_signer": mine,
        "remove_signer": bool(asked),
        "copy": mine,
        "end_copy": copied,
        "urge": not mine,
        "take_back": undo(session, content, actor) is not None,
    }
    return [VERBS[name] for name, shows in shown.items() if shows]


def asked_only(session: Session, content: Content, actor: Actor) -> bool:
    """Does it lie here for an opinion alone? Then it goes back to whoever asked, and to nobody else."""
    return bool(content.holds) and any(
        task.kind == CONSULT and task.person_id in actor.persons and content.assignee_id == task.person_id
        for task in tasks.holding(session, content)
    )


def has_it(session: Session, content: Content, actor: Actor) -> bool:
    """Is it this actor's turn: the holder, the head of the unit that has it, or, while nobody holds it, whoever could move it on."""
    if actor.person_id is None:
        return False
    if content.assignee_id in actor.persons:
        return True
    if relations.HEAD in actor.roles and relations.is_head(session, actor, content.unit or content.place):
        return True
    return content.assignee_id is None and actor.resident_id is None and bool(engine.available(content, actor))


def lies_with(content: Content, actor: Actor) -> bool:
    """Is it in the inbox of a unit where this actor works or holds a post?"""
    if content.unit is None:
        return False
    path = content.unit.path
    return bool(actor.unit_path and path.startswith(actor.unit_path)) or any(
        path.startswith(held.path) or held.path.startswith(path) for held in actor.held
    )


def _colleagues_could(session: Session, content: Content, actor: Actor) -> bool:
    """What only its holder can move on would be stuck in the inbox."""
    posts = access.tokens(content, actor) - {"assignee", "owner", "applicant", "anyone"}
    exits = library.of(content, session).exits(content.state)
    return any(t.trigger == "user" and not posts.isdisjoint(t.guard.roles) for t in exits)


def do(
    content: Content,
    verb_id: str,
    actor: Actor,
    inputs: Mapping[str, Any] | None = None,
    *,
    expected_version: int | None = None,
    on_behalf_of: Person | None = None,
    at: datetime | None = None,
) -> None:
    """Does a verb: same rule as `available`, then change and record, in the caller's transaction."""
    session = _session(content)
    verb = VERBS.get(verb_id)
    if verb is None:
        raise NotFound(f"没有名为“{verb_id[:40]}”的办理动作。可用的有：{'、'.join(VERBS)}。")
    if on_behalf_of is None:
        on_behalf_of = capacities.default(capacities.pick(session, actor, lambda who: verb in available(content, who)))
    acting = _acting(actor, on_behalf_of)
    if verb not in available(content, acting):
        raise _refusal(session, content, verb, acting)
    cleaned = clean_inputs(verb, inputs or {})
    if verb_id == "urge":
        # Nothing of the thing changes: whoever has a form of it open must not lose what they typed.
        tasks.lock(session, content)
    else:
        engine.touch(content, expected_version=expected_version, at=at)
    act = Act(session, content, acting, cleaned, at or now(), {})
    DOING[verb_id](act)
    journal.record(
        session,
        f"office:{verb_id}",
        actor,
        content=content,
        comment=cleaned.get("comment"),
        details=act.details,
        on_behalf_of=on_behalf_of,
        at=act.at,
    )
    _tell(session, content, f"office:{verb_id}", actor)
    # A signer taken off may have been the last one the join waited for.
    engine.join(content, at=act.at)


def respond(
    task: Task,
    actor: Actor,
    *,
    agreed: bool,
    comment: str = "",
    on_behalf_of: Person | None = None,
    at: datetime | None = None,
) -> None:
    """Gives the opinion a thing waits for; the last one moves the thing on. A refusal and an answer need words."""
    content = task.content
    session, at = _session(content), at or now()
    definition = library.of(content, session)
    if on_behalf_of is None:
        on_behalf_of = capacities.default(
            capacities.pick(session, actor, lambda who: tasks.may_answer(session, task, who, definition))
        )
    acting = _acting(actor, on_behalf_of)
    tasks.lock(session, content)
    session.refresh(task)
    definition = library.of(content, session)
    if task.state != OPEN or task.in_state != content.state:
        who = task.closed_by.name if task.closed_by else "系统"
        raise NotAvailable(f"“{task.title}”的意见已经有了（{who}），或者已不再需要。请刷新后再看。")
    if not tasks.may_answer(session, task, acting, definition):
        raise Forbidden(f"“{task.title}”的意见不由您给。请看办理页上写的是谁。")
    branches = definition.states[task.in_state].branches
    if (
        branches
        and branches.different_people
        and {acting.person_id, on_behalf_of.id if on_behalf_of else None} & tasks.answered_by(session, task)
    ):
        raise Forbidden("同一轮会签要由不同的人给意见：您已经给过一次。请由另一位同事办。")
    words = clean_inputs(Verb("respond", Title("意见", "Opinion"), ()), {"comment": comment}).get("comment", "")
    if not words and (not agreed or task.kind == CONSULT):
        raise InvalidInput("请写明意见：不同意要有理由，委派要有结果。", {"comment": "请填写意见"})
    state = ANSWERED if task.kind == CONSULT else AGREED if agreed else REFUSED
    tasks.close(session, content, task, state, acting, words, at)
    engine.touch(content, at=at)
    if task.kind == CONSULT and content.assignee_id == task.person_id:
        # A colleague who was only asked gives the thing back to whoever asked, unless it was passed on meanwhile.
        content.assignee_id = task.asked_by_id
    action = f"task:{state}"
    journal.record(
        session,
        action,
        actor,
        content=content,
        comment=words,
        details={"task": task.uid},
        on_behalf_of=on_behalf_of,
        at=at,
    )
    _tell(session, content, action, actor)
    engine.join(content, at=at)


def _acting(actor: Actor, on_behalf_of: Person | None) -> Actor:
    if on_behalf_of is None or on_behalf_of.id == actor.person_id:
        return actor
    acting = actor.as_substitute_for(on_behalf_of.id)
    if not acting.held:
        raise Forbidden(f"您今天没有代{on_behalf_of.name}的班，不能以其名义办理。")
    return acting


def _refusal(session: Session, content: Content, verb: Verb, actor: Actor) -> Refusal:
    if not access.may(actor, access.VIEW, content, session):
        return NotFound()
    if content.closed_at is not None:
        return NotAvailable(f"这一件已经办结，不能再“{verb.title.zh}”。")
    if verb.id == "take_back":
        return NotAvailable(
            "没有可以收回的：只能收回自己刚才的转派、委派、加签、抄送，或还在会签中的意见，而且之后没有人再办过。"
        )
    if verb.id == "claim" and content.assignee is not None:
        return NotAvailable(f"这一件已由{content.assignee.name}接手。要换人办，请对方转派或交回单位。")
    if verb.id in ("transfer", "hand_in") and asked_only(session, content, actor):
        return NotAvailable(
            f"这一件是委派给您出意见的，不能“{verb.title.zh}”。请先给出意见；该由别人办的，写在意见里，由委派的人决定。"
        )
    if verb.id == "urge":
        return NotAvailable("这一件就在您手上，不用催办。")
    return Forbidden(f"“{verb.title.zh}”由现在经手的人办。现在经手的是{engine.holder(content)}。")


def _tell(session: Session, content: Content, event: str, actor: Actor) -> None:
    for listener in registry.listeners:
        listener(session, content, event, actor, None)


def _session(content: Content) -> Session:
    session = object_session(content)
    assert session is not None, "content is not in a session"
    return session
