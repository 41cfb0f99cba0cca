"""Two installations on this machine, each with its own database, keys, server and worker: what people do on one shows on the other."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.exchange.city import City, Visitor, pair

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[City, City]]:
    folder = tmp_path_factory.mktemp("cities")
    a, b = City("海宁市", folder / "a"), City("江苏吴江", folder / "b")
    try:
        pair(a, b)
        for city in (a, b):
            city.start("web")
            city.start("work")
        for city in (a, b):
            city.wait_web()
        until(lambda: "社保关系转移" in Visitor(a, "window.clerk").get("/exchange/new").text, "the list of items")
        yield a, b
    finally:
        a.close()
        b.close()


def until(holds: Callable[[], Any], what: str, within: float = 120) -> Any:
    stop = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < stop, f"not within {within:g} s: {what}"
        time.sleep(0.3)
    return found


def file_ticket(clerk: Visitor, wish: str) -> str:
    """As a clerk does it; answers the address of the thing."""
    page = clerk.get("/exchange/new").text
    item = page.partition('<option value="">')[2].partition('<option value="')[2].partition('"')[0]
    answer = clerk.post(
        "/exchange/new",
        {
            "item": item,
            "want_paper": wish,
            "applicant_name": "欧阳𬭎祺",
            "applicant_id_number": "440524188001010014",
            "applicant_phone": "13800000098",
        },
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def number_of(visitor: Visitor, address: str) -> str:
    found = re.search(r"KS-\d{4}-\d{6}", visitor.get(address).text)
    assert found
    return found[0]


@pytest.mark.req("S4-25", "S4-32", "S3-19")
def test_filed_here_decided_there_printed_here(cities: tuple[City, City]) -> None:
    """Pushed, accepted, decided; both sides see each step; the proof is printed at any terminal of the city of filing."""
    a, b = cities
    clerk, officer, station = Visitor(a, "window.clerk"), Visitor(b, "approver"), Visitor(a, "community.clerk")
    here = file_ticket(clerk, "print")
    number = number_of(clerk, here)
    there = until(
        lambda: next((x for x in _rows(officer) if number in x[1]), None), "the ticket lies in the inbox there"
    )[0]
    page = officer.get(there).text
    assert "欧阳𬭎祺" in page and "海宁市" in page and number in page
    # Not decided yet: nothing to print.
    refused = station.post("/exchange/print", {"number": number, "id_number": "440524188001010014"})
    assert refused.status_code == 409 and "还没有办结" in refused.text
    _act(officer, there, "accept", {})
    until(lambda: "受理地办理" in clerk.get(here).text, "accepted shows at home")
    assert number_of(officer, there) in clerk.get(here).text
    _act(officer, there, "decide", {"decision_text": "准予转出，缴费至2026年2月。"})
    until(lambda: "准予转出" in clerk.get(here).text, "the result shows at home")
    wrong = station.post("/exchange/print", {"number": number, "id_number": "11010519491231002X"})
    assert wrong.status_code == 404 and "没有找到" in wrong.text and "11010519491231002X" not in wrong.text
    printed = station.post("/exchange/print", {"number": number, "id_number": "440524188001010014"})
    assert printed.status_code == 303
    paper = printed.headers["location"]
    until(lambda: "可以打印" in station.get(paper).text, "the proof is drawn", 60)
    pdf = station.get(f"{paper}.pdf")
    assert pdf.headers["content-type"] == "application/pdf" and pdf.content.startswith(b"%PDF")
    assert clerk.get(f"{paper}.pdf").status_code == 404, "only whoever stands beside the terminal"
    until(lambda: "自助打印" in officer.get(there).text and "办结" in officer.get(there).text, "printed shows there")
    again = station.post("/exchange/print", {"number": number, "id_number": "440524188001010014"})
    assert again.status_code == 409 and "已经打印过" in again.text


@pytest.mark.req("S4-33")
def test_pushed_to_the_remote_inbox_and_the_result_comes_by_express(cities: tuple[City, City]) -> None:
    a, b = cities
    clerk, officer = Visitor(a, "window.clerk"), Visitor(b, "approver")
    here = file_ticket(clerk, "express")
    number = number_of(clerk, here)
    there = until(lambda: next((x for x in _rows(officer) if number in x[1]), None), "the inbox there")[0]
    _act(officer, there, "accept", {})
    _act(officer, there, "decide", {"decision_text": "准予。"})
    _act(officer, there, "send", {"express_number": "SF10010001"})
    until(lambda: "SF10010001" in clerk.get(here).text and "快递送达" in clerk.get(here).text, "the express number")
    letters = clerk.get(_letters(clerk, here)).text
    assert letters.count("有回执") >= 4


def test_messages_and_papers_go_both_ways_and_internal_notes_stay(cities: tuple[City, City]) -> None:
    a, b = cities
    clerk, officer = Visitor(a, "window.clerk"), Visitor(b, "approver")
    here = file_ticket(clerk, "print")
    number = number_of(clerk, here)
    there = until(lambda: next((x for x in _rows(officer) if number in x[1]), None), "the inbox there")[0]
    _say(officer, there, "message", "请补一份参保凭证")
    until(lambda: "请补一份参保凭证" in clerk.get(here).text, "the message at home")
    assert "江苏吴江" in clerk.get(here).text
    _say(clerk, here, "message", "已请本人上传")
    _say(clerk, here, "note", "这句只给自己人看")
    until(lambda: "已请本人上传" in officer.get(there).text, "the answer there")
    _act(officer, there, "refuse", {"comment": "缴费地不在本市，请向上海申请。"})
    until(lambda: "请向上海申请" in clerk.get(here).text, "the reason at home")
    assert "这句只给自己人看" not in officer.get(there).text


def test_a_city_that_is_down_is_shown_as_such_and_nothing_is_lost(cities: tuple[City, City]) -> None:
    a, b = cities
    clerk, admin = Visitor(a, "window.clerk"), Visitor(a, "admin")
    b.kill("web")
    here = file_ticket(clerk, "print")
    number = number_of(clerk, here)
    lines = "/exchange/partners"
    until(lambda: "连不上" in admin.get(lines).text, "the line is down")
    page = admin.get(f"{lines}/1").text
    assert "连不上" in page and "在等的函件" in page and "下次自动重试" in page
    assert "还没有回执" in clerk.get(here).text and "连不上对方" in clerk.get(here).text
    b.start("web")
    b.wait_web()
    assert admin.post(f"{lines}/1/line", {"do": "retry"}, page=f"{lines}/1").status_code == 303
    officer = Visitor(b, "approver")
    until(lambda: any(number in text for _address, text in _rows(officer)), "the ticket arrives after all")
    until(lambda: "正常" in admin.get(lines).text, "the line is up")


@pytest.mark.req("S4-31")
def test_lists_of_items_travel_and_what_ended_cannot_be_filed(cities: tuple[City, City]) -> None:
    a, b = cities
    there, clerk, admin = Visitor(b, "admin"), Visitor(a, "window.clerk"), Visitor(a, "admin")
    given = {"code": "pension_payment_proof", "title": "", "kind": "proof", "unit": "dongxin-centre", "days": "1"}
    answer = there.post("/exchange/items", {**given, "title": "养老保险参保缴费证明"})
    assert answer.status_code == 303, answer.text
    until(lambda: "养老保险参保缴费证明" in clerk.get("/exchange/new").text, "the new item is offered at home")
    page = admin.get("/exchange/items").text
    for fact in ("472 个事项", "28 种证明", "232 个事项", "114 个事项", "92 种证明", "511 个事项", "6 种证明"):
        assert fact in page, fact
    added = there.get("/exchange/items").text.partition("pension_payment_proof")[2]
    ends = re.findall(r"/exchange/items/\d+/end", added)
    assert there.post(ends[0], {}, page="/exchange/items").status_code == 303
    until(lambda: "养老保险参保缴费证明" not in clerk.get("/exchange/new").text, "it is offered no more")


def test_both_count_a_ticket_and_together_it_is_one(cities: tuple[City, City]) -> None:
    a, b = cities
    stat = Visitor(a, "statistician").get("/exchange/statistics").text
    assert "每件只算一次" in stat
    here, there = a.run("tell"), b.run("tell")
    until(lambda: set(a.run("tell")["halves"]) == set(b.run("tell")["halves"]), "both know the same tickets")
    assert here["crossing"] == len(here["halves"]) and there["crossing"] == len(there["halves"])
    assert len(set(here["halves"]) | set(there["halves"])) == len(here["halves"])
    for city in (a, b):
        assert city.run("tell")["journal"][1] is None


def _rows(visitor: Visitor) -> list[tuple[str, str]]:
    page = visitor.get("/exchange/?side=decides").text
    found = re.findall(r'<li class="card-box half.*?</li>', page, re.S)
    return [(re.search(r'href="([^"]+)"', row)[1], row) for row in found]  # type: ignore[index]


def _act(visitor: Visitor, address: str, step: str, inputs: dict[str, str]) -> None:
    answer = visitor.post(f"{address}/do/{step}", inputs, page=address)
    assert answer.status_code == 303, answer.text[:2000]


def _say(visitor: Visitor, address: str, kind: str, text: str) -> None:
    assert visitor.post(f"{address}/notes", {"kind": kind, "text": text}, page=address).status_code == 303


def _letters(visitor: Visitor, address: str) -> str:
    found = re.search(r'href="(/exchange/tickets/[^"]+)"', visitor.get(address).text)
    assert found
    return found[1]
