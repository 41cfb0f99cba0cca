"""An office with a gateway and a work chat, and the worker that sends what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalogue.messages import SMS, WORK_CHAT
from jobs.worker import do
from models.base import at_time, now
from models.ledger import OutboxItem
from process.numbers import CHINA
from services.messages import channels, sending
from tests.messages import gateway as provider
from tests.messages.gateway import Gateway

JOBS = ("messages.send", "messages.remind", "messages.unclaimed")


@pytest.fixture(autouse=True)
def morning() -> Iterator[datetime]:
    """Ten o'clock of a working day, so that no test hangs on the hour at which it runs."""
    local = datetime.now(CHINA)
    while local.weekday() > 2:
        local -= timedelta(days=1)
    moment = local.replace(hour=10, minute=0, second=0, microsecond=0)
    with at_time(moment):
        yield moment


@pytest.fixture
def gateway(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """The provider, and an application that knows its address."""
    # Long enough for a busy machine; the one test of a provider that does not answer shortens it for itself.
    monkeypatch.setattr(channels, "WAITS", httpx.Timeout(20))
    monkeypatch.setattr(sending.breaker, "strikes", {})
    monkeypatch.setattr(sending.breaker, "until", {})
    with provider.running() as running:
        sms = channels.SmsGateway(f"{running.url}/sms", provider.SECRET, "东新街道", "http://127.0.0.1/messages/report")
        chat = channels.WorkChat(f"{running.url}/robot?key=k", "", channels.WECOM)
        monkeypatch.setattr(channels, "_open", {SMS: sms, WORK_CHAT: chat})
        monkeypatch.setattr(channels, "_secret", provider.SECRET)
        yield running
        # The one client of the process keeps its lines to this provider open, and the provider its threads at them.
        channels._client().close()
        channels._client.cache_clear()


Work = Callable[..., list[str]]


@pytest.fixture
def work(session: Session) -> Work:
    """Does what is due of the messages' jobs, as the worker would; answers what became of each."""

    def run(at: datetime | None = None, rounds: int = 1) -> list[str]:
        answers: list[str] = []
        with at_time(at or now()):
            for _ in range(rounds):
                due = session.scalars(
                    select(OutboxItem.id)
                    .where(OutboxItem.job.in_(JOBS), OutboxItem.status == "waiting", OutboxItem.available_at <= now())
                    .order_by(OutboxItem.id)
                ).all()
                session.commit()
                answers += [do(session, item) for item in due]
        session.expire_all()
        return answers

    return run
