"""扫码接收: a pile of envelopes is scanned, counted one by one against their lists, and signed for in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.content import Content
from models.delegation import Delegation, Handover
from models.ledger import JournalEntry
from models.person import Person
from process import access, engine
from process.access import Actor
from process.library import library
from process.numbers import CHINA
from process.refusals import InvalidInput, NotFound, Refusal, Stale
from services import actions, codes, custody, further
from services.codes import Code

# Who signs for papers anywhere; at which place, the definition says for each ticket.
RECEIVERS = frozenset({"window_clerk", "back_office_reviewer", "community_clerk", "all_round_worker", "delegate"})
# The step that signs for papers, and the lists that are counted for it.
STEPS = {"receive": ("send", "pass_on"), "take_over": ("result",)}
# Papers that came after the first count: supplied, or sent back.
FURTHER = "count_further"
MAX_ROWS = 100
READY, DONE, WAITING, ENDED, NOT_OURS, UNKNOWN = "ready", "done", "waiting", "ended", "not_ours", "unknown"


@dataclass(frozen=True)
class Found:
    """What one code leads to, in a sentence; the ticket only where this actor may see it in full."""

    code: str
    verdict: str
    sentence: str
    ticket: Delegation | None = None
    step: str = ""
    handover: Handover | None = None
    # Another thing the code belongs to that this page does not receive, such as a courier run.
    other: Content | None = None

    @property
    def sheets(self) -> int:
        return sum(line.sheets for line in self.handover.lines) if self.handover else 0


def may_receive(actor: Actor) -> bool:
    return actor.resident_id is None and not RECEIVERS.isdisjoint(actor.roles)


def look(session: Session, actor: Actor, raw: str) -> Found:
    """One scanned code: ready to be counted, or plainly why not."""
    if not may_receive(actor):
        raise NotFound()
    code = codes.read(raw)
    if not code.known:
        said = "没有读到内容" if not code.shown else f"“{code.shown}”不是代办单的编号或二维码"
        return Found(code.shown, UNKNOWN, f"{said}。请扫交接单左下角的二维码，或输入 DB- 开头的编号。")
    return _of_things(session, actor, code, codes.things(session, code))


def _of_things(session: Session, actor: Actor, code: Code, things: Sequence[Content]) -> Found:
    tickets = [ticket for thing in things for ticket in codes.tickets(session, thing)]
    found = [_of_ticket(session, actor, code, ticket) for ticket in tickets]
    for verdict in (READY, WAITING, DONE, ENDED, NOT_OURS):
        for one in found:
            if one.verdict == verdict:
                return one
    for thing in things:
        if not tickets and access.may(actor, access.VIEW, thing, session):
            return Found(code.shown, UNKNOWN, f"{thing.number}没有要接收的代办材料。", other=thing)
    # Of a number that could have been guessed, nobody learns here whether it exists.
    return Found(
        code.shown,
        UNKNOWN,
        f"没有找到“{code.shown}”，或者它不是送到本单位的。请核对编号，或扫交接单上的二维码。",
    )


def _of_ticket(session: Session, actor: Actor, code: Code, ticket: Delegation) -> Found:
    if access.may(actor, access.VIEW_FULL, ticket, session):
        return _seen(session, actor, code, ticket)
    if ticket.state in ("withdrawn", "closed") and (code.check or _was_ours(actor, ticket)):
        said = "已经撤回" if ticket.state == "withdrawn" else "已经办结归档"
        return Found(code.shown, ENDED, f"这份代办单{said}，不用接收。材料请退还{custody.full_name(ticket.place)}。")
    if code.check:
        # Whoever scans this has the paper itself in hand, and its addressee is printed on it.
        to = custody.full_name(ticket.place if ticket.state in ("result_sent", "returned") else ticket.addressee)
        return Found(code.shown, NOT_OURS, f"这份不是送到本单位的，收件单位是{to}。请交还送件人或转送过去。")
    return Found(code.shown, UNKNOWN, "")


def _was_ours(actor: Actor, ticket: Delegation) -> bool:
    """It once lay before this actor's post, so that they may hear how it ended."""
    paths = [held.path for held in actor.held if held.role in RECEIVERS]
    return any(p.relation == "addressee" and p.place_path.startswith(path) for p in ticket.places for path in paths)


def _seen(session: Session, actor: Actor, code: Code, ticket: Delegation) -> Found:
    open_now = {step.id for step in engine.available(ticket, actor)}
    number = ticket.number or code.shown
    for step, lists in STEPS.items():
        handover = custody.latest(session, ticket, *lists) if step in open_now else None
        if handover is not None and handover.lines:
            return Found(code.shown, READY, "", ticket, step, handover)
        if step in open_now:
            return Found(code.shown, WAITING, f"{number}没有随附材料，请打开这一件接收。", ticket)
    more = further.waiting(session, ticket, actor) if FURTHER in open_now else None
    if more is not None:
        return Found(code.shown, READY, "", ticket, FURTHER, more)
    match ticket.state:
        case "sent":
            verdict, said = WAITING, f"是转给{ticket.addressee.name}的，由对方清点接收"
        case "result_sent":
            verdict, said = WAITING, f"是送回{custody.full_name(ticket.place)}的结果，由对方清点"
        case "draft":
            verdict, said = WAITING, "还没有转出，转出后才能接收"
        case "returned":
            verdict, said = WAITING, "已退回，请先修改再转出"
        case "withdrawn" | "closed":
            verdict, said = ENDED, "已经撤回，不用接收" if ticket.state == "withdrawn" else "已经办结归档，不用接收"
        case _:
            verdict, said = DONE, _received(session, ticket) or "已经接收，不用再收"
    return Found(code.shown, verdict, f"{number}{said}。", ticket)


