"""One search for pages and API: words, initials, pieces of a number, or a whole ID or phone number, over what the actor may see."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, column, func, select, table, text, true
from sqlalchemy.orm import Session

from models.content import Content
from models.resident import Resident
from models.search import ContentSearch
from process import terms
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber, InvalidPhone, normalise_phone
from process.library import library
from process.terms import INITIALS, KEPT, NUMBER, Asked, every, some
from services import residents, search_index
from services.search_index import BUCKET, OPEN, bucket_term, is_place, place_in_bucket, type_term
from services.search_sight import FEW_TYPES, Reach, about_ids

MAX_LENGTH = 100
MAX_WORDS = 5
# So many of the newest are looked through for a list in another order than by age.
MOST = 500
# PostgreSQL looks into so many of the newest buckets first, then into more, then everywhere.
WINDOWS = (2, 16)
REMEMBERED = 60.0
_C: Table = Content.__table__  # type: ignore[assignment]
_R: Table = Resident.__table__  # type: ignore[assignment]
_TERMS = table("content_terms", column("rowid"))
_COLUMNS = (_C.c.id, _C.c.created_at, _C.c.deadline, _C.c.closed_at)


@dataclass(frozen=True)
class Word:
    """One word of a search: what it may be, seen by everybody who sees the thing, and only by those who see it in full."""

    text: str
    shown: Asked | None
    kept: Asked | None

    @classmethod
    def of(cls, word: str) -> Word | None:
        """None: too short to be looked for."""
        pieces: set[str] = set()
        for run in terms.runs(word):
            pieces |= terms.sought(run)
        shown, kept = [], []
        if pieces:
            shown.append(every(terms=pieces))
            # A word may stand half in the title and half in what only some see: each piece in either.
            kept.append(every(*(some(terms=(one, KEPT + one)) for one in sorted(pieces))))
        if terms.looks_plain(word):
            number = terms.pieces(word)
            if number:
                shown.append(every(terms=(NUMBER + one for one in number)))
                kept.append(shown[-1])
            plain = terms.compact(word)
            if plain.isalpha() and 2 <= len(plain) <= terms.LONGEST_INITIALS:
                kept.append(every(terms=[INITIALS + plain]))
        if not kept:
            return None
        return cls(word, some(*shown) if shown else None, some(*kept))


@dataclass(frozen=True)
class Hit:
    """One thing that was found, with what lists sort by."""

    id: int
    created_at: datetime
    deadline: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True)
class Limits:
    """What is asked besides the words: what the index itself knows, and conditions on the thing."""

    types: frozenset[str] | None = None
    open_only: bool = False
    conditions: tuple[ColumnElement[bool], ...] = ()

    def asked(self) -> Asked | None:
        few = self.types is not None and len(self.types) <= FEW_TYPES
        parts = [some(terms=map(type_term, sorted(self.types or ())))] if few else []
        if self.open_only:
            parts.append(some(terms=[OPEN]))
        return every(*parts) if parts else None

    def on_row(self) -> list[ColumnElement[bool]]:
        found = list(self.conditions)
        if self.types is not None:
            found.append(_C.c.type.in_(sorted(self.types)))
        if self.open_only:
            found.append(_C.c.closed_at.is_(None))
        return found


ANYTHING = Limits()


def find(session: Session, actor: Actor, query: str, limits: Limits = ANYTHING, most: int = MOST) -> list[Hit]:
    """What is meant and may be seen, the newest first, at most so many.

    Where things are seen only masked, numbers and titles are searched, so that nobody confirms a name by trying it."""
    search_index.settle(session)
    words = " ".join(query.split())[:MAX_LENGTH]
    people = whose(session, words)
    if people is not None:
        known = in_full(actor) if supervises(actor) else actor
        about = _C.c.applicant_id.in_([one.id for one in people] if not only_masked(actor) else [-1])
        return _hits(about_ids(session, known, _COLUMNS, about, *limits.on_row(), most=most))
    sought = [Word.of(word) for word in words.split(" ")[:MAX_WORDS]]
    meant = [word for word in sought if word is not None]
    if not meant or len(meant) < len(sought):
        return []
    if only_masked(actor):
        return _by_words(session, actor, meant, limits, most, full=False)
    if not supervises(actor):
        return _by_words(session, actor, meant, limits, most, full=True)
    found = {hit.id: hit for hit in _by_words(session, actor, meant, limits, most, full=False)}
    found.update((hit.id, hit) for hit in _by_words(session, in_full(actor), meant, limits, most, full=True))
    return sorted(found.values(), key=lambda hit: -hit.id)[:most]


_TOKEN = re.compile(r"~([it])([0-9a-f]{64})")


def is_token(words: str) -> bool:
    """Stands in an address for a whole ID or phone number."""
    return _TOKEN.fullmatch(words) is not None


def for_address(words: str) -> str:
    """What may stand in an address: the words themselves, or for a whole ID or phone number its blind index."""
    try:
        return f"~i{Resident.index_of(IdNumber.parse(words).value)}"
    except InvalidIdNumber:
        pass
    try:
        return f"~t{Resident.index_of(normalise_phone(words))}"
    except InvalidPhone:
        return words


def whose(session: Session, words: str) -> Sequence[Resident] | None:
    """The people behind a whole ID or phone number, or behind what stands for it in an address; None: it is none."""
    if mark := _TOKEN.fullmatch(words):
        index = Resident.id_index if mark[1] == "i" else Resident.phone_index
        return list(session.scalars(select(Resident).where(index == mark[2])))
    if not looks_personal(words):
        return None
    try:
        person = residents.find_by_id_number(session, IdNumber.parse(words).value)
        return [person] if person else []
    except InvalidIdNumber:
        return residents.find_by_phone(session, words)


def looks_personal(words: str) -> bool:
    """A whole ID or phone number, which belongs into no address and no log."""
    try:
        IdNumber.parse(words)
        return True
    except InvalidIdNumber:
        pass
    try:
        normalise_phone(words)
        return True
    except InvalidPhone:
        return False


def matching(session: Session, actor: Actor, query: str, entity: Any = Content) -> ColumnElement[bool]:
    """The condition of a search, for lists that filter and sort for themselves: among the newest `MOST` that match."""
    found = find(session, actor, query, Limits(types=_types_of(entity)))
    condition: ColumnElement[bool] = entity.id.in_([hit.id for hit in found])
    return condition


def supervises(actor: Actor) -> bool:
    """Some of this actor's sight is the masked one that a place grants."""
    return not actor.roles.isdisjoint(library.policy.get("view", ()))


