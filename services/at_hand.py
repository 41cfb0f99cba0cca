"""Whether an original can be handed out now: it lies here, not at another office, not with a courier, not in an envelope on its way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from models.agency import Agency
from models.case import Case, Material
from models.delegation import Handover, HandoverLine
from process.refusals import InvalidInput, RequirementUnmet
from services import custody


def at_hand(material: Material, unit: Agency, *people: int | None) -> bool:
    """Whether an original lies at this unit, with somebody of it, or with one of these people."""
    if not material.original_held or (material.holder_person_id is not None and material.holder_person_id in people):
        return True
    if with_courier(material, unit):
        return False
    if material.holder_unit is not None:
        return material.holder_unit.path.startswith(unit.path)
    return material.holder_person is None or bool(
        material.holder_person.unit and material.holder_person.unit.path.startswith(unit.path)
    )


def with_courier(material: Material, place: Agency) -> bool:
    """An errand point stands under its community, yet what its couriers carry is not in the community's hands."""
    unit = material.holder_unit
    return unit is not None and unit.kind == "errand_point" and not place.path.startswith(unit.path)


def on_the_way(session: Session, case: Case) -> dict[int, str]:
    """Originals in an envelope that nobody has counted yet, with who is to count it; until then they stand as the sender's."""
    rows = session.execute(
        select(HandoverLine.material_id, HandoverLine.counted, Handover)
        .join(Handover, Handover.id == HandoverLine.handover_id)
        # A successor takes over what stood as the closed office's; the envelope is on its way all the same.
        .where(Handover.case_id == case.id, HandoverLine.material_id.is_not(None), Handover.action != "succeed")
        .order_by(Handover.id)
    )
    last = {material_id: (counted, handover) for material_id, counted, handover in rows}
    return {
        material.id: last[material.id][1].to_label
        for material in case.materials
        if material.original_held and material.id in last and uncounted(*last[material.id])
    }


def uncounted(counted: int | None, handover: Handover) -> bool:
    """Whether a line of this list is still on its way; a closed envelope may be signed for by a unit without a person."""
    signed = handover.to_person_id is not None or handover.signed_at is not None
    return handover.action in custody.UNDERWAY and counted is None and not signed


def whereabouts_of(material: Material, underway: Mapping[int, str]) -> str:
    """Where a refusal says that an original is."""
    if material.id in underway:
        return f"已交出，在路上，待{underway[material.id]}清点"
    return f"在{custody.holder(material)}"


def require_at_hand(lines: Iterable[custody.Line], unit: Agency, *people: int | None) -> None:
    """Nobody hands out what another office has, nor twice what already lies in an envelope that nobody has counted."""
    underway: dict[int, dict[int, str]] = {}
    wrong: dict[str, str] = {}
    listed: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        material = line.material
        if not line.original or material is None:
            continue
        if material.case_id not in underway:
            underway[material.case_id] = _underway_of(material)
        sentence = ""
        if material.id in listed:
            sentence = f"第 {number} 行“{line.name}”和第 {listed[material.id]} 行是同一份原件，只能交出一次"
        elif not at_hand(material, unit, *people):
            sentence = (
                f"第 {number} 行“{line.name}”的原件在{custody.holder(material)}，不在{custody.full_name(unit)}手里"
            )
        elif material.id in underway[material.case_id]:
            sentence = (
                f"第 {number} 行“{line.name}”的原件已列在交给{underway[material.case_id][material.id]}的清单上，"
                "对方还没有清点，不能再列一次"
            )
        listed.setdefault(material.id, number)
        if sentence:
            wrong[f"lines-{number - 1}-material"] = sentence
    if wrong:
        raise InvalidInput("交接清单有误：" + "；".join(wrong.values()) + "。请先取回，或从清单上删掉这一行。", wrong)


def _underway_of(material: Material) -> dict[int, str]:
    session = object_session(material)
    case = session.get(Case, material.case_id) if session is not None else None
    return on_the_way(session, case) if session is not None and case is not None else {}


def require_within(session: Session, case: Case, place: Agency, *people: int | None) -> None:
    """What is given back now lies at this community or with one of these people, not at another office, nor with a courier."""
    near = place
    while near.kind not in ("community", "village") and near.parent is not None:
        near = near.parent
    root = near if near.kind in ("community", "village") else place
    underway = on_the_way(session, case)

    def here(material: Material) -> bool:
        if material.id in underway:
            return False
        if material.holder_person_id is not None and material.holder_person_id in people:
            return True
        if material.holder_unit is None:
            return material.holder_person_id is None
        return material.holder_unit.path.startswith(root.path) and not with_courier(material, place)

    away = [m for m in custody.originals_out(case) if not here(m)]
    if away:
        named = "、".join(f"{m.name}（{whereabouts_of(m, underway)}）" for m in away)
        raise RequirementUnmet(f"还有原件没有取回：{named}。请先取回，再一起送还申请人。")
