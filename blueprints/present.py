"""From things to what pages show: rows, deadlines, the way, the time line. Masking happens here, never in a template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask import url_for
from flask_babel import get_locale, gettext, ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.ledger import JournalEntry
from models.paper import Document, Note
from models.person import Person
from process import access, clock, field_access
from process.access import Actor
from process.definition import Definition, State
from process.field_rules import HIDDEN, MASKED, OPEN
from process.library import library
from process.masking import mask_address, mask_id_number, mask_name, mask_phone
from process.numbers import CHINA
from process.office import VERBS
from process.words import N_
from services import inside
from services import notes as notes_of

WEEKDAYS = "一二三四五六日"


def day(value: datetime | None) -> str:
    """`3月5日 周四`, with the year when it is not this one."""
    if value is None:
        return ""
    local = value.astimezone(CHINA)
    year = "" if local.year == now().astimezone(CHINA).year else f"{local.year}年"
    if str(get_locale()) == "en":
        return f"{local:%a %d %b}" + (f" {local.year}" if year else "")
    return f"{year}{local.month}月{local.day}日 周{WEEKDAYS[local.weekday()]}"


def moment(value: datetime | None) -> str:
    return "" if value is None else f"{day(value)} {value.astimezone(CHINA):%H:%M}"


def day_of(value: date | None) -> str:
    """`3月5日`, with the year when it is not this one."""
    if value is None:
        return ""
    year = value.year != now().astimezone(CHINA).year
    if str(get_locale()) == "en":
        return f"{value.day} {value:%b}" + (f" {value.year}" if year else "")
    return (f"{value.year}年" if year else "") + f"{value.month}月{value.day}日"


def lasted(minutes: float | None) -> str:
    """So long as people say it: minutes under two hours, hours under two days, days and hours above."""
    if minutes is None:
        return "—"
    whole = round(minutes)
    if whole < 120:
        return gettext("%(n)s 分钟", n=whole)
    hours = round(minutes / 60)
    if hours < 48:
        return gettext("%(n)s 小时", n=hours)
    days, rest = divmod(hours, 24)
    return gettext("%(days)s 天 %(hours)s 小时", days=days, hours=rest) if rest else gettext("%(days)s 天", days=days)


def title_of(thing: Any) -> str:
    return thing.title.text(str(get_locale()))


@dataclass(frozen=True)
class StateView:
    label: str
    tone: str


@dataclass(frozen=True)
class DeadlineView:
    label: str
    tone: str
    percent: int | None = None
    title: str = ""
    explain: list[str] = field(default_factory=list)


def state_view(state: State) -> StateView:
    return StateView(title_of(state), state.tone)


def deadline_view(
    session: Session, content: Content, definition: Definition, *, explain: bool = False, full: bool = False
) -> DeadlineView | None:
    """How much time is left, in working days, and how much of it is used. `full`: the reader may see what people wrote."""
    if content.closed_at is not None:
        return None
    sentences = (
        clock.explain(session, content, definition, locale=str(get_locale()), full=full)["sentences"] if explain else []
    )
    if content.deadline is None:
        due = definition.states[content.state].due
        if due is None:
            return None
        if due.clock and (run := clock.current(session, content, due.clock)) is not None and clock.standing(run):
            return DeadlineView(gettext("停表"), "waiting", None, "", sentences)
        label = gettext("时间未定") if due.field else gettext("缺工作日历，期限未定")
        return DeadlineView(label, "needs" if not due.field else "waiting", None, "", sentences)
    at = now()
    whole = (content.deadline - content.entered_at).total_seconds()
    percent = min(100, max(0, round((at - content.entered_at).total_seconds() / whole * 100))) if whole > 0 else 100
    days = clock.working_days_left(session, content.deadline, at)
    if content.deadline < at:
        late = -(days or 0)
        label = ngettext("超期 %(num)d 个工作日", "超期 %(num)d 个工作日", late) if late else gettext("已超期")
        tone, percent = "late", 100
    elif days is None:
        label, tone = gettext("%(day)s 前", day=day(content.deadline)), "running"
    elif days == 0:
        same_day = clock.local_day(at) == clock.local_day(content.deadline)
        end_of_day = content.deadline.astimezone(CHINA).hour == 23
        label = (
            (
                gettext("今天到期")
                if end_of_day
                else gettext("今天 %(time)s 前", time=f"{content.deadline.astimezone(CHINA):%H:%M}")
            )
            if same_day
            else day(content.deadline)
        )
        tone = "needs"
    else:
        label = ngettext("还剩 %(num)d 个工作日", "还剩 %(num)d 个工作日", days)
        tone = "needs" if percent >= 80 else "running"
    return DeadlineView(label, tone, percent, gettext("期限：%(when)s", when=moment(content.deadline)), sentences)


@dataclass(frozen=True)
class Link:
    label: str
    url: str


@dataclass(frozen=True)
class Row:
    """One line of a list, masked."""

    uid: str
    number: str
    url: str
    who: str
    what: str
    where: str
    state: StateView
    deadline: DeadlineView | None
    action: Link | None = None
    pickable: bool = False
    kind: str = ""


def number_of(content: Content) -> str:
    """The number people know it by; an internal id says nothing to anybody."""
    return content.number or gettext("还没有编号")


def row(session: Session, content: Content, actor: Actor, transitions: Iterable[Any] = ()) -> Row:
    definition = library.of(content, session)
    first = next(iter(sorted(transitions, key=lambda t: not t.primary)), None)
    applicant = mask_name(content.applicant.name) if content.applicant else ""
    return Row(
        content.uid,
        number_of(content),
        url_for("content.show", uid=content.uid),
        applicant,
        content.title,
        _holder_for(content, actor),
        state_view(definition.states[content.state]),
        deadline_view(session, content, definition),
        Link(title_of(first), url_for("content.do", uid=content.uid, transition=first.id))
        if first is not None and first.primary
        else None,
        bool(first is not None and first.primary and not any(i.required for i in first.inputs)),
        title_of(library.type(content.type)),
    )


def holder_text(content: Content) -> str:
    parts = [content.unit.name if content.unit else "", content.assignee.name if content.assignee else ""]
    return " · ".join(p for p in parts if p)


def _holder_for(content: Content, actor: Actor) -> str:
    """Where it lies; with a word where it is one's to do for an absent colleague."""
    own = actor.resident_id is not None and actor.resident_id == content.applicant_id
    if own and isinstance(content, Case) and inside.asked(content) is not None:
        return content.unit.name if content.unit else ""
    text = holder_text(content)
    if content.assignee is not None and content.assignee_id in actor.principals:
        return gettext("%(where)s（您代%(name)s办）", where=text, name=content.assignee.name)
    return text


