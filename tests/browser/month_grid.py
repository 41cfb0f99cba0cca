"""What the grid does this month: an event settled together with police and fire service, somebody about to turn 80, a visit
that a relative books online, and how far the grids reach at the end."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import select

from models.person import Person as Staff
from process import clock
from process.access import load_actor
from services import care_reminders, joint_stations
from tests.browser import month_home
from tests.browser import visit_story as story
from tests.browser.month_office import Both, Month
from tests.browser.product import id_number
from tests.browser.visit_story import uid_of

# Born on this day, somebody turns 80 while the month is played, and nobody has put them on the register.
TURNS_80 = date(1946, 11, 25)
COLLEAGUES = {"joint-police": ("谈警官", "社区民警"), "joint-fire": ("温队长", "消防救援站")}
LAST_DAY = date(2026, 11, 30)


def set_up(month: Month) -> None:
    """The joint station of the street with one who sits there and one who is called; the morning's reminders begin."""
    with month.inside() as session:
        clerk = session.scalars(select(Staff).where(Staff.username == "community.clerk")).one()
        for username, (name, title) in COLLEAGUES.items():
            made = Staff(
                username=username, name=name, title=title, unit_id="dongxin", password_hash=clerk.password_hash
            )
            made.illustrative = True
            session.add(made)
        session.flush()
        person_id = session.scalars(select(Staff.id).where(Staff.username == "admin")).one()
        admin = load_actor(session, person_id, clock.local_day(month.clock.now))
        station = joint_stations.open_station(session, admin, {"name": "东新街道联动工作站", "place": "dongxin"})
        sits = {"kind": "permanent", "role": "community_police", "username": "joint-police", "reason": "派驻"}
        called = {"kind": "on_call", "department": "消防救援站", "username": "joint-fire", "reason": "按需入驻"}
        for given in (sits, called):
            joint_stations.join(session, admin, station, given)
        care_reminders.put(session, month.clock.now)
        session.commit()


def before_eighty(month: Month, office: Both) -> None:
    """The leader hears of the birthday in the morning, before anybody asks; the register waits for the day itself."""
    month.next_day()
    leader = office.person("grid.leader")
    leader.go("/notices/").see("提醒-快满80", "11月25日 满80周岁", "还没列入名册")
    leader.go("/visits/care?view=soon").see("名册-快满80", "俞*", "11月25日", "到那天再列入")
    month.work()


def on_the_birthday(month: Month, office: Both) -> None:
    """On the day itself the leader puts the person on the register, with one press and nothing to type again."""
    while month.clock.now.date() < TURNS_80.replace(year=TURNS_80.year + 80):
        month.next_day()
    leader = office.person("grid.leader")
    leader.go("/visits/care?view=missing").see("名册-满80没列入", "俞*", "11月25日")
    leader.page.locator("tr", has_text="11月25日").locator("a", has_text="列入名册").click()
    leader.page.wait_for_url("**/visits/care/new*")
    leader.see("名册-列入", "列入名册")
    leader.fill("说明", "生日前打过电话，要办老年卡。")
    leader.press("列入名册", within="form.card-box")
    leader.see("名册-列入后", "已列入名册", "80岁以上")
    month.work()


def booked_online(month: Month, office: Both) -> None:
    """A granddaughter books from her phone, chooses the hour, and hears when it is confirmed and when nobody comes after all."""
    resident = office.person("resident")
    resident.go("/visits/new").see("居民-预约上门", "与服务对象的关系")
    number = id_number(story.born(86), "female", story.seat(office) + 3)
    story.fill_request(resident, "骆阿宝", number, "13800001114", "80岁以上")
    with resident.refused():
        resident.press("登记预约", within="form.card-box")
    resident.see("居民-没写关系", "请选择您与服务对象的关系")
    resident.field("与服务对象的关系").select_option("孙子女")
    resident.press("登记预约", within="form.card-box")
    resident.see("居民-选上门时间", "已预约")
    when = month_home.choose_hour(resident, day=3)
    visit = uid_of(resident)
    resident.see("居民-选好时间", "时间已为您留好")
    month.work()

    leader = office.person("grid.leader")
    leader.go("/notices/").see("提醒-群众选了时间", "群众选了上门时间")
    leader.go(f"/c/{visit}").press("核资格并排期")
    leader.press("约这个时间")
    leader.see("上门代办单-确认时间", "已排期")
    month.work()
    resident.go("/messages").see("居民-上门定了", f"{when.month}月{when.day}日")
    resident.go(f"/c/{visit}")
    resident.tap("取消上门")
    resident.fill("取消原因", "奶奶那天去医院，改天再约。", within="details.act[open]")
    resident.press("取消上门", within="details.act[open] form")
    resident.see("居民-取消上门", "取消上门，已办好")
    month.work()


