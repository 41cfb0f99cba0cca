"""The demo office of the access tests, once with effects undone and once for good."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access.conftest import demo_folder, world
from tests.access.world import World

__all__ = ["demo_folder", "world"]


@pytest.fixture
def lasting(demo_folder: Path, tmp_path: Path) -> Iterator[World]:
    """A copy of the demo office in which everything is really committed."""
    shutil.copytree(demo_folder, tmp_path / "office")
    made = World(tmp_path / "office")
    assert made.ask(made.everybody[0], "GET", "/desk/").status_code == 200, (
        "use it in a module of its own: nothing_stays() is in force"
    )
    yield made
    made.close()
