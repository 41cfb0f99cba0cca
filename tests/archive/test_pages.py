"""The archive as people use it in the browser and on the command line."""

from __future__ import annotations

import io
import re

from sqlalchemy import select

from models.archive import ArchiveDisposal, ArchiveEntry
from models.base import now
from models.ledger import JournalEntry
from models.paper import Document
from process.clock import local_day
from services import files
from tests.archive.files import RECEIPT, closed, let_it_run_out, work


def test_from_the_case_to_the_receipt_and_to_the_end(app, session, actor, client_as, tmp_path):
    case = closed(session, actor)
    uid = case.uid
    session.commit()
    issuer, approver = client_as("issuer"), client_as("approver")
    page = issuer.get("/archive/").text
    assert case.number in page and "待归档" in page
    assert issuer.get(f"/archive/cases/{uid}/package").status_code == 404
    assert "请先在左边打勾" in issuer.post("/archive/build", data={}).text
    answer = issuer.post("/archive/build", data={"uid": uid, "back": "case"})
    assert answer.status_code == 303 and answer.location.endswith(f"/archive/cases/{uid}")
    assert issuer.get("/archive/packages").headers["Refresh"] == "2"
    work(session)
    session.commit()
    page = issuer.get(f"/archive/cases/{uid}").text
    assert "下载归档包" in page and "任何内容都不会删除" in page
    entry = session.scalars(select(ArchiveEntry)).one()
    taken = issuer.get(f"/archive/cases/{uid}/package")
    assert taken.status_code == 200 and taken.data[:2] == b"PK" and ".zip" in taken.headers["Content-Disposition"]
    reading = session.scalars(
        select(JournalEntry).where(JournalEntry.content_id == case.id, JournalEntry.action == "personal:reveal")
    ).all()[-1]
    assert reading.details == {"by": "archive", "number": entry.number}
    assert client_as("window.clerk").get(f"/archive/cases/{uid}/package").status_code == 404
    assert client_as("admin").get(f"/archive/cases/{uid}/package").status_code == 404

    good = issuer.post("/archive/check", data={"file": (io.BytesIO(taken.data), "a.zip")}).text
    assert "完整、可信" in good and "签名有效" in good
    bad = bytearray(taken.data)
    bad[bad.index(b"%PDF-") + 2000] ^= 1
    told = issuer.post("/archive/check", data={"file": (io.BytesIO(bytes(bad)), "b.zip")}).text
    assert "内容被改动过" in told and "处不对" in told and "papers/0001" in told
    assert issuer.post("/archive/check", data={}).status_code == 422

    runner = app.test_cli_runner()
    (tmp_path / "good.zip").write_bytes(taken.data)
    (tmp_path / "bad.zip").write_bytes(bytes(bad))
    done = runner.invoke(args=["archive", "verify", str(tmp_path / "good.zip")])
    assert done.exit_code == 0 and "whole" in done.output
    done = runner.invoke(args=["archive", "verify", str(tmp_path / "bad.zip")])
    assert done.exit_code == 1 and "BAD papers/0001" in done.output
    (tmp_path / "root.pem").write_text(runner.invoke(args=["archive", "root"]).output)
    done = runner.invoke(args=["archive", "verify", str(tmp_path / "good.zip"), "--root", str(tmp_path / "root.pem")])
    assert done.exit_code == 0, done.output
    (tmp_path / "no.pem").write_text("nothing")
    done = runner.invoke(args=["archive", "verify", str(tmp_path / "good.zip"), "--root", str(tmp_path / "no.pem")])
    assert done.exit_code == 1 and "no certificate" in done.output

    form = {"uid": entry.uid, **RECEIPT, "received_on": local_day(now()).isoformat()}
    refused = issuer.post("/archive/receipts", data={**form, "receiver": ""})
    assert refused.status_code == 422 and "请写接收人" in refused.text and RECEIPT["number"] in refused.text
    assert issuer.post("/archive/receipts", data=form).status_code == 303
    assert RECEIPT["number"] in issuer.get("/archive/receipts").text
    assert "没有到期的档案" in issuer.get("/archive/disposals").text
    session.expire_all()
    let_it_run_out(session, session.scalars(select(ArchiveEntry)).one())
    session.commit()
    assert entry.number in issuer.get("/archive/disposals").text
    assert issuer.post("/archive/disposals", data={"uid": entry.uid, "reason": ""}).status_code == 422
    issuer.post("/archive/disposals", data={"uid": entry.uid, "reason": "保管期限已满"})
    session.expire_all()
    one = session.scalars(select(ArchiveDisposal)).one()
    own = issuer.post(f"/archive/disposals/{one.uid}", data={"answer": "agree"})
    assert own.status_code == 403 and "另一个人" in own.text
    assert "同意销毁" in approver.get("/archive/disposals").text
    assert approver.post(f"/archive/disposals/{one.uid}", data={"answer": "agree"}).status_code == 303
    session.expire_all()
    work(session)
    session.commit()
    assert "已销毁" in approver.get("/archive/disposals").text
    assert issuer.get(f"/archive/cases/{uid}/package").status_code == 404
    assert "已按规定销毁" in issuer.get(f"/archive/cases/{uid}").text


def test_a_destroyed_file_is_told_as_such_and_other_faults_are_not(app, session, actor, client_as):
    case = closed(session, actor)
    document = session.scalars(select(Document).where(Document.content_id == case.id)).first()
    case_uid, document_uid, key = case.uid, document.uid, document.storage_key
    session.commit()
    files.store().remove(key)
    client = client_as("issuer")
    with app.test_request_context():
        from flask import url_for

        path = url_for("content.document", uid=case_uid, document_uid=document_uid)
    answer = client.get(path)
    assert answer.status_code == 410 and "可能已按规定销毁" in answer.text


def test_the_page_of_the_case_leads_to_its_dossier(app, session, actor, client_as):
    case = closed(session, actor)
    uid = case.uid
    session.commit()
    with app.test_request_context():
        from flask import url_for

        path = url_for("content.show", uid=uid)
    assert re.search(rf'href="/archive/cases/{uid}"', client_as("issuer").get(path).text)
    assert f"/archive/cases/{uid}" not in client_as("window.clerk").get(path).text