def settle_together(month: Month, office: Both) -> None:
    """Found by the leader, reported upwards, joined by the police, the fire service called and heard, settled and filed."""
    leader, police, event = office.person("grid.leader"), office.person("joint-police"), office.things["event"]
    for step, box, words in (
        ("核实", "核实情况", "现场看过，属实。"),
        ("上报", "为什么网格内办不了", "劝过两次，没有执法权。"),
    ):
        leader.go(f"/c/{event}").tap(step)
        leader.fill(box, words, within="details.act[open]")
        leader.press(step, within="details.act[open] form")
    leader.see("网格事件-已上报", "劝过两次")
    month.work()

    police.go(f"/c/{event}").tap("进入联动工作站")
    police.page.locator("details.act[open]").get_by_label("社区民警", exact=True).check()
    police.press("进入联动工作站", within="details.act[open] form")
    police.see("网格事件-联动处置", "消防通道停满电瓶车")
    police.go(f"/grid/events/{event}/call").see("请部门到场", "消防救援站")
    police.page.get_by_label(re.compile("消防救援站")).check()
    police.fill("请来看什么、办什么", "请认定是否占用消防车通道。")
    police.press("请到场", within="form.card-box")
    police.see("网格事件-请了消防", "消防救援站")
    month.work()

    month.next_day()
    fire = office.person("joint-fire")
    fire.go(f"/c/{event}").see("消防-看到的事件", "请认定是否占用消防车通道")
    fire.page.locator("#opinions textarea").fill("占用，须当场清走。")
    fire.press("同意", within="#opinions")
    police = office.person("joint-police")
    police.go(f"/c/{event}").see("网格事件-消防回话", "占用，须当场清走。")
    police.press("化解")
    found = "社区民警、消防到场，占用消防车通道属实，由物业当场清走。"
    police.page.locator("[name=finding]").locator("visible=true").fill(found)
    police.page.locator("[name=outcome]").locator("visible=true").fill("电瓶车已移走，划了禁停线。")
    police.press("化解", within="form.card-box")
    police.see("网格事件-已化解", "已化解")
    month.work()
    clerk = office.person("community.clerk")
    clerk.go(f"/c/{event}").tap("归档")
    clerk.press("归档", within="details.act[open] form")
    clerk.see("网格事件-归档", "归档，已办好", "已经办完")
    clerk.go("/grid/stations").see("联动工作站-一个月", "东新街道联动工作站", "1/1")


def until_the_end(month: Month, office: Both) -> None:
    """The workers run every morning until the 30th; then the station reads how far the grids reach."""
    on_the_birthday(month, office)
    while month.clock.now.date() < LAST_DAY:
        month.next_day()
    clerk = office.person("community.clerk")
    clerk.go("/grid/coverage?since=2026-11-01&until=2026-11-30")
    clerk.see("覆盖情况-月底", "零盲点、零遗漏、零缝隙", "2026年11月1日 至 2026年11月30日 没有看望的服务对象")
    zeros = [zero.inner_text() for zero in clerk.page.locator(".zero").all()]
    assert len(zeros) == 3 and all(re.search(r"\d+\s*/\s*\d+", words) for words in zeros), zeros
    # The one who turned 80 stands on the register, and nobody has been there yet: the report says so by name.
    missed = clerk.page.locator("#people").inner_text()
    assert "俞" in missed and "/ 0" not in zeros[2], (missed, zeros)
    office.on("phone", "community.clerk").go("/grid/coverage").see("另一宽度-覆盖情况")
