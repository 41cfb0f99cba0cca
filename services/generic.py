"""New things of types without Python: everything about them is read from their two YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import ServiceItem
from models.content import Content, ContentPlace
from models.resident import Resident
from process import access, clock, engine, registry
from process.access import Actor
from process.content_types import ADDRESSEE_FIELDS, ContentType, Field
from process.library import library
from process.refusals import Forbidden, InvalidInput
from services import case_routing, field_values, residents

# Besides the fields of the type: where it is registered, the whole set of fields as one object, and a name already typed.
KNOWN_KEYS = frozenset({"place", "fields"})
APPLICANT_PARTS = ("name", "id_number", "phone", "address", "household_address")
TITLE_LENGTH, WORDS_LENGTH = 200, 500
PLACE_LIMIT = 300


def create(session: Session, actor: Actor, kind: ContentType, data: Mapping[str, Any]) -> Content:
    """A thing as typed by somebody who may begin this process here; every mistake is told at once."""
    given = _flat(kind, data)
    if not may_start(actor, kind):
        raise Forbidden(f"您没有新建“{kind.title.zh}”的权限，请联系本单位负责人。")
    place = place_of(session, actor, kind, given.get("place"))
    if not engine.may_create(actor, kind, place):
        # Before anything typed is judged: who may not begin it here learns nothing from the answers.
        raise Forbidden(f"您在{place.name}没有新建“{kind.title.zh}”的权限，请联系本单位负责人。")
    values, errors = field_values.read(session, actor, kind, given, whole=True)
    errors |= {name[:60]: "没有这个字段" for name in given if not _known(kind, name)}
    errors |= by_steps(kind, given)
    person, wrong = _applicant(session, actor, kind, given, place)
    errors |= wrong
    refuse(kind, errors)
    content = Content(fields={}, private={}, title="", search_text="")
    if person is not None:
        content.applicant_id, content.applicant = person.id, person
    if values.get("unit"):
        content.unit_id = values["unit"]
    write(session, content, kind, values)
    engine.create(session, content, actor, type_id=kind.id, place=place)
    admit_addressees(session, content, kind)
    session.flush()
    return content


def asked(kind: ContentType) -> tuple[Field, ...]:
    """The fields of the form: what a later step asks for is written by that step, unless it must be there from the start."""
    later: set[str] = set()
    for step in library.workflows[kind.workflow].transitions.values():
        later |= {spec.name for spec in step.inputs}
        later |= {name for effect in step.effects for name in registry.written.get(effect, ())}
    return tuple(spec for spec in kind.fields if spec.required or spec.name not in later)


def by_steps(kind: ContentType, names: Iterable[str]) -> dict[str, str]:
    """What nobody types, because a step writes it: a decision, a ticket that was drawn."""
    open_to_all = {spec.name for spec in asked(kind)}
    return {
        name: "由办理步骤填写，不能直接写" for name in names if kind.field(name) is not None and name not in open_to_all
    }


def refuse(kind: ContentType, errors: Mapping[str, str]) -> None:
    """All that is wrong, in one sentence for people and by field for forms and programs."""
    if not errors:
        return
    titles = {spec.name: spec.title.zh for spec in kind.fields}
    told = "；".join(f"{titles.get(name, name)}：{why.rstrip('。')}" for name, why in errors.items())
    raise InvalidInput(f"“{kind.title.zh}”还不能登记：{told}。", errors)


def _flat(kind: ContentType, data: Mapping[str, Any]) -> dict[str, Any]:
    nested = data.get("fields")
    if nested is not None and not isinstance(nested, Mapping):
        raise InvalidInput("fields 应是一组字段。", {"fields": "应是一组字段"})
    return {**{k: v for k, v in data.items() if k != "fields"}, **dict(nested or {})}


def _known(kind: ContentType, name: str) -> bool:
    if kind.field("applicant") is not None and name.startswith("applicant_"):
        return name.removeprefix("applicant_") in APPLICANT_PARTS
    return name in KNOWN_KEYS or kind.field(name) is not None


# --- Where it is registered


def place_of(session: Session, actor: Actor, kind: ContentType, named: Any) -> Agency:
    """As named, else where the actor works or lives and may begin this process."""
    if named not in (None, ""):
        try:
            return field_values.agency(session, named)
        except ValueError as problem:
            raise InvalidInput(f"登记单位：{problem}。", {"place": str(problem)}) from problem
    usual = usual_place(session, actor, kind)
    if usual is None:
        raise InvalidInput("请选择由哪个单位登记。", {"place": "请选择由哪个单位登记"})
    return usual


def usual_place(session: Session, actor: Actor, kind: ContentType) -> Agency | None:
    """The actor's own unit where that allows it, else the place of a post that does, else where the resident lives."""
    own = session.get(Agency, actor.unit_id) if actor.unit_id else None
    if own is not None and any(actor.holds(role, own.path) for role in kind.create):
        return own
    paths = sorted({held.path for held in actor.held if held.role in kind.create}, key=len, reverse=True)
    if paths:
        return session.scalar(select(Agency).where(Agency.path == paths[0]))
    if actor.resident_id is not None:
        person = session.get(Resident, actor.resident_id)
        return session.get(Agency, person.community_id) if person is not None and person.community_id else None
    return own if "anyone" in kind.create else None


def places_for(session: Session, actor: Actor, kind: ContentType) -> list[Agency]:
    """Every unit this actor may register it at, nearest to the root first."""
    if "anyone" in kind.create or ("applicant" in kind.create and actor.resident_id is not None):
        condition: ColumnElement[bool] = Agency.kind.in_(("street", "street_centre", "town", "community", "village"))
    else:
        paths = {held.path for held in actor.held if held.role in kind.create}
        if not paths:
            return []
        condition = or_(*(access.within(Agency.path, path) for path in sorted(paths)))
    today = clock.local_day(now())
    found = session.scalars(select(Agency).where(condition).order_by(Agency.path).limit(PLACE_LIMIT))
    return [agency for agency in found if agency.exists_on(today)]


