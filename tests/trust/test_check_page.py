"""The check page: number and code by hand, four answers, nothing to learn from time or length, every question on record."""

from __future__ import annotations

from datetime import timedelta

import cbor2
import pytest
from sqlalchemy import event, select

from extensions import db
from jobs import relay
from models.base import now
from models.paper import Certificate, Paper
from models.trust import PaperCheck
from process import engine
from process.clock import local_day
from services import papers_out
from services.trust import checks, claims
from tests.pages.test_public import counting  # noqa: F401  the fixture that switches the limits on
from tests.services.fertility import accepted, approved, certificate_of, draw_all

JSON = {"Accept": "application/json"}


@pytest.fixture
def issued(session, actor) -> Certificate:
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    for step in ("number", "seal"):
        engine.fire(certificate, step, actor("issuer"))
    draw_all(session)
    engine.fire(certificate, "issue", actor("issuer"))
    session.commit()
    return certificate


def asked(session) -> list[tuple[str, str]]:
    session.expire_all()
    return [(row.result, row.way) for row in session.scalars(select(PaperCheck).order_by(PaperCheck.id))]


@pytest.mark.req("S0-28")
def test_number_and_code_are_typed_by_hand(app, session, issued) -> None:
    client, code = app.test_client(), issued.paper.verify_code
    assert len(code) == 22, "128 random bits"
    grouped = " ".join(code[i : i + 4] for i in range(0, 22, 4))
    page = client.get("/verify", query_string={"number": issued.number.lower(), "code": grouped}, follow_redirects=True)
    assert "有效，真实出具" in page.text and issued.number in page.text and "林若琳" not in page.text
    other = client.get("/verify", query_string={"number": "SY-DX-2026-99999", "code": code}, follow_redirects=True)
    assert "没有查到" in other.text and 'value="SY-DX-2026-99999"' in other.text and code in other.text
    lacking = client.get("/verify", query_string={"number": issued.number})
    assert "还缺核验码" in lacking.text and issued.number in lacking.text
    pasted = client.get("/verify", query_string={"code": papers_out.verify_url(issued.paper)})
    assert pasted.headers["Location"] == f"/verify/{code}"
    assert asked(session) == [("valid", "typed"), ("unknown", "typed")]


def test_letters_that_look_the_same_may_be_read_wrongly_where_the_number_is_told(app, session, issued) -> None:
    client = app.test_client()
    issued.paper.verify_code = "Il0OabcdefghijkmnpqrsA"
    session.commit()
    typed = "lIO0abcdefghijkmnpqrsA"
    assert client.get(f"/verify/{typed}", headers=JSON).json["result"] == "unknown", "the code alone is exact"
    given = {"number": issued.number.lower()}
    assert client.get(f"/verify/{typed}", query_string=given, headers=JSON).json["result"] == "valid"
    other = {"number": issued.number[:-1] + "9"}
    assert client.get(f"/verify/{typed}", query_string=other, headers=JSON).json["result"] == "unknown"
    wrong = "lIO0abcdefghijkmnpqrsB"
    assert client.get(f"/verify/{wrong}", query_string=given, headers=JSON).json["result"] == "unknown"
    assert client.get("/verify/人", query_string=given, headers=JSON).json["result"] == "unknown"


def test_void_replaced_and_expired_are_told_at_once(app, session, actor, issued) -> None:
    client, code = app.test_client(), issued.paper.verify_code
    assert client.get(f"/verify/{code}", headers=JSON).json["result"] == "valid"
    issued.valid_until = local_day(now()) - timedelta(days=1)
    session.commit()
    late = client.get(f"/verify/{code}", headers=JSON)
    assert late.json["result"] == "expired" and late.json["until"]
    assert "已过期" in client.get(f"/verify/{code}").text
    issued.valid_until = None
    engine.fire(issued, "void", actor("approver"), inputs={"comment": "姓名有误", "reissue": False})
    session.commit()
    assert client.get(f"/verify/{code}", headers=JSON).json["result"] == "void"
    assert "已作废" in client.get(f"/verify/{code}").text
    issued.state = "replaced"
    session.commit()
    assert "已补发" in client.get(f"/verify/{code}").text


