"""数据共享: asks the city's platform whether a paper is on record there, so that nobody has to bring it. Silence is an answer, too."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.case import Case, Material
from models.counter import CounterVisit, SharingRequest
from models.resident import Resident
from process import journal, outbox
from process.access import Actor
from process.calendar_days import say
from process.identity import IdNumber
from process.numbers import CHINA
from process.refusals import InvalidInput
from services import residents
from services.messages.channels import signed

JOB = "sharing.ask"
PATIENCE = 30.0
LONGEST_ANSWER = 256 * 1024
# What the platform can be asked for: proposals, the agency's own list is what it has a contract for.
KINDS: Mapping[str, str] = {
    "id_card": "居民身份证",
    "household_booklet": "居民户口簿",
    "marriage_certificate": "结婚证",
    "divorce_certificate": "离婚证",
    "residence_permit": "居住证",
    "birth_certificate": "出生医学证明",
    "disability_card": "残疾人证",
    "unemployment_certificate": "就业创业证",
}
# An answer serves the visit in which it was asked for, and not much longer.
YOUNG = timedelta(hours=8)
PAPER = "请收纸质材料"


@dataclass(frozen=True)
class Question:
    """About whom and which paper; `key` makes the same question one question."""

    key: str
    kind: str
    name: str
    id_number: str
    purpose: str


@dataclass(frozen=True)
class Answer:
    """What the platform said: whose paper it is, its own number of the answer, and what stands in the paper."""

    found: bool
    id_number: str = ""
    name: str = ""
    foreign_id: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Silent(Exception):
    """No answer in time."""


class Unusable(Exception):
    """An answer that says nothing: an error, or no JSON of ours."""


class Connector(Protocol):
    """Whoever knows which papers exist: the city's platform, or another one with the same questions."""

    def ask(self, question: Question) -> Answer: ...


class HttpConnector:
    """POST {url} with {key, kind, name, id_number, purpose}, signed like our other calls; 200 answers {found, id_number, name, id, facts}."""

    def __init__(self, url: str, secret: str, patience: float = PATIENCE) -> None:
        self.url, self.secret, self.patience = url, secret, patience

    def ask(self, question: Question) -> Answer:
        raw = json.dumps(
            {
                "key": question.key,
                "kind": question.kind,
                "name": question.name,
                "id_number": question.id_number,
                "purpose": question.purpose,
            },
            ensure_ascii=False,
        ).encode()
        said = self._post(raw, question.key)
        if not isinstance(said.get("found"), bool):
            raise Unusable("数据共享平台的回答看不懂")
        facts = said.get("facts")
        return Answer(
            said["found"],
            str(said.get("id_number") or "")[:30],
            str(said.get("name") or "")[:120],
            str(said.get("id") or "")[:80],
            {str(k)[:40]: str(v)[:200] for k, v in facts.items()} if isinstance(facts, Mapping) else {},
        )

    def _post(self, raw: bytes, key: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, **signed(self.secret, raw)}
        until = time.monotonic() + self.patience
        timeout = httpx.Timeout(self.patience, connect=min(5.0, self.patience))
        try:
            with httpx.stream(
                "POST", self.url, content=raw, headers=headers, timeout=timeout, trust_env=False
            ) as reply:
                body = b""
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > LONGEST_ANSWER:
                        raise Unusable("数据共享平台的回答太长")
                    if time.monotonic() > until:
                        raise Silent
                status = reply.status_code
        except httpx.TimeoutException as error:
            raise Silent from error
        except httpx.HTTPError as error:
            raise Unusable("数据共享平台连不上") from error
        try:
            said = json.loads(body)
        except ValueError as error:
            raise Unusable(f"数据共享平台的回答看不懂（代码 {status}）") from error
        if status != 200 or not isinstance(said, dict):
            raise Unusable(f"数据共享平台暂时不能用（代码 {status}）")
        return said


_connector: Connector | None = None


def configure(connector: Connector | None) -> None:
    """Whom to ask: None means that this office is not connected. Called once when the application is made."""
    global _connector
    _connector = connector


def connected() -> bool:
    """Whether there is anybody to ask."""
    return _connector is not None


def askable(kind: str) -> bool:
    """Whether the platform has papers of this kind."""
    return connected() and kind in KINDS


# --- Asking


