"""What happens at doors this month: a card brought home, a door that stays shut, a request that is refused, the register."""

from __future__ import annotations

import re
from datetime import datetime

from process.numbers import CHINA
from tests.browser import visit_story as story
from tests.browser.month_office import Both, Month
from tests.browser.product import Person, id_number


def a_visit_at_home(month: Month, office: Both) -> None:
    """Booked on Monday, visited on Tuesday, filed from the door, and on its way with the papers."""
    clock = month.clock
    office.person("community.clerk").see("早上的工作台", "我的工作台")
    visit = story.ask_for_a_visit(office)
    clerk = office.person("community.clerk")
    clerk.go(f"/visits/{visit}/slot")
    when = choose_hour(clerk)
    clerk.see("约好上门", "已排期")
    month.work()

    clock.now = when
    leader = office.person("grid.leader")
    leader.go(f"/visits/route?day={when:%Y-%m-%d}").see("今日路线", "下一家", story.NAMES["desktop"])
    leader.press("出发上门")
    leader.go(f"/c/{visit}")
    story.at_the_door(office)
    ticket, case = story.file_it(office, visit)
    office.things |= {"visit": visit, "visit_ticket": ticket, "visit_case": case}
    month.work()


def choose_hour(clerk: Person, day: int = 2) -> datetime:
    """The first free hour of the leader we know on this day of the board; answers when it is."""
    page = clerk.page
    cell = page.locator(".slots__day").nth(day - 1).locator("input[value$='|grid.leader']").first
    value = cell.get_attribute("value") or ""
    cell.check()
    clerk.press("约这个时间")
    return datetime.strptime(value.split("|")[0], "%Y-%m-%dT%H:%M").replace(tzinfo=CHINA)


def the_card_is_decided(month: Month, office: Both) -> None:
    """The street counts, finds one photo short, reviews, decides and sends the card back with a courier."""
    story.count_the_papers(office, office.things["visit_ticket"])
    month.work()
    month.next_day()
    story.decide(office, office.things["visit_case"])
    month.next_day()
    office.things["errand"] = story.issue(office, office.things["visit_case"], office.things["visit_ticket"])
    month.work()


def the_card_comes_home(month: Month, office: Both) -> None:
    """The courier brings it to the station, the leader to the door; signed for, rated, closed."""
    story.bring_it_back(office, office.things["visit_ticket"], office.things["errand"])
    month.work()
    month.next_day(hour=14)
    story.hand_it_over(office, office.things["visit"], office.things["visit_ticket"])
    month.work()


def a_refusal_and_a_shut_door(month: Month, office: Both) -> None:
    """Not yet eighty and well: told where else to go. Ninety and out: tried again another day. The register is reviewed."""
    clerk = office.person("community.clerk")
    clerk.go("/visits/new")
    number = id_number("19461125", "male", story.seat(office) + 1)
    story.fill_request(clerk, "俞建国", number, "13800001112", "80岁以上")
    clerk.press("登记预约", within="form.card-box")
    clerk.see("其他办理渠道", "但不符合上门条件", "就近到社区公共服务站办理")
    refused = re.search(r"/visits/([^/?#]+)/ways", clerk.page.url)
    assert refused
    clerk.go(f"/c/{refused[1]}")
    clerk.tap("告知其他渠道")
    clerk.fill("原因和推荐的渠道", "未满80周岁，可到社区站办理，儿子会陪同。", within="details.act[open]")
    clerk.press("告知其他渠道", within="details.act[open] form")
    clerk.see("上门代办单-已告知其他渠道", "不符合上门条件")

    clerk.go("/visits/new")
    number = id_number(story.born(90), "female", story.seat(office) + 2)
    story.fill_request(clerk, "尉迟䶮云", number, "13800001113", "80岁以上")
    clerk.press("登记预约", within="form.card-box")
    when = choose_hour(clerk)
    missed = clerk.page.url
    found = re.search(r"/c/([^/?#]+)", missed)
    assert found
    month.work()
    month.clock.now = when
    leader = office.person("grid.leader")
    leader.go("/visits/route").press("出发上门")
    leader.go(f"/c/{found[1]}")
    leader.tap("未遇到，改约")
    leader.fill("情况", "敲门三次无人应，邻居说去了女儿家。", within="details.act[open]")
    leader.press("未遇到，改约", within="details.act[open] form")
    leader.see("上门代办单-未遇到", "未遇到")
    leader.go("/visits/care").see("名册-手机", "80岁以上")
    leader.page.locator(".care-table a[href*='/visits/care/']").first.click()
    leader.page.wait_for_url("**/visits/care/*")
    leader.fill("说明", "电话回访，情况没有变。")
    leader.press("记下复核结果")
    leader.see("名册-复核后", "电话回访，情况没有变。")
    month.work()
