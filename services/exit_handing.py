"""一并交出: several results of one person leave together, against one signature — all of them, or none and a sentence why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case
from models.delegation import Delegation
from models.exit import ExitReceipt, Outgoing
from models.one_thing import OneThing, OneThingMember
from process import journal, numbers
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber
from process.inputs import clean_text
from process.refusals import InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, certificates, custody, files, handing_over, office, outgoing, papers_out, trips
from services.catalogue_items import record_of
from services.messages import telling
from services.papers_common import signature as picture_of
from services.papers_out import Occasion, data_for

HOLDER, AGENT, CODE = "holder", "agent", "code"
MOST = 20
LONGEST_NAME = 60
SERIES, PREFIX = "exit_receipt", "CJ"
PAPER = "exit_receipt"
_one_receipt: ContextVar[bool] = ContextVar("one_receipt", default=False)


@contextmanager
def _signed_together() -> Iterator[None]:
    """While this lasts, a certificate that leaves makes no receipt of its own."""
    token = _one_receipt.set(True)
    try:
        yield
    finally:
        _one_receipt.reset(token)


def signed_elsewhere() -> bool:
    """Whether one receipt stands for everything that leaves now."""
    return _one_receipt.get()


@dataclass(frozen=True)
class Collector:
    """Whoever stands there, with what the clerk checked."""

    who: str
    name: str
    id_number: str
    relation: str = ""
    letter: bool = False


def hand_over(session: Session, actor: Actor, uids: Sequence[str], typed: Mapping[str, Any]) -> ExitReceipt:
    """Everything chosen goes into these hands, and one receipt says so."""
    wanted = list(dict.fromkeys(uids))
    if not wanted:
        raise InvalidInput("还没有选要交出的结果。请勾选一份或几份，再按“一并交出”。", {"pick": "请先勾选"})
    if len(wanted) > MOST:
        raise InvalidInput(f"一次最多交出 {MOST} 份，现在选了 {len(wanted)} 份。请分两次交。", {"pick": "太多了"})
    # In one order for everybody: of two clerks who press at once, the second waits and is then told.
    known = {
        uid: place for uid, place in session.execute(select(Outgoing.uid, Outgoing.id).where(Outgoing.uid.in_(wanted)))
    }
    rows = [outgoing.load(session, actor, uid) for uid in sorted(wanted, key=lambda uid: known.get(uid, 0))]
    _require_all_free(session, rows)
    collector = read_collector(session, rows, typed)
    sketched = files.signature_png(typed["signature"]) if typed.get("signature") else None
    at = now()
    take(session, actor, rows, collector, at)
    receipt = write_receipt(session, actor, rows, collector, at)
    if sketched is not None:
        document = files.store_signature(session, rows[0].case, actor, str(typed["signature"]), "领取人签名")
        receipt.signature_id = document.id
        session.flush()
    print_receipt(session, actor, receipt, at)
    return receipt


def _require_all_free(session: Session, rows: Sequence[Outgoing]) -> None:
    """All or none: each that cannot leave is named with its reason."""
    stopped = {row.uid: why for row in rows if (why := outgoing.obstacle(session, row))}
    if stopped:
        raise NotAvailable(
            _none_left(len(rows), stopped.values()), {f"pick-{uid}": why for uid, why in stopped.items()}
        )


def _none_left(wanted: int, reasons: Any) -> str:
    told = "".join(dict.fromkeys(reasons))
    head = "一份也没有交出：" if wanted > 1 else "还不能交出："
    tail = "请取消勾选不能交的，再交其余的。" if wanted > 1 else ""
    return f"{head}{told}{tail}"


# --- Who stands there


def read_collector(session: Session, rows: Sequence[Outgoing], typed: Mapping[str, Any]) -> Collector:
    """The card was looked at: the number is checked against whose results these are; an agent brings a letter for this person."""
    people = {row.resident_id for row in rows}
    if len(people) > 1:
        raise InvalidInput("选的结果不是同一个人的，不能开在一张签收单上。请一人一次交出。", {"pick": "不是同一个人的"})
    errors: dict[str, str] = {}
    who = str(typed.get("who") or "")
    if who not in (HOLDER, AGENT):
        errors["who"] = "请选领取人是本人，还是代领人"
    number = ""
    try:
        number = IdNumber.parse(str(typed.get("id_number") or "")).value
    except InvalidIdNumber as problem:
        errors["id_number"] = problem.detail.rstrip("。")
    owner = rows[0].resident
    owners = _numbers(session, rows)
    name = relation = ""
    if who == HOLDER:
        if number and owners and any(number not in one for one in owners):
            errors["id_number"] = "与办件上登记的身份证号码不一致；不是本人领取的，请选“代领人”"
        name = owner.name if owner is not None else ""
    elif who == AGENT:
        try:
            name = clean_text(typed.get("name") or "", LONGEST_NAME)
            relation = clean_text(typed.get("relation") or "", 30)
        except ValueError as problem:
            errors["name"] = f"代领人姓名或关系{problem}"
        if not name and "name" not in errors:
            errors["name"] = "请填写代领人的姓名"
        if number and all(number in one for one in owners):
            errors["id_number"] = "这是本人自己的身份证号码；本人领取的，请选“本人”"
        if not typed.get("letter"):
            errors["letter"] = "代领要有委托书：请核对原件后打勾，没有委托书不能交出"
    if errors:
        raise InvalidInput(f"还不能交出：{'；'.join(errors.values())}。", errors)
    return Collector(who, name, number, relation, bool(typed.get("letter")))


def _numbers(session: Session, rows: Sequence[Outgoing]) -> list[frozenset[str]]:
    """Of each result, whose numbers stand on it."""
    found = []
    for row in rows:
        certificate = certificates.of_case(session, row.case)
        own = handing_over.holder_numbers(certificate) if certificate is not None else frozenset()
        if row.resident is not None:
            own |= {row.resident.id_number.upper()}
        found.append(own)
    return found


# --- The steps


def take(session: Session, actor: Actor, rows: Sequence[Outgoing], collector: Collector, at: datetime) -> None:
    """Each by its own step; one that refuses undoes the others and is told with them."""
    stopped: dict[str, str] = {}
    with session.begin_nested() as together, _signed_together():
        for row in rows:
            try:
                with session.begin_nested():
                    _one(session, actor, row, collector, at)
            except Refusal as refusal:
                if refusal.status not in (403, 409, 422):
                    raise
                stopped[row.uid] = f"{row.case.number} {row.case.title}：{refusal.detail}"
        if stopped:
            together.rollback()
    if stopped:
        session.expire_all()
        raise RequirementUnmet(
            _none_left(len(rows), stopped.values()), {f"pick-{uid}": why for uid, why in stopped.items()}
        )


def _one(session: Session, actor: Actor, row: Outgoing, collector: Collector, at: datetime) -> None:
    case = row.case
    if row.kind == "refusal":
        if custody.originals_out(case):
            actions.perform(case, "give_back", actor)
        journal.record(session, trips.HANDED, actor, content=case, details={"way": "counter", "kind": row.kind}, at=at)
        outgoing.close(row, actor, at)
        trips.recount(session, case)
        return
    ticket = telling.open_ticket(session, case)
    if isinstance(ticket, Delegation) and ticket.state == "handed_over":
        actions.perform(ticket, "deliver", actor, {"way": "station", "collector": collector.name})
    else:
        # Of a couple's card the husband is a holder, too, also where he stands as agent for the wife's other matters.
        own = collector.id_number in _numbers(session, [row])[0]
        who = "" if collector.who == CODE else HOLDER if own else collector.who
        inputs = {
            "way": "terminal" if collector.who == CODE else _way(session, actor),
            "who": who,
            "collector": collector.name,
            "collector_id_number": collector.id_number,
            "letter": "1" if collector.letter else "",
        }
        actions.perform(case, "deliver", actor, {name: value for name, value in inputs.items() if value})


def _way(session: Session, actor: Actor) -> str:
    unit = session.get(Agency, actor.unit_id or "")
    return "station" if unit is not None and unit.kind in ("community", "village", "community_station") else "counter"


# --- The receipt


def bundle_of(session: Session, receipt: ExitReceipt) -> OneThing | None:
    """The 一件事 that left with this signature, if everything on it belongs to one."""
    cases = [row.case_id for row in receipt.rows]
    found = session.execute(
        select(OneThingMember.bundle_id, func.count())
        .where(OneThingMember.case_id.in_(cases))
        .group_by(OneThingMember.bundle_id)
    ).all()
    return session.get(OneThing, found[0][0]) if len(found) == 1 and found[0][1] == len(cases) else None


def write_receipt(
    session: Session, actor: Actor, rows: Sequence[Outgoing], collector: Collector, at: datetime
) -> ExitReceipt:
    first = rows[0]
    unit = session.get(Agency, actor.unit_id or "") or first.unit
    receipt = ExitReceipt(
        district=first.district,
        unit_id=unit.id,
        clerk_id=actor.person_id,
        resident_id=first.resident_id,
        who=collector.who,
        collector={
            "name": collector.name,
            "id_number": collector.id_number,
            "relation": collector.relation,
            "letter": collector.letter,
        },
        at=at,
    )
    session.add(receipt)
    session.flush()
    for row in rows:
        row.receipt_id = receipt.id
    year, value = numbers.draw(session, SERIES, first.district, at)
    receipt.number = numbers.plain(PREFIX, year, value)
    session.flush()
    session.expire(receipt, ["rows"])
    for row in rows:
        journal.record(
            session,
            "exit:receipt",
            actor,
            content=row.case,
            details={"receipt": receipt.number, "who": collector.who, "together": len(rows)},
            at=at,
        )
    return receipt


def print_receipt(session: Session, actor: Actor, receipt: ExitReceipt, at: datetime) -> None:
    """送达签收单（统一出件）: lies in the file of the first of them; the others say its number."""
    occasion = Occasion(session, receipt.rows[0].case, actor, at, {"_receipt": receipt})
    data = papers_out.collect(occasion, PAPER)
    assert data is not None, "a receipt that was just written has data"
    paper = papers_out.freeze(occasion, PAPER, data)
    receipt.paper_id = paper.id
    session.flush()


@data_for(PAPER)
def exit_receipt(occasion: Occasion) -> dict[str, Any] | None:
    """What stands on the one receipt: every result with its number, and the originals that went back with it."""
    session = occasion.session
    receipt = occasion.inputs.get("_receipt")
    if receipt is None:
        row = outgoing.of_case(session, occasion.content)
        receipt = row.receipt if row is not None else None
    if not isinstance(receipt, ExitReceipt):
        return None
    known, bundle = receipt.collector, bundle_of(session, receipt)
    owner = receipt.resident
    number = str(known.get("id_number") or "")
    own = receipt.who == HOLDER
    words = {HOLDER: "本人", AGENT: "代领人（凭委托书）", CODE: "凭取件码自助领取"}[receipt.who]
    if known.get("relation"):
        words = f"{words}，{known['relation']}"
    return {
        "number": receipt.number,
        "applicant_name": owner.name if owner is not None else "—",
        "bundle": f"{bundle.title} {bundle.number}" if bundle is not None else "",
        "documents": [line for row in receipt.rows for line in _lines(session, row)],
        "way": "terminal" if receipt.who == CODE else "counter",
        "agency": office.full_name(receipt.unit),
        "agency_phone": office.phone(receipt.unit),
        "deliverer_name": receipt.clerk.name,
        "recipient_name": known.get("name") or "",
        "recipient_id_number": number if own else (IdNumber.parse(number, allow_old=True).masked if number else ""),
        "recipient_relation": words,
        "delivered_at": receipt.at,
        "recipient_signature": picture_of(session, receipt.signature_id),
    }


def _lines(session: Session, row: Outgoing) -> list[dict[str, Any]]:
    case: Case = row.case
    certificate = certificates.of_case(session, case)
    if row.kind == "refusal":
        name = "不予受理决定书" if case.state == "rejected" else "不予批准决定书"
        found = [(name, "", "原件")]
    elif certificate is not None:
        found = [(certificate.title, certificate.number or "", "原件")]
    else:
        outputs = record_of(case.item).outputs or ("办理结果",)
        found = [(name, "", "原件") for name in outputs]
    rows = [
        {"case_number": case.number, "name": f"{name}", "number": number, "form": form, "copies": 1}
        for name, number, form in found
    ]
    back = custody.latest(session, case, "give_back")
    if back is not None:
        rows += [
            {
                "case_number": case.number,
                "name": f"{line.name}（退还）",
                "number": "",
                "form": "原件",
                "copies": line.sheets,
            }
            for line in back.lines
        ]
    return rows