def list_options(entity: Any = Content) -> list[Any]:
    """What every list loads at once, so that the number of queries does not grow with its rows."""
    return [
        joinedload(entity.applicant),
        joinedload(entity.unit),
        joinedload(entity.assignee),
        joinedload(entity.place),
    ]


def way(session: Session, content: Content, definition: Definition) -> list[dict[str, Any]]:
    """The usual states in order, with who brought the thing there; detours appear where it took one. Stages (前台综合受理 …) span states."""
    moves = (
        session.execute(
            select(JournalEntry)
            .where(JournalEntry.content_id == content.id, JournalEntry.to_state.is_not(None))
            .options(joinedload(JournalEntry.person))
            .order_by(JournalEntry.id)
        )
        .scalars()
        .all()
    )
    reached = {m.to_state: m for m in moves if m.to_state != m.from_state}
    order = [s for s in definition.states.values() if s.usual or s.id == content.state]
    closed_elsewhere = definition.states[content.state].terminal and not definition.states[content.state].usual
    steps = []
    position = next((i for i, s in enumerate(order) if s.id == content.state), len(order))
    for index, state in enumerate(order):
        move = reached.get(state.id)
        if state.id == content.state:
            status = "done" if state.terminal else "current"
        elif move is not None and (index < position or closed_elsewhere):
            status = "done"
        else:
            status = "skipped" if closed_elsewhere or (index < position) else "todo"
        begins = bool(state.stage) and (index == 0 or order[index - 1].stage != state.stage)
        steps.append(
            {
                "label": title_of(state),
                "stage": gettext(state.stage) if state.stage else "",
                "begins": begins,
                "who": move.person.name if move and move.person and status != "todo" else "",
                "when": day(move.at) if move and status != "todo" else "",
                "status": status,
            }
        )
    return steps


ACTION_WORDS = {
    "create": N_("登记"),
    "paper": N_("制作文书"),
    "document": N_("上传"),
    "reprint": N_("补打"),
    "seal:use": N_("用印"),
    "reveal": N_("查看完整个人信息"),
    "edit": N_("修改内容"),
}


