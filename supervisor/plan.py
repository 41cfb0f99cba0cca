"""The table of processes that make one installation."""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import time
from pathlib import Path

from config import Settings, reachable_host
from supervisor.checks import redis_answers, redis_binary
from supervisor.child import Child

WEB_WORKERS = 2
WEB_THREADS = 4
# How many workers each queue has (jobs/kinds.py says what goes where): a slow drawing keeps nobody's notice waiting,
# a gateway that is down keeps nobody's paper, and a partner city that hangs keeps nobody's text message.
JOB_WORKERS = {"quick": 1, "papers": 2, "network": 1, "exchange": 1}
# Shorter than the keeper's grace, so that gunicorn ends its own slow requests before it is killed itself.
WEB_GRACE = 8


def children(settings: Settings) -> list[Child]:
    """In the order of their start; what only works behind the scenes comes after the page answers."""
    table = []
    if settings.own_redis:
        table.append(_redis(settings))
    table.append(Child("prepare", (sys.executable, "-m", "supervisor.prepare"), stage=1, once=True, ready_within=600))
    # The web processes count requests in files of this folder, so that /metrics tells of all of them whoever answers.
    counts = ("PROMETHEUS_MULTIPROC_DIR", settings.var / "run" / "metrics")
    table.append(Child("web", _gunicorn(settings), stage=4, ready=lambda: health(settings) is not None, shares=counts))
    table.append(Child("relay", _flask("relay"), stage=2, later=True))
    for name in workers():
        queue = name.split("-")[1]
        table.append(Child(name, _flask("worker", "--queue", queue), stage=3, later=True))
    return table


def workers() -> list[str]:
    return [f"worker-{queue}-{number}" for queue, count in JOB_WORKERS.items() for number in range(1, count + 1)]


def health(settings: Settings) -> tuple[int, str] | None:
    """What /healthz says, or None while nobody answers."""
    host = reachable_host(settings.host).strip("[]")
    connection = _connection(host, settings)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read(10_000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _connection(host: str, settings: Settings) -> http.client.HTTPConnection:
    """To our own port; its certificate names the server as phones call it, not as we do."""
    if settings.tls_certificate is None:
        return http.client.HTTPConnection(host, settings.port, timeout=5)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.port, timeout=5, context=context)


def _redis(settings: Settings) -> Child:
    folder = settings.var / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    settings.redis_socket.parent.mkdir(parents=True, exist_ok=True)
    command = (
        *(redis_binary(), "--port", "0", "--unixsocket", str(settings.redis_socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", "", "--daemonize", "no", "--logfile", ""),
    )
    return Child(
        "redis",
        command,
        stage=0,
        ready=lambda: redis_answers(settings.redis_socket),
        mend=lambda: _set_aside(folder),
    )


def _set_aside(folder: Path) -> str:
    """Redis is only the doorbell, the work is in the database: a damaged file must not keep the office closed."""
    aside = folder.with_name(f"redis.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    folder.rename(aside)
    folder.mkdir()
    return f"cannot read its file; set aside as {aside}, starting with an empty one"


def _gunicorn(settings: Settings) -> tuple[str, ...]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    heartbeat = ("--worker-tmp-dir", "/dev/shm") if os.access("/dev/shm", os.W_OK) else ()
    tls: tuple[str, ...] = ()
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = ("--certfile", str(settings.tls_certificate), "--keyfile", str(settings.tls_key))
    return (
        *(sys.executable, "-m", "gunicorn", "--no-control-socket", "-k", "gthread", "--threads", str(WEB_THREADS)),
        *("-w", str(WEB_WORKERS), "--bind", f"{host}:{settings.port}", "--graceful-timeout", str(WEB_GRACE)),
        # No --preload: database connections must be opened after the fork, and on two cores both workers load at once.
        *heartbeat,
        *tls,
        "app:create_app()",
    )


def _flask(*command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "flask", "--app", str(Path("app.py").resolve()), *command)
