"""Where every paper is now, since when, who signed for it, and every hand it went through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from models.agency import Agency
from models.case import Case, Material
from models.delegation import Delegation, Handover, HandoverLine
from models.paper import Document, Paper
from process import access
from process.access import Actor
from process.words import N_
from services import at_hand, custody
from services.search import matching

MOST = 60
IN_FILE, GIVEN_BACK = N_("案卷（复印件或电子件）"), N_("已归还申请人")


@dataclass(frozen=True)
class Hand:
    """One change of hands of one paper."""

    handover: Handover
    line: HandoverLine
    title: str
    number: str
    signed_by: str
    signed_at: datetime | None

    @property
    def counted(self) -> bool:
        return self.line.counted is not None or self.handover.signed_at is not None


@dataclass(frozen=True)
class Whereabouts:
    """One paper and the hands it is in."""

    material: Material | None
    name: str
    original: bool
    sheets: int
    holder: str
    since: datetime | None
    on_the_way: str
    # The last count by which somebody answers for it.
    signed: Hand | None
    chain: tuple[Hand, ...]


def where_is(session: Session, case: Case) -> list[Whereabouts]:
    """For every material that was brought: where it is now, and whether it is on the way to somebody."""
    hands = _by_paper(session, history(session, case))
    return [
        _now(material, material.name, material.original_held, material.sheets or 0, hands.get(material.id, ()))
        for material in case.materials
        # A copy that was lost on the way is no longer in the file, but somebody still looks for it.
        if material.provided or material.original_held or material.id in hands
    ]


def on_lists(session: Session, ticket: Delegation) -> list[Whereabouts]:
    """The papers on the lists of one ticket, for whoever sees the ticket and not the case."""
    lists = list(
        session.scalars(
            select(Handover)
            .where(Handover.content_id == ticket.id)
            .options(selectinload(Handover.lines))
            .order_by(Handover.at, Handover.id)
        )
    )
    hands = _by_paper(session, lists)
    ids = [key for key in hands if isinstance(key, int)]
    materials = {m.id: m for m in session.scalars(select(Material).where(Material.id.in_(ids)))}
    return [
        _now(
            materials.get(key) if isinstance(key, int) else None,
            chain[-1].line.name,
            chain[-1].line.original,
            chain[-1].line.sheets,
            chain,
        )
        for key, chain in hands.items()
    ]


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


def _by_paper(session: Session, lists: Sequence[Handover]) -> dict[int | str, tuple[Hand, ...]]:
    """Every hand, by the material it is about, or by the name where no material is known."""
    numbers = _numbers(session, {one.content_id for one in lists})
    found: dict[int | str, list[Hand]] = {}
    for handover in lists:
        for line in handover.lines:
            person = handover.to_person.name if handover.to_person else ""
            # Some labels end with the name of the person already.
            named = not person or handover.to_label.endswith(person)
            signer = handover.to_label if named else f"{handover.to_label} {person}".strip()
            counted = line.counted is not None or handover.signed_at is not None
            hand = Hand(
                handover,
                line,
                custody.ACTIONS.get(handover.action, handover.action),
                numbers.get(handover.id, ""),
                signer if counted and handover.to_person_id is not None else "",
                (handover.signed_at or handover.at) if counted else None,
            )
            found.setdefault(line.material_id if line.material_id is not None else line.name, []).append(hand)
    return {key: tuple(hands) for key, hands in found.items()}


def _numbers(session: Session, content_ids: Iterable[int]) -> dict[int, str]:
    """The number printed on each list: the thing's own, and which of its lists it is."""
    from models.content import Content

    rows = session.execute(
        select(Handover.id, Content.number, Handover.content_id)
        .join(Content, Content.id == Handover.content_id)
        .where(Handover.content_id.in_(sorted(content_ids)))
        .order_by(Handover.content_id, Handover.id)
    )
    found: dict[int, str] = {}
    seen: dict[int, int] = {}
    for handover_id, number, content_id in rows:
        seen[content_id] = seen.get(content_id, 0) + 1
        found[handover_id] = f"{number}-{seen[content_id]}"
    return found


