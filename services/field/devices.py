"""The phones of the field app: opened by a sign-in, closed by hand or from afar, and lost ones made unreadable."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import now
from models.field import FieldDevice
from models.person import LoginSession, Person
from process import journal
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Conflict, Forbidden, NotFound
from services import unit_settings

# Who works outside; a clerk at the window needs no second copy of addresses in a pocket.
ROLES = frozenset({"grid_leader", "grid_service_worker", "grid_worker", "grid_publicist", "red_courier"})
KEEPERS = frozenset({"system_admin"})
IDLE = "field_idle_minutes"
# A phone that said nothing for so long signs on and takes a fresh day before it hands anything in.
STALE_AFTER = timedelta(days=21)
MOST_DEVICES = 5
# The shape of what phones send; an app that is older fetches the new one first.
OLDEST_SHAPE = 1
SHAPE = 1


class DeviceClosed(Forbidden):
    """Signed out from afar: the key on the phone goes, what was typed stays there unreadable until its owner returns."""

    slug = "device-closed"
    title = "这台手机已被远程退出"


class DeviceLost(Forbidden):
    """Reported lost: everything on it goes."""

    slug = "device-lost"
    title = "这台手机已报失停用"


class DeviceUnknown(Conflict):
    """Not a phone of this person."""

    slug = "device-unknown"
    title = "这台手机还没有登记"


class SignInAgain(Forbidden):
    """The key is handed out once for each sign-in, so that a session left open does not open a locked phone."""

    slug = "sign-in-again"
    title = "请重新登录"


class DeviceStale(Conflict):
    """Three weeks without a word."""

    slug = "device-stale"
    title = "这台手机太久没有联系"


class AppTooOld(Conflict):
    """The app on the phone does not know what the server asks for today."""

    slug = "app-too-old"
    title = "手机上的应用太旧"


def idle_minutes(session: Session, person: Person) -> int:
    """After how long without a touch the key on this person's phones goes: what the office has set, else two hours."""
    return unit_settings.number(session, person.unit, IDLE)


def works_outside(actor: Actor) -> bool:
    return bool(actor.roles & ROLES)


def open_device(
    session: Session,
    actor: Actor,
    login: LoginSession,
    *,
    known: Collection[str] = (),
    label: str = "",
) -> FieldDevice:
    """Signs a phone on: the one this person used before, or a new one. The answer carries its secret this one time."""
    if not works_outside(actor) or actor.person_id is None:
        raise Forbidden("手机外勤由网格长、网格人员和跑腿工使用。您的岗位请在电脑或手机网页上办理。")
    name = clean_text(label or "手机", 80)
    at = now()
    device = session.scalar(
        select(FieldDevice)
        .where(FieldDevice.person_id == actor.person_id, FieldDevice.uid.in_(list(known)[:20]), ~FieldDevice.lost)
        .order_by(FieldDevice.id.desc())
        .limit(1)
    )
    if device is not None:
        since = max(device.opened_at, device.closed_at or device.opened_at)
        if login.created_at <= since:
            raise SignInAgain("为了保护手机里的资料，锁上以后要重新输入密码登录才能打开。您填的内容都还在手机上。")
        device.opened_at = device.seen_at = at
        device.closed_at = device.closed_by_id = None
        device.idle_minutes = idle_minutes(session, device.person)
        session.flush()
    else:
        count = session.scalar(
            select(func.count(FieldDevice.id)).where(
                FieldDevice.person_id == actor.person_id, ~FieldDevice.lost, FieldDevice.closed_at.is_(None)
            )
        )
        if (count or 0) >= MOST_DEVICES:
            raise Conflict(f"您名下已有 {count} 台手机在用，最多 {MOST_DEVICES} 台。请先在“我的手机”里退出不用的。")
        person = session.get_one(Person, actor.person_id)
        device = FieldDevice(
            person_id=actor.person_id,
            district=person.unit.district if person.unit else "",
            label=name,
            secret=secrets.token_urlsafe(32),
            idle_minutes=idle_minutes(session, person),
            created_at=at,
            seen_at=at,
            opened_at=at,
        )
        session.add(device)
        session.flush()
    _record(session, "field:open", actor, device)
    return device


