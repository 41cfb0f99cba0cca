"""What monitoring reads."""

from __future__ import annotations

from flask import Flask
from sqlalchemy.orm import Session

from extensions import db
from models.ledger import OutboxItem
from process import outbox

CONCERNS = ("database", "redis", "storage", "outbox", "dead_letters", "journal", "disk", "calendar", "workers")


def test_one_line_per_concern_and_200_without_redis(app: Flask) -> None:
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 200 and answer.mimetype == "text/plain"
    assert [line.split(":")[0] for line in answer.text.splitlines()] == list(CONCERNS)
    assert "database: ok" in answer.text and "redis: ATTENTION" in answer.text


def test_health_as_json(app: Flask) -> None:
    answer = app.test_client().get("/healthz", headers={"Accept": "application/json"})
    assert answer.json["status"] == "degraded" and answer.json["concerns"]["database"]["ok"] is True
    assert set(answer.json["concerns"]) == set(CONCERNS)


def test_a_dead_letter_is_told(app: Flask, session: Session) -> None:
    item = session.get_one(OutboxItem, outbox.put(session, "papers.render", paper_id=1))
    item.status = "dead"
    session.commit()
    assert "dead_letters: ATTENTION 1" in app.test_client().get("/healthz").text


def test_503_when_the_database_does_not_work(app: Flask, tmp_path) -> None:
    with app.app_context():
        db.engine.dispose()
    for name in ("daiban.db", "daiban.db-wal", "daiban.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "daiban.db").mkdir()
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 503 and "database: ATTENTION" in answer.text
    assert str(tmp_path) not in answer.text, "where things lie is nobody's business"


def test_requests_and_the_outbox_are_counted(app: Flask) -> None:
    client = app.test_client()
    client.get("/api/openapi.json")
    client.get("/no/such/page", headers={"Accept": "application/json"})
    text = client.get("/metrics").text
    assert 'daiban_requests_total{endpoint="api.description",method="GET",status="200"}' in text
    assert 'endpoint="none"' in text and "/no/such/page" not in text
    assert 'daiban_outbox_items{status="waiting"} 0.0' in text
    assert "daiban_request_seconds_bucket" in text
