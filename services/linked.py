"""What hangs together with a thing: the case, its tickets, visits, certificates and errands."""

from __future__ import annotations

from sqlalchemy import CTE, Select, bindparam, select, union
from sqlalchemy.orm import Session

from models.base import BigId
from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate

# Fields of a thing that name another one.
POINTERS = ("case_id", "home_visit_id", "related_id", "replaces_id")


def _around() -> Select[int]:
    # On the tables alone: the mapped classes would join the columns that every thing has. Built once, asked for every page.
    case = bindparam("case_id", type_=BigId)
    near: CTE = union(
        *(
            select(table.c.id).where(table.c.case_id == case)
            for table in (Certificate.__table__, Delegation.__table__, HomeVisit.__table__)
        ),
        select(Content.__table__.c.id).where(Content.__table__.c.id.in_(bindparam("known", expanding=True))),
    ).cte("near")
    errand = Errand.__table__
    theirs = select(errand.c.id).where(errand.c.related_id.in_(select(near.c.id)))
    return select(union(select(near.c.id), theirs).subquery().c.id)


_AROUND = _around()


def ids(session: Session, content: Content) -> set[int]:
    """Ids of everything joined to this thing, itself left out. Not narrowed to an actor: what is shown of it must be."""
    known: set[int] = {content.id}
    known |= {pointed for name in POINTERS if (pointed := getattr(content, name, None)) is not None}
    case_id = content.id if isinstance(content, Case) else getattr(content, "case_id", None)
    if case_id is not None:
        known.add(case_id)
    parent = (content.fields or {}).get("parent")
    if parent:
        # What waits for this thing to end.
        known |= set(session.scalars(select(Content.id).where(Content.uid == str(parent))))
    # A case and the surveys asked for in it name each other by uid.
    others = [*((content.fields or {}).get("_surveys") or ()), (content.fields or {}).get("_for")]
    if any(others):
        uids = [str(one) for one in others if one]
        known |= set(session.scalars(select(Content.id).where(Content.uid.in_(uids))))
    rows = session.connection().scalars(_AROUND, {"case_id": case_id, "known": sorted(known)})
    return set(rows) - {content.id}
