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
from models.delegation import Handover, HandoverLine
from models.paper import Document
from models.person import Person
from models.resident import Resident
from process import journal
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
    "give_back": N_("归还本人"),
    "carry": N_("跑腿取件"),
    "arrive": N_("跑腿送达"),
}


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
        found = find_material(case, raw)
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


def find_material(case: Case | None, name: str) -> Material | None:
    if case is None or not name:
        return None
    return next((m for m in case.materials if name in (m.code, m.name)), None)


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


@dataclass(frozen=True)
class Count:
    """What the receiver found for one line; `listed` is None for a paper that stands on no list."""

    listed: HandoverLine | None
    name: str
    counted: int
    difference: str

    @property
    def differs(self) -> bool:
        return self.counted != (self.listed.sheets if self.listed else 0)


def read_count(handover: Handover, given: Sequence[Mapping[str, Any]]) -> list[Count]:
    """Every line must be counted, and a number that differs needs its note before anybody signs."""
    by_position = {line.position: line for line in handover.lines}
    by_name = {line.name: line for line in handover.lines}
    errors: dict[str, str] = {}
    seen: dict[int, Count] = {}
    extra: list[Count] = []
    for index, row in enumerate(given):
        name = str(row.get("material") or "")
        listed = by_position.get(row["line"]) if "line" in row else by_name.get(name)
        if listed is None and not name:
            listed = by_position.get(index + 1)
        number = listed.position if listed else index + 1
        label = f"第 {number} 行“{listed.name if listed else name or '未写名称'}”"
        counted = row.get("counted", row.get("sheets"))
        if counted is None:
            errors[f"lines-{number - 1}-counted"] = f"{label}还没有清点"
            continue
        if not isinstance(counted, int) or not 0 <= counted <= MAX_SHEETS:
            errors[f"lines-{number - 1}-counted"] = f"{label}的实点数应在 0 到 {MAX_SHEETS} 之间"
            continue
        count = Count(listed, listed.name if listed else name, counted, str(row.get("difference") or "").strip())
        if count.differs and not count.difference:
            said = f"清单上是 {listed.sheets} 份，实点 {counted} 份" if listed else "清单上没有"
            errors[f"lines-{number - 1}-difference"] = f"{label}{said}，请写明差异再签收"
        if listed is None and not name:
            errors[f"lines-{number - 1}-material"] = f"第 {number} 行不在清单上，请写明材料名称"
        if listed is None:
            extra.append(count)
        else:
            seen[listed.position] = count
    for line in handover.lines:
        field = f"lines-{line.position - 1}-counted"
        if line.position not in seen and field not in errors:
            errors[field] = f"第 {line.position} 行“{line.name}”还没有清点"
    if errors:
        raise InvalidInput("清点还没有完成：" + "；".join(dict.fromkeys(errors.values())) + "。", errors)
    return [seen[line.position] for line in handover.lines] + extra


def sign_for(
    step: Step, handover: Handover, counts: Sequence[Count], taker: Party, *also: Content | None
) -> list[Count]:
    """Takes the counted papers over; differences go into the history of both ends."""
    session = step.session
    handover.to_person_id, handover.to_unit_id = taker.person_id, taker.unit_id or handover.to_unit_id
    originals: list[int] = []
    for count in counts:
        line = count.listed
        if line is None:
            line = HandoverLine(position=len(handover.lines) + 1, name=count.name[:80], sheets=0)
            handover.lines.append(line)
        line.counted, line.difference = count.counted, count.difference[:200]
        # What did not arrive stays with whoever handed it out.
        if line.original and line.material_id is not None and count.counted:
            originals.append(line.material_id)
    hold(session, originals, taker)
    differing = [count for count in counts if count.differs]
    if differing:
        details = {
            "handover": handover.id,
            "lines": [
                {
                    "line": c.listed.position if c.listed else None,
                    "listed": c.listed.sheets if c.listed else 0,
                    "counted": c.counted,
                }
                for c in differing
            ],
        }
        notes = "；".join(f"{c.name}：{c.difference}" for c in differing)
        for content in (step.content, *also):
            if content is not None:
                journal.record(
                    session, DIFFERENCE, step.actor, content=content, comment=notes, details=details, at=step.at
                )
    session.flush()
    return differing


def sign_unseen(step: Step, handover: Handover, taker: Party) -> None:
    """Takes a closed envelope over as listed, when only the envelope was confirmed."""
    handover.to_person_id, handover.to_unit_id = taker.person_id, taker.unit_id or handover.to_unit_id
    hold(step.session, [line.material_id for line in handover.lines if line.original and line.material_id], taker)


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


def require_within(case: Case, place: Agency, *people: int | None) -> None:
    """What is given back now lies at this community or with one of these people, not at another office."""
    near = place
    while near.kind not in ("community", "village") and near.parent is not None:
        near = near.parent
    root = near if near.kind in ("community", "village") else place

    def here(material: Material) -> bool:
        if material.holder_unit is None:
            return material.holder_person_id in (None, *people)
        return material.holder_unit.path.startswith(root.path) or material.holder_person_id in people

    away = [m for m in originals_out(case) if not here(m)]
    if away:
        named = "、".join(f"{m.name}（在{holder(m)}）" for m in away)
        raise RequirementUnmet(f"还有原件没有取回：{named}。请先取回，再一起送还申请人。")


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
