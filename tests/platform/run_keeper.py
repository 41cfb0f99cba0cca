"""Runs a keeper over a table given as JSON, as a process of its own: signals and kill -9 need a real one."""

import json
import sys
from pathlib import Path

from supervisor.child import Child
from supervisor.keeper import Keeper, Rhythm, StartFailed, say


def main(var: Path, table: list[dict[str, object]], rhythm: dict[str, float]) -> int:
    children = []
    for row in table:
        awaited = row.pop("ready_file", None)
        ready = (lambda path=Path(str(awaited)): path.exists()) if awaited else None
        children.append(Child(**{**row, "command": tuple(row["command"])}, ready=ready))
    keeper = Keeper(
        children,
        logs=var / "log",
        mark=str(var),
        rhythm=Rhythm(**rhythm),
        when_ready=lambda: say("ready", "yes"),
    )
    try:
        keeper.run()
    except StartFailed as error:
        print(error, file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])))
