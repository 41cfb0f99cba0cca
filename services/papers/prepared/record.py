"""What came of comparing a version of a paper on both ways, kept beside its shapes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "admission.json"
# Why a paper stays on the ordinary way; pages have words for these in the reader's language.
DIFFERS, NOT_FIXED, MOSTLY_ORDINARY, TOO_FEW, FAILED = "differs", "not_fixed", "mostly_ordinary", "too_few", "failed"
# What the comparison reads the finished files with.
TOOLS = ("pdftotext", "pdftoppm")


def lacking() -> list[str]:
    """The programs of this machine without which nothing can be compared."""
    return [name for name in TOOLS if shutil.which(name) is None]


@dataclass
class Admission:
    """What came of comparing, so far or in the end; kept beside the prepared shapes of that version."""

    paper: str
    version: str
    # How many copies are to be compared, how many were, and the number of the next one to invent.
    fills: int = 0
    compared: int = 0
    next: int = 0
    seed: int = 0
    # A demo prints 样章 into the place of the seal: other shapes than a real office needs.
    demo: bool = True
    ordinary: dict[str, int] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    worst_pixels: float = 0.0
    shapes: int = 0
    admitted: bool = False
    # Which of the kinds above `reason` is.
    verdict: str = ""
    reason: str = ""
    at: str = ""

    @property
    def finished(self) -> bool:
        """Whether it was decided; if not, the comparison goes on with the copy `next`."""
        return self.admitted or bool(self.reason)


def signature(folder: Path) -> tuple[int, int] | None:
    """Changes whenever another process has written the result; None when there is none."""
    try:
        found = (folder / FILE).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def read(folder: Path) -> Admission | None:
    """The result kept for this version, if it was ever asked for."""
    try:
        return Admission(**json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def told(result: Admission) -> str:
    """One line for the command line."""
    state = "ok " if result.admitted else "no " if result.finished else "..."
    line = (
        f"{state} {result.paper}: {result.compared} of {result.fills} compared, "
        f"{result.shapes} shapes, at most {result.worst_pixels:.4%} of a page differ"
    )
    if result.ordinary:
        line += f"; {sum(result.ordinary.values())} ordinary ({', '.join(result.ordinary)})"
    return line + (f"; {result.reason}" if result.reason else "")


def write(folder: Path, result: Admission) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{FILE}.{os.getpid()}"
    written.write_text(json.dumps(asdict(result), ensure_ascii=False, indent=1), "utf-8")
    written.replace(folder / FILE)
