"""Printers and their millimetres: a sheet is printed and measured, and what was measured becomes offset and scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.base import now
from models.printer import Printer
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Conflict, InvalidInput, NotFound, Stale
from process.words import N_
from services import print_desk
from services.papers import calibration
from services.print_files import Profile

PAPERS = tuple(calibration.SHEETS)
DUPLEX = {"no": N_("单面"), "long": N_("双面，长边翻"), "short": N_("双面，短边翻")}
# Beyond this nobody has measured but mistyped, or the paper lies askew.
MOST_OFFSET, LEAST_SCALE, MOST_SCALE = 20_000, 9_500, 10_500
MARKS = ("left", "top", "right", "bottom")
WORDS = {
    "left": N_("左上十字离左边"),
    "top": N_("左上十字离上边"),
    "right": N_("右下十字离左边"),
    "bottom": N_("右下十字离上边"),
}


def mine(session: Session, actor: Actor, *, active: bool = False) -> Sequence[Printer]:
    """The printers of one's units."""
    statement = select(Printer).where(print_desk.within(Printer.unit_path, actor, print_desk.DESK | print_desk.RULERS))
    if active:
        statement = statement.where(Printer.active)
    return session.scalars(
        statement.options(joinedload(Printer.unit)).order_by(Printer.active.desc(), Printer.name)
    ).all()


def load(session: Session, actor: Actor, uid: str, roles: frozenset[str] = print_desk.DESK) -> Printer:
    """A printer of one's units; any other does not exist."""
    found = session.scalar(select(Printer).where(Printer.uid == uid).with_for_update())
    if found is None or not print_desk.works_at(actor, found.unit_path, roles | print_desk.RULERS):
        raise NotFound("没有这台打印机，或者它不归您管。")
    return found


def save(session: Session, actor: Actor, data: Mapping[str, Any], printer: Printer | None = None) -> Printer:
    """A new printer, or one whose paper or name changed."""
    errors: dict[str, str] = {}
    name = _text(data.get("name"), errors)
    paper, duplex = str(data.get("paper") or ""), str(data.get("duplex") or "no")
    if paper not in PAPERS:
        errors["paper"] = f"纸张请在{'、'.join(PAPERS)}中选"
    if duplex not in DUPLEX:
        errors["duplex"] = "请选单面或双面"
    if errors:
        raise InvalidInput(f"打印机还没有保存：{'；'.join(errors.values())}。", errors)
    if printer is not None and str(data.get("version") or printer.version) != str(printer.version):
        raise Stale("您改的时候，别人改了这台打印机。请刷新后再改。")
    unit = (
        printer.unit
        if printer is not None
        else print_desk.unit(session, actor, str(data.get("unit") or ""), print_desk.DESK | print_desk.RULERS)
    )
    namesake = session.scalar(select(Printer.id).where(Printer.unit_id == unit.id, Printer.name == name))
    if namesake is not None and (printer is None or namesake != printer.id):
        raise Conflict(f"这个单位已有叫“{name}”的打印机，请换个名字，例如加上位置。")
    if printer is None:
        printer = Printer(unit_id=unit.id, unit_path=unit.path, district=unit.district, name=name, version=0)
        session.add(printer)
    if printer.id and printer.paper != paper:
        # Measured for the other paper: fed elsewhere, off by something else.
        _forget(printer)
    printer.name, printer.paper, printer.duplex = name, paper, duplex
    printer.active = data.get("active", "1") not in ("", "0", False)
    printer.version += 1
    session.flush()
    journal.record(session, "printer:save", actor, stream="system", details={"printer": printer.uid, "name": name})
    return printer


def _text(value: Any, errors: dict[str, str]) -> str:
    try:
        text = clean_text(value or "", 60)
    except ValueError as problem:
        errors["name"] = f"名称{problem}"
        return ""
    if not text:
        errors["name"] = "请给打印机起个名字，例如“二楼证照机”"
    return text


def _forget(printer: Printer) -> None:
    printer.offset_x = printer.offset_y = 0
    printer.scale_x = printer.scale_y = 10_000
    printer.measured_at = printer.measured_by_id = None


def measure(session: Session, actor: Actor, printer: Printer, data: Mapping[str, Any]) -> Printer:
    """What was measured on the printed sheet, in millimetres, becomes offset and scale; absurd values change nothing."""
    errors: dict[str, str] = {}
    found = {mark: _millimetres(data.get(mark), mark, errors) for mark in MARKS}
    if not errors:
        true = calibration.marks(printer.paper)
        x = _solve(true["left"], true["right"], found["left"], found["right"])
        y = _solve(true["top"], true["bottom"], found["top"], found["bottom"])
        for (offset, scale), names, side in ((x, ("left", "right"), "左右"), (y, ("top", "bottom"), "上下")):
            if not LEAST_SCALE <= scale <= MOST_SCALE or abs(offset) > MOST_OFFSET:
                for name in names:
                    errors[name] = f"{side}两个数算出来差得太多，请重新量（单位是毫米，从纸边量到十字中心）"
    if errors:
        listed = "；".join(dict.fromkeys(errors.values()))
        raise InvalidInput(f"没有保存，原来的校准不变：{listed}。", errors)
    (printer.offset_x, printer.scale_x), (printer.offset_y, printer.scale_y) = x, y
    printer.measured_at, printer.measured_by_id = now(), actor.person_id
    printer.version += 1
    session.flush()
    journal.record(
        session,
        "printer:measure",
        actor,
        stream="system",
        details={"printer": printer.uid, "offset": [x[0], y[0]], "scale": [x[1], y[1]]},
    )
    return printer


def _millimetres(value: Any, mark: str, errors: dict[str, str]) -> Decimal:
    text = (
        str(value or "")
        .strip()
        .replace("，", ".")
        .replace(",", ".")
        .translate({0xFF10 + n: 0x30 + n for n in range(10)})
    )
    try:
        number = Decimal(text)
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        errors[mark] = f"{WORDS[mark]}：请填毫米数，例如 20.5"
        return Decimal(0)
    if not 0 < number < 500:
        errors[mark] = f"{WORDS[mark]}：应在 0 到 500 毫米之间，您填的是 {text[:12]}"
    return number


def _solve(near: int, far: int, seen_near: Decimal, seen_far: Decimal) -> tuple[int, int]:
    """The printer shows `near` at `seen_near`: stretched and moved the other way, it shows it where it belongs."""
    stretch = (seen_far - seen_near) / (far - near)
    if stretch <= 0:
        return MOST_OFFSET + 1, 0
    moved = seen_near - stretch * near
    return round(-moved / stretch * 1000), round(10_000 / stretch)


def profile(printer: Printer | None) -> Profile:
    """The corrections of a printer as they stand now."""
    if printer is None:
        return Profile()
    return Profile(printer.offset_x, printer.offset_y, printer.scale_x, printer.scale_y, printer.duplex)


def sheet(printer: Printer, *, corrected: bool) -> bytes:
    """The sheet to print and measure: as the printer is, or with its corrections, to see that they are right."""
    from services import print_files

    content = calibration.sheet(printer.paper, printer.name, printer.unit.name, corrected=corrected)
    return print_files.merged([content], profile(printer)).content if corrected else content
