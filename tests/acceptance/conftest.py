"""The outside contract, tried as a program would that knows only its text."""

from __future__ import annotations

from tests.api.conftest import api, case, errand

__all__ = ["api", "case", "errand"]
