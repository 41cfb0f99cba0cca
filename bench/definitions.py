"""How long it takes to load and check every definition: `python bench/definitions.py`. Wanted: under 0.3 s."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import services
from process.library import load, vocabulary

WANTED = 0.3


def main() -> int:
    services.register()
    names = vocabulary(services.role_names(), services.paper_names())
    times = []
    for _ in range(7):
        started = time.perf_counter()
        loaded = load(names)
        times.append(time.perf_counter() - started)
    middle = sorted(times)[len(times) // 2]
    print(f"{len(loaded.workflows)} processes, {len(loaded.types)} types: {middle:.3f} s (wanted: under {WANTED} s)")
    return int(middle > WANTED)


if __name__ == "__main__":
    sys.exit(main())
