"""网格日志: entered on a phone, put right the same day with a trace, counted per grid and month with a link to each number."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta

import pytest
from PIL import Image
from sqlalchemy import select

from catalogue import loader as catalogue
from models.base import at_time, now
from models.grid import Building, GridLog
from models.ledger import JournalEntry
from process.library import library
from services import grid_log


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(buffer, "JPEG")
    return buffer.getvalue()


FORM = {"duty": "dispute", "what": "调解楼上漏水", "minutes": "25", "kind": "visit", "where": "3单元"}


@pytest.fixture
def building(session) -> Building:
    made = Building(
        community_id="dx-c01", community_path="/hangzhou/xiacheng/dongxin/dx-c01/", grid_id="dx-c01-g1", name="文晖路2幢",
        households=40,
    )  # fmt: skip
    session.add(made)
    session.flush()
    return made


@pytest.mark.req("S0-15")
def test_the_five_duties_are_those_of_the_source_and_of_events(app) -> None:
    assert list(grid_log.DUTIES.values()) == catalogue.lists()["grid_duties"]["list"]
    assert list(grid_log.DUTIES) == [name for name, _ in library.type("grid_event").field("duty").options]


@pytest.mark.req("S0-15")
def test_a_member_enters_an_entry_with_a_photo(session, client_as, building) -> None:
    session.commit()
    client = client_as("grid.leader")
    page = client.get("/grid/log/new")
    assert page.status_code == 200 and "文晖路2幢" in page.text and 'capture="environment"' in page.text
    assert page.text.count('name="duty"') == 5
    data = FORM | {"building": str(building.id), "photo": (io.BytesIO(photo()), "a.jpg")}
    answer = client.post("/grid/log/new", data=data, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    entry = session.scalars(select(GridLog)).one()
    assert (entry.duty, entry.kind, entry.minutes, entry.what) == ("dispute", "visit", 25, "调解楼上漏水")
    raw = session.connection().exec_driver_sql("SELECT what FROM grid_log").scalar()
    assert "漏水".encode() not in bytes(raw), "the words rest encrypted"
    shown = client.get("/grid/log?mine=1").text
    assert "调解楼上漏水" in shown and "文晖路2幢" in shown and "有照片" in shown
    picture = client.get(f"/grid/log/{entry.uid}/photo")
    assert picture.status_code == 200 and picture.mimetype == "image/jpeg"


@pytest.mark.req("S0-15")
def test_wrong_entries_are_told_all_at_once_and_nothing_is_lost(session, client_as, building, today) -> None:
    session.commit()
    client = client_as("grid.leader")
    wrong = [
        ({"duty": "gossip"}, "请选五项工作中的一项"),
        ({"what": ""}, "请写做了什么"),
        ({"what": "长" * 501}, "最多 500 个字"),
        ({"minutes": "0"}, "1 到 720"),
        ({"minutes": "二十"}, "请填整数"),
        ({"minutes": "-5"}, "1 到 720"),
        ({"happened_on": (today + timedelta(days=1)).isoformat()}, "还没有发生"),
        ({"happened_on": (today - timedelta(days=8)).isoformat()}, "7 天以内"),
        ({"happened_on": "2026-02-30"}, "日期不对"),
        ({"building": "99999"}, "不在这个网格里"),
        ({"kind": "fly"}, "请选走访方式"),
        ({"grid": "dx-c02-g1"}, "请选您所在的网格"),
        ({"care": "7"}, "不在本网格的名册里"),
    ]
    for change, sentence in wrong:
        answer = client.post("/grid/log/new", data=FORM | change)
        assert answer.status_code == 422 and sentence in answer.text, sentence
        assert "3单元" in answer.text
    answer = client.post("/grid/log/new", data={"what": "只写了这句", "where": "门口"})
    assert "请选五项工作中的一项" in answer.text and "请填整数" in answer.text and "只写了这句" in answer.text
    bad = FORM | {"photo": (io.BytesIO(b"MZ not a picture"), "a.jpg")}
    answer = client.post("/grid/log/new", data=bad, content_type="multipart/form-data")
    assert answer.status_code == 422 and "调解楼上漏水" in answer.text
    assert session.scalars(select(GridLog)).all() == []


@pytest.mark.req("S0-15")
def test_own_entries_are_corrected_and_withdrawn_the_same_day_with_a_trace(session, actor, client_as, member) -> None:
    member("worker.one", "grid_worker")
    session.commit()
    client = client_as("worker.one")
    assert client.post("/grid/log/new", data=FORM).status_code == 303
    entry = session.scalars(select(GridLog)).one()
    url = f"/grid/log/{entry.uid}"
    assert client.post(f"{url}/correct", data=FORM | {"minutes": "45", "duty": "service"}).status_code == 303
    session.expire_all()
    assert (entry.minutes, entry.duty) == (45, "service")
    page = client.get(url).text
    assert "改了：五项工作、用时" in page and "更正过" in client.get("/grid/log?mine=1").text
    assert client.post(f"{url}/correct", data=FORM | {"minutes": "45", "duty": "service"}).status_code == 422
    assert client.post(f"{url}/withdraw", data={"reason": ""}).status_code == 422
    for stranger in ("grid.leader", "community.clerk"):
        other = client_as(stranger)
        assert other.get(url).status_code == 200, "colleagues of the grid read it"
        assert other.post(f"{url}/withdraw", data={"reason": "不是我的"}).status_code == 404
    assert client.post(f"{url}/withdraw", data={"reason": "记错网格"}).status_code == 303
    trail = session.scalars(select(JournalEntry).where(JournalEntry.stream == f"gridlog:{entry.uid}")).all()
    assert [row.action for row in trail] == ["gridlog:enter", "gridlog:correct", "gridlog:withdraw"]
    assert "漏水" not in str([row.details for row in trail]), "no words of neighbours in the journal"
    assert client.post(f"{url}/correct", data=FORM).status_code == 422
    assert "0 条" in client.get("/grid/log?mine=1").text


@pytest.mark.req("S0-15")
def test_the_next_day_nothing_is_changed_any_more(session, actor, client_as) -> None:
    with at_time(now() - timedelta(days=1)):
        entry = grid_log.enter(session, actor("grid.leader"), FORM)
    session.commit()
    client = client_as("grid.leader")
    answer = client.post(f"/grid/log/{entry.uid}/correct", data=FORM | {"minutes": "5"})
    assert answer.status_code == 422 and "当天更正" in answer.text
    answer = client.post(f"/grid/log/{entry.uid}/withdraw", data={"reason": "晚了"})
    assert answer.status_code == 422 and "当天更正或撤回" in answer.text and "晚了" not in answer.text.split("经过")[1]


@pytest.mark.req("S0-15")
def test_the_month_counts_per_grid_and_every_number_opens_its_entries(session, actor, client_as, member, again) -> None:
    member("worker.one", "grid_worker")
    leader, worker = actor("grid.leader"), again("worker.one")
    for who, duty in ((leader, "dispute"), (leader, "service"), (worker, "service")):
        grid_log.enter(session, who, FORM | {"duty": duty})
    gone = grid_log.enter(session, worker, FORM)
    grid_log.withdraw(session, worker, gone, "重复")
    session.commit()
    page = client_as("community.clerk").get("/grid/log/table").text
    row = re.search(r"<tr data-row><td>万家星城社区</td><td><a[^>]*>第1网格.*?</tr>", page, re.S).group(0)
    assert re.findall(r">(\d+)</a>", row) == ["1", "2"] and "<b>3</b>" in row and "2/3" in row
    assert "有记录的网格" in page and "1/4（25.0%）" in page
    link = re.search(r'href="(/grid/log\?[^"]*duty=service[^"]*)"', row).group(1).replace("&amp;", "&")
    assert client_as("community.clerk").get(link).text.count('<li class="log') == 2
    assert page.count("<tr data-row>") == 4, "only the grids of the own community"
    whole = client_as("statistician").get("/grid/log/table").text
    assert whole.count("<tr data-row>") == 56 and "1/56" in whole


@pytest.mark.req("S0-15")
def test_whoever_only_counts_does_not_read_the_words(session, actor, client_as) -> None:
    entry = grid_log.enter(session, actor("grid.leader"), FORM, photo=photo(), photo_name="a.jpg")
    session.commit()
    counting = client_as("supervisor")
    listed = counting.get("/grid/log").text
    assert "漏水" not in listed and "3单元" not in listed and "内容只给本网格和社区看" in listed
    one = counting.get(f"/grid/log/{entry.uid}")
    assert one.status_code == 200 and "漏水" not in one.text
    assert counting.get(f"/grid/log/{entry.uid}/photo").status_code == 404
    for stranger in ("neighbour.clerk", "resident", "courier", "window.clerk"):
        assert client_as(stranger).get(f"/grid/log/{entry.uid}").status_code == 404, stranger


@pytest.mark.req("S4-19")
def test_walks_of_a_year_count_each_grid_once_a_day(session, actor, person, member, again, today) -> None:
    member("worker.one", "grid_worker")
    member("worker.one", "grid_worker", grid="dx-c01-g2")
    who = again("worker.one")
    grid_log.enter(session, who, FORM | {"grid": "dx-c01-g1"})
    grid_log.enter(session, who, FORM | {"grid": "dx-c01-g1", "kind": "walk"})
    grid_log.enter(session, who, FORM | {"grid": "dx-c01-g2", "kind": "walk"})
    grid_log.enter(
        session,
        who,
        FORM | {"grid": "dx-c01-g2", "kind": "other", "happened_on": (today - timedelta(days=2)).isoformat()},
    )
    gone = grid_log.enter(
        session, who, FORM | {"grid": "dx-c01-g2", "happened_on": (today - timedelta(days=1)).isoformat()}
    )
    grid_log.withdraw(session, who, gone, "记错")
    ids = [person("worker.one").id, person("grid.leader").id]
    assert grid_log.walks(session, ids, today.year) == {ids[0]: 2, ids[1]: 0}
    assert (
        grid_log.walks(session, ids, today.year - 1) == {ids[0]: 0, ids[1]: 0}
        and grid_log.walks(session, [], 2026) == {}
    )


def test_nobody_writes_who_is_no_member(client_as) -> None:
    for stranger in ("community.clerk", "resident", "supervisor", "courier"):
        assert client_as(stranger).get("/grid/log/new").status_code == 404
        assert client_as(stranger).post("/grid/log/new", data=FORM).status_code == 404


def test_odd_months_fall_back_to_this_one(client_as, today) -> None:
    for odd in ("2026-13", "x", "99999-01", "2026-00", "9999-12", "1066-10", "'; DROP"):
        page = client_as("community.clerk").get(f"/grid/log/table?month={odd}")
        assert page.status_code == 200 and f"{today:%Y-%m}：" in page.text
    assert grid_log.month_of("2024-02") == (date(2024, 2, 1), date(2024, 2, 29))
