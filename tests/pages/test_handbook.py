"""《服务手册》: made with a button, drawn by the worker, read by everybody; drafts never stand in it."""

from __future__ import annotations

import io
import re
import subprocess

import pikepdf
import pytest
from sqlalchemy import select

from jobs import worker
from models.ledger import OutboxItem
from models.publishing import HandbookEdition
from services import handbook, item_facts

# Enough for three categories; the whole catalogue is drawn once, in test_the_whole_catalogue.
FEW = ("social_insurance_eligibility_check", "senior_card", "fertility_registration_card", "marital_fertility_proof")


def work(session, *jobs: str) -> list[str]:
    """What waits for the worker, done one after another; answers what became of each."""
    done = []
    while rows := session.scalars(
        select(OutboxItem.id).where(OutboxItem.status == "waiting", OutboxItem.job.in_(jobs)).order_by(OutboxItem.id)
    ).all():
        session.commit()
        done += [worker.do(session, row) for row in rows]
    session.commit()
    return done


def text_of(content: bytes) -> list[str]:
    """The text of each page, without white space."""
    return ["".join(page.split()) for page in _raw(content)]


def _raw(content: bytes) -> list[str]:
    out = subprocess.run(["pdftotext", "-", "-"], input=content, capture_output=True, check=True).stdout
    return out.decode().split("\f")[:-1]


@pytest.fixture
def few(monkeypatch):
    """A small catalogue, so that a test draws seconds, not half a minute."""
    whole = handbook.of_all
    monkeypatch.setattr(handbook, "of_all", lambda session: [i for i in whole(session) if i.code in FEW])


@pytest.mark.req("S0-04", "S3-53")
def test_the_manager_makes_an_edition_and_everybody_takes_it(few, app, session, client_as):
    manager, visitor = client_as("catalogue.manager"), app.test_client()
    assert "还没有编印过" in visitor.get("/items/handbook").text
    assert '<button class="btn btn-primary">编印新一版' not in visitor.get("/items/handbook").text
    page = manager.get("/items/handbook").text
    assert "编印新一版" in page and "已发布 4 项" in page
    assert manager.post("/items/handbook").status_code == 303
    made = manager.get("/items/handbook").text
    assert "正在整理事项 0/4" in made and 'http-equiv="refresh"' in made
    # A second press while the first is being made is told so.
    assert manager.post("/items/handbook").status_code == 409
    assert work(session, handbook.JOB)[-1] == "done"
    edition = session.scalars(select(HandbookEdition)).one()
    assert (edition.status, edition.gathered, edition.total) == ("ready", 4, 4)
    listed = visitor.get("/items/handbook").text
    assert edition.name in listed and f"A5，{edition.pages} 页" in listed and "refresh" not in listed
    answer = visitor.get(f"/items/handbook/{edition.uid}.pdf")
    assert answer.mimetype == "application/pdf"
    with pikepdf.open(io.BytesIO(answer.data)) as document:
        width, height = (float(x) for x in document.pages[0].mediabox[2:4])
        assert (round(width / 72 * 25.4), round(height / 72 * 25.4)) == (148, 210)
    _reads_like_a_handbook(text_of(answer.data), _raw(answer.data))


def _reads_like_a_handbook(pages: list[str], raw: list[str]) -> None:
    whole = "".join(pages)
    assert "服务手册" in pages[0] and "第1版" in pages[0] and "怎样用这本手册" in pages[1]
    assert "可上门的类别：为老服务类、社会救助类、残疾服务类" in whole and "80岁以上" in whole
    assert "0571-00000002" in whole and "监督投诉" in whole
    # Each of the eight categories stands in the contents, and each line leads to the page it names.
    contents = next(page for page in pages if page.startswith("目录目录") or "1人社类1项" in page)
    for name in (
        "人社类",
        "为老服务类",
        "社会救助类",
        "残疾服务类",
        "计划生育类",
        "综合治税类",
        "工会服务类",
        "党员服务类",
    ):
        assert name in contents, name
    listed = [page for page in raw if "...." in page]
    assert len(listed) == 2, "contents and index"
    for name in ("老年卡", "生育登记服务卡", "个人婚育证明"):
        numbers = [int(re.search(rf"^{name}[ .]+(\d+)$", page, re.M)[1]) for page in listed]
        assert len(set(numbers)) == 1
        number = numbers[0]
        assert name in pages[number - 1] and "带什么材料" in pages[number - 1], name
    card = next(page for page in pages if "老年卡待核实" in page)
    for words in (
        "必备",
        "可容缺",
        "原件或复印件",
        "承诺时限7个工作日",
        "首次办理不收费",
        "村（社区）",
        "上门办、就近办",
    ):
        assert words in card, words


