"""One city: an installation of its own with database, keys, web server and worker as processes that can be killed.

`python -m tests.exchange.city COMMAND` runs inside such a process and reads its settings from the environment, as the product does.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.platform.conftest import ROOT, clean_environ
from tests.servers import free_port

ITEM, UNIT = "social_insurance_transfer_proof", "dongxin-centre"
PASSWORD = "daiban-demo"


# --- Seen from the test


class City:
    """Starts, kills and asks the processes of one installation."""

    def __init__(self, name: str, folder: Path, database_url: str = "") -> None:
        self.name, self.folder, self.port = name, folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.environ = clean_environ(
            DAIBAN_VAR=str(folder),
            DAIBAN_DEMO="1",
            PORT=str(self.port),
            SECRET_KEY=f"city-{name}-" + "k" * 40,
            REDIS_URL=f"unix://{folder}/none.sock",
            DATABASE_URL=database_url or f"sqlite:///{folder}/daiban.db",
            PYTHONUNBUFFERED="1",
        )
        self.processes: dict[str, subprocess.Popen[Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_setup(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.exchange.city", "setup"],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, **given: Any) -> Any:
        """One command in a process of the city; what it prints last is its answer."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.exchange.city", command, json.dumps(given)],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{self.name}: {command}: {done.stderr[-3000:]}"
        return json.loads(done.stdout.strip().splitlines()[-1])

    def start(self, part: str, **given: Any) -> None:
        """Runs a part of the city until it ends or is killed."""
        if part == "web":
            command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "1"]
            command += ["--threads", "4", "--log-level", "error", "tests.exchange.city:web()"]
        else:
            command = [sys.executable, "-m", "tests.exchange.city", part, json.dumps(given)]
        log = (self.folder / f"{part}.log").open("ab")
        self.processes[part] = subprocess.Popen(
            command, cwd=ROOT, env=self.environ, stdout=log, stderr=log, start_new_session=True
        )
        log.close()

    def kill(self, part: str) -> None:
        """SIGKILL to the part and its children; nobody gets to say anything."""
        process = self.processes.pop(part)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)

    def running(self, part: str) -> bool:
        return part in self.processes and self.processes[part].poll() is None

    def wait_web(self, within: float = 60) -> None:
        until = time.monotonic() + within
        while True:
            try:
                if httpx.get(f"{self.url}/exchange/v1/envelopes", timeout=5, trust_env=False).status_code == 405:
                    return
            except httpx.HTTPError:
                assert self.running("web"), (self.folder / "web.log").read_text()[-3000:]
            assert time.monotonic() < until, f"{self.name}: no web within {within:g} s"
            time.sleep(0.1)

    def close(self) -> None:
        for part in list(self.processes):
            self.kill(part)


class Visitor:
    """Somebody at a browser of this city."""

    def __init__(self, city: City, username: str) -> None:
        self.client = httpx.Client(base_url=city.url, timeout=30, trust_env=False)
        answer = self.post("/sign-in", {"username": username, "password": PASSWORD})
        assert answer.status_code == 303, answer.text

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def post(self, path: str, data: Mapping[str, str], page: str = "") -> httpx.Response:
        """Fills in a form of `page` and sends it to `path`."""
        shown = self.client.get(page or path)
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown.text)
        assert token, f"no form on {page or path}: {shown.status_code}"
        return self.client.post(path, data={**data, "csrf_token": token[1]}, headers={"Referer": str(shown.url)})


def pair(a: City, b: City, a_url: str = "", b_url: str = "") -> None:
    """Sets both up and lets their administrators read the digits to each other."""
    setups = [(city, city.start_setup()) for city in (a, b)]
    told = {}
    for city, process in setups:
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, city.name
        told[city.name] = json.loads(said.strip().splitlines()[-1])
    a.run("meet", name=b.name, url=b_url or b.url, **told[b.name])
    b.run("meet", name=a.name, url=a_url or a.url, **told[a.name])


# --- Inside a process of the city


def web() -> Flask:
    """What gunicorn serves: the product, as it is."""
    from app import create_app

    return create_app()


