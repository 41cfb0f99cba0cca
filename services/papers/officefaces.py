"""The office's own faces: a licensed 仿宋 it names, and characters it has drawn itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OfficeFace:
    """One file the office has installed, under the family name that papers use."""

    family: str
    path: Path
    sha256: str


def installed() -> tuple[OfficeFace, ...]:
    """What the office has installed on this machine."""
    return ()
