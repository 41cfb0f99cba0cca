"""Rows from Excel: looked through first, then written whole or not at all."""

from __future__ import annotations

from services.imports.kinds import KINDS, ImportKind, kind_of
from services.imports.runs import (
    CHECK_JOB,
    WRITE_JOB,
    accept,
    check,
    confirm,
    give_up,
    load,
    mine,
    report,
    sweep,
    write,
)

__all__ = [
    "CHECK_JOB",
    "KINDS",
    "WRITE_JOB",
    "ImportKind",
    "accept",
    "check",
    "confirm",
    "give_up",
    "kind_of",
    "load",
    "mine",
    "report",
    "sweep",
    "write",
]
