"""What happened to a thing, in words: its way through the usual states and the rows of its history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from blueprints.present import day, moment, title_of
from models.agency import Agency
from models.content import Content
from models.ledger import JournalEntry
from models.paper import Document, Note
from models.person import Person
from process import access
from process.access import Actor
from process.definition import Definition
from process.library import library
from process.office import VERBS
from process.words import N_
from services import inside
from services import notes as notes_of


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
    "queue_visit:other_queue": N_("停了一队，改排另一队"),
    "errand:wrong_code": N_("确认码输错"),
    "errand:thank": N_("向跑腿工致谢"),
    "exchange:print": N_("自助打印通办证明"),
    "fax:match": N_("传真放进材料"),
    "delegation:succeed": N_("由承接单位继续办理"),
    "custody:difference": N_("清点有出入"),
    "custody:move": N_("材料交接"),
    "paper:freeze": N_("制作文书"),
    "paper:print": N_("打印文书"),
    "paper:ready": N_("文书已生成"),
    "document:add": N_("上传文件"),
    "personal:reveal": N_("查看完整个人信息"),
    "letter:sign": N_("签订代办委托书"),
    "content:edit": N_("修改内容"),
    "case:materials": N_("登记收到的材料"),
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
    "promise:lapse_told": N_("提醒：容缺的材料到期没有补"),
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
    insider = access.may(actor, "internal", content, session)
    # Masked sight is of times and states: what people wrote, and the names of files, may hold anything.
    full = access.may(actor, access.VIEW_FULL, content, session)
    found: list[dict[str, Any]] = []
    if kind in ("", "move", "paper", "view"):
        found += _moves(session, content, kind, limit, full=full, insider=insider)
    if full and kind in ("", "message", "note"):
        found += _words(session, content, actor, kind, limit, insider=insider)
    if full and kind in ("", "document"):
        found += _documents(session, content, limit)
    for further in FURTHER:
        further(session, content, actor, kind, found)
    found.sort(key=lambda e: e["at"], reverse=True)
    return found[:limit]


def _line(at: datetime, who: Person | None, title: str, kind: str, **more: Any) -> dict[str, Any]:
    named = who.name if who else ""
    line = {"when": moment(at), "at": at, "iso": at.isoformat(), "who": named, "for_whom": "", "title": title}
    return line | {"text": "", "kind": kind} | more


def _moves(
    session: Session, content: Content, kind: str, limit: int, *, full: bool, insider: bool
) -> list[dict[str, Any]]:
    """What was done, from the journal."""
    definition = library.of(content, session)
    rows = session.scalars(
        select(JournalEntry)
        .where(JournalEntry.content_id == content.id)
        # That somebody was told is in the journal and at the bell; here it would only hide what was done.
        .where(JournalEntry.action.not_in(("notice:send", "message:tell")))
        .options(joinedload(JournalEntry.person), joinedload(JournalEntry.substitute_for))
        .order_by(JournalEntry.id.desc())
        .limit(limit)
    ).all()
    named = _named(session, rows)
    reminded: set[tuple[str, str]] = set()
    found = []
    for entry in rows:
        entry_kind = _kind(entry)
        if entry_kind == "document" or (kind and entry_kind != kind):
            continue
        if (entry_kind == "view" or entry.action in INSIDE) and not insider:
            continue
        # One reminder rings at the holder and at the head: two rows of the journal, one line here.
        if entry.action.startswith("clock:"):
            if (rung := (entry.action, moment(entry.at))) in reminded:
                continue
            reminded.add(rung)
        # Under whose authority a step was taken stands beside what was said.
        said = "；".join(t for t in (entry.comment, _detail_text(entry.details)) if t)
        found.append(
            _line(
                entry.at,
                entry.person,
                entry_title(content, definition, entry.action) + _to_whom(entry, named),
                entry_kind,
                for_whom=entry.substitute_for.name if entry.substitute_for else "",
                text=said if full and (insider or entry.action not in BETWEEN_OFFICES) else "",
            )
        )
    return found


def _kind(entry: JournalEntry) -> str:
    if entry.action == "personal:reveal":
        return "view"
    head = entry.action.partition(":")[0]
    return head if head in ("paper", "document") else "move"


def _words(
    session: Session, content: Content, actor: Actor, kind: str, limit: int, *, insider: bool
) -> list[dict[str, Any]]:
    """What was said, to the resident or among colleagues."""
    found = []
    for note in _newest(session, content, Note, Note.author, limit):
        note_kind = "note" if note.audience == "internal" else "message"
        if kind and kind != note_kind:
            continue
        if note_kind == "note" and not notes_of.reads(session, actor, note, insider):
            continue
        found.append(_line(note.at, note.author, _note_title(note), note_kind, text=note.text, note_id=note.id))
    return found


def _documents(session: Session, content: Content, limit: int) -> list[dict[str, Any]]:
    return [
        _line(one.created_at, one.uploaded_by, gettext("上传 %(name)s", name=one.filename), "document")
        for one in _newest(session, content, Document, Document.uploaded_by, limit)
    ]


def _newest(session: Session, content: Content, model: Any, who: Any, limit: int) -> Any:
    """The latest rows of this kind that lie with the thing, each with the person `who` names."""
    mine = select(model).where(model.content_id == content.id).options(joinedload(who))
    return session.scalars(mine.order_by(model.id.desc()).limit(limit))


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
