"""Where every paper of a case is now, and every list that says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from models.case import Case, Material
from models.delegation import Handover, HandoverLine
from services import custody


@dataclass(frozen=True)
class Whereabouts:
    """One material and the hands it is in."""

    material: Material
    holder: str
    since: datetime | None
    on_the_way: str


def where_is(session: Session, case: Case) -> list[Whereabouts]:
    """For every material that was brought: where it is now, and whether it is on the way to somebody."""
    last: dict[int, tuple[Handover, HandoverLine]] = {}
    for handover in history(session, case):
        for line in handover.lines:
            if line.material_id is not None:
                last[line.material_id] = (handover, line)
    found = []
    for material in case.materials:
        if not material.provided and not material.original_held:
            continue
        where: tuple[Handover | None, HandoverLine | None] = last.get(material.id) or (None, None)
        on_list, on_line = where
        underway = (
            on_list is not None
            and on_line is not None
            and on_list.action in ("send", "result")
            and on_line.counted is None
            and on_list.to_person_id is None
        )
        place = (
            custody.holder(material)
            if material.original_held
            else ("已归还申请人" if on_list and on_list.action == "give_back" else "案卷（复印件或电子件）")
        )
        found.append(
            Whereabouts(
                material,
                place,
                on_list.at if on_list else None,
                f"已交出，待{on_list.to_label}清点" if underway and on_list else "",
            )
        )
    return found


def history(session: Session, case: Case) -> list[Handover]:
    """Every list of this case, oldest first."""
    return list(
        session.scalars(
            select(Handover)
            .where(Handover.case_id == case.id)
            .options(selectinload(Handover.lines))
            .order_by(Handover.at, Handover.id)
        )
    )
