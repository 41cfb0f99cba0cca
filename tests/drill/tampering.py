"""Seven ways to tamper with the journal by somebody who owns the database, and which row must be named for each.

Every way is tried as a beginner does it, and as somebody does it who reckons all the hashes anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

from sqlalchemy import Connection, Table, select, text

from models.ledger import JournalEntry
from process import digests, journal
from process.digests import GENESIS

TABLE = cast(Table, JournalEntry.__table__)
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
STREAMS = 24
ACTIONS = ("case:submit", "case:accept", "case:review", "case:approve", "paper:print", "personal:reveal")
STATES = ("draft", "submitted", "accepted", "reviewed", None)


def live(connection: Connection, luck: Random, steps: int, begin: int = 0) -> None:
    """So many things happen, in streams that grow side by side."""
    for n in range(begin, begin + steps):
        stream = f"thing-{luck.randrange(STREAMS):02}"
        journal.append(
            connection,
            luck.choice(ACTIONS),
            stream=stream,
            at=START + timedelta(minutes=n, microseconds=luck.randrange(10**6)),
            district=luck.choice(("dongxin", "")),
            from_state=luck.choice(STATES),
            to_state=luck.choice(STATES),
            comment=luck.choice((None, "材料齐全", "同意", "群众来电催办 𠮷")),
            details={"n": n, "sheets": luck.randrange(9)} if luck.random() < 0.7 else None,
        )


@dataclass
class Scene:
    """A journal about which somebody has bad ideas; `signed` is the id up to which heads are out of his reach."""

    connection: Connection
    luck: Random
    signed: int
    kept: int

    def __post_init__(self) -> None:
        self.rows = [dict(row._mapping) for row in self.connection.execute(select(TABLE).order_by(TABLE.c.id))]

    def victim(self, *, signed: bool = True, later: bool = False) -> dict[str, Any]:
        """Any row; `signed`: one that a head covers; `later`: one that another row of its stream follows."""
        found = [row for row in self.rows if row["id"] <= self.signed or not signed]
        if later:
            found = [row for row in found if self.after(row)]
        return self.luck.choice(found)

    def after(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        return [one for one in self.rows if one["stream"] == row["stream"] and one["seq"] > row["seq"]]

    def change(self, entry_id: int, **values: Any) -> None:
        self.connection.execute(TABLE.update().where(TABLE.c.id == entry_id).values(**values))

    def delete(self, *ids: int) -> None:
        self.connection.execute(TABLE.delete().where(TABLE.c.id.in_(ids)))

    def rechain(self, stream: str) -> None:
        """Numbers and hashes of a whole stream as the program itself would have reckoned them."""
        previous = GENESIS
        rows = self.connection.execute(select(TABLE).where(TABLE.c.stream == stream).order_by(TABLE.c.seq, TABLE.c.id))
        fresh = []
        for seq, row in enumerate(rows.mappings().all(), 1):
            values = {**row, "seq": seq, "previous": previous, "at": row["at"].isoformat(timespec="microseconds")}
            previous = digests.digest(row["algorithm"], tuple(values[name] for name in digests.FIELDS))
            fresh.append((row["id"], seq, values["previous"], previous))
        # Two rows may not share a number even for a moment.
        self.connection.execute(TABLE.update().where(TABLE.c.stream == stream).values(seq=-TABLE.c.seq - 1_000))
        for entry_id, seq, before, digest in fresh:
            self.change(entry_id, seq=seq, previous=before, digest=digest)


def edit(scene: Scene) -> tuple[int, str, int]:
    clever = scene.luck.random() < 0.5
    row = scene.victim(signed=clever)
    changes: dict[str, Any] = {
        "action": "case:refuse",
        "comment": "没有这回事",
        "details": {"n": -1},
        "at": row["at"] + timedelta(seconds=1),
        "to_state": "issued",
        "from_state": "issued",
        "district": "elsewhere",
    }
    if not clever:
        changes |= {"digest": "f" * 64, "previous": "e" * 64, "algorithm": "md5"}
    column = scene.luck.choice(sorted(changes))
    scene.change(row["id"], **{column: changes[column]})
    if clever:
        scene.rechain(row["stream"])
    return row["id"], row["stream"], row["seq"]


def delete(scene: Scene) -> tuple[int, str, int]:
    row = scene.victim()
    scene.delete(row["id"])
    if scene.luck.random() < 0.5:
        scene.rechain(row["stream"])
        return row["id"], "", 0
    return (row["id"], row["stream"], row["seq"]) if scene.after(row) else (row["id"], "", 0)


def insert(scene: Scene) -> tuple[int, str, int]:
    way, highest = scene.luck.randrange(3), scene.rows[-1]["id"]
    row = scene.victim(later=True)
    forged = {**row, "action": "case:approve", "comment": "补记", "details": {}, "digest": "a" * 64}
    if way == 0:
        # At the end, without the knowledge of how to hash.
        end = max(one["seq"] for one in scene.rows if one["stream"] == row["stream"])
        forged |= {"id": highest + 1, "seq": end + 1}
        scene.connection.execute(TABLE.insert().values(**forged))
        return highest + 1, row["stream"], end + 1
    if way == 1:
        # In the middle, everything after it numbered and hashed anew.
        followers = scene.after(row)
        scene.connection.execute(TABLE.update().where(TABLE.c.stream == row["stream"]).values(seq=TABLE.c.seq * -2))
        scene.connection.execute(TABLE.insert().values(**{**forged, "id": highest + 1, "seq": row["seq"] * -2 - 1}))
        scene.connection.execute(TABLE.update().where(TABLE.c.stream == row["stream"]).values(seq=-TABLE.c.seq))
        scene.rechain(row["stream"])
        return min(one["id"] for one in followers), row["stream"], -1
    # Before everything, as a stream of its own that hangs together.
    forged |= {"id": -scene.luck.randrange(1, 9), "stream": "thing-new", "seq": 1}
    scene.connection.execute(TABLE.insert().values(**forged))
    scene.rechain("thing-new")
    return forged["id"], "thing-new", 1


def swap(scene: Scene) -> tuple[int, str, int]:
    one = scene.victim()
    other = scene.luck.choice([row for row in scene.rows if row["id"] <= scene.signed and row["id"] != one["id"]])
    low, high = sorted((one, other), key=lambda row: int(row["id"]))
    contents = [{key: value for key, value in row.items() if key != "id"} for row in (low, high)]
    scene.change(low["id"], seq=-1)
    scene.change(high["id"], **contents[0])
    scene.change(low["id"], **contents[1])
    return low["id"], high["stream"], high["seq"]


def truncate(scene: Scene) -> tuple[int, str, int]:
    keep = scene.luck.randrange(scene.signed)
    scene.delete(*(row["id"] for row in scene.rows if row["id"] > keep))
    return keep + 1, "", 0


def old_dump(scene: Scene) -> tuple[int, str, int]:
    """Yesterday's database, and the day goes on as if nothing had happened."""
    scene.delete(*(row["id"] for row in scene.rows if row["id"] > scene.kept))
    live(scene.connection, scene.luck, scene.luck.randrange(12), begin=5_000)
    return scene.kept + 1, "", -1


