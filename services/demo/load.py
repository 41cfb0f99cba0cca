"""Which stories the demo tells, and how far each one got."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue import people
from models.content import Content
from models.grid import Building
from models.ledger import OutboxItem
from services import papers_out
from services.demo import grids, hall, stories, town
from services.demo.office import Office

PACE = timedelta(seconds=0.5)


def load(session: Session) -> bool:
    """Tells what was not told yet; an installation from before hears the newer stories, a second call adds nothing."""
    office = Office(session)
    # Stories of later years speak of residents whom the first ones have not named.
    first = session.scalar(select(Content.id).where(Content.type == "case").limit(1)) is None
    if first:
        _visits(office)
        _counter(office)
        _station(office)
        _errands(office)
        _neighbours(office)
        _resident(office)
    else:
        office.forget_residents()
    with_grids = session.scalar(select(Building.id).limit(1)) is None
    if with_grids:
        grids.tell(office)
    before = session.scalar(select(func.count()).select_from(Content))
    town.tell(office)
    hall.tell(office)
    session.flush()
    if not first and not with_grids and before == session.scalar(select(func.count()).select_from(Content)):
        return False
    # The stories lie in the past, but their papers are drawn from now on: one after the other, so that a paper somebody
    # asks for in the first minutes does not wait behind all of them.
    waiting = session.scalars(
        select(OutboxItem)
        .where(OutboxItem.status == "waiting", OutboxItem.job == papers_out.RENDER)
        .order_by(OutboxItem.id.desc())
    )
    for place, item in enumerate(waiting):
        item.created_at, item.available_at = office.today, office.today + place * PACE
    return True


def _visits(office: Office) -> None:
    for days, until in (
        (0, "requested"),
        (1, "requested"),
        (2, "scheduled_today"),
        (1, "scheduled"),
        (6, "missed"),
        (3, "collected"),
        (4, "sent"),
        (7, "processing"),
        (9, "waiting_material"),
        (9, "claimed"),
        (10, "arrived"),
        (13, "ready"),
        (16, "delivered"),
        (24, "maintained"),
        (30, "maintained"),
    ):
        stories.visit(office, days, until)
    stories.visit(office, 5, "received", difference=True)
    stories.visit(office, 8, "on_way", courier="courier2")
    stories.visit(office, 11, "result_sent", grid="dx-c01-g2", leader="dx-c01-g2-leader-a")
    stories.visit(office, 2, "requested", grid="dx-c01-g3", leader="dx-c01-g3-leader-a")


def _counter(office: Office) -> None:
    for days, until in (
        (0, "draft"),
        (0, "submitted"),
        (1, "submitted"),
        (2, "accepted"),
        (9, "accepted"),
        (4, "supplement"),
        (3, "reviewed"),
        (1, "reviewed"),
        (2, "approved"),
        (3, "numbered"),
        (5, "issued"),
        (12, "delivered"),
        (18, "delivered"),
        (26, "delivered"),
        (15, "refused"),
    ):
        stories.fertility(office, days, until)


def _station(office: Office) -> None:
    for days, until in ((0, "draft"), (1, "sent"), (4, "returned"), (3, "received"), (6, "processing"), (8, "decided")):
        stories.carried(office, days, until)


def _errands(office: Office) -> None:
    station = {"who": "community.clerk", "place": "dx-c01"}
    stories.errand(
        office, 0, "open", "送居住证受理回执到万家星城社区", to_agency="dx-c01", from_agency="dongxin-centre"
    )
    stories.errand(
        office,
        0,
        "open",
        "取残疾人证照片",
        purpose="fetch_papers",
        from_address="杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
        contact="阿卜杜热西提·买买提 13800000777",
        to_agency="dongxin-centre",
        hours=3,
        **station,
    )
    stories.errand(
        office,
        1,
        "open",
        "陪同老人到街道核对医保信息",
        purpose="accompany",
        from_address="杭州市下城区东新街道万家星城社区文晖路7幢1单元201室",
        contact="欧阳秀英 13800000778",
        to_agency="dongxin-centre",
        hours=6,
        **station,
    )
    stories.errand(
        office,
        0,
        "open",
        "给独居老人代买药品、读医嘱",
        purpose="buy_or_read",
        to_address="杭州市下城区东新街道万家星城社区文晖路12幢2单元301室",
        contact="诸葛素贞 13800000781",
        hours=5,
        **station,
    )
    stories.errand(
        office,
        0,
        "claimed",
        "送社保卡到居民家",
        purpose="deliver_result",
        to_address="杭州市下城区东新街道万家星城社区文晖路31幢1单元1102室",
        contact="䶮先生 13800000779",
        from_agency="dongxin-centre",
    )
    stories.errand(
        office,
        3,
        "failed",
        "送老年优待证到居民家",
        purpose="deliver_result",
        to_address="杭州市下城区东新街道万家星城社区文晖路5幢3单元603室",
        contact="司徒玉兰 13800000780",
        from_agency="dongxin-centre",
        courier="courier2",
    )
    for days in (1, 2, 5):
        stories.errand(
            office,
            days,
            "confirmed",
            "送材料到万家星城社区",
            to_agency="dx-c01",
            from_agency="dongxin-centre",
            courier="courier2" if days == 2 else "courier",
        )
    stories.errand(
        office,
        4,
        "cancelled",
        "取低保复核材料",
        purpose="fetch_papers",
        from_agency="dx-c01",
        to_agency="dongxin-centre",
    )


def _neighbours(office: Office) -> None:
    """What the other community does: nobody of the first one sees it, and the other way round."""
    leader = "dx-c02-g1-leader-a"
    for days, until in ((1, "requested"), (6, "sent"), (20, "maintained")):
        stories.visit(office, days, until, leader=leader, grid="dx-c02-g1", community="dx-c02", clerk="neighbour.clerk")
    stories.carried(office, 2, "sent", clerk="neighbour.clerk", community="dx-c02")


def _resident(office: Office) -> None:
    known = people.known_residents()
    stories.own_case(office, known["resident"], known["resident_husband"], 1)
