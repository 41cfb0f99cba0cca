"""跨市通办 tickets: filed here and decided there, or the other way round; each step is told to the other half, and only once."""

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
from models.exchange import Envelope, ExchangeTicket, Partner, PartnerItem
from models.paper import Document, Note
from models.person import Person
from process import clock, engine, registry
from process.access import NOBODY, Actor
from process.inputs import clean_text
from process.library import library
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from services import files, generic, notes, residents
from services.exchange import envelopes, keys, partners, posting
from services.exchange.receiving import Arrived, EffectRefused, effect

TYPE = "cross_region"
FILED, DECIDES = "filed", "decides"
# How the engine is told that a step was taken by the other half, and so need not be told to it.
BECAUSE = "exchange"
# Which side takes which steps: no step belongs to both, so the two halves cannot contradict each other.
STEPS: Mapping[str, frozenset[str]] = {
    FILED: frozenset({"push", "print"}),
    DECIDES: frozenset({"accept", "decide", "refuse", "send"}),
}
ANSWERS = frozenset({"decide", "refuse"})


def link(session: Session, content: Content) -> ExchangeTicket | None:
    """The other half, if this thing has one."""
    return session.get(ExchangeTicket, content.id) if content.type == TYPE else None


# --- Filing here what another city decides


def file(session: Session, actor: Actor, data: Mapping[str, Any]) -> Content:
    """A ticket for an item on a partner's list, with the person it is about and the way the result comes back."""
    item, partner = _wanted(session, data.get("item"))
    wish = str(data.get("want_paper") or "")
    if wish not in ("print", "express"):
        raise InvalidInput("请选结果怎么拿：自助打印，还是快递。", {"want_paper": "请选一种"})
    kind = library.type(TYPE)
    given = {
        **{name: value for name, value in data.items() if name.startswith("applicant")},
        **({"place": data["place"]} if data.get("place") else {}),
        "matter": item.title,
        "city": partner.name,
        "want_paper": wish,
    }
    content = generic.create(session, actor, kind, given)
    ring = keys.ring()
    session.add(
        ExchangeTicket(
            content_id=content.id,
            partner_id=partner.id,
            district=content.district,
            side=FILED,
            global_uid=f"{ring.card.installation}:{content.uid}",
            item_code=item.code,
            unit_name=item.unit_name,
        )
    )
    session.flush()
    return content