@pytest.mark.req("S0-04")
def test_a_draft_never_stands_in_the_book(few, session, client_as):
    manager = client_as("catalogue.manager")
    assert manager.post("/items/senior_card/publicity", data={"step": "revise"}).status_code == 303
    manager.post("/items/handbook")
    work(session, handbook.JOB)
    edition = session.scalars(select(HandbookEdition)).one()
    assert edition.total == 3
    whole = "".join(text_of(handbook.pdf(edition)))
    assert "老年卡" not in whole and "这一类现在没有已发布的事项" in whole
    # Withdrawn between the button and the worker, it is left out as well.
    manager.post("/items/handbook")
    manager.post("/items/marital_fertility_proof/publicity", data={"step": "revise"})
    second = session.scalars(select(HandbookEdition).order_by(HandbookEdition.number.desc())).first()
    handbook.gather(session, second)
    assert [one["code"] for one in second.facts] == [FEW[0], FEW[2]]


def test_who_may_and_what_is_refused(few, app, session, client_as, actor, monkeypatch):
    assert client_as("resident").post("/items/handbook").status_code == 403
    assert app.test_client().get("/items/handbook/none.pdf").status_code == 404
    edition = handbook.begin(session, actor("catalogue.manager"))
    session.commit()
    # Not ready: nothing to take yet. Failed: the reason is read, and it is tried again from what was written down.
    assert app.test_client().get(f"/items/handbook/{edition.uid}.pdf").status_code == 404
    handbook.gather(session, edition)
    handbook.give_up(session, edition.id, "存储已满，请清理后重新排版。")
    session.commit()
    manager = client_as("catalogue.manager")
    assert "存储已满" in manager.get("/items/handbook").text
    assert manager.post(f"/items/handbook/{edition.uid}/again").status_code == 303
    session.expire_all()
    assert edition.status == handbook.DRAWING
    assert manager.post(f"/items/handbook/{edition.uid}/again").status_code == 409
    monkeypatch.setattr(handbook, "of_all", lambda _session: [])
    session.expire_all()
    edition.status = handbook.FAILED
    session.commit()
    empty = manager.post("/items/handbook")
    assert empty.status_code == 422 and "没有已发布的事项" in empty.text


@pytest.mark.req("S0-04", "S3-53")
def test_the_whole_catalogue_is_written_down(session, actor):
    """All 82 items with their marks; the drawing itself is proved on the small one."""
    edition = handbook.begin(session, actor("catalogue.manager"))
    runs = 0
    while edition.status == handbook.GATHERING:
        handbook.gather(session, edition)
        runs += 1
    assert (edition.total, len(edition.facts), runs) == (82, 82, 5)
    fields = handbook.data(session, edition)
    assert [(c["count"], c["target"]) for c in fields["categories"]] == [
        (42, 42), (5, 5), (7, 7), (17, 17), (5, 5), (2, 2), (3, 3), (1, 1),
    ]  # fmt: skip
    assert fields["placeholders"] == 72 and len(fields["index"]) == 82 and len(fields["points"]) == 17
    letters = [row["letter"] for row in fields["index"]]
    assert (
        letters == sorted(letters) and item_facts.letter_of("重度残疾") in "CZ" and item_facts.letter_of("𠮷") in "JG#"
    )
