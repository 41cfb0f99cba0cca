"""A home visit as tests ask for it: who is visited, what is taken along, what the leader enters at the door."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.delegation import HomeVisit
from process import engine
from process.access import Actor
from process.numbers import CHINA
from services import actions

As = Callable[[str], Actor]
OLD_LADY = {
    "name": "骆水珍",
    "id_number": "330103194303052043",
    "phone": "13800000018",
    "address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
    "household_address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
}
YOUNG = {
    "name": "林若琳",
    "id_number": "330103199406182046",
    "phone": "13800000015",
    "address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
}
DISABILITY = {"matter": "first", "disability_kind": "physical"}
LINES = [
    {"material": "本人居民身份证", "original": True, "sheets": 1, "condition": "完好"},
    {"material": "一寸近期免冠彩色照片", "original": True, "sheets": 2},
    {"material": "居民户口簿本人页", "original": False, "sheets": 1},
]


def drawn(stroke: bool = True) -> str:
    picture = Image.new("RGBA", (300, 120), (0, 0, 0, 0))
    if stroke:
        ImageDraw.Draw(picture).line([(20, 90), (120, 30), (260, 80)], fill=(20, 20, 20, 255), width=4)
    target = io.BytesIO()
    picture.save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


def request_visit(session: Session, actor: Actor, **changes: Any) -> HomeVisit:
    data = {
        "item": "senior_card",
        "place": "dx-c01-g1",
        "applicant": OLD_LADY,
        "condition": "age_80",
        "requested_by": "女儿 沈惠珍",
        "requested_phone": "13800000099",
        **changes,
    }
    visit = actions.create(session, actor, "home_visit", data)
    assert isinstance(visit, HomeVisit)
    return visit


def tomorrow(hour: int = 10, days: int = 1, minute: int = 0) -> datetime:
    """That hour of the next working day, or of the one so many working days from now."""
    day = now().astimezone(CHINA).date()
    for _ in range(days):
        day += timedelta(days=1)
        while not catalogue.work_calendar().is_working_day(day):
            day += timedelta(days=1)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CHINA)


def at_the_door(session: Session, leader: Actor, clerk: Actor, **changes: Any) -> HomeVisit:
    visit = request_visit(session, clerk, **changes)
    engine.fire(visit, "schedule", leader, inputs={"slot_start": tomorrow()})
    engine.fire(visit, "set_off", leader)
    return visit


def collection(**changes: Any) -> dict[str, Any]:
    return {
        "identity_checked": True,
        "lines": LINES,
        "powers": ["file", "supplement", "collect"],
        "signature": drawn(),
        **changes,
    }
