"""自助终端: registered by whoever keeps the hall, opened by a code, used by residents who prove who they are anew each time."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import new_uid, now
from models.case import Case, ServiceItem
from models.crypto import vault
from models.person import Person
from models.resident import Resident
from models.terminal import Terminal
from process import clock, journal
from process.access import Actor, load_actor
from process.identity import IdNumber, InvalidIdNumber, normalise_phone
from process.inputs import clean_text
from process.refusals import InvalidInput, NotAvailable, NotFound
from services import actions, cases, files, item_channels, materials, opening, residents
from services.catalogue_items import record_of

CHANNEL = "self_service_terminal"
# Letters and digits that nobody mistakes for each other.
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
PAIRING_LENGTH, PAIRING_TIME = 8, timedelta(minutes=30)
LISTED = 20
NOBODY_SO = "没有查到。姓名、身份证号码要与登记的一致；第一次来办的，请到窗口。"


# --- Kept by the hall


def of_place(session: Session, place: Agency) -> Sequence[Terminal]:
    """The machines of a hall that are in use."""
    return session.scalars(
        select(Terminal).where(Terminal.place_id == place.id, Terminal.ended_at.is_(None)).order_by(Terminal.id)
    ).all()


def fileable(session: Session) -> list[ServiceItem]:
    """Items whose way by terminal is open, for people."""
    return [
        item
        for item in cases.items_on_offer(session)
        if record_of(item).subject != "enterprise" and item_channels.is_open(session, item, CHANNEL)
    ]


def offered(session: Session, terminal: Terminal) -> list[ServiceItem]:
    """What may be filed at this machine today: its own list, as far as the way is open."""
    return [item for item in fileable(session) if item.code in terminal.items]


def register(session: Session, actor: Actor, place: Agency, given: Mapping[str, Any]) -> tuple[Terminal, str]:
    """A new machine with an account of its own, which nobody can sign in to; and the code that opens it once."""
    opening.require_keeper(actor, place)
    name, items = _read(session, given)
    uid = new_uid()
    account = Person(username=f"terminal-{uid[:12].lower()}", name=name, password_hash="!", unit_id=place.id)
    session.add(account)
    session.flush()
    made = Terminal(
        uid=uid,
        district=place.district,
        place_id=place.id,
        name=name,
        items=items,
        person_id=account.id,
        registered_by_id=actor.person_id,
    )
    session.add(made)
    session.flush()
    _record(session, actor, made, "register", {"items": items})
    return made, new_code(session, actor, made)


def change(session: Session, actor: Actor, terminal: Terminal, given: Mapping[str, Any]) -> None:
    """Its name and what it takes."""
    opening.require_keeper(actor, terminal.place)
    terminal.name, terminal.items = _read(session, given)
    session.flush()
    _record(session, actor, terminal, "change", {"items": terminal.items})


def _read(session: Session, given: Mapping[str, Any]) -> tuple[str, list[str]]:
    errors: dict[str, str] = {}
    name = ""
    try:
        name = " ".join(clean_text(str(given.get("name") or ""), 60).split())
    except ValueError as problem:
        errors["name"] = str(problem)
    if not name and "name" not in errors:
        errors["name"] = "请写终端的名称，例如 大厅东侧1号"
    known = {item.code for item in fileable(session)}
    items = [code for code in dict.fromkeys(given.get("items") or ()) if code]
    if any(code not in known for code in items):
        errors["items"] = "有的事项没有开通自助终端，请从名单里选"
    if errors:
        raise InvalidInput("终端还不能保存：" + "；".join(errors.values()) + "。", errors)
    return name, items


def new_code(session: Session, actor: Actor, terminal: Terminal) -> str:
    """The code to be typed at the machine within half an hour; what opened it before does so no longer."""
    opening.require_keeper(actor, terminal.place)
    code = "".join(secrets.choice(ALPHABET) for _ in range(PAIRING_LENGTH))
    terminal.pairing, terminal.pairing_until, terminal.secret = _print(code), now() + PAIRING_TIME, None
    session.flush()
    _record(session, actor, terminal, "code", {})
    return code


def end(session: Session, actor: Actor, terminal: Terminal) -> None:
    """停用: the machine shows nothing more, its account is shut."""
    opening.require_keeper(actor, terminal.place)
    if terminal.ended_at is not None:
        raise NotAvailable(f"终端“{terminal.name}”已经停用。")
    terminal.ended_at, terminal.pairing, terminal.secret = now(), None, None
    terminal.person.active = False
    session.flush()
    _record(session, actor, terminal, "end", {})


def load(session: Session, place: Agency, uid: str) -> Terminal:
    found = session.scalar(select(Terminal).where(Terminal.uid == uid[:22], Terminal.place_id == place.id))
    if found is None:
        raise NotFound("没有找到这台终端，请从大厅的“自助终端”进入。")
    return found


def _record(session: Session, actor: Actor, terminal: Terminal, action: str, details: dict[str, Any]) -> None:
    journal.record(
        session,
        f"terminal:{action}",
        actor,
        stream=f"terminal:{terminal.uid}",
        details={"name": terminal.name, **details},
    )


# --- The machine


def open_with(session: Session, code: str) -> tuple[Terminal, str] | None:
    """The code is used up; from now on the machine's secret opens it. None: no such code, or too late."""
    typed = "".join(code.split()).upper()[:20]
    found = session.scalar(select(Terminal).where(Terminal.pairing == _print(typed)).with_for_update())
    if found is None or found.ended_at is not None or found.pairing_until is None or found.pairing_until < now():
        return None
    secret = secrets.token_urlsafe(32)
    found.pairing, found.pairing_until, found.secret = None, None, _print(secret)
    session.flush()
    _record(session, load_actor(session, found.person_id, clock.local_day(now())), found, "open", {})
    return found, secret


