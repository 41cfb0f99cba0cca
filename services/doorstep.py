"""At the door: identity, letter, papers on a list, photos; and the same day all of it filed for the resident."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import at_time, now
from models.case import Case
from models.delegation import Handover, HomeVisit
from models.paper import Document
from models.person import Person
from process import access, clock, engine, registry
from process.access import Actor
from process.definition import Transition
from process.inputs import clean_inputs
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from services import case_forms, custody, delegations, files, findings, letters
from services.findings import ITEM as ELIGIBILITY_CHECK

# The form at the door, one screen each; everything is handed in together by the step `collect`.
SCREENS: Mapping[str, tuple[str, ...]] = {
    "identity": ("identity_checked", "finding", "finding_note"),
    "papers": ("lines",),
    "photos": ("photos",),
    "letter": ("powers", "valid_until", "signature", "fingerprint", "witness_1", "witness_2"),
}
DRAFT = "door"
# While the form of the item may still be completed.
ASKING = ("requested", "scheduled", "visiting", "missed", "collected")


def screen(session: Session, visit: HomeVisit, name: str) -> Transition:
    """The part of `collect` that this screen asks."""
    whole = library.of(visit, session).transitions["collect"]
    asked = tuple(spec for spec in whole.inputs if spec.name in SCREENS[name])
    if visit.item.code != ELIGIBILITY_CHECK:
        asked = tuple(spec for spec in asked if not spec.name.startswith("finding"))
    return replace(whole, inputs=asked)


def screens_of(visit: HomeVisit, given: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """The screens this visit needs: whoever died or moved away shows no card, signs nothing and is not photographed."""
    verdict = (given if given is not None else draft(visit)).get("finding")
    return ("identity", "papers", "photos") if findings.not_met(visit, verdict) else tuple(SCREENS)


def draft(visit: HomeVisit) -> dict[str, Any]:
    """What was done at the door so far."""
    return dict((visit.private or {}).get(DRAFT) or {})


def keep(session: Session, visit: HomeVisit, actor: Actor, name: str, given: Mapping[str, Any]) -> None:
    """Keeps one screen, checked and encrypted, so that a dead battery at the door costs nothing."""
    require_at_door(session, visit, actor)
    cleaned = clean_inputs(screen(session, visit, name), given)
    match name:
        case "identity":
            _require_identity(visit, cleaned)
            if findings.is_check(visit):
                findings.check(visit, cleaned, ["asked later"])
        case "papers":
            _require_lines(visit, cleaned)
        case "photos" if findings.is_check(visit) and not findings.not_met(visit, draft(visit).get("finding")):
            if not cleaned.get("photos"):
                raise InvalidInput("待遇资格认证要有一张本人照片，请现场拍一张。", {"photos": "请现场拍一张本人照片"})
        case "letter":
            terms = letters.read_terms(cleaned, clock.local_day(now()), agent=actor.name, principal=_principal(visit))
            drawn = base64.b64encode(files.signature_png(terms.signature)).decode()
            cleaned |= {"valid_until": terms.valid_until.isoformat(), "signature": f"data:image/png;base64,{drawn}"}
    kept = {field: value for field, value in draft(visit).items() if field not in SCREENS[name]}
    _remember(visit, DRAFT, {**kept, **cleaned, "screens": [*dict.fromkeys([*kept.get("screens", ()), name])]})


def known_answers(visit: HomeVisit) -> dict[str, Any]:
    """What the office can fill in by itself."""
    assert visit.applicant is not None
    return case_forms.known_answers(case_forms.form_of(visit.item), visit.applicant, {})


def keep_answers(session: Session, visit: HomeVisit, actor: Actor, given: Mapping[str, Any]) -> None:
    """What the form of the item asks beyond what the office knows; at the door, or before filing."""
    if visit.state not in ASKING or not access.may(actor, "edit", visit, session):
        raise NotAvailable("现在不能改申请表。已经代为申报的，请在办件上补正。")
    form = case_forms.form_of(visit.item)
    answers = case_forms.clean(form, given)
    known = known_answers(visit)
    lacking = case_forms.missing(form, {**known, **answers}) if visit.item.code != ELIGIBILITY_CHECK else {}
    if lacking:
        raise InvalidInput("申请表还差：" + "".join(lacking.values()), lacking)
    _remember(visit, "form", answers)


def require_at_door(session: Session, visit: HomeVisit, actor: Actor) -> None:
    """Only a leader of this grid, and only while the visit is going on."""
    if visit.state != "visiting":
        raise NotAvailable("现在不在上门中，不能填上门表单。请先点“出发上门”。")
    if "grid_leader@origin" not in access.tokens(visit, actor):
        raise Forbidden("上门表单由本网格的网格长填写。")


def _remember(visit: HomeVisit, key: str, value: Any) -> None:
    visit.private = {**(visit.private or {}), key: value}


def _require_identity(visit: HomeVisit, given: Mapping[str, Any]) -> None:
    if not given.get("identity_checked") and not findings.not_met(visit, given.get("finding")):
        raise InvalidInput(
            "请先出示工作证、核对身份证，核对好了再勾选。",
            {"identity_checked": "请核对身份后勾选“已出示工作证并核对身份证”"},
        )


def _require_lines(visit: HomeVisit, given: Mapping[str, Any]) -> None:
    """What is taken along stands on the list; a check takes nothing along but the finding."""
    lines = given.get("lines") or []
    if not lines and not findings.is_check(visit):
        raise InvalidInput("请把收到的材料写上清单：收走什么就写什么。", {"lines": "请填写“收到的材料”"})
    custody.read_lines(lines, None)


def _principal(visit: HomeVisit) -> str:
    return visit.applicant.name if visit.applicant else ""


def _terms(step: Step) -> letters.Terms:
    return letters.read_terms(
        step.inputs, clock.local_day(step.at), agent=step.actor.name, principal=_principal(step.content)
    )


@registry.requirement("identity_shown")
def identity_shown(step: Step) -> None:
    """The right person was met, or it is said how one knows that nobody lives here any more."""
    _require_identity(step.content, step.inputs)


@registry.requirement("letter_valid")
def letter_valid(step: Step) -> None:
    """Signed, or a fingerprint before two witnesses; with powers and a period that make sense."""
    if not findings.not_met(step.content, step.inputs.get("finding")):
        _terms(step)


@registry.requirement("papers_listed")
def papers_listed(step: Step) -> None:
    """What is taken along stands on the list; a check of being alive needs a finding and a photo."""
    visit: HomeVisit = step.content
    _require_lines(visit, step.inputs)
    photos = _photos(step)
    if findings.is_check(visit):
        findings.check(visit, step.inputs, photos)


def _photos(step: Step) -> list[str]:
    wanted = list(dict.fromkeys(step.inputs.get("photos") or ()))
    known = step.session.scalar(
        select(func.count()).where(Document.content_id == step.content.id, Document.uid.in_(wanted))
    )
    if wanted and known != len(wanted):
        raise InvalidInput("有照片没有传上来，请重新拍照。", {"photos": "照片不在这次上门里"})
    return wanted


@registry.effect("sign_letter")
def sign_letter(step: Step) -> None:
    visit: HomeVisit = step.content
    assert visit.applicant is not None
    if findings.not_met(visit, step.inputs.get("finding")):
        return
    terms = _terms(step)
    letter = letters.write(step.session, visit, step.actor, visit.applicant, visit.item.title, terms, step.at)
    visit.letter_id = letter.id
    step.session.flush()
    step.session.expire(visit, ["letter"])
    step.details["letter"] = letter.id


@registry.effect("collect_papers")
def collect_papers(step: Step) -> None:
    """The leader signs for what is taken along; nothing leaves the home without standing on the list."""
    visit: HomeVisit = step.content
    lines = custody.read_lines(step.inputs.get("lines") or [], None)
    if lines:
        giver, leader = custody.resident(visit.applicant), custody.somebody(step.actor)
        handover = custody.write(step.session, visit, "collect", giver, leader, lines, step.at)
        for line in handover.lines:
            line.counted = line.sheets
        handover.from_signature_id = visit.letter.signature_id if visit.letter else None
        step.details["handover"] = handover.id
    private = {**(visit.private or {})}
    private.pop(DRAFT, None)
    given = {name: step.inputs.get(name) for name in ("finding", "finding_note")} if findings.is_check(visit) else {}
    private |= {name: value for name, value in (*given.items(), ("photos", _photos(step))) if value}
    visit.private = private
    visit.assignee_id = step.actor.person_id
    step.details |= {"lines": len(lines), "photos": len(private.get("photos", ()))}


@registry.effect("file_for_resident")
def file_for_resident(step: Step) -> None:
    """The same day: a case for the resident, and a ticket to whoever decides it.

    All of it at the moment of the step: a thing must not be born after the first step it takes."""
    with at_time(step.at):
        _file(step)


def _file(step: Step) -> None:
    visit: HomeVisit = step.content
    station = _station(step)
    if findings.is_check(visit):
        if not findings.not_met(visit, (visit.private or {}).get("finding")):
            letters.require(visit.letter, clock.local_day(step.at), principal=visit.applicant_id)
        sent = findings.forward_finding(step)
        step.details["delegation" if sent.type == "delegation" else "forwarded"] = sent.uid
        return
    letters.require(visit.letter, clock.local_day(step.at), principal=visit.applicant_id)
    if not visit.item.delegable:
        raise RequirementUnmet(
            f"“{visit.item.title}”须由本人到场办理，不能代办，网格长不能代为申报。请预约窗口，或改为上门协助本人网上申报。"
        )
    case = _file_case(step, visit)
    if not delegations.needs_carrying(visit.item):
        return
    addressee = delegations.default_addressee(step.session, visit.item, station)
    ticket = delegations.open_ticket(
        step.session,
        step.actor,
        visit.item,
        station,
        addressee,
        case=case,
        visit=visit,
        letter=visit.letter,
        message=_message(visit),
        allowed=True,
    )
    ticket.owner_id = visit.assignee_id or step.actor.person_id
    step.session.flush()
    engine.follow(step, ticket, "send", comment=_message(visit))
    step.details["delegation"] = ticket.uid


def _message(visit: HomeVisit) -> str:
    return f"上门代办 {visit.number}，材料由网格长上门收取。"


def _station(step: Step) -> Agency:
    """The community answers for what its grids bring in."""
    grid = step.session.get_one(Agency, step.content.place_id)
    return grid.parent or grid


def _file_case(step: Step, visit: HomeVisit) -> Case:
    assert visit.applicant is not None
    case: Any = registry.creators["case"](step.session, step.actor, _case_data(visit))
    case.assisted_by_id = visit.assignee_id or step.actor.person_id
    visit.case_id = case.id
    _log_papers(step, visit, case)
    step.session.flush()
    step.session.expire(visit, ["case"])
    if not engine.follow(step, case, "submit"):
        raise RequirementUnmet("办件没有申报成功，请先到办件页面补齐再申报。")
    step.details["case"] = case.uid
    return case


def _case_data(visit: HomeVisit) -> dict[str, Any]:
    person = visit.applicant
    assert person is not None
    applicant = {name: getattr(person, name) for name in ("name", "id_number", "phone", "address", "household_address")}
    answers = (visit.private or {}).get("form") or {}
    return {
        **answers,
        "item": visit.item.code,
        "applicant": applicant,
        "place": visit.place_id,
        "channel": "home_visit",
    }


def _log_papers(step: Step, visit: HomeVisit, case: Case) -> None:
    """What was collected becomes the materials of the case, still in the leader's hands."""
    taken = custody.latest(step.session, visit, "collect")
    if taken is None:
        return
    taken.case_id = case.id
    for line in taken.lines:
        material = custody.find_material(case, line.name)
        if material is None:
            continue
        line.material_id = material.id
        material.provided = material.provided or line.sheets > 0
        material.sheets += line.sheets
        if line.original:
            custody.hold(step.session, [material.id], _holder(step, taken))


def _holder(step: Step, taken: Handover) -> custody.Party:
    person = step.session.get(Person, taken.to_person_id) if taken.to_person_id else None
    return custody.somebody(person) if person else custody.somebody(step.actor)
