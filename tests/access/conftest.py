"""One demo office for all tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.access.world import World, nothing_stays, tell_the_demo


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Path:
    return tell_the_demo(tmp_path_factory.mktemp("demo"), installed)


@pytest.fixture(scope="module")
def world(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    shutil.copytree(demo_folder, folder, dirs_exist_ok=True)
    made = World(folder)
    with nothing_stays():
        yield made
    made.close()
