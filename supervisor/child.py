"""One process that the supervisor looks after: how to start it, how to know that it works, what it said last."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1
MARK = "DAIBAN_PART"
LARGEST_LOG = 20 * 1024 * 1024
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Child:
    """A line of the table of processes."""

    name: str
    command: tuple[str, ...]
    # Stages stop from the highest to the lowest, so that a worker never outlives the Redis it reports to.
    stage: int
    ready: Callable[[], bool] | None = None
    ready_within: float = 60.0
    # Must end well before the next one starts.
    once: bool = False
    # What to try when it refuses to start; says what was done.
    mend: Callable[[], str] | None = None
    # Starts when all others are ready: nobody at the door waits for it.
    later: bool = False
    # A folder that its processes share, emptied before each start, and the variable that tells them where it is.
    shares: tuple[str, Path] | None = None


class Process:
    """A child while it lives, dies and lives again."""

    def __init__(self, child: Child, logs: Path, environ: Mapping[str, str], mark: str) -> None:
        self.child = child
        self.log = logs / f"{child.name}.log"
        self.started = 0.0
        self.deaths = 0
        self.due: float | None = None
        self._mark = f"{mark}:{child.name}"
        self._environ = {**environ, MARK: self._mark}
        if child.shares is not None:
            self._environ[child.shares[0]] = str(child.shares[1])
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen else None

    def start(self) -> None:
        self.due = None
        self.started = time.monotonic()
        self.trim_log()
        self._empty_shared()
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            parent = os.getpid()
            self._popen = subprocess.Popen(
                self.child.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                # A session of its own: Ctrl-C reaches the supervisor alone, which then stops the parts in their order.
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent),
            )

    def ended(self) -> int | None:
        """Its exit code, told once, negative when a signal killed it; None while it runs or is not started."""
        if self._popen is None or self._popen.poll() is None:
            return None
        code, self._popen = self._popen.returncode, None
        # A killed parent leaves children of its own; they would hold the port, or do a job a second time.
        for pid in strays(self._mark):
            kill(pid, signal.SIGKILL)
        return code

    def ask_to_stop(self) -> None:
        if self._popen is not None:
            self._popen.terminate()

    def force_to_stop(self) -> None:
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    def last_lines(self, count: int = 10) -> list[str]:
        """What it said last since its latest start."""
        try:
            with self.log.open("rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(min(self._log_start, size), size - 8192))
                text = log.read().decode(errors="replace")
        except OSError:
            return []
        return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]

    def _empty_shared(self) -> None:
        if self.child.shares is None:
            return
        folder = self.child.shares[1]
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)

    def trim_log(self) -> None:
        """A log keeps one older copy; the file itself stays, because the running child holds it open."""
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            shutil.copyfile(self.log, self.log.with_suffix(".log.1"))
            os.truncate(self.log, 0)


def strays(mark: str) -> Iterator[int]:
    """Processes that carry this mark in their environment, which every descendant inherits; ours alone."""
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or another user's
        if any(entry == wanted or entry.startswith(wanted + b":") for entry in environ.split(b"\0")):
            yield int(folder.name)


def in_words(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" if code else "ended by itself"


def kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it was faster


def _die_with(parent: int) -> None:
    # The kernel ends the child when the supervisor is gone, even by kill -9.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
