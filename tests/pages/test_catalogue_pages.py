"""The catalogue and its guides, read by people who are not signed in and by those who are."""

from __future__ import annotations

import re

import pytest


@pytest.mark.req("S4-15")
def test_the_list_counts_each_category_against_its_target(app):
    page = app.test_client().get("/items").text
    assert "82/82 项，其中直接办 23 项、代办 59 项" in page
    for name, share in (("人社类", "42/42"), ("为老服务类", "5/5"), ("计划生育类", "5/5"), ("党员服务类", "1/1")):
        assert re.search(rf">{name} <b>{share}</b>", page), name
    assert "72 项只占数目" in page and "示例" in page


def test_filters_narrow_the_list_and_an_empty_one_says_what_to_do(app):
    client = app.test_client()
    assert len(re.findall(r'class="matter"', client.get("/items?way=direct").text)) == 23
    assert len(re.findall(r'class="matter"', client.get("/items?category=family_planning").text)) == 5
    only = client.get("/items", query_string={"q": "老年卡"}).text
    assert len(re.findall(r'class="matter"', only)) == 1 and 'value="老年卡"' in only
    assert "没有符合条件的事项" in client.get("/items?q=没有这种事").text


def test_a_guide_says_what_to_bring_and_marks_what_is_not_confirmed(app):
    client = app.test_client()
    page = client.get("/items/fertility_registration_card").text
    for words in (
        "夫妻已办理结婚登记",
        "结婚证",
        "必备",
        "可容缺",
        "原件或复印件",
        "3 个工作日",
        "20 个工作日",
        "不收费",
        "待核实",
        "不上门办",
        "<svg",
    ):
        assert words in page, words
    assert "可以上门办" in client.get("/items/senior_card").text
    sample = client.get("/items/human_social_security_02").text
    assert "这是示例事项" in sample
    letter = client.get("/items/senior_card/letter.pdf")
    assert letter.mimetype == "application/pdf" and letter.data.startswith(b"%PDF-")
    assert client.get("/items/none_such").status_code == 404
    assert client.get("/items/none_such/letter.pdf").status_code == 404


def test_each_reader_gets_the_way_to_file_that_is_open_to_them(app, client_as):
    assert "/apply/senior_card" not in client_as("window.clerk").get("/items/senior_card").text
    assert "/counter?item=senior_card" in client_as("window.clerk").get("/items/senior_card").text
    assert "/visits/new?item=senior_card" in client_as("grid.leader").get("/items/senior_card").text
    resident = client_as("resident").get("/items/fertility_registration_card").text
    assert "/apply/fertility_registration_card" in resident and "/counter" not in resident
    assert "/apply/fertility_registration_card" in app.test_client().get("/items/fertility_registration_card").text


def test_the_pages_speak_english_to_who_asks_for_it(app):
    page = app.test_client().get("/items/senior_card", headers={"Accept-Language": "en"}).text
    assert "Senior citizen card" in page
