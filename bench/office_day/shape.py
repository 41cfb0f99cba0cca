"""When people come: a day from half past eight to five, with a rush hour of five times the mean."""

from __future__ import annotations

from random import Random

OPENS, CLOSES = 8.5, 17.0
# Weight of each quarter of an hour: the busiest (from nine) is five times the mean, noon is thin.
RUSH = 5.0
_PLAIN = {8.5: 1.2, 8.75: 1.6, 9.25: 1.9, 9.5: 1.6, 9.75: 1.4, 10.0: 1.2, 11.75: 0.4, 16.5: 0.5, 16.75: 0.3}
_NOON = {12.0, 12.25, 12.5, 12.75, 13.0, 13.25}
QUARTERS = [OPENS + n / 4 for n in range(int((CLOSES - OPENS) * 4))]


def weights() -> list[float]:
    """One for each quarter of an hour, with mean 1."""
    rush = 9.0
    raw = {q: 0.25 if q in _NOON else _PLAIN.get(q, 0.8) for q in QUARTERS if q != rush}
    left = len(QUARTERS) - RUSH
    scale = left / sum(raw.values())
    return [RUSH if q == rush else raw[q] * scale for q in QUARTERS]


def arrivals(count: int, luck: Random) -> list[float]:
    """The hours (8.5 … 17) at which `count` people come, in order."""
    chosen = luck.choices(QUARTERS, weights=weights(), k=count)
    return sorted(quarter + luck.random() / 4 for quarter in chosen)
