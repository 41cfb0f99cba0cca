"""What stands in the way of a start is said in one line; the demonstration is never a surprise."""

import os
import socket
import sys

import pytest

from config import Settings
from supervisor import checks
from supervisor.__main__ import demo_mark, wants_demo
from supervisor.checks import NotPossible, hold, port_is_free, redis_binary
from supervisor.welcome import demo_table, welcome

pytestmark = pytest.mark.platform


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def serve(watch):
    """bin/serve's last step with these settings."""
    return lambda **settings: watch([sys.executable, "-m", "supervisor", "serve"], **settings)


def refusal(program, code):
    """The single line that a refused start leaves."""
    assert program.stop_code(20) == code
    assert len(program.lines) == 1, program.lines
    return program.lines[0]


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"DAIBAN_VAR": "/proc/x"}, 2, "daiban: DAIBAN_VAR: cannot write to the folder /proc/x"),
        ({"DAIBAN_VAR": "config.py"}, 2, "daiban: DAIBAN_VAR: cannot write to the folder"),
        ({"DATABASE_URL": "mysql://x/y"}, 2, "daiban: DATABASE_URL: 'mysql' is not a database that daiban knows"),
        ({"PORT": "eighty"}, 2, "daiban: PORT: 'eighty' is no port"),
        ({"DAIBAN_PROCESSES": "/nowhere"}, 2, "daiban: DAIBAN_PROCESSES: /nowhere holds no definitions; name a folder"),
        ({"HOST": "192.0.2.1"}, 3, "daiban: HOST=192.0.2.1 is no address of this machine"),
        (
            {"PATH": "/nowhere"},
            3,
            "daiban: there is no Redis here; run `apt-get install redis-server`, or set REDIS_URL",
        ),
    ],
)
def test_a_refused_start_is_one_line(serve, tmp_path, settings, code, says):
    program = serve(**{"DAIBAN_VAR": str(tmp_path), "PORT": "8110", **settings})
    assert refusal(program, code).startswith(says)


def test_a_taken_port_is_named_with_one_that_is_free(serve, tmp_path, taken_port):
    line = refusal(serve(DAIBAN_VAR=str(tmp_path), PORT=str(taken_port)), 3)
    assert line.startswith(f"daiban: port {taken_port} is taken by another program; set PORT=")
    port_is_free("127.0.0.1", int(line.rpartition("PORT=")[2]))


def test_a_port_that_is_just_being_left_is_waited_for(monkeypatch, taken_port):
    tries = []

    def bind(host, port):
        tries.append(port)
        if len(tries) < 3:
            raise OSError(98, "Address already in use")

    monkeypatch.setattr(checks, "_bind", bind)
    port_is_free("127.0.0.1", taken_port)
    assert len(tries) == 3


def test_one_var_folder_has_one_supervisor(serve, tmp_path):
    with hold(tmp_path):
        line = refusal(serve(DAIBAN_VAR=str(tmp_path), PORT="8111"), 3)
    assert line.startswith(f"daiban: daiban already runs on the folder {tmp_path} (process {os.getpid()})")
    with hold(tmp_path):
        pass  # free again as soon as the first has ended


def test_valkey_is_taken_before_redis(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("redis-server", "valkey-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert redis_binary() == str(tmp_path / name)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(NotPossible, match="apt-get install redis-server"):
        redis_binary()


@pytest.mark.parametrize(
    ("environ", "files", "demo"),
    [
        ({}, [], True),
        ({}, ["daiban.db"], False),
        ({}, ["daiban.db", "demo"], True),
        ({"DAIBAN_DEMO": "0"}, ["daiban.db", "demo"], False),
        ({"DAIBAN_DEMO": "1"}, ["daiban.db"], True),
        ({"DAIBAN_DEMO": ""}, [], True),
        ({"DATABASE_URL": "postgresql://u@h/d"}, [], False),
    ],
)
def test_who_sets_nothing_gets_the_demonstration_but_real_data_never_does(tmp_path, environ, files, demo):
    for name in files:
        (tmp_path / name).touch()
    settings = Settings.from_env({"DAIBAN_VAR": str(tmp_path), **environ})
    assert wants_demo(settings, environ) is demo
    assert demo_mark(settings).name == "demo"


def test_the_welcome_lists_the_accounts_in_straight_columns(tmp_path):
    path = tmp_path / "accounts.yaml"
    path.write_text("accounts:\n- {username: admin, title: 管理员}\n- {username: grid.leader, title: 网格长}\n")
    assert demo_table(path) == [
        "  账号         身份    密码",
        "  admin        管理员  daiban-demo",
        "  grid.leader  网格长  daiban-demo",
    ]


def test_a_demonstration_open_to_the_network_is_warned_about(tmp_path):
    open_to_all = Settings.from_env({"DAIBAN_VAR": str(tmp_path), "HOST": "0.0.0.0", "DAIBAN_DEMO": "1"})
    assert any("WARNING" in line for line in welcome(open_to_all))
    here = Settings.from_env({"DAIBAN_VAR": str(tmp_path), "DAIBAN_DEMO": "1"})
    assert not any("WARNING" in line for line in welcome(here))
