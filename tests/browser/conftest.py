"""A fresh office for these tests, one Chromium, and one set of windows per size of screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.product import SIZES, Office, product

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="package")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh office, or the running one named in the environment while these tests are being written."""
    running = os.environ.get("DAIBAN_BROWSER_URL")
    if running:
        yield running
        return
    with product(tmp_path_factory.mktemp("product")) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Of one file, because its loop would be in the way of whatever asks for another: a package is left and come back to."""
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium at /usr/bin/chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"],
            env={**os.environ, "LANGUAGE": "zh_CN"},
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module", params=SIZES)
def office(request: pytest.FixtureRequest, browser, address: str) -> Iterator[Office]:
    made = Office(browser, address, request.param)
    failed = request.session.testsfailed
    yield made
    if request.session.testsfailed > failed:
        made.keep_windows()
    made.close()
