"""银行发放: the payer's list with account numbers — made, taken out as a file, registered as paid; seen by nobody else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.payment import PaymentLine, PaymentList
from process import access, clock, engine, journal, numbers
from process.access import Actor
from process.calendar_days import say
from process.inputs import clean_text
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, NotFound
from services import sheets

TYPE, WAITING, ROLE, SERIES = "subsidy_three_level", "district_approved", "disbursing_bank", "payment_list"
MOST = 500
TAKEN = "有的已经列进别的清单，或者刚被退回。页面已经更新，请重新勾选。"
ACCOUNT = re.compile(r"\d{12,21}")


@dataclass(frozen=True)
class Payment:
    """One line as the payer reads it; `wrong` says why it cannot be paid."""

    content: Content
    name: str
    account: str
    amount: int
    wrong: str


def post_of(session: Session, actor: Actor) -> Agency:
    """Where this actor pays; whoever does not is told so."""
    held = next((one for one in actor.held if one.role == ROLE), None)
    place = session.scalar(select(Agency).where(Agency.path == held.path)) if held is not None else None
    if place is None:
        raise Forbidden("发放清单上有银行账号，只有发放银行看得到。请由银行的人办理。")
    return place


def waiting(session: Session, actor: Actor) -> list[Payment]:
    """Approved and on no list yet, the one that waits longest first."""
    post_of(session, actor)
    taken = select(PaymentLine.content_id).where(PaymentLine.state.in_(("listed", "paid")))
    found = session.scalars(
        access.visible(
            select(Content).where(Content.type == TYPE, Content.state == WAITING, Content.id.not_in(taken)), actor
        )
        .order_by(Content.entered_at, Content.id)
        .limit(MOST)
    )
    return [payment(one) for one in found]


def payment(content: Content) -> Payment:
    """What is to be paid to whom, and what is wrong with it."""
    account = "".join(str((content.private or {}).get("bank_account") or "").split())
    amount = (content.fields or {}).get("monthly_amount")
    wrong = ""
    if not ACCOUNT.fullmatch(account):
        wrong = "银行账号应是 12 到 21 位数字，请退回核对"
    elif not isinstance(amount, int) or amount <= 0:
        wrong = "还没有批准金额，请退回核对"
    name = content.applicant.name if content.applicant else ""
    return Payment(content, name, account, amount if isinstance(amount, int) else 0, wrong)


def make(session: Session, actor: Actor, uids: Sequence[str]) -> PaymentList:
    """A list of what was ticked; each application stands on one list only, whoever presses first."""
    place = post_of(session, actor)
    open_now = {one.content.uid: one for one in waiting(session, actor)}
    chosen = [open_now[uid] for uid in dict.fromkeys(uids) if uid in open_now]
    if not uids:
        raise InvalidInput("还没有勾选要发放的，请至少勾一笔。", {"uid": "请勾选"})
    if len(chosen) < len(set(uids)):
        raise Conflict(TAKEN)
    bad = [f"{one.content.number}：{one.wrong}" for one in chosen if one.wrong]
    if bad:
        raise InvalidInput("这几笔不能发放：" + "；".join(bad) + "。", {"uid": "请先退回这几笔"})
    at = now()
    year, value = numbers.draw(session, SERIES, "", at)
    made = PaymentList(
        district=place.district,
        number=numbers.plain("FF", year, value),
        place_id=place.id,
        place_path=place.path,
        made_at=at,
        made_by_id=actor.person_id or 0,
    )
    made.lines = [PaymentLine(content_id=one.content.id, amount=one.amount) for one in chosen]
    try:
        with session.begin_nested():
            session.add(made)
            session.flush()
    except IntegrityError:
        # The index that lets an application stand on one live list only.
        raise Conflict(TAKEN) from None
    for one in chosen:
        journal.record(session, "payment:list", actor, content=one.content, details={"list": made.number}, at=at)
    return made


def lists(session: Session, actor: Actor, most: int = 50) -> list[PaymentList]:
    """The lists of one's own bank, newest first."""
    paths = {held.path for held in actor.held if held.role == ROLE}
    if not paths:
        return []
    mine = or_(*(access.within(PaymentList.place_path, path) for path in sorted(paths)))
    return list(session.scalars(select(PaymentList).where(mine).order_by(PaymentList.id.desc()).limit(most)))


def load(session: Session, actor: Actor, uid: str, *, lock: bool = True) -> PaymentList:
    """A list of one's own bank; for anybody else there is none. A page that only shows it locks nothing."""
    statement = select(PaymentList).where(PaymentList.uid == uid)
    found = session.scalar(statement.with_for_update() if lock else statement)
    if found is None or not actor.holds(ROLE, found.place_path):
        raise NotFound("没有找到这张发放清单。它可能不是贵行的，请从“发放清单”重新进入。")
    return found


def file_of(session: Session, actor: Actor, made: PaymentList) -> bytes:
    """The list as an Excel file for the bank's own program; who took it out is in the history of every line."""
    made.taken_out += 1
    at = now()
    rows = []
    for number, line in enumerate(made.lines, start=1):
        one = payment(line.content)
        rows.append((number, one.content.number, one.name, one.account, line.amount, one.content.title))
        journal.record(session, "payment:export", actor, content=line.content, details={"list": made.number}, at=at)
    total = sum(line.amount for line in made.lines)
    said = [
        f"发放清单 {made.number}，共 {len(rows)} 笔，合计 {total} 元",
        "内含银行账号，仅供发放银行办理本次发放，不得转交他人",
    ]
    content, _count = sheets.made(
        f"发放清单 {made.number}",
        said,
        ("序号", "申请编号", "姓名", "银行账号", "金额（元）", "补助项目"),
        rows,
        who=actor.name,
        at=at,
    )
    return content


def settle(session: Session, actor: Actor, made: PaymentList, day_text: str, failed: Mapping[str, str]) -> None:
    """Registers the day on which all was paid; what did not arrive goes back to the federation with the bank's reason."""
    if made.paid_on is not None:
        raise NotAvailable(f"清单 {made.number} 已登记在{say(made.paid_on)}发放，不能再登记一次。")
    errors: dict[str, str] = {}
    today = clock.local_day(now())
    try:
        day = date.fromisoformat(day_text.strip())
    except ValueError:
        day, errors["paid_on"] = today, "发放日期请写成 2026-03-05 的样子。"
    if "paid_on" not in errors and not clock.local_day(made.made_at) <= day <= today:
        errors["paid_on"] = "发放日期不能早于编清单那天，也不能晚于今天。"
    reasons: dict[str, str] = {}
    for uid, words in failed.items():
        try:
            reasons[uid] = clean_text(words, 120)
        except ValueError as problem:
            errors[f"reason-{uid}"] = f"没发成的原因{problem}。"
        if uid in reasons and not reasons[uid]:
            errors[f"reason-{uid}"] = "没发成的请写原因，例如“账号户名不符”。"
    if errors:
        raise InvalidInput("还不能登记发放：" + "".join(dict.fromkeys(errors.values())), errors)
    for line in made.lines:
        content = line.content
        if content.uid in reasons:
            line.state, line.reason = "failed", reasons[content.uid]
            session.flush()
            engine.fire(content, "back_to_approve", actor, inputs={"comment": line.reason})
        else:
            line.state = "paid"
            engine.fire(content, "pay", actor, inputs={"payment_list": made.number, "paid_on": day})
    made.paid_on, made.paid_by_id = day, actor.person_id
    session.flush()
