"""What people and phones get wrong, in the real app: a plain Chinese answer on the screen, and nothing typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.delegation import HomeVisit
from models.field import FieldDevice
from models.grid import GridLog
from process.numbers import CHINA
from tests.field.conftest import Handset
from tests.field.test_app import fresh, pictures, write_log

Phones = Callable[[], Handset]
# The clock of the phone, moved before anything of the app runs.
MOVED = """(() => { const Real = Date, skew = SKEW; window.Date = class extends Real {
  constructor(...given) { if (given.length) super(...given); else super(Real.now() + skew); }
  static now() { return Real.now() + skew; } }; })()"""


def test_photos_that_are_none_too_many_and_a_name_not_signed(handset: Phones, visit: str) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    page = phone.page
    phone.context.set_offline(True)
    phone.to(f"#/do/{visit}/set_off")
    phone.tap("出发上门，存好")
    page.get_by_text("上门中（待上报）").wait_for()
    phone.to(f"#/do/{visit}/collect")
    page.get_by_label("已出示工作证并核对身份证").check()
    phone.tap("存好，下一步")
    page.get_by_label("第 1 行份数").fill("1")
    phone.tap("存好，下一步")
    none = {"name": "发票.pdf", "mimeType": "image/jpeg", "buffer": b"%PDF-1.4 no picture"}
    page.set_input_files("input[type=file]", files=[none])
    page.get_by_text("“发票.pdf”不是照片，或手机打不开，没有收。请重新拍一张。").wait_for()
    phone.look("拍照-不是照片")
    page.set_input_files("input[type=file]", files=pictures(40, side=24))
    page.get_by_text("最多 20 张，这次选了 40 张，多的没有收。").wait_for()
    page.get_by_text("已拍 20 张").wait_for()
    phone.look("拍照-四十张")
    phone.tap("存好，下一步")
    page.locator("canvas.field-pad").wait_for()
    phone.tap("核身份、收材料、签委托书，存好")
    page.get_by_role("alert").filter(has_text="签名框里没有笔迹").wait_for()
    phone.look("签名-没有笔迹")
    # Everything is still there after the phone was switched off.
    phone.restart()
    phone.to(f"#/do/{visit}/collect")
    phone.page.get_by_text("已接着上次填的内容。").wait_for()
    phone.tap("上一步")
    phone.page.get_by_text("已拍 20 张").wait_for()


def test_a_code_of_another_station(session: Session, handset: Phones, visit: str) -> None:
    number = fresh(session).scalars(select(HomeVisit.number).where(HomeVisit.uid == visit)).one()
    phone = handset()
    phone.sign_in("courier")
    for typed, words, name in (
        (str(number), "可能是别的站点的。请不要收下", "别站的码"),
        ("https://example.com/x", "这不是本系统的码", "不认识的码"),
    ):
        phone.to("#/scan")
        phone.page.get_by_label("编号").fill(typed)
        phone.tap("核对")
        phone.page.get_by_role("status").filter(has_text=words).wait_for()
        assert phone.page.get_by_label("编号").input_value() == typed
        phone.look(f"扫码-{name}")
        phone.to("#/more")
    phone.context.set_offline(True)
    phone.to("#/scan")
    phone.page.get_by_label("编号").fill("SM-2026-000099")
    phone.tap("核对")
    phone.page.get_by_role("status").filter(has_text="请先不要收下").wait_for()


def test_a_phone_of_three_weeks_ago_goes_on_by_itself(session: Session, handset: Phones) -> None:
    """It fetches the day as it is now, then hands in what was typed."""
    phone = handset()
    phone.sign_in("grid.leader")
    phone.context.set_offline(True)
    write_log(phone, "三周前写的")
    device = fresh(session).scalars(select(FieldDevice)).one()
    device.seen_at = now() - timedelta(days=22)
    session.commit()
    phone.context.set_offline(False)
    phone.page.locator("[data-state=done]").first.wait_for()
    phone.line("都已上报")
    assert [one.what for one in fresh(session).scalars(select(GridLog))] == ["三周前写的"]


def test_a_forged_author_is_told_and_stays_on_the_phone(session: Session, handset: Phones) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    phone.context.set_offline(True)
    write_log(phone, "别人填的")
    phone.page.evaluate(
        """async () => {
          const { app } = await import("/static/field/app.js");
          const [op] = await app.outbox.open();
          await app.outbox.save({ ...op, author: "courier" });
        }"""
    )
    phone.context.set_offline(False)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    refused = phone.page.locator("[data-state=refused]")
    refused.wait_for()
    assert "不能以您的名义上报" in refused.inner_text()
    phone.tap("去处理")
    phone.page.get_by_role("heading", name="网格日志").wait_for()
    shown = phone.page.locator("main").inner_text()
    assert "别人填的" in shown and "惠民便民服务" in shown and "dx-c01-g1" not in shown and "author" not in shown
    phone.look("不是本人填的")
    assert list(fresh(session).scalars(select(GridLog))) == []


def test_a_photo_that_the_server_does_not_take_holds_up_nothing_else(session: Session, handset: Phones) -> None:
    """The thing it belongs to says why; what was done afterwards arrives."""
    phone = handset()
    phone.sign_in("grid.leader")
    phone.page.route(
        "**/field/api/blobs",
        lambda route: route.fulfill(
            status=409,
            content_type="application/problem+json",
            body='{"type": "/problems/conflict", "detail": "还有 200 张照片没有随表单报完，请先把待上报的报完再传新的。"}',
        ),
    )
    phone.to("#/log")
    page = phone.page
    page.set_input_files("input[type=file]", files=pictures(1, side=80))
    page.get_by_text("已拍 1 张").wait_for()
    write_log(phone, "带照片的")
    page.locator("[data-state=refused]", has_text="还有 200 张照片没有随表单报完").wait_for()
    write_log(phone, "不带照片的")
    page.locator("[data-state=done]", has_text="不带照片的").wait_for()
    phone.look("照片没有收")
    assert [one.what for one in fresh(session).scalars(select(GridLog))] == ["不带照片的"]


def test_a_queue_of_hundreds_goes_in_batches(session: Session, handset: Phones) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    phone.context.set_offline(True)
    phone.page.evaluate(
        """async () => {
          const { app } = await import("/static/field/app.js");
          const inputs = { grid: app.day.log.grids[0][0], duty: "service", kind: "walk", minutes: 5 };
          for (let n = 0; n < 120; n += 1) {
            const what = `第${n}条`;
            await app.outbox.add({ kind: "create", thing: "grid_log", title: "网格日志", about: what, inputs: { ...inputs, what } });
          }
        }"""
    )
    phone.context.set_offline(False)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.line("都已上报")
    written = fresh(session).scalars(select(GridLog).order_by(GridLog.id)).all()
    assert [one.what for one in written] == [f"第{n}条" for n in range(120)]


@pytest.mark.parametrize("year", [1970, 2050])
def test_a_clock_of_another_century(session: Session, handset: Phones, year: int) -> None:
    phone = handset()
    skew = (year - now().year) * 365.25 * 86_400_000
    phone.context.add_init_script(MOVED.replace("SKEW", str(int(skew))))
    phone.sign_in("grid.leader")
    phone.context.set_offline(True)
    phone.restart()
    write_log(phone, f"{year}年的钟")
    phone.look(f"钟在{year}年")
    phone.context.set_offline(False)
    phone.page.locator("[data-state=done]").first.wait_for()
    made = fresh(session).scalars(select(GridLog)).one()
    assert made.happened_on == now().astimezone(CHINA).date()
    assert abs(made.created_at - now()) < timedelta(minutes=30)
