"""What happens at doors this month: a card brought home, a door that stays shut, a request that is refused, the register."""

from __future__ import annotations

from datetime import datetime

from process.numbers import CHINA
from tests.browser import visit_story as story
from tests.browser.month_office import Both, Month
from tests.browser.product import Person


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
