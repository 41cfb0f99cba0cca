"""What one thing done on a phone means here: a step through the one door, something new, or an entry looked at again."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.delegation import HomeVisit
from models.ledger import JournalEntry
from models.resident import CareEntry
from process import access, clock
from process.access import Actor
from process.definition import Transition
from process.library import library
from process.refusals import Conflict, InvalidInput, NotAvailable, NotFound, Stale
from services import actions, care, custody, doorstep, files, grid_log
from services.field import blobs

BLOB = re.compile(r"blob:([0-9a-f]{64})")
# What can be new on a phone; everything else is born at a desk.
CREATED = ("grid_log", "grid_event")
LOG_FIELDS = ("grid", "duty", "kind", "what", "where", "building", "care", "minutes", "happened_on", "photo")
# Boxes of the care register that are looked at again at the door, with their names.
CARE_FIELDS: Mapping[str, str] = {
    "condition": "上门条件",
    "proof": "依据说明",
    "proof_until": "证明有效期至",
    "needs": "需要的帮助",
    "contact": "联系人",
    "contact_phone": "联系人电话",
    "review_on": "下次复核日期",
}


@dataclass(frozen=True)
class Op:
    """One thing done on a phone, checked in its outer shape."""

    op_id: str
    seq: int
    kind: str
    thing: str
    verb: str
    inputs: Mapping[str, Any]
    base: int | None = None
    after: tuple[str, ...] = ()
    seen: Mapping[str, Any] = field(default_factory=dict)
    said_at: str = ""


@dataclass(frozen=True)
class Result:
    """What came of it."""

    uid: str
    number: str = ""
    version: int | None = None
    state: str = ""
    state_title: str = ""


class Clash(Conflict):
    """Somebody else was there in between: both values are shown, and a person settles."""

    slug = "field-conflict"
    title = "两边都改了"

    def __init__(self, detail: str, told: Mapping[str, Any]) -> None:
        super().__init__(detail)
        self.told = dict(told)


class Missing(Exception):
    """A picture has not arrived yet; nothing is decided."""

    def __init__(self, hashes: list[str]) -> None:
        super().__init__(hashes)
        self.hashes = hashes


def apply(session: Session, actor: Actor, op: Op, base: int | None) -> Result:
    """Carries it out in the caller's transaction, with the same checks as at a desk."""
    wanted = sorted(set(_hashes(op.inputs)))
    missing = [one for one in wanted if blobs.content(session, actor, one) is None]
    if missing:
        raise Missing(missing)
    result = KINDS[op.kind](session, actor, op, base)
    blobs.forget(session, actor, wanted)
    return result


