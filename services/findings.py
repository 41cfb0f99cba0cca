"""待遇资格认证: identity, photo and finding of one person, sent to whoever pays the benefit; nothing is issued."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.resident import CareEntry
from process import clock, engine, registry
from process.access import Actor
from process.inputs import clean_text
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import care, custody, delegations

ITEM = "social_insurance_eligibility_check"
FINDINGS = {
    "alive": N_("健在，符合待遇资格"),
    "moved": N_("已迁出"),
    "dead": N_("已去世"),
    "unclear": N_("需进一步核实"),
}
# The person was not there to show a card, to sign, or to be photographed.
NOT_MET = ("moved", "dead")
GONE = {"dead": "已去世", "moved": "已迁出"}
SHEET = "待遇资格认证情况（含认证照片）"
# Agencies that pay benefits, nearest kind first.
PAYERS = ("insurer", "remote_authority")
# What such an office is called behind the name of its region.
OFFICES = (
    *("社会保险管理服务局", "社会保险事业管理局", "社会保险管理局", "社会保险局", "社会保险中心", "社会保险经办机构"),
    *("社保局", "社保中心", "医疗保障局", "医保局", "人力资源和社会保障局", "人社局"),
)


@dataclass(frozen=True)
class Finding:
    """What the insurer's region is told."""

    verdict: str
    found_on: date
    note: str
    photos: tuple[str, ...]
    region: str


# Asked in order with the step, the visit and the finding; the first that answers a thing has taken it on its way. An
# installation that exchanges tickets with the insurer's region puts itself here; without one it goes as a local ticket.
Forwarder = Callable[[Step, HomeVisit, Finding], Content | None]
forwarders: list[Forwarder] = []


def is_check(visit: Any) -> bool:
    """Is this visit about the finding alone?"""
    return isinstance(visit, HomeVisit) and visit.item.code == ITEM


def not_met(visit: HomeVisit, given: Any) -> bool:
    """The person was not at home for good: nobody to sign and nobody to photograph."""
    return is_check(visit) and given in NOT_MET


def finding_of(visit: HomeVisit, day: date) -> Finding:
    private = visit.private or {}
    return Finding(
        str(private.get("finding") or ""),
        day,
        str(private.get("finding_note") or ""),
        tuple(private.get("photos") or ()),
        str((visit.fields or {}).get("insurer_region") or ""),
    )


def check(visit: HomeVisit, inputs: Any, photos: list[str]) -> None:
    """Every gap of the finding at once."""
    errors: dict[str, str] = {}
    verdict = inputs.get("finding")
    if not verdict:
        errors["finding"] = "请选择资格认证结论"
    if verdict not in NOT_MET and not photos:
        errors["photos"] = "请现场拍一张本人照片"
    if verdict in (*NOT_MET, "unclear") and not inputs.get("finding_note"):
        errors["finding_note"] = "请写明怎么知道的：谁说的、看到什么证明"
    if errors:
        raise InvalidInput("待遇资格认证还差：" + "；".join(errors.values()) + "。", errors)


def forward_finding(step: Step) -> Content:
    """Sends the finding on its way to the insurer's region and answers the ticket it travels on."""
    visit: HomeVisit = step.content
    finding = finding_of(visit, clock.local_day(step.at))
    for forwarder in forwarders:
        taken = forwarder(step, visit, finding)
        if taken is not None:
            return taken
    return _local_ticket(step, visit, finding)


def _local_ticket(step: Step, visit: HomeVisit, finding: Finding) -> Delegation:
    """A delegation to the paying agency if it has a desk here, else to the street, which passes it on."""
    session = step.session
    station = visit.place.parent or visit.place
    payer = payer_of(session, finding.region)
    addressee = payer or delegations.default_addressee(session, visit.item, station)
    message = f"上门资格认证 {visit.number}，现场核对身份并拍照。"
    if finding.region:
        message += f"待遇发放地：{finding.region}。"
    ticket = delegations.open_ticket(
        session,
        step.actor,
        visit.item,
        station,
        addressee,
        visit=visit,
        letter=visit.letter,
        message=message,
        allowed=True,
    )
    ticket.owner_id = visit.assignee_id or step.actor.person_id
    # The finding and its photos are about a person's life: only encrypted, and only for the two ends.
    ticket.private = {
        **((visit.private or {}).get("form") or {}),
        "finding": finding.verdict,
        "finding_note": finding.note,
        "found_on": finding.found_on.isoformat(),
        "photos": list(finding.photos),
    }
    session.flush()
    taken = custody.latest(session, visit, "collect")
    lines = [{"material": SHEET, "sheets": 1, "original": False, "condition": ""}]
    lines += [
        {"material": line.name, "sheets": line.sheets, "original": line.original, "condition": line.condition}
        for line in (taken.lines if taken else ())
    ]
    engine.follow(step, ticket, "send", lines=lines, comment=message)
    return ticket


