"""The app as people hold it, in Chromium, while the network goes off and on by chance: everything arrives once.

SYNC_RUNS=20 .venv/bin/pytest tests/field/test_off_and_on.py -s   (the number of the run is its seed)
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.delegation import HomeVisit
from models.field import FieldOp
from models.grid import GridLog
from models.ledger import JournalEntry
from models.resident import CareEntry
from tests.field.conftest import Handset
from tests.field.test_app import fresh, write_log

RUNS = int(os.environ.get("SYNC_RUNS", "1"))
TURNS = 10


def review(phone: Handset, entry: str, needs: str) -> None:
    phone.to(f"#/review/{entry}")
    phone.page.get_by_label("需要的帮助").fill(needs)
    phone.tap("复核好，存好")
    phone.page.get_by_role("heading", name="待上报", exact=True).wait_for()


def set_off(phone: Handset, visit: str) -> None:
    phone.to(f"#/do/{visit}/set_off")
    phone.tap("出发上门，存好")
    phone.page.get_by_text("上门中").first.wait_for()


@pytest.mark.parametrize("seed", range(1, RUNS + 1))
def test_the_network_goes_off_and_on(
    session: Session, handset: Callable[[], Handset], visit: str, entry: str, seed: int
) -> None:
    chance = random.Random(seed)
    phone = handset()
    phone.sign_in("grid.leader")
    written: list[str] = []
    changes: Counter[str] = Counter()
    leaves_at, needs = chance.randrange(TURNS), "买菜"
    for turn in range(TURNS):
        if turn == leaves_at:
            set_off(phone, visit)
        match chance.choices(("log", "off", "on", "blink", "restart", "review"), (4, 3, 2, 2, 2, 1))[0]:
            case "log":
                written.append(f"第{seed}轮第{turn}次走访")
                write_log(phone, written[-1])
            case "off":
                phone.context.set_offline(True)
            case "on":
                phone.context.set_offline(False)
            case "blink":
                # In the middle of whatever is being sent.
                phone.context.set_offline(False)
                phone.page.evaluate("dispatchEvent(new Event('online'))")
                phone.page.wait_for_timeout(chance.randrange(0, 120))
                phone.context.set_offline(True)
                changes["blink"] += 1
            case "restart":
                phone.restart()
                changes["restart"] += 1
            case "review":
                needs = f"第{turn}次说的"
                review(phone, entry, needs)
                changes["review"] += 1
    phone.context.set_offline(False)
    phone.restart()
    phone.to("#/waiting")
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.line("有信号，都已上报")
    phone.page.locator("[data-state]:not([data-state=done])").first.wait_for(state="detached")
    assert phone.complaints == []
    session = fresh(session)
    assert sorted(session.scalars(select(GridLog.what))) == sorted(written)
    made = session.scalars(select(HomeVisit).where(HomeVisit.uid == visit)).one()
    assert made.state == "visiting"
    steps = select(func.count(JournalEntry.id)).where(
        JournalEntry.content_id == made.id, JournalEntry.action == "home_visit:set_off"
    )
    assert session.scalar(steps) == 1
    assert session.get_one(CareEntry, int(entry)).needs == needs
    assert session.scalar(select(func.count(FieldOp.id))) == len(written) + 1 + changes["review"]
    print(f"run {seed}: {len(written)} lines, {dict(changes)}, all once")