def entry_title(content: Content, definition: Definition, action: str) -> str:
    """The words of one journal row: the definition's own title where it is a step."""
    step = action.partition(":")[2]
    if step in definition.transitions and action.startswith(f"{content.type}:"):
        return title_of(definition.transitions[step])
    if action.startswith("office:") and step in VERBS:
        return title_of(VERBS[step])
    return gettext(JOURNAL_WORDS.get(action) or ACTION_WORDS.get(action) or ACTION_WORDS.get(step) or action)


JOURNAL_WORDS = {
    "errand:wrong_code": N_("确认码输错"),
    "custody:difference": N_("清点有出入"),
    "custody:move": N_("材料交接"),
    "paper:freeze": N_("制作文书"),
    "paper:print": N_("打印文书"),
    "paper:ready": N_("文书已生成"),
    "document:add": N_("上传文件"),
    "personal:reveal": N_("查看完整个人信息"),
    "letter:sign": N_("签订代办委托书"),
    "content:edit": N_("修改内容"),
    "seal:use": N_("用印"),
    "note:add": N_("记备注"),
    "certificate:draft": N_("起草证照"),
    "certificate:ask_correction": N_("申请更正"),
    "certificate:refuse_correction": N_("不同意更正"),
    "certificate:print_spoiled": N_("登记打坏"),
    "paper:ask_reprint": N_("申请补打"),
    "paper:agree_reprint": N_("同意补打"),
    "paper:refuse_reprint": N_("不同意补打"),
    "process:move": N_("改按新版流程办"),
    "process:return": N_("退回按旧版流程办"),
    "rule:run": N_("规则自动办理"),
    "rule:assign": N_("规则自动分派"),
    "archive:begin": N_("归档：给档号"),
    "archive:build": N_("归档：生成归档包"),
    "archive:receipt": N_("归档：登记接收回执"),
    "archive:propose": N_("归档：提出销毁"),
    "archive:agree": N_("归档：同意销毁"),
    "archive:refuse": N_("归档：不同意销毁"),
    "archive:destroy": N_("归档：按规定销毁"),
    "task:agreed": N_("会签同意"),
    "task:refused": N_("会签不同意"),
    "task:answered": N_("交回委派的意见"),
    "clock:near": N_("提醒：期限快到"),
    "clock:late": N_("提醒：已过期限"),
    "clock:recalculated": N_("工作日历变动，期限重算"),
    "notice:send": N_("发出提醒"),
    "message:tell": N_("告知办事人"),
    "message:resend": N_("重发短信"),
    "message:failed": N_("短信未送达"),
    "message:told": N_("已电话告知"),
    "message:unreached": N_("电话没有打通"),
    "authority:return": N_("授权结束，交回"),
    "item:place": N_("改各地办法"),
    "item:owner": N_("改事项归属"),
    "item:channels": N_("开关渠道"),
    "item:publicise": N_("再宣传一次"),
    "item:follow": N_("关注指南"),
    "item:unfollow": N_("不再关注"),
    "photos:judge": N_("看过照片"),
    "item:assist": N_("网上指导代办"),
}


# Steps between colleagues of one office: whoever does not work on the thing never learns of them.
INSIDE: set[str] = set(inside.ACTIONS)
# Steps whose words go from one office to another; filled in by the features that have such.
BETWEEN_OFFICES: set[str] = set()


# What features add to the time line, or say beside its lines: session, thing, reader, the filter, the lines so far.
FURTHER: list[Callable[[Session, Content, Actor, str, list[dict[str, Any]]], None]] = []


