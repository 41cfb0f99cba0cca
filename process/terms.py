"""What words are cut into, and what is asked of an index: one set of rules for every database."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

# What stands before a term says whose it is: `~` words only those see who see the thing in full, `#` pieces of a number,
# `~=` initials of a name, `@` where and to whom a thing belongs.
KEPT, NUMBER, INITIALS, REACH = "~", "#", "~=", "@"
PIECE = 4
LONGEST_INITIALS = 8
MOST_INITIALS = 40
_RUN = re.compile(r"[^\W_]+")
_PLAIN = re.compile(r"[0-9A-Za-z._/\-]+")

# As surnames these characters are read otherwise than pypinyin reads them alone.
SURNAMES = {
    "单": "s", "仇": "q", "区": "o", "查": "z", "解": "x", "曾": "z", "朴": "p", "尉": "y", "万俟": "mq", "缪": "m",
    "盖": "g", "乐": "y", "召": "s", "黑": "h", "秘": "b", "冼": "x", "折": "s", "员": "y", "种": "c", "重": "c",
    "覃": "q", "洗": "x", "谌": "c", "繁": "p", "翟": "z", "祭": "z", "能": "n", "长孙": "zs", "尉迟": "yc", "澹台": "tt",
    "令狐": "lh", "鲜于": "xy", "宿": "s", "逄": "p", "隗": "w", "句": "g", "撒": "s", "柏": "b", "牟": "m", "瞿": "q",
}  # fmt: skip


def normal(text: str) -> str:
    """One spelling: full-width forms are the ordinary ones, case does not count, invisible signs are gone."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():
        return plain
    return "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Me", "Cf"))


def runs(text: str) -> list[str]:
    """The words as they stand between blanks and signs."""
    return _RUN.findall(normal(text))


def compact(number: str) -> str:
    """A number as it is compared: letters and digits only."""
    return "".join(c for c in normal(number) if c.isalnum())


def grams(text: str) -> set[str]:
    """Pairs of neighbours, and single characters where the script writes words with one."""
    found: set[str] = set()
    for run in runs(text):
        found.update(run[i : i + 2] for i in range(len(run) - 1))
        found.update(c for c in run if not c.isascii())
    return found


def sought(run: str) -> set[str]:
    """The pieces a word must have; none: too short to be looked for."""
    if len(run) == 1:
        return set() if run.isascii() else {run}
    return {run[i : i + 2] for i in range(len(run) - 1)}


def pieces(number: str) -> set[str]:
    """Every four neighbours of a number."""
    plain = compact(number)
    return {plain[i : i + PIECE] for i in range(len(plain) - PIECE + 1)}


def looks_plain(word: str) -> bool:
    """Letters and digits as they stand on a keyboard: perhaps a number, perhaps initials."""
    return bool(_PLAIN.fullmatch(word))


def initials(name: str, readings: Iterable[str] = ()) -> set[str]:
    """What somebody types for a name: the first letters of its syllables, every run of two or more of them."""
    found: set[str] = set()
    for reading in {*_read(name), *(normal(r) for r in readings)}:
        letters = "".join(c for c in reading if c.isascii() and c.isalnum())[:LONGEST_INITIALS]
        found.update(letters[i:j] for i in range(len(letters)) for j in range(i + 2, len(letters) + 1))
    return found


@lru_cache(maxsize=50_000)
def _read(name: str) -> tuple[str, ...]:
    """The usual first letters, and those of the surname where it is read otherwise."""
    # Its tables take a third of a second to load; only who writes names needs them.
    from pypinyin import Style, pinyin

    plain = "".join(runs(name))[:LONGEST_INITIALS]
    if not plain:
        return ()
    usual = "".join(syllable[0][:1] for syllable in pinyin(plain, style=Style.FIRST_LETTER, errors="default"))
    other = next((SURNAMES[plain[:n]] + usual[n:] for n in (2, 1) if plain[:n] in SURNAMES), usual)
    return tuple({usual, other})


@dataclass(frozen=True)
class Asked:
    """A question to the index: terms, and how they are joined."""

    terms: frozenset[str] = frozenset()
    parts: tuple[Asked, ...] = ()
    every: bool = True

    def narrowed(self, by: Callable[[str], Asked | None]) -> Asked:
        """The same question with narrower parts in the place of those terms that `by` knows some for."""
        kept, parts = set(), [part.narrowed(by) for part in self.parts]
        for term in sorted(self.terms):
            narrower = by(term)
            if narrower is None:
                kept.add(term)
            else:
                parts.append(narrower)
        return Asked(frozenset(kept), tuple(parts), self.every)

    def fts5(self) -> str:
        """As SQLite's full-text index reads it."""
        inner = ['"' + term.replace('"', "") + '"' for term in sorted(self.terms)] + [p.fts5() for p in self.parts]
        return inner[0] if len(inner) == 1 else "(" + (" AND " if self.every else " OR ").join(inner) + ")"

    def tsquery(self) -> str:
        """As PostgreSQL reads it."""
        inner = [quoted(term) for term in sorted(self.terms)] + [p.tsquery() for p in self.parts]
        return inner[0] if len(inner) == 1 else "(" + (" & " if self.every else " | ").join(inner) + ")"


def every(*parts: Asked | None, terms: Iterable[str] = ()) -> Asked:
    """All of these."""
    return Asked(frozenset(terms), tuple(p for p in parts if p is not None))


def some(*parts: Asked | None, terms: Iterable[str] = ()) -> Asked:
    """One of these is enough."""
    return Asked(frozenset(terms), tuple(p for p in parts if p is not None), every=False)


def quoted(term: str) -> str:
    """A lexeme as PostgreSQL reads it."""
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"
