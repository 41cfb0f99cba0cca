"""全区通办: any station takes in for any address of the district; the address says whose people they are."""

from __future__ import annotations

from datetime import date

from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case
from models.resident import Resident
from process import clock, registry
from process.access import Actor
from process.registry import Step
from process.words import N_
from services import notices
from services.case_routing import above, front_office

NEAR = ("community", "village")
TOLD = N_("本社区居民在%(station)s申报了“%(item)s”，由该站办理；需要上门或补材料时会联系你们")


def named_in(session: Session, address: str, day: date | None = None) -> Agency | None:
    """The community an address names; None when it names none, or several that nothing in it tells apart."""
    text = "".join((address or "").split())
    if not text:
        return None
    day = day or clock.local_day(now())
    found = [
        agency
        for agency in session.scalars(
            select(Agency).where(Agency.kind.in_(NEAR), literal(text).contains(Agency.name, autoescape=False))
        )
        if agency.exists_on(day)
    ]
    if len(found) > 1:
        # The same name in two streets: the street in the address decides; else the longer name is meant.
        streets = [one for one in found if (street := above(one, "street", "town")) and street.name in text]
        found = streets or found
        longest = max(len(one.name) for one in found)
        found = [one for one in found if len(one.name) == longest]
    return found[0] if len(found) == 1 else None


def home_of(session: Session, resident: Resident | None) -> Agency | None:
    """Whose resident this is: by the present address, else as registered."""
    if resident is None:
        return None
    return named_in(session, resident.address or "") or resident.community


def suggestion(session: Session, case: Case) -> tuple[Agency, Agency] | None:
    """For somebody from elsewhere: their community, and the front office of its street. None: they live here."""
    home, here = home_of(session, case.applicant), above(case.place, *NEAR)
    if home is None or (here is not None and here.id == home.id) or home.id == case.place_id:
        return None
    street = above(home, "street", "town")
    return (home, front_office(session, street)) if street is not None else None


def tell_home(session: Session, content: object, event: str, actor: Actor, step: Step | None) -> None:
    """The community of somebody who filed at another station is told, without a name."""
    if event != "submit" or step is None or not isinstance(content, Case) or content.place.kind in ("street", "town"):
        return
    if actor.resident_id is not None:
        return
    found = suggestion(session, content)
    if found is None:
        return
    params = {"station": content.place.name, "item": content.item.title}
    notices.notify(
        session,
        content,
        to=found[0],
        kind="case:elsewhere",
        text=TOLD,
        params=params,
        once=f"elsewhere:{content.uid}",
        actor=actor,
    )


registry.listeners.append(tell_home)