def payer_of(session: Session, region: str) -> Agency | None:
    """The paying agency of exactly this region, if it has a desk in this installation: a wrong one would learn of a life
    that is none of its business, so what only sounds alike goes by the street."""
    wanted = _plain(region)
    if not wanted:
        return None
    found = session.scalars(select(Agency).where(Agency.kind.in_(PAYERS)).order_by(Agency.id))
    today = clock.local_day(now())
    return next((one for one in found if one.exists_on(today) and wanted in _names(one)), None)


def _plain(words: str) -> str:
    return "".join(words.split())


def _names(payer: Agency) -> set[str]:
    """What people may write for this payer: its name, and the region it pays for, with or without the words of its office."""
    parts = {payer.name, str((payer.details or {}).get("region") or ""), payer.parent.name if payer.parent else ""}
    named = {_plain(part) for part in parts if part}
    return named | {name.removesuffix(tail) for name in named for tail in OFFICES if name.endswith(tail)}


def read_region(value: Any) -> str:
    try:
        return clean_text(value or "", 60)
    except ValueError as problem:
        raise InvalidInput(f"待遇发放地{problem}。", {"insurer_region": str(problem)}) from problem


# --- The way back


@registry.predicate("nothing_to_bring", why="这件有结果或原件要送上门，请点“上门送达”，请本人签收。")
def nothing_to_bring(session: Session, visit: Any, actor: Actor) -> bool:
    """A check is over when the person has been told; whoever gave papers along gets them back at the door."""
    if not is_check(visit):
        return False
    taken = custody.latest(session, visit, "collect")
    return taken is None or not any(line.original for line in taken.lines)


@registry.effect("conclude_check")
def conclude_check(step: Step) -> None:
    """The ticket ends with the visit that started it."""
    from services import visits

    ticket = visits.ticket_of(step.session, step.content)
    if ticket is None:
        return
    given = {"collector": step.content.applicant.name if step.content.applicant else ""}
    if engine.follow(step, ticket, "deliver", **given):
        engine.follow(step, ticket, "close")


@registry.requirement("gone_confirmed")
def gone_confirmed(step: Step) -> None:
    """What was heard at the door does not take anybody off the register; somebody has to have confirmed it."""
    verdict = (step.content.private or {}).get("finding", "")
    if verdict not in GONE or not _entry(step.session, step.content):
        return
    if not step.inputs.get("confirm_gone"):
        raise RequirementUnmet(
            f"上门时的结论是“{GONE[verdict]}”。请先核实（死亡证明、户口注销或迁移证明），"
            "再勾选“去世或迁出已核实”，这位服务对象就移出名册。",
            {"confirm_gone": "请先核实"},
        )
    if not step.inputs.get("comment"):
        raise InvalidInput("请写明怎么核实的，例如“已看户口注销证明”。", {"comment": "请写明怎么核实的"})


def end_entry(step: Step) -> bool:
    """Ends the register entry of somebody who was confirmed dead or moved away; says whether that was so."""
    verdict = (step.content.private or {}).get("finding", "")
    if verdict not in GONE:
        return False
    entry = _entry(step.session, step.content)
    if entry is not None:
        care.end(step.session, step.actor, entry, GONE[verdict], step.at)
    return True


def _entry(session: Session, visit: HomeVisit) -> CareEntry | None:
    return session.scalar(
        select(CareEntry).where(CareEntry.resident_id == visit.applicant_id, CareEntry.ended_on.is_(None))
    )