def in_full(actor: Actor) -> Actor:
    """The same actor without the posts that see only masked."""
    masked = frozenset(library.policy.get("view", ()))
    return replace(actor, held=tuple(h for h in actor.held if h.role not in masked), roles=actor.roles - masked)


def only_masked(actor: Actor) -> bool:
    """All this actor's sight is the masked one that a place grants to supervisors and statisticians."""
    return bool(actor.roles) and actor.roles <= set(library.policy.get("view", ()))


def _types_of(entity: Any) -> frozenset[str] | None:
    """The types kept as this class; None for the class of all and for what SQLAlchemy makes of it."""
    kind = getattr(getattr(entity, "__mapper__", None), "polymorphic_identity", "content")
    if kind == "content":
        return None
    return frozenset(one.id for one in library.types.values() if one.kind == kind)


def _by_words(session: Session, actor: Actor, words: list[Word], limits: Limits, most: int, *, full: bool) -> list[Hit]:
    asked = [word.kept if full else word.shown for word in words]
    reach = Reach(session, actor)
    if not reach.conditions or None in asked:
        return []
    question = every(*asked, reach.question(), limits.asked())
    exact = [word.text for word in words if any(len(run) > 2 for run in terms.runs(word.text))]
    columns = (*_COLUMNS, *((_C.c.title, _C.c.number, _C.c.search_text, _R.c.name) if exact else ()))
    statement = select(*columns).where(reach.condition(), *limits.on_row())
    if exact:
        statement = statement.join(_R, _R.c.id == _C.c.applicant_id, isouter=True)
    rows = _rows(session, question, statement, most)
    return _hits(row for row in rows if all(_has(row, word, full) for word in exact))