def entries(
    session: Session, content: Content, actor: Actor, *, kind: str = "", limit: int = 100
) -> list[dict[str, Any]]:
    """Journal, notes and documents in one time line, newest first. Internal notes only for those who hold `internal`."""
    definition = library.of(content, session)
    insider = access.may(actor, "internal", content, session)
    # Masked sight is of times and states: what people wrote, and the names of files, may hold anything.
    full = access.may(actor, access.VIEW_FULL, content, session)
    found: list[dict[str, Any]] = []
    if kind in ("", "move", "paper", "view"):
        rows = (
            session.execute(
                select(JournalEntry)
                .where(JournalEntry.content_id == content.id)
                # That somebody was told is in the journal and at the bell; here it would only hide what was done.
                .where(JournalEntry.action.not_in(("notice:send", "message:tell")))
                .options(joinedload(JournalEntry.person), joinedload(JournalEntry.substitute_for))
                .order_by(JournalEntry.id.desc())
                .limit(limit)
            )
            .scalars()
            .all()
        )
        named = _named(session, rows)
        for entry in rows:
            entry_kind = (
                "paper"
                if entry.action.startswith("paper:")
                else "view"
                if entry.action == "personal:reveal"
                else "document"
                if entry.action.startswith("document:")
                else "move"
            )
            if entry_kind == "document" or (kind and entry_kind != kind):
                continue
            if (entry_kind == "view" or entry.action in INSIDE) and not insider:
                continue
            found.append(
                {
                    "when": moment(entry.at),
                    "at": entry.at,
                    "iso": entry.at.isoformat(),
                    "who": entry.person.name if entry.person else "",
                    "for_whom": entry.substitute_for.name if entry.substitute_for else "",
                    "title": entry_title(content, definition, entry.action) + _to_whom(entry, named),
                    # Under whose authority a step was taken stands beside what was said.
                    "text": "；".join(t for t in (entry.comment, _detail_text(entry.details)) if t)
                    if full and (insider or entry.action not in BETWEEN_OFFICES)
                    else "",
                    "kind": entry_kind,
                }
            )
    if full and kind in ("", "message", "note"):
        notes = (
            select(Note)
            .where(Note.content_id == content.id)
            .options(joinedload(Note.author))
            .order_by(Note.id.desc())
            .limit(limit)
        )
        for note in session.scalars(notes):
            note_kind = "note" if note.audience == "internal" else "message"
            if (note_kind == "note" and not notes_of.reads(session, actor, note, insider)) or (
                kind and kind != note_kind
            ):
                continue
            found.append(
                {
                    "when": moment(note.at),
                    "at": note.at,
                    "iso": note.at.isoformat(),
                    "who": note.author.name if note.author else "",
                    "for_whom": "",
                    "title": _note_title(note),
                    "text": note.text,
                    "kind": note_kind,
                    "note_id": note.id,
                }
            )
    if full and kind in ("", "document"):
        for document in session.scalars(
            select(Document)
            .where(Document.content_id == content.id)
            .options(joinedload(Document.uploaded_by))
            .order_by(Document.id.desc())
            .limit(limit)
        ):
            found.append(
                {
                    "when": moment(document.created_at),
                    "at": document.created_at,
                    "iso": document.created_at.isoformat(),
                    "who": document.uploaded_by.name if document.uploaded_by else "",
                    "for_whom": "",
                    "title": gettext("上传 %(name)s", name=document.filename),
                    "text": "",
                    "kind": "document",
                }
            )
    for further in FURTHER:
        further(session, content, actor, kind, found)
    found.sort(key=lambda e: e["at"], reverse=True)
    return found[:limit]


def _note_title(note: Note) -> str:
    if note.audience != "internal":
        return gettext("留言")
    return gettext("内部备注（只给本单位）") if note.unit_id else gettext("内部备注")


def _named(session: Session, rows: Sequence[JournalEntry]) -> dict[Any, str]:
    """The names of the colleagues and units that things were passed on to, in at most two queries."""
    people = {row.details["to_person"] for row in rows if row.details.get("to_person")}
    units = {row.details["to_unit"] for row in rows if row.details.get("to_unit")}
    named: dict[Any, str] = {}
    for model, ids in ((Person, people), (Agency, units)):
        if ids:
            named |= {i: name for i, name in session.execute(select(model.id, model.name).where(model.id.in_(ids)))}
    return named


def _to_whom(entry: JournalEntry, named: dict[Any, str]) -> str:
    name = named.get(entry.details.get("to_person") or entry.details.get("to_unit"))
    return f" → {name}" if name else ""


def _detail_text(details: dict[str, Any] | None) -> str:
    return str((details or {}).get("text", ""))


def applicant_view(content: Content, actor: Actor, session: Session) -> dict[str, Any] | None:
    """The applicant, masked; whoever may see everything asks for it with a reason (see access.reveal)."""
    person = content.applicant
    spec = library.type(content.type).field("applicant")
    full = access.may(actor, access.VIEW_FULL, content, session)
    right = field_access.right(session, content, spec, actor, full=full) if spec is not None else OPEN
    if person is None or right == HIDDEN:
        return None

    def part(name: str, text: str | None) -> Any:
        url = url_for("access.reveal", uid=content.uid, name=f"applicant.{name}") if full else None
        return {"text": text, "reveal_url": url} if text else None

    return {
        "name": person.name if full and right != MASKED else mask_name(person.name),
        "id_number": part("id_number", mask_id_number(person.id_number)),
        "phone": part("phone", mask_phone(person.phone) if person.phone else None),
        "address": part("address", mask_address(person.address) if person.address else None),
        "agent": None,
    }
