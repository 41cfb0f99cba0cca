"""What the other half of a ticket tells us: a new ticket, a step, a line of the thread, a file; and a ticket that comes back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import new_uid
from models.content import Content
from models.exchange import ExchangeTicket, PartnerItem
from models.paper import Note
from process import clock, engine
from process.access import NOBODY
from process.inputs import clean_text
from process.library import library
from process.words import N_
from services import files, generic, notices, residents
from services.exchange.receiving import Arrived, EffectRefused, effect
from services.exchange.tickets import BECAUSE, DECIDES, FILED, STEPS, TYPE, link
from services.messages import replies

WROTE = N_("%(number)s：对方城市来了留言，请看往来")


@effect("ticket")
def ticket_arrived(arrived: Arrived) -> Content:
    """Pushed from elsewhere: an inbox thing of the unit that decides this item for partners."""
    session, body, partner = arrived.session, arrived.body, arrived.partner
    global_uid = str(body["global_uid"])
    if not global_uid.startswith(f"{partner.installation}:") or len(global_uid) > 64:
        raise EffectRefused("bad-body", "件的编号不是发件方的，没有办。")
    if session.scalar(select(ExchangeTicket.content_id).where(ExchangeTicket.global_uid == global_uid)) is not None:
        raise EffectRefused("known-ticket", "这一件早已收过，没有再办。")
    item = session.scalar(
        select(PartnerItem).where(
            PartnerItem.side == "ours", PartnerItem.partner_id == 0, PartnerItem.code == str(body["item"])[:60]
        )
    )
    if item is None or item.ended_at is not None or item.unit_id is None:
        raise EffectRefused(
            "unknown-item", f"本地不接收事项“{str(body['matter'])[:60]}”，没有办。请按最新的事项清单推送。"
        )
    unit = session.get_one(Agency, item.unit_id)
    if not unit.exists_on(clock.local_day(arrived.at)):
        raise EffectRefused("unit-closed", f"{unit.name}已停止办公，没有办。请等本方更新事项清单。")
    content = _make(arrived, item, unit, global_uid)
    engine.fire_unattended(content, "push", at=arrived.at, because=BECAUSE)
    return content


def _make(arrived: Arrived, item: PartnerItem, unit: Agency, global_uid: str) -> Content:
    session, body, partner = arrived.session, arrived.body, arrived.partner
    person: Mapping[str, Any] = body["applicant"]
    known = residents.find_by_id_number(session, str(person["id_number"]))
    # Another city may say who somebody is, not where our own residents live and how they are called up.
    given = {name: person.get(name) for name in ("name", "id_number")} if known else dict(person)
    applicant = residents.find_or_create(session, given)
    kind = library.type(TYPE)
    content = Content(fields={}, private={}, title="", search_text="", applicant_id=applicant.id, unit_id=unit.id)
    content.applicant = applicant
    wish = body["want_paper"] if body["want_paper"] in ("print", "express") else "print"
    values = {
        "matter": item.title,
        "city": partner.name,
        "addressee": unit.id,
        "want_paper": wish,
        "contact": clean_text(person.get("phone") or "", 20) or None,
    }
    content.uid = new_uid()
    generic.write(session, content, kind, values)
    engine.create(
        session,
        content,
        NOBODY,
        type_id=TYPE,
        place=unit,
        at=arrived.at,
        allowed=True,
        details={"partner": partner.installation, "envelope": arrived.letter.id, "predecessor": global_uid},
    )
    generic.admit_addressees(session, content, kind)
    session.add(
        ExchangeTicket(
            content_id=content.id,
            partner_id=partner.id,
            district=content.district,
            side=DECIDES,
            global_uid=global_uid,
            item_code=item.code,
            unit_name=clean_text(body["place"], 80),
            their_number=clean_text(body["number"], 60),
            told_at=arrived.at,
        )
    )
    session.flush()
    return content


@effect("state")
@effect("answer")
def step_arrived(arrived: Arrived) -> Content:
    """The other half was moved on: ours follows by the same step, with what was typed there."""
    ticket = _half(arrived)
    content, body = ticket.content, arrived.body
    other = DECIDES if ticket.side == FILED else FILED
    step = str(body["step"])
    definition = library.of(content, arrived.session)
    transition = definition.transitions.get(step)
    if transition is None or step not in STEPS[other]:
        raise EffectRefused("not-theirs", f"“{step[:20]}”这一步不由对方办，没有办。")
    if content.state not in transition.sources:
        here = definition.states[content.state].title.zh
        raise EffectRefused("out-of-step", f"本方这一件现在是“{here}”，不能“{transition.title.zh}”，没有办。")
    inputs = dict(body["inputs"])
    if step == "accept" and not inputs.get("remote_number"):
        inputs["remote_number"] = clean_text(body["number"], 60)
    if not inputs.get("comment"):
        inputs["comment"] = f"{arrived.partner.name} · {clean_text(body['unit'], 80)}"
    fired = engine.fire_unattended(content, step, at=arrived.at, because=BECAUSE, inputs=inputs)
    assert fired.details["trigger"] == BECAUSE
    ticket.their_state = content.state
    ticket.their_number = clean_text(body["number"], 60) or ticket.their_number
    ticket.unit_name = clean_text(body["unit"], 80)
    ticket.their_deadline = datetime.fromisoformat(body["deadline"]) if body["deadline"] else None
    ticket.told_at = arrived.at
    arrived.session.flush()
    return content


@effect("message")
def message_arrived(arrived: Arrived) -> Content:
    """A line of the thread, with whose it is."""
    ticket = _half(arrived)
    body, words = arrived.body, clean_text(arrived.body["text"], 2000)
    if not words:
        raise EffectRefused("bad-body", "留言没有内容，没有收。")
    whose = "申请人" if body["from"] == "resident" else clean_text(body["unit"], 80)
    note = Note(
        content_id=ticket.content_id,
        audience="resident",
        text=f"〔{arrived.partner.name} · {whose}〕{words}",
        author_id=None,
        at=arrived.at,
    )
    arrived.session.add(note)
    ticket.told_at = arrived.at
    arrived.session.flush()
    if ticket.side == FILED and body["from"] != "resident" and ticket.content.applicant is not None:
        # The resident is ours: what the other city says to them goes out on their own ways.
        replies.written(arrived.session, ticket.content, note, NOBODY)
    reader = notices.holder(arrived.session, ticket.content)
    if reader is not None:
        notices.notify(arrived.session, ticket.content, to=reader, kind="exchange:message", text=WROTE)
    return ticket.content


@effect("document")
def document_arrived(arrived: Arrived) -> Content:
    """A file, opened and cleaned as if somebody had uploaded it here."""
    ticket = _half(arrived)
    body = arrived.body
    name = clean_text(body["filename"], 200)
    if not body["data"]:
        raise EffectRefused("file-too-large", f"附件“{name}”太大，没有随函件来，请另行寄送。")
    try:
        data = base64.b64decode(body["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise EffectRefused("bad-body", f"附件“{name}”读不出来，没有收。") from error
    files.store_document(arrived.session, ticket.content, NOBODY, data, name, "attachment")
    ticket.told_at = arrived.at
    return ticket.content


def _half(arrived: Arrived) -> ExchangeTicket:
    """Only a ticket that this very partner shares with us; another's answers like one that is not there."""
    found = arrived.session.scalar(
        select(ExchangeTicket).where(
            ExchangeTicket.global_uid == str(arrived.body["global_uid"])[:64],
            ExchangeTicket.partner_id == arrived.partner.id,
        )
    )
    if found is None:
        raise EffectRefused("unknown-ticket", "没有找到对方说的这一件，没有办。")
    return found


def came_back(session: Session, content: Content, why: str) -> None:
    """The partner has said it will not take this ticket: it is sent back here, with the partner's reason."""
    ticket = link(session, content)
    if ticket is None or ticket.side != FILED or content.state != "pushed":
        return
    engine.fire_unattended(content, "refuse", because=BECAUSE, inputs={"comment": f"对方没有收这一件：{why}"})