def setup(session: Session, _given: Mapping[str, Any]) -> Any:
    from extensions import db
    from models.base import Base
    from models.person import Person
    from process.access import load_actor
    from process.clock import local_day
    from services import installation
    from services.exchange import items, keys
    from tests.exchange.conftest import become_authority

    Base.metadata.create_all(db.engine)
    installation.install(session)
    installation.load_demo_people(session)
    become_authority(session, session.scalars(select(Person).where(Person.username == "approver")).one())
    session.commit()
    admin = session.scalars(select(Person.id).where(Person.username == "admin")).one()
    items.offer(session, load_actor(session, admin, local_day(datetime.now(UTC))), {"code": ITEM, "unit": UNIT})
    session.commit()
    card = keys.ring().card
    return {"card": card.text, "heard": " ".join(card.aloud)}


def meet(session: Session, given: Mapping[str, Any]) -> Any:
    from services.exchange import partners
    from services.exchange.keys import read_card

    actor = _actor(session, "admin")
    partner = partners.enter(session, actor, {"name": given["name"], "base_url": given["url"], "card": given["card"]})
    partners.confirm(session, actor, partner, read_card(given["card"]).key_id, given["heard"])
    session.commit()
    return partner.id


def _actor(session: Session, username: str) -> Any:
    from models.person import Person
    from process.access import load_actor
    from process.clock import local_day

    person = session.scalars(select(Person.id).where(Person.username == username)).one()
    return load_actor(session, person, local_day(datetime.now(UTC)))


def work(session: Session, given: Mapping[str, Any]) -> None:
    """Relay and worker in one loop, without Redis: due rows are leased and done as the product does them.

    `fast`: pauses in fast motion, and nobody draws papers, which would take most of the machine."""
    from jobs import worker
    from process import outbox
    from process.transactions import reading
    from services.exchange import sending

    queues = [name for name in outbox.QUEUES if name != outbox.PAPERS or not given.get("fast")]
    if given.get("fast"):
        sending.FIRST_PAUSE, sending.LONGEST_PAUSE = 0.3, 5.0
    while True:
        with reading():
            due = [one.id for name in queues for one in outbox.due(session, 25, name)]
            session.rollback()
        for item_id in due:
            worker.do(session, item_id)
            session.expire_all()
        if not due:
            time.sleep(0.1)


def act(session: Session, given: Mapping[str, Any]) -> Any:
    """The people of a day: files `count` tickets for the partner, decides whatever arrives, prints what was decided."""
    from sqlalchemy.exc import OperationalError

    from process.refusals import Refusal

    luck = Random(given["seed"])
    ledger = Path(given["ledger"])
    filed = ledger.read_text().splitlines() if ledger.exists() else []
    with ledger.open("a") as book:
        while True:
            idle = True
            for step in (_file_one, _decide_some, _print_some):
                try:
                    done = step(session, luck, given, len(filed))
                    session.commit()
                except (Refusal, OperationalError) as problem:
                    session.rollback()
                    print(f"{step.__name__}: {problem}", file=sys.stderr)
                    continue
                finally:
                    session.expire_all()
                if step is _file_one and done:
                    filed.append(done)
                    book.write(done + "\n")
                    book.flush()
                    os.fsync(book.fileno())
                idle = idle and not done
            time.sleep(0.3 if idle else given.get("pause", 0))


def _file_one(session: Session, luck: Random, given: Mapping[str, Any], filed: int) -> str:
    from catalogue import people
    from models.exchange import PartnerItem
    from process import engine
    from services import notes
    from services.exchange import tickets
    from services.installation import SEED

    if filed >= given["count"]:
        return ""
    item = session.scalar(select(PartnerItem).where(PartnerItem.side == "theirs", PartnerItem.ended_at.is_(None)))
    if item is None:
        return ""
    one = _residents(people, SEED)[filed % 1000]
    actor = _actor(session, "window.clerk")
    content = tickets.file(
        session,
        actor,
        {
            "item": str(item.id),
            "want_paper": "express" if filed % 3 == 2 else "print",
            "applicant_name": one.name,
            "applicant_id_number": one.id_number,
            "applicant_phone": one.phone,
        },
    )
    engine.fire(content, "push", actor)
    if filed % 5 == 0:
        notes.add(session, content, actor, audience="resident", text=f"第 {filed} 件，请尽快")
    return content.uid


_known: list[Any] = []


def _residents(people: Any, seed: Any) -> list[Any]:
    if not _known:
        _known.extend(people.residents(seed, 1000))
    return _known


