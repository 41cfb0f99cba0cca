"""The ways out of the house: an SMS gateway and a work chat, each spoken to over HTTP with a signature and a limit on every wait."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from catalogue.messages import SMS, WORK_CHAT
from config import Settings

WECOM, DINGTALK = "wecom", "dingtalk"
# The whole conversation, not the wait between two bytes: a worker holds its lease for 40 seconds.
LONGEST = 20.0
WAITS = httpx.Timeout(8.0, connect=4.0)
LONGEST_ANSWER = 64 * 1024
# How long the other side may ask us to wait.
LONGEST_PAUSE = 900
USUAL_PAUSE = 60
# What these say is "come back later", not "never".
LATER = frozenset({408, 425, 429})
CHAT_TOO_FAST = frozenset({45009, 130101, 660026})


class Unavailable(Exception):
    """It may or may not have gone out; the same key is tried again."""


class TooFast(Exception):
    """The other side asks to wait; nothing went out."""

    def __init__(self, pause: int) -> None:
        super().__init__(f"对方要求 {pause} 秒后再发")
        self.pause = pause


class Refused(Exception):
    """The other side will never take it as it is."""


@dataclass(frozen=True)
class Parcel:
    """What goes out: under which key nothing is done twice, to whom, in which words."""

    key: str
    to: str
    text: str
    title: str = ""


class Channel(Protocol):
    """One way out. `send` answers the provider's own number of the message, or raises one of the three above."""

    name: str

    def send(self, parcel: Parcel) -> str: ...


class SmsGateway:
    """POST {key, to, text, sender, callback} with an HMAC over time, nonce and body; the answer carries `id`."""

    name = SMS

    def __init__(self, url: str, secret: str, sender: str, callback: str) -> None:
        self.url, self.secret, self.sender, self.callback = url, secret, sender, callback

    def send(self, parcel: Parcel) -> str:
        body = {
            "key": parcel.key,
            "to": parcel.to,
            "text": parcel.text,
            "sender": self.sender,
            "callback": self.callback,
        }
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": parcel.key, **signed(self.secret, raw)}
        answer = _post(self.url, raw, headers)
        number = answer.get("id")
        if not isinstance(number, str) or not 1 <= len(number) <= 80:
            raise Unavailable("短信平台的回答里没有短信编号")
        return number


class WorkChat:
    """企业微信 or 钉钉 robot: plain text with the colleague's name; 钉钉 wants its signature in the address."""

    name = WORK_CHAT

    def __init__(self, url: str, secret: str, kind: str) -> None:
        self.url, self.secret, self.kind = url, secret, kind

    def send(self, parcel: Parcel) -> str:
        text, people = plain(parcel.text), [parcel.to] if parcel.to else []
        body: dict[str, Any]
        if self.kind == DINGTALK:
            body = {"msgtype": "text", "text": {"content": text}, "at": {"atUserIds": people, "isAtAll": False}}
        else:
            body = {"msgtype": "text", "text": {"content": text, "mentioned_list": people}}
        raw = json.dumps(body, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": parcel.key}
        if self.secret:
            headers |= signed(self.secret, raw)
        answer = _post(self._address(), raw, headers)
        code = answer.get("errcode")
        if code in CHAT_TOO_FAST:
            raise TooFast(USUAL_PAUSE)
        if code != 0:
            raise Refused(f"工作群没有收下（{short(answer.get('errmsg'))}）")
        return str(answer.get("msgid") or "")[:80]

    def _address(self) -> str:
        if self.kind != DINGTALK or not self.secret:
            return self.url
        stamp = str(round(time.time() * 1000))
        mark = hmac.new(self.secret.encode(), f"{stamp}\n{self.secret}".encode(), hashlib.sha256).digest()
        joint = "&" if "?" in self.url else "?"
        return f"{self.url}{joint}timestamp={stamp}&sign={quote(base64.b64encode(mark).decode(), safe='')}"


def plain(text: str) -> str:
    """Words that mention nobody else and carry no mark-up, whoever wrote them."""
    return re.sub(r"<@[^>]*>", "", text).replace("@", "＠")


def signed(secret: str, body: bytes, at: int | None = None, nonce: str | None = None) -> dict[str, str]:
    """The headers that prove who wrote this body, and when."""
    stamp, nonce = str(at if at is not None else int(time.time())), nonce or secrets.token_urlsafe(12)
    return {
        "X-Daiban-Timestamp": stamp,
        "X-Daiban-Nonce": nonce,
        "X-Daiban-Signature": signature(secret, stamp, nonce, body),
    }


def signature(secret: str, stamp: str, nonce: str, body: bytes) -> str:
    said = f"{stamp}\n{nonce}\n{hashlib.sha256(body).hexdigest()}"
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()


@cache
def _client() -> httpx.Client:
    """One for the process: certificates are read once, and the environment's proxies are not asked."""
    return httpx.Client(follow_redirects=False, trust_env=False)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """One request and its JSON object. No redirect is followed: what is signed is for this address alone."""
    ends, read = time.monotonic() + LONGEST, b""
    try:
        with _client().stream("POST", url, content=body, headers=dict(headers), timeout=WAITS) as answer:
            for piece in answer.iter_bytes():
                read += piece
                if len(read) > LONGEST_ANSWER:
                    raise Unavailable("对方的回答太长")
                if time.monotonic() > ends:
                    raise Unavailable("对方回答得太慢")
            status, waits = answer.status_code, answer.headers.get("Retry-After", "")
    except httpx.TimeoutException as error:
        raise Unavailable("对方没有及时回答") from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise Unavailable(f"连不上对方（{type(error).__name__}）") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise Refused("通道的网址不对") from error
    if status == 429:
        raise TooFast(_pause(waits))
    if status >= 500 or status in LATER:
        raise Unavailable(f"对方回答 {status}")
    if status >= 300:
        raise Refused(f"对方不收（{status}）{_reason(read)}")
    try:
        found = json.loads(read)
    except ValueError as error:
        raise Unavailable("对方的回答读不懂") from error
    if not isinstance(found, dict):
        raise Unavailable("对方的回答读不懂")
    return found


def _pause(text: str) -> int:
    return min(max(int(text), 1), LONGEST_PAUSE) if text.isascii() and text.isdigit() else USUAL_PAUSE


def _reason(body: bytes) -> str:
    """What the other side says is wrong, as far as it can be read; digits go, they may be somebody's number."""
    try:
        found = json.loads(body)
    except ValueError:
        return ""
    return f"：{short(found.get('error'))}" if isinstance(found, dict) and found.get("error") else ""


def short(text: Any) -> str:
    return re.sub(r"\d{5,}", "***", "".join(c for c in str(text or "") if c.isprintable()))[:80]


_open: dict[str, Channel] = {}
_secret = ""


def configure(settings: Settings) -> None:
    """Opens the ways that this installation has an address for; without any, everybody is told in the application alone."""
    global _secret
    _open.clear()
    _secret = settings.sms_gateway_secret
    if settings.sms_gateway_url:
        callback = f"{settings.base_url}/messages/report"
        gateway = SmsGateway(settings.sms_gateway_url, _secret, settings.sms_sender, callback)
        _open[SMS] = gateway
    if settings.work_chat_url:
        _open[WORK_CHAT] = WorkChat(settings.work_chat_url, settings.work_chat_secret, settings.work_chat_kind)


def get(name: str) -> Channel | None:
    """The way of this name, or None where it is not set up."""
    return _open.get(name)


def report_secret() -> str:
    """What the gateway signs its reports with; empty where there is none."""
    return _secret if SMS in _open else ""
