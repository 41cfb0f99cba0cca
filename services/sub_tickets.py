"""转办 and 协办: a part of a ticket passed on to another unit, on a ticket of its own whose answer flows back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from models.agency import Agency
from models.base import now
from models.case import Material
from models.delegation import Delegation, HandoverLine
from models.person import Grant
from process import access, clock, engine, registry
from process.access import Actor
from process.inputs import LIMITS, clean_text
from process.library import library
from process.refusals import Forbidden, InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from process.words import N_
from services import at_hand, case_routing, custody, delegations, further, successors

TYPE = "sub_delegation"
# While the unit that decides has the papers it may ask others.
OPEN_IN = ("received", "processing", "waiting_material")
USUAL_DAYS = 5
LONGEST_DAYS = 366
MOST_JOINT = 8
# Whoever counts papers in at the unit asked.
RECEIVERS = (
    "window_clerk",
    "back_office_reviewer",
    "community_clerk",
    "all_round_worker",
    "cooperating_department",
    "lead_department",
    "department_lead",
    "disability_federation",
)
# Its officer decides for a whole district, and counts papers in at no unit below.
AT_OWN_UNIT = "disability_federation"
ANSWERED, CLOSED = "answered", ("closed", "returned", "withdrawn")
VERDICTS: Mapping[str, str] = {
    "yes": N_("同意"),
    "no": N_("不同意"),
    "done": N_("已办好"),
    "told": N_("只答复，不表态"),
}


# --- Opening


@registry.creator(TYPE)
def create(session: Session, actor: Actor, data: Mapping[str, Any]) -> Delegation:
    """转办: the unit that has a ticket asks another one for its part, and sends along what that one needs."""
    parent = _parent(session, actor, data.get("ticket"))
    addressee = delegations.addressee_of(session, data.get("addressee"))
    sub = open_part(session, actor, parent, addressee, data.get("question"), data.get("reply_by"))
    engine.fire(sub, "send", actor, inputs={"lines": data.get("lines")})
    return sub


def _parent(session: Session, actor: Actor, uid: Any) -> Delegation:
    parent = session.scalar(
        access.visible(
            select(Delegation).where(or_(Delegation.uid == str(uid or ""), Delegation.number == str(uid or ""))),
            actor,
            Delegation,
        )
    )
    if parent is None:
        raise InvalidInput("没有找到要转办的代办单，请从代办单页面点“转办给别的单位”。", {"ticket": "没有这张代办单"})
    if parent.parent_id is not None:
        raise InvalidInput(
            "转办单不能再往下转办。要别的单位配合，请答复原单位，由原单位另开转办单。", {"ticket": "这是转办单"}
        )
    if not engine.may_create(actor, library.type(TYPE), parent.addressee) or not access.may(
        actor, access.VIEW_FULL, parent
    ):
        raise Forbidden(f"转办由{parent.addressee.name}经手的人开，您不是。")
    if parent.state not in OPEN_IN:
        title = library.of(parent, session).states[parent.state].title.zh
        raise NotAvailable(f"代办单现在是“{title}”，不能转办。清点接收以后、办结以前才可以转办。")
    return parent


def open_part(
    session: Session,
    actor: Actor,
    parent: Delegation,
    addressee: Agency,
    question: Any,
    reply_by: Any = None,
    *,
    joint: bool = False,
    allowed: bool = False,
    at: datetime | None = None,
) -> Delegation:
    """Checks and brings a part to life; it is not sent yet."""
    require_partner(session, parent, addressee, joint=joint)
    words = _question(question)
    due = _reply_by(session, reply_by)
    item = parent.case.item.title if parent.case else parent.title
    sub = Delegation(
        title=f"{item}（请{addressee.name}{'协办' if joint else '办理一部分'}）"[:200],
        parent_id=parent.id,
        addressee_id=addressee.id,
        applicant_id=parent.applicant_id,
        first_contact_id=parent.first_contact_id,
        unit_id=parent.addressee_id,
        fields={
            "ticket": parent.number,
            "parent": parent.uid,
            "addressee": addressee.id,
            "question": words,
            "reply_by": due.isoformat() if due else None,
            "due_on": due.isoformat() if due else None,
            "joint": joint,
        },
        search_text=" ".join(
            part
            for part in (item, addressee.name, parent.number, parent.applicant.name if parent.applicant else "")
            if part
        )[:500],
    )
    engine.create(
        session,
        sub,
        actor,
        type_id=TYPE,
        place=parent.addressee,
        at=at,
        allowed=allowed,
        details={"ticket": parent.uid, "addressee": addressee.id},
    )
    session.expire(sub, ["parent", "addressee"])
    return sub


def require_partner(session: Session, parent: Delegation, addressee: Agency, *, joint: bool = False) -> None:
    """Raises unless this unit can be asked for a part of this ticket."""
    require_unit(session, addressee, parent.place, parent.addressee, joint=joint)
    same = [p for p in parts(session, parent) if p.addressee_id == addressee.id and p.closed_at is None]
    if same:
        raise InvalidInput(
            f"已经有一张给{addressee.name}的单子 {same[0].number} 还没办完，请在那张单子上接着说。",
            {("co_addressees" if joint else "addressee"): f"已有 {same[0].number}"},
        )


def require_unit(session: Session, addressee: Agency, home: Agency, deciding: Agency, *, joint: bool = False) -> None:
    """Raises unless this unit is there, can take papers in, and is neither end of the ticket."""
    field, day = ("co_addressees" if joint else "addressee"), clock.local_day(now())
    what = "协办" if joint else "转办"
    if addressee.id == deciding.id:
        whose = "就是主送单位，不用再列为协办" if joint else "就是本单位，不需要转办，请直接办理"
        raise InvalidInput(f"{addressee.name}{whose}。", {field: "就是经办单位"})
    if delegations.same_unit(home, addressee):
        raise InvalidInput(
            f"{addressee.name}就是转出这张单子的单位，不用另开{what}单。要材料请办“一次性告知”，有话请写在来往里。",
            {field: "就是转出单位"},
        )
    if not addressee.exists_on(day):
        raise InvalidInput(
            f"{successors.gone(session, addressee, day)}，不能{what}。请改选现在办公的单位。", {field: "单位已停止办公"}
        )
    if not has_receivers(session, addressee, day):
        raise InvalidInput(
            f"{addressee.name}还没有能清点接收的人员，{what}过去没人接。请改选别的单位，或请管理员先给该单位设岗。",
            {field: "没有接收人员"},
        )


def has_receivers(session: Session, agency: Agency, day: date) -> bool:
    """Whether anybody holds a post there, today, that counts papers in."""
    above = [agency.path[: i + 1] for i, sign in enumerate(agency.path) if sign == "/" and i]
    statement = select(Grant.id).where(
        Grant.role.in_(RECEIVERS),
        Grant.place_path.in_(above),
        or_(Grant.role != AT_OWN_UNIT, Grant.place_path == agency.path),
        or_(Grant.since.is_(None), Grant.since <= day),
        or_(Grant.until.is_(None), Grant.until >= day),
    )
    return session.scalar(statement.limit(1)) is not None


def _question(value: Any) -> str:
    try:
        words = clean_text(value or "", LIMITS["longtext"])
    except ValueError as problem:
        raise InvalidInput(f"请对方办什么{problem}。", {"question": str(problem)}) from problem
    if not words:
        raise InvalidInput("请写明请对方办什么、要什么样的答复。", {"question": "请写明请对方办什么"})
    return words


def _reply_by(session: Session, value: Any) -> date | None:
    """The day asked for, else five working days on; None in a year without a calendar."""
    today = clock.local_day(now())
    if value in (None, ""):
        return clock.calendar(session).add_working_days_or_none(today, USUAL_DAYS)
    return read_day(value, today, "reply_by", "请对方答复的日期")


def read_day(value: Any, today: date, field: str, what: str) -> date:
    try:
        day = value if isinstance(value, date) and not isinstance(value, datetime) else date.fromisoformat(str(value))
    except ValueError as problem:
        raise InvalidInput(
            f"{what}请写成 2026-03-05 的样子，且必须存在。", {field: "日期请写成 2026-03-05 的样子"}
        ) from problem
    if day < today:
        raise InvalidInput(f"{what}已经过去，请填今天或以后的日期。", {field: "日期已经过去"})
    if day > today + timedelta(days=LONGEST_DAYS):
        raise InvalidInput(f"{what}最长一年，请填近一些的日期。", {field: "日期太远"})
    return day


def joint_addressees(session: Session, given: Any) -> list[str]:
    """协办单位 as named when the ticket is opened: each exists and is named once."""
    names = [given] if isinstance(given, str) else list(given or ())
    if len(names) > MOST_JOINT:
        raise InvalidInput(
            f"协办单位最多 {MOST_JOINT} 个，现在选了 {len(names)} 个。", {"co_addressees": f"最多 {MOST_JOINT} 个"}
        )
    found: list[str] = []
    for name in names:
        try:
            agency = delegations.addressee_of(session, name)
        except InvalidInput as refusal:
            raise InvalidInput(refusal.detail, {"co_addressees": "没有这个单位"}) from refusal
        if agency.id not in found:
            found.append(agency.id)
    return found


# --- What the ticket says of its parts


@dataclass(frozen=True)
class Part:
    """One part as both ends of the ticket see it: whom, how far, until when, and what was answered. No notes."""

    uid: str
    number: str
    unit: str
    state: str
    joint: bool
    since: datetime
    question: str
    reply_by: str
    promised: str
    verdict: str
    answer: str
    open: bool
    # In words, when the date they gave comes after the ticket's own.
    late: str
    papers: tuple[str, ...]


def parts(session: Session, parent: Delegation) -> list[Delegation]:
    """Whoever sees a ticket sees that it has parts; their own pages are another matter."""
    return list(
        session.scalars(
            select(Delegation)
            .where(Delegation.parent_id == parent.id)
            .options(joinedload(Delegation.addressee))
            .order_by(Delegation.id)
        )
    )


def told(session: Session, parent: Delegation) -> list[Part]:
    """Every part of a ticket, oldest first."""
    found = []
    for sub in parts(session, parent):
        fields = sub.fields or {}
        state = library.of(sub, session).states[sub.state]
        found.append(
            Part(
                sub.uid,
                sub.number or "",
                custody.full_name(sub.addressee),
                state.title.zh,
                bool(fields.get("joint")),
                sub.entered_at,
                str(fields.get("question") or ""),
                str(fields.get("reply_by") or ""),
                str(fields.get("promised") or ""),
                VERDICTS.get(str(fields.get("verdict") or ""), ""),
                str(fields.get("answer") or ""),
                sub.closed_at is None,
                later_than(parent, sub),
                tuple(m.name for m in papers_there(session, sub)),
            )
        )
    return found


def later_than(parent: Delegation, sub: Delegation) -> str:
    """What a date given by the other unit means for the ticket's own; empty when it fits."""
    given = (sub.fields or {}).get("promised") or (sub.fields or {}).get("reply_by")
    if sub.closed_at is not None or sub.state == ANSWERED or parent.deadline is None or not given:
        return ""
    day, own = date.fromisoformat(str(given)), clock.local_day(parent.deadline)
    if day <= own:
        return ""
    said = "答应" if (sub.fields or {}).get("promised") else "要到"
    return (
        f"{custody.full_name(sub.addressee)}{said}{day.month}月{day.day}日答复，"
        f"晚于这张代办单的期限{own.month}月{own.day}日。请催办，或先告诉办事人要晚几天。"
    )