def by_secret(session: Session, secret: str) -> Terminal | None:
    if not secret:
        return None
    return session.scalar(select(Terminal).where(Terminal.secret == _print(secret[:100]), Terminal.ended_at.is_(None)))


def _print(text: str) -> str:
    return vault.fingerprint(f"terminal:{text}")[:64]


# --- What residents do at it


def person_of(data: Mapping[str, str]) -> tuple[str, IdNumber]:
    """Name and number as typed or read from the card."""
    errors: dict[str, str] = {}
    name = " ".join((data.get("name") or "").split())[:60]
    if not name:
        errors["name"] = "请填写姓名，与身份证一致"
    number: IdNumber | None = None
    try:
        number = IdNumber.parse(data.get("id_number") or "")
    except InvalidIdNumber as problem:
        errors["id_number"] = problem.detail
    if errors or number is None:
        raise InvalidInput("；".join(text.rstrip("。") for text in errors.values()) + "。", errors)
    return name, number


def cases_of(session: Session, data: Mapping[str, str]) -> Sequence[Case] | None:
    """What is under way for whoever this is; None where name and number do not belong together."""
    name, number = person_of(data)
    resident = residents.find_by_id_number(session, number.value)
    if resident is None or not residents.same_name(resident.name, name):
        return None
    return session.scalars(
        select(Case)
        .where(Case.applicant_id == resident.id, Case.state != "draft")
        .order_by(Case.id.desc())
        .limit(LISTED)
    ).all()


def file(
    session: Session,
    terminal: Terminal,
    item: ServiceItem,
    person: Mapping[str, str],
    answers: Mapping[str, Any],
    uploads: Mapping[str, Sequence[tuple[bytes, str]]],
) -> Case:
    """Filed by the resident at this machine: all of it or nothing, so that no half of it stays here."""
    if item.code not in {one.code for one in offered(session, terminal)}:
        raise NotAvailable(f"“{item.title}”现在不能在这台终端上申报，请到窗口办理。")
    resident = _resident(session, person)
    actor = _actor(session, terminal, resident)
    data = {
        **answers,
        "item": item.code,
        "channel": CHANNEL,
        "place": terminal.place_id,
        "applicant_phone": resident.phone,
        "applicant_address": resident.address,
    }
    case = actions.create(session, actor, "case", data)
    assert isinstance(case, Case)
    errors: dict[str, str] = {}
    for slot in case.materials:
        for content, filename in uploads.get(slot.code, ()):
            try:
                files.store_document(session, case, actor, content, filename, "material", material=slot)
            except InvalidInput as refusal:
                errors[f"file-{slot.code}"] = f"“{slot.name}”：{refusal.detail}"
    if errors:
        raise InvalidInput("".join(errors.values()), errors)
    materials.note_uploads(session, case)
    actions.perform(case, "submit", actor)
    return case


def _resident(session: Session, person: Mapping[str, str]) -> Resident:
    """Whoever the office knows already is not given another telephone or address by somebody at a machine."""
    name, number = person_of(person)
    known = residents.find_by_id_number(session, number.value)
    typed = {"name": name, "id_number": number.value}
    if known is None or not known.phone:
        return residents.find_or_create(
            session, {**typed, "phone": person.get("phone"), "address": person.get("address")}
        )
    same = normalise_phone(person.get("phone") or "") == known.phone
    if not residents.same_name(known.name, name) or not same:
        words = "姓名、身份证号码、电话与登记的不一致。换了电话的，请到窗口更正后再来。"
        raise InvalidInput(words, {"phone": words})
    return known


def _actor(session: Session, terminal: Terminal, resident: Resident) -> Actor:
    """The machine's account in the resident's own matter: no post, no colleague, nobody else's case."""
    return replace(load_actor(session, terminal.person_id, clock.local_day(now())), resident_id=resident.id)
