"""培训四类人员: whom each training is for, derived from the posts of today; who was there, and when."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from openpyxl import Workbook
from openpyxl.styles import Font
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.person import Grant, Person
from models.roster import TrainingMark
from process import access, journal
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotFound
from process.relations import HEAD
from process.words import N_
from services import grid_rights, jurisdiction
from services.grid_rights import CAPACITIES

AUDIENCES: Mapping[str, str] = {
    "heads": N_("部门负责人和窗口人员"),
    "back_office": N_("后台人员"),
    "community": N_("社区工作人员"),
    "couriers": N_("红色跑腿工"),
}
ROLES: Mapping[str, tuple[str, ...]] = {
    "heads": (
        HEAD,
        "department_head",
        "department_lead",
        "window_clerk",
        "lobby_manager",
        "filing_guide",
        "bank_teller",
    ),
    "back_office": ("back_office_reviewer", "approver", "certificate_issuer", "catalogue_manager"),
    "community": ("community_clerk", "all_round_worker", "station_head", *CAPACITIES),
    "couriers": ("red_courier",),
}
TRAINERS = frozenset({"training_officer", "system_admin", HEAD})
OLDEST_DAYS = 731
LIMIT = 1000


@dataclass(frozen=True)
class Line:
    """One person of an audience with the posts that put them there, and the last training."""

    person: Person
    roles: tuple[str, ...]
    places: tuple[str, ...]
    last: TrainingMark | None


def places_of(session: Session, actor: Actor) -> list[Agency]:
    """Where this actor may see the lists: below a post as trainer, administrator or head."""
    held = grid_rights.paths(actor, TRAINERS)
    found = session.scalars(
        select(Agency).where(grid_rights.within_any(Agency.path, held), Agency.kind != "grid").order_by(Agency.path)
    )
    today = grid_rights.today()
    return [agency for agency in found if agency.exists_on(today)]


def place(session: Session, actor: Actor, place_id: str) -> Agency:
    """The place of a list; outside one's reach it is not found."""
    held = grid_rights.paths(actor, TRAINERS)
    found = (
        session.get(Agency, place_id)
        if place_id
        else session.scalar(
            select(Agency).where(Agency.path == held[0]) if held else select(Agency).where(Agency.id == "")
        )
    )
    if found is None or not any(found.path.startswith(path) for path in held):
        raise NotFound()
    return found


def listed(session: Session, audience: str, at: Agency) -> list[Line]:
    """Everybody who belongs to the audience today at a place and below; a substitute is not trained for a fortnight."""
    if audience not in AUDIENCES:
        raise NotFound()
    today = grid_rights.today()
    grants = session.scalars(
        select(Grant)
        .join(Person, Person.id == Grant.person_id)
        .where(
            Grant.role.in_(ROLES[audience]),
            access.within(Grant.place_path, at.path),
            Grant.principal_id.is_(None),
            Person.active,
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
        .options(joinedload(Grant.person).joinedload(Person.unit), joinedload(Grant.place))
        .order_by(Grant.place_path, Grant.person_id)
        .limit(LIMIT)
    ).unique()
    people: dict[int, tuple[Person, dict[str, None], dict[str, None]]] = {}
    for grant in grants:
        _person, roles, where = people.setdefault(grant.person_id, (grant.person, {}, {}))
        roles[grant.role] = None
        where[grant.place.name] = None
    marks: dict[int, TrainingMark] = {}
    for mark in session.scalars(
        select(TrainingMark)
        .where(TrainingMark.audience == audience, TrainingMark.person_id.in_(list(people)))
        .order_by(TrainingMark.trained_on, TrainingMark.id)
    ):
        marks[mark.person_id] = mark
    return [Line(p, tuple(roles), tuple(where), marks.get(p.id)) for p, roles, where in people.values()]


def mark(
    session: Session,
    actor: Actor,
    audience: str,
    at: Agency,
    people: Sequence[int],
    *,
    trained_on: date | None,
    subject: str,
) -> int:
    """Writes down who was at a training; whoever is already down for that day and subject stays as is."""
    if actor.roles.isdisjoint(TRAINERS) or not any(
        at.path.startswith(path) for path in grid_rights.paths(actor, TRAINERS)
    ):
        raise Forbidden("培训登记由培训管理员、单位负责人或系统管理员办理。")
    errors: dict[str, str] = {}
    today = grid_rights.today()
    if trained_on is None:
        errors["trained_on"] = "请填培训日期"
    elif trained_on > today:
        errors["trained_on"] = "还没有举行的培训不能登记"
    elif trained_on < today - timedelta(days=OLDEST_DAYS):
        errors["trained_on"] = "最多补登两年以内的"
    try:
        about = grid_rights.text(subject, 80, "subject", ask="请写培训内容")
    except InvalidInput as refusal:
        errors |= refusal.errors
        about = ""
    known = {line.person.id for line in listed(session, audience, at)}
    chosen = [i for i in dict.fromkeys(people)]
    if not chosen:
        errors["people"] = "请勾选到场的人"
    elif any(i not in known for i in chosen):
        errors["people"] = "有人不在这份名单里，请刷新后重选"
    if errors:
        raise InvalidInput("还不能登记：" + "；".join(errors.values()) + "。", errors)
    assert trained_on is not None
    there = set(
        session.scalars(
            select(TrainingMark.person_id).where(
                TrainingMark.audience == audience,
                TrainingMark.trained_on == trained_on,
                TrainingMark.subject == about,
                TrainingMark.person_id.in_(chosen),
            )
        )
    )
    new = [i for i in chosen if i not in there]
    for person_id in new:
        session.add(
            TrainingMark(
                person_id=person_id,
                audience=audience,
                trained_on=trained_on,
                subject=about,
                marked_by_id=actor.person_id,
            )
        )
    session.flush()
    details = {"audience": audience, "place": at.id, "day": trained_on.isoformat(), "people": new}
    journal.record(session, "training:mark", actor, stream=f"training:{audience}", details=details)
    return len(new)


def export(lines: Sequence[Line], title: str) -> bytes:
    """The list as an Excel file; a name that looks like a formula stays text."""
    book = Workbook()
    sheet = book.active
    sheet.title = "培训名单"
    sheet.append(["姓名", "职务", "单位", "岗位", "培训日期", "培训内容", "是否培训"])
    names = jurisdiction.role_names()
    for line in lines:
        sheet.append(
            [
                line.person.name,
                line.person.title,
                line.person.unit.name if line.person.unit else "",
                "、".join(names[r][0] for r in line.roles),
                line.last.trained_on.isoformat() if line.last else "",
                line.last.subject if line.last else "",
                "是" if line.last else "否",
            ]
        )
    for row in sheet.iter_rows():
        for cell in row:
            # Excel would work out "=…"; a list of people has nothing to work out.
            cell.data_type = "s"
            cell.quotePrefix = isinstance(cell.value, str) and cell.value[:1] in "=+-@\t\r"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for column, width in zip("ABCDEFG", (12, 28, 24, 28, 14, 24, 10), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    book.properties.title = title
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def export_noted(session: Session, actor: Actor, audience: str, at: Agency, rows: int) -> None:
    """That a list of people left the house is on record."""
    journal.record(
        session,
        "training:export",
        actor,
        stream=f"training:{audience}",
        details={"audience": audience, "place": at.id, "rows": rows},
    )
