"""In a real browser, on the desk and on the phone: claim from the list, draw the list, file, read the timeline; nothing overflows or is wrong to axe."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from extensions import db
from tests.browser.product import Office
from tests.pages.test_scan_browser import CHROMIUM
from tests.projects.conftest import APPLICANT, hire

in_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium")
PHONE, DESK = "phone", "desktop"


@pytest.fixture(params=[DESK, PHONE])
def office(request: pytest.FixtureRequest, app: Flask) -> Iterator[Office]:
    with app.app_context():
        hire(db.session())
        db.session.commit()
        db.session.remove()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"]
        )
        made = Office(browser, f"http://127.0.0.1:{server.port}", request.param)
        yield made
        made.close()
        browser.close()
    server.shutdown()
    thread.join()


@pytest.mark.browser
@in_browser
@pytest.mark.req("S4-26")
@pytest.mark.req("S4-28")
def test_a_project_is_claimed_and_its_timeline_read(office: Office, client_as) -> None:
    client: FlaskClient = client_as("manager.b")
    form = {"name": "示例厂房", "enterprise": "示例企业", "funding": "enterprise", "place": "dongxin", **APPLICANT}
    assert client.post("/t/project_delegation/new", data=form).status_code == 303
    manager = office.person("manager")
    manager.go("/projects/?show=claim").see("项目-待认领", "示例厂房")
    page = manager.page
    page.get_by_role("link", name="认领 示例厂房").click()
    page.get_by_role("button", name="认领").click()
    manager.see("项目-已认领", "经办：示例manager")
    for step in ("按标准流程图列清单", "前期准备", "同步并联申报"):
        page.get_by_role("link", name=step, exact=True).click()
        page.get_by_role("button", name=step, exact=True).click()
    manager.see("项目-并联审批", "一项接一项要 173 个工作日，并联办 50 个")
    assert page.locator(".gantt-box:visible svg").count() == 2
    manager.go("/projects/load").see("项目-负荷", "示例manager")
    manager.go("/projects/charts").see("项目-流程图们", "27 项")
    manager.go("/projects/charts/enterprise").see("项目-流程图", "27 项")
    manager.go("/projects/six").see("项目-六统一", "没有规定")
