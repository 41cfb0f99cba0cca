"""地图位置: typed by the administrator or brought in by table, used by the drawing of a tour; what is wrong is said."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.ledger import JournalEntry
from process.access import Actor
from process.refusals import NotFound
from services import positions, tours
from services.imports.kinds import CHANGED, KINDS, NEW, SAME, Wrong
from services.street_map import Spot

As = Callable[[str], FlaskClient]
Act = Callable[[str], Actor]
PAGE = "/places/dongxin/positions"


def test_what_the_administrator_types_is_where_the_tour_goes(session: Session, client_as: As) -> None:
    admin = client_as("admin")
    assert PAGE in admin.get("/places/dongxin").text
    page = admin.get(PAGE).text
    assert page.count("data-place=") == 2 * page.count("data-spot=") and "已登记 0 处" in page and "style=" not in page
    answer = admin.post(PAGE, data={"x_dx-c01": "300", "y_dx-c01": "450", "x_dx-c02": "", "y_dx-c02": ""})
    assert answer.status_code == 303
    session.expire_all()
    street = session.get_one(Agency, "dongxin")
    board = tours.map_of(session, street)
    assert board.spot(session.get(Agency, "dx-c01-point")) == Spot(300, 450, False)
    # A grid without a position of its own lies by its community, and is still marked as drawn.
    grid = board.spot(session.get(Agency, "dx-c01-g1"))
    assert (grid.x, grid.y, grid.invented) == (240, 390, True)
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "agency:positions")).one()
    assert entry.details == {"before": {"dx-c01": None}, "after": {"dx-c01": [300, 450]}}
    assert "已登记 1 处" in admin.get(PAGE).text
    # Emptied, it is drawn again.
    assert admin.post(PAGE, data={"x_dx-c01": "", "y_dx-c01": ""}).status_code == 303
    session.expire_all()
    assert tours.map_of(session, street).spot(session.get(Agency, "dx-c01")).invented


def test_a_street_entered_far_away_still_fits_on_the_drawing(session: Session, client_as: As) -> None:
    given = {f"{axis}_dx-c{n:02}": str(1000 * n) for n in range(1, 17) for axis in "xy"}
    assert client_as("admin").post(PAGE, data=given).status_code == 303
    session.expire_all()
    board = tours.map_of(session, session.get_one(Agency, "dongxin"))
    assert board.width == board.height == 16_200
    assert all(0 <= cell.x + cell.side / 2 <= board.width for cell in board.cells())


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ("300", "", "要么都填"),
        ("-5", "10", "0 到 50000 的整数"),
        ("50001", "10", "0 到 50000 的整数"),
        ("３00", "10", "0 到 50000 的整数"),
        ("很远", "10", "0 到 50000 的整数"),
    ],
)
def test_a_wrong_number_is_said_and_nothing_typed_is_lost(client_as: As, x: str, y: str, words: str) -> None:
    given = {"x_dx-c03": x, "y_dx-c03": y, "x_dx-c04": "777", "y_dx-c04": "888"}
    answer = client_as("admin").post(PAGE, data=given)
    assert answer.status_code == 422 and words in answer.text and "社区03：" in answer.text
    assert 'value="777"' in answer.text and f'value="{x}"' in answer.text
    assert "已登记 0 处" in answer.text


def test_only_the_administrator_of_the_street_keeps_them(session: Session, client_as: As, actor: Act) -> None:
    assert "与原来一样" in client_as("admin").post(PAGE, data={"x_dx-c01": "", "y_dx-c01": ""}).text
    assert client_as("dispatcher").get(PAGE).status_code == 404
    assert client_as("admin").get("/places/hangzhou/positions").status_code == 404
    with pytest.raises(NotFound):
        positions.load(session, actor("community.clerk"), "dx-c01")


def test_what_is_entered_is_taken_out_and_brought_in_again(session: Session, client_as: As, actor: Act) -> None:
    admin = client_as("admin")
    assert "/places/dongxin/positions.xlsx" in admin.get(PAGE).text
    assert admin.post(PAGE, data={"x_dx-c01": "300", "y_dx-c01": "450"}).status_code == 303
    answer = admin.get("/places/dongxin/positions.xlsx")
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    head, *rows = load_workbook(io.BytesIO(answer.data)).active.iter_rows(values_only=True)
    assert list(head) == list(KINDS["positions"].headings) == list(positions.COLUMNS)
    assert len(rows) == len(positions.below(session, session.get_one(Agency, "dongxin")))
    found = {row[0]: dict(zip(head, (one or "" for one in row), strict=True)) for row in rows}
    community = session.get_one(Agency, "dx-c01")
    assert found[community.code] == {
        "代码": community.code,
        "名称": community.name,
        "横（米）": "300",
        "纵（米）": "450",
    }
    session.expire_all()
    write = KINDS["positions"].write
    assert write(session, actor("admin"), found[community.code]) == SAME
    assert write(session, actor("admin"), {**found[community.code], "纵（米）": "455"}) == CHANGED
    assert client_as("community.clerk").get("/places/dongxin/positions.xlsx").status_code == 404


def test_a_table_brings_them_in(session: Session, actor: Act) -> None:
    write, admin = KINDS["positions"].write, actor("admin")
    row = {"代码": "DX01", "名称": "万家星城社区", "横（米）": "300", "纵（米）": "450"}
    assert [write(session, admin, row), write(session, admin, row)] == [NEW, SAME]
    assert write(session, admin, {**row, "纵（米）": "460"}) == CHANGED
    for cells, column, words in (
        ({**row, "代码": "ZZ"}, "代码", "没有代码"),
        ({**row, "名称": "社区02"}, "名称", "填串了行"),
        ({**row, "代码": "XC", "名称": ""}, "代码", "不在您管的街道里"),
        ({**row, "代码": "DX", "名称": ""}, "代码", "不用登记位置"),
        ({**row, "横（米）": "东边"}, "横（米）", "整数"),
    ):
        with pytest.raises(Wrong, match=words) as refused:
            write(session, admin, cells)
        assert column in refused.value.errors
    assert not KINDS["positions"].may(actor("community.clerk"))
