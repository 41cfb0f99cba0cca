"""The floor: Flask and SQLAlchemy Core, statements built once, the same rows into the same tables, and no product around it.

It knows one clerk, one place and one workflow by heart; it checks the token, the role, the version and the state.
Run by gunicorn from the root of the project: `bench.peers.minimal:app`, with DATABASE_URL and BENCH_TOKEN.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from datetime import UTC, datetime, timedelta

from flask import Flask, abort, jsonify, request
from sqlalchemy import bindparam, create_engine, event, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

import models  # noqa: F401  all tables
from models.agency import Agency
from models.content import Acl, Content, WorkflowVersion
from models.ledger import Counter, JournalEntry, OutboxItem
from models.person import Person

app = Flask(__name__)
app.json.ensure_ascii = False  # type: ignore[attr-defined]
engine = create_engine(os.environ["DATABASE_URL"])
lite = engine.dialect.name == "sqlite"
if lite:

    @event.listens_for(engine, "connect")
    def _connect(connection, _record):
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=20000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


CONTENT, JOURNAL, OUTBOX, COUNTER = (m.__table__ for m in (Content, JournalEntry, OutboxItem, Counter))
with engine.begin() as start:
    clerk = start.execute(select(Person.id, Person.unit_id).where(Person.username == "community.clerk")).one()
    home = start.execute(select(Agency.id, Agency.path, Agency.district).where(Agency.id == clerk.unit_id)).one()
    version = start.scalars(select(WorkflowVersion.digest).where(WorkflowVersion.workflow == "bench_task")).first()
    acl = start.scalars(select(Acl.id)).first()
SIGNED_IN = {os.environ["BENCH_TOKEN"]: (clerk.id, {"community_clerk"})}
MAY = {"create": "community_clerk", ("open", "start"): "community_clerk", ("doing", "finish"): "community_clerk"}
TO = {"start": "doing", "finish": "done"}

new_content = insert(CONTENT).returning(CONTENT.c.id)
new_entry = insert(JOURNAL).inline()
new_work = insert(OUTBOX).inline()
draw = (sqlite_insert if lite else pg_insert)(COUNTER).values(
    series="minimal", unit=home.district, year=bindparam("y"), value=1
)
draw = draw.on_conflict_do_update(
    index_elements=["series", "unit", "year"], set_={"value": COUNTER.c.value + 1}
).returning(COUNTER.c.value)
find = select(CONTENT.c.id, CONTENT.c.state, CONTENT.c.version, CONTENT.c.number, CONTENT.c.district).where(
    CONTENT.c.uid == bindparam("u")
)
if not lite:
    find = find.with_for_update()
last = (
    select(JOURNAL.c.seq, JOURNAL.c.digest)
    .where(JOURNAL.c.stream == bindparam("s"))
    .order_by(JOURNAL.c.seq.desc())
    .limit(1)
)
move = (
    update(CONTENT)
    .where(CONTENT.c.id == bindparam("i"), CONTENT.c.version == bindparam("v"), CONTENT.c.state == bindparam("s"))
    .values(
        state=bindparam("to"),
        version=bindparam("v") + 1,
        acl_id=acl,
        modified_at=bindparam("at"),
        entered_at=bindparam("at"),
        deadline=bindparam("due"),
    )
)


def who(step) -> int:
    person, roles = SIGNED_IN.get(request.headers.get("Authorization", "")[7:]) or abort(401)
    if MAY.get(step) not in roles:
        abort(403)
    return person


def chained(connection, uid, content_id, action, person, before, after, comment, at, seq=1, previous="0" * 64):
    row = {
        "stream": uid,
        "seq": seq,
        "at": at,
        "action": action,
        "content_id": content_id,
        "district": home.district,
        "person_id": person,
        "unit_id": home.id,
        "from_state": before,
        "to_state": after,
        "comment": comment,
        "details": {},
        "algorithm": "sha256",
        "previous": previous,
    }
    said = json.dumps([str(value) for value in row.values()], ensure_ascii=False)
    row["digest"] = hashlib.sha256(said.encode()).hexdigest()
    connection.execute(new_entry, row)


def watched(connection, uid, due, at):
    connection.execute(
        new_work,
        {
            "job": "clock.warn",
            "queue": "quick",
            "district": home.district,
            "args": {"uid": uid, "kind": "near", "deadline": due.isoformat(), "mark": str(int(at.timestamp()))},
            # Far off, so that no worker takes up what the floor has written.
            "available_at": at + timedelta(days=400),
        },
    )


@app.post("/contents")
def create():
    person, data, at = who("create"), request.get_json(), datetime.now(UTC)
    if not data.get("title") or not data.get("body") or len(data["title"]) > 200:
        abort(422)
    uid, due = secrets.token_urlsafe(16), at + timedelta(days=3)
    with engine.begin() as connection:
        number = f"MI-{at.year}-{connection.execute(draw, {'y': at.year}).scalar_one():06d}"
        content_id = connection.execute(
            new_content,
            {
                "uid": uid,
                "kind": "content",
                "type": "bench_task",
                "number": number,
                "title": data["title"],
                "place_id": home.id,
                "place_path": home.path,
                "district": home.district,
                "workflow": "bench_task",
                "workflow_version": version,
                "state": "open",
                "acl_id": acl,
                "owner_id": person,
                "unit_id": home.id,
                "deadline": due,
                "created_at": at,
                "modified_at": at,
                "entered_at": at,
                "version": 1,
                "fields": {name: data.get(name) for name in ("place_of_work", "due", "body")},
                "search_text": f"{data['title']} {data['place_of_work']} {data['body']}"[:500],
            },
        ).scalar_one()
        chained(connection, uid, content_id, "bench_task:create", person, None, "open", None, at)
        watched(connection, uid, due, at)
    return jsonify(uid=uid, number=number, state="open", version=1), 201


@app.post("/contents/<uid>/actions/<step>")
def act(uid, step):
    data, at = request.get_json(), datetime.now(UTC)
    with engine.begin() as connection:
        found = connection.execute(find, {"u": uid}).one_or_none() or abort(404)
        person, due = who((found.state, step)), at + timedelta(days=2)
        moved = connection.execute(
            move, {"i": found.id, "v": data["version"], "s": found.state, "to": TO[step], "at": at, "due": due}
        )
        if moved.rowcount != 1:
            abort(409)
        seq, digest = connection.execute(last, {"s": uid}).one()
        chained(
            connection,
            uid,
            found.id,
            f"bench_task:{step}",
            person,
            found.state,
            TO[step],
            data.get("comment"),
            at,
            seq + 1,
            digest,
        )
        watched(connection, uid, due, at)
    return jsonify(uid=uid, number=found.number, state=TO[step], version=data["version"] + 1)
