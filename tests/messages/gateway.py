"""A gateway of our own on this machine: it answers well, badly, slowly or not at all, and counts what it would have sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from services.messages.channels import signature

SECRET = "the-key-of-the-provider"
CHAT_SECRET = "the-key-of-the-robot"
# What the next request meets: see `_Handler.do_POST`.
Mood = Callable[[int, dict[str, Any]], str]


@dataclass
class Gateway:
    """What the provider knows: every request, and under which key which message was really sent."""

    url: str = ""
    mood: Mood = lambda number, body: "ok"
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    sent: dict[str, tuple[str, str]] = field(default_factory=dict)
    # How often a key was really sent; anything but one is a fault of somebody.
    times: dict[str, int] = field(default_factory=dict)
    signed: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def take(self, body: dict[str, Any]) -> str:
        """Sends once for each key, like a provider who keeps its promise; answers its own number."""
        with self.lock:
            key = body["key"]
            if key not in self.sent:
                self.sent[key] = (body["to"], body["text"])
                self.times[key] = self.times.get(key, 0) + 1
            return f"sms-{list(self.sent).index(key) + 1}"


class _Handler(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body, gateway = json.loads(raw), self.gateway
        with gateway.lock:
            gateway.requests.append(body)
            gateway.paths.append(self.path)
            gateway.headers.append(dict(self.headers))
            number = len(gateway.requests)
            given = [self.headers.get(f"X-Daiban-{name}", "") for name in ("Timestamp", "Nonce", "Signature")]
            gateway.signed &= signature(SECRET, given[0], given[1], raw) == given[2] or "key" not in body
        mood = gateway.mood(number, body)
        match mood:
            case "ok":
                self._answer(200, {"id": gateway.take(body)} if "key" in body else {"errcode": 0, "errmsg": "ok"})
            case "5xx":
                self._answer(503, {"error": "busy"})
            case "taken_then_5xx":
                gateway.take(body)
                self._answer(502, {"error": "lost on the way back"})
            case "fast":
                self._answer(429, {"error": "slow down"}, {"Retry-After": "7"})
            case "never":
                self._answer(422, {"error": "号码 13800000018 是空号"})
            case "moved":
                self._answer(302, {}, {"Location": "http://127.0.0.1:9/elsewhere"})
            case "nonsense":
                self._answer(200, None)
            case "no_id":
                self._answer(200, {"ok": True})
            case "huge":
                self._answer(200, {"id": "x" * 200_000})
            case "silent":
                gateway.closing.wait(60)
                self.close_connection = True
            case "cut":
                gateway.take(body)
                self.close_connection = True
                self.connection.close()
            case code if code.startswith("errcode"):
                self._answer(200, {"errcode": int(code[7:]), "errmsg": "invalid webhook"})

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = b"<html>maintenance" if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            # Whoever asked did not wait for the answer, which is what is being tested.
            self.close_connection = True


@contextmanager
def running() -> Iterator[Gateway]:
    gateway = Gateway()
    handler = type("Handler", (_Handler,), {"gateway": gateway})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield gateway
    finally:
        gateway.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
