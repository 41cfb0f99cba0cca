"""The page 文书模板 as people use it: one uploads, another approves, it is put in force and gone back on."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator

import pytest

from extensions import db
from models.paper_template import PaperTemplate
from services.papers import definition, trial
from tests.services import paper_folders as folders


@pytest.fixture(autouse=True)
def shipped_again() -> Iterator[None]:
    with folders.shipped_again():
        yield


def sent(client, files: dict[str, bytes] | bytes, note: str = "区里换了样式", **more: str):
    data = files if isinstance(files, bytes) else folders.packed(files)
    return client.post("/paper-versions/upload", data={"file": (io.BytesIO(data), "x.zip"), "note": note, **more})


def test_a_paper_is_changed_by_two_people_without_a_programmer(app, client_as):
    admin, keeper = client_as("admin"), client_as("catalogue.manager")
    assert "老年优待证" in admin.get("/paper-versions").text
    files = folders.changed(folders.shipped(), page_html=lambda text: text.replace("示例样式", "新样式"))
    answer = sent(admin, files, paper="senior_card")
    assert answer.status_code == 303, answer.text
    where = answer.headers["Location"]
    shown = admin.get(where).text
    assert "须由另一个人审核" in shown and "新样式" in shown and 'value="approve"' not in shown
    assert admin.post(f"{where}/decide", data={"do": "approve"}).status_code == 403
    publish = {"version": where.rsplit("/", 1)[1], "seen": "0", "reason": "启用"}
    assert admin.post("/paper-versions/senior_card/publish", data=publish).status_code == 409
    for version in ("shipped", publish["version"]):
        for case in ("sample", "hostile"):
            drawn = keeper.get(f"/paper-versions/senior_card/{version}/{case}.pdf")
            assert drawn.mimetype == "application/pdf" and drawn.data.startswith(b"%PDF")
        assert keeper.get(f"/paper-versions/senior_card/{version}.zip").data.startswith(b"PK")
    assert keeper.post(f"{where}/decide", data={"do": "refuse", "reason": ""}).status_code == 422
    assert keeper.post(f"{where}/decide", data={"do": "approve"}).status_code == 303
    assert keeper.post("/paper-versions/senior_card/publish", data=publish).status_code == 403
    assert admin.post("/paper-versions/senior_card/publish", data={**publish, "reason": ""}).status_code == 422
    assert admin.post("/paper-versions/senior_card/publish", data=publish).status_code == 303
    assert admin.post("/paper-versions/senior_card/publish", data=publish).status_code == 409
    listed = admin.get("/paper-versions/senior_card").text
    assert "现行" in listed and "退回随软件提供的" in listed
    assert "新样式" in (definition.load("senior_card").folder / "page.html").read_text()
    back = {"version": "shipped", "reason": "样式有误"}
    assert admin.post("/paper-versions/senior_card/publish", data=back).status_code == 303
    assert "样式有误" in admin.get("/paper-versions/senior_card").text
    assert definition.load("senior_card").folder.parent == definition.ROOT


def test_a_wrong_folder_is_told_with_its_place_and_nothing_is_kept(session, client_as):
    admin = client_as("admin")
    bad = folders.changed(folders.new_paper(), style_css=lambda text: text + "p { background: url(http://x/y.png) }")
    answer = sent(admin, bad, note="换背景")
    assert answer.status_code == 422 and "style.css" in answer.text and "外部地址" in answer.text
    assert 'value="换背景"' in answer.text
    assert sent(admin, b"no archive").status_code == 422 and sent(admin, b"").status_code == 422
    assert "请写明为什么改" in sent(admin, folders.new_paper(), note=" ").text
    assert "这一页改的是" in sent(admin, folders.new_paper(), paper="senior_card").text
    assert session.query(PaperTemplate).count() == 0


def test_texts_are_changed_in_the_browser_and_what_was_typed_stays_after_a_refusal(client_as):
    admin = client_as("admin")
    assert "paper.yaml" in admin.get("/paper-versions/senior_card/edit").text
    texts = {name: content.decode() for name, content in folders.shipped().items() if not name.endswith("png")}
    wrong = {**texts, "page.html": texts["page.html"] + "{{ f.nobody }}", "note": "改一改"}
    answer = admin.post("/paper-versions/senior_card/edit", data=wrong)
    assert answer.status_code == 422 and "f.nobody" in answer.text and 'value="改一改"' in answer.text
    right = {**texts, "page.html": texts["page.html"].replace("示例样式", "新样式"), "note": "改一改"}
    assert admin.post("/paper-versions/senior_card/edit", data=right).status_code == 303


def test_others_do_not_see_the_page_and_readers_cannot_change_it(client_as):
    assert client_as("window.clerk").get("/paper-versions").status_code == 404
    watcher = client_as("supervisor")
    assert watcher.get("/paper-versions").status_code == 200
    assert sent(watcher, folders.shipped()).status_code == 403
    assert watcher.get("/paper-versions/senior_card/edit").status_code == 403
    for path in (
        "no_such",
        "senior_card/7",
        "senior_card/shipped/evil.pdf",
        "no_such/shipped.zip",
        "senior_card/x.zip",
    ):
        assert watcher.get(f"/paper-versions/{path}").status_code == 404, path


def test_the_trial_prints_hold_nobody_up(session, client_as, monkeypatch):
    """While a version is printed on trial others write; a second press gets the answer of the first."""
    admin, keeper, wrote = client_as("admin"), client_as("catalogue.manager"), []
    printed, address = trial.printed, db.engine.url.database

    def watched(paper, case):
        # Refused at once while anybody holds the one lock of the database.
        other = sqlite3.connect(str(address), timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        other.close()
        wrote.append(case)
        return printed(paper, case)

    monkeypatch.setattr(trial, "printed", watched)
    files = folders.changed(folders.shipped(), page_html=lambda text: text.replace("示例样式", "新样式"))
    first, again = (sent(admin, files, _once="the-same-press") for _ in range(2))
    assert first.status_code == again.status_code == 303 and first.location == again.location, again.text
    assert wrote == list(trial.CASES), "worked out once"
    assert sent(admin, files).status_code == 409, "another press is told that it is there"
    texts = {"page.html": files["page.html"].decode() + "<!-- -->", "note": "改一改"}
    assert admin.post("/paper-versions/senior_card/edit", data=texts).status_code == 303
    assert keeper.post(f"{first.location}/decide", data={"do": "approve"}).status_code == 303
    before = len(wrote)
    publish = {"version": first.location.rsplit("/", 1)[1], "seen": "0", "reason": "启用"}
    assert admin.post("/paper-versions/senior_card/publish", data=publish).status_code == 303
    assert len(wrote) == before + 1 == 2 * len(trial.CASES) + 1
