"""How soon the app stands there without a signal, and every page of it in ordinary and in large type.

FIELD_STARTS=20 .venv/bin/pytest tests/field/test_start.py -k without_a_signal -s   (bench/field does)
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from statistics import median

import pytest
from sqlalchemy.orm import Session

from process.access import Actor
from tests.field.conftest import Handset
from tests.field.sync_steps import posted
from tests.field.test_app import write_log

STARTS = int(os.environ.get("FIELD_STARTS", "2"))
Phones = Callable[[], Handset]
# Notes when the first card of the day is there to be tapped, by the clock of the window itself.
NOTE = """(() => {
  const look = () => { if (document.querySelector("main a.field-card")) { window.stood = performance.now(); seen.disconnect(); } };
  const seen = new MutationObserver(look);
  seen.observe(document, { childList: true, subtree: true });
})();"""


def test_the_day_stands_there_without_a_signal(session: Session, handset: Phones, visit: str, entry: str) -> None:
    """Closed and opened again without a signal; beside it a file that is kept too, which is the least a window can take."""
    phone = handset()
    phone.sign_in("grid.leader")
    phone.context.add_init_script(NOTE)
    phone.context.set_offline(True)
    slowed = phone.context.new_cdp_session(phone.page)
    figures: dict[str, list[float]] = {"start": [], "floor": [], "slowed": []}
    for _ in range(STARTS):
        for name, rate in (("start", 1), ("slowed", 4)):
            slowed.send("Emulation.setCPUThrottlingRate", {"rate": rate})
            phone.page.goto("about:blank")
            phone.page.goto("/field/")
            phone.page.locator("main a.field-card").first.wait_for()
            assert "骆水珍" in phone.page.locator("main").inner_text()
            figures[name].append(phone.page.evaluate("window.stood"))
        slowed.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        phone.page.goto("about:blank")
        phone.page.goto("/field/app.webmanifest")
        figures["floor"].append(phone.page.evaluate("performance.getEntriesByType('navigation')[0].duration"))
    told = {f"{name}_ms": round(median(found)) for name, found in figures.items()}
    told |= {"start_worst_ms": round(max(figures["start"]))}
    print("offline start:", json.dumps(told))


def leaders_pages(visit: str, entry: str) -> dict[str, str]:
    return {
        "今天": "#/",
        "一件": f"#/thing/{visit}",
        "出发": f"#/do/{visit}/set_off",
        "日志": "#/log",
        "名册": "#/care",
        "复核": f"#/review/{entry}",
        "待上报": "#/waiting",
        "扫码": "#/scan",
        "更多": "#/more",
        "退出": "#/leave",
        "没有这一件": "#/thing/none",
    }


@pytest.mark.parametrize("large", [False, True], ids=["ordinary", "large"])
def test_every_page_is_usable_by_everybody(
    session: Session, actor: Callable[[str], Actor], handset: Phones, visit: str, entry: str, large: bool
) -> None:
    """No violation of axe, no page wider than the screen, nothing to press smaller than a finger; on a phone and on a tablet."""
    made = posted(session, actor)
    mode = "大字" if large else "普通"
    leader, courier = handset(), handset()
    leader.sign_in("grid.leader")
    courier.sign_in("courier")
    for phone in (leader, courier):
        if large:
            phone.to("#/more")
            phone.tap("大字")
    leader.context.set_offline(True)
    write_log(leader, "没有信号时写的一条很长的日志，" * 4)
    courier_pages = {"任务板": "#/", "认领": f"#/thing/{made.uid}", "扫码": "#/scan", "更多": "#/more"}
    for phone, who, pages in ((leader, "网格长", leaders_pages(visit, entry)), (courier, "跑腿工", courier_pages)):
        for width in (390, 768):
            phone.page.set_viewport_size({"width": width, "height": 844 if width == 390 else 1024})
            for name, place in pages.items():
                phone.to(place)
                phone.look(f"{who}-{name}-{mode}-{width}")
    leader.page.set_viewport_size({"width": 390, "height": 844})
    _at_the_door(leader, visit, mode)


def _at_the_door(phone: Handset, visit: str, mode: str) -> None:
    """The form at the door, screen by screen."""
    phone.to(f"#/do/{visit}/set_off")
    phone.tap("出发上门，存好")
    phone.page.get_by_text("上门中（待上报）").wait_for()
    phone.to(f"#/do/{visit}/collect")
    phone.look(f"上门-1核对-{mode}")
    phone.page.get_by_label("已出示工作证并核对身份证").check()
    phone.tap("存好，下一步")
    phone.page.get_by_label("第 1 行份数").fill("1")
    phone.look(f"上门-2材料-{mode}")
    phone.tap("存好，下一步")
    phone.page.get_by_text("拍照", exact=True).first.wait_for()
    phone.look(f"上门-3拍照-{mode}")
    phone.tap("存好，下一步")
    phone.page.locator("canvas.field-pad").wait_for()
    phone.look(f"上门-4签名-{mode}")
