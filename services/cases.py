"""办件: one application of one person for one item, from the counter to the result in the resident's hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.base import now
from models.case import Case, ServiceItem
from models.delegation import Delegation, HomeVisit, Letter
from models.resident import Resident
from process import access, clock, engine, journal, registry
from process.access import Actor
from process.library import library
from process.refusals import Forbidden, InvalidInput, RequirementUnmet, Stale
from process.registry import Step
from services import (
    case_forms,
    case_routing,
    files,
    item_channels,
    item_places,
    materials,
    paper_rules,
    point_items,
    residents,
)
from services.case_routing import open_to  # noqa: F401  part of what other services use
from services.catalogue_items import by_code, record_of

ONLINE_GROUPS = ("online", "terminal")
COUNTER_WAYS = ("counter", "station")
DELIVERY = "_delivery"
APPLICANT_FIELDS = ("name", "id_number", "phone", "address", "household_address")
# Nobody says how long: what the law allows as a rule.
USUAL_DAYS = 20
DECIDERS = frozenset({"approver@addressee", "community_clerk@addressee"})


@registry.creator("case")
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> Case:
    """Opens a draft: what the office knows is filled in, what was typed is checked, the rest may come later."""
    at = now()
    item = by_code(session, data.get("item"), clock.local_day(at))
    place = _place(session, actor, data)
    staff = _files_for_others(actor, place)
    if not staff and point_items.TELLER in actor.roles and actor.resident_id is None:
        raise Forbidden(f"政银通柜员只在自己的银行网点收件，不能在{place.name}收。请在本网点的“综合受理”收件。")
    if not staff and actor.resident_id is None and not engine.may_create(actor, library.type("case"), place):
        raise Forbidden(f"您在{place.name}没有收件的权限，请到本单位的窗口新建，或请{place.name}办理。")
    channel = _channel(data.get("channel"), place, staff)
    item_places.require_offered(session, item, place, clock.local_day(at))
    item_channels.require_open(session, item, channel)
    closed = paper_rules.closed_item(session, item.code)
    if closed is not None:
        raise InvalidInput(closed, {"item": "该事项现在不受理"})
    applicant_data = _applicant_data(session, actor, data, staff)
    form = case_forms.form_of(item)
    resident, answers, taken_over = _read(session, form, data, applicant_data, place if staff else None)
    case = Case(
        title=item.title,
        item_id=item.id,
        channel=channel,
        applicant_id=resident.id,
        assisted_by_id=actor.person_id if staff else None,
        fields={},
        private={},
    )
    case.item, case.applicant = item, resident
    materials.add_rows(case, record_of(item).materials)
    case_forms.store(case, form, answers)
    case_forms.remember_record(case, taken_over)
    case.unit_id = place.id
    if data.get("materials"):
        materials.fill(case, data["materials"], at, counter=place.id if staff else None)
    engine.create(
        session, case, actor, type_id="case", place=place, at=at, details={"item": item.code, "channel": case.channel}
    )
    _index(case)
    session.flush()
    return case


def update(
    session: Session, case: Case, actor: Actor, data: Mapping[str, Any], *, expected_version: int | None = None
) -> Case:
    """Changes answers and materials of a case that is still being prepared or handled at the front."""
    if expected_version is not None and expected_version != case.version:
        raise Stale(f"您看到的是第 {expected_version} 版，现在已是第 {case.version} 版，请刷新后再改。")
    if not access.may(actor, "edit", case, session):
        raise Forbidden("这件现在不能由您修改。已受理的件要改，请先“一次性告知补正”。")
    require_editable(session, case, actor)
    form = case_forms.form_of(case.item)
    given = _answers(form, data)
    cleaned = case_forms.clean(form, {**case.values, **given})
    if isinstance(data.get("applicant"), Mapping) and case.applicant is not None:
        contact = {"name": case.applicant.name, "id_number": case.applicant.id_number, **data["applicant"]}
        if residents.find_or_create(session, contact, prefix="applicant.").id != case.applicant_id:
            raise InvalidInput("申请人不能换成另一个人，请撤回后重新申报。", {"applicant.id_number": "申请人不能更换"})
    changed = sorted(name for name, value in cleaned.items() if case.values.get(name) != value)
    case_forms.store(case, form, {name: None for name in given if name not in cleaned} | cleaned)
    kept = [name for name in case.values.get(case_forms.FROM_RECORD, ()) if name not in changed]
    case_forms.remember_record(case, kept)
    if data.get("materials"):
        materials.provide(session, case, actor, data["materials"])
    case.version += 1
    case.modified_at = now()
    _index(case)
    journal.record(session, "case:edit", actor, content=case, details={"fields": changed})
    session.flush()
    return case


def require_editable(session: Session, case: Case, actor: Actor) -> None:
    """What else speaks against this person changing the answers; says so before anything is typed."""
    for ask in registry.editing:
        ask(session, case, actor)


def _place(session: Session, actor: Actor, data: Mapping[str, Any]) -> Agency:
    """Where it is filed: as named, else where the clerk sits or the resident lives."""
    named = data.get("place") or actor.unit_id
    if not named and actor.resident_id is not None:
        resident = session.get(Resident, actor.resident_id)
        named = resident.community_id if resident else None
    return case_routing.filing_place(session, named)


def _files_for_others(actor: Actor, place: Agency) -> bool:
    """Whether this actor files here as staff; a resident's account files for itself only."""
    roles = [role for role in library.type("case").create if role not in ("applicant", point_items.TELLER)]
    return any(actor.holds(role, place.path) for role in roles) or point_items.at_own_outlet(actor, place)


