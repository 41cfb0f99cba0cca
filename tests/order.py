"""In what order two workers take the files, so that the long ones are not left for the end.

The long files wait: for processes that start, for a browser, for a line that is cut. The others compute. So each long file, the longest first, is
followed by as much as computes beside it; whoever is free takes the next file (`--dist loadfile --no-loadscope-reorder`, see bin/test).
"""

from __future__ import annotations

import pytest

# Seconds on two cores. A figure that is no longer true costs time, never a result.
LONG = {
    "tests/browser/test_story.py": 270,
    "tests/browser/test_month.py": 235,
    "tests/drill/test_kill.py": 165,
    "tests/exchange/test_drill.py": 155,
    "tests/drill/test_claims.py": 125,
    "tests/browser/test_two_files.py": 110,
    "tests/messages/test_sending.py": 70,
    "tests/platform/test_serve.py": 65,
    "tests/field/test_app.py": 60,
    "tests/drill/test_papers_under_fire.py": 55,
    "tests/exchange/test_two_cities.py": 50,
    "tests/access/test_canary.py": 40,
    "tests/security/test_effects.py": 35,
    "tests/platform/test_demo.py": 35,
    "tests/papers/test_papers.py": 30,
    "tests/pages/test_desk_browser.py": 30,
    "tests/conventions/test_migrations.py": 25,
    "tests/pages/test_tours_browser.py": 25,
    "tests/browser/test_counter_keys.py": 20,
    "tests/oracle/test_live.py": 20,
    "tests/papers/test_hostile.py": 20,
    "tests/platform/test_certificates.py": 20,
}
# What a test takes that waits for nothing.
SHORT = 0.3


def longest_first(items: list[pytest.Item]) -> None:
    """Orders whole files; within a file nothing changes places."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    items[:] = [item for name in in_order({name: len(its) for name, its in files.items()}) for item in files[name]]


def in_order(sizes: dict[str, int]) -> list[str]:
    """The files with so many tests each: every long one, then short ones that last about as long."""
    long = sorted((name for name in sizes if name in LONG), key=LONG.__getitem__, reverse=True)
    # The small ones are the end, where a worker that is done early has little to wait for.
    short = sorted((name for name in sizes if name not in LONG), key=sizes.__getitem__)
    order: list[str] = []
    for name in long:
        order.append(name)
        lasting = 0.0
        while short and lasting < LONG[name]:
            order.append(short.pop())
            lasting += SHORT * sizes[order[-1]]
    return order + short[::-1]
