"""The weeks of the grids: buildings, members, what they logged, a joint station with its events, a roster, opinions. All invented."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from catalogue import people
from models.agency import Agency
from models.grid import Building, GridLog
from models.person import Person
from process import clock
from services import accounts, buildings, grid_log, grid_members, joint_stations, points, rosters, trainings
from services.demo.office import Office
from services.installation import SEED

COMMUNITY = "dx-c01"
ROAD = "文晖路"
PER_GRID = 6
DONE: tuple[tuple[str, str, str, int], ...] = (
    ("information", "walk", "核对了{n}户的人口信息，两户新搬来的已登记", 40),
    ("service", "visit", "上门帮老人在手机上交了水电费", 25),
    ("dispute", "other", "调解楼上漏水，双方约好周末一起修", 50),
    ("publicity", "walk", "挨户讲垃圾分类新规，发折页{n}份", 35),
    ("opinion", "walk", "听到{n}位居民说夜里楼道灯不亮，已记下", 30),
    ("service", "visit", "看望独居老人，水电煤气都正常", 20),
    ("information", "walk", "巡查楼道，请三户移走了堆放的纸箱", 30),
)


def tell(office: Office) -> None:
    """In the order in which an office would do it; everything goes through the services."""
    colleagues(office)
    houses(office)
    members(office)
    log(office)
    station(office)
    events(office)
    roster(office)
    opinion(office)
    points_and_training(office)
    office.session.flush()


def colleagues(office: Office) -> None:
    """Grid staff and the people of the joint station, without a password."""
    known = set(office.session.scalars(select(Person.username)))
    for one in people.grid_staff(SEED):
        if one.key not in known:
            office.session.add(
                Person(
                    username=one.key,
                    name=one.name,
                    title=one.title,
                    unit_id=one.unit,
                    phone=one.phone,
                    password_hash=accounts.NO_PASSWORD,
                    illustrative=True,
                )
            )
    office.session.flush()


def houses(office: Office) -> None:
    """Twenty-four buildings as the grids' addresses say, and one that nobody has drawn in yet."""
    session, admin = office.session, office.actor("admin")
    community = session.get_one(Agency, COMMUNITY)
    grids = sorted((g for g in grids_of(office)), key=lambda g: g.number or 0)
    with office.at(office.ago(40)):
        for number in range(1, PER_GRID * len(grids) + 1):
            grid = grids[(number - 1) // PER_GRID]
            households = int((grid.details or {}).get("households") or 0)
            share = households // PER_GRID + (1 if (number - 1) % PER_GRID < households % PER_GRID else 0)
            given = {"name": f"{ROAD}{number}幢", "address": f"{ROAD}{number}幢", "households": share, "grid": grid.id}
            buildings.add(session, admin, community, given).illustrative = True
        new = {"name": f"{ROAD}25幢（新交付）", "address": f"{ROAD}25幢", "households": 48, "grid": ""}
        buildings.add(session, admin, community, new).illustrative = True


def grids_of(office: Office) -> list[Agency]:
    return list(office.session.scalars(select(Agency).where(Agency.parent_id == COMMUNITY, Agency.kind == "grid")))


def members(office: Office) -> None:
    session, admin = office.session, office.actor("admin")
    with office.at(office.ago(38)):
        for one in people.grid_staff(SEED):
            if one.unit == COMMUNITY:
                grid_id = "-".join(one.key.split("-")[:3])
                grid_members.add(
                    session, admin, grid_id, username=one.key, capacities=[one.role], reason="网格分工（示例）"
                )


def log(office: Office) -> None:
    """Every working day of six weeks somebody wrote something; the first grid most."""
    session = office.session
    writers = ["grid.leader", *(one.key for one in people.grid_staff(SEED) if one.unit == COMMUNITY)]
    houses_of: dict[str, list[Building]] = {g.id: buildings.of_grid(session, g) for g in grids_of(office)}
    for days in range(36, -1, -1):
        if office.ago(days).date() != (office.today - timedelta(days=days)).date() and days:
            continue
        for turn, who in enumerate(writers):
            if (days + turn * 3) % 7 > 2 and who != "grid.leader":
                continue
            duty, kind, words, minutes = DONE[(days + turn) % len(DONE)]
            actor = office.actor(who)
            grid_id = (
                next(h.path for h in actor.held if h.role in grid_members.CAPACITIES).rstrip("/").rpartition("/")[2]
            )
            found = houses_of[grid_id]
            given: dict[str, Any] = {
                "grid": grid_id,
                "duty": duty,
                "kind": kind,
                "what": words.format(n=3 + (days * 5 + turn) % 9),
                "minutes": minutes,
                "building": str(found[(days + turn) % len(found)].id) if found else "",
            }
            with office.at(office.ago(days, 9 + turn % 7, 5 + turn)):
                grid_log.enter(session, actor, given)
    for entry in session.scalars(select(GridLog)):
        entry.illustrative = True


def station(office: Office) -> None:
    """One joint station of the street: four of the five sit there, two departments may be called."""
    session, admin = office.session, office.actor("admin")
    with office.at(office.ago(37)):
        made = joint_stations.open_station(
            session, admin, {"name": "东新街道基层治理联动工作站", "place": "dongxin", "address": "东新路示例1号东侧"}
        )
        made.illustrative = True
        for one in people.grid_staff(SEED):
            if one.unit == COMMUNITY:
                continue
            permanent = one.role in joint_stations.PERMANENT_ROLES
            given = {
                "kind": "permanent" if permanent else "on_call",
                "role": one.role if permanent else "",
                "department": "" if permanent else one.role,
                "username": one.key,
                "reason": "派驻（示例）",
            }
            joint_stations.join(session, admin, made, given)


def events(office: Office) -> None:
    """From just found to settled together and filed."""
    for days, until, summary, duty in (
        (1, "found", "单元门禁坏了，晚上关不上", "service"),
        (2, "verified", "两户为楼道鞋柜吵起来", "dispute"),
        (4, "handling", "独居老人家燃气灶老化", "service"),
        (6, "escalated", "底楼餐饮店油烟扰民，劝了两次没用", "dispute"),
        (9, "joint", "电动车在楼道里充电，屡劝不改", "dispute"),
        (16, "archived", "消防通道被违建堵住", "dispute"),
    ):
        event(office, days, until, summary, duty)


def event(office: Office, days: int, until: str, summary: str, duty: str) -> None:
    found = office.ago(days, 10)
    made = office.create(
        "grid.leader", "grid_event", found, place="dx-c01-g1", summary=summary, duty=duty, where_it_is="文晖路3幢"
    )
    if until == "found":
        return
    office.do("grid.leader", made, "verify", found + timedelta(hours=1), comment="现场看过，属实。")
    if until == "verified":
        return
    if until == "handling":
        office.do("grid.leader", made, "handle", found + timedelta(hours=2))
        return
    office.do("grid.leader", made, "escalate", found + timedelta(hours=3), comment="网格里劝不动，要有执法权的一起来。")
    if until == "escalated":
        return
    office.do("joint-police", made, "join", found + timedelta(hours=5), members=["community_police", "urban_officer"])
    if until == "joint":
        return
    office.do(
        "joint-urban",
        made,
        "find",
        found + timedelta(hours=26),
        finding="社区民警、城管到场，认定为违建，由城管限期拆除。",
    )
    office.do("joint-mediator", made, "resolve", found + timedelta(hours=50), outcome="已拆除，通道恢复。")
    office.do("community.clerk", made, "archive", found + timedelta(hours=52))


def roster(office: Office) -> None:
    """This month and the next at the comprehensive window, as the system proposed them."""
    session, place = office.session, office.session.get_one(Agency, COMMUNITY)
    today = clock.local_day(office.today)
    first = today.replace(day=1)
    begin = min(office.ago((today - first).days or 0, 8), office.today)
    for month in (first, (first + timedelta(days=32)).replace(day=1)):
        if month.year not in clock.calendar(session).years:
            continue
        last = (month + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        with office.at(begin if month == first else office.today):
            rosters.take_proposal(session, office.actor("dx-c01-head"), place, month, last)


def opinion(office: Office) -> None:
    """Two things heard, one of them answered."""
    heard = office.ago(5, 15)
    lamp = office.create(
        "grid.leader",
        "hotline_consult",
        heard,
        place="dx-c01-g1",
        question="3幢前的路灯坏了三盏，晚上看不清",
        category="safety",
        channel="doorstep",
    )
    office.do("community.clerk", lamp, "to_staff", heard + timedelta(hours=1))
    office.do("community.clerk", lamp, "answer", heard + timedelta(hours=20), answer="已请物业报修，本周内换好。")
    office.create(
        "community.clerk",
        "hotline_consult",
        office.ago(1, 11),
        place=COMMUNITY,
        question="希望周六也能办老年卡",
        category="service",
        channel="box",
    )


def points_and_training(office: Office) -> None:
    """A sub-centre and a bank outlet as examples, and one training of the back office."""
    session, admin = office.session, office.actor("admin")
    sub = {
        "kind": "sub_centre",
        "name": "东新示例政务服务分中心",
        "code": "DXFZX",
        "parent": "dongxin",
        "windows": "64",
        "terminals": "22",
        "area_m2": "7800",
        "radius_minutes": "15",
        "people": "619000",
    }
    bank = {"kind": "bank_outlet", "name": "东新示例银行网点", "code": "DXYH1", "parent": "dongxin", "counters": "2"}
    with office.at(office.ago(36)):
        for given in (sub, bank):
            made = points.open_point(session, admin, given)
            made.illustrative = True
            if made.kind == "sub_centre":
                near = [f"dx-c0{number}" for number in range(1, 7)]
                points.describe(session, admin, made, {**given, "serves": near})
    at = session.get_one(Agency, "dongxin-centre")
    with office.at(office.ago(12, 16)):
        there = [line.person.id for line in trainings.listed(session, "back_office", at)][:2]
        day = clock.local_day(office.ago(12, 16))
        trainings.mark(session, admin, "back_office", at, there, trained_on=day, subject="容缺受理怎么办（示例）")
