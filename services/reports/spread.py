"""办证时间的中位数和九成: not only the mean — half of the cases are faster than this, nine in ten faster than that; beside what an office measured before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.content import Content
from models.seat import MinutesBaseline
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput
from services.reports import minutes as figures
from services.reports.scope import Period, Scope, agencies, filed_in, reads

MOST = 100_000
LONGEST_WORDS = 200


@dataclass(frozen=True)
class Spread:
    """Of one group: how many, the middle, and the ninth tenth, in whole minutes."""

    base: int
    median: int
    ninety: int


def spread(counts: Mapping[int, int]) -> Spread:
    """From a histogram by whole minutes: the smallest number of minutes within which half, and nine tenths, were done."""
    base = sum(counts.values())
    return Spread(base, _within(counts, base, 0.5), _within(counts, base, 0.9))


def _within(counts: Mapping[int, int], base: int, share: float) -> int:
    seen = 0
    for minute in sorted(counts):
        seen += counts[minute]
        if seen >= share * base:
            return minute
    return 0


def spreads(
    session: Session, scope: Scope, period: Period, item: str = ""
) -> tuple[Spread, dict[str, Spread], dict[str, Spread]]:
    """All together, by item code, and by station (those of one item where one is chosen)."""
    minute = cast(func.round(figures.spent(session)), Integer)
    rows = session.execute(
        select(Case.item_id, Content.place_path, minute, func.count())
        .select_from(Case)
        .where(filed_in(scope, period), Case.filed_at.is_not(None), Case.issued_at.is_not(None))
        .group_by(Case.item_id, Content.place_path, minute)
    ).all()
    tree = agencies(session)
    total: dict[int, int] = {}
    by_item: dict[str, dict[int, int]] = {}
    by_station: dict[str, dict[int, int]] = {}
    codes = {
        one.id: one.code for one in session.scalars(select(ServiceItem).where(ServiceItem.id.in_({r[0] for r in rows})))
    }
    for item_id, path, minutes, count in rows:
        code, value = codes[item_id], int(minutes or 0)
        _add(by_item.setdefault(code, {}), value, count)
        if item and code != item:
            continue
        _add(total, value, count)
        station = figures.station(tree, path)
        if station is not None:
            _add(by_station.setdefault(station.id, {}), value, count)
    return (
        spread(total),
        {code: spread(one) for code, one in by_item.items()},
        {id_: spread(one) for id_, one in by_station.items()},
    )


def _add(counts: dict[int, int], value: int, count: int) -> None:
    counts[value] = counts.get(value, 0) + count


def items(session: Session) -> list[ServiceItem]:
    """What a comparison may be entered for: everything published, by name."""
    return list(
        session.scalars(
            select(ServiceItem).where(ServiceItem.state == "published").order_by(ServiceItem.title).limit(500)
        )
    )


# --- What an office measured before


def may_set(actor: Actor, place: Agency) -> bool:
    """Whoever reads the figures of a place enters what they are compared with."""
    return any(place.path.startswith(path) for path in reads(actor))


def baselines(session: Session, scope: Scope) -> dict[str, MinutesBaseline]:
    """By item code: what holds for all that is shown, the place's own before that of a unit above; never a part's for the whole."""
    found: dict[str, MinutesBaseline] = {}
    rows = session.scalars(
        select(MinutesBaseline)
        .join(Agency, Agency.id == MinutesBaseline.place_id)
        .where(MinutesBaseline.ended_at.is_(None))
        .options(joinedload(MinutesBaseline.item), contains_eager(MinutesBaseline.place))
        .order_by(func.length(Agency.path), MinutesBaseline.id)
    )
    for row in rows:
        if all(path.startswith(row.place.path) for path in scope.paths):
            found[row.item.code] = row
    return found


def set_baseline(session: Session, actor: Actor, place: Agency, given: Mapping[str, str]) -> MinutesBaseline | None:
    """以前几分钟、要到几分钟: an empty box takes the comparison away; the earlier entry stays on record."""
    if not may_set(actor, place):
        raise Forbidden("对照的数由本单位的统计、督查人员或负责人填。")
    item = session.scalar(select(ServiceItem).where(ServiceItem.code == str(given.get("item") or "")[:60]))
    errors: dict[str, str] = {}
    if item is None:
        errors["item"] = "请从名单中选事项"
    before = _number(given.get("before"), "before", "以前的分钟数", errors)
    target = _number(given.get("target"), "target", "目标分钟数", errors)
    try:
        words = clean_text(given.get("words") or "", LONGEST_WORDS)
    except ValueError as problem:
        words, errors["words"] = "", f"来源说明{problem}"
    if before is None and target is not None and "before" not in errors:
        errors["before"] = "填了目标，也要填以前的分钟数"
    if before is not None and target is not None and target >= before:
        errors["target"] = "目标应比以前少"
    if before is not None and not words and "words" not in errors:
        errors["words"] = "请写这个数是怎么来的，例如：2017年1月窗口实测 20 件"
    if errors or item is None:
        raise InvalidInput("还不能保存：" + "；".join(errors.values()) + "。", errors)
    assert actor.person_id is not None
    earlier = session.scalars(
        select(MinutesBaseline).where(
            MinutesBaseline.item_id == item.id,
            MinutesBaseline.place_id == place.id,
            MinutesBaseline.ended_at.is_(None),
        )
    )
    for row in earlier:
        row.ended_at = now()
    made = None
    if before is not None:
        made = MinutesBaseline(
            district=place.district,
            item_id=item.id,
            place_id=place.id,
            before_minutes=before,
            target_minutes=target,
            words=words,
            set_by_id=actor.person_id,
        )
        session.add(made)
    session.flush()
    journal.record(
        session,
        "report:baseline",
        actor,
        stream=f"agency:{place.id}",
        details={"item": item.code, "before": before, "target": target},
    )
    return made


def _number(raw: object, name: str, label: str, errors: dict[str, str]) -> int | None:
    text = str(raw or "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= MOST:
        errors[name] = f"{label}请填 1 到 {MOST} 之间的整数"
        return None
    return int(text)
