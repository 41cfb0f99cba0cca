"""A warm process stays behind and lets its child do the work: whoever is killed is replaced at once, not after seconds of loading."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from types import FrameType

PR_SET_PDEATHSIG = 1
# So that a system that kills everything at once is not fought with forks.
PAUSE = 0.2


def stay_behind() -> None:
    """Returns in the child that works; the parent never comes back. Call it before any connection is open."""
    while True:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _die_with(parent)
            return
        code = _watch(pid)
        if code is not None:
            sys.exit(code)
        time.sleep(PAUSE)


def _watch(pid: int) -> int | None:
    """The exit code to end with, or None when the child was killed from outside and is wanted again."""
    asked = False

    def pass_on(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        os.kill(pid, number)

    old = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    return None if code == -signal.SIGKILL and not asked else max(code, 0)


def _die_with(parent: int) -> None:
    # Nobody would look after a worker whose parent is gone.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
