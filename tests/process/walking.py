"""A small office in which any process can be walked: real types, real engine, people who hold exactly one role."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import Content
from models.paper import Document
from models.person import Grant, Person
from models.task import OPEN
from process import access, engine, office, tasks
from process.access import Actor, load_actor
from process.clock import local_day
from process.content_types import Field
from process.definition import SPECIAL_TOKENS, Definition, Input, Transition
from process.library import library
from services import actions, photo_filing
from services.hall import booking

ITEM = "senior_card"
APPLICANT = {
    "name": "林若琳",
    "id_number": "11010519491231002X",
    "phone": "13800000098",
    "address": "杭州市下城区文晖路示例1幢1单元101室",
}
# Where a process lives when it is not the hall of the street.
PLACES = {
    "grid_event": "dx-c01-g1",
    "subsidy_three_level": "dx-c01",
    "duty_roster": "dx-c01",
    "item_optimisation": "dongxin",
    "catalogue_adjustment": "dongxin",
    "nearby_rollout": "dongxin",
    "item_review": "bureau-1",
    "feasibility_analysis": "bureau-1",
    "supervision_round": "bureau-1",
    "work_task": "bureau-1",
    "opinion_round": "xiacheng",
    "one_thing_definition": "xiacheng",
}
BUREAUS = ("bureau-1", "bureau-2", "bureau-3")


def soon(days: int = 3) -> date:
    return local_day(now()) + timedelta(days=days)


class Office:
    """The installed office with three bureaus added, and as many people as a walk needs."""

    def __init__(self, session: Session) -> None:
        self.session = session
        district = session.get_one(Agency, "xiacheng")
        for number, bureau in enumerate(BUREAUS, start=1):
            session.add(
                Agency(
                    id=bureau,
                    name=f"示例局{number}",
                    kind="bureau",
                    parent_id=district.id,
                    path=f"{district.path}{bureau}/",
                    district=district.district,
                    code=f"B{number}",
                )
            )
        session.flush()
        self.resident = self.person("walk.resident", "xiacheng")
        self.resident.resident_id = (
            session.scalars(select(Person).where(Person.username == "resident")).one().resident_id
        )
        self._count = 0

    # --- people

    def person(self, name: str, unit: str) -> Person:
        made = Person(username=name, name=name, password_hash="!", unit_id=unit)
        self.session.add(made)
        self.session.flush()
        return made

    def actor(self, person: Person) -> Actor:
        self.session.flush()
        return load_actor(self.session, person.id, local_day(now()))

    def holder(self, *roles: str, place: str, unit: str = "hangzhou") -> Actor:
        """Somebody new who holds these roles at this place and nothing else; sits in a unit that has nothing to do with it."""
        self._count += 1
        person = self.person(f"walk.{self._count}", unit)
        at = self.session.get_one(Agency, place)
        for role in roles:
            self.session.add(Grant(person_id=person.id, role=role, place_id=at.id, place_path=at.path))
        return self.actor(person)

    def everything_but(self, roles: set[str], place: str) -> Actor:
        return self.holder(*sorted(set(catalogue.roles()) - roles - {"applicant"}), place=place)

    # --- things

    def begin(self, type_id: str, creator: Actor | None = None, **given: Any) -> Content:
        """A new thing through the same door as forms and API, with whatever its type requires."""
        kind = library.type(type_id)
        place = PLACES.get(type_id, "dongxin-centre")
        if creator is None:
            as_resident = "applicant" in kind.create
            creator = self.actor(self.resident) if as_resident else self.holder(kind.create[0], place=place)
        data: dict[str, Any] = {"place": place}
        for field in kind.fields:
            if field.kind == "applicant":
                if creator.resident_id is None:
                    data["applicant"] = APPLICANT
            elif field.required or field.name in ("unit", "addressee", "addressees", "item"):
                data[field.name] = field_value(field)
        made = actions.create(self.session, creator, type_id, {**data, **given})
        self.session.flush()
        return made

    def case(self, state: str = "submitted") -> Case:
        """A case of the applicant whom the walks are about, filed at the hall."""
        clerk = self.holder("window_clerk", place="dongxin-centre")
        made = actions.create(
            self.session,
            clerk,
            "case",
            {"item": ITEM, "place": "dongxin-centre", "applicant": APPLICANT},
        )
        assert isinstance(made, Case)
        made.state = state
        self.session.flush()
        return made

    def photo(self, content: Content) -> None:
        """One photo of each material of the item."""
        taken = {}
        for material in catalogue.item(ITEM).materials:
            document = Document(
                content_id=content.id,
                purpose="photo",
                filename=f"{material.name}.jpg",
                media_type="image/jpeg",
                size=1,
                sha256="0" * 64,
                storage_key="none",
            )
            self.session.add(document)
            self.session.flush()
            taken[material.id] = document.uid
        content.fields = {**(content.fields or {}), photo_filing.PHOTOS: taken}
        self.session.flush()

    def queue(self, count: int = 1) -> list[Content]:
        """Visitors who wait in the hall with a ticket."""
        waiting = []
        for _ in range(count):
            ticket = self.begin(
                "queue_visit", self.holder("lobby_manager", place="dongxin-centre"), unit="dongxin-centre"
            )
            engine.fire(ticket, "take_ticket", self.actor(self.session.get_one(Person, ticket.owner_id)))
            waiting.append(ticket)
        return waiting

    # --- steps

    def standing(self, content: Content, token: str) -> Actor:
        """Somebody who is exactly this to the thing: by token of a guard."""
        role, _, relation = token.partition("@")
        if token == "owner":
            return self.actor(self.session.get_one(Person, content.owner_id))
        if token == "applicant":
            person = self.person(f"walk.applicant.{self._next()}", "hangzhou")
            person.resident_id = content.applicant_id
            return self.actor(person)
        if token == "assignee":
            return self.actor(self.session.get_one(Person, content.assignee_id))
        if role in ("red_courier", "express_courier"):
            return self._entrusted(content, role)
        if role == "enterprise_applicant":
            return self._enterprise(content)
        if relation == "unit":
            return self.holder(role, place=content.unit_id or content.place_id)
        second = addressed(content)
        if relation == "addressee" or (not relation and second):
            return self.holder(role, place=second[0])
        return self.holder(role, place=content.place_id)

    def _entrusted(self, content: Content, role: str) -> Actor:
        """A courier is somebody to a thing only when it was given to that person."""
        courier = self.holder(role, place=content.place_id)
        content.assignee_id = courier.person_id
        return courier

    def _enterprise(self, content: Content) -> Actor:
        """An enterprise acts in its own matter."""
        owner = self.session.get_one(Person, content.owner_id)
        place = self.session.get_one(Agency, content.place_id)
        self.session.add(
            Grant(person_id=owner.id, role="enterprise_applicant", place_id=place.id, place_path=place.path)
        )
        return self.actor(owner)

    def _next(self) -> int:
        self._count += 1
        return self._count

    def walk(self, content: Content, path: list[str], **special: Any) -> None:
        for step in path:
            self.take(content, step, **special)

    def take(self, content: Content, step: str, token: str | None = None, **special: Any) -> Actor | None:
        """Takes one step as somebody whom the definition names for it."""
        definition = library.workflows[content.workflow]
        transition = definition.transitions[step]
        if step in definition.joined:
            self.answer(content, step, definition)
            return None
        if transition.trigger != "user":
            engine.fire_unattended(content, step)
            return None
        named = token or next(t for t in transition.guard.roles if stands(content, t))
        actor = self.standing(content, named)
        engine.fire(content, step, actor, inputs=self.inputs(content, transition, special))
        return actor

    def answer(self, content: Content, step: str, definition: Definition) -> None:
        """Everybody who is asked speaks; for the step after a refusal the first one refuses."""
        branches = definition.states[content.state].branches
        assert branches is not None
        waiting = [t for t in tasks.current(self.session, content) if t.state == OPEN]
        assert waiting, f"{content.type}: nobody is asked in {content.state}"
        refused = step == branches.refused and step != branches.done
        for number, task in enumerate(waiting):
            branch = branches.every or next(b for b in branches.of if b.id == task.key)
            speaker = self.holder(branch.roles[0], place=task.place_id or content.place_id)
            assert access.may(speaker, access.VIEW_FULL, content), f"{content.type}: who is asked cannot read it"
            office.respond(task, speaker, agreed=not (refused and number == 0), comment="意见")

    def inputs(self, content: Content, transition: Transition, special: Mapping[str, Any]) -> dict[str, Any]:
        given = {spec.name: self.input_value(content, spec) for spec in transition.inputs}
        given |= {name: value for name, value in special.items() if name in given}
        return {name: value for name, value in given.items() if value is not None}

    def input_value(self, content: Content, spec: Input) -> Any:
        match spec.name:
            case "to_unit":
                return "bureau-1"
            case "owed" | "supplied":
                return [{"material": catalogue.item(ITEM).deferrable[0].name}]
            case "issued_papers":
                return "\n".join(f"{name} 示例0001号" for name in catalogue.item(ITEM).outputs)
            case "new_slot":
                hall = self.session.get_one(Agency, "dongxin-centre")
                days = booking.days(self.session, hall, now())[1:]
                # Nobody books one hall twice on a day.
                day = days[int(self._next()) % len(days)]
                return booking.slots(self.session, hall, "A", day, now())[0].start.isoformat()
            case "supply_by":
                return soon(1).isoformat()
            case "trips_after" | "passed_count" | "drawn_from":
                return 1
            case name if name.endswith("_after"):
                return 1
            case name if name.endswith("_before"):
                return 3
            case "case":
                return self.case().number if spec.required else None
        match spec.kind:
            case "choice":
                return spec.options[0][0]
            case "checks":
                return [spec.options[0][0]]
            case "bool":
                return True
            case "number":
                return 2
            case "date":
                return soon().isoformat()
            case "agency":
                return "bureau-1"
            case "text" | "longtext":
                return "示例文字"
        return None


def addressed(content: Content) -> list[str]:
    return [p.place_id for p in content.places if p.relation == "addressee" and p.until is None]


def stands(content: Content, token: str) -> bool:
    """Whether anybody is this to the thing now: nobody is an addressee of what was not passed on yet."""
    if token == "applicant":
        return content.applicant_id is not None
    if token == "assignee":
        return content.assignee_id is not None
    return not token.endswith("@addressee") or bool(addressed(content))


def field_value(field: Field) -> Any:
    match field.kind:
        case "number":
            return 3
        case "bool":
            return True
        case "date":
            return soon().isoformat()
        case "datetime":
            return f"{soon().isoformat()}T09:00+08:00"
        case "choice":
            return field.options[0][0]
        case "agency":
            # A hall answers for its own matters; whoever else is named is another unit.
            return (
                "dongxin-centre" if field.title.zh in ("到哪个大厅", "审批单位", "受理窗口", "受理单位") else "bureau-1"
            )
        case "agencies":
            return ["bureau-2", "bureau-3"]
        case "item":
            return ITEM
        case "person":
            return "window.clerk"
        case "list":
            return ["章晓㛃", "沈丽娟"]
        case "phone":
            return "13800000099"
        case "address":
            return "杭州市下城区文晖路示例2号"
    return "示例"


def path_to(definition: Definition, state: str, avoiding: frozenset[str] = frozenset()) -> list[str]:
    """The fewest steps from the beginning to a state."""
    queue: deque[tuple[str, list[str]]] = deque([(definition.initial, [])])
    seen = {definition.initial}
    while queue:
        here, path = queue.popleft()
        if here == state:
            return path
        for step in definition.exits(here):
            if step.to and step.to not in seen and step.id not in avoiding:
                seen.add(step.to)
                queue.append((step.to, [*path, step.id]))
    raise AssertionError(f"{definition.id}: no way to {state}")


def roles_of(transition: Transition) -> set[str]:
    return {token.partition("@")[0] for token in transition.guard.roles} - set(SPECIAL_TOKENS)