def _received(session: Session, ticket: Delegation) -> str:
    """By whom and when, from the journal."""
    row = session.scalar(
        select(JournalEntry)
        .where(
            JournalEntry.content_id == ticket.id,
            JournalEntry.action.in_([f"{ticket.type}:{step}" for step in (*STEPS, FURTHER)]),
        )
        .options(joinedload(JournalEntry.person))
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    if row is None:
        return ""
    at = row.at.astimezone(CHINA)
    return f"已由{row.person.name if row.person else '系统'}于{at.month}月{at.day}日 {at:%H:%M}清点接收，不用再收"


# --- Signing for the pile


@dataclass(frozen=True)
class Counted:
    """One envelope that the clerk has counted and found as listed: the list that was before them, by its id."""

    uid: str
    handover_id: int
    version: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one envelope."""

    uid: str
    number: str
    done: bool
    sentence: str
    ticket: Delegation | None = field(default=None, compare=False)


def receive_all(
    session: Session, actor: Actor, rows: Iterable[Counted], *, on_behalf_of: Person | None = None
) -> list[Outcome]:
    """Signs for every envelope said to be as listed, each by itself: what cannot be received stops no other."""
    if not may_receive(actor):
        raise NotFound()
    wanted = {row.uid: row for row in rows}
    if not wanted:
        raise InvalidInput("还没有勾选“清点无误”的代办单。请先逐份清点，再勾选。", {"pick": "请先清点再勾选"})
    if len(wanted) > MAX_ROWS:
        raise InvalidInput(
            f"一次最多接收 {MAX_ROWS} 件，现在是 {len(wanted)} 件。请分几次接收。",
            {"pick": f"一次最多 {MAX_ROWS} 件"},
        )
    mine = access.visible(select(Delegation.uid, Delegation.id).where(Delegation.uid.in_(wanted)), actor, Delegation)
    ids = {uid: ticket_id for uid, ticket_id in session.execute(mine)}
    # All at once and in one order for everybody: two clerks with one pile would else wait for each other.
    locked = select(Content.id).where(Content.id.in_(ids.values())).order_by(Content.id).with_for_update()
    session.execute(locked)
    session.expire_all()
    outcomes: dict[str, Outcome] = {}
    for uid in sorted(wanted, key=lambda one: ids.get(one, 0)):
        outcomes[uid] = _receive(session, actor, wanted[uid], ids.get(uid), on_behalf_of)
    return [outcomes[uid] for uid in wanted]


def _receive(
    session: Session, actor: Actor, row: Counted, ticket_id: int | None, on_behalf_of: Person | None
) -> Outcome:
    ticket = session.get(Delegation, ticket_id) if ticket_id is not None else None
    if ticket is None or not access.may(actor, access.VIEW_FULL, ticket, session):
        return Outcome(row.uid, "", False, "这一件已经不在本单位的收件里，可能刚被撤回。请问问转出单位。")
    number = ticket.number or ""
    before = _seen(session, actor, Code(number), ticket)
    if before.verdict != READY:
        return Outcome(row.uid, number, _mine(session, actor, ticket), before.sentence, ticket)
    try:
        with session.begin_nested():
            handover = before.handover
            assert handover is not None
            if handover.id != row.handover_id:
                raise Stale("交接清单换过了，请按新的清单重新清点。")
            lines = [{"line": line.position, "counted": line.sheets} for line in handover.lines]
            actions.perform(
                ticket,
                before.step,
                actor,
                {"lines": lines},
                expected_version=row.version,
                on_behalf_of=on_behalf_of,
            )
    except Refusal as refusal:
        session.expire_all()
        return Outcome(row.uid, number, False, refusal.detail, ticket)
    title = library.of(ticket, session).states[ticket.state].title.zh
    return Outcome(row.uid, number, True, f"已按清单接收，现在是“{title}”。", ticket)


def _mine(session: Session, actor: Actor, ticket: Delegation) -> bool:
    """Signed for by this very person a moment ago: pressing twice is no failure."""
    signed = session.scalar(
        select(JournalEntry.person_id)
        .where(
            JournalEntry.content_id == ticket.id,
            JournalEntry.action.in_([f"{ticket.type}:{step}" for step in (*STEPS, FURTHER)]),
        )
        .order_by(JournalEntry.id.desc())
        .limit(1)
    )
    return (
        signed is not None and signed == actor.person_id and ticket.state in ("received", "handed_over", "processing")
    )