def ask_for(
    session: Session, actor: Actor, visit: CounterVisit, id_number: str, name: str, kinds: list[str], purpose: str
) -> list[SharingRequest]:
    """Puts the questions; the answers come while the clerk goes on typing. What was asked a moment ago is not asked again."""
    if not connected():
        raise InvalidInput(f"本单位没有接通数据共享平台，{PAPER}。")
    number = IdNumber.parse(id_number)
    if not name.strip():
        raise InvalidInput("请先填申请人姓名，再查数据共享。", {"applicant_name": "请填写姓名"})
    assert actor.person_id is not None
    known = {one.kind: one for one in of_visit(session, visit, id_number)}
    asked = []
    for kind in dict.fromkeys(kinds):
        earlier = known.get(kind)
        if kind not in KINDS or (earlier is not None and earlier.state in ("asked", "found", "none")):
            continue
        request = SharingRequest(
            district=visit.district,
            visit_id=visit.id,
            resident_index=Resident.index_of(number.value),
            subject={"id_number": number.value, "name": name.strip(), "purpose": purpose[:120]},
            kind=kind,
            asked_by_id=actor.person_id,
        )
        session.add(request)
        session.flush()
        outbox.put(session, JOB, district=visit.district, request_id=request.id)
        journal.record(session, "sharing:ask", actor, stream="sharing", details={"kind": kind, "request": request.id})
        asked.append(request)
    return asked


def of_visit(session: Session, visit: CounterVisit, id_number: str) -> list[SharingRequest]:
    """The newest question of each kind about this person in this visit."""
    try:
        index = Resident.index_of(IdNumber.parse(id_number).value)
    except InvalidInput:
        return []
    rows = session.scalars(
        select(SharingRequest)
        .where(
            SharingRequest.visit_id == visit.id,
            SharingRequest.resident_index == index,
            SharingRequest.asked_at > now() - YOUNG,
        )
        .order_by(SharingRequest.id)
    )
    return list({row.kind: row for row in rows}.values())


def ask(session: Session, request_id: int) -> None:
    """The worker's call. No lock of ours is held while somebody outside is spoken to; whatever comes is one sentence for the clerk."""
    request = session.get(SharingRequest, request_id)
    if request is None or request.state != "asked":
        return
    subject = request.subject
    question = Question(request.uid, request.kind, subject["name"], subject["id_number"], subject["purpose"])
    title = KINDS[request.kind]
    session.rollback()
    answer: Answer | None = None
    state, said = "failed", ""
    try:
        if _connector is None:
            raise Unusable("本单位没有接通数据共享平台")
        answer = _connector.ask(question)
    except Silent:
        state, said = "silent", f"{title}：数据共享平台 30 秒没有答复。{PAPER}，或过一会儿再查。"
    except Unusable as problem:
        said = f"{title}：{problem}。{PAPER}，或过一会儿再查。"
    request = session.get_one(SharingRequest, request_id, with_for_update=True, populate_existing=True)
    if request.state != "asked":
        return
    if answer is not None:
        state, said = _judge(question, answer, title)
    request.state, request.said, request.answered_at = state, said[:300], now()
    if answer is not None and state == "found":
        # An answer about somebody else is not kept: nobody here has any business with it.
        request.answer, request.foreign_id = dict(answer.facts), answer.foreign_id
    journal.record(session, f"sharing:{state}", None, stream="sharing", details={"request": request.id})
    session.flush()


def _judge(question: Question, answer: Answer, title: str) -> tuple[str, str]:
    if not answer.found:
        return "none", f"{title}：平台上没有这位的记录。{PAPER}。"
    try:
        same = IdNumber.parse(answer.id_number).value == IdNumber.parse(question.id_number).value
    except InvalidInput:
        same = False
    if not same or not residents.same_name(answer.name, question.name):
        return "wrong", f"{title}：平台返回的是另一个人，没有采用，已记录。{PAPER}，并请信息员核对平台数据。"
    number = f"，编号 {answer.foreign_id}" if answer.foreign_id else ""
    return "found", f"{title}：已从数据共享平台查到{number}。"


# --- Taking over


def take_over(session: Session, actor: Actor, case: Case, slot: Material, uid: str, kind: str) -> None:
    """The platform's answer stands in for the paper; slot and history say from where."""
    request = session.scalar(select(SharingRequest).where(SharingRequest.uid == uid))
    applicant = case.applicant
    if request is None or request.state != "found" or request.kind != kind or now() - request.asked_at > YOUNG:
        words = f"“{slot.name}”的数据共享结果不能用了，请重新查，或收纸质材料。"
        raise InvalidInput(words, {f"m-{slot.code}": words})
    if applicant is None or request.resident_index != applicant.id_index:
        words = f"“{slot.name}”的数据共享结果查到的不是这位申请人，没有采用。请重新查，或收纸质材料。"
        raise InvalidInput(words, {f"m-{slot.code}": words})
    answered = (request.answered_at or request.asked_at).astimezone(CHINA)
    slot.provided, slot.sheets = True, max(slot.sheets or 0, 1)
    slot.source = "shared"
    slot.source_words = f"{say(answered)} {answered:%H:%M} 数据共享平台查得" + (
        f"，编号 {request.foreign_id}" if request.foreign_id else ""
    )
    journal.record(session, "material:shared", actor, content=case, details={"code": slot.code, "request": request.id})
    session.flush()
