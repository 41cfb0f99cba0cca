"""Two to two hundred couriers press at once: one holder, everybody else hears who and when.

CLAIMS=100000 pytest tests/drill/test_claims.py -k holds     as many contested claims on each database
CLAIMS_WITHIN=3600                                           or as many as go into that many seconds, whichever is less
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from models.person import CourierProfile
from services import files
from tests.drill import oracle
from tests.drill.client import Client, Ledger
from tests.drill.contest import SIZES, Contest, Line, Tally, contend, judge
from tests.drill.office import FULL, Office, couriers, wait_for
from tests.platform.conftest import ROOT, clean_environ
from tests.servers import free_port

CLAIMS = int(os.environ.get("CLAIMS", "100000" if FULL else "560"))
WITHIN = float(os.environ.get("CLAIMS_WITHIN", "inf"))
pytestmark = [pytest.mark.drill, pytest.mark.timeout(280 + CLAIMS // 10)]
# So many contests are looked at in the database together.
AT_A_TIME = 35
NOBODYS_LIMIT = 1_000_000


@pytest.fixture
def lines(office: Office) -> Iterator[list[Line]]:
    """An open connection for each of two hundred couriers; the last one is the dispatcher's."""
    with office.session() as session:
        people = couriers(session, max(SIZES))
        for person in people:
            session.get_one(CourierProfile, person.id).errand_limit = NOBODYS_LIMIT
        opened = [Line(office.port, office.token(session, person), person.name) for person in people]
        session.commit()
    opened.append(Line(office.port, office.tokens("dispatcher")["dispatcher"], "dispatcher"))
    yield opened
    for line in opened:
        line.close()


def posted(dispatcher: Line, title: str) -> str:
    made = dispatcher.said("/contents", {"type": "errand", "title": title, "to_agency": "dongxin-centre"})
    assert made.status == 201, made.body
    uid = str(made.body["uid"])
    assert dispatcher.said(f"/contents/{uid}/actions/post", {}).status == 200
    return uid


def one_round(lines: list[Line], turn: int) -> Iterator[Contest]:
    """An errand for each size; one more that is cancelled meanwhile, and one that its holder gives back meanwhile."""
    *couriers, dispatcher = lines
    for size in SIZES:
        first = turn * 7 % (len(couriers) - size + 1)
        yield contend(posted(dispatcher, f"送材料第{turn + 1}份"), couriers[first : first + size])
    yield contend(posted(dispatcher, "要取消的"), couriers[:8], dispatcher, "cancel")
    uid = posted(dispatcher, "要放弃的")
    holder = couriers[turn % len(couriers)]
    assert holder.said(f"/contents/{uid}/actions/claim", {}).status == 200
    others = [one for one in couriers[:8] if one is not holder]
    contest = contend(uid, others, holder, "release")
    contest.before = holder.name
    yield contest


@pytest.mark.req("S2-24")
def test_of_all_who_claim_at_once_one_holds(
    office: Office, lines: list[Line], kind: str, report: Callable[..., None]
) -> None:
    ledger, tally, turn, wrong = Ledger(office.folder / "ledger.jsonl"), Tally(), 0, []
    began, waiting = time.monotonic(), []
    while tally.claims + sum(len(one.claims) for one in waiting) < CLAIMS and time.monotonic() - began < WITHIN:
        for contest in one_round(lines, turn):
            waiting.append(contest)
            for _name in contest.winners:
                if contest.before is None:
                    ledger.write(uid=contest.uid, action="errand:claim")
        turn += 1
        if len(waiting) >= AT_A_TIME:
            with office.session() as session:
                wrong += judge(session, waiting, tally)
            assert wrong == [], wrong[:20]
            waiting = []
            print(f"{kind}: {tally.claims} claims after {time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    with office.session() as session:
        wrong += judge(session, waiting, tally)
        assert wrong == [], wrong[:20]
        wait_for(lambda: oracle.drained(session), 120, "the outbox")
        assert oracle.examine(session, files.store(), ledger.rows()) == []
    ledger.close()
    assert (
        (tally.claims >= CLAIMS or seconds >= WITHIN)
        and tally.held >= turn * len(SIZES)
        and set(SIZES) <= set(tally.sizes)
    )
    report(
        "claims",
        claims=tally.claims,
        asked_for=CLAIMS,
        errands=tally.errands,
        double_holders=0,
        held=tally.held,
        refused_with_who_and_when=tally.told,
        at_once=dict(sorted(tally.sizes.items())),
        repeats=sum(line.repeats for line in lines),
        seconds=round(seconds, 1),
        claims_per_s=round(tally.claims / seconds, 1),
        load=round(os.getloadavg()[0], 1),
    )


@contextmanager
def naive_server(office: Office) -> Iterator[int]:
    """The same database behind the server that reads, waits and writes."""
    port = free_port()
    environ = clean_environ(
        DAIBAN_VAR=str(office.folder),
        DAIBAN_DEMO="0",
        PORT=str(port),
        SECRET_KEY=office.settings.secret_key,
        DATABASE_URL=office.settings.database_url,
        REDIS_URL=office.settings.redis_url,
    )
    command = [*(sys.executable, "-m", "gunicorn", "-k", "gthread", "--threads", "4", "-w", "2", "--no-control-socket")]
    command += ["--bind", f"127.0.0.1:{port}", "tests.drill.naive:make()"]
    running = subprocess.Popen(command, cwd=ROOT, env=environ)
    try:
        probe = Client(port, office.tokens("dispatcher")["dispatcher"])

        def answers() -> bool:
            try:
                return probe.ask("GET", "/session").status < 500
            except OSError:
                return False

        wait_for(answers, 60, "the naive server")
        yield port
    finally:
        running.terminate()
        running.wait(30)


def test_the_judge_sees_two_holders_where_the_server_reads_and_then_writes(office: Office, kind: str) -> None:
    with office.session() as session:
        people = couriers(session, 20)
        tokens = [(office.token(session, person), person.name) for person in people]
        session.commit()
    dispatcher = Line(office.port, office.tokens("dispatcher")["dispatcher"], "dispatcher")
    uids = [posted(dispatcher, f"送材料第{number + 1}份") for number in range(2)]
    dispatcher.close()
    with naive_server(office) as port:
        naive = [Line(port, token, name) for token, name in tokens]
        contests = [contend(uid, naive) for uid in uids]
        for line in naive:
            line.close()
    with office.session() as session:
        wrong = judge(session, contests, Tally())
    for uid in uids:
        assert any(line.startswith(uid) and "were told that it is theirs: [" in line for line in wrong), wrong
        assert any(line.startswith(uid) and "begins at open" in line for line in wrong), wrong