def _decide_some(session: Session, luck: Random, given: Mapping[str, Any], _filed: int) -> int:
    from models.content import Content
    from models.exchange import ExchangeTicket
    from process import engine

    actor = _actor(session, "approver")
    query = (
        select(Content)
        .join(ExchangeTicket, ExchangeTicket.content_id == Content.id)
        .where(ExchangeTicket.side == "decides", Content.closed_at.is_(None), Content.state.in_(("pushed", "deciding")))
        .limit(40)
    )
    sending = (
        select(Content)
        .join(ExchangeTicket, ExchangeTicket.content_id == Content.id)
        .where(
            ExchangeTicket.side == "decides",
            Content.state == "decided",
            Content.fields["want_paper"].as_string() == "express",
        )
        .limit(10)
    )
    # Decided tickets wait for the applicant there, unless the result goes by express.
    waiting = [*session.scalars(query), *session.scalars(sending)]
    if not waiting:
        return 0
    content = luck.choice(waiting)
    if content.state == "pushed":
        engine.fire(content, "accept", actor)
    elif content.state == "deciding" and int(content.uid.encode().hex(), 16) % 7 == 0:
        engine.fire(content, "refuse", actor, inputs={"comment": "缴费记录不全，请补缴后再申请。"})
    elif content.state == "deciding":
        engine.fire(content, "decide", actor, inputs={"decision_text": "准予转出。"})
    else:
        engine.fire(content, "send", actor, inputs={"express_number": f"SF{content.id:08d}"})
    return 1


def _print_some(session: Session, luck: Random, given: Mapping[str, Any], _filed: int) -> int:
    from models.content import Content
    from models.exchange import ExchangeTicket
    from services.exchange import printing

    query = (
        select(Content)
        .join(ExchangeTicket, ExchangeTicket.content_id == Content.id)
        .where(
            ExchangeTicket.side == "filed",
            Content.state == "decided",
            Content.fields["want_paper"].as_string() == "print",
        )
        .limit(20)
    )
    ready = list(session.scalars(query))
    if not ready:
        return 0
    content = luck.choice(ready)
    assert content.applicant is not None and content.number is not None
    printing.print_at_terminal(session, _actor(session, "community.clerk"), content.number, content.applicant.id_number)
    return 1


def tell(session: Session, _given: Mapping[str, Any]) -> Any:
    """What stands in this city: halves, letters, journal."""
    from models.content import Content
    from models.exchange import Envelope, ExchangeTicket, Partner
    from models.paper import Note
    from process.journal_verify import verify
    from process.transactions import set_writing

    set_writing(False)
    halves = {
        link.global_uid: {
            "side": link.side,
            "state": content.state,
            "number": content.number,
            "theirs": link.their_number,
            "uid": content.uid,
            "decision": content.fields.get("decision_text"),
            "express": content.fields.get("express_number"),
        }
        for link, content in session.execute(
            select(ExchangeTicket, Content).join(Content, Content.id == ExchangeTicket.content_id)
        )
    }
    letters = session.scalars(select(Envelope).order_by(Envelope.id)).all()
    partner = session.scalars(select(Partner)).first()
    rows, finding = verify(session)
    crossing = session.scalar(text("SELECT count(*) FROM content WHERE type = 'cross_region'"))
    return {
        "halves": halves,
        "crossing": crossing,
        "out": [(e.seq, e.uid, e.digest, e.status, e.receipt, e.outcome) for e in letters if e.direction == "out"],
        "in": [(e.seq, e.uid, e.digest, e.status, e.receipt, e.outcome) for e in letters if e.direction == "in"],
        "notes": session.scalars(select(Note.text).order_by(Note.id)).all(),
        "line": {
            "down": partner.down_since.isoformat() if partner and partner.down_since else None,
            "error": partner.last_error if partner else "",
        },
        "journal": [rows, repr(finding) if finding else None],
    }


def main() -> None:
    """Runs one command of above with the settings of the environment."""
    from app import create_app
    from extensions import db

    command = globals()[sys.argv[1]]
    given = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    with create_app().app_context():
        said = command(db.session(), given)
        db.session.remove()
    if said is not None:
        print(json.dumps(said, ensure_ascii=False))


if __name__ == "__main__":
    main()
