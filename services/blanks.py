"""空白证件: serials come in as a range, go to a unit, and each ends used for one certificate, spoiled or returned."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.blank import Blank, BlankMove
from models.paper import Certificate
from models.print_batch import PrintBatch
from process import journal
from process.access import Actor
from process.refusals import Conflict, InvalidInput, NotFound, RequirementUnmet
from process.words import N_
from services import print_desk

STOCK, USED, SPOILED, RETURNED = "stock", "used", "spoiled", "returned"
VERBS = {"receive": N_("领入"), "give": N_("发放"), "use": N_("使用"), "spoil": N_("作废"), "return": N_("退回")}
MOST = 10_000
_SERIAL = re.compile(r"([A-Z]{0,8})([0-9]{1,14})\Z")


def serial_text(value: Any) -> str:
    """A serial as it was typed: full-width letters, blanks and small letters do not matter."""
    return "".join(unicodedata.normalize("NFKC", str(value or "")).split()).upper()[:40]


def kinds() -> dict[str, str]:
    """The stock that some paper is printed on, with the paper's name."""
    from services.papers.definition import load_all

    return {
        paper.terms.overprint.stock: paper.title_zh
        for paper in load_all().values()
        if paper.terms.overprint is not None
    }


def serials(first: Any, last: Any) -> list[str]:
    """Every serial of a range as it is printed on the sheets: letters, then digits of one length."""
    begin, end = _serial(first, "first"), _serial(last, "last")
    (letters, low), (others, high) = begin, end
    if letters != others or len(low) != len(high):
        raise InvalidInput(
            f"起号“{letters}{low}”和止号“{others}{high}”不是同一种编号：前面的字母和数字的位数要一样。",
            {"last": "与起号的字母或位数不同"},
        )
    count = int(high) - int(low) + 1
    if count < 1:
        raise InvalidInput("止号比起号小，请把两个号对调或改正。", {"last": "止号应不小于起号"})
    if count > MOST:
        raise InvalidInput(f"一次最多登记 {MOST} 张，这一段有 {count} 张，请分几次登记。", {"last": f"最多 {MOST} 张"})
    return [f"{letters}{number:0{len(low)}d}" for number in range(int(low), int(high) + 1)]


def _serial(value: Any, name: str) -> tuple[str, str]:
    found = _SERIAL.match(serial_text(value))
    if found is None:
        label = "起号" if name == "first" else "止号"
        raise InvalidInput(
            f"{label}请照空白证件上的样子填写，字母在前、数字在后，例如 A0001234。", {name: "例如 A0001234"}
        )
    return found[1], found[2]


def receive(session: Session, actor: Actor, unit_id: str, kind: str, first: Any, last: Any, source: Any) -> BlankMove:
    """A box has come in: its serials are in stock here. A serial that was ever received does not come in twice."""
    unit = print_desk.unit(session, actor, unit_id, print_desk.KEEPERS)
    if kind not in kinds():
        raise InvalidInput("请选空白证件的种类。", {"kind": "请选择"})
    numbers = serials(first, last)
    note = print_desk.reason(source, "来源，例如“区局发放，送货单 2026-12”")
    known = session.execute(
        select(func.min(Blank.serial), func.max(Blank.serial), func.count()).where(
            Blank.district == unit.district,
            Blank.kind == kind,
            Blank.serial.between(numbers[0], numbers[-1]),
            func.length(Blank.serial) == len(numbers[0]),
        )
    ).one()
    if known[2]:
        raise Conflict(_already(known[0], known[1], known[2]))
    at = now()
    try:
        with session.begin_nested():
            for begin in range(0, len(numbers), 1000):
                session.execute(
                    insert(Blank),
                    [
                        {
                            "district": unit.district,
                            "kind": kind,
                            "serial": serial,
                            "unit_id": unit.id,
                            "unit_path": unit.path,
                            "status": STOCK,
                            "changed_by_id": actor.person_id,
                            "changed_at": at,
                        }
                        for serial in numbers[begin : begin + 1000]
                    ],
                )
    except IntegrityError as error:
        # Somebody else received a part of the range between our look and our write.
        raise Conflict(_already(numbers[0], numbers[-1], 0)) from error
    return _move(session, actor, "receive", kind, numbers[0], numbers[-1], len(numbers), unit, reason=note)


def _already(first: str, last: str, count: int) -> str:
    known = f"其中 {count} 张（{first}—{last}）" if count else "其中有的"
    return f"这一段号码{known}已经登记过，同一张空白证件不能登记两次。请核对起止号。"


