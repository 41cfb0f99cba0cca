"""一枚印章管审批: one seal a town, each use on record with case, person, time and reason; narrowed, taken out, stopped."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models.ledger import JournalEntry
from models.trust import Seal, SealUse
from process import engine
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from services.trust import seals
from tests.services.fertility import approved, certificate_of, draw_all


@pytest.fixture
def used(session, actor):
    """Two certificates sealed by the issuer, one of them for a reason of its own."""
    made = []
    for number, reason in ((1, None), (2, "补盖骑缝章")):
        certificate = certificate_of(session, approved(session, actor, marriage_certificate_number=f"J330103-{number}"))
        engine.fire(certificate, "number", actor("issuer"))
        draw_all(session)
        engine.fire(certificate, "seal", actor("issuer"), inputs={"reason": reason} if reason else {})
        made.append(certificate)
    session.commit()
    return made


@pytest.mark.req("S4-07")
def test_one_seal_a_town_and_every_use_counted(session, actor, used) -> None:
    (seal,) = session.scalars(select(Seal)).all()
    assert (seal.agency_id, seal.uses) == ("dongxin", 2) and seal.name == "东新街道行政审批专用章"
    uses = session.scalars(select(SealUse).order_by(SealUse.seq)).all()
    assert [(u.seq, u.case_number, u.paper_number, u.reason) for u in uses] == [
        (1, used[0].case.number, used[0].number, f"制发{used[0].title}"),
        (2, used[1].case.number, used[1].number, "补盖骑缝章"),
    ]
    assert {u.person.username for u in uses} == {"issuer"} and seals.unbroken(session) == []
    with pytest.raises(IntegrityError), session.begin_nested():
        session.add(Seal(agency_id="dongxin", name="另一枚行政审批专用章"))
        session.flush()
    seal.uses = 5
    session.flush()
    assert seals.unbroken(session), "a log that was cut short is noticed"


def test_what_was_undone_leaves_no_use_and_no_gap(session, actor, used) -> None:
    certificate = certificate_of(session, approved(session, actor, marriage_certificate_number="J330103-3"))
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    session.commit()
    engine.fire(certificate, "seal", actor("issuer"))
    session.rollback()
    engine.fire(certificate, "seal", actor("issuer"))
    session.commit()
    assert session.scalars(select(SealUse.seq).order_by(SealUse.seq)).all() == [1, 2, 3]
    assert seals.unbroken(session) == []


@pytest.mark.req("S4-07")
def test_the_log_is_read_narrowed_and_taken_out_in_the_browser(app, session, client_as, used) -> None:
    client = client_as("issuer")
    page = client.get("/seals")
    assert page.status_code == 200 and used[0].number in page.text and "补盖骑缝章" in page.text
    assert "东新街道行政审批专用章" in page.text and used[0].case.number in page.text
    narrow = client.get("/seals", query_string={"q": "骑缝"}).text
    assert used[1].number in narrow and used[0].number not in narrow
    assert "没有符合条件的用印" in client.get("/seals", query_string={"until": "2001-01-01"}).text
    sheet = client.post("/seals/export", data={"q": "骑缝"})
    rows = [[cell.value for cell in row] for row in load_workbook(io.BytesIO(sheet.data)).active]
    (line,) = [row for row in rows if row[0] == "2"]
    assert used[1].number in line and used[1].case.number in line and "补盖骑缝章" in line
    note = session.scalars(select(JournalEntry).where(JournalEntry.action == "seal:export")).one()
    assert note.details["rows"] == 1
    empty = client.post("/seals/export", data={"q": "没有这样的字"})
    assert empty.status_code == 422 and "没有可以导出的" in empty.text and "没有这样的字" in empty.text


def test_who_has_no_part_in_it_does_not_find_it(session, actor, client_as, used) -> None:
    assert client_as("courier").get("/seals").status_code == 404
    assert client_as("courier").post("/seals/export").status_code == 404
    with pytest.raises(NotFound):
        seals.page(session, actor("courier"), seals.asked({}))
    other = seals.page(session, actor("issuer"), seals.asked({"person": "nonsense", "since": "2026-13-99"}))
    assert other[1] == 2, "nonsense in a filter counts as not asked"


def test_a_stopped_seal_is_used_no_more(app, session, actor, client_as, used) -> None:
    (seal,) = session.scalars(select(Seal)).all()
    with pytest.raises(Forbidden, match="系统管理员"):
        seals.change(session, actor("issuer"), seal, {"name": seal.name, "state": "stopped"})
    with pytest.raises(InvalidInput, match="至少 4 个字"):
        seals.change(session, actor("admin"), seal, {"name": "章"})
    admin, path = client_as("admin"), f"/seals/{seal.uid}"
    refused = admin.post(path, data={"name": "章", "state": "stopped"})
    assert refused.status_code == 422 and "至少 4 个字" in refused.text and 'value="章"' in refused.text
    assert admin.post(path, data={"name": seal.name, "state": "stopped"}).status_code == 303
    session.expire_all()
    certificate = certificate_of(session, approved(session, actor, marriage_certificate_number="J330103-4"))
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    with pytest.raises(NotAvailable, match="已停用，不能用印"):
        engine.fire(certificate, "seal", actor("issuer"))


def test_an_older_office_gets_its_log_from_the_journal(session, used) -> None:
    from migrations.seals_0004 import fill

    before = [(u.seq, u.case_number, u.paper_number, u.reason) for u in session.scalars(select(SealUse))]
    session.execute(SealUse.__table__.delete())
    session.execute(Seal.__table__.delete())
    session.expunge_all()
    fill(session.connection())
    assert [
        (u.seq, u.case_number, u.paper_number, u.reason) for u in session.scalars(select(SealUse))
    ] == before and len(before) == 2
    assert seals.unbroken(session) == []


def test_demo_papers_show_a_place_for_the_seal_and_never_a_seal(session, app) -> None:
    """A red circle is no seal: in the drawn papers the place is dashed grey and says 样章 or 盖章处."""
    from services.papers.definition import ROOT

    macros = (ROOT / "_common" / "macros.html").read_text("utf-8")
    style = (ROOT / "_common" / "paper.css").read_text("utf-8")
    assert "样章" in macros and "盖章处" in macros and "dashed" in style
    for sheet in ROOT.rglob("*.css"):
        for colour in ("red", "#f00", "#ff0000", "#c00", "#b5121b"):
            assert f"{colour};" not in sheet.read_text("utf-8").lower(), f"{sheet.name} draws in {colour}"
