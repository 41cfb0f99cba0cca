"""The office's own versions of papers: every process takes them up within seconds; what was frozen keeps its version."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, object_session

from models import paper as issued
from models.paper_template import PaperEdition, PaperFolder, PaperRelease, PaperTemplate

from . import definition, folders
from .errors import DefinitionError

log = logging.getLogger("daiban.papers")
LOOK_AGAIN = 3.0
_seen: tuple[Engine | None, int | None, float] = (None, None, 0.0)


def refresh(session: Session, *, at_once: bool = False) -> None:
    """Takes up what was put in force since the last look; asks the database at most every few seconds."""
    global _seen
    engine = session.get_bind().engine
    if not at_once and _seen[0] is engine and time.monotonic() - _seen[2] < LOOK_AGAIN:
        return
    last = session.scalar(select(func.max(PaperRelease.id)))
    if last != _seen[1] or _seen[0] is not engine:
        definition.in_force, definition.past = _own(session) if last is not None else ({}, {})
    _seen = (engine, last, time.monotonic())


def forget() -> None:
    """The next look asks the database and reads everything again."""
    global _seen
    _seen = (None, None, 0.0)


def _own(session: Session) -> tuple[dict[str, definition.Paper], dict[str, definition.Paper]]:
    present: dict[str, definition.Paper] = {}
    past: dict[str, definition.Paper] = {}
    latest = select(func.max(PaperRelease.id)).group_by(PaperRelease.paper)
    for release in session.scalars(select(PaperRelease).where(PaperRelease.id.in_(latest))):
        shelf, template = present, release.template
        if template is None:
            if is_shipped(release.paper):
                continue
            shelf, template = past, session.get(PaperTemplate, release.before_id or 0)
        if template is None:
            continue
        try:
            shelf[release.paper] = read(session, template.paper, template.digest)
        except DefinitionError as error:
            # An update of the software may have dropped a key that it uses; the shipped paper works.
            log.error("own version of %s is left out: %s", release.paper, error)
    return present, past


def is_shipped(paper_id: str) -> bool:
    return (definition.ROOT / paper_id / "paper.yaml").is_file()


def read(session: Session, paper_id: str, digest: str) -> definition.Paper:
    """The paper that these kept files make, with the libraries of today."""
    return definition.shipped(paper_id, _root(session, digest))


def _root(session: Session, digest: str) -> Path:
    kept = session.get_one(PaperFolder, digest)
    return folders.unpacked(digest, kept.body)


def store(session: Session, paper_id: str, files: folders.Files) -> str:
    """Keeps the files of a version for ever, once; the digest they are found by."""
    digest = folders.digest_of(files)
    if session.get(PaperFolder, digest) is None:
        _once(session, PaperFolder(digest=digest, paper=paper_id, body=folders.packed(files)))
    return digest


def _once(session: Session, row: PaperFolder | PaperEdition) -> None:
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        # Somebody else kept the same at the same moment; what is there is what we would have written.
        log.debug("kept already by another transaction")


# --- What is frozen keeps its version


def keep(session: Session, paper: definition.Paper) -> None:
    """The files of the version that a paper is just being frozen with, shipped ones too: an update takes nothing away."""
    found = session.get(PaperEdition, paper.version)
    if found is not None:
        # Held on to while the transaction lasts: a batch asks for the same one hundreds of times.
        session.info["edition"] = found
        return
    if definition.version_of(paper.folder, paper.folder.parent / definition.COMMON) != paper.version:
        # The software was exchanged under this running process; the next one keeps what it reads.
        return
    digest = store(session, paper.id, folders.snapshot_of(paper.folder))
    _once(session, PaperEdition(version=paper.version, paper=paper.id, digest=digest))


def definition_of(paper: issued.Paper) -> definition.Paper:
    """A frozen paper's own definition, whatever is in force by now."""
    return definition_in(_session(paper), paper.paper, paper.paper_version)


def definition_in(session: Session, paper_id: str, version: str) -> definition.Paper:
    """The definition that papers of this version were frozen with; of a version nobody kept, the one in force."""
    root = _root_in(session, paper_id, version)
    return definition.shipped(paper_id, Path(root)) if root else definition.load(paper_id)


def root_of(paper: issued.Paper) -> str:
    """The folder a frozen paper must be drawn from when its version is no longer the one in force, else nothing."""
    return _root_in(_session(paper), paper.paper, paper.paper_version)


def _session(paper: issued.Paper) -> Session:
    session = object_session(paper)
    assert session is not None, "a frozen paper belongs to a session"
    return session


def _root_in(session: Session, paper_id: str, version: str) -> str:
    try:
        if definition.load(paper_id).version == version:
            return ""
    except DefinitionError:
        # A paper of the office's own that this process has not heard of yet.
        refresh(session, at_once=True)
    edition = session.get(PaperEdition, version)
    return str(_root(session, edition.digest)) if edition is not None else ""