def give(session: Session, actor: Actor, unit_id: str, kind: str, first: Any, last: Any, to_id: str) -> BlankMove:
    """A range goes to another unit: all of it must lie in stock here."""
    unit = print_desk.unit(session, actor, unit_id, print_desk.KEEPERS)
    target = session.get(Agency, to_id)
    if target is None or target.district != unit.district or target.kind in ("grid", "building"):
        raise InvalidInput("请选要发放到的单位。", {"to": "请选择单位"})
    if target.id == unit.id:
        raise InvalidInput("发放到的单位就是现在的单位，不用发放。", {"to": "请选另一个单位"})
    numbers = serials(first, last)
    _change(session, actor, unit, kind, numbers, {"unit_id": target.id, "unit_path": target.path})
    return _move(session, actor, "give", kind, numbers[0], numbers[-1], len(numbers), unit, to=target)


def give_back(session: Session, actor: Actor, unit_id: str, kind: str, first: Any, last: Any, why: Any) -> BlankMove:
    """Unused sheets go back where they came from; they are counted, and never used again."""
    unit = print_desk.unit(session, actor, unit_id, print_desk.KEEPERS)
    note = print_desk.reason(why, "退回原因")
    numbers = serials(first, last)
    _change(session, actor, unit, kind, numbers, {"status": RETURNED, "reason": note})
    return _move(session, actor, "return", kind, numbers[0], numbers[-1], len(numbers), unit, reason=note)


def spoil(session: Session, actor: Actor, unit_id: str, kind: str, first: Any, last: Any, why: Any) -> BlankMove:
    """Sheets that were torn or misprinted before anything stood on them."""
    unit = print_desk.unit(session, actor, unit_id, print_desk.KEEPERS)
    note = print_desk.reason(why, "作废原因")
    numbers = serials(first, last)
    _change(session, actor, unit, kind, numbers, {"status": SPOILED, "reason": note})
    return _move(session, actor, "spoil", kind, numbers[0], numbers[-1], len(numbers), unit, reason=note)


def _change(
    session: Session, actor: Actor, unit: Agency, kind: str, numbers: Sequence[str], values: dict[str, Any]
) -> None:
    """All of the range or nothing: each sheet must be in stock here at this very moment."""
    wanted = (
        Blank.district == unit.district,
        Blank.kind == kind,
        Blank.unit_id == unit.id,
        Blank.serial.between(numbers[0], numbers[-1]),
        func.length(Blank.serial) == len(numbers[0]),
        Blank.status == STOCK,
    )
    with session.begin_nested():
        changed = session.execute(
            update(Blank)
            .where(*wanted)
            .values(**values, changed_by_id=actor.person_id, changed_at=now())
            .execution_options(synchronize_session=False)
        )
        count = int(getattr(changed, "rowcount", 0))
        if count != len(numbers):
            raise RequirementUnmet(
                f"{unit.name}的库存里，{numbers[0]}—{numbers[-1]} 这 {len(numbers)} 张只有 {count} 张。"
                "其余的没有领入、已发放、已使用或已作废，请看台账后改起止号。"
            )
    session.expire_all()


def _move(
    session: Session,
    actor: Actor,
    verb: str,
    kind: str,
    first: str,
    last: str,
    count: int,
    unit: Agency,
    *,
    to: Agency | None = None,
    reason: str = "",
) -> BlankMove:
    made = BlankMove(
        district=unit.district,
        kind=kind,
        verb=verb,
        first=first,
        last=last,
        count=count,
        unit_id=unit.id,
        unit_path=unit.path,
        to_id=to.id if to else None,
        to_path=to.path if to else None,
        reason=reason,
        person_id=actor.person_id,
        at=now(),
    )
    session.add(made)
    session.flush()
    journal.record(
        session,
        f"blank:{verb}",
        actor,
        stream="system",
        comment=reason or None,
        details={"kind": kind, "first": first, "last": last, "count": count, "unit": unit.id, "to": made.to_id},
    )
    return made


# --- One sheet, one certificate


def available(session: Session, district: str, unit_path: str, kind: str, first: str) -> int:
    """How many sheets lie in stock at a unit from this serial on."""
    return (
        session.scalar(
            select(func.count()).where(
                Blank.district == district,
                Blank.kind == kind,
                Blank.unit_path == unit_path,
                Blank.status == STOCK,
                Blank.serial >= first,
                func.length(Blank.serial) == len(first),
            )
        )
        or 0
    )


def take(session: Session, actor: Actor, certificate: Certificate, unit_path: str, kind: str, first: str) -> Blank:
    """The next sheet from this serial on, for this certificate: of two who reach for it, the second takes the next."""
    for _ in range(50):
        found = session.scalar(
            select(Blank)
            .where(
                Blank.district == certificate.district,
                Blank.kind == kind,
                Blank.unit_path == unit_path,
                Blank.status == STOCK,
                Blank.serial >= first,
                func.length(Blank.serial) == len(first),
            )
            .order_by(Blank.serial)
            .limit(1)
        )
        if found is None:
            raise RequirementUnmet(f"空白证件从 {first} 起已用完。请领入新的一段，登记后再试这一行。")
        won = session.execute(
            update(Blank)
            .where(Blank.id == found.id, Blank.status == STOCK)
            .values(
                status=USED,
                certificate_id=certificate.id,
                number=certificate.number or "",
                changed_by_id=actor.person_id,
                changed_at=now(),
            )
            .execution_options(synchronize_session=False)
        )
        session.refresh(found)
        if getattr(won, "rowcount", 0) == 1:
            return found
    raise Conflict("这一段空白证件正被别人使用，请稍候再试这一行。")