def _applicant_data(session: Session, actor: Actor, data: Mapping[str, Any], staff: bool) -> dict[str, Any]:
    given = data.get("applicant")
    if given is not None and not isinstance(given, Mapping):
        raise InvalidInput("申请人应写明姓名、身份证号码、电话和住址。", {"applicant": "应为一组字段"})
    # Pages send flat fields, the API sends a mapping.
    found = {name: data.get(f"applicant_{name}", (given or {}).get(name)) for name in APPLICANT_FIELDS}
    found = {name: value for name, value in found.items() if value not in (None, "")}
    if staff:
        return found
    own = session.get(Resident, actor.resident_id) if actor.resident_id is not None else None
    if own is None:
        return found
    number = str(found.get("id_number") or own.id_number)
    if "".join(number.split()).upper() != own.id_number:
        raise Forbidden("居民账号只能为本人申报。为家人办理请带双方证件和委托书到社区窗口，或由社区上门代办。")
    known = {
        "name": own.name,
        "id_number": own.id_number,
        "phone": own.phone,
        "address": own.address,
        "household_address": own.household_address,
    }
    return {**known, **found}


def _read(
    session: Session, form: Any, data: Mapping[str, Any], applicant: dict[str, Any], place: Agency | None
) -> tuple[Resident, dict[str, Any], list[str]]:
    """Applicant and answers, with the mistakes of both told together; and which answers an earlier registration gave."""
    given = _answers(form, data)
    # A form that asks for the applicant itself is enough: nobody types the name a second time.
    for name in APPLICANT_FIELDS:
        if name not in applicant and given.get(name):
            applicant[name] = given[name]
    errors: dict[str, str] = {}
    resident: Resident | None = None
    answers: dict[str, Any] = {}
    taken_over: list[str] = []
    community = case_routing.above(place, "community", "village")
    try:
        resident = residents.find_or_create(
            session, applicant, community, case_routing.above(place, "grid"), prefix="applicant."
        )
    except InvalidInput as refusal:
        errors |= refusal.errors or {"applicant": refusal.detail}
    try:
        answers = case_forms.clean(form, given)
        if resident is not None:
            known = case_forms.known_answers(form, resident, applicant)
            taken_over = case_forms.from_record(known, answers, applicant)
            answers = case_forms.clean(form, {**known, **answers})
    except InvalidInput as refusal:
        errors |= refusal.errors
    if errors or resident is None:
        raise InvalidInput("请更正：" + "".join(f"{message.rstrip('。')}。" for message in errors.values()), errors)
    return resident, answers, taken_over


