"""What the branches of a bundle have to do with one another: order, shared papers that come late, one exit, one rating, one end."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from models.base import now
from models.case import Case
from models.content import Content
from models.one_thing import OneThing
from process import engine, journal, registry
from process.access import Actor
from process.identity import IdNumber, InvalidIdNumber
from process.refusals import RequirementUnmet
from process.registry import Step
from services import one_form, outgoing
from services.one_thing import reading

# States in which a branch ends without a result in favour.
AGAINST = frozenset({"refused", "rejected", "withdrawn"})


@registry.requirement("earlier_members_decided")
def earlier_members_decided(step: Step) -> None:
    """并联审批: branches do not wait for each other, but for those that the bundle puts before them."""
    case: Case = step.content
    bundle = reading.of_case(step.session, case)
    if bundle is None:
        return
    mine = next(member for member in bundle.members if member.case_id == case.id)
    earlier = reading.waits_for(bundle, mine)
    if earlier:
        named = "、".join(f"“{one.name}”（{one.case.number}）" for one in earlier)
        raise RequirementUnmet(
            f"这件是{bundle.title}（{bundle.number}）的一部分，要等{named}有结果后才能审批。收件、受理、审核可以先办。"
        )


@registry.predicate("bundle_over", why="这件是“一件事”的一部分，全部办完以后在“一件事”页面一次评价。")
def bundle_over(session: Session, case: Case, actor: Actor) -> bool:
    """One rating for all of it, when all of it is over."""
    bundle = reading.of_case(session, case)
    return bundle is None or bundle.closed_at is not None


def hear(session: Session, content: Content, event: str, actor: Actor, step: Step | None) -> None:
    """After each step of a member: the exit, the rating, and whether the bundle has its results or is over."""
    if not isinstance(content, Case) or step is None:
        return
    bundle = reading.of_case(session, content)
    if bundle is None:
        return
    if event == "issue":
        # 业务内部流转: whoever decided it, it waits at the exit of the bundle.
        content.result_unit_id = content.unit_id = bundle.unit_id
        content.assignee_id = None
    elif event == "rate":
        _rate_all(session, bundle, content, actor, step)
    elif step.transition.to in AGAINST:
        _beside_the_others(session, bundle, content)
        journal.record(
            session,
            "one_thing:branch_ended",
            actor,
            content=content,
            details={"bundle": bundle.number, "others_go_on": reading.standing(bundle) == reading.RUNNING},
        )
    if content.state in reading.DECIDED:
        _note_end(session, bundle)


def _beside_the_others(session: Session, bundle: OneThing, case: Case) -> None:
    """The decision against it is served where the other results leave, or somebody had to come twice."""
    row = outgoing.of_case(session, case)
    if row is not None and row.kind == "refusal" and row.way == "counter":
        row.unit_id = bundle.unit_id
        session.flush()
        session.expire(row, ["unit"])


def _note_end(session: Session, bundle: OneThing) -> None:
    # Of the two last members that end at the same moment, the second must see the first.
    session.flush()
    session.refresh(bundle, with_for_update={"of": OneThing})
    for member in bundle.members:
        session.refresh(member.case)
    standing = reading.standing(bundle)
    at = now()
    if standing != reading.RUNNING and bundle.decided_at is None:
        bundle.decided_at = at
    if standing == reading.CLOSED and bundle.closed_at is None:
        bundle.closed_at = at
        journal.record(
            session,
            "one_thing:close",
            None,
            content=bundle.members[0].case,
            details={"bundle": bundle.number, "members": len(bundle.members)},
        )
    session.flush()


def _rate_all(session: Session, bundle: OneThing, rated: Case, actor: Actor, step: Step) -> None:
    """What was said of one part is said of the bundle, and nobody asks again for the other parts."""
    if bundle.rating is not None:
        return
    bundle.rating, bundle.rated_at = rated.rating, now()
    bundle.rating_words = str(step.inputs.get("comment") or "") or None
    for member in bundle.members:
        if member.case_id != rated.id and member.case.state == "delivered" and member.case.rating is None:
            engine.fire(member.case, "rate", actor, inputs={"score": str(rated.rating)})


registry.listeners.append(hear)


# --- One paper, several cases


def pass_on(session: Session, case: Case, actor: Actor | None, codes: Iterable[str], way: str) -> None:
    """A shared paper that comes later is brought once: it lies in the case that got it, the others say where."""
    bundle = reading.of_case(session, case)
    if bundle is None:
        return
    members = {member.case.item.code: member.case for member in bundle.members}
    for slot in one_form.build([one.item for one in members.values()], _sex(case)).slots:
        serves = dict((code, record.id) for code, record in slot.serves)
        if serves.get(case.item.code) not in set(codes):
            continue
        given = next(m for m in case.materials if m.code == serves[case.item.code])
        for code, wanted in serves.items():
            other = members[code]
            line = next((m for m in other.materials if m.code == wanted), None)
            if other.id == case.id or other.closed_at is not None or line is None or line.provided:
                continue
            line.provided, line.sheets, line.verdict, line.defect = True, given.sheets or 1, "", ""
            line.source, line.source_material_id = "visit", given.id
            line.source_words = f"同一件事已交，原件或扫描件在 {case.number}"
            _remember(session, other, actor, wanted, way)


def _remember(session: Session, other: Case, actor: Actor | None, code: str, way: str) -> None:
    from services import materials, owed

    stamps = (other.fields or {}).get(materials.SUPPLIED, {})
    other.fields = {**(other.fields or {}), materials.SUPPLIED: {**stamps, code: now().isoformat()}}
    journal.record(session, "case:materials", actor, content=other, details={"codes": [code], "shared": True})
    session.flush()
    owed.settle(session, other, actor, [code], way)


def _sex(case: Case) -> str | None:
    try:
        return IdNumber.parse(case.applicant.id_number).sex if case.applicant is not None else None
    except InvalidIdNumber:
        return None
