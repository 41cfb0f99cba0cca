"""What can be brought in: its columns, who may, and how one row is written through the ordinary verbs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.person import GridMembership, Person
from models.resident import CareEntry, Resident
from process import access, clock, eligibility
from process.access import Actor
from process.identity import IdNumber
from process.refusals import Forbidden, InvalidInput, NotFound
from services import care, grid_members, grid_rights, jurisdiction, positions, residents, street_map
from services.office import full_name

NEW, CHANGED, SAME = "new", "changed", "same"
Cells = Mapping[str, str]
_DAY = re.compile(r"(\d{4})\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})\s*日？")


@dataclass(frozen=True)
class ImportKind:
    """One kind of table. `write` does one row and says what became of it; it refuses like the page that does the same."""

    key: str
    title: str
    # Heading, and an example for the template; what must be filled is marked with a star in the template's notes.
    columns: tuple[tuple[str, str], ...]
    needed: tuple[str, ...]
    same: tuple[str, ...]
    notes: tuple[str, ...]
    may: Callable[[Actor], bool]
    write: Callable[[Session, Actor, Cells], str]

    @property
    def headings(self) -> tuple[str, ...]:
        return tuple(name for name, _example in self.columns)


class Wrong(InvalidInput):
    """A cell that cannot be taken; `errors` names the column."""

    def __init__(self, column: str, sentence: str) -> None:
        super().__init__(sentence, {column: sentence})


def kind_of(key: str, actor: Actor) -> ImportKind:
    """The kind, if this actor may bring such rows in at all."""
    kind = KINDS.get(key)
    if kind is None or not kind.may(actor):
        raise NotFound()
    return kind


def _day(cells: Cells, column: str) -> date | None:
    text = cells.get(column, "")
    if not text:
        return None
    match = _DAY.fullmatch(text)
    try:
        return date(*(int(part) for part in match.groups())) if match else date.fromisoformat(text)
    except ValueError as error:
        raise Wrong(column, f"“{text[:20]}”不是日期。请写成 2027-01-01 的样子。") from error


def _grid(session: Session, cells: Cells, actor: Actor, paths: list[str]) -> Agency:
    """The grid as people write it (社区 and 第几网格 together), within these places only."""
    name = "".join(cells.get("网格", "").split())
    if not name:
        raise Wrong("网格", "没有填。请写社区和网格，例如“万家星城社区第1网格”。")
    rows = session.scalars(
        select(Agency).where(
            Agency.kind == "grid",
            or_(*(access.within(Agency.path, path) for path in paths)) if paths else Agency.id == "",
        )
    )
    today = clock.local_day(now())
    found = [one for one in rows if one.exists_on(today) and name in (full_name(one), one.id)]
    if not found:
        raise Wrong("网格", f"没有“{name[:30]}”，或不归您管。请照“机构和网格”页上的名称写。")
    return found[0]


# The roster of a grid


def _roster_paths(actor: Actor) -> list[str]:
    held = {h.path for h in actor.held if h.role in grid_rights.CLERKS and h.principal_id is None}
    return sorted({*held, *jurisdiction.of(actor).paths})


def _capacity(cells: Cells) -> str:
    names = {jurisdiction.role_names()[one][0]: one for one in grid_rights.CAPACITIES}
    text = cells.get("身份", "")
    if text not in names:
        said = f"“{text[:20]}”看不懂" if text else "没有填"
        raise Wrong("身份", f"{said}。只能写{'、'.join(names)}。")
    return names[text]


def _colleague(session: Session, cells: Cells, grid: Agency) -> Person:
    """By the user name; without one by the name, when only one colleague of the community bears it."""
    username, name = cells.get("登录名", ""), cells.get("姓名", "")
    if not name:
        raise Wrong("姓名", "没有填。请写同事的姓名。")
    if username:
        person = session.scalar(select(Person).where(Person.username == username, Person.active))
        if person is None:
            raise Wrong("登录名", f"没有登录名为“{username[:30]}”的账号，请核对，或先由系统管理员开户。")
        if not residents.same_name(person.name, name):
            raise Wrong("姓名", "与这个登录名的姓名不一致，请核对是不是填串了行。")
        return person
    top = grid.parent.path if grid.parent is not None else grid.path
    found = list(
        session.scalars(
            select(Person)
            .join(Agency, Agency.id == Person.unit_id)
            .where(Person.name == name, Person.active, access.within(Agency.path, top))
        ).unique()
    )
    if len(found) != 1:
        how = "没有找到这个姓名的账号" if not found else f"有 {len(found)} 位同名的同事"
        raise Wrong("姓名", f"{how}，请填登录名。")
    return found[0]


def _write_roster(session: Session, actor: Actor, cells: Cells) -> str:
    grid = _grid(session, cells, actor, _roster_paths(actor))
    capacity = _capacity(cells)
    person = _colleague(session, cells, grid)
    since, until = _day(cells, "开始日期"), _day(cells, "结束日期")
    today = clock.local_day(now())
    known = session.scalar(
        select(GridMembership).where(
            GridMembership.grid_id == grid.id,
            GridMembership.person_id == person.id,
            GridMembership.capacity == capacity,
            or_(GridMembership.until.is_(None), GridMembership.until >= today),
        )
    )
    if known is not None:
        # Brought in before: a file that is read twice changes nothing the second time.
        if known.until != until:
            raise Wrong(
                "结束日期", f"{person.name}已在名单上，结束日期是{known.until or '长期'}。要改请先在网格页结束原来的。"
            )
        return SAME
    grid_members.add(
        session,
        actor,
        grid.id,
        username=person.username,
        capacities=[capacity],
        since=since if since is not None and since >= today else None,
        until=until,
        reason="名单导入",
    )
    return NEW


# The care register


def _care_paths(actor: Actor) -> list[str]:
    return sorted({held.path for held in actor.held if held.role in care.KEEPERS})


def _condition(cells: Cells, number: IdNumber, today: date) -> str:
    names = {title: key for key, title in eligibility.CONDITIONS.items()}
    text = cells.get("上门条件", "")
    if text not in names:
        said = f"“{text[:20]}”看不懂" if text else "没有填"
        raise Wrong("上门条件", f"{said}。只能写{'、'.join(names)}。")
    condition = names[text]
    age = number.age_on(today)
    if condition == eligibility.AGE and age < 80:
        raise Wrong("上门条件", f"按身份证号今年 {age} 周岁，还不到 80 周岁。请改填其他条件并写明依据，或先不列入。")
    if condition != eligibility.AGE and not cells.get("依据说明"):
        raise Wrong("依据说明", "没有填。80 周岁以下的要写看到的证件、病历，或由谁核实。")
    return condition


def _write_care(session: Session, actor: Actor, cells: Cells) -> str:
    at: datetime = now()
    today = clock.local_day(at)
    grid = _grid(session, cells, actor, _care_paths(actor))
    try:
        number = IdNumber.parse(cells.get("身份证号码", ""))
    except InvalidInput as refusal:
        raise Wrong("身份证号码", refusal.detail) from refusal
    condition = _condition(cells, number, today)
    review_on = _day(cells, "下次复核日期")
    there = residents.find_by_id_number(session, number.value)
    if there is not None:
        _of_this_place(session, actor, there)
    data = {
        "name": cells.get("姓名", ""),
        "id_number": number.value,
        "phone": cells.get("联系电话", ""),
        "address": cells.get("现居住地址", ""),
    }
    try:
        person = residents.find_or_create(session, data, grid.parent, grid)
    except InvalidInput as refusal:
        columns = {"name": "姓名", "phone": "联系电话", "address": "现居住地址", "id_number": "身份证号码"}
        name, sentence = next(iter(refusal.errors.items()), ("name", refusal.detail))
        raise Wrong(columns.get(name, "姓名"), sentence) from refusal
    known = session.scalar(select(CareEntry).where(CareEntry.resident_id == person.id))
    if known is not None and _same(known, condition, cells.get("依据说明", ""), review_on):
        return SAME
    try:
        care.enter(
            session,
            actor,
            person,
            condition=condition,
            proof=cells.get("依据说明") or None,
            at=at,
            review_on=review_on,
            reason="名册导入",
        )
    except InvalidInput as refusal:
        column = "下次复核日期" if "review_on" in refusal.errors else "上门条件"
        raise Wrong(column, refusal.detail) from refusal
    return NEW if known is None else CHANGED


def _same(known: CareEntry, condition: str, proof: str, review_on: date | None) -> bool:
    return (
        known.ended_on is None
        and known.condition == condition
        and (not proof or known.proof == proof)
        and (review_on is None or known.review_on == review_on)
    )


def _of_this_place(session: Session, actor: Actor, person: Resident) -> None:
    """Somebody registered elsewhere is not drawn over by a file."""
    place = session.get(Agency, person.grid_id or person.community_id or "")
    if place is not None and not any(place.path.startswith(path) for path in _care_paths(actor)):
        raise Forbidden("这个人登记在别的社区，不在您的名册范围内。请与那边的社区联系办理迁移。")


# Where things lie


def _write_position(session: Session, actor: Actor, cells: Cells) -> str:
    code, name = cells.get("代码", ""), cells.get("名称", "")
    place = session.scalar(select(Agency).where(Agency.code == code)) if code else None
    if place is None:
        raise Wrong("代码", f"没有代码为“{code[:20]}”的单位。代码在“机构和网格”里单位的基本情况上。")
    if name and name not in (place.name, full_name(place)):
        raise Wrong("名称", f"代码 {code} 是{full_name(place)}，请核对是不是填串了行。")
    try:
        street = positions.load(session, actor, place.id)
    except NotFound as refusal:
        raise Wrong("代码", f"{full_name(place)}不在您管的街道里。") from refusal
    if place.kind not in positions.KINDS:
        raise Wrong("代码", f"{place.name}不用登记位置，请填社区、网格、站点。")
    try:
        position = positions.read(cells.get("横（米）"), cells.get("纵（米）"), "横（米）", "纵（米）")
    except InvalidInput as refusal:
        raise Wrong(*next(iter(refusal.errors.items()))) from refusal
    known = street_map.entered(place)
    if position == (list(known) if known is not None else None):
        return SAME
    positions.write(session, actor, street, [(place, position)])
    return NEW if known is None else CHANGED


KINDS: dict[str, ImportKind] = {
    kind.key: kind
    for kind in (
        ImportKind(
            "roster",
            "网格人员名单",
            (
                ("网格", "万家星城社区第1网格"),
                ("姓名", "（同事姓名）"),
                ("登录名", ""),
                ("身份", "专职网格员"),
                ("开始日期", ""),
                ("结束日期", ""),
            ),
            ("网格", "姓名", "身份"),
            ("网格", "姓名", "登录名", "身份"),
            (
                "网格、姓名、身份必填。登录名可不填；社区里有同名同事时必填。",
                "开始日期不填就是今天，不能早于今天；结束日期不填就是长期。日期写成 2027-01-01 的样子。",
            ),
            lambda actor: bool(_roster_paths(actor)),
            _write_roster,
        ),
        ImportKind(
            "care",
            "上门服务对象名册",
            (
                ("网格", "万家星城社区第1网格"),
                ("姓名", "（本人姓名）"),
                ("身份证号码", ""),
                ("联系电话", ""),
                ("现居住地址", ""),
                ("上门条件", "80岁以上"),
                ("依据说明", ""),
                ("下次复核日期", ""),
            ),
            ("网格", "姓名", "身份证号码", "上门条件"),
            ("身份证号码",),
            (
                "网格、姓名、身份证号码、上门条件必填。身份证号码一列请先设成“文本”再填，否则末几位会变成 0。",
                f"上门条件只能写：{'、'.join(eligibility.CONDITIONS.values())}。80 周岁以下的必须写依据说明。",
                "下次复核日期不填就是半年后；要在明天以后、两年以内。",
            ),
            lambda actor: bool(_care_paths(actor)),
            _write_care,
        ),
        ImportKind(
            "positions",
            "地图位置",
            (("代码", "DX01"), ("名称", "万家星城社区"), ("横（米）", "300"), ("纵（米）", "450")),
            ("代码", "横（米）", "纵（米）"),
            ("代码",),
            (
                "代码、横、纵必填。代码在“机构和网格”里单位的基本情况上；名称可不填，填了会核对。",
                f"从街道示意图的左上角量起，横是向右（东）、纵是向下（南），0 到 {positions.FURTHEST} 米的整数。",
            ),
            lambda actor: bool(jurisdiction.of(actor).admin),
            _write_position,
        ),
    )
}
