"""In a real browser: a place is clicked on the drawing, a tour is planned anew when one drops out, an evening count finds a difference and it is explained."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator

import pypdf
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from extensions import db
from models.agency import Agency
from models.courier import CourierTour, PointCheck
from models.errand import Errand
from process import engine
from services.errand_posting import create_errand
from tests.browser.product import Office
from tests.pages.test_scan_browser import CHROMIUM
from tests.pages.test_scan_pages import actor_of

in_browser = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium")
POINT = "/errands/points/dx-c01-point"


@pytest.fixture
def board(app: Flask) -> list[str]:
    """Three errands on the board; two of them lie at the point."""
    with app.app_context():
        session, made = db.session(), []
        acting = actor_of("community.clerk")
        ways = (("dx-c01-point", "dongxin-centre", 2), ("dx-c01-point", "dx-c02", 1), ("dongxin-centre", "dx-c03", 1))
        for start, end, envelopes in ways:
            fields = {"title": f"送到{end}", "purpose": "hand_in", "place": "dx-c01", "envelopes": envelopes}
            errand = create_errand(session, acting, {**fields, "from_agency": start, "to_agency": end})
            engine.fire(errand, "post", acting)
            made.append(errand.uid)
        session.commit()
        return made


@pytest.fixture
def office(app: Flask) -> Iterator[Office]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu", "--lang=zh-CN"]
        )
        made = Office(browser, f"http://127.0.0.1:{server.port}", "desktop")
        yield made
        made.close()
        browser.close()
    server.shutdown()
    thread.join()


@pytest.mark.browser
@in_browser
@pytest.mark.req("S2-23")
def test_a_place_is_clicked_a_tour_replanned_a_difference_explained(
    app: Flask, board: list[str], office: Office
) -> None:
    clicked(app, office)
    replanned(app, office)
    explained(app, office, board)


def clicked(app: Flask, office: Office) -> None:
    """The administrator clicks where the first community lies, and moves it by typing."""
    admin = office.person("admin")
    admin.go("/places/dongxin/positions").see("地图位置", "已登记 0 处")
    page = admin.page
    page.locator("[data-positions][data-ready]").wait_for()
    page.locator("summary", has_text="万家星城社区").click()
    page.locator("#x_dx-c01").click()
    drawing = page.locator("[data-positions]").bounding_box()
    assert drawing is not None
    page.mouse.click(drawing["x"] + drawing["width"] / 4, drawing["y"] + 100)
    assert abs(int(page.locator("#x_dx-c01").input_value()) - 600) <= 10
    page.locator("#y_dx-c01").fill("450")
    assert page.locator("[data-spot=dx-c01]").get_attribute("cy") == "135"
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="保存位置").click()
    admin.see("地图位置-已登记", "已登记 1 处")
    with app.app_context():
        x, y = db.session().get_one(Agency, "dx-c01").details["position"]
        assert abs(x - 600) <= 10 and y == 450


def replanned(app: Flask, office: Office) -> None:
    """The dispatcher plans one tour; the courier gives one errand back and finds the rest in a new order."""
    dispatcher = office.person("dispatcher")
    page = dispatcher.go("/errands/tours").page
    page.locator("input[name=couriers][value=courier]").check()
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="排路线并指派").click()
    dispatcher.see("路线-排好", "排好 1 趟")
    with app.app_context():
        tour = db.session().scalars(select(CourierTour)).one()
        uid, first, stops = tour.uid, tour.stops[0].errand.uid, len(tour.stops)
    assert stops == 6
    courier = office.person("courier")
    courier.go(f"/errands/tours/{uid}").see("路线-六站", "6 站")
    page = courier.page
    assert page.locator(".tour__stop").count() == 6 and page.locator(".map-stop").count() >= 3
    courier.go(f"/errands/{first}/release")
    courier.page.locator("[name=comment]").fill("临时有事")
    with courier.page.expect_navigation(wait_until="load"):
        courier.page.locator("main form .btn-primary, main form .btn-danger").first.click()
    courier.go(f"/errands/tours/{uid}").see("路线-重排", "4 站", "重排过")
    assert page.locator(".tour__stop").count() == 4


def explained(app: Flask, office: Office, board: list[str]) -> None:
    """The evening: one envelope less than listed, said by the clerk, cleared up by the dispatcher."""
    clerk = office.person("community.clerk")
    clerk.go(POINT).see("代办点-清点", "应在这里的信封")
    page = clerk.page
    with app.app_context():
        listed = {uid: db.session().scalars(select(Errand).where(Errand.uid == uid)).one().envelopes for uid in board}
    lying = {str(box.get_attribute("name")).removeprefix("count_") for box in page.locator("[name^=count_]").all()}
    assert lying and lying <= set(board)
    short = max(lying, key=lambda uid: listed[uid])
    for uid in lying:
        page.locator(f"#count_{uid}").fill(str(listed[uid] - (uid == short)))
    with clerk.refused(), page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="点完了，记下来").click()
    clerk.see("代办点-要说明", "请写明差在哪里")
    assert page.locator(f"#count_{short}").input_value() == str(listed[short] - 1), "what was typed is still there"
    page.locator(f"#note_{short}").fill("少一个红信封")
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="点完了，记下来").click()
    clerk.see("代办点-点完", "已告诉调度员")
    dispatcher = office.person("dispatcher")
    dispatcher.go(POINT).see("代办点-对不上", "对不上", "少一个红信封")
    page = dispatcher.page
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("link", name="登记核实结果").click()
    page.locator("[name=note]").fill("夹在报纸里，已放回")
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="登记核实结果").click()
    dispatcher.see("代办点-已核实", "已核实", "夹在报纸里，已放回")
    with app.app_context():
        check = db.session().scalars(select(PointCheck)).one()
        assert check.expected - check.found == 1 and check.settled_at is not None


def test_the_list_for_closing_time_is_a_paper(app: Flask, board: list[str], client_as) -> None:
    def words(client: FlaskClient) -> str:
        answer = client.get(f"{POINT}/list.pdf")
        assert answer.status_code == 200 and answer.mimetype == "application/pdf"
        assert answer.headers["Cache-Control"] == "no-store"
        return re.sub(
            r"\s", "", "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.data)).pages)
        )

    said = words(client_as("community.clerk"))
    assert "代办站点交接清单" in said and "万家星城社区红色代办点" in said and "交班人签名" in said
    assert "共2单，应有3件" in said and "还在跑腿工手上没有。" in said
    assert f"{POINT}/list.pdf" in client_as("dispatcher").get(POINT).text
    assert client_as("neighbour.clerk").get(f"{POINT}/list.pdf").status_code == 404