def test_hit_and_miss_have_one_length_and_do_the_same_work(app, session, issued) -> None:
    client, code = app.test_client(), issued.paper.verify_code
    lengths: dict[str, set[int]] = {"html": set(), "json": set()}
    statements: dict[str, list[str]] = {}
    counted: list[str] = []

    def count(_connection, _cursor, statement, *_more) -> None:  # type: ignore[no-untyped-def]
        counted.append(statement.split(" WHERE ")[0])

    client.get(f"/verify/{code}")
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", count)
        try:
            for wanted in (code, "x" * 22, code[:-1] + ("A" if code[-1] != "A" else "B")):
                counted.clear()
                answer = client.get(f"/verify/{wanted}")
                lengths["html"].add(len(answer.data))
                statements[wanted] = list(counted)
                lengths["json"].add(len(client.get(f"/verify/{wanted}", headers=JSON).data))
                assert answer.headers["Cache-Control"] == "no-store, no-transform"
        finally:
            event.remove(db.engine, "before_cursor_execute", count)
    assert len(lengths["html"]) == len(lengths["json"]) == 1, lengths
    one, *others = statements.values()
    assert all(sorted(other) == sorted(one) for other in others), "a miss asks the database the same questions"


def test_every_question_is_on_record_and_says_not_who(app, session, issued, actor) -> None:
    client, code = app.test_client(), issued.paper.verify_code
    here = {"REMOTE_ADDR": "198.51.100.7"}
    client.get(f"/verify/{code}", environ_base=here)
    client.get(f"/verify/{code}", headers=JSON, environ_base=here)
    client.get(f"/verify/{'z' * 22}", environ_base={"REMOTE_ADDR": "198.51.100.8"})
    assert asked(session) == [("valid", "code"), ("valid", "program"), ("unknown", "code")]
    rows = list(session.scalars(select(PaperCheck).order_by(PaperCheck.id)))
    assert rows[0].address == rows[1].address != rows[2].address and "198" not in rows[0].address
    assert rows[0].paper_id == issued.paper_id and rows[2].paper_id is None
    found = checks.figures(session, actor("issuer"))
    assert [(line.kind, line.total, line.papers) for line in found.lines] == [(issued.paper.title, 2, 1)]
    assert (found.unknown, found.addresses) == (1, 1)
    assert checks.figures(session, actor("courier")).lines == []
    # Half past four in the afternoon UTC is the next day on the wall.
    rows[0].at = rows[1].at.replace(hour=15, minute=59) - timedelta(days=2)
    rows[1].at = rows[0].at + timedelta(minutes=31)
    session.flush()
    days = checks.figures(session, actor("issuer")).days
    assert days == [(rows[1].at.date() + timedelta(days=1), 1), (rows[0].at.date(), 1)]


def test_the_issuer_sees_the_figures_and_a_courier_does_not(app, session, issued, client_as) -> None:
    app.test_client().get(f"/verify/{issued.paper.verify_code}")
    page = client_as("issuer").get("/papers/checks")
    assert page.status_code == 200 and issued.paper.title in page.text and "另有 0 次没有查到" in page.text
    assert client_as("courier").get("/papers/checks").status_code == 404


def test_many_misses_from_one_address_end(app, issued, counting) -> None:  # noqa: F811
    client = app.test_client()
    here = {"REMOTE_ADDR": "198.51.100.9"}
    codes = [client.get("/verify/" + f"{n:022d}", environ_base=here).status_code for n in range(32)]
    assert codes[:30] == [200] * 30 and codes[31] == 429


def test_the_claim_of_a_certificate_agrees_with_the_page(app, session, issued) -> None:
    address, _, digits = papers_out.verify_url(issued.paper).partition("#")
    code = address.rpartition("/")[2]
    facts, _key = claims.read(code, digits)
    said = app.test_client().get(f"/verify/{code}", headers=JSON).json
    assert (facts.kind, facts.number, facts.name, facts.agency[:20]) == (
        said["kind"],
        said["number"],
        said["holder"],
        said["agency"][:20],
    )
    letter = session.scalars(select(Paper).where(Paper.paper == "acceptance_notice")).first()
    assert letter is None or "#" not in papers_out.verify_url(letter), "letters about a case carry no claim"


