"""Where the places of a street lie, in metres from the upper left corner of its drawing: entered by its administrator, by hand or from a table."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from process import access, journal
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound
from services import grid_rights, jurisdiction, places, street_map

KINDS = (
    "community", "village", "grid", "community_station", "errand_point", "errand_station", "street_centre",
    "sub_centre", "extended_outlet", "bank_outlet",
)  # fmt: skip
# A street is seldom wider than this; more is a slip of the finger.
FURTHEST = 50_000


def load(session: Session, actor: Actor, place_id: str) -> Agency:
    """The street of this place, if this actor keeps its positions."""
    found = session.get(Agency, place_id)
    street = places.street_above(session, found.path) if found is not None else None
    if street is None or not jurisdiction.of(actor).administers(street.path):
        raise NotFound()
    return street


def below(session: Session, street: Agency) -> list[Agency]:
    """Everything of a street that has a place on its drawing and is in use."""
    rows = session.scalars(
        select(Agency)
        .where(access.within(Agency.path, street.path), Agency.kind.in_(KINDS))
        .options(joinedload(Agency.parent))
        .order_by(Agency.path)
    )
    today = grid_rights.today()
    return [one for one in rows if one.exists_on(today)]


# The table that is brought in has the same headings (services/imports/kinds.py), so what was taken out can be mended and brought in again.
COLUMNS = ("代码", "名称", "横（米）", "纵（米）")


def table(session: Session, street: Agency) -> bytes:
    """All places of a street with what is entered, as an Excel file; what is not entered is left empty to be filled in."""
    book = Workbook()
    sheet = book.active
    sheet.title = "名单"
    sheet.append(COLUMNS)
    for one in below(session, street):
        known = street_map.entered(one)
        sheet.append([one.code, one.name, *(map(str, map(round, known)) if known is not None else ("", ""))])
    for row in sheet.iter_rows():
        for cell in row:
            # A name that looks like a formula stays text.
            cell.data_type, cell.number_format = "s", "@"
    for cell, width in zip(sheet[1], (20, 30, 12, 12), strict=True):
        cell.font = Font(bold=True)
        sheet.column_dimensions[cell.column_letter].width = width
    sheet.freeze_panes = "A2"
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def save(session: Session, actor: Actor, street: Agency, given: Mapping[str, Any]) -> int:
    """All positions of a street at once, from the boxes x_… and y_…; answers how many places changed."""
    found: dict[str, tuple[Agency, list[int] | None]] = {}
    errors: dict[str, str] = {}
    for one in below(session, street):
        if f"x_{one.id}" not in given and f"y_{one.id}" not in given:
            continue
        try:
            position = read(given.get(f"x_{one.id}"), given.get(f"y_{one.id}"), f"x_{one.id}", f"y_{one.id}")
        except InvalidInput as refusal:
            errors |= {name: f"{one.name}：{said}" for name, said in refusal.errors.items()}
            continue
        found[one.id] = (one, position)
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(list(errors.values())[:5]) + "。", errors)
    changed = [(one, position) for one, position in found.values() if _old(one) != position]
    if not changed:
        raise InvalidInput("与原来一样，没有要改的。")
    write(session, actor, street, changed)
    return len(changed)


def read(x: Any, y: Any, x_field: str, y_field: str) -> list[int] | None:
    """Both numbers or neither."""
    across, down = str(x or "").strip(), str(y or "").strip()
    if not across and not down:
        return None
    errors = {}
    for raw, field in ((across, x_field), (down, y_field)):
        if not raw:
            errors[field] = "横、纵要么都填，要么都空着"
        elif not raw.isascii() or not raw.isdecimal() or len(raw) > 6 or int(raw) > FURTHEST:
            errors[field] = f"请填 0 到 {FURTHEST} 的整数，单位是米"
    if errors:
        raise InvalidInput("位置不对：" + "；".join(errors.values()) + "。", errors)
    return [int(across), int(down)]


def write(session: Session, actor: Actor, street: Agency, changed: list[tuple[Agency, list[int] | None]]) -> None:
    """One entry of the journal for all of them, with what stood there before."""
    if not jurisdiction.of(actor).administers(street.path):
        raise Forbidden(f"{street.name}的位置由管理它的系统管理员登记。")
    before = {one.id: _old(one) for one, _position in changed}
    for one, position in changed:
        kept = {name: value for name, value in (one.details or {}).items() if name != street_map.POSITION}
        one.details = kept | ({street_map.POSITION: position} if position is not None else {})
    session.flush()
    after = {one.id: position for one, position in changed}
    details = {"before": before, "after": after}
    journal.record(session, "agency:positions", actor, stream=f"agency:{street.id}", details=details)


def _old(agency: Agency) -> list[int] | None:
    found = street_map.entered(agency)
    return [round(found[0]), round(found[1])] if found is not None else None
