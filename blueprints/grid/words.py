"""Words and numbers of these pages: names of roles, periods, shares with their base."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _

from blueprints import present
from models.ledger import JournalEntry
from process.masking import mask_phone
from process.words import N_
from services import jurisdiction

STORY = {
    "grid:join": N_("加入网格"),
    "grid:leave": N_("退出网格"),
    "grid:notice": N_("通知成员"),
    "gridlog:enter": N_("记录"),
    "gridlog:correct": N_("更正"),
    "gridlog:withdraw": N_("撤回"),
    "building:add": N_("登记楼栋"),
    "building:change": N_("更改楼栋"),
    "building:end": N_("注销楼栋"),
    "station:open": N_("设立联动工作站"),
    "station:join": N_("加入联动工作站"),
    "station:leave": N_("离开联动工作站"),
    "roster:propose": N_("排出全月"),
    "roster:set": N_("改一天"),
    "roster:swap": N_("换班"),
    "point:open": N_("设立服务点"),
    "point:change": N_("更改服务点"),
}
PARTS = {
    "grid": N_("网格"),
    "duty": N_("五项工作"),
    "kind": N_("方式"),
    "what": N_("做了什么"),
    "where": N_("地点"),
    "building": N_("楼栋"),
    "care": N_("服务对象"),
    "minutes": N_("用时"),
    "happened_on": N_("日期"),
}


def role(role_id: str) -> str:
    names = jurisdiction.role_names().get(role_id, (role_id, role_id))
    return names[1] if str(get_locale()) == "en" else names[0]


def share(part: int, base: int) -> str:
    """`33/40（82.5%）`: computed from the counts, one decimal, never without its base."""
    return f"{part}/{base}" + (f"（{part / base * 100:.1f}%）" if base else "")


def phone(text: str | None, *, full: bool) -> str:
    return "" if not text else text if full else mask_phone(text)


def story(rows: list[JournalEntry], people: dict[int, str]) -> list[Any]:
    """The journal of one register as lines of a time line, newest first."""
    return [
        SimpleNamespace(
            when=present.moment(row.at),
            who=row.person.name if row.person else "",
            for_whom="",
            kind="move",
            title=_(STORY.get(row.action, row.action)),
            text="；".join(part for part in (_detail(row.details or {}, people), row.comment or "") if part),
        )
        for row in rows
    ]


def _detail(details: dict[str, Any], people: dict[int, str]) -> str:
    parts = []
    if details.get("person") in people:
        parts.append(people[details["person"]])
    if details.get("capacity"):
        parts.append(role(str(details["capacity"])))
    if details.get("changed"):
        parts.append(_("改了：%(what)s", what="、".join(_(PARTS.get(str(n), str(n))) for n in details["changed"])))
    if details.get("since"):
        parts.append(present.period(date.fromisoformat(details["since"]), _date(details.get("until"))))
    elif details.get("until"):
        parts.append(_("到 %(day)s", day=details["until"]))
    if details.get("told"):
        parts.append(_("已通知 %(n)s 人", n=details["told"]))
    return " · ".join(parts)


def _date(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None
