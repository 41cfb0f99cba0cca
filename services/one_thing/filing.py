"""One filing for all members: the cases are filed by their own steps, the bundle says what they have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from catalogue.one_things import OneThing as Theme
from models.base import now
from models.case import Case
from models.counter import CounterVisit
from models.one_thing import OneThing, OneThingMember
from models.resident import Resident
from process import journal, numbers, registry
from process.access import Actor
from process.refusals import Forbidden, InvalidInput
from services import intake
from services.one_form import OneForm
from services.one_thing import reading

PREFIX = "YJS"
TWO = 2


def gather(
    session: Session,
    actor: Actor,
    theme_id: str,
    one: OneForm,
    cases: Sequence[Case],
    *,
    visit: CounterVisit | None = None,
) -> OneThing | None:
    """Makes a bundle of cases just filed. A single member is an ordinary case: there is nothing to join."""
    theme = reading.theme(theme_id)
    branches = [(member, case) for member in theme.members for case in cases if case.item.code == member.service_item]
    if len(branches) < TWO:
        return None
    first = branches[0][1]
    unit_id = (visit.unit_id if visit is not None else None) or first.unit_id or first.place_id
    assert first.applicant_id is not None
    bundle = OneThing(
        number=_number(session),
        district=first.district,
        theme=theme.id,
        title=theme.name,
        unit_id=unit_id,
        lead="、".join(theme.leads),
        resident_id=first.applicant_id,
        visit_id=visit.id if visit is not None else None,
        channel=first.channel,
        opened_at=now(),
        left_out=_left_out(session, theme, [member.name for member, _case in branches]),
        boxes_single=sum(len(question.fills) for question in one.questions),
        boxes_joint=len(one.questions),
    )
    for position, (member, case) in enumerate(branches, start=1):
        bundle.members.append(
            OneThingMember(
                case=case,
                position=position,
                name=member.name,
                department=member.department,
                stage=member.stage,
                after=list(member.after),
            )
        )
        # 统一出件: whichever unit decides, the result leaves where the bundle was filed.
        case.result_unit_id = unit_id
    bundle.papers_single, bundle.papers_joint = _papers(one, [case for _member, case in branches])
    bundle.days_single, bundle.days_joint = _days(bundle)
    session.add(bundle)
    session.flush()
    for branch in bundle.members:
        journal.record(
            session, "one_thing:file", actor, content=branch.case, details={"bundle": bundle.number, "theme": theme.id}
        )
    return bundle


def _number(session: Session) -> str:
    year, value = numbers.draw(session, "one_thing", "", now())
    return numbers.plain(PREFIX, year, value)


def _left_out(session: Session, theme: Theme, filed: list[str]) -> list[list[str]]:
    """Members of the theme that are not in this bundle: not offered, not filed here, or not needed."""
    return [
        [part.member.name, part.why or "这次不需要。"]
        for part in reading.parts(session, theme)
        if part.member.name not in filed
    ]


def _papers(one: OneForm, cases: Sequence[Case]) -> tuple[int, int]:
    """Papers to bring when each is filed for itself, and together: what everybody needs or what was brought all the same."""
    by_item = {case.item.code: {m.code: m for m in case.materials} for case in cases}
    single = joint = 0
    for slot in one.slots:
        needed = 0
        for code, record in slot.serves:
            line = by_item.get(code, {}).get(record.id)
            needed += line is not None and (line.provided or record.always)
        single += needed
        joint += needed > 0
    return single, joint


def _days(bundle: OneThing) -> tuple[int, int]:
    """Promised working days one after the other, and along the longest chain of members that must follow each other."""
    days = {member.name: registry.durations["item_promise"](member.case)[0] for member in bundle.members}
    until: dict[str, int] = {}
    for member in bundle.members:
        before = max((until[name] for name in member.after if name in until), default=0)
        until[member.name] = before + days[member.name]
    return sum(days.values()), max(until.values(), default=0)


# --- Online


def file_online(
    session: Session,
    actor: Actor,
    theme_id: str,
    one: OneForm,
    channels: Mapping[str, str],
    contact: Mapping[str, str],
    answers: Mapping[str, Any],
    brought: Mapping[str, Mapping[str, Any]],
) -> tuple[OneThing | None, list[Case]]:
    """The residents' own filing: all members or none, every mistake of every member told at once."""
    if actor.resident_id is None:
        raise Forbidden("网上申报由居民用自己的账号办。替来窗口的人收件，请用“综合受理”。")
    own = session.get_one(Resident, actor.resident_id)
    person = {"applicant_name": own.name, "applicant_id_number": own.id_number, **contact}
    cases, errors = intake.file_matters(session, actor, one, person, answers, brought, channels)
    if errors:
        raise InvalidInput("请更正：" + "".join(f"{text.rstrip('。')}。" for text in errors.values()), errors)
    return gather(session, actor, theme_id, one, cases), cases
