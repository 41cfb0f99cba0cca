"""The installation admits its papers to the fast path by itself: in the office's quiet hours, a few copies at a time."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.ledger import OutboxItem
from process import outbox
from process.numbers import CHINA
from services import papers_out
from services.papers import definition, own
from services.papers.definition import Paper
from services.papers.prepared import place, record
from services.papers.prepared.papers import folder_of
from services.papers.prepared.record import (
    DIFFERS,
    FAILED,
    MOSTLY_ORDINARY,
    NOT_FIXED,
    TOO_FEW,
    Admission,
    lacking,
)

JOB = "papers.admit"
NIGHT, NOW, OFF = "night", "now", "off"
# When nobody waits for a paper.
FROM, UNTIL = time(22), time(6)
# A paper that somebody asks for meanwhile waits no longer than this.
SLICE, SECONDS = 20, 8.0
# A booklet is drawn once in a while and in another way; laying it out ten times to hear that would take the night.
MOST_PAGES = 20
FILLS = 1000
log = logging.getLogger("daiban.papers")
_mode = OFF


def configure(mode: str) -> None:
    """Called once when the application is made: PAPERS_ADMIT."""
    global _mode
    _mode = mode


def mode() -> str:
    return _mode


def open_at(at: datetime) -> bool:
    """Whether copies may be compared at this moment."""
    hour = at.astimezone(CHINA).time()
    return _mode == NOW or (_mode == NIGHT and (hour >= FROM or hour < UNTIL))


def pending() -> list[Paper]:
    """The papers in force that nobody has decided about on this machine, those with a number of their own first."""
    found = [paper for paper in definition.load_all().values() if paper.max_pages <= MOST_PAGES]
    undecided = [paper for paper in found if not (told := state(paper)) or not told.finished]
    return sorted(undecided, key=lambda paper: (not paper.series, paper.id))


def state(paper: Paper) -> Admission | None:
    """What is known of this version on this machine."""
    found = record.read(folder_of(place.folder(), paper))
    return found if found is not None and found.demo == papers_out.is_demo() else None


def start(session: Session) -> bool:
    """The relay's call: puts the first slice when it is time, something is undecided and no slice waits already."""
    if not open_at(now()) or _under_way(session):
        return False
    own.refresh(session, at_once=True)
    if not pending():
        return False
    if missing := lacking():
        log.warning("papers cannot be compared, this machine lacks %s (Debian: poppler-utils)", " and ".join(missing))
        return False
    outbox.put(session, JOB)
    return True


def _under_way(session: Session, *states: str) -> bool:
    wanted = select(OutboxItem.id).where(OutboxItem.job == JOB, OutboxItem.status.in_(states or ("waiting", "leased")))
    return session.scalar(wanted.limit(1)) is not None


def compare_some(fills: int = FILLS) -> bool:
    """The worker's call: the next copies of the first undecided paper. Answers whether more are left; it touches no database."""
    if not open_at(now()):
        return False
    waiting = pending()
    if not waiting:
        return False
    from services.papers import renderer
    from services.papers.prepared import admission, issuing

    issuer = issuing.issuer()
    found = admission.advance(
        waiting[0],
        renderer.warm(),
        place.folder(),
        issuer.faces,
        slice_of=SLICE,
        seconds=SECONDS,
        fills=fills,
        enough=fills,
        demo=papers_out.is_demo(),
    )
    if found.finished:
        log.info("%s", record.told(found))
    return not found.finished or len(waiting) > 1


def go_on(session: Session) -> None:
    """Puts the next slice; papers that people wait for stand before it in the queue."""
    if not _under_way(session, "waiting"):
        outbox.put(session, JOB)


def give_up(session: Session, sentence: str) -> None:
    """The comparison of the first undecided paper broke down again and again: it stays on the ordinary way, the others go on."""
    from services.papers.prepared import admission

    waiting = pending()
    if waiting:
        admission.refuse(waiting[0], place.folder(), sentence, demo=papers_out.is_demo())
    if len(waiting) > 1 and open_at(now()):
        go_on(session)


@dataclass(frozen=True)
class Told:
    """How a paper stands, for people: state is admitted, refused, comparing, waiting or never (not one of these papers)."""

    state: str
    compared: int = 0
    fills: int = 0
    verdict: str = ""
    reason: str = ""
    detail: str = ""


def told(paper: Paper) -> Told:
    """How this version stands on this machine."""
    found = state(paper)
    if found is None:
        return Told("waiting" if paper.max_pages <= MOST_PAGES else "never")
    name = "admitted" if found.admitted else "refused" if found.finished else "comparing"
    said = [found.reason] if found.verdict == FAILED else [*list(found.ordinary)[:3], *found.differing[:3]]
    detail = "; ".join(said) if name == "refused" else ""
    return Told(name, found.compared, found.fills, found.verdict, found.reason, detail)


def states() -> dict[str, Told]:
    """How every paper in force stands."""
    return {name: told(paper) for name, paper in definition.load_all().items()}


__all__ = [
    "DIFFERS",
    "FAILED",
    "JOB",
    "MOSTLY_ORDINARY",
    "NOT_FIXED",
    "TOO_FEW",
    "Told",
    "compare_some",
    "configure",
    "give_up",
    "go_on",
    "lacking",
    "mode",
    "open_at",
    "pending",
    "start",
    "state",
    "states",
    "told",
]
