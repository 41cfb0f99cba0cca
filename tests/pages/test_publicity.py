"""Publishing fans out to five carriers, each logged; the guide, the sheets and the window say the same; who finds a difference tells it."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from catalogue import loader as catalogue
from models.content import Content
from models.ledger import OutboxItem
from models.message import Message
from models.publishing import ItemPublicity
from services import item_facts, item_sheets, publicity
from tests.pages.test_handbook import text_of, work

CARD = "senior_card"
PAGE = f"/items/{CARD}/publicity"


@pytest.mark.req("S0-10")
def test_publishing_fans_out_to_five_carriers_each_logged(app, session, client_as, person):
    manager, resident, visitor = client_as("catalogue.manager"), client_as("resident"), app.test_client()
    # What the installation brought along needs no messages; nothing was sent for 82 items.
    assert session.scalars(select(ItemPublicity)).all() == [] and "还没有宣传记录" in manager.get(PAGE).text
    assert resident.post(f"/items/{CARD}/follow", data={"wanted": "yes"}).status_code == 303
    assert "不再通知我" in resident.get(f"/items/{CARD}").text
    assert manager.post(PAGE, data={"step": "revise"}).status_code == 303
    assert visitor.get(f"/items/{CARD}").status_code == 404
    assert visitor.get(f"/items/{CARD}/sheets/board_sheet.pdf").status_code == 404
    assert "老年卡" not in visitor.get("/items", query_string={"q": "老年卡"}).text.split("</form>")[-1]
    assert manager.post(PAGE, data={"step": "publish"}).status_code == 303
    rows = session.scalars(select(ItemPublicity)).all()
    assert sorted(row.carrier for row in rows) == sorted(publicity.CARRIERS) and len({row.issue for row in rows}) == 1
    assert {row.by_id for row in rows} == {person("catalogue.manager").id}
    page = manager.get(PAGE).text
    for carrier in ("短信", "微信", "公告栏", "电子屏", "手册活页"):
        assert re.search(rf"<tr data-row><td>{carrier}</td><td>[^<]+</td><td>施静怡</td>", page), carrier
    assert "正在做" in page and "【东新街道】“老年卡”办事指南已更新" in page and "本人居民身份证（必备）" in page
    # Who follows the item is told, in an SMS that does not name it.
    told = session.scalars(select(Message).where(Message.occasion == "guide_published")).one()
    assert "老年卡" in told.text and "老年卡" not in told.short and "已发给 1 位关注的人" in page
    assert work(session, publicity.JOB) == ["done", "done"]
    page = manager.get(PAGE).text
    links = re.findall(rf'href="({PAGE}/[^"]+\.pdf)">PDF', page)
    assert len(links) == 2
    sheets = ["".join(text_of(manager.get(link).data)) for link in links]
    assert all("老年卡" in text and "必备" in text and "可容缺" in text for text in sheets)
    assert client_as("resident").get(links[0]).status_code == 403
    # 停止关注: nobody is told the second time; the log grows by five.
    resident.post(f"/items/{CARD}/follow", data={"wanted": "no"})
    assert manager.post(PAGE, data={"step": "spread"}).status_code == 303
    assert len(session.scalars(select(ItemPublicity)).all()) == 10
    assert len(session.scalars(select(Message).where(Message.occasion == "guide_published")).all()) == 1


@pytest.mark.req("S0-10")
def test_the_hall_screen_turns_the_pages_by_itself(app, client_as):
    client = app.test_client()
    first = client.get("/items/screen").text
    assert 'http-equiv="refresh" content="12;url=/items/screen?n=1"' in first and "<button" not in first
    names = {re.search(r"<h1>([^<]+)", client.get(f"/items/screen?n={n}").text)[1] for n in range(12)}
    assert {"老年卡", "生育登记服务卡"} <= names and not any("事项0" in name for name in names)
    one = client.get(f"/items/screen?only={CARD}").text
    assert "老年卡" in one and "refresh" not in one and "本人居民身份证" in one
    assert (
        client.get("/items/screen?n=²").status_code == 200 and client.get("/items/screen?only=none").status_code == 404
    )


@pytest.mark.req("S0-10", "S3-53")
@pytest.mark.parametrize(
    ("sheet", "size", "pages"),
    [("board_sheet", (210, 297), 1), ("board_sheet_a3", (297, 420), 1), ("item_leaflet", (297, 210), 2), ("item_poster", (210, 297), 1)],
)  # fmt: skip
def test_sheets_lead_to_the_guide_and_hold_no_personal_data(app, sheet, size, pages):
    import io

    import pikepdf
    import zxingcpp
    from PIL import Image

    answer = app.test_client().get(f"/items/{CARD}/sheets/{sheet}.pdf")
    assert answer.mimetype == "application/pdf"
    with pikepdf.open(io.BytesIO(answer.data)) as document:
        found = tuple(round(float(x) / 72 * 25.4) for x in document.pages[0].mediabox[2:4])
        assert found == size and len(document.pages) == pages
    text = "".join(text_of(answer.data))
    assert "老年卡" in text and not re.search(r"\d{17}[\dXx]|1[3-9]\d{9}", text)
    import subprocess

    raster = subprocess.run(
        ["pdftoppm", "-r", "150", "-png", "-f", "1", "-l", "1", "-"], input=answer.data, capture_output=True, check=True
    ).stdout
    codes = [code.text for code in zxingcpp.read_barcodes(Image.open(io.BytesIO(raster)))]
    assert codes == [item_facts.guide_url(CARD)]
    assert app.test_client().get(f"/items/{CARD}").status_code == 200
    assert app.test_client().get(f"/items/{CARD}/sheets/{sheet}x.pdf").status_code == 404


@pytest.mark.req("S3-52")
def test_guide_window_and_sheets_are_one_catalogue(app, session, client_as, item):
    """What the guide asks for is what the window ticks off, and what hangs on the board; for every item that is real."""
    clerk, visitor = client_as("window.clerk"), app.test_client()
    for record in catalogue.items().values():
        if record.category is None or record.placeholder:
            continue
        guide = visitor.get(f"/items/{record.id}").text
        facts = item_facts.of(session, item(record.id))
        fields = item_sheets.board_data(item(record.id), facts, item_sheets.local_day(item_sheets.now()))
        assert [m["name"] for m in fields["materials"]] == [m.name for m in record.materials]
        for material in record.materials:
            assert material.name in guide, (record.id, material.name)
        assert facts["fee"] in guide or facts["fee"] == item_facts.NOT_SAID
        # The model letter is offered wherever somebody else may go.
        assert (f"/items/{record.id}/letter.pdf" in guide) == record.delegable
    counter = clerk.get(f"/counter?item={CARD}").text
    for material in catalogue.item(CARD).materials:
        assert material.name in counter, material.name


@pytest.mark.req("S3-52")
def test_a_resident_tells_of_a_difference_and_the_manager_answers(session, client_as):
    resident, manager = client_as("resident"), client_as("catalogue.manager")
    address = f"/items/{CARD}/mismatch"
    assert address in resident.get(f"/items/{CARD}").text
    empty = resident.post(address, data={"said": "窗口要 2 份复印件"})
    assert empty.status_code == 422 and "窗口要 2 份复印件" in empty.text
    told = resident.post(
        address, data={"part": "materials", "said": "指南说 1 张照片，窗口要 2 张", "window": "3 号窗口"}
    )
    assert told.status_code == 303
    page = told.headers["Location"]
    assert "待核对" in resident.get(page).text
    # It lies on the manager's desk, as a task with three ways out.
    assert page in manager.get("/desk/").text
    assert client_as("neighbour.clerk").get(page).status_code == 404
    uid = page.rsplit("/", 1)[1]
    assert manager.post(f"{page}/do/correct", data={}).status_code == 422
    assert manager.post(f"{page}/do/correct", data={"answer": "指南已改成 2 张，谢谢。"}).status_code == 303
    assert session.scalars(select(Content).where(Content.uid == uid)).one().state == "corrected"
    assert "指南已改成 2 张" in resident.get(page).text
    assert client_as("window.clerk").get(address).status_code == 403


def test_what_is_refused(session, client_as, actor, item):
    manager = client_as("catalogue.manager")
    assert client_as("window.clerk").get(PAGE).status_code == 403
    manager.post(PAGE, data={"step": "revise"})
    refused = manager.post(PAGE, data={"step": "spread"})
    assert refused.status_code == 409 and "还没有发布" in refused.text
    assert client_as("resident").get(f"/items/{CARD}/mismatch").status_code == 404
    # A sheet that could not be drawn says why, and the worker does nothing twice.
    manager.post(PAGE, data={"step": "publish"})
    row = session.scalars(select(ItemPublicity).where(ItemPublicity.carrier == "board_sheet")).one()
    publicity.give_up(session, row.id, "缺字形：示例")
    session.commit()
    assert "没有做成：缺字形" in manager.get(PAGE).text
    assert publicity.fields_of(session, row.id) is None
    assert session.scalars(select(OutboxItem).where(OutboxItem.job == publicity.JOB)).all()