def _now(material: Material | None, name: str, original: bool, sheets: int, chain: Sequence[Hand]) -> Whereabouts:
    last = chain[-1] if chain else None
    underway = last is not None and at_hand.uncounted(last.line.counted, last.handover)
    lost = (
        last is not None
        and last.handover.action in custody.UNDERWAY
        and last.line.counted == 0
        and last.line.sheets > 0
    )
    signed = next((hand for hand in reversed(chain) if hand.signed_by), None)
    if material is not None and material.original_held:
        place = custody.holder(material)
    elif lost and last is not None:
        place = f"待查（{last.handover.to_label}清点时没有收到）"
    elif last is not None and last.handover.action == "give_back":
        place = GIVEN_BACK
    elif material is not None:
        place = IN_FILE
    else:
        giver = last.handover.from_label if last is not None else ""
        place = giver if underway or last is None else (last.signed_by or last.handover.to_label)
    return Whereabouts(
        material,
        name,
        original,
        sheets,
        place,
        last.signed_at or last.handover.at if last is not None else None,
        _word(last, underway, lost) if last is not None else "",
        signed,
        tuple(chain),
    )


def _word(last: Hand, underway: bool, lost: bool) -> str:
    if lost:
        return f"{last.handover.to_label}实点 0 份：{last.line.difference}"
    return f"已交出，待{last.handover.to_label}清点" if underway else ""


def receipts(session: Session, hands: Iterable[Hand]) -> dict[str, Paper]:
    """The newest printed list of each number."""
    numbers = {hand.number for hand in hands}
    rows = session.scalars(
        select(Paper).where(Paper.paper == "handover_list", Paper.number.in_(sorted(numbers))).order_by(Paper.id)
    )
    return {paper.number or "": paper for paper in rows}


def signatures(session: Session, hands: Iterable[Hand]) -> dict[int, Document]:
    """The signatures drawn under the counts."""
    ids = {hand.handover.to_signature_id for hand in hands if hand.handover.to_signature_id is not None}
    return {one.id: one for one in session.scalars(select(Document).where(Document.id.in_(sorted(ids))))}


# --- Looking for a booklet


@dataclass(frozen=True)
class Found:
    """One paper found, with the thing through which this actor may see it."""

    material: Material
    through: Case | Delegation
    holder: str


def find(session: Session, actor: Actor, words: str, units: Sequence[str] = ()) -> list[Found]:
    """Papers by name, by applicant, by number or by whole ID number; without words, the originals these units have.

    Whoever sees the case finds all of its papers; whoever sees only a ticket finds what stood on its lists."""
    words = " ".join(words.split())
    wanted = Material.original_held & Material.holder_unit_id.in_(list(units))
    by_case = select(Material, Case).join(Case, Case.id == Material.case_id)
    by_list = (
        select(Material, Delegation)
        .join(HandoverLine, HandoverLine.material_id == Material.id)
        .join(Handover, Handover.id == HandoverLine.handover_id)
        .join(Delegation, Delegation.id == Handover.content_id)
        .where(Delegation.parent_id.is_not(None))
    )
    here = or_(Material.provided, Material.original_held)
    found: dict[int, Found] = {}
    for statement, kind in ((by_case, Case), (by_list, Delegation)):
        asked = (
            or_(Material.name.icontains(words, autoescape=True), matching(session, actor, words, kind))
            if words
            else wanted
        )
        statement = access.visible(statement.where(here, asked), actor, kind)
        options = (joinedload(Material.holder_unit).joinedload(Agency.parent), joinedload(Material.holder_person))
        rows = session.execute(statement.options(*options).order_by(Material.id.desc()).limit(MOST)).unique()
        for material, thing in rows:
            if material.id not in found and access.may(actor, access.VIEW_FULL, thing, session):
                place = custody.holder(material) if material.original_held else IN_FILE
                found[material.id] = Found(material, thing, place)
    return list(found.values())[:MOST]
