"""HTTPS by the house: made once, trusted by a phone, renewed in time, and every wrong name is told."""

from __future__ import annotations

import http.client
import socket
import ssl
import stat
import sys
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config import ConfigError, Settings
from supervisor import certificates
from supervisor.certificates import CertificateError, make
from supervisor.plan import _gunicorn, health
from tests.servers import free_port

NAMES = ["daiban.street.local", "127.0.0.1"]


def answering(folder: Path) -> int:
    """A server of one answer with this certificate; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    door = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        # Who does not trust it hangs up in the middle.
        with suppress(OSError), door, context.wrap_socket(door.accept()[0], server_side=True) as line:
            line.recv(4096)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    threading.Thread(target=answer, daemon=True).start()
    return int(door.getsockname()[1])


def test_a_phone_that_trusts_the_house_trusts_the_server(tmp_path: Path) -> None:
    assert len(make(tmp_path, NAMES)) == 2
    assert stat.S_IMODE((tmp_path / "server.key").stat().st_mode) == 0o600
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    # What people bring along must be sound by today's strict rules, not only by those of old browsers.
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    connection = http.client.HTTPSConnection("127.0.0.1", answering(tmp_path), timeout=10, context=trusting)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"ok"
    # Nobody else trusts it.
    with pytest.raises(ssl.SSLCertVerificationError):
        http.client.HTTPSConnection("127.0.0.1", answering(tmp_path), timeout=10).request("GET", "/")


def test_it_is_made_once_and_renewed_in_time(tmp_path: Path) -> None:
    start = datetime.now(UTC)
    make(tmp_path, NAMES, start)
    authority, server = ((tmp_path / name).read_bytes() for name in ("ca.crt", "server.crt"))
    assert make(tmp_path, NAMES, start) == ["everything is there and valid; nothing was changed"]
    make(tmp_path, NAMES, start + timedelta(days=380))
    assert (tmp_path / "ca.crt").read_bytes() == authority and (tmp_path / "server.crt").read_bytes() != server
    told = make(tmp_path, [*NAMES, "other.local"], start)
    assert any("trust the new" in line for line in told) and (tmp_path / "ca.crt").read_bytes() != authority


@pytest.mark.parametrize("name", ["https://daiban", "a b", "1.2.3.4.5", "-x", "daiban:8000", ""])
def test_names_that_no_phone_could_call(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificateError):
        make(tmp_path, [name])
    with pytest.raises(CertificateError):
        make(tmp_path, [])


def test_a_spoilt_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert certificates.main([*NAMES, "--folder", str(tmp_path)]) == 0
    assert "BASE_URL=https://daiban.street.local:8000" in capsys.readouterr().out
    (tmp_path / "ca.key").write_text("spoilt")
    assert certificates.main([*NAMES, "--folder", str(tmp_path)]) == 1
    assert "ca.crt" in capsys.readouterr().err


def test_the_settings_want_both_and_the_server_uses_them(tmp_path: Path) -> None:
    make(tmp_path, NAMES)
    base = {"DAIBAN_VAR": str(tmp_path / "var"), "SECRET_KEY": "k" * 40}
    both = {"TLS_CERTIFICATE": str(tmp_path / "server.crt"), "TLS_KEY": str(tmp_path / "server.key")}
    with pytest.raises(ConfigError, match="TLS_KEY: is missing"):
        Settings.from_env({**base, "TLS_CERTIFICATE": both["TLS_CERTIFICATE"]})
    with pytest.raises(ConfigError, match="TLS_CERTIFICATE: cannot read"):
        Settings.from_env({**base, **both, "TLS_CERTIFICATE": str(tmp_path / "nothing")})
    settings = Settings.from_env({**base, **both, "PORT": str(answering(tmp_path))})
    assert settings.base_url.startswith("https://")
    assert "--certfile" in _gunicorn(settings) and health(settings) == (200, "ok")


def test_what_was_made_is_used_without_being_named(tmp_path: Path) -> None:
    base = {"DAIBAN_VAR": str(tmp_path), "SECRET_KEY": "k" * 40}
    assert Settings.from_env(base).tls_certificate is None
    make(tmp_path / "tls", NAMES)
    found = Settings.from_env(base)
    assert found.tls_certificate == tmp_path / "tls/server.crt" and found.base_url == "https://127.0.0.1:8000"
    assert Settings.from_env({**base, "TLS_CERTIFICATE": "off"}).base_url == "http://127.0.0.1:8000"
    (tmp_path / "tls/server.key").unlink()
    assert Settings.from_env(base).tls_certificate is None


@pytest.mark.platform
def test_the_whole_answers_over_https_once_a_certificate_was_made(watch: Callable[..., Any], tmp_path: Path) -> None:
    """Started as bin/serve starts it: every page and the field app come over HTTPS, trusted through the house alone."""
    make(tmp_path / "tls", ["127.0.0.1"])
    port = free_port()
    command = [sys.executable, "-m", "supervisor", "serve"]
    daiban = watch(command, DAIBAN_VAR=str(tmp_path), PORT=str(port), DAIBAN_DEMO="0")
    daiban.wait_for(rf"代办 is ready: https://127\.0\.0\.1:{port}$", within=240)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "tls/ca.crt"))
    for path, inside in (
        ("/sign-in", "csrf_token"),
        ("/field/", "field/app.js"),
        ("/field/worker.js", "daiban-field-"),
    ):
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", timeout=60, context=trusting) as answer:
            assert answer.status == 200 and inside in answer.read().decode()
            cookies = answer.headers.get_all("Set-Cookie") or []
            assert all("Secure" in cookie for cookie in cookies) and (cookies or path != "/sign-in")
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/field/", timeout=20)
    assert daiban.stop(within=120) == 0