def note_used(session: Session, actor: Actor, batch: PrintBatch, used: Sequence[Blank]) -> None:
    """One line of the ledger for the sheets that a piece of a batch has used; each sheet itself names its certificate."""
    session.add(
        BlankMove(
            district=batch.district,
            kind=batch.blank_kind,
            verb="use",
            first=used[0].serial,
            last=used[-1].serial,
            count=len(used),
            unit_id=batch.unit_id,
            unit_path=batch.unit_path,
            person_id=actor.person_id,
            at=now(),
        )
    )
    session.flush()


def spoil_used(session: Session, actor: Actor, blank: Blank, why: Any) -> Blank:
    """Misprinted: the sheet keeps the number it was printed for, and why it was thrown away."""
    note = print_desk.reason(why, "打坏的原因")
    session.refresh(blank, with_for_update=True)
    if blank.status != USED:
        raise Conflict(f"{blank.serial} 已登记为{_word(blank.status)}，不用再登记。")
    blank.status, blank.reason = SPOILED, note
    blank.changed_by_id, blank.changed_at = actor.person_id, now()
    session.flush()
    _move(session, actor, "spoil", blank.kind, blank.serial, blank.serial, 1, blank.unit, reason=note)
    return blank


def _word(status: str) -> str:
    return {STOCK: "在库", USED: "已用", SPOILED: "作废", RETURNED: "退回"}[status]


# --- The ledger


def load(session: Session, actor: Actor, blank_id: int) -> Blank:
    found = session.get(Blank, blank_id)
    if found is None or not print_desk.works_at(actor, found.unit_path, print_desk.KEEPERS):
        raise NotFound()
    return found


def balance(session: Session, actor: Actor) -> list[dict[str, Any]]:
    """Per unit and kind: stock, used, spoiled, returned and all; the columns always add up, because each sheet is one row."""
    rows = session.execute(
        select(Blank.unit_id, Blank.kind, Blank.status, func.count(), func.min(Blank.serial))
        .where(print_desk.within(Blank.unit_path, actor, print_desk.KEEPERS | print_desk.RULERS | {"supervisor"}))
        .group_by(Blank.unit_id, Blank.kind, Blank.status)
    ).all()
    names = kinds()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for unit_id, kind, status, count, first in rows:
        line = found.setdefault(
            (unit_id, kind),
            {"unit": unit_id, "kind": kind, "title": names.get(kind, kind), "all": 0, "next": ""}
            | dict.fromkeys((STOCK, USED, SPOILED, RETURNED), 0),
        )
        line[status] = count
        line["all"] += count
        if status == STOCK:
            line["next"] = first
    units = {a.id: a.name for a in session.scalars(select(Agency).where(Agency.id.in_({k[0] for k in found})))}
    for line in found.values():
        line["name"] = units.get(line["unit"], line["unit"])
    return sorted(found.values(), key=lambda line: (line["name"], line["title"]))


def moves(session: Session, actor: Actor, limit: int = 60) -> Sequence[BlankMove]:
    """The latest lines of the ledger of one's units, given or received."""
    roles = print_desk.KEEPERS | print_desk.RULERS | {"supervisor"}
    return session.scalars(
        select(BlankMove)
        .where(
            print_desk.within(BlankMove.unit_path, actor, roles) | print_desk.within(BlankMove.to_path, actor, roles)
        )
        .options(joinedload(BlankMove.unit), joinedload(BlankMove.to), joinedload(BlankMove.person))
        .order_by(BlankMove.id.desc())
        .limit(limit)
    ).all()


def sheets(session: Session, actor: Actor, *, word: str = "", limit: int = 60) -> Sequence[Blank]:
    """Sheets that were used or spoiled, the latest first; or the one with this serial, or for this certificate."""
    statement = select(Blank).where(
        print_desk.within(Blank.unit_path, actor, print_desk.KEEPERS | print_desk.RULERS | {"supervisor"})
    )
    if word:
        statement = statement.where((Blank.serial == serial_text(word)) | (Blank.number == word.strip()))
    else:
        statement = statement.where(Blank.status.in_((USED, SPOILED)))
    return session.scalars(
        statement.options(joinedload(Blank.unit), joinedload(Blank.changed_by))
        .order_by(Blank.changed_at.desc(), Blank.id.desc())
        .limit(limit)
    ).all()
