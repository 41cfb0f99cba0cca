"""A program at the counter: repeats a request under the same key until it is answered, and writes down every answer."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 60.0
AGAIN = (502, 503, 504)


class Ledger:
    """What was acknowledged, on disk outside the system before anybody counts it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._path = path
        self._lock = threading.Lock()
        self.last = time.monotonic()

    def write(self, **facts: Any) -> None:
        with self._lock:
            self._file.write(json.dumps(facts, ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self.last = time.monotonic()

    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._path.read_text("utf-8").splitlines()]

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str
    body: Any


class Client:
    """One signed-in program."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.repeats = 0

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None, timeout: float = 45.0) -> Answer:
        """One attempt on a connection of its own; a broken one raises."""
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", "Connection": "close"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = None
        if body is not None:
            headers["Content-Type"], sent = "application/json", json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            connection.request(method, f"/api/v1{path}", sent, headers)
            answer = connection.getresponse()
            raw, kind = answer.read(), answer.headers.get_content_type()
            return Answer(answer.status, kind, json.loads(raw) if kind.endswith("json") else raw)
        finally:
            connection.close()

    def insist(self, method: str, path: str, body: Any = None) -> Answer:
        """Whatever breaks on the way: the same request again, until the office answers."""
        key = secrets.token_urlsafe(16) if method != "GET" else None
        until = time.monotonic() + PATIENCE
        while True:
            try:
                answer: Answer | None = self.ask(method, path, body, key)
                told = f"{answer.status} {answer.body}" if answer else ""
            except (OSError, http.client.HTTPException) as error:
                answer, told = None, f"{type(error).__name__}: {error}"
            if answer is not None and answer.status not in AGAIN:
                return answer
            assert time.monotonic() < until, f"{method} {path}: no answer within {PATIENCE:g} s, last: {told[:300]}"
            self.repeats += 1
            time.sleep(0.2)
