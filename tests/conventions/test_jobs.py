"""Every kind of work that may stand in the outbox is done by somebody, in any process that loads the application alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import app
from jobs.handlers import HANDLERS
from jobs.kinds import KINDS
print(sorted(set(KINDS) ^ set(HANDLERS)))
"""


def test_each_kind_of_work_has_its_handler() -> None:
    # In a process of its own: here some other test may have imported what the application forgot.
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
