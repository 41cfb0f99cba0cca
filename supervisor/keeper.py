"""The keeper starts the table of processes in order, starts again what dies, and stops all in reverse order."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import FrameType

from supervisor.child import Child, Process, in_words, kill, strays

LOG_CHECK_EVERY = 60.0


class StartFailed(Exception):
    """A part cannot be brought up, so the whole is not there; the message says which and why."""


class StopAsked(Exception):
    """Somebody asked for the end: not an error."""


@dataclass(frozen=True)
class Rhythm:
    """How patient the keeper is, in seconds."""

    first_pause: float = 0.5
    longest_pause: float = 10.0
    # A kill comes from outside and says nothing against starting again; work is waiting meanwhile.
    longest_after_kill: float = 2.0
    healthy_after: float = 30.0
    grace: float = 10.0
    look_every: float = 0.05


class Keeper:
    """Looks after the processes of one var folder until it is asked to stop."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        logs: Path,
        mark: str,
        environ: Mapping[str, str] | None = None,
        rhythm: Rhythm | None = None,
        when_ready: Callable[[], None] = lambda: None,
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.rhythm = rhythm or Rhythm()
        self._mark = mark
        self._when_ready = when_ready
        self._processes = [Process(child, logs, os.environ if environ is None else environ, mark) for child in children]
        self._asked: signal.Signals | None = None
        self._stopping = False
        self._wake = -1
        self._logs_checked = time.monotonic()

    def run(self) -> None:
        """Returns when everything has been stopped as asked; raises StartFailed after stopping what did start."""
        with self._listening():
            try:
                self._sweep()
                self._start()
                while True:
                    self._tend()
                    self._sleep(self._until_next())
            except StopAsked:
                say("supervisor", f"{self._asked.name if self._asked else 'stop'} received, stopping")
            finally:
                self._stop()

    # Starting

    def _sweep(self) -> None:
        """What a killed supervisor's parts left running would work beside the new ones."""
        left = [pid for pid in strays(self._mark) if pid != os.getpid()]
        for pid in left:
            kill(pid, signal.SIGKILL)
        if left:
            say("supervisor", f"ended {len(left)} processes that an earlier, killed supervisor had left")

    def _start(self) -> None:
        first = [process for process in self._processes if not process.child.later]
        for process in first:
            self._launch(process)
            self._await_ready(process)
        self._when_ready()
        for process in self._processes:
            if process.child.later:
                self._launch(process)

    def _launch(self, process: Process) -> None:
        try:
            process.start()
        except OSError as error:
            # No disk, no memory, no such program: the same as a child that dies at once.
            self._buried(process, f"cannot be started: {error.strerror}")
        else:
            say(process.child.name, f"started, process {process.pid}")

    def _await_ready(self, process: Process) -> None:
        child = process.child
        if not child.once and child.ready is None:
            return
        until = time.monotonic() + child.ready_within
        while True:
            if child.once:
                code = process.ended()
                if code == 0:
                    say(child.name, f"done in {time.monotonic() - process.started:.1f} s")
                    return
                if code is not None:
                    raise StartFailed(self._why(process, in_words(code), lines=1))
            elif process.pid is not None and child.ready is not None and child.ready():
                return
            if time.monotonic() > until:
                raise StartFailed(self._why(process, f"not ready after {child.ready_within:g} s", lines=5))
            self._tend()
            self._sleep(self.rhythm.look_every)

    def _why(self, process: Process, what: str, lines: int) -> str:
        said = " | ".join(process.last_lines(lines)) or "it said nothing"
        return f"{process.child.name} {what}: {said}; more in {process.log}"

    # Watching

    def _tend(self) -> None:
        now = time.monotonic()
        for process in self._processes:
            if process.child.once:
                continue
            code = process.ended()
            if code is not None:
                self._buried(process, in_words(code), killed=code == -signal.SIGKILL)
                # A signal came from outside; an exit code twice in a row says that it does not like what it finds.
                if code > 0 and process.deaths == 2 and process.child.mend:
                    say(process.child.name, process.child.mend())
            elif process.due is not None and now >= process.due:
                self._launch(process)
        if now - self._logs_checked > LOG_CHECK_EVERY:
            self._logs_checked = now
            for process in self._processes:
                process.trim_log()

    def _buried(self, process: Process, end: str, *, killed: bool = False) -> None:
        if time.monotonic() - process.started >= self.rhythm.healthy_after:
            process.deaths = 0
        longest = min(
            self.rhythm.longest_pause, self.rhythm.longest_after_kill if killed else self.rhythm.longest_pause
        )
        pause = min(self.rhythm.first_pause * 2**process.deaths, longest)
        process.deaths += 1
        process.due = time.monotonic() + pause
        say(process.child.name, f"{end}; starts again in {pause:g} s")
        if process.deaths > 1:
            for line in process.last_lines():
                say(process.child.name, f"| {line}")

    def _until_next(self) -> float:
        dues = [process.due for process in self._processes if process.due is not None]
        return max(0.0, min([LOG_CHECK_EVERY, *(due - time.monotonic() for due in dues)]))

    # Stopping

    def _stop(self) -> None:
        self._stopping = True
        ordered = sorted(self._processes, key=lambda process: process.child.stage, reverse=True)
        for _, same_stage in groupby(ordered, key=lambda process: process.child.stage):
            self._stop_together([process for process in same_stage if process.pid is not None])

    def _stop_together(self, processes: list[Process]) -> None:
        for process in processes:
            process.ask_to_stop()
        until = time.monotonic() + self.rhythm.grace
        waiting = processes
        while waiting and time.monotonic() < until:
            waiting = [process for process in waiting if not self._gone(process)]
            if waiting:
                self._sleep(self.rhythm.look_every)
        for process in waiting:
            process.force_to_stop()
            process.ended()
            say(process.child.name, f"did not stop within {self.rhythm.grace:g} s, killed")

    def _gone(self, process: Process) -> bool:
        if process.ended() is None:
            return False
        say(process.child.name, "stopped")
        return True

    # Signals

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Signals end a sleep at once; SIGHUP counts as a stop unless nohup told us to ignore it."""
        numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        self._wake, write = os.pipe()
        for end in (self._wake, write):
            os.set_blocking(end, False)
        old_fd = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        old = {number: signal.signal(number, self._heard) for number in numbers}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_fd)
            os.close(self._wake)
            os.close(write)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._asked = signal.Signals(number)

    def _sleep(self, seconds: float) -> None:
        if select.select([self._wake], [], [], seconds)[0]:
            with suppress(BlockingIOError):
                os.read(self._wake, 4096)
        if self._asked is not None and not self._stopping:
            raise StopAsked


def say(name: str, what: str) -> None:
    """One event, one line."""
    # A reader of our output who went away must not take the office down with him.
    with suppress(OSError):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {name:<10} {what}", flush=True)
