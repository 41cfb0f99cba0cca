"""Residents: found by the whole ID number, written once, never asked for again."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.agency import Agency
from models.resident import Resident
from process.identity import IdNumber, normalise_phone
from process.inputs import clean_text
from process.masking import mask_name
from process.refusals import InvalidInput
from services.address_routing import named_in

LONGEST_NAME = 60
LONGEST_ADDRESS = 90


def find_or_create(
    session: Session,
    data: Mapping[str, Any],
    community: Agency | str | None = None,
    grid: Agency | str | None = None,
    *,
    prefix: str = "",
) -> Resident:
    """The person behind an ID number. New contact data replace old ones; another name for the number is refused."""
    number, cleaned = _clean(data, prefix)
    resident = _by_number(session, number)
    if resident is None:
        resident = _add(session, number, cleaned["name"])
    elif same_name(resident.name, cleaned["name"]) is False:
        raise InvalidInput(
            f"这个身份证号码已登记在“{mask_name(resident.name)}”名下，与您填写的姓名不一致。请对照身份证核对姓名和号码；确属改名的，请先到派出所变更后由管理员更正。",
            {f"{prefix}name": "姓名与已登记的身份证号码不一致"},
        )
    if cleaned.get("phone"):
        resident.phone, resident.phone_index = cleaned["phone"], Resident.index_of(cleaned["phone"])
    for name in ("address", "household_address"):
        if cleaned.get(name):
            setattr(resident, name, cleaned[name])
    # Any station takes in for any address: where somebody lives says the address, not the counter.
    home = named_in(session, cleaned.get("address", ""))
    here = community.id if isinstance(community, Agency) else community
    if home is not None and home.id != here:
        community, grid = home, None
    _place(resident, community, grid)
    session.flush()
    return resident


def find_by_id_number(session: Session, text: str) -> Resident | None:
    """Only the whole number finds somebody; a part of it is refused, not searched."""
    return _by_number(session, IdNumber.parse(text))


def find_by_phone(session: Session, text: str) -> list[Resident]:
    """Everybody who gave this whole phone number; a family may share one."""
    return list(
        session.scalars(
            select(Resident)
            .where(Resident.phone_index == Resident.index_of(normalise_phone(text)))
            .order_by(Resident.id)
        )
    )


def same_name(one: str, other: str) -> bool:
    """Whether two spellings are one name: blanks and the width of the middle dot do not count."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFC", name).translate({ord(c): "·" for c in "•・‧∙．"}).split())


def _by_number(session: Session, number: IdNumber) -> Resident | None:
    return session.scalar(select(Resident).where(Resident.id_index == Resident.index_of(number.value)))


def _add(session: Session, number: IdNumber, name: str) -> Resident:
    resident = Resident(
        name=name,
        id_number=number.value,
        id_index=Resident.index_of(number.value),
        sex=number.sex_zh,
        birth_date=number.birth_date,
    )
    try:
        with session.begin_nested():
            session.add(resident)
    except IntegrityError:
        # Two counters register the same person at once: both mean the same row.
        found = _by_number(session, number)
        if found is None:
            raise
        return found
    return resident


def _clean(data: Mapping[str, Any], prefix: str) -> tuple[IdNumber, dict[str, str]]:
    """Every mistake at once, each by its field."""
    errors: dict[str, str] = {}
    cleaned: dict[str, str] = {}
    number: IdNumber | None = None
    try:
        number = IdNumber.parse(str(data.get("id_number") or ""))
    except InvalidInput as refusal:
        errors[f"{prefix}id_number"] = refusal.detail
    if str(data.get("phone") or "").strip():
        try:
            cleaned["phone"] = normalise_phone(str(data["phone"]))
        except InvalidInput as refusal:
            errors[f"{prefix}phone"] = refusal.detail
    for field, limit, title in (
        ("name", LONGEST_NAME, "姓名"),
        ("address", LONGEST_ADDRESS, "现居住地址"),
        ("household_address", LONGEST_ADDRESS, "户籍地址"),
    ):
        try:
            cleaned[field] = clean_text(data.get(field) or "", limit)
        except ValueError as problem:
            errors[f"{prefix}{field}"] = f"{title}{problem}。"
    if not cleaned.get("name") and f"{prefix}name" not in errors:
        errors[f"{prefix}name"] = "请填写姓名。"
    if errors or number is None:
        raise InvalidInput("个人信息有误：" + "".join(errors.values()), errors)
    return number, cleaned


def _place(resident: Resident, community: Agency | str | None, grid: Agency | str | None) -> None:
    community_id = community.id if isinstance(community, Agency) else community
    grid_id = grid.id if isinstance(grid, Agency) else grid
    if community_id and resident.community_id is None:
        resident.community_id = community_id
    if grid_id and resident.grid_id is None:
        resident.grid_id = grid_id


def possible_doubles(session: Session, number: IdNumber, name: str, phone: str) -> list[Resident]:
    """Others under another number who may be the same person: same name and day of birth, or same name and phone."""
    if not name.strip():
        return []
    found = session.scalars(
        select(Resident)
        .where(
            Resident.id_index != Resident.index_of(number.value),
            # Spellings differ in blanks and dots, so the whole name is compared below.
            Resident.name.startswith(name[:1], autoescape=True),
            Resident.birth_date == number.birth_date,
            Resident.sex == number.sex_zh,
        )
        .order_by(Resident.id)
        .limit(20)
    )
    doubles = {one.id: one for one in found if same_name(one.name, name)}
    try:
        same_phone = find_by_phone(session, phone) if phone.strip() else []
    except InvalidInput:
        same_phone = []
    for one in same_phone:
        if same_name(one.name, name) and one.id_number != number.value:
            doubles.setdefault(one.id, one)
    return list(doubles.values())[:3]
