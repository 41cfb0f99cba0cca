"""What each step of a part does, and what the ticket above hears of it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from models.delegation import Delegation, Handover
from process import clock, engine, journal, registry
from process.access import Actor
from process.refusals import RequirementUnmet
from process.registry import Step
from process.words import N_
from services import at_hand, counting, custody, delegations, further, notices, sub_tickets
from services.custody import Line, Party

TOLD = {
    "receive": N_("转办单 %(part)s 已接手"),
    "return": N_("转办单 %(part)s 被退回，请看原因"),
    "promise": N_("转办单 %(part)s 定了答复日期"),
    "answer": N_("转办单 %(part)s 已答复"),
}
LATE = N_("转办单 %(part)s 答应的日期晚于代办单的期限，请先告诉办事人")


# --- Out and in


@registry.requirement("part_may_go")
def part_may_go(step: Step) -> None:
    """The list is right before anything is written: only what lies here goes along."""
    sub: Delegation = step.content
    _lines(step, sub)
    day = clock.local_day(step.at)
    if not sub.addressee.exists_on(day):
        raise RequirementUnmet(f"{sub.addressee.name}已停止办公，不能转办过去。请改选现在办公的单位。")


def _lines(step: Step, sub: Delegation) -> list[Line]:
    parent = sub.parent
    assert parent is not None
    lines = custody.read_lines(step.inputs.get("lines") or [], parent.case)
    at_hand.require_at_hand(lines, parent.addressee, step.actor.person_id)
    return lines


@registry.effect("send_part")
def send_part(step: Step) -> None:
    """The other unit sees this part from now on, and nothing else of the matter."""
    sub: Delegation = step.content
    engine.add_place(step, sub, "addressee", sub.addressee)
    sub.unit_id, sub.assignee_id = sub.addressee_id, None
    lines = _lines(step, sub)
    if lines:
        handover = custody.write(
            step.session,
            sub,
            "pass_on",
            custody.unit(sub.place, step.actor),
            _asked(sub),
            lines,
            step.at,
            case=custody.case_of(sub),
        )
        step.details |= {"handover": handover.id, "lines": len(lines), "sheets": sum(line.sheets for line in lines)}


def _asked(sub: Delegation) -> Party:
    return custody.unit(sub.addressee)


@registry.requirement("part_counted")
def part_counted(step: Step) -> None:
    handover = _list(step)
    if handover is not None:
        counting.read(handover, step.inputs.get("lines") or [], partial=True)


def _list(step: Step) -> Handover | None:
    """The list to be counted; a part without papers has none."""
    found = custody.latest(step.session, step.content, "pass_on")
    return found if found is not None and found.signed_at is None else None


@registry.effect("take_part_in")
def take_part_in(step: Step) -> None:
    sub: Delegation = step.content
    sub.assignee_id = step.actor.person_id
    handover = _list(step)
    if handover is None:
        return
    taker = custody.unit(sub.addressee, step.actor)
    counts = counting.read(handover, step.inputs.get("lines") or [], partial=True)
    differing = counting.sign(step, handover, counts, taker, sub.parent, signature=counting.signature(step))
    back = counting.send_rest_back(step, handover, counts, taker, custody.unit(sub.place), sub.parent)
    step.details |= {"handover": handover.id, "lines": len(counts), "differences": len(differing)}
    if back is not None:
        further.await_count(sub, back)
        step.details["sent_back"] = len(back.lines)


@registry.effect("part_back")
def part_back(step: Step) -> None:
    """Returned uncounted: whatever was on the list never left the asking unit."""
    sub: Delegation = step.content
    sent = custody.latest(step.session, sub, "pass_on")
    if sent is not None and sent.signed_at is None:
        lines = [
            Line(one.name, one.sheets, one.original, one.condition, custody.material_of(step, one))
            for one in sent.lines
        ]
        home = custody.unit(sub.place)
        handover = custody.write(
            step.session, sub, "return", _asked(sub), home, lines, step.at, case=custody.case_of(sub)
        )
        custody.sign_unseen(step, handover, home)
        step.details["handover"] = handover.id


# --- Answering


@registry.effect("keep_promise_day", writes=("promised",))
def keep_promise_day(step: Step) -> None:
    """The day they gave is the part's date from now on."""
    sub: Delegation = step.content
    day = sub_tickets.read_day(step.inputs["date"], clock.local_day(step.at), "date", "答应的日期")
    sub.fields = {**(sub.fields or {}), "promised": day.isoformat(), "due_on": day.isoformat()}
    step.details["promised"] = day.isoformat()


@registry.requirement("part_papers_listed")
def part_papers_listed(step: Step) -> None:
    """The answer takes the originals back with it."""
    sub: Delegation = step.content
    lines = _answer_lines(step)
    listed = {line.material.id for line in lines if line.material and line.original}
    left = [m for m in sub_tickets.papers_there(step.session, sub) if m.id not in listed]
    if left:
        named = "、".join(m.name for m in left)
        raise RequirementUnmet(
            f"原件还在这里，没有列入交接清单：{named}。请写上清单，随答复一起交回。", {"lines": "原件要一起交回"}
        )


def _answer_lines(step: Step) -> list[Line]:
    sub: Delegation = step.content
    case = custody.case_of(sub)
    if step.inputs.get("lines"):
        lines = custody.read_lines(step.inputs["lines"], case)
        at_hand.require_at_hand(lines, sub.addressee, step.actor.person_id)
        return lines
    return [Line(m.name, m.sheets or 1, True, "", m) for m in sub_tickets.papers_there(step.session, sub)]


