"""单位网上业务: which functions a unit has online, who is in charge of it, and who may see its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalogue import loader as catalogue
from models.base import now
from models.case import Case, ServiceItem
from models.person import Person
from models.work_unit import WorkUnit, WorkUnitFiling, WorkUnitOperator
from process import access, journal
from process.access import Actor
from process.calendar_days import say
from process.clock import local_day
from process.inputs import clean_text
from process.refusals import Forbidden, InvalidInput, NotAvailable, NotFound
from services import cases, item_channels, residents
from services.case_routing import filing_place

# Who sees the papers of a unit and registers it.
REGISTRARS = frozenset({"enterprise_service_officer", "window_clerk"})
ONLINE = frozenset({"online_pc", "online_mobile", "wechat_account", "app"})
# 统一社会信用代码 (GB 32100): letters that look like digits are left out; weights are powers of three.
LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
LISTED = 200


@dataclass(frozen=True)
class Function:
    """One thing a unit can do online; `hall` is where the source prints it among the functions of one online hall."""

    item: ServiceItem
    code: str
    hall: str


def functions(session: Session) -> list[Function]:
    """What units can file from home today, in the order of the catalogue: online, for units, and with an open way."""
    found = []
    for item in item_channels.offered_by(session, cases.items_on_offer(session), ONLINE):
        record = catalogue.item(item.code)
        if record.subject == "person" or not record.modes.online:
            continue
        found.append(Function(item, item.code, str(record.reference.get("online_hall", ""))))
    return found


def read_credit_code(text: str) -> str:
    """The eighteen characters, checked; a slip of the pen is told before anything is looked up."""
    code = "".join(text.split()).upper()
    if len(code) != 18 or any(letter not in LETTERS for letter in code):
        raise InvalidInput(
            "统一社会信用代码是 18 位数字和大写字母（没有 I、O、S、V、Z），请对照营业执照填写。",
            {"credit_code": "应为 18 位"},
        )
    total = sum(LETTERS.index(letter) * pow(3, place, 31) for place, letter in enumerate(code[:17]))
    if LETTERS[-total % 31] != code[17]:
        raise InvalidInput(
            "统一社会信用代码的最后一位校验不对，请对照营业执照检查有没有填错。", {"credit_code": "校验位不对"}
        )
    return code


def registers(actor: Actor, path: str | None = None) -> bool:
    """Whether this actor registers units, anywhere or at this place."""
    return any(held.role in REGISTRARS and (path is None or path.startswith(held.path)) for held in actor.held)


def register(session: Session, actor: Actor, data: Mapping[str, str]) -> WorkUnit:
    """登记单位: the office has seen licence and letter of the person in charge, who needs an account of their own."""
    if not registers(actor) or actor.unit_id is None or actor.person_id is None:
        raise Forbidden("单位由企业服务人员或窗口登记。请单位负责人带营业执照和身份证到窗口。")
    errors: dict[str, str] = {}
    texts: dict[str, str] = {}
    for name, title, limit in (("name", "单位名称", 100), ("address", "单位地址", 90)):
        try:
            texts[name] = " ".join(clean_text(data.get(name) or "", limit).split())
        except ValueError as problem:
            errors[name] = f"{title}{problem}"
            continue
        if not texts[name]:
            errors[name] = f"请填写{title}"
    code, in_charge = "", None
    try:
        code = read_credit_code(data.get("credit_code") or "")
        there = session.scalar(select(WorkUnit).where(WorkUnit.credit_code == code))
        if there is not None:
            over = "，并已注销，注销的代码不再用" if there.closed_at is not None else "，不用再登记"
            errors["credit_code"] = f"这个代码已登记为“{there.name}”{over}"
    except InvalidInput as refusal:
        errors["credit_code"] = refusal.detail.rstrip("。")
    try:
        in_charge = account(session, data.get("username") or "", data.get("person_name") or "")
    except InvalidInput as refusal:
        errors |= refusal.errors
    if data.get("seen") not in ("1", "on", "y"):
        errors["seen"] = "请核对营业执照和负责人身份证后打勾"
    if errors or in_charge is None:
        raise InvalidInput("还不能登记：" + "；".join(errors.values()) + "。", errors)
    place = filing_place(session, actor.unit_id)
    unit = WorkUnit(
        district=place.district,
        place_id=place.id,
        place_path=place.path,
        name=texts["name"],
        credit_code=code,
        address=texts["address"],
        in_charge_id=in_charge.id,
        registered_by_id=actor.person_id,
        registered_at=now(),
    )
    try:
        with session.begin_nested():
            session.add(unit)
    except IntegrityError as error:
        raise InvalidInput("这个代码刚由同事登记过，请到名单里找。", {"credit_code": "已登记"}) from error
    record(session, actor, unit, "register", {"in_charge": in_charge.id})
    return unit


def change_in_charge(session: Session, actor: Actor, unit: WorkUnit, data: Mapping[str, str]) -> None:
    """换负责人: by the office that registers; from now on the former one names nobody and files nothing."""
    if not registers(actor, unit.place_path):
        raise Forbidden("换负责人由登记单位的窗口办。请新负责人带营业执照、任职文件和身份证到窗口。")
    require_open(unit)
    person = account(session, data.get("username") or "", data.get("person_name") or "")
    if person.id == unit.in_charge_id:
        raise InvalidInput(f"{person.name}已经是{unit.name}的负责人，不用更换。", {"username": "已是负责人"})
    if data.get("seen") not in ("1", "on", "y"):
        raise InvalidInput("请核对任职文件和新负责人的身份证后打勾。", {"seen": "请核对后打勾"})
    before, unit.in_charge_id = unit.in_charge_id, person.id
    session.flush()
    session.expire(unit, ["in_charge"])
    record(session, actor, unit, "in_charge", {"before": before, "after": person.id})


def require_open(unit: WorkUnit) -> None:
    """A unit that was struck off acts no more."""
    if unit.closed_at is not None:
        raise NotAvailable(
            f"{unit.name}已于{say(local_day(unit.closed_at))}注销（{unit.close_reason}），不能再以它的名义办。"
            "已经申报的件照常办到底。"
        )


def close(session: Session, actor: Actor, unit: WorkUnit, data: Mapping[str, str]) -> None:
    """注销单位: by the office that registers, on the paper of its dissolution. Delegations end at once; what was filed runs on."""
    if not registers(actor, unit.place_path) or actor.person_id is None:
        raise Forbidden("注销单位由登记单位的窗口办。请带注销登记的证明到窗口。")
    session.get(WorkUnit, unit.id, with_for_update=True, populate_existing=True)
    require_open(unit)
    errors: dict[str, str] = {}
    reason = ""
    try:
        reason = clean_text(data.get("reason") or "", 200)
    except ValueError as problem:
        errors["reason"] = f"注销的原因{problem}"
    if not reason and "reason" not in errors:
        errors["reason"] = "请写明注销的原因，例如已办理工商注销"
    if data.get("seen") not in ("1", "on", "y"):
        errors["seen"] = "请核对注销登记的证明后打勾"
    if errors:
        raise InvalidInput("还不能注销：" + "；".join(errors.values()) + "。", errors)
    at, today = now(), local_day(now())
    running = [one.number for one in cases_of(session, unit) if one.closed_at is None and one.state != "draft"]
    unit.closed_at, unit.closed_by_id, unit.close_reason = at, actor.person_id, reason
    ended = [one for one in unit.operators if one.ended_at is None and (one.until is None or today <= one.until)]
    for one in ended:
        one.ended_at, one.ended_by_id, one.end_reason = at, actor.person_id, "单位已注销"
    session.flush()
    details = {"reason": reason, "operators": [one.uid for one in ended], "running": running}
    record(session, actor, unit, "close", details)


def cases_of(session: Session, unit: WorkUnit) -> Sequence[Case]:
    """What was begun or filed in the unit's name, the newest first."""
    statement = select(Case).join(WorkUnitFiling, WorkUnitFiling.case_id == Case.id)
    return session.scalars(
        statement.where(WorkUnitFiling.unit_id == unit.id).order_by(Case.id.desc()).limit(LISTED)
    ).all()


