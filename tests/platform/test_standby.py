"""The warm process behind a worker, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.platform
ROOT = Path(__file__).resolve().parents[2]
WORKS = (
    "import os, time; from jobs import standby; standby.stay_behind(); print(os.getpid(), flush=True); time.sleep(600)"
)
ENDS = "import sys; from jobs import standby; standby.stay_behind(); sys.exit(3)"


@pytest.fixture
def behind() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", WORKS], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def says(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_a_killed_worker_is_replaced_by_the_same_parent(behind: subprocess.Popen[str]) -> None:
    seen = []
    for _ in range(3):
        seen.append(says(behind))
        os.kill(seen[-1], signal.SIGKILL)
    seen.append(says(behind))
    assert len(set(seen)) == 4 and behind.pid not in seen and behind.poll() is None


def test_a_stop_reaches_the_worker_and_ends_both(behind: subprocess.Popen[str]) -> None:
    worker = says(behind)
    behind.terminate()
    assert behind.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_killed_parent_takes_its_worker_along(behind: subprocess.Popen[str]) -> None:
    says(behind)
    behind.kill()
    # The worker held the other end of what it prints to; only its death ends this.
    assert behind.stdout is not None and behind.stdout.read() == ""


def test_a_worker_that_ends_by_itself_is_not_replaced() -> None:
    assert subprocess.run([sys.executable, "-c", ENDS], cwd=ROOT, timeout=60, check=False).returncode == 3
