"""The repair request of the tests of generated pages, with some of its fields hidden, masked or read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Api
from tests.generic import two_files
from tests.generic.office import with_processes

RULES = {
    # The unit that repairs never learns who reported it, nor reads what they wrote.
    "contact": "[{right: hidden, roles: [window_clerk]}]",
    "story": "[{right: hidden, roles: [window_clerk@addressee]}]",
    "found_on": "[{right: hidden, roles: [window_clerk], states: [reported]}]",
    "contact_phone": "[{right: masked, except: [owner]}]",
    "spot": "[{right: masked}]",
    "pieces": "[{right: read_only, states: [reported], roles: [community_clerk]}]",
    "plan": "[{right: read_only, states: [reported], roles: [window_clerk], except: [head]}]",
}
WHOLE: dict[str, Any] = {
    "type": "repair_request",
    "title": "小区东门路灯不亮",
    "facility": "lamp",
    "found_on": "2026-11-20",
    "pieces": 2,
    "story": "晚上过马路看不清",
    "spot": "文晖路18幢2单元902室门前",
    "contact": "王秀英",
    "contact_phone": "13900004321",
    "addressee": "dongxin-centre",
}


def ruled(rules: dict[str, str] = RULES) -> str:
    text = two_files.TYPE
    for name, rule in rules.items():
        line = next(part for part in text.splitlines() if part.startswith(f"  {name}: {{"))
        text = text.replace(line, line.rpartition("}")[0] + f", access: {rule}}}")
    return text


@pytest.fixture
def app(tmp_path: Path, installed: Path, translations: None) -> Iterator[Flask]:
    with with_processes(tmp_path, installed, two_files.write(tmp_path / "processes", type_text=ruled())) as made:
        yield made


@pytest.fixture
def api(app: Flask) -> Callable[[str | None], Api]:
    return lambda username: Api(app, username)


@pytest.fixture
def repair(api: Callable[[str | None], Api]) -> dict[str, Any]:
    return api("community.clerk").post("/contents", WHOLE, 201)
