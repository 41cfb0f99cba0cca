"""跨市通办 tickets: filed here and decided there, or the other way round; each step is told to the other half, and only once."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.content import Content
from models.exchange import Envelope, ExchangeTicket, Partner, PartnerItem
from models.paper import Document, Note
from process import registry
from process.access import NOBODY, Actor
from process.library import library
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from process.registry import Step
from services import files, generic, notes
from services.exchange import envelopes, keys, partners, posting

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


def letters_of(session: Session, content: Content) -> list[Envelope]:
    """What went to and fro about this ticket, oldest first."""
    return list(session.scalars(select(Envelope).where(Envelope.content_id == content.id).order_by(Envelope.id)))


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
