"""Who holds a lease, and whether that process of this machine is known to be gone."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_STATE, _START = 0, 19
_GONE = frozenset("ZX")


def myself() -> str | None:
    """This process by machine, number and start; None where the system does not tell, and then only time ends a lease."""
    return _name(os.getpid())


def is_gone(holder: str) -> bool:
    """True only when it is certain: a process of this machine that is not there any more. Of others we know nothing."""
    machine, _, process = holder.rpartition("/")
    if not machine or machine != _machine():
        return False
    number, _, start = process.partition("-")
    try:
        # Hidden processes of other users answer this as well, which a look into /proc alone would take for dead.
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    stat = _stat(int(number))
    # A number is given out again after a while; the moment of the start is not.
    return bool(stat) and (stat[_STATE] in _GONE or stat[_START] != start)


@cache
def _name(pid: int) -> str | None:
    machine, stat = _machine(), _stat(pid)
    return f"{machine}/{pid}-{stat[_START]}" if machine and stat else None


@cache
def _machine() -> str:
    """This start of this machine, as its processes see each other: two containers with one host name are two machines."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process, from its state on; empty when it says nothing."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
