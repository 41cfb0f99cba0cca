"""A bad line between two cities: cuts before or after the other side has acted, delays, slices, repeats old requests late."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter, deque
from random import Random

# How many requests in a thousand meet each fault; the rest goes through untouched.
FAULTS = {
    "cut_before": 40,
    "cut_within": 30,
    "cut_after": 60,
    "delay": 40,
    "slice": 20,
    "repeat": 60,
    "late": 30,
    "silent": 3,
}
PASS = 1000 - sum(FAULTS.values())


class BadLine:
    """Listens for one direction and carries request by request, with faults by lot."""

    def __init__(self, port: int, seed: int) -> None:
        self._target = port
        self._luck = Random(seed)
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._server.getsockname()[1])
        self.done: Counter[str] = Counter()
        self.clean = threading.Event()
        self._old: deque[bytes] = deque(maxlen=40)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._stop.set()
        self._server.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        with connection, contextlib.suppress(OSError):
            while request := _message(connection):
                if not self._carry(connection, request):
                    return

    def _lot(self) -> str:
        if self.clean.is_set():
            return "pass"
        with self._lock:
            return self._luck.choices(["pass", *FAULTS], [PASS, *FAULTS.values()])[0]

    def _carry(self, connection: socket.socket, request: bytes) -> bool:
        fault = self._lot()
        self.done[fault] += 1
        if fault == "cut_before":
            return False
        if fault == "silent":
            # Half open: nobody answers and nobody hangs up.
            self._stop.wait(16)
            return False
        if fault == "cut_within":
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target), 3) as other:
                other.sendall(request[: len(request) // 2])
            return False
        if fault == "delay":
            self._stop.wait(self._luck.uniform(0.1, 1.5))
        if fault == "repeat" and self._old:
            # An old letter arrives once more, between the new ones.
            self._ask(self._luck.choice(list(self._old)))
        if fault == "late":
            # The sender gives up, and later its letter arrives all the same.
            threading.Timer(self._luck.uniform(0.5, 3), self._ask, (request,)).start()
            return False
        answer = self._ask(request, slices=fault == "slice")
        self._old.append(request)
        if fault == "repeat":
            self._ask(request)
        if fault == "cut_after" or not answer:
            # Done there, but the receipt is lost.
            return False
        connection.sendall(answer)
        return True

    def _ask(self, request: bytes, *, slices: bool = False) -> bytes:
        try:
            with socket.create_connection(("127.0.0.1", self._target), 3) as other:
                other.settimeout(30)
                for start in range(0, len(request), 300 if slices else len(request) or 1):
                    other.sendall(request[start : start + (300 if slices else len(request))])
                    if slices:
                        time.sleep(0.01)
                return _message(other)
        except OSError:
            return b""


def _message(connection: socket.socket) -> bytes:
    """Head and body by Content-Length; an incomplete message is none."""
    found = b""
    while b"\r\n\r\n" not in found:
        piece = connection.recv(65536)
        if not piece:
            return b""
        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body
