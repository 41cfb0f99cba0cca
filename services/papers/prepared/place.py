"""Where this installation keeps what it prepared; anything in there may be deleted and is made again."""

from __future__ import annotations

from pathlib import Path

_folder = Path(__file__).resolve().parents[3] / "var" / "prepared"


def configure(folder: Path) -> None:
    """Called once when the application is made."""
    global _folder
    _folder = folder


def folder() -> Path:
    return _folder
