"""The statements behind `pages`: several ordered walks along indexes, merged, in the words of SQLite and of PostgreSQL."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from models.base import UtcDateTime

# By deadline what is open; what is open without one, newest first; by age what has ended, or everything.
DUE, UNDATED, ENDED, AGE = "due", "undated", "ended", "age"
# Stands where there is no moment to sort by.
NO_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
# How SQLite keeps a moment: fixed length, so that texts sort like moments.
MOMENT = "%Y-%m-%d %H:%M:%S.%f"
MOMENT_LENGTH = 26
# What may be asked of the moments of a thing: of which, and how it must stand to the one given.
FRAME = {"created_from": ("created", ">="), "created_before": ("created", "<"), "overdue_at": ("deadline", "<")}


# How long before its end something may have begun to be found by its end.
LONGEST = timedelta(days=60)


@dataclass(frozen=True)
class Way:
    """Things of certain acls that have this value in this column, of content or of what repeats its columns."""

    table: str
    column: str
    value: Any
    acls: tuple[int, ...]
    # Each acl is a run of the index of its own; otherwise the things of the column are looked at one by one.
    shelved: bool = True
    # The place of the way lies deeper than the columns tell / the place a thing must be filed at.
    below: str = ""
    path: str = ""
    # The thing is there, be it by a second place.
    near: str = ""
    relations: tuple[str, ...] = ()
    asked: tuple[tuple[str, Any], ...] = ()

    def on(self, acls: tuple[int, ...], asked: tuple[tuple[str, Any], ...]) -> Way:
        return replace(self, acls=acls, asked=asked)


def walk(
    session: Session, ways: Sequence[Way], order: str, after: tuple[datetime, int] | None, limit: int
) -> list[tuple[datetime, int]]:
    """The next (moment, id) of all ways together, each thing once."""
    if not ways or limit <= 0:
        return []
    sql = (
        _Sqlite(order, after, limit) if session.get_bind().dialect.name == "sqlite" else _Postgres(order, after, limit)
    )
    rows = session.execute(sql.statement(ways), sql.values)
    return [sql.read(row) for row in rows]


def count(session: Session, groups: Mapping[Any, Sequence[Way]], most: int) -> dict[Any, int]:
    """How many things each group of ways leads to, up to `most`, in one statement."""
    keys = [key for key, ways in groups.items() if ways]
    found: dict[Any, int] = dict.fromkeys(groups, 0)
    if not keys:
        return found
    writer = _Writer(AGE, None, most)
    parts = [
        f"SELECT {place} AS place, count(*) AS number FROM (SELECT id FROM ({writer.union(groups[key])}) u LIMIT :n) c{place}"
        for place, key in enumerate(keys)
    ]
    for place, number in session.execute(text(" UNION ALL ".join(parts)), writer.values):
        found[keys[place]] = number
    return found


class _Writer:
    """Builds one statement; values go in as parameters, column names come from here only."""

    no_moment = ""
    off = ""

    def __init__(self, order: str, after: tuple[datetime, int] | None, limit: int) -> None:
        self.order, self.after, self.limit = order, after, limit
        self.values: dict[str, Any] = {"n": limit}
        self.moments: list[str] = []
        if after is not None:
            self.values["after_id"] = after[1]
            if order != UNDATED:
                self.values["after_at"] = after[0]
                self.moments.append("after_at")
        self.down = "" if order == DUE else " DESC"
        self.beyond = ">" if order == DUE else "<"

    def value(self, given: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = given
        return f":{name}"

    def moment(self, at: datetime) -> str:
        """A moment as a parameter of the right kind for this database."""
        name = self.value(at)
        self.moments.append(name[1:])
        return name

    def columns(self, way: Way) -> tuple[str, str]:
        """Moment and id in the order asked for."""
        c = "c." if way.table == "content_person" else ""
        at, key = {DUE: f"{c}deadline", UNDATED: self.no_moment}.get(self.order, f"{c}created_at"), f"{c}id"
        if way.table == "content_place":
            at, key = {DUE: "due_at", UNDATED: self.no_moment}.get(self.order, "made_at"), "content_id"
        return at, key

    def beginning(self, at: str, key: str) -> str:
        """Behind the last row of the page before."""
        if self.after is None:
            return ""
        return (
            f" AND {key} < :after_id"
            if self.order == UNDATED
            else f" AND ({at}, {key}) {self.beyond} (:after_at, :after_id)"
        )

    def sorting(self, way: Way, at: str, key: str) -> str:
        if self.order != UNDATED:
            return f"ORDER BY {at}{self.down}, {key}{self.down}"
        # Sorted by nothing as well, so that nobody thinks of walking all things by their number.
        nothing = {"content_place": "due_at", "content_person": "c.deadline"}.get(way.table, "deadline")
        return f"ORDER BY {nothing} DESC, {key} DESC"

    def source(self, way: Way) -> str:
        return "content_person p JOIN content c ON c.id = p.content_id" if way.table == "content_person" else way.table

    def conditions(self, way: Way) -> list[str]:
        """All but the acl."""
        found = []
        copied = way.table == "content_place"
        c = "c." if way.table == "content_person" else ""
        if way.column:
            found.append(f"{'p.' if c else ''}{way.column} = {self.value(way.value)}")
        if copied:
            found.append('"until" IS NULL')
            found += [f"relation = {self.value(relation)}" for relation in way.relations]
            found += {DUE: ["due_at IS NOT NULL"], UNDATED: ["due_at IS NULL"]}.get(self.order, [])
        else:
            if c:
                found += ['p."until" IS NULL', f"p.relation IN ({', '.join(map(self.value, way.relations))})"]
            # With the plus SQLite leaves the indexes on these columns alone, which lead through everybody's things.
            off = "" if way.shelved else self.off
            found += {
                DUE: [f"{off}{c}closed_at IS NULL", f"{off}{c}deadline IS NOT NULL"],
                UNDATED: [f"{off}{c}closed_at IS NULL", f"{off}{c}deadline IS NULL"],
            }.get(self.order, [])
        found += [f"{c}place_path >= {a} AND {c}place_path < {b}" for a, b in self.ranges(way.below)]
        for a, b in self.ranges(way.near):
            second = f'SELECT 1 FROM content_place s WHERE s.content_id = {way.table}.id AND s."until" IS NULL'
            found.append(
                f"((place_path >= {a} AND place_path < {b}) "
                f"OR EXISTS ({second} AND s.place_path >= {a} AND s.place_path < {b}))"
            )
        for name, since in way.asked:
            if name == "closed_since":
                # What ended lately was not begun long ago: the walk by age need not go further back.
                found.append(f"{self.columns(way)[0]} >= {self.moment(since - LONGEST)}")
            elif name in FRAME:
                asked_of, stands = FRAME[name]
                mine = {"created": f"{c}created_at", "deadline": f"{c}deadline"}
                column = ({"created": "made_at", "deadline": "due_at"} if copied else mine)[asked_of]
                # What the walk goes by is a range of its index; by anything else it must not be led away.
                walked = way.shelved and column == self.columns(way)[0]
                found.append(f"{'' if walked else self.off}{column} {stands} {self.moment(since)}")
        looks = self.looks(way, "o." if copied else c)
        if copied and looks:
            # The copy does not know all that is asked of the thing.
            thing = "SELECT 1 FROM content o WHERE o.id = content_place.content_id"
            looks = [f"EXISTS ({thing} AND {' AND '.join(looks)})"]
        found += looks
        return found

    def ranges(self, path: str) -> list[tuple[str, str]]:
        return [(self.value(path), self.value(path[:-1] + "0"))] if path else []

    def looks(self, way: Way, c: str) -> list[str]:
        """What has to be asked of the thing itself."""
        found = [f"{c}place_path >= {a} AND {c}place_path < {b}" for a, b in self.ranges(way.path)]
        for name, wanted in way.asked:
            if name in FRAME:
                continue
            if name == "ended":
                found.append(f"{c}closed_at IS NOT NULL")
            elif name == "closed_since":
                found.append(f"{c}closed_at >= {self.moment(wanted)}")
            elif name == "open":
                found.append(f"{c}closed_at IS NULL")
            elif name == "pairs":
                pairs = " OR ".join(
                    f"({c}workflow = {self.value(workflow)} AND {c}state = {self.value(state)})"
                    for workflow, state in sorted(wanted)
                )
                found.append(f"({pairs})" if pairs else "1 = 0")
            else:
                column = {"types": "type", "states": "state"}[name]
                found.append(f"{c}{column} IN ({', '.join(map(self.value, sorted(wanted))) or 'NULL'})")
        return found

    def union(self, ways: Sequence[Way]) -> str:
        """The ids of all ways, each at most `limit`."""
        parts = []
        for way in ways:
            _at, key = self.columns(way)
            acl = "c.acl_id" if way.table == "content_person" else "acl_id"
            where = [*self.conditions(way), f"{acl} IN ({', '.join(map(str, way.acls))})"]
            parts.append(
                f"SELECT id FROM (SELECT {key} AS id FROM {self.source(way)} WHERE {' AND '.join(where)} LIMIT :n) x{len(self.values)}"
            )
        return " UNION ".join(parts)


class _Merger(_Writer, ABC):
    """Several walks as one: how is a matter of the database."""

    def statement(self, ways: Sequence[Way]) -> Any:
        return text(self.merged(ways)).bindparams(*(bindparam(name, type_=UtcDateTime()) for name in self.moments))

    @abstractmethod
    def merged(self, ways: Sequence[Way]) -> str:
        """One statement that walks all ways at once, most urgent (or newest) first."""

    @abstractmethod
    def read(self, row: Any) -> tuple[datetime, int]:
        """The place of a row in the order, as the database gave it."""


class _Sqlite(_Merger):
    """Recursive queries are priority queues here: the head of every acl's run, then always the next of the run just taken from."""

    off = "+"
    no_moment = f"'{NO_MOMENT.strftime(MOMENT)}'"

    def merged(self, ways: Sequence[Way]) -> str:
        queues, parts = [], []
        last = "'~'" if self.order == DUE else "''"
        for place, way in enumerate(ways):
            at, key = self.columns(way)
            where = " AND ".join(self.conditions(way) or ["1 = 1"])
            shown = f"{at} || printf('%020d', {key})"
            begin, order = self.beginning(at, key), self.sorting(way, at, key)
            acls = self.value(json.dumps(way.acls))
            if not way.shelved:
                acl = "c.acl_id" if way.table == "content_person" else "acl_id"
                # The plus keeps SQLite from walking everybody's things in order instead of sorting this person's few.
                order = f"ORDER BY +{at}{self.down}, +{key}{self.down}"
                parts.append(
                    f"SELECT k FROM (SELECT {shown} AS k FROM {self.source(way)} WHERE {where}{begin} "
                    f"AND +{acl} IN (SELECT value FROM json_each({acls})) {order} LIMIT :n)"
                )
                continue
            run = f"SELECT {shown} FROM {way.table} WHERE {where} AND acl_id = "
            moment, number = f"substr(q.k, 1, {MOMENT_LENGTH})", f"CAST(substr(q.k, {MOMENT_LENGTH + 1}) AS INTEGER)"
            onward = (
                f"{key} < {number}" if self.order == UNDATED else f"({at}, {key}) {self.beyond} ({moment}, {number})"
            )
            queues.append(
                f"q{place}(k, acl) AS (SELECT coalesce(({run} s.value{begin} {order} LIMIT 1), {last}), s.value "
                f"FROM json_each({acls}) s UNION ALL SELECT coalesce(({run} q.acl AND {onward} "
                f"{order} LIMIT 1), {last}), q.acl FROM q{place} q WHERE q.k <> {last} "
                f"ORDER BY 1{self.down} LIMIT :n)"
            )
            parts.append(f"SELECT k FROM q{place} WHERE k <> {last}")
        begin = f"WITH RECURSIVE {', '.join(queues)} " if queues else ""
        return f"{begin}SELECT k FROM ({' UNION '.join(parts)}) ORDER BY 1{self.down} LIMIT :n"

    def read(self, row: Any) -> tuple[datetime, int]:
        key: str = row[0]
        return datetime.strptime(key[:MOMENT_LENGTH], MOMENT).replace(tzinfo=UTC), int(key[MOMENT_LENGTH:])


