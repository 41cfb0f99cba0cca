"""The calling screen of the hall in a real Chromium: it follows a call by itself and says it once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from extensions import db
from models.base import at_time, now
from services import hall
from tests.browser.conftest import browser as browser
from tests.hall.conftest import HALL, centre_of

CALLS = 3


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.mark.req("S3-27")
def test_the_calling_page_follows_a_call_by_itself(app: Flask, browser: Any, served: str) -> None:
    with app.app_context():
        centre = centre_of(db.session())
        centre.staff(CALLS)
        tickets = [centre.take(words=f"办事{number}").ticket for number in range(CALLS)]
        db.session.commit()
        clerks, counters = centre.clerks, [one.id for one in centre.counters]
        db.session.remove()
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN", base_url=served)
    context.set_default_timeout(60_000)
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.goto(f"/hall/{HALL}/screen")
    took = []
    for clerk, counter_id, ticket in zip(clerks, counters, tickets, strict=True):
        with app.app_context(), at_time(now()):
            from models.hall import HallCounter

            called = hall.call_next(db.session(), clerk, db.session.get(HallCounter, counter_id))
            assert called is not None and called.ticket == ticket
            db.session.commit()
            db.session.remove()
        began = time.monotonic()
        page.locator(f"[data-call^='{ticket}-']").wait_for(state="attached")
        took.append(time.monotonic() - began)
        assert page.locator(f"[data-call^='{ticket}-']").count() == 1
    print(f"the calling page followed after {', '.join(f'{one:.1f}' for one in took)} s")
    context.close()
    assert complaints == []
