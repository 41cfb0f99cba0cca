"""What must be true before anything is started; each check fails with one line to act on."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
import time
from pathlib import Path
from typing import TextIO

PORT_PATIENCE = 2.0


class NotPossible(Exception):
    """Something on this machine stands in the way; the message says what to change."""


def hold(var: Path) -> TextIO:
    """The right to run on this folder, held while the returned file is open; the kernel takes it back at our end."""
    path = var / "run" / "supervisor.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise NotPossible(
            f"daiban already runs on the folder {var} (process {holder}); "
            "stop that one first, or set DAIBAN_VAR to another folder"
        ) from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def port_is_free(host: str, port: int) -> None:
    """Waits a moment, because the one we follow may still be closing its door."""
    until = time.monotonic() + PORT_PATIENCE
    while True:
        try:
            _bind(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < until:
                time.sleep(0.1)
                continue
            raise NotPossible(_why_not(error, host, port)) from error
        return


def redis_binary() -> str:
    for name in ("valkey-server", "redis-server"):
        path = shutil.which(name)
        if path:
            return path
    raise NotPossible(
        "there is no Redis here; run `apt-get install redis-server`, or set REDIS_URL to one, such as redis://host:6379/0"
    )


def redis_answers(path: Path) -> bool:
    """True when the Redis behind this socket is up and has read its file."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        # Two sockets may be bound to one port; only one may listen.
        probe.listen(1)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        free = _next_free(host, port)
        return f"port {port} is taken by another program; set PORT= to a free one, such as PORT={free}"
    if error.errno == errno.EACCES:
        return f"port {port} is for the administrator alone; set PORT= to a number above 1023, such as PORT=8000"
    return f"HOST={host} is no address of this machine; set HOST=127.0.0.1, or HOST=0.0.0.0 for every network"


def _next_free(host: str, port: int) -> int:
    for candidate in [*range(port + 1, min(port + 50, 65535)), 0]:
        try:
            _bind(host, candidate)
        except OSError:
            continue
        return candidate
    return 8000
