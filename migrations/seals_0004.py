"""Uses of seals that stood in the journal alone become lines of the seal log: frozen, as revision 0004 found the tables."""

from __future__ import annotations

import sqlalchemy as sa

from models.base import Json, UtcDateTime, new_uid, now

AGENCY = sa.table("agency", sa.column("id"), sa.column("parent_id"), sa.column("kind"), sa.column("name"))
CONTENT = sa.table("content", sa.column("id"), sa.column("title"), sa.column("place_id"), sa.column("place_path"))
JOURNAL = sa.table(
    "journal",
    sa.column("id"),
    sa.column("action"),
    sa.column("content_id"),
    sa.column("district"),
    sa.column("person_id"),
    sa.column("substitute_for_id"),
    sa.column("comment"),
    sa.column("details", Json),
    sa.column("at", UtcDateTime()),
)
SEAL = sa.table(
    "seal",
    sa.column("id", sa.Integer),
    sa.column("uid"),
    sa.column("agency_id"),
    sa.column("name"),
    sa.column("state"),
    sa.column("uses"),
    sa.column("created_at", UtcDateTime()),
)
USE = sa.table(
    "seal_use",
    *(
        sa.column(name)
        for name in (
            "seal_id", "seq", "district", "place_path", "content_id", "case_number", "paper_title", "paper_number",
            "person_id", "on_behalf_of_id", "reason",
        )
    ),
    sa.column("at", UtcDateTime()),
)  # fmt: skip


def fill(connection: sa.Connection) -> None:
    """One seal for each town that has used one, its uses numbered from the oldest on."""
    above = {row.id: (row.parent_id, row.kind, row.name) for row in connection.execute(sa.select(AGENCY))}
    seals: dict[str, tuple[int, int]] = {}
    rows = connection.execute(
        sa.select(*JOURNAL.c, CONTENT.c.title, CONTENT.c.place_id, CONTENT.c.place_path)
        .join(CONTENT, CONTENT.c.id == JOURNAL.c.content_id)
        .where(JOURNAL.c.action == "seal:use")
        .order_by(JOURNAL.c.at, JOURNAL.c.id)
    )
    for row in rows.all():
        town = _town(above, row.place_id)
        if town not in seals:
            seals[town] = (_made(connection, town, above[town][2]), 0)
        seal_id, used = seals[town]
        details = row.details or {}
        connection.execute(
            USE.insert().values(
                seal_id=seal_id,
                seq=used + 1,
                district=row.district,
                place_path=row.place_path,
                content_id=row.content_id,
                case_number=str(details.get("case") or ""),
                paper_title=row.title[:120],
                paper_number=str(details.get("certificate") or ""),
                person_id=row.person_id,
                on_behalf_of_id=row.substitute_for_id,
                reason=(row.comment or "")[:200],
                at=row.at,
            )
        )
        seals[town] = (seal_id, used + 1)
    for seal_id, used in seals.values():
        connection.execute(SEAL.update().where(SEAL.c.id == seal_id).values(uses=used))


def _town(above: dict[str, tuple[str | None, str, str]], place: str) -> str:
    found: str | None = place
    while found is not None and above[found][1] not in ("street", "town"):
        found = above[found][0]
    return found or place


def _made(connection: sa.Connection, town: str, name: str) -> int:
    connection.execute(
        SEAL.insert().values(
            uid=new_uid(),
            agency_id=town,
            name=f"{name}行政审批专用章"[:80],
            state="in_use",
            uses=0,
            created_at=now(),
        )
    )
    return connection.scalars(sa.select(SEAL.c.id).where(SEAL.c.agency_id == town)).one()