def keys(scene: Scene) -> tuple[int, str, int]:
    """Two columns of a row, or one column of two rows, change places."""
    row = scene.victim(signed=False)
    if scene.luck.random() < 0.5 and row["from_state"] != row["to_state"]:
        scene.change(row["id"], from_state=row["to_state"], to_state=row["from_state"])
        return row["id"], row["stream"], row["seq"]
    column = scene.luck.choice(("stream", "action", "at", "details", "digest", "previous", "seq"))
    others = [one for one in scene.rows if one[column] != row[column]]
    if column in ("stream", "seq"):
        # A number stands only once in a stream, whoever writes.
        same = "seq" if column == "stream" else "stream"
        others = [one for one in others if one[same] == row[same]]
        column = column if others else "action"
    other = scene.luck.choice(others or [one for one in scene.rows if one["action"] != row["action"]])
    low, high = sorted((row, other), key=lambda one: int(one["id"]))
    scene.change(low["id"], seq=-1)
    scene.change(high["id"], **({"seq": -2} if column != "seq" else {}), **{column: low[column]})
    scene.change(low["id"], **{"seq": low["seq"], column: high[column]})
    if column != "seq":
        scene.change(high["id"], seq=high["seq"])
    return low["id"], "", -1


KINDS: dict[str, Callable[[Scene], tuple[int, str, int]]] = {
    "edit": edit,
    "delete": delete,
    "insert": insert,
    "swap": swap,
    "truncate": truncate,
    "old dump": old_dump,
    "keys": keys,
}


def unprotect(connection: Connection) -> None:
    """What only the owner of the tables can do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER TABLE journal DISABLE TRIGGER USER"))
        return
    for name in connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
        connection.execute(text(f"DROP TRIGGER {name}"))