def _answers(form: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    fields = data.get("fields")
    nested: Mapping[str, Any] = fields if isinstance(fields, Mapping) else {}
    return {
        field.name: data.get(field.name, nested.get(field.name))
        for field in form.fields
        if field.name in data or field.name in nested
    }


def _channel(given: Any, place: Agency, staff: bool) -> str:
    if not given:
        if not staff:
            return "online_pc"
        if place.kind in catalogue.channels():
            # A sub-centre, an outlet, a bank: the place itself is the way in.
            return place.kind
        return "window_street" if place.kind in case_routing.STREET_KINDS else "window_community"
    if given not in catalogue.channels():
        raise InvalidInput(f"没有“{given}”这种申报渠道，请从列表中选择。", {"channel": "没有这种渠道"})
    # What is filed online is at the street at once; a counter calling itself online would need no ticket, no letter.
    channel = catalogue.channels()[given]
    if (channel.group in ONLINE_GROUPS) is staff:
        words = "窗口代收的请选窗口渠道，网上渠道由居民用自己的账号申报。" if staff else "居民自己申报的请选网上渠道。"
        raise InvalidInput(f"“{channel.name}”不是这样用的：{words}", {"channel": "渠道与申报人不符"})
    return str(given)


def _index(case: Case) -> None:
    name = case.applicant.name if case.applicant else ""
    case.search_text = " ".join(part for part in (case.number, case.title, name) if part)[:500]


# --- Filing and accepting


@registry.requirement("form_complete")
def form_complete(step: Step) -> None:
    case: Case = step.content
    lacking = case_forms.missing(case_forms.form_of(case.item), case.values)
    if lacking:
        raise RequirementUnmet(f"申请表还差 {len(lacking)} 项：{''.join(lacking.values())}填好后再申报。", lacking)


@registry.effect("file_case")
def file_case(step: Step) -> None:
    """首问接待: whoever takes it first stays answerable. How often somebody came is counted from the journal (`trips`)."""
    case: Case = step.content
    materials.note_uploads(step.session, case)
    case.filed_at = case.filed_at or step.at
    if step.actor.resident_id != case.applicant_id or case.applicant_id is None:
        case.first_contact_id = case.first_contact_id or step.actor.person_id


@registry.effect("accept_case")
def accept_case(step: Step) -> None:
    """The promise starts to run; a case accepted again after 补正 keeps its first day."""
    case: Case = step.content
    case.accepted_at = case.accepted_at or step.at


@registry.duration("item_promise")
def item_promise(case: Case) -> tuple[int, int | None]:
    item = record_of(case.item)
    return item.promised_days or item.legal_days or USUAL_DAYS, item.legal_days


# --- Deciding


@registry.predicate("not_own_delegation")
def not_own_delegation(session: Session, case: Case, actor: Actor) -> bool:
    """Staff who carried a case for somebody do not decide it, nor does whoever only stands in for them."""
    if case.applicant_id is not None and case.applicant_id == actor.resident_id:
        return False
    carriers: set[int] = set()
    for kind in (Delegation, HomeVisit):
        for pair in session.execute(
            select(kind.owner_id, Letter.agent_person_id)
            .join(Letter, Letter.id == kind.letter_id, isouter=True)
            .where(kind.case_id == case.id)
        ):
            carriers |= {one for one in pair if one is not None}
    if actor.person_id in carriers:
        return False
    own = actor.without_posts_of(carriers)
    return own is actor or not access.tokens(case, own).isdisjoint(DECIDERS)


@registry.effect("note_reviewer")
def note_reviewer(step: Step) -> None:
    step.content.reviewer_id = step.actor.person_id


@registry.effect("note_approver")
def note_approver(step: Step) -> None:
    case: Case = step.content
    case.approver_id, case.decided_at = step.actor.person_id, step.at


@registry.effect("draft_certificate")
def draft_certificate(step: Step) -> None:
    from services import certificates

    certificate = certificates.draft(step, step.content)
    if certificate is not None:
        step.details["certificate"] = certificate.uid


# --- Result


@registry.effect("issue_certificate")
def issue_certificate(step: Step) -> None:
    """发证 pressed on the case walks its certificate through number, seal and issue."""
    from services import certificates

    certificate = certificates.of_case(step.session, step.content)
    if certificate is None:
        return
    for verb in ("number", "seal", "issue"):
        engine.follow(step, certificate, verb)


@registry.effect("note_issued")
def note_issued(step: Step) -> None:
    """统一窗口出件: the result goes out where the resident came in; carried cases go back with their delegation."""
    case: Case = step.content
    case.issued_at = step.at
    case.result_unit_id = case_routing.fetched_at(case)
    if case.unit_id is None:
        case.unit_id = case.deciding_unit_id or case.place_id


@registry.effect("deliver_certificate")
def deliver_certificate(step: Step) -> None:
    from services import certificates, handing_over

    case: Case = step.content
    way = step.inputs.get("way") or "counter"
    collector = step.inputs.get("collector") or (case.applicant.name if case.applicant else "")
    delivery: dict[str, Any] = {"way": way, "by": step.actor.name, "unit": step.actor.unit_id or case.result_unit_id}
    private: dict[str, Any] = {"collector": collector, "express_number": step.inputs.get("express_number", "")}
    signature = step.inputs.get("signature")
    certificate = certificates.of_case(step.session, case)
    if signature and certificate is None:
        private["signature"] = files.store_signature(step.session, case, step.actor, signature, "领取人签名").id
    case.fields = {**(case.fields or {}), DELIVERY: delivery}
    case.private = {**(case.private or {}), DELIVERY: private}
    # What was said or checked about whoever stood here; a way that nobody named proves nothing.
    named = step.inputs.get("way") or step.inputs.get("who") or (step.cause and step.cause.inputs.get("who"))
    step.details |= {"way": way, "in_person": bool(named) and way in COUNTER_WAYS}
    if certificate is not None:
        given = handing_over.forwarded(step.inputs)
        engine.follow(step, certificate, "deliver", collector=collector, signature=signature, **given)


@registry.predicate("not_rated")
def not_rated(session: Session, case: Case, actor: Actor) -> bool:
    return case.rating is None


@registry.effect("note_rating")
def note_rating(step: Step) -> None:
    step.content.rating = int(step.inputs["score"])
    step.details["score"] = step.content.rating


def items_on_offer(session: Session) -> list[ServiceItem]:
    """What can be filed today, in the order of the catalogue."""
    today = clock.local_day(now())
    found = {item.code: item for item in session.scalars(select(ServiceItem).where(ServiceItem.state == "published"))}
    return [
        found[code]
        for code, record in catalogue.items().items()
        if code in found and record.fileable(today) and paper_rules.closed_item(session, code) is None
    ]
