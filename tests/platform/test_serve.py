"""The whole installation as bin/serve starts it: page, relay and workers on a database and a Redis of their own."""

import os
import signal
import socket
import sys
import urllib.request

import pytest

from supervisor.child import strays

pytestmark = pytest.mark.platform


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def serve(watch, tmp_path, free_port):
    return lambda **more: watch(
        [sys.executable, "-m", "supervisor", "serve"],
        **{"DAIBAN_VAR": str(tmp_path), "PORT": str(free_port), "DAIBAN_DEMO": "0", **more},
    )


def healthz(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        return answer.status


def test_one_command_serves_mends_and_stops(serve, free_port, tmp_path, wait_until):
    daiban = serve()
    daiban.wait_for(rf"ready +代办 is ready: http://127\.0\.0\.1:{free_port}$", within=120)
    for _ in range(20):
        assert healthz(free_port) == 200
    # Whichever web process answers, the numbers are those of both.
    seen = [counted(free_port) for _ in range(8)]
    assert seen[0] >= 20
    assert seen == sorted(seen)
    assert list((tmp_path / "run" / "metrics").glob("counter_*.db"))
    for name in ("relay", "worker-quick-1", "worker-papers-1"):
        daiban.pid_of(name)

    os.kill(daiban.pid_of("web"), signal.SIGKILL)
    daiban.pid_of("web", start=2)
    wait_until(lambda: answers(free_port), within=60)

    assert daiban.stop(within=60) == 0
    order = [line.split()[2] for line in daiban.lines if line.endswith(" stopped")]
    assert order[0] == "web"
    assert order[-2:] == ["relay", "redis"]
    assert list(strays(str(tmp_path))) == []

    again = serve()
    again.wait_for("代办 is ready", within=60)

    again.pid_of("worker-papers-2")
    again.stop(signal.SIGKILL)
    wait_until(lambda: not list(strays(str(tmp_path))), within=30)


def counted(port):
    """How often /healthz was answered, as monitoring reads it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("daiban_requests_total{") and 'endpoint="health.healthz"' in line
    )


def answers(port):
    try:
        return healthz(port) == 200
    except OSError:
        return False


def test_a_database_that_does_not_answer_is_one_line(serve, tmp_path):
    daiban = serve(DATABASE_URL="postgresql://daiban:geheim@127.0.0.1:1/daiban")
    assert daiban.stop_code(60) == 4
    last = daiban.lines[-1]
    assert last.startswith("daiban: prepare ended with exit code 1: DATABASE_URL: the database does not answer")
    assert last.endswith(f"more in {tmp_path}/log/prepare.log")
    assert "geheim" not in last