def account(session: Session, username: str, name: str) -> Person:
    """Somebody's own account by its name and the person's: one of the two alone tells nobody who has an account."""
    typed, called = "".join(username.split()).lower()[:60], name.strip()[:60]
    errors = {}
    if not typed:
        errors["username"] = "请填写账号（登录用的用户名）"
    if not called:
        errors["person_name"] = "请填写账号本人的姓名"
    if errors:
        raise InvalidInput("；".join(errors.values()) + "。", errors)
    found = session.scalar(select(Person).where(Person.username == typed, Person.active))
    if found is None or residents.same_name(found.name, called) is False:
        raise InvalidInput(
            "没有这个账号，或者账号和姓名对不上。请本人先开通自己的账号，再告诉您用户名。",
            {"username": "没有这个账号，或与姓名对不上"},
        )
    if found.resident_id is None:
        raise InvalidInput(
            f"{found.name}的这个账号不是本人的居民账号，不能以单位名义申报。请用本人实名的账号。",
            {"username": "不是本人实名的账号"},
        )
    return found


def in_charge(actor: Actor, unit: WorkUnit) -> bool:
    return actor.acting_for is None and actor.person_id is not None and actor.person_id == unit.in_charge_id


def load(session: Session, actor: Actor, uid: str) -> WorkUnit:
    """A unit for whoever has to do with it: in charge, operator now or once, or the office that registers. Others find none."""
    unit = session.scalar(select(WorkUnit).where(WorkUnit.uid == uid))
    if unit is None or not (
        in_charge(actor, unit)
        or registers(actor, unit.place_path)
        or any(one.person_id == actor.person_id for one in unit.operators)
    ):
        raise NotFound("没有找到这个单位，或者它不归您办。")
    return unit


