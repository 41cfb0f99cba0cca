"""Who among the staff hears of what goes wrong: both ends of a handover, the complaint handler, the dispatcher, the holder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalogue.messages import messages
from models.agency import Agency
from models.base import now
from models.content import Content
from models.delegation import Handover
from models.errand import Errand
from models.person import Grant, Person
from process import clock, outbox
from process.access import Actor
from process.registry import Step
from services import notices
from services.messages import staff

WATCH = "messages.unclaimed"
HANDLER, DISPATCHER = "complaint_handler", "errand_dispatcher"


def with_role(session: Session, role: str, agency: Agency) -> list[Person]:
    """Everybody who holds the role at the unit or above it today."""
    today = clock.local_day(now())
    parts = agency.path.strip("/").split("/")
    paths = ["/" + "/".join(parts[: n + 1]) + "/" for n in range(len(parts))]
    return list(
        session.scalars(
            select(Person)
            .join(Grant, Grant.person_id == Person.id)
            .where(
                Grant.role == role,
                Grant.place_path.in_(["/", *paths]),
                Person.active,
                or_(Grant.since.is_(None), Grant.since <= today),
                or_(Grant.until.is_(None), Grant.until >= today),
            )
            .order_by(Person.id)
        ).unique()
    )


def tell(
    session: Session,
    content: Content,
    kind: str,
    readers: Iterable[Person | Agency],
    once: str,
    params: Mapping[str, Any] | None = None,
    but: Actor | None = None,
    state: str | None = None,
) -> int:
    """Tells these colleagues at the bell (and where their kind may go there, in the work chat); answers how many heard it now."""
    said = 0
    for reader in readers:
        if but is not None and isinstance(reader, Person) and reader.id == but.person_id:
            continue
        notice = notices.notify(
            session,
            content,
            to=reader,
            kind=kind,
            text=staff.words(kind),
            params=params,
            once=f"{kind}:{once}",
            state=state,
        )
        said += notice is not None
    return said


def difference(session: Session, content: Content, step: Step) -> None:
    """Both ends of the handover that was counted: whoever gave the papers out and whoever counted them."""
    handover = session.get(Handover, step.details["handover"]) if step.details.get("handover") else None
    readers: list[Person | Agency] = []
    if handover is not None:
        for person_id, unit_id in (
            (handover.from_person_id, handover.from_unit_id),
            (handover.to_person_id, handover.to_unit_id),
        ):
            person = session.get(Person, person_id) if person_id is not None else None
            unit = session.get(Agency, unit_id) if unit_id is not None else None
            readers += [one for one in (person or unit,) if one is not None]
    else:
        readers = [one for one in (content.owner, content.place, content.unit) if one is not None]
    tell(
        session,
        content,
        "handover_difference",
        dict.fromkeys(readers),
        f"{content.id}:{content.version}",
        {"count": int(step.details["differences"])},
    )


def envelopes(session: Session, errand: Content, step: Step) -> None:
    """The courier counted another number of envelopes than the one posted: poster, giver and dispatcher hear of it."""
    giver = getattr(errand, "from_agency", None)
    readers = [errand.owner, giver, *with_role(session, DISPATCHER, errand.place)]
    known = [one for one in readers if one is not None]
    tell(
        session,
        errand,
        "handover_difference",
        dict.fromkeys(known),
        f"{errand.id}:{errand.version}",
        {"count": 1},
        step.actor,
    )


def low_rating(session: Session, content: Content, score: int) -> None:
    """Whoever handles complaints here asks back; never somebody of the unit that was rated."""
    rated = content.unit or content.place
    readers = _independent(with_role(session, HANDLER, content.place), rated)
    tell(session, content, "low_rating", readers, str(content.id), {"count": score})


def complaint(session: Session, content: Content) -> None:
    """The handlers of the street, but not those of the unit complained about."""
    named = str((content.fields or {}).get("about") or "")
    unit = session.get(Agency, named) if named else None
    tell(session, content, "complaint", _independent(with_role(session, HANDLER, content.place), unit), str(content.id))


def _independent(people: list[Person], unit: Agency | None) -> list[Person]:
    others = [one for one in people if unit is None or one.unit is None or not one.unit.path.startswith(unit.path)]
    # A street with a single handler in the unit itself still has to hear of it.
    return others or people


def watch_errand(session: Session, errand: Content) -> None:
    """Looks again after the set time whether somebody has claimed it."""
    if errand.state != "open":
        return
    outbox.put(
        session,
        WATCH,
        district=errand.district,
        delay=timedelta(minutes=messages().errand_unclaimed_minutes),
        uid=errand.uid,
        entered=errand.entered_at.isoformat(),
    )


def unclaimed(session: Session, args: Mapping[str, Any]) -> int:
    """The worker's call: still open since then? Then whoever dispatches on this street hears of it, once."""
    errand = session.scalar(select(Errand).where(Errand.uid == args["uid"]))
    if errand is None or errand.state != "open" or errand.entered_at != datetime.fromisoformat(args["entered"]):
        return 0
    minutes = int((now() - errand.entered_at).total_seconds() // 60)
    once = f"{errand.id}:{int(errand.entered_at.timestamp())}"
    return tell(
        session,
        errand,
        "errand_unclaimed",
        with_role(session, DISPATCHER, errand.place),
        once,
        {"count": max(minutes, messages().errand_unclaimed_minutes)},
        state="open",
    )