class _Postgres(_Merger):
    """First the head of every acl's run; only the runs with the earliest heads can reach the page, and only they are walked."""

    no_moment = "TIMESTAMP WITH TIME ZONE 'epoch'"

    def merged(self, ways: Sequence[Way]) -> str:
        parts = []
        for way in ways:
            at, key = self.columns(way)
            where = " AND ".join(self.conditions(way) or ["true"])
            begin, order = self.beginning(at, key), self.sorting(way, at, key)
            acls = f"CAST({self.value('{' + ','.join(map(str, way.acls)) + '}')} AS integer[])"
            if not way.shelved:
                acl = "c.acl_id" if way.table == "content_person" else "acl_id"
                parts.append(
                    f"(SELECT {at} AS at, {key} AS id FROM {self.source(way)} WHERE {where}{begin} "
                    # The zero keeps PostgreSQL from fetching everybody's things of these acls beside this person's few.
                    f"AND {acl} + 0 = ANY({acls}) {order} LIMIT :n)"
                )
                continue
            run = f"SELECT {at} AS at, {key} AS id FROM {way.table} WHERE {where}{begin} AND acl_id ="
            # As many heads as the page has rows: nothing behind the last of them can be on it.
            far, edge, beyond = ("max", "infinity", "<=") if self.order == DUE else ("min", "-infinity", ">=")
            reach = f" AND {at} {beyond} coalesce((SELECT {far}(e.at) FROM heads e HAVING count(*) = :n), '{edge}')"
            if self.order == UNDATED:
                reach = f" AND {key} >= coalesce((SELECT min(e.id) FROM heads e HAVING count(*) = :n), 0)"
            last = f"ORDER BY r.at{self.down}, r.id{self.down} LIMIT :n"
            parts.append(
                f"(WITH heads AS MATERIALIZED (SELECT s.acl, h.at, h.id FROM unnest({acls}) AS s(acl) "
                f"CROSS JOIN LATERAL ({run} s.acl {order} LIMIT 1) h ORDER BY h.at{self.down}, h.id{self.down} LIMIT :n) "
                f"SELECT r.at, r.id FROM heads CROSS JOIN LATERAL ({run} heads.acl{reach} {order} LIMIT :n) r {last})"
            )
        return f"SELECT DISTINCT at, id FROM ({' UNION ALL '.join(parts)}) u ORDER BY at{self.down}, id{self.down} LIMIT :n"

    def read(self, row: Any) -> tuple[datetime, int]:
        return row[0].astimezone(UTC), int(row[1])
