"""The private Redis: on a socket of its own, back after a kill, with what it had acknowledged."""

import os
import signal
import socket
import sys

import pytest

from config import Settings
from supervisor.checks import redis_answers
from supervisor.plan import children

pytestmark = pytest.mark.platform


def ask(path, *words):
    """One Redis command in its wire format."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(request.encode())
        return connection.recv(4096).decode().strip()


def test_redis_is_restarted_with_its_data_and_open_to_nobody_else(keep, tmp_path, wait_until):
    settings = Settings.from_env({"DAIBAN_VAR": str(tmp_path)})
    redis = next(child for child in children(settings) if child.name == "redis")
    keeper = keep({"name": "redis", "command": list(redis.command), "stage": 0})
    pid = keeper.pid_of("redis")
    wait_until(lambda: redis_answers(settings.redis_socket))
    assert ask(settings.redis_socket, "SET", "doorbell", "ring") == "+OK"
    assert ask(settings.redis_socket, "CONFIG", "GET", "port").endswith("0"), "no network port"
    assert settings.redis_socket.stat().st_mode & 0o077 == 0, "this user's processes alone"

    os.kill(pid, signal.SIGKILL)
    keeper.pid_of("redis", start=2)
    wait_until(lambda: redis_answers(settings.redis_socket))
    assert ask(settings.redis_socket, "GET", "doorbell").endswith("ring")
    assert keeper.stop() == 0
    assert not redis_answers(settings.redis_socket)


def test_a_damaged_redis_file_does_not_keep_the_office_closed(tmp_path, watch, wait_until):
    settings = Settings.from_env({"DAIBAN_VAR": str(tmp_path)})
    damaged = tmp_path / "redis" / "appendonlydir"
    damaged.mkdir(parents=True)
    (damaged / "appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    (damaged / "appendonly.aof.1.incr.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + b"garbage\r\n" * 20)
    code = (
        "import sys; from pathlib import Path; from config import Settings; from supervisor.keeper import Keeper\n"
        "from supervisor.plan import children\n"
        "settings = Settings.from_env()\n"
        "redis = [child for child in children(settings) if child.name == 'redis']\n"
        "Keeper(redis, logs=settings.var / 'log', mark=str(settings.var)).run()"
    )
    keeper = watch([sys.executable, "-c", code], DAIBAN_VAR=str(tmp_path))
    keeper.wait_for("cannot read its file; set aside as")
    wait_until(lambda: redis_answers(settings.redis_socket))
    assert keeper.stop() == 0
    assert len(list(tmp_path.glob("redis.damaged-*/appendonlydir"))) == 1


def test_an_outside_redis_is_not_started_here(tmp_path):
    names = [
        child.name for child in children(Settings.from_env({"DAIBAN_VAR": str(tmp_path), "REDIS_URL": "redis://h/0"}))
    ]
    assert names == [
        "prepare",
        "web",
        "relay",
        "worker-quick-1",
        "worker-papers-1",
        "worker-papers-2",
        "worker-network-1",
        "worker-exchange-1",
    ]
