"""A migration as a module, for tests of what it does with data."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

_VERSIONS = Path(__file__).resolve().parents[1] / "migrations" / "versions"


def revision(number: str) -> Any:
    (file,) = _VERSIONS.glob(f"{number}_*.py")
    spec = importlib.util.spec_from_file_location(f"revision_{number}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
