"""Real servers for tests: PostgreSQL and Redis, private to the run, gone with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_bin() -> Path | None:
    """The newest PostgreSQL installed by the system's packages."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[str]:
    """A cluster of its own; yields the URL of its maintenance database. Needs the package `postgresql`.

    Tests do without fsync; what measures asks for it (`durable`)."""
    binaries = postgres_bin()
    if binaries is None:
        raise RuntimeError("PostgreSQL is not installed; bin/test installs it, or: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="daiban-pg-"))
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    # PostgreSQL refuses to run as root.
    become = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"] if os.geteuid() == 0 else []
    if become:
        shutil.chown(folder, "postgres")
    port = free_port()
    data = folder / "data"
    subprocess.run(
        [
            *become,
            binaries / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            user,
            "--locale=C.UTF-8",
            "-E",
            "UTF8",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd="/",
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync={'on' if durable else 'off'} -c max_connections=300 -c shared_buffers=64MB"
    subprocess.run(
        [*become, binaries / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    try:
        yield f"postgresql+psycopg://{user}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*become, binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"],
            check=False,
            capture_output=True,
            cwd="/",
        )
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A Redis on a unix socket with an append-only file; yields its URL."""
    binary = shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        raise RuntimeError("Redis is not installed; bin/test installs it, or: apt-get install redis-server")
    path = Path(tempfile.mkdtemp(prefix="daiban-redis-")) / "redis.sock"
    process = subprocess.Popen(
        [binary, "--port", "0", "--unixsocket", str(path), "--dir", str(folder), "--appendonly", "yes", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    url = f"unix://{path}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(path.parent, ignore_errors=True)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    with Redis.from_url(url) as asking:
        while process.poll() is None and time.monotonic() < until:
            try:
                asking.ping()
                return
            except RedisError:
                time.sleep(0.05)
    raise RuntimeError(f"Redis does not answer at {url}")
