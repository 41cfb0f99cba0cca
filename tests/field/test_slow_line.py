"""A visit with six photos, a signature and its fields, over a slow line with three cuts: arrives once, and little is sent twice.

SLOW_PHOTO_SIDE=500 takes photos of the size that the app makes of a camera's; the usual run sends small ones over a line eight times as fast.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.delegation import Handover, HomeVisit
from models.paper import Document
from tests.field.conftest import Handset
from tests.field.test_app import fresh, pictures

SIDE = int(os.environ.get("SLOW_PHOTO_SIDE", "110"))
BYTES_A_SECOND = int(os.environ.get("SLOW_BYTES", "8000" if "SLOW_PHOTO_SIDE" in os.environ else "64000"))
CUTS = 3


class SlowLine:
    """Between phone and server: counts what the phone sends, lets so much through a second, and breaks."""

    def __init__(self, port: int) -> None:
        self.to, self.rate, self.sent, self.pipes = port, 0, 0, set[socket.socket]()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.door.getsockname()[1])
        threading.Thread(target=self._open, daemon=True).start()

    def _open(self) -> None:
        while True:
            try:
                near = self.door.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.pipes |= {near, far}
            for one, other, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._carry, args=(one, other, up), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, up: bool) -> None:
        try:
            while data := one.recv(1024 if self.rate else 65536):
                if self.rate:
                    time.sleep(len(data) / self.rate)
                if up:
                    self.sent += len(data)
                other.sendall(data)
        except OSError:
            self.sent += 0
        finally:
            for end in (one, other):
                self.pipes.discard(end)
                end.close()

    def cut(self) -> None:
        """In the middle of whatever is on its way."""
        for pipe in list(self.pipes):
            try:
                pipe.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.pipes.discard(pipe)

    def close(self) -> None:
        self.door.close()
        self.cut()


@pytest.fixture
def line(address: str) -> Iterator[SlowLine]:
    made = SlowLine(int(address.rpartition(":")[2]))
    yield made
    made.close()


def fill_in(phone: Handset, visit: str, photos: list[Any]) -> None:
    """Set off, and the whole form at the door."""
    page = phone.page
    phone.to(f"#/do/{visit}/set_off")
    phone.tap("出发上门，存好")
    page.get_by_text("上门中（待上报）").wait_for()
    phone.to(f"#/do/{visit}/collect")
    page.get_by_label("已出示工作证并核对身份证").check()
    phone.tap("存好，下一步")
    for number in (1, 2, 3):
        page.get_by_label(f"第 {number} 行份数").fill(str(number))
        page.get_by_label(f"第 {number} 行状况").fill(f"完好，第{number}份，已当面看过")
    phone.tap("存好，下一步")
    page.set_input_files("input[type=file]", files=photos)
    page.get_by_text(f"已拍 {len(photos)} 张").wait_for()
    phone.tap("存好，下一步")
    phone.sign()
    phone.tap("核身份、收材料、签委托书，存好")
    page.get_by_text("已收材料（待上报）").wait_for()


@pytest.mark.timeout(900)
def test_a_visit_over_a_slow_line_with_three_cuts(
    session: Session, chromium: Any, line: SlowLine, visit: str, handset: Callable[[], Handset]
) -> None:
    phone = Handset(chromium, f"http://127.0.0.1:{line.port}")
    try:
        phone.sign_in("grid.leader")
        phone.context.set_offline(True)
        fill_in(phone, visit, pictures(6, side=SIDE))
        phone.restart()
        content = phone.page.evaluate(
            """async () => {
              const { app } = await import("/static/field/app.js");
              const ops = await app.outbox.open();
              const photos = ops.flatMap((op) => op.blobs).reduce((sum, blob) => sum + blob.size, 0);
              return photos + ops.reduce((sum, op) => sum + new TextEncoder().encode(JSON.stringify(op)).length, 0);
            }"""
        )
        line.sent, line.rate = 0, BYTES_A_SECOND
        phone.context.set_offline(False)
        phone.page.evaluate("dispatchEvent(new Event('online'))")
        for number in range(1, CUTS + 1):
            mark = content * number / (CUTS + 1)
            until = time.monotonic() + 600
            while line.sent < mark and time.monotonic() < until:
                phone.page.wait_for_timeout(50)
            line.cut()
            # A telephone says so when the signal is back; without that word the app would wait for its next try.
            phone.page.evaluate("dispatchEvent(new Event('online'))")
        phone.to("#/waiting")
        phone.page.locator("[data-state=done]").nth(1).wait_for(timeout=900_000)
        share = line.sent / content
        print(f"content {content} bytes, sent {line.sent}: {share:.2f} times")
    finally:
        phone.close()
    made = fresh(session).scalars(select(HomeVisit).where(HomeVisit.uid == visit)).one()
    assert made.state == "collected"
    photos = select(func.count(Document.id)).where(Document.content_id == made.id, Document.purpose == "photo")
    assert session.scalar(photos) == 6
    assert session.scalar(select(func.count(Handover.id)).where(Handover.action == "collect")) == 1
    # Small photos are smaller than a piece and its address; what a camera gives is held to the figure.
    if content > 500_000:
        assert share <= 1.3, share
