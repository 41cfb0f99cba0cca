"""For the administrator: whether each way works, what went wrong last, and a message to oneself to try it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalogue.messages import SMS, WORK_CHAT, messages
from models.base import now
from models.message import Delivery
from models.person import Person
from process import journal
from process.access import Actor
from process.masking import mask_phone
from process.refusals import InvalidInput, NotAvailable, NotFound
from services import notices
from services.messages import channels, preferences, staff, telling
from services.messages.sending import DELIVERED, FAILED, SENT
from services.messages.wording import Facts

WEEK = timedelta(days=7)
COUNTED = 10_000
ERRORS = 10
ADMIN = "system_admin"
# What the administrator tries a way with: nobody else hears of it.
TEST, CHAT_TEST = "test", "chat_test"


@dataclass(frozen=True)
class Way:
    """One way as the status page shows it."""

    name: str
    open: bool
    counts: Mapping[str, int]
    last_ok: datetime | None
    errors: tuple[tuple[datetime, str, str], ...]

    @property
    def troubled(self) -> bool:
        """The last thing that happened on it was a fault."""
        return bool(self.errors) and (self.last_ok is None or self.errors[0][0] > self.last_ok)


def ways(session: Session, actor: Actor) -> list[Way]:
    """Text messages and work chat, of the last seven days."""
    _administrator(actor)
    return [_way(session, name) for name in (SMS, WORK_CHAT)]


def _way(session: Session, name: str) -> Way:
    since = now() - WEEK
    here = (Delivery.channel == name, Delivery.created_at > since)
    counts = {}
    for state in ("waiting", SENT, DELIVERED, FAILED):
        few = select(Delivery.id).where(*here, Delivery.state == state).limit(COUNTED).subquery()
        counts[state] = session.scalar(select(func.count()).select_from(few)) or 0
    last_ok = session.scalar(select(func.max(Delivery.sent_at)).where(*here, Delivery.state.in_((SENT, DELIVERED))))
    recent = (
        select(Delivery.finished_at, Delivery.created_at, Delivery.error, Delivery.address)
        .where(*here, Delivery.error != "", Delivery.state.in_((FAILED, "waiting")))
        .order_by(Delivery.id.desc())
        .limit(ERRORS)
    )
    errors = tuple((row.finished_at or row.created_at, row.error, row.address) for row in session.execute(recent))
    return Way(name, channels.get(name) is not None, counts, last_ok, errors)


def test(session: Session, actor: Actor, name: str) -> str:
    """Sends a test to the administrator who asks; answers where it goes, masked."""
    _administrator(actor)
    person = session.get_one(Person, actor.person_id)
    if name not in (SMS, WORK_CHAT):
        raise InvalidInput("请选择要测试的通道。", {"channel": "没有这条通道"})
    if channels.get(name) is None:
        raise NotAvailable("这条通道还没有配置，请先在设置里写上网址，重新启动后再试。")
    journal.record(session, "message:test", actor, details={"channel": name})
    stamp = f"{person.id}:{int(now().timestamp())}"
    if name == WORK_CHAT:
        text = staff.words(CHAT_TEST)
        notices.notify(session, None, to=person, kind=CHAT_TEST, text=text, once=f"test:{stamp}", actor=actor)
        return person.name
    if not preferences.takes_sms(person.phone):
        raise NotAvailable("您的账号没有登记手机号码，收不到短信。请先补登号码。")
    assert person.phone is not None
    message = telling.tell(session, TEST, person, Facts(reader=person.name), once=stamp, actor=actor)
    if message is None:
        raise NotAvailable("刚刚发过一条测试短信，请看手机。")
    if not message.deliveries:
        # Whoever tests wants a text message, whatever they wish otherwise.
        wish = preferences.of(session, person)
        telling.by_sms(session, message, messages().occasions[TEST], wish)
    return mask_phone(person.phone)


def _administrator(actor: Actor) -> None:
    # Whoever else asks learns nothing, not even that there is such a page.
    if ADMIN not in actor.roles:
        raise NotFound()
