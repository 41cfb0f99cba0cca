"""换一种出法: by express, by a red courier to the door, or to another station — custody is never lost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.case import Case
from models.content import ContentPlace
from models.delegation import Handover
from models.errand import Errand
from models.exit import Outgoing
from process import clock, engine, journal
from process.access import Actor
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from services import actions, certificates, custody, express, outgoing
from services.catalogue_items import record_of
from services.messages import facts, listening

CAUSE = "exit"
TO_POINT = "move_point"
STATIONS = ("community", "village", "community_station", "street_centre", "sub_centre", "extended_outlet")


def require_free(session: Session, row: Outgoing) -> None:
    """Only what lies at the window can be sent another way."""
    why = outgoing.obstacle(session, row)
    if why:
        raise NotAvailable(why)
    if row.kind == "refusal":
        raise NotAvailable("决定书要当面送达并签收，不能改用别的出法。请在窗口交出，或按“归还原件”办理。")


# --- 快递


def send_by_express(session: Session, actor: Actor, row: Outgoing, number: str) -> None:
    """交快递: the parcel's number stands on the case; originals lie in the parcel, too."""
    require_free(session, row)
    actions.perform(row.case, "send_express", actor, {"express_number": number})
    session.flush()


def signed_for(session: Session, actor: Actor, row: Outgoing, name: str) -> None:
    """The express company says that it was signed for; the case is delivered without anybody having come."""
    if row.way != "express" or row.state != outgoing.UNDERWAY:
        raise NotAvailable("这件没有交快递，不能登记快递签收。")
    record = express.of(session, row.case)
    inputs = {"way": "express", "express_number": record.number if record else "", "collector": name}
    actions.perform(row.case, "deliver", actor, {key: value for key, value in inputs.items() if value})


# --- 跑腿工


def send_by_errand(session: Session, actor: Actor, row: Outgoing) -> Errand:
    """An errand to the applicant's door; the one who claims it sees the address, the board sees only the community."""
    require_free(session, row)
    case, home = row.case, row.resident
    if home is None or not home.address:
        raise RequirementUnmet("办件上没有现居住地址，不能送上门。请先补上地址，或改用别的出法。")
    if custody.originals_out(case):
        raise RequirementUnmet("还有申请人的原件要当面归还，不能只送结果。请改为窗口领取，或先归还原件。")
    community = home.community
    data = {
        "title": f"送办理结果（{community.name if community else row.unit.name}）",
        "purpose": "deliver_result",
        "related": case.uid,
        "from_agency": row.unit_id,
        "to_address": home.address,
        "contact": home.phone or "",
        "envelopes": 1,
    }
    made = actions.create(session, actor, "errand", data)
    assert isinstance(made, Errand)
    if made.state == "posted":
        actions.perform(made, "post", actor)
    row.way, row.state = "door", outgoing.UNDERWAY
    session.flush()
    return made


def brought_home(step: Step, row: Outgoing, case: Case) -> None:
    """The receiver confirmed: the case is delivered at the door, and nobody came."""
    name = case.applicant.name if case.applicant is not None else ""
    engine.follow(step, case, "deliver", way="door", collector=name)


# --- 别的站点


def stations(session: Session, row: Outgoing) -> Sequence[Agency]:
    """Where it may be collected instead: stations of the same district, those of the same street first."""
    today = clock.local_day(now())
    street = row.unit.path.strip("/").split("/")[:3]
    found = session.scalars(
        select(Agency)
        .where(Agency.district == row.district, Agency.kind.in_(STATIONS), Agency.id != row.unit_id)
        .order_by(Agency.path)
    )
    return sorted(
        (one for one in found if one.exists_on(today)), key=lambda one: one.path.strip("/").split("/")[:3] != street
    )


def send_to_station(session: Session, actor: Actor, row: Outgoing, unit_id: str) -> Handover:
    """In an envelope with a list; until the other station has counted it, it is this window's."""
    require_free(session, row)
    target = session.get(Agency, unit_id[:60]) if unit_id else None
    if target is None or target.id not in {one.id for one in stations(session, row)}:
        raise InvalidInput("请从名单里选要转去的站点。", {"unit": "请从名单中选"})
    case, at = row.case, now()
    lines = [custody.Line(name[:80], 1) for name in _names(session, case)]
    lines += [custody.Line(m.name, m.sheets or 1, True, "", m) for m in custody.originals_out(case)]
    handover = custody.write(
        session, case, TO_POINT, custody.unit(row.unit, actor), custody.unit(target), lines, at, case=case
    )
    row.way, row.state, row.moved_to_id, row.handover_id = "station", outgoing.UNDERWAY, target.id, handover.id
    journal.record(session, "exit:send", actor, content=case, details={"to": target.id, "handover": handover.id}, at=at)
    session.flush()
    session.expire(row, ["moved_to", "handover"])
    return handover


