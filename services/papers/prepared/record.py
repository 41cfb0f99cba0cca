"""What came of comparing a version of a paper on both ways, kept beside its shapes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "admission.json"


@dataclass
class Admission:
    """What came of comparing; kept beside the prepared shapes of that version."""

    paper: str
    version: str
    fills: int = 0
    compared: int = 0
    ordinary: dict[str, int] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)
    worst_pixels: float = 0.0
    shapes: int = 0
    admitted: bool = False
    reason: str = ""
    at: str = ""


def read(folder: Path) -> Admission | None:
    """The result kept for this version, if it was ever asked for."""
    try:
        return Admission(**json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def told(result: Admission) -> str:
    """One line for the command line."""
    line = (
        f"{'ok ' if result.admitted else 'no '} {result.paper}: {result.compared} of {result.fills} compared, "
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
