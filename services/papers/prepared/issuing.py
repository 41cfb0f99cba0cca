"""One door for issued copies: the fast path where the paper is admitted and the shape known, else the ordinary one."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from types import ModuleType
from typing import Any

from services.papers.definition import Paper
from services.papers.errors import PaperError

from . import admission, place, record
from .errors import NotPreparable, NotPreparedYet, TakeOrdinaryWay
from .faces import Faces
from .papers import PreparedPaper, folder_of

log = logging.getLogger("daiban.papers")


# How long an admission may go unnoticed by a process that runs.
LOOK_AGAIN = 3.0
# So many copies of one version that could not be learned, and this process tries no more.
MOST_IN_VAIN = 40


@dataclass
class _Kept:
    """What this process knows of one version: the paper if it is admitted, and the record that said so."""

    paper: PreparedPaper | None = None
    signature: tuple[int, int] | None = None
    looked: float = float("-inf")
    in_vain: int = 0


class Issuer:
    """The prepared papers of one process; what is admitted meanwhile is taken up within seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faces = Faces(folder / "faces")
        self.papers: dict[str, _Kept] = {}
        self.taken: Counter[str] = Counter()

    def prepared(self, paper: Paper) -> PreparedPaper | None:
        """The paper if this version of it is admitted."""
        kept = self.papers.setdefault(paper.version, _Kept())
        if time.monotonic() - kept.looked >= LOOK_AGAIN:
            kept.looked = time.monotonic()
            found = record.signature(folder_of(self.folder, paper))
            if found != kept.signature:
                kept.signature, kept.paper = found, self._read(paper)
        return kept.paper

    def _read(self, paper: Paper) -> PreparedPaper | None:
        found = PreparedPaper(paper, self.folder, self.faces)
        told = record.read(found.folder)
        return found if told is not None and told.admitted and found.load() > 0 else None

    def take(self, prepared: PreparedPaper) -> None:
        """Uses this prepared paper from now on, whatever its record says; for comparisons and tests."""
        self.papers[prepared.paper.version] = _Kept(prepared, None, float("inf"))

    def render(self, paper: Paper, data: dict[str, Any], *, verify_url: str | None, demo: bool) -> bytes:
        """The PDF of an issued copy; both ways refuse the same data with the same sentences.

        A shape that nobody printed before costs some tenths of a second, once for all processes: call it outside of transactions.
        """
        prepared = self.prepared(paper)
        if prepared is None:
            return self._ordinary(paper, data, verify_url=verify_url, demo=demo)
        try:
            try:
                content = prepared.write(data, verify_url=verify_url, demo=demo)
            except NotPreparedYet:
                if not prepared.load_news():
                    raise
                content = prepared.write(data, verify_url=verify_url, demo=demo)
        except NotPreparedYet:
            return self._learn(prepared, data, verify_url=verify_url, demo=demo)
        except TakeOrdinaryWay as reason:
            log.info("%s takes the ordinary way: %s", paper.id, reason)
            return self._ordinary(paper, data, verify_url=verify_url, demo=demo)
        self.taken["fast"] += 1
        return content

    def _learn(self, prepared: PreparedPaper, data: dict[str, Any], *, verify_url: str | None, demo: bool) -> bytes:
        """Both ways; the prepared copy goes out if they agree, as every later one of its shape will, else the ordinary one."""
        kept = self.papers[prepared.paper.version]
        content = self._ordinary(prepared.paper, data, verify_url=verify_url, demo=demo)
        if kept.in_vain >= MOST_IN_VAIN or record.lacking():
            return content
        try:
            content = prepared.learn(
                renderer().warm(),
                data,
                verify_url=verify_url,
                demo=demo,
                agrees=lambda fast: not admission.differing(content, fast)[0],
            )
        except (NotPreparable, TakeOrdinaryWay, PaperError, OSError, CalledProcessError) as reason:
            # Nothing that goes wrong here may cost the copy that is printed already.
            kept.in_vain += 1
            log.warning("%s: a shape could not be learned: %s", prepared.paper.id, reason)
            return content
        self.taken["learned"] += 1
        return content

    def _ordinary(self, paper: Paper, data: dict[str, Any], *, verify_url: str | None, demo: bool) -> bytes:
        self.taken["ordinary"] += 1
        return renderer().render(paper, data, draft=False, verify_url=verify_url, demo=demo)


def renderer() -> ModuleType:
    """The ordinary renderer, loaded when it is first needed: most copies never are."""
    from services.papers import renderer

    return renderer


_issuer: Issuer | None = None


def issuer() -> Issuer:
    """This process's own."""
    global _issuer
    if _issuer is None or _issuer.folder != place.folder():
        _issuer = Issuer(place.folder())
    return _issuer


def warm() -> None:
    """Reads every admitted paper before the first job, so that none pays for it."""
    from services.papers.definition import load_all

    for paper in load_all().values():
        prepared = issuer().prepared(paper)
        if prepared is not None:
            prepared.warm()


def render(paper: Paper, data: dict[str, Any], *, verify_url: str | None, demo: bool) -> bytes:
    """The PDF of an issued copy, by this process's own issuer."""
    return issuer().render(paper, data, verify_url=verify_url, demo=demo)
