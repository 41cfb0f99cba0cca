"""The office with one process more: its own two files, read at start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Api
from tests.generic import two_files
from tests.generic.office import with_processes

LI = {
    "name": "李桂芬",
    "id_number": "11010519491231002X",
    "phone": "13800001234",
    "address": "杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
}
WHOLE: dict[str, Any] = {
    "type": "repair_request",
    "title": "小区东门路灯不亮",
    "facility": "lamp",
    "found_on": "2026-11-20",
    "wish": "2026-11-30T09:00:00+08:00",
    "pieces": 2,
    "urgent": True,
    "story": "晚上过马路看不清。\n已有老人摔倒。",
    "parts": ["灯泡", "灯罩"],
    "spot": "文晖路18幢2单元902室门前",
    "contact": "王秀英",
    "contact_phone": "139 0000 4321",
    "contact_number": "330103199406182046",
    "secret_note": "微信同号",
    "addressee": "dongxin-centre",
    "informed": ["dx-c02", "dx-c02"],
    "item": "senior_card",
    "handler": "window.clerk",
    "applicant": LI,
}
SMALL = {"type": "repair_request", "title": "长椅断了", "facility": "bench", "addressee": "dongxin-centre"}


@pytest.fixture
def processes(tmp_path: Path) -> Path:
    return two_files.write(tmp_path / "processes")


@pytest.fixture
def app(tmp_path: Path, processes: Path, installed: Path, translations: None) -> Iterator[Flask]:
    with with_processes(tmp_path, installed, processes) as made:
        yield made


@pytest.fixture
def api(app: Flask) -> Callable[[str | None], Api]:
    return lambda username: Api(app, username)


@pytest.fixture
def repair(api: Callable[[str | None], Api]) -> dict[str, Any]:
    """A repair reported by the community, to be done by the street's centre."""
    return api("community.clerk").post("/contents", WHOLE, 201)