def require(session: Session, actor: Actor, uid: str) -> FieldDevice:
    """The phone that speaks, if it may; says why not otherwise."""
    device = session.scalar(
        select(FieldDevice).where(FieldDevice.uid == uid[:22], FieldDevice.person_id == (actor.person_id or 0))
    )
    if device is None:
        raise DeviceUnknown("这台手机上的外勤应用不是用您的账号登记的。请退出后用自己的账号重新登录。")
    if device.lost:
        raise DeviceLost(
            "这台手机已报失停用，手机里的资料已作废。找回手机后请重新登录登记，没有上报的内容请按纸面补录。"
        )
    if device.closed_at is not None:
        who = device.closed_by.name if device.closed_by else "管理员"
        raise DeviceClosed(f"这台手机已由{who}远程退出。您填的内容仍加密存在手机上，重新登录后接着上报。")
    if not works_outside(actor):
        raise DeviceClosed("您现在没有外勤岗位，手机外勤已停用。您填的内容仍加密存在手机上，请联系本单位负责人。")
    return device


def require_fresh(device: FieldDevice, shape: object) -> None:
    """Before anything is handed in: an app of today on a phone that was heard of lately."""
    if isinstance(shape, bool) or not isinstance(shape, int) or not OLDEST_SHAPE <= shape <= SHAPE:
        raise AppTooOld(
            "手机上的外勤应用不是现在的版本。请联网打开一次应用让它更新，更新后会自动接着上报，内容都还在。"
        )
    away = now() - device.seen_at
    if away > STALE_AFTER:
        raise DeviceStale(
            f"这台手机已经 {away.days} 天没有联系。请重新登录、取一次今天的任务，再上报；您填的内容都还在手机上。"
        )


def seen(session: Session, device: FieldDevice) -> None:
    """Heard of; written at most once a minute, because every piece of a photo asks."""
    device.idle_minutes = idle_minutes(session, device.person)
    if now() - device.seen_at > timedelta(minutes=1):
        device.seen_at = now()
        session.flush()


def close(session: Session, actor: Actor, device: FieldDevice, *, lost: bool = False) -> None:
    """远程退出 or 报失: at its next word the phone destroys its key, a lost one everything."""
    if device.lost:
        raise Conflict("这台手机已经报失停用，不用再办。")
    device.closed_at, device.closed_by_id = now(), actor.person_id
    if lost:
        device.lost, device.secret = True, None
    session.flush()
    _record(session, "field:lost" if lost else "field:close", actor, device)


def leave(session: Session, actor: Actor, uid: str) -> None:
    """Signed out on the phone itself; nothing to say where the phone is not known any more."""
    device = session.scalar(
        select(FieldDevice).where(FieldDevice.uid == uid[:22], FieldDevice.person_id == (actor.person_id or 0))
    )
    if device is not None and device.closed_at is None:
        close(session, actor, device)


def listed(session: Session, actor: Actor) -> list[FieldDevice]:
    """One's own phones; an administrator sees those of the office, because staff leave."""
    statement = select(FieldDevice).order_by(FieldDevice.closed_at.is_not(None), FieldDevice.seen_at.desc()).limit(200)
    if not actor.roles & KEEPERS:
        statement = statement.where(FieldDevice.person_id == (actor.person_id or 0))
    return [one for one in session.scalars(statement) if _may(actor, one)]


def load(session: Session, actor: Actor, uid: str) -> FieldDevice:
    device = session.scalar(select(FieldDevice).where(FieldDevice.uid == uid[:22]))
    if device is None or not _may(actor, device):
        raise NotFound()
    return device


def _may(actor: Actor, device: FieldDevice) -> bool:
    if device.person_id == actor.person_id:
        return True
    path = device.person.unit.path if device.person.unit else "/"
    return any(actor.holds(role, path) for role in KEEPERS)


def _record(session: Session, action: str, actor: Actor, device: FieldDevice) -> None:
    journal.record(
        session,
        action,
        actor,
        stream=f"person:{device.person_id}",
        details={"device": device.id, "label": device.label},
    )