def _names(session: Session, case: Case) -> tuple[str, ...]:
    certificate = certificates.of_case(session, case)
    if certificate is not None:
        return (f"{certificate.title} {certificate.number or ''}".strip(),)
    return record_of(case.item).outputs or ("办理结果",)


def arrive(session: Session, actor: Actor, row: Outgoing, counted: dict[int, int]) -> None:
    """清点接收: every line counted and equal, or it is not signed for; from now on it waits here."""
    if row.state != outgoing.UNDERWAY or row.moved_to is None or row.handover is None:
        raise NotAvailable("这件已经接收，或已取消转送。请刷新后再看。")
    if not any(row.moved_to.path.startswith(path) for path in outgoing.paths(actor)):
        raise NotAvailable(f"这件是转给{custody.full_name(row.moved_to)}的，由对方清点接收。")
    wrong = {
        f"line-{line.position}": f"“{line.name}”清单上 {line.sheets} 份，实点 {counted.get(line.position, '没有填')}"
        for line in row.handover.lines
        if counted.get(line.position) != line.sheets
    }
    if wrong:
        raise InvalidInput(
            "与清单不一致，没有接收：" + "；".join(wrong.values()) + "。请与转出的窗口核对，由对方取消转送后重新转。",
            wrong,
        )
    at, target = now(), row.moved_to
    _arrived(session, actor, row, target, at)
    journal.record(session, "exit:arrive", actor, content=row.case, details={"at": target.id}, at=at)
    found = facts.at(session, row.case, target)
    listening.resident(session, row.case, "result_ready", found, once=f"{row.uid}:{target.id}:{at.isoformat()}")


def _arrived(session: Session, actor: Actor, row: Outgoing, target: Agency, at: datetime) -> None:
    handover, case = row.handover, row.case
    assert handover is not None
    taker = custody.unit(target, actor)
    handover.to_person_id, handover.signed_at = actor.person_id, at
    for line in handover.lines:
        line.counted = line.sheets
    custody.hold(session, [line.material_id for line in handover.lines if line.original and line.material_id], taker)
    if not any(p.place_id == target.id and p.until is None for p in case.places):
        for thing in (case, certificates.of_case(session, case)):
            if thing is not None:
                thing.places.append(
                    ContentPlace(
                        relation="addressee",
                        place_id=target.id,
                        place_path=target.path,
                        cause=CAUSE,
                        cause_uid=row.uid,
                        since=at,
                    )
                )
    case.unit_id, case.result_unit_id, case.assignee_id = target.id, target.id, None
    row.unit_id, row.way, row.state, row.moved_to_id = target.id, "counter", outgoing.WAITING, None
    session.flush()
    session.expire(case, ["unit"])
    outgoing.begin_waiting(session, row, at)


# --- 收回窗口


def take_back(session: Session, actor: Actor, row: Outgoing, words: str) -> None:
    """Back to the window: out of the cabinet, or a transfer that the other station has not counted yet."""
    if row.state != outgoing.UNDERWAY or row.way not in ("terminal", "station"):
        raise NotAvailable("这件不能在这里收回：交快递的以签收为准，跑腿任务请在任务里撤回。")
    said = " ".join(words.split())[:200]
    if not said:
        raise InvalidInput("请写收回的原因，例如：申请人改到窗口领。", {"words": "请写原因"})
    if row.handover is not None and row.way == "station":
        # The envelope came back uncounted: the list is closed by the sender.
        row.handover.signed_at, row.handover.to_person_id = now(), actor.person_id
        for line in row.handover.lines:
            line.counted = 0
    journal.record(session, "exit:take_back", actor, content=row.case, comment=said, details={"from": row.way})
    row.way, row.state, row.moved_to_id, row.code, row.box = "counter", outgoing.WAITING, None, None, ""
    outgoing.begin_waiting(session, row, now())
