"""The order of a run names files that are there, and loses none."""

from __future__ import annotations

from pathlib import Path

from tests.order import LONG, SHORT, in_order

ROOT = Path(__file__).resolve().parents[2]


def test_every_long_file_is_there() -> None:
    assert [name for name in LONG if not (ROOT / name).is_file()] == []


def test_long_files_come_first_with_short_ones_between_them() -> None:
    sizes = {name: 4 for name in LONG} | {f"tests/short/test_{n}.py": n for n in range(1, 120)}
    order = in_order(sizes)
    assert sorted(order) == sorted(sizes)
    long = [name for name in order if name in LONG]
    assert long == sorted(LONG, key=LONG.__getitem__, reverse=True)
    assert order[0] == long[0]
    beside = order[1 : order.index(long[1])]
    assert sum(SHORT * sizes[name] for name in beside) >= LONG[long[0]]
    assert order[-1] == "tests/short/test_1.py"


def test_a_run_without_long_files_begins_with_the_largest() -> None:
    assert in_order({"a": 1, "b": 3, "c": 2}) == ["b", "c", "a"]


def test_a_run_of_long_files_alone_is_the_whole_run() -> None:
    assert set(in_order(dict.fromkeys(LONG, 1))) == set(LONG)
