"""Run one piece of work in a child that cannot hang, eat the machine or talk to anybody."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import DoesNotFit, PaperError, RenderFailed, RenderInterrupted

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_RESULT, _REFUSED, _UNFIT, _CRASHED = b"R", b"F", b"L", b"E"
_ADVICE = "请核对内容后重试；仍不行请把办件编号告诉管理员"


@dataclass(frozen=True)
class Limits:
    """What one paper may cost; `memory` counts on top of what the warm parent already maps."""

    memory: int = 2 * 1024**3
    cpu_seconds: int = 15
    wall_seconds: float = 30.0
    output_bytes: int = 32 * 1024**2
    network: bool = False


DEFAULT_LIMITS = Limits()


def run_limited(work: Callable[[], bytes], limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The bytes `work` returns; whatever happens in the child comes back as RenderFailed, its being killed as RenderInterrupted."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - the child leaves by os._exit
        _child(work, writer, limits)
    os.close(writer)
    reaped = False
    try:
        answer, late = _read(reader, limits)
        if late:
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        reaped = True
    finally:
        os.close(reader)
        if not reaped:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return _judge(answer, late, status, limits)


def _read(reader: int, limits: Limits) -> tuple[bytes, str]:
    """All the child wrote, and the reason to kill it if it overran."""
    deadline = time.monotonic() + limits.wall_seconds
    poll = select.poll()
    poll.register(reader, select.POLLIN | select.POLLHUP)
    parts: list[bytes] = []
    size = 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            return b"", f"排版超过 {limits.wall_seconds:g} 秒"
        part = os.read(reader, 1 << 20)
        if not part:
            return b"".join(parts), ""
        parts.append(part)
        size += len(part)
        if size > limits.output_bytes:
            return b"", "生成的文件过大"


def _judge(answer: bytes, late: str, status: int, limits: Limits) -> bytes:
    if late:
        raise RenderFailed(late, _ADVICE)
    kind, body = answer[:1], answer[1:]
    if kind == _RESULT and os.waitstatus_to_exitcode(status) == 0:
        return body
    if kind == _UNFIT:
        raise DoesNotFit(body.decode(errors="replace"))
    if kind == _REFUSED:
        reason, _, rest = body.decode(errors="replace").partition("\0")
        advice, _, detail = rest.partition("\0")
        raise RenderFailed(reason, advice or _ADVICE, detail=detail)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        raise RenderFailed(f"排版用时超过 {limits.cpu_seconds} 秒计算时间", _ADVICE)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGKILL, signal.SIGTERM}:
        # Its own limits end it in other ways, so this came from outside.
        raise RenderInterrupted
    detail = body.decode(errors="replace") if kind == _CRASHED else f"wait status {status}"
    raise RenderFailed("排版程序出错", _ADVICE, detail=detail)


def _child(work: Callable[[], bytes], writer: int, limits: Limits) -> None:
    """Never returns: reports through the pipe and leaves without running the parent's exit handlers."""
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        gc.disable()
        _confine(writer, limits)
        answer = _RESULT + work()
        code = 0
    except DoesNotFit as unfit:
        answer = _UNFIT + str(unfit).encode()
    except RenderFailed as failed:
        answer = _REFUSED + f"{failed.reason}\0{failed.advice}\0{failed.detail}".encode()
    except PaperError as refused:
        answer = _REFUSED + f"{refused}\0\0".encode()
    except MemoryError:
        answer = _REFUSED + f"排版需要的内存超过 {limits.memory // 2**20} MB\0".encode()
    except RecursionError:
        answer = _REFUSED + "内容嵌套过深\0".encode()
    except BaseException as error:  # the child must answer whatever happens, the parent decides
        answer = _CRASHED + f"{type(error).__name__}: {error}"[:2000].encode(errors="replace")
    try:
        view = memoryview(answer)
        while view:
            view = view[os.write(writer, view) :]
    except OSError:
        code = 1
    finally:
        os._exit(code)


def _confine(writer: int, limits: Limits) -> None:
    """Limits first, then no new privileges, no network and no inherited sockets or databases."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + limits.memory,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if not limits.network and libc.unshare(_CLONE_NEWNET) != 0:
        # Without root a namespace of our own users may still give an empty network; if not, the fetcher stands alone.
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    os.closerange(3, writer)
    os.closerange(writer + 1, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65536))
