"""Who is next: the rules a hall may choose between. Pure functions, so that every rule can be tried out beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from process.words import N_

RULES = {
    "order": N_("一律按先后，不分优先"),
    "first": N_("优先的总在前面"),
    "capped": N_("优先的在前面，连续叫几个以后叫一个普通号"),
    "alternate": N_("叫一个优先号，再叫几个普通号"),
    "longest": N_("谁等得久谁先，优先的等一分钟算几分钟"),
}


@dataclass(frozen=True)
class Waiting:
    """One number in the queue, as far as the order is concerned."""

    id: int
    turn_at: datetime
    came_at: datetime
    preferred: bool = False
    # Was at a counter already and was sent on: does not wait a second time.
    sent_on: bool = False


def choose(
    rule: str, waiting: Sequence[Waiting], at: datetime, *, streak: int = 0, cap: int = 2, weight: int = 2
) -> Waiting | None:
    """The next of those who wait; the same question always gets the same answer.

    `streak` is how the last ones were called: n with priority in a row, or -n without."""
    if not waiting:
        return None
    sent_on = [one for one in waiting if one.sent_on]
    if sent_on:
        return min(sent_on, key=_order)
    preferred = [one for one in waiting if one.preferred]
    ordinary = [one for one in waiting if not one.preferred]
    if rule == "longest":
        return max(waiting, key=lambda one: (_waited(one, at, weight), -one.turn_at.timestamp(), -one.id))
    if rule == "order" or not preferred or not ordinary:
        return min(waiting, key=_order)
    if rule == "first":
        return min(preferred, key=_order)
    turn = streak < cap if rule == "capped" else streak == 0 or streak <= -cap
    return min(preferred if turn else ordinary, key=_order)


def after(streak: int, preferred: bool) -> int:
    """The streak once this one has been called."""
    return max(streak, 0) + 1 if preferred else min(streak, 0) - 1


def _order(one: Waiting) -> tuple[datetime, int]:
    return one.turn_at, one.id


def _waited(one: Waiting, at: datetime, weight: int) -> float:
    return (at - one.turn_at).total_seconds() * (weight if one.preferred else 1)