def _wanted(session: Session, item_id: Any) -> tuple[PartnerItem, Partner]:
    text = str(item_id or "")
    item = session.get(PartnerItem, int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None
    if item is None or item.side != "theirs":
        raise InvalidInput("请从对方城市的事项清单里选要办的事。", {"item": "请选事项"})
    partner = partners.one(session, item.partner_id)
    _require_offered(session, partner, item.code)
    return item, partner


def _require_offered(session: Session, partner: Partner, code: str) -> PartnerItem:
    partners.require_open(partner)
    item = session.scalar(
        select(PartnerItem).where(
            PartnerItem.side == "theirs", PartnerItem.partner_id == partner.id, PartnerItem.code == code
        )
    )
    if item is None or item.ended_at is not None:
        raise NotAvailable(
            f"“{partner.name}”现在不接收这个事项（{item.title if item else code}），请看对方最新的事项清单。"
        )
    return item


@registry.requirement("authority_named")
def authority_named(step: Step) -> None:
    """Somebody decides it: a unit of ours, or a partner that takes this item today."""
    ticket = link(step.session, step.content)
    if ticket is None:
        if not any(p.relation == "addressee" and p.until is None for p in step.content.places):
            raise RequirementUnmet("还没有写明由哪里受理。请先编辑，选好受理地部门；要推送到外地的，请从“通办”页新建。")
    elif ticket.side == FILED:
        _require_offered(step.session, ticket.partner, ticket.item_code)


@registry.requirement("result_as_wanted")
def result_as_wanted(step: Step) -> None:
    """Printed where it was filed or sent by whoever decided, as the applicant chose: never both."""
    ticket = link(step.session, step.content)
    if ticket is None or step.details.get("trigger") == BECAUSE:
        return
    wish, sends = step.content.fields.get("want_paper"), step.transition.id == "send"
    if sends and ticket.side == FILED:
        raise RequirementUnmet(f"结果由受理地“{ticket.partner.name}”寄出，寄出后单号会自动出现在这里。")
    if not sends and ticket.side == DECIDES:
        raise RequirementUnmet(f"证明由申请人在申报地“{ticket.partner.name}”打印，打印后这里会自动办结。")
    if sends and wish == "print":
        raise RequirementUnmet("申请人选的是自助打印，对方打印后会自动办结，不用寄送。")
    if not sends and wish == "express":
        raise RequirementUnmet(f"申请人选的是快递，由“{ticket.partner.name}”寄出。单号会自动出现在这里。")


# --- Telling the other half


@registry.effect("tell_partner", writes=("contact",))
def tell_partner(step: Step) -> None:
    """即时推送: the whole matter goes into the row for the partner, in the transaction of the step."""
    content = step.content
    ticket = link(step.session, content)
    if ticket is None or ticket.side != FILED or step.details.get("trigger") == BECAUSE:
        return
    applicant = content.applicant
    body = {
        "global_uid": ticket.global_uid,
        "number": content.number or "",
        "item": ticket.item_code,
        "matter": content.fields.get("matter") or content.title,
        "want_paper": content.fields.get("want_paper") or "print",
        "filed_at": envelopes.moment(content.created_at),
        "place": content.place.name,
        "phone": str((content.place.details or {}).get("phone") or ""),
        "applicant": {
            "name": applicant.name if applicant else "",
            "id_number": applicant.id_number if applicant else "",
            "phone": (applicant.phone if applicant else "") or "",
            "address": (applicant.address if applicant else "") or "",
        },
    }
    letter = posting.post(step.session, ticket.partner_id, "ticket", body, content=content)
    step.details |= {"partner": ticket.partner.installation, "envelope": letter.uid}
    for document in step.session.scalars(
        select(Document).where(Document.content_id == content.id).order_by(Document.id)
    ):
        _send_document(step.session, ticket, content, document)


def heard_step(session: Session, content: Content, transition: str, actor: Actor, step: Step | None) -> None:
    """A listener of the engine: what somebody here did with our half is told to the other."""
    if content.type != TYPE or step is None or transition == "push" or step.details.get("trigger") == BECAUSE:
        return
    ticket = link(session, content)
    if ticket is None or transition not in STEPS[ticket.side]:
        return
    session.flush()
    body = {
        "global_uid": ticket.global_uid,
        "step": transition,
        "state": content.state,
        "number": content.number or "",
        "deadline": envelopes.moment(content.deadline) if content.deadline else None,
        "unit": content.unit.name if content.unit else content.place.name,
        "at": envelopes.moment(step.at),
        "inputs": {name: str(value) for name, value in step.inputs.items()},
    }
    kind = "answer" if transition in ANSWERS else "state"
    posting.post(session, ticket.partner_id, kind, body, content=content)


def heard_note(session: Session, content: Content, note: Note, actor: Actor) -> None:
    """Messages of the thread go to both halves; internal notes stay where they were written."""
    ticket = link(session, content)
    if ticket is None or note.audience != "resident" or not _known_there(ticket, content):
        return
    session.flush()
    body = {
        "global_uid": ticket.global_uid,
        "text": note.text,
        "from": "resident" if actor.resident_id is not None else "staff",
        "unit": actor.unit_name or content.place.name,
        "at": envelopes.moment(note.at),
    }
    posting.post(session, ticket.partner_id, "message", body, content=content, subject=str(note.id))


def heard_document(session: Session, content: Content, document: Document, actor: Actor) -> None:
    """A paper added on one side is on the other as well: more materials here, the result there."""
    ticket = link(session, content)
    if ticket is not None and actor is not NOBODY and _known_there(ticket, content):
        _send_document(session, ticket, content, document)


def _known_there(ticket: ExchangeTicket, content: Content) -> bool:
    return ticket.side == DECIDES or content.state != "filed"


def _send_document(session: Session, ticket: ExchangeTicket, content: Content, document: Document) -> None:
    if document.purpose == "signature":
        return
    body: dict[str, Any] = {
        "global_uid": ticket.global_uid,
        "filename": document.filename,
        "media_type": document.media_type,
        "sha256": document.sha256,
        "data": "",
    }
    if document.size <= envelopes.LARGEST_FILE:
        body["data"] = base64.b64encode(files.store().read(document.storage_key)).decode()
    posting.post(session, ticket.partner_id, "document", body, content=content, subject=document.uid)


# --- What the other half tells us


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


def letters_of(session: Session, content: Content) -> list[Envelope]:
    """What went to and fro about this ticket, oldest first."""
    return list(session.scalars(select(Envelope).where(Envelope.content_id == content.id).order_by(Envelope.id)))


def owner_of(session: Session, content: Content) -> Person | None:
    return session.get(Person, content.owner_id) if content.owner_id else None


def listen() -> None:
    """Hangs on the engine, the thread and the files; called once when services are registered."""
    for listener, heard in (
        (registry.listeners, heard_step),
        (notes.listeners, heard_note),
        (files.listeners, heard_document),
    ):
        if heard not in listener:
            listener.append(heard)  # type: ignore[arg-type]


listen()
