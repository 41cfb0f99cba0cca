"""How a drawn paper becomes a signed one: at once with the office's own key, or after the seal platform has answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.crypto import vault
from models.paper import Certificate, Paper
from models.trust import SealRequest
from process import outbox
from process.numbers import CHINA
from services.trust import keystore
from services.trust.platform import Declined, Order, SealSystem, Silent

if TYPE_CHECKING:
    from services.papers.definition import Paper as Definition

SIGN = "papers.sign"
# 15 s, 1 min, 5 min, then every ten minutes, as long as it takes: the number is given, the paper will come.
PAUSES = (15, 60, 300, 600)
_system: SealSystem | None = None


def configure(system: SealSystem | None) -> None:
    """Who signs: None means the office's own key. Called once when the application is made."""
    global _system
    _system = system


def elsewhere() -> bool:
    """Whether somebody outside signs, so that a drawn paper has to wait."""
    return _system is not None


@lru_cache(maxsize=4)
def _template(key: keystore.Key) -> object:
    from services.papers import cms

    return cms.template(key.rsa_key, key.certificates)


def template() -> object:
    """The signature of the key in force with two places to fill in; made once for each key and process."""
    return _template(keystore.ring().current(keystore.PAPER))


def sign(pdf: bytes, definition: Definition, at: datetime | None) -> bytes:
    """The paper signed with our own key when its own definition says so; the same paper and key give the same bytes."""
    if _system is not None or not definition.terms.signed:
        return pdf
    from services.papers import cms, signing

    found = template()
    assert isinstance(found, cms.Template)
    return signing.sign(pdf, found, at=moment(at), name=keystore.ring().office, reason=_reason(definition.title_zh))


def moment(at: datetime | None) -> datetime:
    """The time in the signature is that of the issue, frozen with the paper; never before there was a key."""
    begun = keystore.ring().current(keystore.PAPER).since - keystore.BACKDATED
    return max(at or begun, begun).astimezone(UTC)


def _reason(title: str) -> str:
    return f"出具{title}"


# --- Somebody else's seal


def hand_over(session: Session, paper: Paper, drawn: bytes) -> bool:
    """Keeps the drawn paper and asks the platform after the commit. False: nobody outside has to sign this one."""
    from services.papers import own

    # As it was frozen: a version put in force meanwhile neither signs it nor leaves it unsigned.
    if _system is None or not own.definition_of(paper).terms.signed:
        return False
    request = session.scalar(select(SealRequest).where(SealRequest.paper_id == paper.id).with_for_update())
    if request is None:
        request = SealRequest(paper_id=paper.id, district=paper.content.district)
        session.add(request)
    elif request.state == "waiting":
        return True
    else:
        # Asked for again after a refusal: another use of the seal, under another key.
        from models.base import new_uid

        request.uid, request.state, request.tries, request.said = new_uid(), "waiting", 0, ""
    request.drawn = vault.encrypt(drawn)
    session.flush()
    paper.error = "已送统一电子印章平台，等待签章。"
    outbox.put(session, SIGN, district=request.district, request_id=request.id)
    return True


def ask(session: Session, request_id: int) -> None:
    """Asks the platform for one paper. Silence is written where the clerk sees it, and the question is repeated."""
    from services import papers_out
    from services.papers import signing

    assert _system is not None, "a paper waits for a seal platform that is no longer set up"
    request = session.get(SealRequest, request_id)
    if request is None or request.state != "waiting" or request.drawn is None:
        return
    paper = request.paper
    prepared = signing.prepare(
        vault.decrypt(request.drawn),
        room=signing.FOREIGN_ROOM,
        at=paper.created_at,
        name=paper.content.place.name,
        reason=_reason(paper.title),
    )
    order = Order(request.uid, paper.content.place.id, paper.paper, paper.number or "", prepared.digest)
    # No lock of ours is held while somebody outside is spoken to.
    session.rollback()
    try:
        sealed, declined, silent = _system.seal(order), "", ""
    except Declined as refusal:
        sealed, declined, silent = None, str(refusal), ""
    except Silent as silence:
        sealed, declined, silent = None, "", str(silence)
    request = session.get_one(SealRequest, request_id, with_for_update=True, populate_existing=True)
    if request.state != "waiting" or request.uid != order.key:
        return
    paper = session.get_one(Paper, request.paper_id, with_for_update=True, populate_existing=True)
    request.tries += 1
    request.asked_at = now()
    if sealed is not None:
        papers_out.keep(paper, prepared.filled(sealed.signature))
        request.state, request.drawn, request.said = "done", None, ""
        request.answered_at, request.foreign_id = now(), sealed.foreign_id
    elif declined:
        request.state, request.drawn, request.said = "refused", None, declined[:300]
        request.answered_at = now()
        papers_out.give_up(
            session,
            paper.id,
            f"统一电子印章平台没有同意用印：{declined}。请按原因更正，或与平台管理单位联系后重新生成。",
        )
    else:
        pause = timedelta(seconds=PAUSES[min(request.tries, len(PAUSES)) - 1])
        request.said, request.next_at = silent[:300], now() + pause
        paper.error = (
            f"{silent}，{request.next_at.astimezone(CHINA):%H:%M:%S} 自动再试（已试 {request.tries} 次）。"
            "编号不变，不用重办；急用请与平台管理单位联系。"
        )
        outbox.put(session, SIGN, district=request.district, delay=pause, request_id=request.id)


def waiting(session: Session, limit: int = 50) -> list[SealRequest]:
    """What the platform still owes, the oldest first."""
    return list(
        session.scalars(select(SealRequest).where(SealRequest.state == "waiting").order_by(SealRequest.id).limit(limit))
    )


def claimed(paper: Paper) -> bool:
    """Whether the square code carries a signed claim: what the resident takes home does, letters about a case do not."""
    content = paper.content
    return isinstance(content, Certificate) and content.paper_id in (None, paper.id)