def test_keys_are_public_in_both_forms(app) -> None:
    client = app.test_client()
    jwk = client.get("/verify/keys")
    assert jwk.mimetype == "application/jwk-set+json" and jwk.json["keys"][0]["alg"] == "ES256"
    cose = client.get("/verify/keys", headers={"Accept": "application/cose-key-set"})
    assert cose.mimetype == "application/cose-key-set" and cbor2.loads(cose.data)[0][1] == 2
    root = client.get("/verify/root.crt")
    assert root.data.startswith(b"-----BEGIN CERTIFICATE-----") and "attachment" in root.headers["Content-Disposition"]
    worker = client.get("/verify/worker.js")
    assert worker.mimetype == "text/javascript" and "/verify/offline" in worker.text
    assert client.get("/verify/offline.webmanifest").json["start_url"] == "/verify/offline"
    for path in ("claim", "verify", "offline"):
        assert client.get(f"/static/js/{path}.js").status_code == 200
    page = client.get("/verify/offline")
    assert page.status_code == 200 and jwk.json["keys"][0]["kid"] in page.text


def test_who_asked_is_kept_half_a_year_and_no_longer(session, issued, monkeypatch) -> None:
    for days in (0, 189, 191, 400, 800):
        session.add(PaperCheck(at=now() - timedelta(days=days), result="valid", way="code", address="x", paper_id=None))
    session.commit()
    monkeypatch.setattr(checks, "SWEPT", 2)
    assert [checks.sweep(session), checks.sweep(session), checks.sweep(session)] == [2, 1, 0]
    assert session.query(PaperCheck).count() == 2
    session.rollback()
    monkeypatch.setattr(checks, "SWEPT", 100)
    relay.sweep(session)
    assert session.query(PaperCheck).count() == 2, "the hourly sweep does it"


def test_a_later_version_with_a_term_ends_no_permanent_certificate(app, session, actor, issued) -> None:
    from services import paper_versions
    from services.papers import definition, own
    from tests.services import paper_folders as folders

    with folders.shipped_again():
        files = folders.changed(
            folders.shipped(issued.paper_kind), paper_yaml=lambda text: text + "\nvalidity: {days: 1}\n"
        )
        row, _ = paper_versions.upload(session, actor("admin"), folders.packed(files), "改为有期限")
        paper_versions.approve(session, actor("catalogue.manager"), row.id)
        paper_versions.publish(session, actor("admin"), issued.paper_kind, row.id, "启用")
        issued.issued_on = now() - timedelta(days=30)
        session.commit()
        own.refresh(session, at_once=True)
        assert definition.load(issued.paper_kind).terms.validity.until(local_day(now())) is not None
        said = app.test_client().get(f"/verify/{issued.paper.verify_code}", headers=JSON).json
    assert (said["result"], said["until"]) == ("valid", "")


def test_a_letter_holds_as_long_as_the_version_it_was_made_with_says(app, session, actor) -> None:
    """What a later version of the paper says about validity is about later letters."""
    from services import paper_versions
    from services.papers import definition, own
    from tests.services import paper_folders as folders

    case = accepted(session, actor)
    letter = session.scalars(select(Paper).where(Paper.paper == "acceptance_notice", Paper.content_id == case.id)).one()
    with folders.shipped_again():
        files = folders.changed(
            folders.shipped("acceptance_notice"), paper_yaml=lambda text: text + "\nvalidity: {days: 1}\n"
        )
        row, _ = paper_versions.upload(session, actor("admin"), folders.packed(files), "改为有期限")
        paper_versions.approve(session, actor("catalogue.manager"), row.id)
        paper_versions.publish(session, actor("admin"), "acceptance_notice", row.id, "启用")
        letter.created_at = now() - timedelta(days=30)
        session.commit()
        own.refresh(session, at_once=True)
        assert definition.load("acceptance_notice").terms.validity.until(local_day(now())) is not None
        said = app.test_client().get(f"/verify/{letter.verify_code}", headers=JSON).json
    assert (said["result"], said["until"]) == ("valid", "")
