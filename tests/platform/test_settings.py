"""Each bad value stops the start with one line that names the variable; each good one means what it says."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import ROOT, ConfigError, Settings

LONG = "k" * 32


def settings(tmp_path, **environ):
    return Settings.from_env({"DAIBAN_VAR": str(tmp_path), **environ})


def test_without_any_variable_everything_lives_in_the_var_folder(tmp_path):
    found = settings(tmp_path)
    assert found.database_url == f"sqlite:///{tmp_path}/daiban.db"
    assert found.redis_url == f"unix://{tmp_path}/run/redis.sock"
    assert found.storage_url == f"file://{tmp_path}/files"
    assert (found.host, found.port, found.demo) == ("127.0.0.1", 8000, False)
    assert found.base_url == "http://127.0.0.1:8000"
    assert found.own_redis


def test_the_default_folder_is_the_projects_own_wherever_the_command_was_typed(tmp_path, monkeypatch):
    monkeypatch.setattr("config.ROOT", tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env({"SECRET_KEY": LONG}).var == tmp_path / "project" / "var"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("postgres://u:p@db:5432/daiban", "postgresql+psycopg://u:p@db:5432/daiban"),
        ("postgresql://u@db/daiban?sslmode=require", "postgresql+psycopg://u@db/daiban?sslmode=require"),
        ("postgresql+psycopg:///daiban", "postgresql+psycopg:///daiban"),
    ],
)
def test_postgresql_is_reached_through_psycopg(tmp_path, given, meant):
    assert settings(tmp_path, DATABASE_URL=given).database_url == meant


def test_other_good_values(tmp_path):
    found = settings(
        tmp_path,
        HOST="0.0.0.0",
        PORT=" 9000 ",
        DAIBAN_DEMO="1",
        SECRET_KEY=LONG,
        REDIS_URL="redis://cache:6379/2",
        STORAGE_URL="s3://bucket/daiban",
    )
    assert (found.host, found.port, found.demo, found.secret_key) == ("0.0.0.0", 9000, True, LONG)
    assert found.base_url == "http://127.0.0.1:9000", "nobody can call 0.0.0.0"
    assert not found.own_redis
    assert settings(tmp_path, BASE_URL="https://daiban.example.cn/").base_url == "https://daiban.example.cn"
    assert settings(tmp_path, HOST="::1").base_url == "http://[::1]:8000"
    assert (settings(tmp_path).papers_admit, found.papers_admit) == ("night", "off"), "a demo is not disturbed"
    assert settings(tmp_path, DAIBAN_DEMO="1", PAPERS_ADMIT="now").papers_admit == "now"
    assert settings(tmp_path, PORT="").port == 8000, "an empty variable counts as unset"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "'eighty' is no port; use a number from 1 to 65535"),
        ("PORT", "0", "'0' is no port"),
        ("PORT", "65536", "'65536' is no port"),
        ("PORT", "²", "'²' is no port"),
        ("HOST", "127.0.0.1:8000", "set the port as PORT"),
        ("HOST", "my host", "is no address of this machine"),
        ("DAIBAN_DEMO", "yes", "'yes' is neither 1 (yes) nor 0 (no)"),
        ("SECRET_KEY", "short", "5 characters are too few, it needs at least 32"),
        ("DATABASE_URL", "mysql://u@h/d", "'mysql' is not a database that daiban knows; use sqlite:////"),
        ("DATABASE_URL", "daiban", "'daiban' is not a database"),
        ("DATABASE_URL", "postgresql://u:p@h:port/d", "this is no address"),
        ("DATABASE_URL", "postgresql://u:p@h", "the name of the database is missing"),
        ("DATABASE_URL", "sqlite://", "names no file"),
        ("DATABASE_URL", "sqlite://data.db", "names no file"),
        ("DATABASE_URL", "sqlite:///:memory:", "lost with each process"),
        ("DATABASE_URL", "sqlite:////no/such/folder/x.db", "the folder /no/such/folder does not exist"),
        ("DATABASE_URL", "sqlite:////tmp", "/tmp cannot be written"),
        ("REDIS_URL", "localhost:6379", "is no Redis address; use redis://"),
        ("REDIS_URL", "rdis://:geheim@h/0", "'rdis://***@h/0' is no Redis address"),
        ("REDIS_URL", "redis:///0", "names no host"),
        ("REDIS_URL", "unix://run/redis.sock", "three slashes"),
        ("REDIS_URL", "unix:///" + "x" * 108, "set DAIBAN_VAR to a folder with a shorter path"),
        ("STORAGE_URL", "/srv/files", "is no file store"),
        ("STORAGE_URL", "file://srv/files", "three slashes"),
        ("STORAGE_URL", "s3:///prefix", "names no bucket"),
        ("BASE_URL", "daiban.example.cn", "is no web address; use the address people type"),
        ("BASE_URL", "https://a.cn/?x=1", "is no web address"),
        ("SMS_GATEWAY_URL", "sms.example.cn", "this is no web address"),
        ("SMS_GATEWAY_URL", "ftp://sms.example.cn/send", "this is no web address"),
        ("SMS_SENDER", "【东新街道】", "no brackets"),
        ("SMS_SENDER", "东" * 21, "at most 20 characters"),
        ("WORK_CHAT_URL", "http://[robot", "this is no address"),
        ("PAPERS_ADMIT", "always", "'always' is not known; use night, now or off"),
        ("WORK_CHAT_KIND", "slack", "'slack' is not known; use wecom or dingtalk"),
        ("DAIBAN_VAR", "/proc/x", "cannot write to the folder /proc/x"),
        ("DAIBAN_VAR", "config.py", "config.py (file exists); name a folder"),
    ],
)
def test_a_bad_value_is_one_clear_line(tmp_path, name, value, says):
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, **{"SECRET_KEY": LONG, name: value})
    line = str(caught.value)
    assert line.startswith(f"{name}: ")
    assert says in line
    assert "\n" not in line


def test_a_gateway_needs_its_key_and_neither_is_shown(tmp_path):
    url = "https://sms.example.cn/send?account=geheim"
    with pytest.raises(ConfigError, match=r"^SMS_GATEWAY_SECRET: 5 characters are too few.* at least 16"):
        settings(tmp_path, SMS_GATEWAY_URL=url, SMS_GATEWAY_SECRET="short")
    found = settings(
        tmp_path, SMS_GATEWAY_URL=url, SMS_GATEWAY_SECRET="geheim-" * 3, WORK_CHAT_URL="https://x.cn/?key=geheim"
    )
    assert (found.sms_gateway_url, found.sms_sender, found.work_chat_kind) == (url, "代办", "wecom")
    assert "geheim" not in repr(found)
    assert not settings(tmp_path).sms_gateway_url, "nothing is set up unless somebody does"


def test_passwords_do_not_show_when_settings_are_printed(tmp_path):
    shown = repr(settings(tmp_path, DATABASE_URL="postgresql://u:geheim@db/d", REDIS_URL="redis://:geheim@h/0"))
    assert "geheim" not in shown
    assert "secret_key" not in shown


def test_the_secret_is_made_once_and_for_this_user_alone(tmp_path):
    first = settings(tmp_path).secret_key
    assert len(first) >= 32
    assert settings(tmp_path).secret_key == first
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.key"]


def test_processes_starting_together_agree_on_one_secret(tmp_path):
    code = "import sys; from config import Settings; print(Settings.from_env({'DAIBAN_VAR': sys.argv[1]}).secret_key)"
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    assert len({process.communicate()[0] for process in started}) == 1


def test_an_emptied_secret_file_is_refused_not_replaced(tmp_path):
    (tmp_path / "secret.key").write_text("\n")
    with pytest.raises(ConfigError, match=r"SECRET_KEY \(from .*secret\.key\): 0 characters are too few"):
        settings(tmp_path)


def test_reading_settings_needs_nothing_but_python():
    code = "import sys, config; print([m for m in ('flask', 'sqlalchemy', 'yaml') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert Path(ROOT, "config.py").exists()
