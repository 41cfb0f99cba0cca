"""Invents the people of the demo: the same seed gives the same people, on every machine and in every order of calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any

from catalogue import loader
from catalogue.reading import load, record
from catalogue.records import CatalogueError, Organisation
from process.identity import Sex, age_on, check_character

# Ages are counted from here, not from today, so that the people do not change with the calendar.
REFERENCE_DAY = date(2026, 11, 1)
_REGIONS = 13
_ORDERS_AND_REGIONS = 500 * _REGIONS
_CONDITIONS = ("bedridden", "limited_mobility", "severe_disability")


@dataclass(frozen=True, slots=True)
class InventedResident:
    """A resident nobody is: valid numbers, addresses that do not exist. `condition` entitles to visits at home."""

    key: str
    name: str
    sex: Sex
    birth_date: date
    id_number: str
    phone: str
    address: str
    household_address: str
    community: str
    grid: str
    condition: str = ""
    proof_note: str = ""

    @property
    def sex_zh(self) -> str:
        return "男" if self.sex == "male" else "女"


@dataclass(frozen=True, slots=True)
class InventedStaff:
    """Somebody at a station, point or grid; `key` serves as user name."""

    key: str
    name: str
    sex: Sex
    phone: str
    unit: str
    role: str
    title: str


@dataclass(frozen=True)
class NameStock:
    """Where names come from; rare characters and long names stand in it on purpose."""

    surnames: tuple[str, ...]
    compound_surnames: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]
    female_old: tuple[str, ...]
    male_old: tuple[str, ...]
    rare: tuple[str, ...]
    long_female: tuple[str, ...]
    long_male: tuple[str, ...]
    regions: tuple[str, ...]
    far_addresses: tuple[str, ...]
    proofs: dict[str, Any]


@cache
def names() -> NameStock:
    content = {key: value for key, value in load("demo_people.yaml").items() if key not in ("version", "known")}
    stock = record(NameStock, content, "demo_people.yaml")
    if len(stock.regions) != _REGIONS:
        raise CatalogueError(f"demo_people.yaml: regions: {len(stock.regions)}, should be {_REGIONS}")
    return stock


@cache
def known_residents() -> dict[str, InventedResident]:
    """The residents that demo accounts and examples refer to by key."""
    found = {}
    for key, entry in load("demo_people.yaml")["known"].items():
        found[key] = record(InventedResident, {"key": key, **entry}, f"demo_people.yaml: {key}")
    return found


def residents(seed: int, n: int) -> Iterator[InventedResident]:
    """The first n residents of this seed; asking for more later only appends."""
    grids = [o for o in loader.organisations().values() if o.kind == "grid"]
    for number in range(n):
        # One generator per person: resident 500 is the same whether 600 or 60 000 are made.
        yield _resident(Random(f"resident/{seed}/{number}"), number, grids)


def leaders(seed: int) -> tuple[InventedStaff, ...]:
    """Two leaders of every grid, 112 in all."""
    found: list[InventedStaff] = []
    for grid in _of_kind("grid"):
        for letter in "ab":
            key = f"{grid.id}-leader-{letter}"
            community = loader.organisation(grid.parent or "")
            title = f"{community.name}{grid.name}网格长"
            found.append(_staff(seed, key, grid.id, "grid_leader", title, len(found) + 100))
    return tuple(found)


def station_staff(seed: int) -> tuple[InventedStaff, ...]:
    """Of every community: the head of the station, two clerks and one courier of the point."""
    found: list[InventedStaff] = []
    for community in _of_kind("community"):
        posts = (
            ("head", community.id, "station_head", "公共服务站负责人"),
            ("clerk-a", community.id, "community_clerk", "公共服务站工作人员"),
            ("clerk-b", community.id, "community_clerk", "公共服务站工作人员"),
            ("courier", f"{community.id}-point", "red_courier", "红色代办点跑腿工"),
        )
        for post, unit, role, title in posts:
            key = f"{community.id}-{post}"
            found.append(_staff(seed, key, unit, role, community.name + title, len(found) + 300))
    return tuple(found)


def grid_staff(seed: int) -> tuple[InventedStaff, ...]:
    """Members of the grids of the first community beside their leaders, and who sits at the joint station or is called to it."""
    found: list[InventedStaff] = []
    first = loader.organisation("dx-c01")
    for grid in loader.children(first.id, "grid"):
        for role, title in (("grid_worker", "网格员"), ("grid_service_worker", "服务员"), ("grid_publicist", "宣传员")):
            key = f"{grid.id}-{role.removeprefix('grid_').replace('_', '-')}"
            found.append(_staff(seed, key, first.id, role, first.name + grid.name + title, len(found) + 400))
    for key, unit, role, title in (
        ("joint-police", "dongxin", "community_police", "社区民警"),
        ("joint-traffic", "dongxin", "traffic_police", "交警"),
        ("joint-urban", "dongxin", "urban_officer", "城管员"),
        ("joint-mediator", "dongxin", "mediator", "调解员"),
        ("on-call-justice", "xiacheng", "司法", "司法联系人"),
        ("on-call-fire", "xiacheng", "消防救援", "消防救援联系人"),
    ):
        found.append(_staff(seed, key, unit, role, title, len(found) + 400))
    return tuple(found)


def _of_kind(kind: str) -> list[Organisation]:
    return [o for o in loader.organisations().values() if o.kind == kind]


def office_staff(seed: int) -> tuple[InventedStaff, ...]:
    """Colleagues of street and district whose post it is to begin what no account of the demo may begin."""
    found: list[InventedStaff] = []
    for key, unit, role, title in (
        ("office-enterprise", "dongxin", "enterprise_service_officer", "企业服务员"),
        ("office-enterprise-agent", "dongxin", "enterprise_applicant", "示例企业经办人"),
        ("office-duty-leader", "dongxin-centre", "duty_leader", "驻窗领导"),
        ("office-trainer", "dongxin", "training_officer", "培训专员"),
        ("office-editor", "xiacheng", "department_editor", "部门事项编辑"),
        ("office-review-group", "xiacheng", "item_review_group", "事项审核组成员"),
        ("office-reform", "xiacheng", "reform_office", "改革办工作人员"),
        ("office-joint-group", "xiacheng", "joint_definition_group", "一事情联合小组成员"),
        ("office-project", "xiacheng", "project_manager", "项目代办经理"),
        ("office-department-head", "xiacheng", "department_head", "部门负责人"),
        ("office-window-2", "dongxin-centre", "window_clerk", "2号窗口工作人员"),
        ("office-window-3", "dongxin-centre", "window_clerk", "3号窗口工作人员"),
        ("project.manager", "dongxin", "project_manager", "东新街道投资项目经理"),
        ("project.delegate", "dongxin", "project_delegate", "东新街道专职代办员"),
        ("dept.resources", "xc-resources", "cooperating_department", "自然资源局项目联络人"),
        ("dept.development", "xc-development", "cooperating_department", "发展和改革局项目联络人"),
    ):
        found.append(_staff(seed, key, unit, role, title, len(found) + 500))
    return tuple(found)


def _staff(seed: int, key: str, unit: str, role: str, title: str, number: int) -> InventedStaff:
    luck = Random(f"staff/{seed}/{key}")
    sex: Sex = luck.choice(("female", "female", "male"))
    born = REFERENCE_DAY.replace(year=REFERENCE_DAY.year - luck.randint(24, 56))
    return InventedStaff(key, _name(luck, sex, born, plain=True), sex, f"1380000{number:04d}", unit, role, title)


def _resident(luck: Random, number: int, grids: list[Organisation]) -> InventedResident:
    grid = luck.choices(grids, weights=[g.households or 1 for g in grids])[0]
    sex: Sex = luck.choice(("female", "male"))
    born = _birth_date(luck, number)
    address = _address(luck, grid)
    far = luck.random() < 0.25
    condition = _condition(luck, born)
    return InventedResident(
        key=f"r{number:06d}",
        name=_name(luck, sex, born),
        sex=sex,
        birth_date=born,
        id_number=_id_number(sex, born, number),
        phone=f"1380{(number * 7919 + 1000) % 10_000_000:07d}",
        address=address,
        household_address=luck.choice(names().far_addresses) if far else address,
        community=grid.parent or "",
        grid=grid.id,
        condition=condition,
        proof_note=luck.choice(names().proofs[condition]) if condition in _CONDITIONS else "",
    )


def _birth_date(luck: Random, number: int) -> date:
    """Rather more old people than a street has: they are whom visits are for."""
    low, high = luck.choices(((18, 35), (36, 59), (60, 79), (80, 101)), weights=(30, 30, 25, 15))[0]
    born = REFERENCE_DAY - timedelta(days=luck.randint(low * 366, high * 365))
    # The register allows an ID number once. Among people who share region and order, the birth date is kept apart.
    group, turn = number % _ORDERS_AND_REGIONS, number // _ORDERS_AND_REGIONS
    return born - timedelta(days=(born.toordinal() - group * 197 - turn) % 512)


def _condition(luck: Random, born: date) -> str:
    age = age_on(born, REFERENCE_DAY)
    if age >= 80:
        return "age_80"
    chance = 0.12 if age >= 60 else 0.02
    return luck.choice(_CONDITIONS) if luck.random() < chance else ""


def _name(luck: Random, sex: Sex, born: date, *, plain: bool = False) -> str:
    stock = names()
    kind = luck.random()
    if not plain and kind < 0.02:
        return luck.choice(stock.long_female if sex == "female" else stock.long_male)
    surname = luck.choice(stock.compound_surnames if kind < 0.06 else stock.surnames)
    if not plain and kind > 0.97:
        return surname + luck.choice(stock.rare)
    old = born.year < 1965
    if sex == "female":
        return surname + luck.choice(stock.female_old if old else stock.female)
    return surname + luck.choice(stock.male_old if old else stock.male)


def _id_number(sex: Sex, born: date, number: int) -> str:
    region = names().regions[number // 500 % _REGIONS]
    order = number * 211 % 500 * 2 + (1 if sex == "male" else 0)
    first17 = f"{region}{born:%Y%m%d}{order:03d}"
    return first17 + check_character(first17)


def _address(luck: Random, grid: Organisation) -> str:
    road, _, span = grid.address.partition("路")
    low, _, high = span.removesuffix("幢").partition("–")
    block = luck.randint(int(low), int(high))
    community = loader.organisation(grid.parent or "").name
    room = f"{luck.randint(1, 18)}{luck.randint(1, 4):02d}"
    return f"杭州市下城区东新街道{community}{road}路{block}幢{luck.randint(1, 4)}单元{room}室"