def _hits(rows: Iterable[Any]) -> list[Hit]:
    return [Hit(row.id, row.created_at, row.deadline, row.closed_at) for row in rows]


def _has(row: Any, word: str, full: bool) -> bool:
    """The pieces stand side by side, as they were typed."""
    kept = f" {row.search_text} {row.name or ''}" if full else ""
    plain = " ".join(terms.runs(f"{row.title} {row.number or ''}{kept}"))
    if " ".join(terms.runs(word)) in plain:
        return True
    if not terms.looks_plain(word):
        return False
    short = terms.compact(word)
    # Initials are whole terms of the index: what it found by them needs no second look.
    return short in terms.compact(row.number or "") or (full and bool(row.name) and short.isalpha())


def _rows(session: Session, question: Asked, statement: Select[Any], most: int) -> Sequence[Any]:
    if session.get_bind().dialect.name == "postgresql":
        return _in_windows(session, question, statement, most)
    return session.execute(
        statement.join(_TERMS, _TERMS.c.rowid == _C.c.id)
        .where(text("content_terms MATCH :question"))
        .order_by(_TERMS.c.rowid.desc())
        .limit(most),
        {"question": question.fts5()},
    ).all()


def _in_windows(session: Session, question: Asked, statement: Select[Any], most: int) -> Sequence[Any]:
    """The index tells all that match and not the newest: asked for a few buckets first, a frequent word is answered from those."""
    newest = _newest(session)
    rows: Sequence[Any] = []
    for window in (*WINDOWS, None):
        if window is not None and (window > newest or (window > WINDOWS[0] and _scarce(len(rows), newest, most))):
            continue
        asked = question
        if window is not None:
            # One bucket ahead: what was remembered of the newest may be a minute old.
            buckets = [newest - n for n in range(-1, window)]
            asked = every(
                question.narrowed(partial(_of_age, buckets=buckets)),
                some(terms=(bucket_term(bucket << BUCKET) for bucket in buckets)),
            )
        matched = text("content_search.terms @@ CAST(:question AS tsquery)")
        # Written so that the rows found are looked up one by one from the newest on, and never the other way round.
        hit = select(ContentSearch.content_id.label("id")).where(matched).cte("hit").prefix_with("MATERIALIZED")
        newest_first = select(hit.c.id).order_by(hit.c.id.desc()).subquery("newest_first")
        row = statement.where(_C.c.id == newest_first.c.id).offset(0).lateral("found")
        rows = session.execute(
            select(row).select_from(newest_first.join(row, true())).order_by(newest_first.c.id.desc()).limit(most),
            {"question": asked.tsquery()},
        ).all()
        if len(rows) >= most:
            break
    return rows


def too_short(words: str) -> bool:
    """Some word has too few characters to be looked for."""
    return any(Word.of(word) is None for word in words.split()[:MAX_WORDS])


def _of_age(term: str, buckets: Sequence[int]) -> Asked | None:
    """A place, only among things of these ages."""
    return some(terms=(place_in_bucket(term, one) for one in buckets)) if is_place(term) else None


_NEWEST: dict[str, tuple[float, int]] = {}


def _newest(session: Session) -> int:
    """The bucket of the newest thing, asked of the database once a minute; a bucket holds more than is made in one."""
    key = str(session.get_bind().engine.url)
    at, found = _NEWEST.get(key, (-REMEMBERED, 0))
    if time.monotonic() - at > REMEMBERED:
        found = (session.scalar(select(func.max(ContentSearch.content_id))) or 0) >> BUCKET
        _NEWEST[key] = (time.monotonic(), found)
    return found


def _scarce(found: int, buckets: int, most: int) -> bool:
    """So few among the newest that looking everywhere is no more work than looking into more buckets first."""
    return found * buckets / WINDOWS[0] < 2 * most
