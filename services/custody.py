"""材料交接: papers are always in somebody's hands. Every change of hands is a list, counted and named on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case, Material
from models.content import Content
from models.delegation import Delegation, Handover, HandoverLine
from models.paper import Document
from models.person import Person
from models.resident import Resident
from process.access import Actor
from process.inputs import MAX_SHEETS
from process.refusals import InvalidInput, RequirementUnmet
from process.registry import Step
from process.words import N_

DIFFERENCE = "custody:difference"
# What each list is, as people call it; the key stands in `Handover.action`.
ACTIONS: Mapping[str, str] = {
    "collect": N_("上门收取"),
    "send": N_("转交"),
    "return": N_("退回"),
    "result": N_("结果交出"),
    "send_back": N_("退回其中几份"),
    "supply": N_("补送"),
    "pass_on": N_("随转办单送出"),
    "answer": N_("随答复交回"),
    "succeed": N_("移交接替单位"),
    "give_back": N_("归还本人"),
    "move_point": N_("转到别的领取点"),
    "carry": N_("跑腿取件"),
    "arrive": N_("跑腿送达"),
}
# Lists whose papers are on their way until the taker has counted them.
UNDERWAY = ("send", "return", "result", "send_back", "supply", "pass_on", "answer", "move_point")


@dataclass(frozen=True)
class Party:
    """One side of a handover: a unit with whoever acts for it, a person, or the resident at home."""

    label: str
    unit_id: str | None = None
    person_id: int | None = None


def unit(agency: Agency, person: Person | Actor | None = None) -> Party:
    """A unit, signed for by this person."""
    person_id = person.person_id if isinstance(person, Actor) else (person.id if person else None)
    return Party(full_name(agency), agency.id, person_id)


def somebody(person: Person | Actor) -> Party:
    """A member of staff or a courier who has the papers on them."""
    if isinstance(person, Actor):
        return Party(person.name, person.unit_id, person.person_id)
    return Party(person.name, person.unit_id, person.id)


def resident(one: Resident | None) -> Party:
    return Party(f"{one.name}（本人）" if one else "申请人")


def full_name(agency: Agency) -> str:
    """A grid is only known together with its community."""
    return f"{agency.parent.name}{agency.name}" if agency.kind == "grid" and agency.parent else agency.name


@dataclass(frozen=True)
class Line:
    """One line to be handed over."""

    name: str
    sheets: int
    original: bool = False
    condition: str = ""
    material: Material | None = None


def read_lines(given: Iterable[Mapping[str, Any]], case: Case | None) -> list[Line]:
    """Lines as typed, matched with the materials of the case; every mistake names its line."""
    errors: dict[str, str] = {}
    lines: list[Line] = []
    for number, row in enumerate(given, start=1):
        raw = str(row.get("material") or "").strip()
        # Two papers of a case may bear the same name: the second row means the second of them.
        found = find_material(case, raw, but=[line.material for line in lines]) or find_material(case, raw)
        name = found.name if found else raw
        sheets = row.get("sheets", 1)
        condition = str(row.get("condition") or "")
        if not name:
            errors[f"lines-{number - 1}-material"] = f"第 {number} 行没有写材料名称"
        elif len(name) > 80:
            errors[f"lines-{number - 1}-material"] = f"第 {number} 行的材料名称最多 80 个字"
        if len(condition) > 60:
            errors[f"lines-{number - 1}-condition"] = f"第 {number} 行的状况最多 60 个字"
        if not isinstance(sheets, int) or not 0 <= sheets <= MAX_SHEETS:
            errors[f"lines-{number - 1}-sheets"] = f"第 {number} 行的份数应在 0 到 {MAX_SHEETS} 之间"
            continue
        lines.append(Line(name, sheets, bool(row.get("original")), condition, found))
    if errors:
        raise InvalidInput("交接清单有误：" + "；".join(errors.values()) + "。", errors)
    return lines


def find_material(case: Case | None, name: str, but: Sequence[Material | None] = ()) -> Material | None:
    if case is None or not name:
        return None
    return next((m for m in case.materials if name in (m.code, m.name) and m not in but), None)


def lines_of(case: Case) -> list[Line]:
    """The list as it would be written now: what was brought, originals marked."""
    return [Line(m.name, m.sheets or 1, m.original_held, "", m) for m in case.materials if m.provided]


def write(
    session: Session,
    content: Content,
    action: str,
    giver: Party,
    taker: Party,
    lines: Sequence[Line],
    at: datetime,
    *,
    case: Case | None = None,
) -> Handover:
    """Writes the list of one change of hands. Whoever takes over is known by person only once they have counted."""
    handover = Handover(
        content_id=content.id,
        case_id=case.id if case else None,
        action=action,
        from_label=giver.label[:120],
        to_label=taker.label[:120],
        from_person_id=giver.person_id,
        to_person_id=taker.person_id,
        from_unit_id=giver.unit_id,
        to_unit_id=taker.unit_id,
        at=at,
    )
    session.add(handover)
    for position, line in enumerate(lines, start=1):
        handover.lines.append(
            HandoverLine(
                position=position,
                material_id=line.material.id if line.material else None,
                name=line.name,
                original=line.original,
                sheets=line.sheets,
                condition=line.condition,
            )
        )
    session.flush()
    return handover


def latest(session: Session, content: Content, *actions: str) -> Handover | None:
    """The last list of this kind for this thing."""
    return session.scalar(
        select(Handover)
        .where(Handover.content_id == content.id, Handover.action.in_(actions))
        .options(selectinload(Handover.lines))
        .order_by(Handover.id.desc())
        .limit(1)
    )


def sign_unseen(step: Step, handover: Handover, taker: Party) -> None:
    """Takes a closed envelope over as listed, when only the envelope was confirmed."""
    handover.to_person_id, handover.to_unit_id = taker.person_id, taker.unit_id or handover.to_unit_id
    handover.signed_at = step.at
    hold(step.session, [line.material_id for line in handover.lines if line.original and line.material_id], taker)


def case_of(content: Content) -> Case | None:
    """The case whose papers a thing carries; a part passed on carries those of its ticket."""
    if isinstance(content, Delegation) and content.parent is not None:
        return content.parent.case
    found = getattr(content, "case", None)
    return found if isinstance(found, Case) else None


def material_of(step: Step, line: HandoverLine) -> Material | None:
    """The material of the case that this line of a list means."""
    return step.session.get(Material, line.material_id) if line.material_id is not None else None


def hold(session: Session, material_ids: Iterable[int], party: Party) -> None:
    """These originals are now with this party."""
    for material in session.scalars(select(Material).where(Material.id.in_(list(material_ids)))):
        material.original_held = True
        material.holder_unit_id, material.holder_person_id = party.unit_id, party.person_id
        session.flush()
        session.expire(material, ["holder_unit", "holder_person"])


def returnable(case: Case, material: Material) -> bool:
    """An ID card goes back to its owner; a photo or a statement stays in the file."""
    record = catalogue.items().get(case.item.code)
    known = next((m for m in record.materials if m.id == material.code), None) if record else None
    return known is None or known.reusable


def originals_out(case: Case) -> list[Material]:
    """Originals that somebody still has and the applicant must get back."""
    return [m for m in case.materials if m.original_held and returnable(case, m)]


def give_back(step: Step, case: Case, giver: Party, signature: Document | None = None) -> Handover | None:
    """The applicant gets the originals back; what belongs in the file stays there."""
    out = originals_out(case)
    if not out:
        return None
    lines = [Line(m.name, m.sheets or 1, True, "", m) for m in out]
    handover = _returned(step, lines, giver, case.applicant, signature, case)
    for material in out:
        material.original_held = False
        material.holder_unit = material.holder_person = None
        material.holder_unit_id = material.holder_person_id = None
    step.session.flush()
    return handover


def give_collected_back(step: Step, visit: Content, giver: Party, signature: Document | None = None) -> Handover | None:
    """Originals taken along from a home without a case of their own."""
    taken = latest(step.session, visit, "collect")
    lines = (
        [Line(line.name, line.sheets, True, line.condition) for line in taken.lines if line.original] if taken else []
    )
    return _returned(step, lines, giver, visit.applicant, signature, None) if lines else None


def _returned(
    step: Step,
    lines: Sequence[Line],
    giver: Party,
    owner: Resident | None,
    signature: Document | None,
    case: Case | None,
) -> Handover:
    handover = write(step.session, step.content, "give_back", giver, resident(owner), lines, step.at, case=case)
    handover.to_signature_id = signature.id if signature else None
    for line in handover.lines:
        line.counted = line.sheets
    step.session.flush()
    return handover


def require_back(case: Case | None) -> None:
    """Nothing is closed while somebody still has the applicant's originals."""
    out = originals_out(case) if case else []
    if out:
        named = "、".join(f"{m.name}（在{holder(m)}）" for m in out)
        raise RequirementUnmet(f"还有原件没有归还申请人：{named}。请先归还并登记，再办结。")


def holder(material: Material) -> str:
    """Who has this original now, in words."""
    parts = [
        full_name(material.holder_unit) if material.holder_unit else "",
        material.holder_person.name if material.holder_person else "",
    ]
    return " ".join(part for part in parts if part) or "登记人处"
