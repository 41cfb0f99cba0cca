"""A keeper in a process of its own, watched through the lines that it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    "DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "SECRET_KEY",
    "HOST",
    "PORT",
    "BASE_URL",
    "DAIBAN_DEMO",
    "DAIBAN_VAR",
)


def clean_environ(**settings: str) -> dict[str, str]:
    """The environment without what the developer's terminal has set for daiban."""
    environ = {key: value for key, value in os.environ.items() if key not in SETTINGS and key != "DAIBAN_PART"}
    return {**environ, "PYTHONPATH": str(ROOT), **settings}


class Watched:
    """A running program and all the lines it has printed so far."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as stdout:
            self.lines.extend(line.rstrip("\n") for line in iter(stdout.readline, ""))

    def wait_for(self, pattern: str, *, times: int = 1, within: float = 90.0) -> list[re.Match[str]]:
        """The matches, as soon as there are that many lines like this."""
        until = time.monotonic() + within
        while True:
            found = [match for line in list(self.lines) if (match := re.search(pattern, line))]
            if len(found) >= times:
                return found
            assert time.monotonic() < until, f"no line like {pattern!r} in {within} s:\n" + "\n".join(self.lines)
            time.sleep(0.02)

    def pid_of(self, name: str, *, start: int = 1) -> int:
        """The process number that this child has after its n-th start."""
        return int(self.wait_for(rf" {name} +started, process (\d+)", times=start)[start - 1][1])

    def stop_code(self, within: float) -> int:
        """The exit code of a program that is expected to end by itself."""
        code = self.process.wait(timeout=within)
        self._reader.join(timeout=60)
        return code

    def stop(self, number: int = signal.SIGTERM, within: float = 90.0) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.stop_code(within)


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    """Starts a program to watch; whatever is still running afterwards is ended."""
    running: list[Watched] = []

    def start(command: list[str], **settings: str) -> Watched:
        running.append(Watched(command, clean_environ(**settings)))
        return running[-1]

    yield start
    for program in running:
        program.stop(signal.SIGKILL)


@pytest.fixture
def keep(watch: Callable[..., Watched], tmp_path: Path) -> Callable[..., Watched]:
    """Starts a keeper over this table of children."""

    def start(*table: dict[str, Any], **rhythm: float) -> Watched:
        # A busy machine needs seconds to end what listens at once; only who tests the grace makes it short.
        patience = {"first_pause": 0.1, "longest_pause": 0.4, "healthy_after": 30.0, "grace": 60.0, **rhythm}
        script = str(ROOT / "tests" / "platform" / "run_keeper.py")
        return watch([sys.executable, script, str(tmp_path), json.dumps(table), json.dumps(patience)])

    return start


def is_alive(pid: int) -> bool:
    """A zombie that nobody has collected yet counts as dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture
def alive() -> Callable[[int], bool]:
    return is_alive


@pytest.fixture
def wait_until() -> Callable[..., None]:
    def wait(condition: Callable[[], bool], within: float = 90.0) -> None:
        until = time.monotonic() + within
        while not condition():
            assert time.monotonic() < until, "what was waited for did not happen"
            time.sleep(0.02)

    return wait


@pytest.fixture
def environ_for() -> Callable[..., dict[str, str]]:
    return clean_environ
