"""People and places by name, for the one search box."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from models.agency import Agency
from models.base import now
from models.resident import Resident
from process import access
from process.access import Actor
from process.clock import local_day
from services import search

# Who works with the people of a place; whoever only watches or carries does not look for them by name.
KEEPERS = frozenset(
    {
        "window_clerk",
        "back_office_reviewer",
        "approver",
        "certificate_issuer",
        "community_clerk",
        "all_round_worker",
        "grid_leader",
    }
)
# The last character of Unicode: a range from a text to itself with this behind it holds all that begin with it.
LAST = "\U0010ffff"


def people(session: Session, actor: Actor, words: str, most: int) -> list[Resident]:
    """Residents of the places one works for: by the whole ID or phone number, or by the beginning of the name."""
    paths = sorted({_served(held.path) for held in actor.held if held.role in KEEPERS})
    words = words.strip()
    if not paths or actor.resident_id is not None:
        return []
    community, grid = aliased(Agency), aliased(Agency)
    statement = (
        select(Resident)
        .outerjoin(community, community.id == Resident.community_id)
        .outerjoin(grid, grid.id == Resident.grid_id)
        .where(or_(*(access.within(one.path, path) for path in paths for one in (community, grid))))
        .options(joinedload(Resident.community), joinedload(Resident.grid))
        .order_by(Resident.name, Resident.id)
        .limit(most)
    )
    known = search.whose(session, words)
    if known is not None:
        statement = statement.where(Resident.id.in_([one.id for one in known]))
    elif len(words) >= 2 and " " not in words and not words.isascii():
        statement = statement.where(Resident.name >= words, Resident.name < words + LAST)
    else:
        return []
    return list(session.scalars(statement).unique())


def _served(path: str) -> str:
    """A centre or station works for the people of the place it stands at, not only for those inside its own door."""
    above, _, own = path.strip("/").rpartition("/")
    return f"/{above}/" if above and own.endswith(("-centre", "-station")) else path


def places(session: Session, words: str, most: int) -> list[Agency]:
    """Units that still exist, by a part of their name."""
    if len(words) < 2:
        return []
    today = local_day(now())
    found = session.scalars(
        select(Agency).where(Agency.name.icontains(words, autoescape=True)).order_by(Agency.path).limit(most * 4)
    )
    return [one for one in found if one.exists_on(today)][:most]
