"""Telling colleagues beyond the bell: a notice that may stand in the work chat goes there as well."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from catalogue.messages import WORK_CHAT, messages
from models.base import now
from models.message import Delivery
from models.notice import Notice
from models.person import Person
from process import outbox
from process.numbers import CHINA
from services.messages import channels, preferences
from services.messages.telling import SEND


def words(kind: str) -> str:
    """The sentence of an occasion told to staff; it is also what translations are looked up by."""
    occasion = messages().occasions[kind]
    return occasion.inbox["zh"]


def english(notice: Notice) -> str | None:
    """The English of a sentence of the product; an administrator's own words have none."""
    occasion = messages().occasion(notice.kind)
    return occasion.inbox["en"] if occasion is not None and occasion.inbox["zh"] == notice.text else None


def also_by_chat(session: Session, notice: Notice) -> Delivery | None:
    """Puts the notice on its way to the work chat, if its kind may go there, the chat is set up and the colleague wants it."""
    occasion = messages().occasion(notice.kind)
    if channels.get(WORK_CHAT) is None or occasion is None or not occasion.allows(WORK_CHAT):
        return None
    later = None
    if notice.person_id is not None:
        wish = preferences.of(session, session.get_one(Person, notice.person_id))
        if WORK_CHAT not in wish.channels:
            return None
        later = None if occasion.urgent else preferences.quiet_until(wish, now())
    delivery = Delivery(
        district=notice.district, notice_id=notice.id, channel=WORK_CHAT, not_before=later, created_at=now()
    )
    session.add(delivery)
    session.flush()
    delay = max(later - now(), timedelta(0)) if later else timedelta(0)
    outbox.put(session, SEND, district=notice.district, delay=delay, delivery_id=delivery.id)
    return delivery


def chat_text(notice: Notice) -> str:
    """What the group reads: number and sentence, no title and no name of a resident."""
    number = (notice.content.number if notice.content is not None else "") or ""
    text = notice.text
    values = {key: str(value) for key, value in (notice.params or {}).items()} | {"number": number}
    if "when" in values:
        values["when"] = _moment(values["when"])
    for key, value in values.items():
        text = text.replace(f"%({key})s", value)
    head = f"{number}：" if number and number not in text else ""
    return f"{head}{text}"[:500]


def _moment(text: str) -> str:
    local = datetime.fromisoformat(text).astimezone(CHINA)
    return f"{local.month}月{local.day}日 {local:%H:%M}"
