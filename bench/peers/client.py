"""One keep-alive connection on a bare socket: the client must cost little, because it runs on the servers' core."""

from __future__ import annotations

import json
import socket
from typing import Any


class Client:
    def __init__(self, port: int) -> None:
        self.port = port
        self.headers = ""
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """The headers and body of a good answer; any other answer ends the run."""
        sent = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n{self.headers}"
            f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + sent)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more(path)
        top, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            rest += self._more(path)
        if not first.split()[1].startswith("2"):
            raise SystemExit(f"{path}: {first} {rest[:500].decode(errors='replace')}")
        if headers.get("connection", "").lower() == "close":
            self._connect()
        return headers, rest

    def _more(self, path: str) -> bytes:
        part = self._socket.recv(65536)
        if not part:
            raise SystemExit(f"{path}: the server closed the connection")
        return part