def _hashes(value: Any) -> list[str]:
    if isinstance(value, str):
        found = BLOB.fullmatch(value)
        return [found[1]] if found else []
    if isinstance(value, Mapping):
        return [one for inner in value.values() for one in _hashes(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in _hashes(inner)]
    return []


def _bytes(session: Session, actor: Actor, value: Any) -> bytes:
    found = BLOB.fullmatch(value) if isinstance(value, str) else None
    data = blobs.content(session, actor, found[1]) if found else None
    if data is None:
        raise InvalidInput("照片没有随表单传上来，请重新拍照。", {"photos": "没有收到照片"})
    return data


# --- a step -----------------------------------------------------------------------------------------------------------
def _step(session: Session, actor: Actor, op: Op, base: int | None) -> Result:
    content = session.scalar(access.visible(select(Content).where(Content.uid == op.thing), actor))
    if content is None:
        taken = actions.just_taken(session, actor, op.thing, op.verb)
        if taken is None:
            raise NotFound("这一件已不在您的任务里，可能已改派给别人。请刷新今天的任务后再看。")
        raise _moved_on(session, taken, op, "这一件刚被别人办了。")
    # Two phones, one thing: the second waits here and then sees what the first did.
    session.refresh(content, with_for_update=True)
    definition = library.of(content, session)
    transition = definition.transitions.get(op.verb)
    if transition is None:
        raise InvalidInput(f"这一件没有“{op.verb[:40]}”这个动作，手机上的任务可能是旧的。请刷新今天的任务后重办。")
    if base is not None and base != content.version:
        raise _moved_on(session, content, op, "您填写期间，这一件被别人办过。", transition)
    inputs = _inputs(session, actor, content, transition, op)
    try:
        actions.perform(content, op.verb, actor, inputs, expected_version=content.version)
    except (NotAvailable, Stale) as late:
        raise _moved_on(session, content, op, late.detail, transition) from late
    session.flush()
    state = definition.states[content.state]
    return Result(content.uid, content.number or "", content.version, content.state, state.title.zh)


def _inputs(session: Session, actor: Actor, content: Content, step: Transition, op: Op) -> dict[str, Any]:
    """What the step asks: pictures become documents of the thing, the item's own questions are kept beside."""
    known = {spec.name: spec for spec in step.inputs}
    given = {name: value for name, value in op.inputs.items() if name != "answers" and value not in (None, "", [])}
    errors = {name[:60]: "这一步没有这一项" for name in given if name not in known and name != "comment"}
    if errors:
        raise InvalidInput(
            f"“{step.title.zh}”没有这些项：{'、'.join(errors)}。手机上的任务可能是旧的，请刷新今天的任务后重办。",
            errors,
        )
    answers = op.inputs.get("answers")
    if isinstance(answers, Mapping) and answers and isinstance(content, HomeVisit):
        doorstep.keep_answers(session, content, actor, answers)
    for name, spec in known.items():
        value = given.get(name)
        if value is None:
            continue
        if spec.kind == "photos":
            given[name] = _photos(session, actor, content, name, value)
        elif spec.kind == "signature" and isinstance(value, str) and value.startswith("blob:"):
            given[name] = f"data:image/png;base64,{base64.b64encode(_bytes(session, actor, value)).decode()}"
    return given


MOST_PHOTOS = 20


def _photos(session: Session, actor: Actor, content: Content, name: str, value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    if len(listed) > MOST_PHOTOS:
        raise InvalidInput(
            f"一次最多 {MOST_PHOTOS} 张照片，现在是 {len(listed)} 张。请在手机上去掉几张再上报，照片都还在。",
            {name: f"最多 {MOST_PHOTOS} 张"},
        )
    kept = []
    for index, one in enumerate(dict.fromkeys(listed), start=1):
        data = _bytes(session, actor, one)
        try:
            kept.append(files.store_document(session, content, actor, data, f"第{index}张.jpg", "photo").uid)
        except InvalidInput as refusal:
            raise InvalidInput(f"第 {index} 张不能用：{refusal.detail}", {name: f"第 {index} 张请重新拍"}) from refusal
    return kept


def _moved_on(session: Session, content: Content, op: Op, sentence: str, transition: Transition | None = None) -> Clash:
    """Both sides: what was filled in on the phone, and who did what here meanwhile."""
    definition = library.of(content, session)
    last = session.scalar(
        select(JournalEntry)
        .where(JournalEntry.content_id == content.id, JournalEntry.to_state.is_not(None))
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    step = last.action.partition(":")[2] if last is not None else ""
    known = definition.transitions.get(step)
    return Clash(
        f"{sentence}请看两边的内容，由您决定。",
        {
            "state": content.state,
            "state_title": definition.states[content.state].title.zh,
            "version": content.version,
            "who": last.person.name if last is not None and last.person is not None else "",
            "when": clock_text(last),
            "did": known.title.zh if known is not None else "",
            # Whether one may still do it: then a person can decide to do it on top of what is there.
            "open": transition is not None and content.state in transition.sources,
            "theirs": _theirs(session, content, last),
        },
    )


def clock_text(last: JournalEntry | None) -> str:
    return last.at.astimezone(clock.CHINA).isoformat(timespec="minutes") if last is not None else ""


def _theirs(session: Session, content: Content, last: JournalEntry | None) -> list[dict[str, str]]:
    found = []
    if last is not None and last.comment:
        found.append({"title": "说明", "value": last.comment})
    handover = custody.latest(session, content, "collect", "carry", "arrive", "return")
    if handover is not None:
        lines = "；".join(f"{line.name} {line.sheets} 份" for line in handover.lines)
        found.append({"title": "交接清单", "value": lines})
    return found


# --- something new ----------------------------------------------------------------------------------------------------
def _create(session: Session, actor: Actor, op: Op, _base: int | None) -> Result:
    if op.thing not in CREATED:
        raise InvalidInput(
            "手机外勤只能新记网格日志和网格事件，其他的请在网页上办理。", {"thing": "不能在手机外勤新建"}
        )
    if op.thing == "grid_log":
        unknown = [name for name in op.inputs if name not in LOG_FIELDS]
        if unknown:
            raise InvalidInput(f"网格日志没有这些项：{'、'.join(unknown)[:80]}。请更新应用后重记。")
        photo = op.inputs.get("photo") or ""
        photo = photo[0] if isinstance(photo, list) and photo else photo
        data = _bytes(session, actor, photo) if photo else b""
        typed = {name: value for name, value in op.inputs.items() if name != "photo"}
        entry = grid_log.enter(session, actor, typed, photo=data, photo_name="现场.jpg")
        return Result(entry.uid)
    content = actions.create(session, actor, op.thing, dict(op.inputs))
    session.flush()
    state = library.of(content, session).states[content.state]
    return Result(content.uid, content.number or "", content.version, content.state, state.title.zh)


# --- an entry of the care register ------------------------------------------------------------------------------------
def care_values(entry: CareEntry) -> dict[str, str]:
    """The boxes of an entry as text, so that what a phone saw can be compared with what stands there."""
    return {name: _text(getattr(entry, name)) for name in CARE_FIELDS}


def _text(value: Any) -> str:
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value).strip()


def _review(session: Session, actor: Actor, op: Op, _base: int | None) -> Result:
    """Field by field: what only one side changed is joined, what both changed is shown to a person."""
    if not op.thing.isdecimal() or len(op.thing) > 15:
        raise NotFound("名册里没有这一位，请刷新今天的任务后再看。")
    entry = care.load(session, actor, int(op.thing))
    session.refresh(entry, with_for_update=True)
    unknown = [name for name in op.inputs if name not in CARE_FIELDS and name != "reason"]
    if unknown:
        raise InvalidInput(f"名册没有这些项：{'、'.join(unknown)[:80]}。请更新应用后重填。")
    if entry.ended_on is not None:
        raise NotAvailable(f"这一位已移出名册（{entry.end_reason}）。您填的还在手机上，请先核实。")
    here = care_values(entry)
    mine = {name: _text(value) for name, value in op.inputs.items() if name in CARE_FIELDS}
    seen = {name: _text(op.seen.get(name)) for name in CARE_FIELDS}
    both = [
        {"field": name, "title": CARE_FIELDS[name], "seen": seen[name], "mine": value, "theirs": here[name]}
        for name, value in mine.items()
        if here[name] not in (seen[name], value) and value != seen[name]
    ]
    if both:
        last = care.events(session, entry)
        raise Clash(
            "您填写期间，名册被别人改过同样的项。请逐项选一个，再上报。",
            {
                "fields": both,
                "now": here,
                "who": last[-1].person.name if last and last[-1].person else "",
                "when": last[-1].at.astimezone(clock.CHINA).isoformat(timespec="minutes") if last else "",
                "open": True,
                "theirs": [],
            },
        )
    changed = {name: value for name, value in mine.items() if value != seen[name]}
    typed = {**here, **changed, "reason": op.inputs.get("reason") or ""}
    given = care.read(typed, clock.local_day(now()), entry=entry, born=entry.resident.birth_date)
    care.enter(session, actor, entry.resident, at=now(), **given)
    return Result(op.thing)


KINDS: Mapping[str, Callable[[Session, Actor, Op, int | None], Result]] = {
    "step": _step,
    "create": _create,
    "review": _review,
}
