"""Rows from Excel: each bad cell named, everything or nothing, the same file twice changes nothing."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.agency import Agency
from models.ledger import JournalEntry, OutboxItem
from models.person import GridMembership, Person
from models.resident import CareEntry, Resident
from models.sheets import SheetImport
from process.identity import check_character
from process.refusals import NotAvailable, NotFound
from services import imports, jurisdiction
from services.imports import reading, runs
from services.imports.kinds import KINDS
from services.imports.reading import SheetRefused

GRID = "万家星城社区第1网格"


def book(headings: tuple[str, ...], *rows: tuple[Any, ...]) -> bytes:
    made = Workbook()
    sheet = made.active
    sheet.append(headings)
    for row in rows:
        sheet.append(row)
    kept = io.BytesIO()
    made.save(kept)
    return kept.getvalue()


def number(born: str, serial: int) -> str:
    plain = f"330103{born}{serial:03d}"
    return plain + check_character(plain)


CARE = KINDS["care"].headings
OLD = (GRID, "龚素珍", number("19400305", 2), "13800005555", "万家星城社区文晖路1幢101室", "80岁以上", "", "")
ILL = (GRID, "温国强", number("19660611", 3), "", "", "卧病在床", "街道医院病历，网格长已上门核实", "")


def care(*rows: tuple[Any, ...]) -> bytes:
    return book(CARE, *rows)


def problems(made: Any) -> list[tuple[int, str]]:
    return [(one["row"], one["column"]) for one in made.findings]


@pytest.mark.req("S2-14")
def test_a_register_is_looked_through_then_written_whole(session: Session, actor) -> None:
    clerk = actor("community.clerk")
    before = session.scalar(select(func.count(CareEntry.id)))
    file = care(OLD, ILL)
    made = imports.accept(session, clerk, "care", file, "名册.xlsx")
    assert made.status == "checked" and made.findings == []
    assert made.counts["expect_new"] == 2
    assert session.scalar(select(func.count(CareEntry.id))) == before, "a preview writes nothing"
    assert session.scalar(select(Resident).where(Resident.name == "龚素珍")) is None
    imports.confirm(session, clerk, made.uid)
    assert made.status == "done" and made.counts["new"] == 2
    assert session.scalar(select(func.count(CareEntry.id))) == before + 2
    imports.confirm(session, clerk, made.uid)
    assert session.scalar(select(func.count(CareEntry.id))) == before + 2
    again = imports.accept(session, clerk, "care", file, "名册.xlsx")
    assert again.counts["expect_same"] == 2 and runs.earlier(session, again) is made
    imports.confirm(session, clerk, again.uid)
    assert again.counts["same"] == 2 and session.scalar(select(func.count(CareEntry.id))) == before + 2
    told = [e.action for e in session.scalars(select(JournalEntry).where(JournalEntry.action.like("import:%")))]
    assert told == ["import:upload", "import:write", "import:upload", "import:write"]
    assert OLD[2] not in str([e.details for e in session.scalars(select(JournalEntry))])


def test_whoever_presses_second_sees_what_the_first_has_done(session: Session, actor) -> None:
    """Two windows with one preview: what is in memory may be old, the row is asked again and held."""
    clerk = actor("community.clerk")
    made = imports.accept(session, clerk, "care", care(OLD, ILL), "名册.xlsx")
    session.flush()
    table = SheetImport.__table__
    session.execute(update(table).where(table.c.id == made.id).values(status="done"))
    assert made.status == "checked", "as it was read before"
    imports.confirm(session, clerk, made.uid)
    assert made.status == "done"
    assert session.scalar(select(Resident).where(Resident.name == "龚素珍")) is None, "not written a second time"


def test_every_bad_cell_is_named_and_nothing_is_written(session: Session, actor) -> None:
    clerk = actor("community.clerk")
    bad = (
        OLD,
        ("万家星城社区第9网格", *ILL[1:]),
        (GRID, "秦某某", "330103194003050000", "", "", "80岁以上", "", ""),
        (GRID, "少者", number("19900101", 5), "", "", "80岁以上", "", ""),
        (GRID, "无据者", number("19700101", 7), "", "", "行动不便", "", ""),
        (GRID, "", number("19400101", 9), "", "", "80岁以上", "", ""),
        (GRID, "错条件", number("19400102", 9), "", "", "年纪大", "", ""),
        (GRID, "错电话", number("19400103", 9), "12345", "", "80岁以上", "", ""),
        (GRID, "错日期", number("19400104", 9), "", "", "80岁以上", "", "明年"),
        (GRID, "太晚", number("19400105", 9), "", "", "80岁以上", "", "2090-01-01"),
        (GRID, "=1+1", number("19400106", 9), "", "", "80岁以上", "", ""),
        OLD,
    )
    made = imports.accept(session, clerk, "care", care(*bad), "名册.xlsx")
    assert made.status == "refused"
    assert problems(made) == [
        (3, "网格"),
        (4, "身份证号码"),
        (5, "上门条件"),
        (6, "依据说明"),
        (7, "姓名"),
        (8, "上门条件"),
        (9, "联系电话"),
        (10, "下次复核日期"),
        (11, "下次复核日期"),
        (12, "姓名"),
        (13, "身份证号码"),
    ]
    assert "公式" in made.findings[9]["text"] and "第 2 行重复" in made.findings[10]["text"]
    assert all(one["text"].endswith("。") for one in made.findings)
    with pytest.raises(NotAvailable):
        imports.confirm(session, clerk, made.uid)
    assert session.scalar(select(Resident).where(Resident.name == "龚素珍")) is None
    assert "怎么改" in str(_cells(imports.report(made, KINDS["care"], "章晓㛃")))


def _cells(body: bytes) -> list[Any]:
    from openpyxl import load_workbook

    return [cell.value for row in load_workbook(io.BytesIO(body)).active.iter_rows() for cell in row]


def test_somebody_of_another_community_is_not_drawn_over(session: Session, actor) -> None:
    other = session.get_one(Agency, "dx-c02")
    session.add(
        Resident(
            name="龚素珍",
            id_number=OLD[2],
            id_index=Resident.index_of(OLD[2]),
            birth_date=date(1940, 3, 5),
            community_id=other.id,
        )
    )
    session.flush()
    made = imports.accept(session, actor("community.clerk"), "care", care(OLD), "名册.xlsx")
    assert made.status == "refused" and "别的社区" in made.findings[0]["text"]


def test_what_changed_after_the_preview_writes_nothing(session: Session, actor) -> None:
    clerk = actor("community.clerk")
    made = imports.accept(session, clerk, "care", care(ILL, OLD), "名册.xlsx")
    session.add(
        Resident(
            name="别的名字",
            id_number=OLD[2],
            id_index=Resident.index_of(OLD[2]),
            birth_date=date(1940, 3, 5),
            community_id="dx-c01",
        )
    )
    session.flush()
    imports.confirm(session, clerk, made.uid)
    assert made.status == "failed" and "什么都没有写入" in made.problem
    assert session.scalar(select(Resident).where(Resident.name == "温国强")) is None


def test_a_long_file_goes_through_the_worker_slice_by_slice(
    session: Session, actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "AT_ONCE", 3)
    monkeypatch.setattr(runs, "SLICE", 2)
    clerk = actor("community.clerk")
    rows = [(GRID, f"老人{n}", number("19400305", 2 * n), "", "", "80岁以上", "", "") for n in range(1, 6)]
    made = imports.accept(session, clerk, "care", care(*rows), "名册.xlsx")
    assert made.status == "checking"
    for seen in (2, 4, 5):
        imports.check(session, made.id)
        assert made.seen == seen
    assert made.status == "checked"
    imports.check(session, made.id)
    imports.confirm(session, clerk, made.uid)
    assert made.status == "writing"
    session.flush()
    jobs = [item.job for item in session.scalars(select(OutboxItem)) if item.job.startswith("import.")]
    assert jobs == [imports.CHECK_JOB] * 3 + [imports.WRITE_JOB]
    imports.write(session, made.id)
    imports.write(session, made.id)
    assert made.status == "done" and made.counts["new"] == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "还没有选文件"),
        (b"hello", "不是 Excel"),
        (b"PK\x03\x04broken", "损坏"),
        (b"\xd0\xcf\x11\xe0rest", "旧式"),
        (b"PK" + b"0" * reading.MAX_BYTES, "最多 5 MB"),
        (book(("姓名", "年龄"), ("甲", 3)), "缺“网格”“身份证号码”“联系电话”"),
        (book((*CARE, "备注"), (*OLD, "x")), "不认识“备注”列"),
        (book((*CARE, "姓名"), (*OLD, "x")), "“姓名”列有两个"),
        (book(CARE), "表头下面没有内容"),
    ],
)
def test_a_file_that_is_no_such_table_says_what_is_wrong(session: Session, actor, content: bytes, said: str) -> None:
    with pytest.raises(SheetRefused, match=said):
        imports.accept(session, actor("community.clerk"), "care", content, "x.xlsx")


def test_fifty_thousand_rows_are_told_the_limit(session: Session, actor) -> None:
    made = Workbook(write_only=True)
    sheet = made.create_sheet()
    sheet.append(CARE)
    for n in range(50_000):
        sheet.append((GRID, f"人{n}", "", "", "", "", "", ""))
    kept = io.BytesIO()
    made.save(kept)
    with pytest.raises(SheetRefused, match="有 50000 行，一次最多 5000 行"):
        imports.accept(session, actor("community.clerk"), "care", kept.getvalue(), "x.xlsx")


def test_a_bomb_is_measured_before_it_is_opened(session: Session, actor) -> None:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/workbook.xml", "<workbook/>")
        bomb.writestr("xl/worksheets/sheet1.xml", b"0" * (reading.MAX_UNPACKED + 1))
    with pytest.raises(SheetRefused, match="展开后太大"):
        imports.accept(session, actor("community.clerk"), "care", kept.getvalue(), "x.xlsx")


def test_whoever_keeps_no_register_finds_no_door(session: Session, actor) -> None:
    for username in ("courier", "supervisor", "resident", "reviewer"):
        with pytest.raises(NotFound):
            imports.accept(session, actor(username), "care", care(OLD), "x.xlsx")
    made = imports.accept(session, actor("community.clerk"), "care", care(OLD), "x.xlsx")
    with pytest.raises(NotFound):
        imports.load(session, actor("neighbour.clerk"), made.uid)
    stranger = imports.accept(session, actor("neighbour.clerk"), "care", care(OLD), "x.xlsx")
    assert problems(stranger) == [(2, "网格")]


def test_the_roster_of_a_grid(session: Session, actor, person) -> None:
    clerk = actor("community.clerk")
    names = jurisdiction.role_names()
    worker = names["grid_worker"][0]
    colleague = person("courier")
    headings = KINDS["roster"].headings
    rows = [
        (GRID, colleague.name, colleague.username, worker, "", ""),
        (GRID, "查无此人", "", worker, "", ""),
        (GRID, "写错", colleague.username, worker, "", ""),
        (GRID, colleague.name, colleague.username, "总管", "", ""),
    ]
    bad = imports.accept(session, clerk, "roster", book(headings, *rows), "名单.xlsx")
    assert problems(bad) == [(3, "姓名"), (4, "姓名"), (5, "身份")]
    good = imports.accept(session, clerk, "roster", book(headings, rows[0]), "名单.xlsx")
    assert good.status == "checked", good.findings
    imports.confirm(session, clerk, good.uid)
    assert good.status == "done"
    held = session.scalars(select(GridMembership).where(GridMembership.person_id == colleague.id)).all()
    assert [m.capacity for m in held if m.grid_id == "dx-c01-g1"] == ["grid_worker"]
    twice = imports.accept(session, clerk, "roster", book(headings, rows[0]), "名单.xlsx")
    assert twice.counts["expect_same"] == 1
    assert session.get(Person, colleague.id) is not None