@registry.effect("answer_part", writes=("verdict", "answer"))
def answer_part(step: Step) -> None:
    """Yes, no or only words; papers that came along go back on a list, to be counted there."""
    sub: Delegation = step.content
    lines = _answer_lines(step)
    sub.fields = {
        **(sub.fields or {}),
        "verdict": step.inputs["verdict"],
        "answer": step.inputs["comment"],
    }
    sub.unit_id, sub.assignee_id = sub.place_id, None
    _give(step, lines)
    step.details["verdict"] = step.inputs["verdict"]


def _give(step: Step, lines: list[Line]) -> None:
    """Until the asking unit has counted them, the papers are the giver's."""
    if not lines:
        return
    sub: Delegation = step.content
    giver, taker = custody.unit(sub.addressee, step.actor), custody.unit(sub.place)
    written = custody.write(step.session, sub, "answer", giver, taker, lines, step.at, case=custody.case_of(sub))
    further.await_count(sub, written)
    step.details |= {"handover": written.id, "lines": len(lines)}


@registry.predicate("papers_still_there", why="您这里没有要交回的原件。")
def papers_still_there(session: Session, sub: Delegation, actor: Actor) -> bool:
    """An original was missing when the answer was counted; it is still with the unit asked."""
    return bool(sub_tickets.papers_there(session, sub)) and further.waiting(session, sub) is None


@registry.effect("hand_papers_back")
def hand_papers_back(step: Step) -> None:
    _give(step, _answer_lines(step))


@registry.requirement("part_papers_back")
def part_papers_back(step: Step) -> None:
    """A part does not end while originals of it are with the other unit."""
    sub: Delegation = step.content
    out = sub_tickets.papers_there(step.session, sub)
    if out or sub_tickets.on_the_way(step.session, sub):
        named = "、".join(f"{m.name}（在{custody.holder(m)}）" for m in out) or "交回的材料还没有清点"
        raise RequirementUnmet(
            f"转办单 {sub.number} 的材料还没有收回：{named}。请对方交回，清点收下以后，才能结束这张单子。"
        )


@registry.effect("close_part")
def close_part(step: Step) -> None:
    """The sight this part gave ends with it."""
    sub: Delegation = step.content
    engine.end_places(step, sub)
    delegations.end_sight(step, sub, sub)
    sub.unit_id, sub.assignee_id = sub.place_id, None


# --- What flows back


@registry.effect("tell_ticket")
def tell_ticket(step: Step) -> None:
    """Every step of a part stands in the history of the ticket it belongs to; answers and dates ring the bell."""
    sub: Delegation = step.content
    parent = sub.parent
    assert parent is not None
    words = [f"{sub.number} {custody.full_name(sub.addressee)}"]
    if step.inputs.get("verdict"):
        words.append(sub_tickets.VERDICTS[step.inputs["verdict"]])
    if step.inputs.get("date"):
        day = step.inputs["date"]
        words.append(f"答应{day.year}年{day.month}月{day.day}日前答复")
    if step.transition.id == "send":
        words.append(str((sub.fields or {}).get("question") or ""))
    elif step.inputs.get("comment"):
        words.append(step.inputs["comment"])
    journal.record(
        step.session,
        f"sub_ticket:{step.transition.id}",
        step.actor,
        content=parent,
        comment="：".join(words)[:2000],
        details={"sub": sub.uid, "number": sub.number, "verdict": step.inputs.get("verdict")},
        on_behalf_of=step.on_behalf_of,
        at=step.at,
    )
    if step.transition.id not in TOLD:
        return
    # `number` is always the thing a notice leads to, and that is the ticket.
    params = {"part": sub.number}
    readers = [notices.holder(step.session, parent)]
    if step.transition.id in ("return", "answer"):
        readers.append(parent.first_contact)
    for reader in {id(one): one for one in readers if one is not None}.values():
        notices.notify(
            step.session,
            parent,
            to=reader,
            kind=f"sub_ticket:{step.transition.id}",
            text=TOLD[step.transition.id],
            params=params,
            actor=step.actor,
        )
        if step.transition.id == "promise" and sub_tickets.later_than(parent, sub):
            notices.notify(
                step.session, parent, to=reader, kind="sub_ticket:late", text=LATE, params=params, actor=step.actor
            )


# --- What the ticket does to its parts


@registry.effect("open_joint_parts")
def open_joint_parts(step: Step) -> None:
    """主送 gets the papers; every 协办单位 named with the ticket gets a part of its own."""
    parent: Delegation = step.content
    for agency_id in (parent.fields or {}).get("co_addressees") or ():
        addressee = delegations.addressee_of(step.session, agency_id)
        question = (parent.fields or {}).get(
            "message"
        ) or f"请协助办理“{parent.title}”，并答复{parent.addressee.name}。"
        sub = sub_tickets.open_part(
            step.session, step.actor, parent, addressee, question, joint=True, allowed=True, at=step.at
        )
        engine.fire(sub, "send", step.actor, on_behalf_of=step.on_behalf_of, cause=step)


@registry.effect("call_parts_back")
def call_parts_back(step: Step) -> None:
    """Without the ticket there is nothing to answer: its parts end with it."""
    reason = f"代办单 {step.content.number} 已“{step.transition.title.zh}”"
    for sub in sub_tickets.parts(step.session, step.content):
        if sub.state == sub_tickets.ANSWERED:
            engine.fire(sub, "take_back", step.actor, cause=step)
        elif sub.closed_at is None:
            engine.fire(sub, "withdraw", step.actor, inputs={"comment": reason}, cause=step)


@registry.effect("close_answered_parts")
def close_answered_parts(step: Step) -> None:
    """Answers nobody has put away yet are put away with the decision they were for."""
    for sub in sub_tickets.parts(step.session, step.content):
        if sub.state == sub_tickets.ANSWERED:
            engine.fire(sub, "take_back", step.actor, cause=step)
