"""What the gateway reports back: signed, fresh, and about something we sent. The same report twice changes nothing."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.message import Delivery
from process.refusals import Refusal
from services.messages import channels, sending

# A signature older (or younger) than this proves nothing any more.
FRESH = 300
LONGEST = 16 * 1024


class BadReport(Refusal):
    """Not from our gateway, too old, or not to be understood: all look the same from outside."""

    status = 400
    slug = "bad-report"
    title = "回执不能接受"


def take(session: Session, body: bytes, headers: Mapping[str, str]) -> Delivery:
    """Checks and notes one report: delivered, or failed with a reason."""
    report = _checked(body, headers)
    uid, _, mark = str(report.get("key") or "").rpartition("-")
    state = report.get("state")
    if state not in (sending.DELIVERED, sending.FAILED):
        raise BadReport("回执里的 state 应是 delivered 或 failed。")
    delivery = session.scalar(select(Delivery).where(Delivery.uid == uid).with_for_update())
    if delivery is None or not mark or (delivery.address_index and delivery.address_index[:8] != mark):
        raise BadReport("没有这条短信，或它已改发到别的号码。")
    number = str(report.get("id") or "")[:80]
    if delivery.provider_id and number != delivery.provider_id:
        raise BadReport("短信编号对不上。")
    _note(session, delivery, str(state), number, channels.short(report.get("reason")))
    return delivery


def _note(session: Session, delivery: Delivery, state: str, number: str, reason: str) -> None:
    if state == sending.DELIVERED:
        # Whatever was said before: the phone has it.
        if delivery.state in (sending.WAITING, sending.SENT, sending.FAILED):
            delivery.state, delivery.finished_at, delivery.error = sending.DELIVERED, now(), ""
            delivery.sent_at, delivery.provider_id = delivery.sent_at or now(), number
            if not delivery.to_contact:
                _no_call(delivery)
    elif delivery.state in (sending.WAITING, sending.SENT):
        # A report may be faster than our own note of having sent it.
        delivery.sent_at, delivery.provider_id = delivery.sent_at or now(), number
        sending.fail(session, delivery, f"运营商退回{f'：{reason}' if reason else ''}")


def _no_call(delivery: Delivery) -> None:
    """It arrived after all: nobody need call."""
    for other in delivery.message.deliveries if delivery.message is not None else ():
        if other.channel == "phone" and other.state == sending.WAITING:
            other.state, other.finished_at, other.error = sending.LAPSED, now(), "短信已送达"


def _checked(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    secret = channels.report_secret()
    stamp, nonce = headers.get("X-Daiban-Timestamp", ""), headers.get("X-Daiban-Nonce", "")
    given = headers.get("X-Daiban-Signature", "")
    if not secret or len(body) > LONGEST or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        raise BadReport("签名不对。")
    right = channels.signature(secret, stamp, nonce[:80], body)
    if not hmac.compare_digest(right.encode(), given.encode()) or abs(time.time() - int(stamp)) > FRESH:
        raise BadReport("签名不对，或已过时。")
    try:
        found = json.loads(body)
    except ValueError as error:
        raise BadReport("回执不是 JSON。") from error
    if not isinstance(found, dict):
        raise BadReport("回执应是一个 JSON 对象。")
    return found
