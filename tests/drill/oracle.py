"""What must be true after every fault, read from the database, the files and the clients' ledger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from models.base import now
from models.content import Content
from models.ledger import Counter as Series
from models.ledger import JournalEntry, OutboxItem
from models.paper import Certificate, Document, Paper
from process import journal, outbox
from services.papers_out import RENDER
from services.storage import FileStore

# The running number is what follows: five digits of a certificate, the last group of any other number.
_NUMBER = re.compile(r"\A(.*?-)(\d+)\Z")
_LETTER = re.compile(r"\A(.*〕)(\d+)号\Z")


def drained(session: Session) -> bool:
    """Nothing waits and nobody holds anything."""
    # A timer may wait for days; what failed and comes back in a moment is work under way.
    under_way = session.scalar(
        select(func.count()).where(
            or_(
                OutboxItem.status == "leased",
                and_(
                    OutboxItem.status == "waiting",
                    or_(OutboxItem.available_at <= now(), OutboxItem.attempts > 0, OutboxItem.losses > 0),
                ),
            )
        )
    )
    session.rollback()
    return under_way == 0


def examine(session: Session, store: FileStore, acknowledged: Sequence[dict[str, Any]]) -> list[str]:
    """Every sentence is something that must not be; an empty list is a sound office."""
    return [
        *lost(session, acknowledged),
        *numbering(session),
        *leftovers(session),
        *papers(session),
        *stored(session, store),
        *chain(session),
    ]


def lost(session: Session, acknowledged: Sequence[dict[str, Any]]) -> list[str]:
    """Each acknowledged step stands once in the journal of its thing, and nothing stands there twice."""
    steps = Counter(
        (stream, action)
        for stream, action in session.execute(
            select(JournalEntry.stream, JournalEntry.action).where(JournalEntry.to_state.is_not(None))
        )
    )
    numbers = {uid: number for uid, number in session.execute(select(Content.uid, Content.number))}
    wrong = []
    for row in acknowledged:
        times = steps[(row["uid"], row["action"])]
        if times != 1:
            wrong.append(f"{row['action']} of {row['uid']} was acknowledged and stands {times} times")
        if row.get("number") and numbers.get(row["uid"]) != row["number"]:
            wrong.append(f"{row['uid']} was acknowledged as {row['number']} and is {numbers.get(row['uid'])}")
    return wrong


def doubled(session: Session, acknowledged: Sequence[dict[str, Any]]) -> list[str]:
    """While nobody has a request under way: what was asked once, and repeated under the same key, is there once."""
    opened = {row["uid"] for row in acknowledged if row["action"] == "case:create"}
    there = set(session.scalars(select(Content.uid).where(Content.type == "case")))
    return [f"case {uid} was never acknowledged: a repeated request had a second effect" for uid in there - opened]


def numbering(session: Session) -> list[str]:
    """Each number once, from one on without a gap, and as many as the counters say were drawn."""
    groups: dict[str, list[int]] = {}
    rows = [
        (kind, number)
        for kind, number in session.execute(select(Content.type, Content.number).where(Content.number.is_not(None)))
    ]
    rows += [
        ("paper", number) for number in session.scalars(select(Paper.number).where(Paper.paper == "acceptance_notice"))
    ]
    for kind, number in rows:
        if kind == "certificate":
            head, last = number[:-5], number[-5:]
        else:
            match = (_LETTER if kind == "paper" else _NUMBER).match(number)
            if match is None:
                return [f"the number {number} of a {kind} cannot be read"]
            head, last = match.groups()
        groups.setdefault(f"{kind} {head}", []).append(int(last))
    wrong = [
        f"{head}: {len(values)} numbers, {len(set(values))} different, highest {max(values)}"
        for head, values in groups.items()
        if sorted(values) != list(range(1, len(values) + 1))
    ]
    counted = sorted(session.scalars(select(Series.value)))
    if counted != sorted(len(values) for values in groups.values()):
        wrong.append(
            f"the counters stand at {counted}, numbers given out: { {head: len(v) for head, v in groups.items()} }"
        )
    return wrong


def leftovers(session: Session) -> list[str]:
    found = outbox.status(session)
    return [f"outbox: {found[name]} {name}" for name in ("waiting", "leased", "dead") if found[name]]


def papers(session: Session) -> list[str]:
    """One row, one drawing and one PDF for each paper; a certificate has exactly one."""
    wrong = [
        f"paper {uid} ({kind}) is {status}: {error}"
        for uid, kind, status, error, key in session.execute(
            select(Paper.uid, Paper.paper, Paper.status, Paper.error, Paper.storage_key)
        )
        if status != "ready" or key is None
    ]
    drawings = Counter(
        args["paper_id"] for args in session.scalars(select(OutboxItem.args).where(OutboxItem.job == RENDER))
    )
    ids = set(session.scalars(select(Paper.id)))
    wrong += [
        f"paper row {paper_id} has {drawings[paper_id]} drawings"
        for paper_id in ids | set(drawings)
        if drawings[paper_id] != 1
    ]
    doubles = session.execute(
        select(Paper.content_id, Paper.paper, func.count())
        .where(Paper.paper == "acceptance_notice")
        .group_by(Paper.content_id, Paper.paper)
        .having(func.count() > 1)
    )
    wrong += [f"content {content} has {count} papers {kind}" for content, kind, count in doubles]
    for uid, content_id, kind, number in session.execute(
        select(Certificate.uid, Certificate.id, Certificate.paper_kind, Certificate.number)
    ):
        count = session.scalar(select(func.count()).where(Paper.content_id == content_id, Paper.paper == kind))
        if count != (1 if number else 0):
            wrong.append(f"certificate {uid} with number {number} has {count} papers")
    return wrong


def stored(session: Session, store: FileStore) -> list[str]:
    """Every file has a row, every row its file, and the bytes are those that were kept."""
    known = set(session.scalars(select(Paper.storage_key).where(Paper.storage_key.is_not(None))))
    for column in (Document.storage_key, Document.thumbnail_key):
        known |= set(session.scalars(select(column).where(column.is_not(None))))
    there = set(store.keys())
    wrong = [f"file {key} belongs to nobody" for key in there - known] + [
        f"file {key} is gone" for key in known - there
    ]
    for key in known & there:
        store.read(key)
    return wrong


def chain(session: Session) -> list[str]:
    _, bad = journal.verify(session)
    return [f"journal row {bad.entry_id} {bad.reason}"] if bad is not None else []