def may_start(actor: Actor, kind: ContentType) -> bool:
    """Whether there is any place where this actor may begin this process."""
    if not kind.create or actor.person_id is None:
        return False
    if "anyone" in kind.create or ("applicant" in kind.create and actor.resident_id is not None):
        return True
    return not actor.roles.isdisjoint(kind.create)


# --- Whom it is about


def _applicant(
    session: Session, actor: Actor, kind: ContentType, given: Mapping[str, Any], place: Agency
) -> tuple[Resident | None, dict[str, str]]:
    spec = kind.field("applicant")
    if spec is None:
        own = actor.resident_id is not None and "applicant" in kind.create
        return (session.get(Resident, actor.resident_id) if own else None), {}
    nested = given.get("applicant")
    if nested is not None and not isinstance(nested, Mapping):
        return None, {"applicant": "应写明姓名、身份证号码、电话和住址"}
    # Pages send flat fields, the API sends a mapping.
    found = {part: given.get(f"applicant_{part}", (nested or {}).get(part)) for part in APPLICANT_PARTS}
    found = {part: value for part, value in found.items() if value not in (None, "")}
    odd = [part for part, value in found.items() if not isinstance(value, str)]
    odd += [str(part)[:60] for part in (nested or {}) if part not in APPLICANT_PARTS]
    if odd:
        return None, {f"applicant.{part}": "应是文字" if part in APPLICANT_PARTS else "没有这个字段" for part in odd}
    if actor.resident_id is not None and not any(held.role in kind.create for held in actor.held if _staff(held.role)):
        return _oneself(session, actor, found)
    if not found and not spec.required:
        return None, {}
    try:
        return residents.find_or_create(
            session,
            found,
            case_routing.above(place, "community", "village"),
            case_routing.above(place, "grid"),
            prefix="applicant.",
        ), {}
    except InvalidInput as refusal:
        return None, refusal.errors or {"applicant": refusal.detail}


def _staff(role: str) -> bool:
    return role not in ("applicant", "anyone")


def _oneself(session: Session, actor: Actor, found: Mapping[str, Any]) -> tuple[Resident | None, dict[str, str]]:
    """A resident's account speaks for itself only."""
    person = session.get_one(Resident, actor.resident_id)
    number = "".join(str(found.get("id_number") or person.id_number).split()).upper()
    if number != person.id_number:
        return None, {"applicant.id_number": "居民账号只能为本人办理，为家人办理请到社区窗口"}
    return person, {}


# --- What it says


def write(session: Session, content: Content, kind: ContentType, values: Mapping[str, Any]) -> None:
    """Plain fields where lists can read them, personal ones encrypted; title and words to find it by follow from both."""
    secret = {spec.name for spec in kind.fields if spec.private}
    kept = {name: field_values.stored(value) for name, value in values.items() if name != "title"}
    content.fields = {**(content.fields or {}), **{n: v for n, v in kept.items() if n not in secret}}
    private = {**(content.private or {}), **{n: v for n, v in kept.items() if n in secret}}
    content.private = {n: v for n, v in private.items() if v is not None} or None
    if values.get("title"):
        content.title = values["title"]
    elif kind.field("title") is None or not content.title:
        content.title = _title(session, content, kind)
    content.search_text = _words(content, kind)


def _title(session: Session, content: Content, kind: ContentType) -> str:
    """What it is and what it is about: the item, else the first words anybody may read."""
    about = ""
    for spec in kind.fields:
        value = content.fields.get(spec.name)
        if spec.private or not value:
            continue
        if spec.kind == "item":
            about = session.scalar(select(ServiceItem.title).where(ServiceItem.code == value)) or ""
        elif spec.kind == "text":
            about = str(value)
        if about:
            break
    return f"{kind.title.zh}：{about}"[:TITLE_LENGTH] if about else kind.title.zh


def _words(content: Content, kind: ContentType) -> str:
    words = [content.title, content.applicant.name if content.applicant else ""]
    words += [
        str(content.fields.get(spec.name) or "")
        for spec in kind.fields
        if spec.kind in ("text", "longtext") and not spec.private
    ]
    return " ".join(word for word in words if word)[:WORDS_LENGTH]


def addressees(content: Content, kind: ContentType) -> list[str]:
    """The units its fields send it to."""
    found: list[str] = []
    for spec in addressee_fields(kind):
        value = content.values.get(spec.name)
        found += value if isinstance(value, list) else [value] if value else []
    return list(dict.fromkeys(found))


def addressee_fields(kind: ContentType) -> list[Field]:
    return [spec for spec in kind.fields if spec.name in ADDRESSEE_FIELDS and spec.kind in ("agency", "agencies")]


def admit_addressees(session: Session, content: Content, kind: ContentType) -> None:
    """Who is named as addressee sees it as one; who is no longer named does not, and nobody else's sight changes."""
    if not addressee_fields(kind):
        return
    wanted = addressees(content, kind)
    own = [p for p in content.places if p.relation == "addressee" and p.cause_uid == content.uid and p.until is None]
    for place in own:
        if place.place_id not in wanted:
            place.until = now()
    standing = {place.place_id for place in own}
    for agency_id in wanted:
        if agency_id not in standing:
            agency = session.get_one(Agency, agency_id)
            content.places.append(
                ContentPlace(
                    relation="addressee",
                    place_id=agency.id,
                    place_path=agency.path,
                    cause=kind.id[:20],
                    cause_uid=content.uid,
                )
            )
    session.flush()