def unfinished(session: Session, parent: Delegation) -> list[Delegation]:
    """Parts still waited for, or answered while their papers are still away."""
    return [
        sub
        for sub in parts(session, parent)
        if sub.closed_at is None and (sub.state != ANSWERED or papers_there(session, sub) or on_the_way(session, sub))
    ]


def papers_there(session: Session, sub: Delegation) -> list[Material]:
    """Originals that went along and that the other unit has signed for and still has."""
    if sub.closed_at is not None:
        return []
    return [m for m in materials_of(session, sub) if m.original_held and at_hand.at_hand(m, sub.addressee)]


def materials_of(session: Session, sub: Delegation) -> list[Material]:
    """The materials of the case whose originals stand on a list of this part."""
    listed = select(HandoverLine.material_id).where(
        HandoverLine.handover.has(content_id=sub.id), HandoverLine.original, HandoverLine.material_id.is_not(None)
    )
    return list(session.scalars(select(Material).where(Material.id.in_(listed)).order_by(Material.id)))


def on_the_way(session: Session, sub: Delegation) -> bool:
    """Papers handed back that the asking unit has not counted yet."""
    return further.waiting(session, sub) is not None


def choices(session: Session, parent: Delegation) -> list[Agency]:
    """Units that can be asked: there today, somebody there to count, and not one of the two ends."""
    day = clock.local_day(now())
    found = []
    for agency in session.scalars(
        select(Agency).where(Agency.kind.not_in(("grid", "community_station", "errand_point"))).order_by(Agency.path)
    ):
        if (
            agency.exists_on(day)
            and case_routing.front_office(session, agency).id == agency.id
            and agency.id != parent.addressee_id
            and not delegations.same_unit(parent.place, agency)
            and has_receivers(session, agency, day)
        ):
            found.append(agency)
    return found


def words_of(subs: Iterable[Delegation], session: Session) -> str:
    """`ZB-…（区民政局，已接收，答应3月10日）` for every part, in one sentence."""
    said = []
    for sub in subs:
        state = library.of(sub, session).states[sub.state].title.zh
        promised = (sub.fields or {}).get("promised")
        day = date.fromisoformat(str(promised)) if promised else None
        until = f"，答应{day.month}月{day.day}日答复" if day else ""
        out = bool(papers_there(session, sub)) or on_the_way(session, sub)
        papers = "，材料还没有收回" if out else ""
        said.append(f"{sub.number}（{custody.full_name(sub.addressee)}，{state}{until}{papers}）")
    return "、".join(said)


@registry.requirement("parts_finished")
def parts_finished(step: Step) -> None:
    """What other units were asked for is answered, refused or called back before this one decides."""
    waiting = unfinished(step.session, step.content)
    if waiting:
        raise RequirementUnmet(
            f"还有 {len(waiting)} 张转办单没有办完：{words_of(waiting, step.session)}。"
            f"请等对方答复并收回材料，可以催办；不再需要的请撤回转办单，再“{step.transition.title.zh}”。"
        )
