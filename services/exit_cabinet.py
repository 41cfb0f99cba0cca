"""自助取件柜: one box, one code that the product makes and only the resident is told; whoever types it takes everything in the box."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.exit import ExitReceipt, Outgoing
from process import access, journal
from process.access import Actor
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from services import custody, exit_handing, outgoing
from services.exit_handing import CODE, Collector
from services.exit_moves import require_free
from services.messages import facts, listening

MOST_TRIES = 5
# Six figures and five tries: one chance in two hundred thousand, after which the box is locked.
FIGURES = 6
_BOX = re.compile(r"[0-9A-Za-z-]{1,10}")
LOCKED = "取件码输错太多次，已锁住。请取回窗口，核对身份证后当面交出。"
WRONG = "柜号或取件码不对，请照消息里的重新输入。"


def put(session: Session, actor: Actor, rows: Sequence[Outgoing], box: str) -> None:
    """Results of one person into one box of the 24-hour hall; the code goes to the resident alone, once for all of them."""
    for row in rows:
        require_free(session, row)
    if len({row.resident_id for row in rows}) != 1 or len({row.unit_id for row in rows}) != 1:
        raise InvalidInput("选的结果不是同一个人的，不能放在一个柜里。请一人一柜。", {"box": "不是同一个人的"})
    if rows[0].resident_id is None:
        raise RequirementUnmet("办件上没有申请人本人，取件码没有人可告诉，不能放进取件柜。请改为窗口领取。")
    number = _number(box)
    for row in rows:
        if custody.originals_out(row.case):
            raise RequirementUnmet(f"{row.case.number}还有申请人的原件要当面归还，不能放进取件柜。请改为窗口领取。")
    first = rows[0]
    # One at a time into the boxes of a hall, or two people would find the same one empty.
    session.scalar(select(Agency.id).where(Agency.id == first.unit_id).with_for_update(of=Agency, key_share=True))
    there = _inside(session, first.unit_id, number)
    if any(one.resident_id != first.resident_id for one in there):
        raise NotAvailable(f"{number}号柜里还放着别人的结果，请换一个柜。")
    if any(one.code_failures >= MOST_TRIES for one in there):
        raise NotAvailable(f"{number}号柜的取件码输错太多次，已锁住。请先收回窗口，再重新放。")
    # What is put beside it later opens with the code that was told already.
    code = next((one.code for one in there if one.code), None) or _new_code()
    failures, at = max((one.code_failures for one in there), default=0), now()
    for row in rows:
        row.way, row.state, row.box = "terminal", outgoing.UNDERWAY, number
        row.code, row.code_failures = code, failures
        row.waits_since, row.reminded, row.reminded_at = at, 0, None
        journal.record(session, "exit:cabinet", actor, content=row.case, details={"box": number})
    session.flush()
    where = facts.detail(first.unit, "address") or first.unit.name
    told = replace(
        facts.at(session, first.case, first.unit),
        number="、".join(str(row.case.number) for row in rows),
        item="、".join(dict.fromkeys(row.case.title for row in rows)),
        place=f"{where}自助取件柜{number}号",
        code=code,
    )
    listening.resident(session, first.case, "result_in_cabinet", told, once=f"{first.uid}:{at.isoformat()}")


def _number(box: str) -> str:
    number = "".join(box.split()).upper()
    if not _BOX.fullmatch(number):
        raise InvalidInput("柜号不对。请照柜门上的写，例如 A12。", {"box": "柜号不对"})
    return number


def _new_code() -> str:
    return f"{secrets.randbelow(10**FIGURES):0{FIGURES}d}"


def _inside(session: Session, unit_id: str, number: str) -> list[Outgoing]:
    """What lies in a box now, locked in one order: of two who type at once the second waits."""
    found = session.scalars(
        select(Outgoing)
        .where(
            Outgoing.unit_id == unit_id,
            Outgoing.state == outgoing.UNDERWAY,
            Outgoing.way == "terminal",
            Outgoing.box == number,
        )
        .order_by(Outgoing.id)
        .with_for_update(of=Outgoing)
        .execution_options(populate_existing=True)
    )
    return list(found)


def opened(session: Session, row: Outgoing) -> list[Outgoing]:
    """Everything in the box in which this result lies."""
    if row.way != "terminal" or row.state != outgoing.UNDERWAY or not row.code:
        raise NotAvailable("这件不在取件柜里。")
    inside = _inside(session, row.unit_id, row.box)
    if row not in inside:
        raise NotAvailable("这件不在取件柜里。")
    return inside


def at_terminal(session: Session, actor: Actor, box: str) -> Outgoing | None:
    """The box that somebody names at the terminal of this hall; None where nothing lies in it."""
    number = "".join(box.split()).upper()
    mine = outgoing.paths(actor)
    # Of two halls with a box of this number the one in which the terminal stands.
    found = session.scalars(
        select(Outgoing)
        .where(Outgoing.state == outgoing.UNDERWAY, Outgoing.way == "terminal", Outgoing.box == number[:20])
        .order_by(Outgoing.unit_id != actor.unit_id, Outgoing.id)
    )
    for row in found:
        if any(row.unit.path.startswith(path) for path in mine) and access.may(
            actor, access.VIEW_FULL, row.case, session
        ):
            return row
    return None


def fits(session: Session, row: Outgoing, code: str) -> bool:
    """Whether the code typed is the one that was told; a wrong one counts against the whole box."""
    inside = opened(session, row)
    if any(one.code_failures >= MOST_TRIES for one in inside):
        raise NotAvailable(LOCKED)
    typed = "".join(code.split()).encode()
    if row.code and hmac.compare_digest(typed, row.code.encode()):
        return True
    for one in inside:
        one.code_failures += 1
    session.flush()
    return False


def wrong_code(row: Outgoing) -> str:
    """What is said after a wrong code."""
    left = MOST_TRIES - row.code_failures
    return f"取件码不对，还可以试 {left} 次。" if left > 0 else LOCKED


def take(session: Session, actor: Actor, row: Outgoing) -> ExitReceipt:
    """The code was right: everything in the box is delivered, and one receipt says how."""
    inside, at = opened(session, row), now()
    owner = row.resident
    collector = Collector(CODE, owner.name if owner else "", "", letter=False)
    for one in inside:
        one.state = outgoing.WAITING
    exit_handing.take(session, actor, inside, collector, at)
    receipt = exit_handing.write_receipt(session, actor, inside, collector, at)
    exit_handing.print_receipt(session, actor, receipt, at)
    return receipt
