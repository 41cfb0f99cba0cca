"""跑了几次: how often the resident had to come, read off what happened — filing, supply, collection; never guessed, never typed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.agency import Agency
from models.case import Case
from models.content import Content
from models.counter import CounterMatter, CounterVisit
from models.ledger import JournalEntry
from models.person import Person
from models.promise import OwedMaterial
from process import clock, registry
from process.access import Actor
from process.registry import Step
from process.words import N_
from services.item_channels import ASSISTED

# Steps at which somebody may have stood there, and what they are called in the explanation.
STEPS = {
    "submit": N_("申报"),
    "supplement": N_("补正"),
    "send_express": N_("交快递"),
    "deliver": N_("领取结果"),
    "give_back": N_("取回原件"),
    "withdraw": N_("撤回"),
}
HANDED, BEGUN = "exit:hand", "case:create"
COUNTER, TERMINAL_WAY = ("counter", "station"), "terminal"
# Of these groups of channels the resident stands before somebody; everything else comes to the resident.
STOOD_THERE = "counter"
# What a ticket, a visit or an errand does for a resident happens without them, unless they came to the station for it.
WITHOUT = ("home_visit:", "errand:")
# What was supplied at the window meanwhile is counted when there is a result, whichever it is.
RESULTS = ("issued", "refused")


@dataclass(frozen=True)
class Event:
    """One moment of a case at which somebody might have come, with whether they did and why we say so."""

    at: datetime
    step: str
    why: str
    came: bool
    unit_id: str | None = None
    unit: str = ""
    window: str = ""
    # The same visit for several steps and several cases: one trip.
    visit: str = ""


@dataclass(frozen=True)
class Counted:
    """The explanation of a number: its events in order, and the trips they make."""

    events: tuple[Event, ...]

    @property
    def visits(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.visit for one in self.events if one.came))

    @property
    def trips(self) -> int:
        return len(self.visits)

    @property
    def windows(self) -> int:
        """How many different windows somebody had to stand at. Where nobody noted which, it is none besides the one that was noted there."""
        stood = {(one.unit_id, one.window) for one in self.events if one.came}
        noted = {unit_id for unit_id, window in stood if window}
        return sum(bool(window) or unit_id not in noted for unit_id, window in stood)


def of_case(session: Session, case: Case) -> Counted:
    """Every coming and not coming of one case."""
    return of_cases(session, [case])[case.id]


def together(session: Session, cases: Sequence[Case]) -> Counted:
    """Of several matters of one person, as in a visit or a bundle: what was done in one visit is one trip."""
    found = of_cases(session, cases)
    return Counted(tuple(sorted((e for one in found.values() for e in one.events), key=lambda e: e.at)))


def of_cases(session: Session, cases: Sequence[Case]) -> dict[int, Counted]:
    """By case, in a fixed number of statements however many they are."""
    ids = [case.id for case in cases]
    rows: dict[int, list[JournalEntry]] = defaultdict(list)
    wanted = [f"case:{name}" for name in STEPS] + [HANDED, BEGUN]
    for row in session.scalars(
        select(JournalEntry)
        .where(JournalEntry.content_id.in_(ids), JournalEntry.action.in_(wanted))
        .order_by(JournalEntry.id)
    ):
        if row.content_id is not None:
            rows[row.content_id].append(row)
    sat: dict[int, CounterVisit] = {
        case_id: visit
        for case_id, visit in session.execute(
            select(CounterMatter.case_id, CounterVisit)
            .join(CounterVisit, CounterVisit.id == CounterMatter.visit_id)
            .where(CounterMatter.case_id.in_(ids))
        )
    }
    brought: dict[int, list[tuple[OwedMaterial, str | None]]] = defaultdict(list)
    for line, unit_id in session.execute(
        select(OwedMaterial, Person.unit_id)
        .join(Person, Person.id == OwedMaterial.supplied_by_id)
        .where(OwedMaterial.case_id.in_(ids), OwedMaterial.supplied_at.is_not(None))
    ):
        if line.case_id is not None:
            brought[line.case_id].append((line, unit_id))
    names = {
        agency.id: agency.name
        for agency in session.scalars(
            select(Agency).where(
                Agency.id.in_({row.unit_id for found in rows.values() for row in found if row.unit_id})
            )
        )
    }
    own = _accounts(session, cases)
    return {
        case.id: _counted(case, rows[case.id], sat.get(case.id), brought[case.id], names, own[case.applicant_id])
        for case in cases
    }


def _accounts(session: Session, cases: Sequence[Case]) -> dict[int | None, set[int]]:
    """By applicant: the accounts of their own."""
    found: dict[int | None, set[int]] = defaultdict(set)
    people = {case.applicant_id for case in cases} - {None}
    for person_id, resident_id in session.execute(
        select(Person.id, Person.resident_id).where(Person.resident_id.in_(people))
    ):
        found[resident_id].add(person_id)
    return found


def _counted(
    case: Case,
    rows: Sequence[JournalEntry],
    sat: CounterVisit | None,
    brought: Iterable[tuple[OwedMaterial, str | None]],
    names: dict[str, str],
    own: Collection[int],
) -> Counted:
    found = []
    begun = next((row for row in rows if row.action == BEGUN), None)
    for row in rows:
        name = row.action.partition(":")[2]
        if row.action == BEGUN:
            continue
        came, why = _judge(case, row, name, row.person_id in own)
        if name == "submit" and row.person_id in own and begun is not None and _sat_there(case, begun, own):
            # Pressed from wherever they were afterwards; the coming was when it was begun beside a guide.
            row, (came, why) = begun, _filed(case)
        window = sat.window if sat is not None and name == "submit" else ""
        found.append(
            Event(
                row.at,
                STEPS.get(name, N_("领取结果")),
                why,
                came,
                row.unit_id,
                names.get(row.unit_id or "", ""),
                window,
                _visit(row.at, row.unit_id) if came else "",
            )
        )
    for line, unit_id in brought:
        if line.supplied_at is None or line.supplied_way == "upload":
            continue
        there = line.supplied_way == "window"
        found.append(
            Event(
                line.supplied_at,
                N_("补齐容缺材料"),
                N_("送到窗口") if there else N_("邮寄、传真或快递，没有到场"),
                there,
                unit_id,
                names.get(unit_id or "", ""),
                "",
                _visit(line.supplied_at, unit_id) if there else "",
            )
        )
    found.sort(key=lambda one: one.at)
    return Counted(tuple(found))


def _visit(at: datetime, unit_id: str | None) -> str:
    """One day at one hall is one visit: who files in the morning and collects before lunch came once."""
    day: date = clock.local_day(at)
    return f"{day.isoformat()} {unit_id or ''}"


def _judge(case: Case, row: JournalEntry, name: str, own: bool) -> tuple[bool, str]:
    """Whether somebody stood there for this step, and why we say so."""
    because = str((row.details or {}).get("because") or "")
    if own:
        return False, N_("本人在网上办的，没有到场")
    if because.startswith(WITHOUT):
        return False, N_("工作人员或跑腿工上门，没有到场")
    if row.action == HANDED:
        return _handed(str((row.details or {}).get("way") or ""))
    if name == "submit":
        return _filed(case)
    if name == "deliver":
        details = row.details or {}
        delivered = details.get("way") or ((case.fields or {}).get("_delivery") or {}).get("way", "")
        return _handed(str(delivered), named=bool(details.get("in_person")))
    if name == "send_express":
        return False, N_("寄到家里，没有到场")
    if name == "give_back":
        return True, N_("到窗口取回")
    if name == "supplement":
        return True, N_("材料送到窗口")
    return False, N_("不用到场")


def _sat_there(case: Case, begun: JournalEntry, own: Collection[int]) -> bool:
    """Whether staff began it in the e-filing zone, with the applicant beside them."""
    return case.channel == ASSISTED and begun.person_id not in own


def _filed(case: Case) -> tuple[bool, str]:
    channel = catalogue.channels().get(case.channel)
    if case.channel == ASSISTED:
        return True, N_("在网上申报区由陪办人员陪着申报")
    if channel is None or channel.group != STOOD_THERE:
        return False, N_("不到窗口的渠道，没有到场")
    return True, N_("到窗口申报")


def _handed(way: str, named: bool = True) -> tuple[bool, str]:
    if way == "express":
        return False, N_("快递签收，没有到场")
    if way == "door":
        return False, N_("送到家里，没有到场")
    if way == TERMINAL_WAY:
        return True, N_("到自助取件柜领取")
    if way in COUNTER and named:
        return True, N_("到窗口领取")
    return False, N_("没有写怎么领取的，不计")


# --- The number on the case


def recount(session: Session, case: Case) -> int:
    """Writes the number that the events make onto the case, where lists and statistics read it."""
    session.flush()
    counted = of_case(session, case).trips
    if case.trips != counted:
        case.trips = counted
        session.flush()
    return counted


def hear(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """Counts again after each step at which somebody may have come."""
    if isinstance(content, Case) and (event in STEPS or (step is not None and step.transition.to in RESULTS)):
        recount(session, content)


registry.listeners.append(hear)