def mine(session: Session, actor: Actor) -> Sequence[WorkUnit]:
    """Units this person is in charge of or was named operator for."""
    if actor.person_id is None:
        return ()
    named = select(WorkUnitOperator.unit_id).where(WorkUnitOperator.person_id == actor.person_id)
    return session.scalars(
        select(WorkUnit)
        .where(or_(WorkUnit.in_charge_id == actor.person_id, WorkUnit.id.in_(named)))
        .order_by(WorkUnit.name)
        .limit(LISTED)
    ).all()


def registered(session: Session, actor: Actor) -> Sequence[WorkUnit]:
    """Units registered at the places of this registrar, the newest first."""
    paths = {held.path for held in actor.held if held.role in REGISTRARS}
    if not paths:
        return ()
    return session.scalars(
        select(WorkUnit)
        .where(or_(*(access.within(WorkUnit.place_path, path) for path in sorted(paths))))
        .order_by(WorkUnit.registered_at.desc())
        .limit(LISTED)
    ).all()


def filings(session: Session, actor: Actor, unit: WorkUnit) -> Sequence[WorkUnitFiling]:
    """What was begun or filed in the unit's name: all of it for the person in charge and the office that registers, one's own for an operator."""
    statement = select(WorkUnitFiling).where(WorkUnitFiling.unit_id == unit.id)
    if not in_charge(actor, unit) and not registers(actor, unit.place_path):
        statement = statement.where(WorkUnitFiling.filed_by_id == actor.person_id)
    return session.scalars(statement.order_by(WorkUnitFiling.case_id.desc()).limit(50)).all()


def record(session: Session, actor: Actor, unit: WorkUnit, action: str, details: dict[str, Any]) -> None:
    """One row of the unit's own history."""
    journal.record(session, f"work_unit:{action}", actor, stream=f"work_unit:{unit.uid}", details=details)
