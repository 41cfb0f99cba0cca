"""《服务手册》: editions of the booklet, written from what is published that day and drawn by the worker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.publishing import HandbookEdition
from process import access, journal, numbers, outbox
from process.access import NOBODY, Actor
from process.clock import local_day
from process.refusals import Forbidden, NotAvailable, NotFound, RequirementUnmet
from services import files, item_facts, item_place_changes, office, papers_out

JOB, PAPER = "handbook.make", "service_handbook"
GATHERING, DRAWING, READY, FAILED = "gathering", "drawing", "ready", "failed"
# So many items are written down before the page of progress is told.
SLICE = 20
# Streets first, then the stations where most people go.
POINT_KINDS = ("street_centre", "community_station")
# A hundred pages take longer than one letter.
CPU_SECONDS, WALL_SECONDS, MOST_BYTES = 120, 110.0, 64 * 1024**2


def published(session: Session, place: Agency) -> list[ServiceItem]:
    """The items that belong into the booklet of this place."""
    return [item for item in of_all(session) if item.place_id == place.id]


def of_all(session: Session) -> list[ServiceItem]:
    """What is published, in force and of one of the eight categories, in the order of the catalogue."""
    today = local_day(now())
    rows = session.scalars(
        access.visible(select(ServiceItem).where(ServiceItem.state == "published"), NOBODY, ServiceItem)
    )
    known = catalogue.items()
    order = {category.id: number for number, category in enumerate(catalogue.schemes().categories)}
    line = {code: number for number, code in enumerate(known)}
    kept = [row for row in rows if row.code in known and known[row.code].counted and known[row.code].in_force(today)]
    return sorted(kept, key=lambda row: (order.get(row.category or "", 99), line[row.code]))


def place_of(session: Session, actor: Actor) -> Agency | None:
    """The street whose booklet this catalogue manager makes."""
    return next((one for one in item_place_changes.places_of(session, actor) if one.kind in ("street", "town")), None)


def begin(session: Session, actor: Actor) -> HandbookEdition:
    """A new edition: its number is drawn and the worker begins to write it."""
    place = place_of(session, actor)
    if place is None:
        raise Forbidden("《服务手册》由街道的事项目录管理员编印，不由您办理。")
    running = session.scalar(
        select(HandbookEdition).where(
            HandbookEdition.place_id == place.id, HandbookEdition.status.in_((GATHERING, DRAWING))
        )
    )
    if running is not None:
        raise NotAvailable(f"{running.name}正在编印，请等它编好再编下一版。")
    items = published(session, place)
    if not items:
        raise RequirementUnmet("目录里没有已发布的事项，编不成手册。请先发布事项。")
    at = now()
    year, number = numbers.draw(session, "handbook", place.id, at)
    edition = HandbookEdition(
        district=place.district,
        place_id=place.id,
        year=year,
        number=number,
        total=len(items),
        codes=[item.code for item in items],
        made_by_id=actor.person_id,
        made_at=at,
    )
    session.add(edition)
    session.flush()
    journal.record(
        session,
        "handbook:make",
        actor,
        stream=f"handbook:{place.id}",
        details={"edition": edition.name, "items": len(items)},
    )
    outbox.put(session, JOB, district=place.district, edition_id=edition.id)
    return edition


def again(session: Session, actor: Actor, edition: HandbookEdition) -> None:
    """After a failure was mended: the same edition, from what was written down."""
    if not item_place_changes.may_edit(actor, edition.place):
        raise Forbidden("《服务手册》由街道的事项目录管理员编印，不由您办理。")
    if edition.status != FAILED:
        raise NotAvailable(f"{edition.name}没有失败，不用重新编印。")
    edition.status = GATHERING if edition.gathered < edition.total else DRAWING
    edition.problem = ""
    outbox.put(session, JOB, district=edition.district, edition_id=edition.id)


def gather(session: Session, edition: HandbookEdition) -> None:
    """Writes the next items down; what was withdrawn since the button was pressed is left out."""
    codes = edition.codes[edition.gathered : edition.gathered + SLICE]
    rows = {
        row.code: row
        for row in session.scalars(
            access.visible(
                select(ServiceItem).where(ServiceItem.code.in_(codes), ServiceItem.state == "published"),
                NOBODY,
                ServiceItem,
            )
        )
    }
    edition.facts = [*edition.facts, *(item_facts.of(session, rows[code]) for code in codes if code in rows)]
    edition.gathered += len(codes)
    if edition.gathered >= edition.total:
        edition.status = DRAWING
    session.flush()
    outbox.put(session, JOB, district=edition.district, edition_id=edition.id)


def data(session: Session, edition: HandbookEdition) -> dict[str, Any]:
    """The booklet as the fields of its paper."""
    return {
        **_head(session, edition.place, edition.name, local_day(edition.made_at)),
        "single": False,
        "points": _points(session, edition.place, local_day(edition.made_at)),
        **_body(edition.facts),
    }


def page_data(session: Session, place: Agency, facts: dict[str, Any]) -> dict[str, Any]:
    """One item alone, as the page that goes between two editions."""
    day = local_day(now())
    return {**_head(session, place, "活页", day), "single": True, "points": [], **_body([facts])}


def draw(fields: dict[str, Any]) -> bytes:
    """Lays the booklet out. Needs no database, so a worker calls it with no transaction open."""
    from services.papers import renderer
    from services.papers.child import Limits
    from services.papers.definition import load

    pictured = {
        **fields,
        "site_code": item_facts.qr_png(fields["site"]),
        "entries": [{**one, "code": item_facts.qr_png(one["url"])} for one in fields["entries"]],
    }
    limits = Limits(cpu_seconds=CPU_SECONDS, wall_seconds=WALL_SECONDS, output_bytes=MOST_BYTES)
    return renderer.render(load(PAPER), pictured, draft=False, verify_url=None, demo=fields["demo"], limits=limits)


def keep(edition: HandbookEdition, content: bytes) -> None:
    """Stores the booklet; from now on everybody may take it."""
    from services.papers.definition import load

    edition.storage_key = files.store().put(content, "application/pdf")
    edition.size, edition.pages = len(content), _pages(content)
    edition.paper_version = load(PAPER).version
    edition.status, edition.problem, edition.ready_at = READY, "", now()


def give_up(session: Session, edition_id: int, sentence: str) -> None:
    """What the manager reads when the booklet could not be drawn."""
    edition = session.get(HandbookEdition, edition_id)
    if edition is not None and edition.status != READY:
        edition.status, edition.problem = FAILED, sentence[:500]


def editions(session: Session, *, ready: bool = True) -> Sequence[HandbookEdition]:
    """The newest first; residents see those that are ready."""
    wanted = select(HandbookEdition).order_by(HandbookEdition.year.desc(), HandbookEdition.number.desc())
    return list(session.scalars(wanted.where(HandbookEdition.status == READY) if ready else wanted))


def load(session: Session, uid: str) -> HandbookEdition:
    found = session.scalar(select(HandbookEdition).where(HandbookEdition.uid == uid))
    if found is None:
        raise NotFound("没有找到这一版手册，请从版次列表里选。")
    return found


def pdf(edition: HandbookEdition) -> bytes:
    """The kept bytes of an edition."""
    if edition.status != READY or edition.storage_key is None:
        raise NotFound("这一版还没有编好，请稍候刷新版次列表再取。")
    return files.store().read(edition.storage_key)


def filename(edition: HandbookEdition) -> str:
    return f"{edition.place.name}服务手册{edition.name}.pdf"


def _pages(content: bytes) -> int:
    import io

    import pikepdf

    with pikepdf.open(io.BytesIO(content)) as document:
        return len(document.pages)


def _head(session: Session, place: Agency, edition: str, day: date) -> dict[str, Any]:
    return {
        "agency": office.government(place),
        "street": place.name,
        "edition": edition,
        "issued_on": day.isoformat(),
        "demo": papers_out.is_demo(),
        "total": catalogue.schemes().total,
        "complaints_phone": office.complaints_phone(place),
        "site": item_facts.guide_url("").rstrip("/"),
        "visit_conditions": "\n".join(item_facts.visit_conditions()),
    }


def _points(session: Session, place: Agency, day: date) -> list[dict[str, Any]]:
    found = session.scalars(
        select(Agency).where(Agency.kind.in_(POINT_KINDS), Agency.path.startswith(place.path)).order_by(Agency.path)
    )
    rows = sorted((one for one in found if one.exists_on(day)), key=lambda one: (POINT_KINDS.index(one.kind), one.path))
    return [
        {
            "name": one.name,
            "address": str((one.details or {}).get("address") or ""),
            "hours": str((one.details or {}).get("hours") or ""),
            "phone": office.phone(one),
            "example": one.illustrative or bool((one.details or {}).get("illustrative_fields")),
        }
        for one in rows
    ]


def _body(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    categories = catalogue.schemes().categories
    place = {category.id: number for number, category in enumerate(categories, 1)}
    entries: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for number, one in enumerate(facts, 1):
        entries.append(
            {
                "number": number,
                "category": place.get(one["category"]),
                **{name: one[name] for name in item_facts.PRINTED},
            }
        )
        materials += [{"item": number, **row} for row in one["materials"]]
        steps += [{"item": number, **row} for row in one["steps"]]
    named = sorted(
        ((item_facts.letter_of(e["name"]), item_facts.sound_of(e["name"]), e) for e in entries), key=_by_sound
    )
    return {
        "count": len(entries),
        "placeholders": sum(bool(one["placeholder"]) for one in entries),
        "categories": [
            {
                "number": number,
                "name": category.name,
                "count": sum(one["category"] == number for one in entries),
                "target": category.target_count,
                "home": category.home_visit,
            }
            for number, category in enumerate(categories, 1)
        ],
        "entries": entries,
        "materials": materials,
        "steps": steps,
        "index": [{"letter": letter, "item": one["number"], "name": one["name"]} for letter, _sound, one in named],
    }


def _by_sound(line: tuple[str, str, dict[str, Any]]) -> tuple[str, str, int]:
    letter, sound, one = line
    return letter, sound, one["number"]
