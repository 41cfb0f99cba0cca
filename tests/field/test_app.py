"""The field app in a real browser against a real server: no signal, restarts, lost answers, and who may look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.delegation import Handover, HomeVisit
from models.field import FieldDevice, FieldOp
from models.grid import GridLog
from models.paper import Document
from models.resident import CareEntry
from tests.field.conftest import Handset
from tests.field.phone import photograph

Phones = Callable[[], Handset]


def pictures(count: int, side: int = 300) -> list[Any]:
    return [
        {"name": f"IMG_{n}.jpg", "mimeType": "image/jpeg", "buffer": photograph(n, side=side)} for n in range(count)
    ]


def fresh(session: Session) -> Session:
    session.rollback()
    session.expire_all()
    return session


def answer_lost(times: int) -> Callable[[Any], None]:
    """The server does it, and the phone never hears of it."""
    left = [times]

    def handle(route: Any) -> None:
        if left[0] > 0:
            left[0] -= 1
            route.fetch()
            route.abort()
        else:
            route.continue_()

    return handle


@pytest.mark.req("S0-26")
def test_a_visit_without_a_signal(session: Session, handset: Phones, visit: str) -> None:
    """Filled in at the door without a signal, the phone switched off twice, every first answer lost: it arrives once."""
    phone = handset()
    phone.sign_in("grid.leader")
    phone.look("今天")
    phone.context.set_offline(True)
    phone.restart()
    page = phone.page
    phone.line("无信号")
    assert "骆水珍" in page.locator("main").inner_text()
    page.locator("a.field-card").first.click()
    page.get_by_role("heading", name="骆水珍").wait_for()
    phone.look("一件上门")
    phone.tap("出发上门")
    phone.tap("出发上门，存好")
    page.get_by_text("上门中（待上报）").wait_for()

    phone.tap("核身份、收材料、签委托书")
    page.get_by_role("heading", name="核对身份").wait_for()
    phone.tap("存好，下一步")
    page.get_by_role("alert").filter(has_text="请核对身份后勾选").wait_for()
    phone.look("核对身份-没有勾")
    page.get_by_label("已出示工作证并核对身份证").check()
    phone.tap("存好，下一步")
    page.get_by_role("heading", name="收材料").wait_for()
    page.get_by_label("第 1 行份数").fill("1")
    page.get_by_label("第 2 行份数").fill("2")
    page.get_by_label("第 1 行状况").fill("完好")
    page.get_by_text("已存在手机上。").wait_for()
    # The battery dies in the middle.
    phone.restart()
    page = phone.page
    phone.to(f"#/do/{visit}/collect")
    page.get_by_role("heading", name="收材料").wait_for()
    page.get_by_text("已接着上次填的内容。").wait_for()
    assert page.get_by_label("第 2 行份数").input_value() == "2"
    assert page.get_by_label("第 1 行状况").input_value() == "完好"
    phone.look("收材料")
    phone.tap("存好，下一步")
    page.get_by_role("heading", name="拍照", exact=True).wait_for()
    page.set_input_files(
        "input[type=file]", files=[*pictures(6), {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"no"}]
    )
    page.get_by_text("“x.jpg”不是照片").wait_for()
    page.get_by_text("已拍 6 张").wait_for()
    phone.look("拍照")
    phone.tap("存好，下一步")
    page.get_by_role("heading", name="签代办委托书").wait_for()
    phone.tap("核身份、收材料、签委托书，存好")
    page.get_by_role("alert").filter(has_text="签名框里没有笔迹").wait_for()
    phone.sign()
    phone.look("签委托书")
    phone.tap("核身份、收材料、签委托书，存好")
    page.get_by_text("已收材料（待上报）").wait_for()
    phone.line("已存手机，联网后自动上报（2）")
    phone.to("#/waiting")
    page.locator("[data-state=waiting]").nth(1).wait_for()
    phone.look("待上报")
    phone.restart()
    page = phone.page
    assert fresh(session).scalar(select(func.count(FieldOp.id))) == 0

    # A signal again, but every first answer is lost on the way.
    page.route("**/field/api/push", answer_lost(1))
    page.route("**/field/api/blobs/*", answer_lost(2))
    phone.context.set_offline(False)
    phone.to("#/waiting")
    page.locator("[data-state=done]").nth(1).wait_for(timeout=120_000)
    phone.line("都已上报")
    made = fresh(session).scalars(select(HomeVisit).where(HomeVisit.uid == visit)).one()
    assert made.state == "collected" and made.letter is not None
    photos = select(func.count(Document.id)).where(Document.content_id == made.id, Document.purpose == "photo")
    assert session.scalar(photos) == 6
    assert session.scalar(select(func.count(Handover.id)).where(Handover.action == "collect")) == 1
    assert session.scalar(select(func.count(FieldOp.id))) == 2
    assert phone.complaints == []


def write_log(phone: Handset, what: str, minutes: str = "20", *, twice: bool = False) -> None:
    phone.to("#/log")
    page = phone.page
    page.get_by_label("惠民便民服务").check()
    page.get_by_label("做了什么").fill(what)
    page.get_by_label("用时（分钟）").fill(minutes)
    page.get_by_role("button", name="记好").click(click_count=2 if twice else 1)
    page.locator("[data-op]").first.wait_for()


def test_the_next_user_of_a_shared_phone_sees_nothing(
    session: Session, handset: Phones, visit: str, entry: str
) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    phone.context.set_offline(True)
    write_log(phone, "帮骆水珍老人换灯泡")
    lies = phone.stored()
    assert "extractable=false" in lies and "extractable=true" not in lies
    for secret in ("骆水珍", "换灯泡", "文晖路", "13800000018", "俞国芳", "grid.leader"):
        assert secret not in lies, secret
    phone.to("#/leave")
    phone.page.get_by_text("还有 1 项没有上报").wait_for()
    phone.look("退出-还有没上报的")
    phone.tap("锁上并退出")
    phone.page.get_by_role("heading", name="已锁上").wait_for()
    assert "extractable" not in phone.stored()
    phone.context.set_offline(False)

    phone.sign_in("courier")
    for place in ("#/", "#/waiting", "#/care", f"#/thing/{visit}"):
        phone.to(place)
        text = phone.page.locator("body").inner_text()
        assert "骆水珍" not in text and "换灯泡" not in text
    lies = phone.stored()
    for secret in ("骆水珍", "换灯泡", "文晖路", "13800000018"):
        assert secret not in lies, secret
    assert fresh(session).scalar(select(func.count(GridLog.id))) == 0
    phone.to("#/leave")
    phone.page.get_by_role("heading", name="已锁上").wait_for()

    # Its owner comes back: nothing that was typed is lost.
    phone.sign_in("grid.leader")
    phone.to("#/waiting")
    phone.page.locator("[data-state=done]").first.wait_for()
    assert [one.what for one in fresh(session).scalars(select(GridLog))] == ["帮骆水珍老人换灯泡"]


def test_two_phones_change_the_same_box_and_a_person_settles(
    session: Session, handset: Phones, visit: str, entry: str
) -> None:
    first, second = handset(), handset()
    for phone in (first, second):
        phone.sign_in("grid.leader")
        phone.context.set_offline(True)
    for phone, needs in ((first, "买菜、送药"), (second, "只送饭")):
        phone.to(f"#/review/{entry}")
        phone.page.get_by_label("需要的帮助").fill(needs)
        phone.tap("复核好，存好")
        phone.page.locator("[data-op]").first.wait_for()
    first.context.set_offline(False)
    first.page.locator("[data-state=done]").first.wait_for()
    second.context.set_offline(False)
    second.page.locator("[data-state=conflict]").first.wait_for()
    second.line("有 1 项要您处理")
    second.tap("去处理")
    page = second.page
    page.get_by_text("原来是：买菜").wait_for()
    assert "买菜、送药" in page.locator("main").inner_text() and "只送饭" in page.locator("main").inner_text()
    second.look("两边都改了")
    second.tap("按选的上报")
    page.get_by_text("请每一项都选一个。").wait_for()
    assert fresh(session).get_one(CareEntry, int(entry)).needs == "买菜、送药"
    page.get_by_label("我填的：只送饭").check()
    second.tap("按选的上报")
    page.locator("[data-state=done]").first.wait_for()
    assert fresh(session).get_one(CareEntry, int(entry)).needs == "只送饭"


def test_what_the_server_refuses_stays_with_its_reason_and_can_be_mended(session: Session, handset: Phones) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    write_log(phone, "走了一圈", minutes="9999")
    page = phone.page
    page.locator("[data-state=refused]").wait_for()
    assert "应在 1 到 720 之间" in page.locator("[data-state=refused]").inner_text()
    phone.tap("去处理")
    page.get_by_role("heading", name="网格日志").wait_for()
    assert "走了一圈" in page.locator("main").inner_text()
    phone.look("没有办成")
    phone.tap("改正后再上报")
    page.get_by_label("用时（分钟）").wait_for()
    assert page.get_by_label("做了什么").input_value() == "走了一圈"
    page.get_by_label("用时（分钟）").fill("30")
    phone.tap("记好")
    page.locator("[data-state=done]").first.wait_for()
    assert [one.minutes for one in fresh(session).scalars(select(GridLog))] == [30]
    assert page.locator("[data-state=refused]").count() == 0


def test_signed_out_from_afar_and_idle_time_take_the_key(session: Session, handset: Phones, visit: str) -> None:
    phone, other = handset(), handset()
    phone.sign_in("grid.leader")
    other.sign_in("grid.leader")
    other.page.goto("/field/devices")
    other.look("我的手机")
    uid = phone.page.evaluate("document.cookie") or None
    assert uid is None
    devices = fresh(session).scalars(select(FieldDevice).order_by(FieldDevice.id)).all()
    other.page.locator(f"form[action$='{devices[0].uid}'] button[value=close]").click()
    other.page.get_by_text("已远程退出").first.wait_for()
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.page.get_by_role("heading", name="已锁上").wait_for()
    assert "远程退出" in phone.page.locator("main").inner_text()
    phone.look("远程退出后")
    assert "extractable" not in phone.stored()

    # Lying about for longer than was set: the key goes, and the open session with it.
    other.page.goto("/field/")
    other.page.get_by_role("heading", name="今天", exact=True).wait_for()
    other.page.evaluate(
        """async () => (await (await import("/static/field/store.js")).openStore()).setMeta("seen", Date.now() - 121 * 60000)"""
    )
    other.restart()
    other.page.get_by_role("heading", name="已锁上").wait_for()
    assert "extractable" not in other.stored()
    assert "骆水珍" not in other.page.locator("body").inner_text()


def test_every_page_in_large_type_and_for_the_courier(
    session: Session, handset: Phones, visit: str, entry: str
) -> None:
    phone = handset()
    phone.sign_in("grid.leader")
    phone.to("#/more")
    phone.tap("大字")
    for name, place in (
        ("更多-大字", "#/more"),
        ("今天-大字", "#/"),
        ("日志-大字", "#/log"),
        ("待上报-大字", "#/waiting"),
        ("名册-大字", "#/care"),
        ("复核-大字", f"#/review/{entry}"),
        ("一件-大字", f"#/thing/{visit}"),
        ("扫码-大字", "#/scan"),
    ):
        phone.to(place)
        phone.look(name)
    # Read aloud where the browser can.
    phone.to("#/")
    said = phone.page.evaluate(
        """() => { const said = []; speechSynthesis.speak = (one) => said.push(one.text); document.querySelector("[data-speak]").click(); return said; }"""
    )
    assert said and "骆水珍" in said[0]


def test_it_can_be_installed(handset: Phones) -> None:
    phone = handset()
    phone.sign_in("courier")
    found = phone.page.evaluate(
        """async () => {
          const manifest = await (await fetch(document.querySelector("link[rel=manifest]").href)).json();
          const sizes = [];
          for (const icon of manifest.icons) {
            const picture = await createImageBitmap(await (await fetch(icon.src)).blob());
            sizes.push([`${picture.width}x${picture.height}`, icon.sizes, icon.purpose]);
          }
          const worker = await navigator.serviceWorker.getRegistration("/field/");
          return { manifest, sizes, scope: worker.scope, active: Boolean(worker.active) };
        }"""
    )
    assert found["manifest"]["display"] == "standalone" and found["manifest"]["start_url"] == "/field/"
    assert all(real == said for real, said, _ in found["sizes"]) and found["active"]
    assert {purpose for *_, purpose in found["sizes"]} == {"any", "maskable"}
    phone.context.set_offline(True)
    phone.page.goto("/field/")
    phone.page.get_by_role("heading", name="今天", exact=True).wait_for()
    print(f"offline start: {phone.page.evaluate('performance.now()'):.0f} ms")
