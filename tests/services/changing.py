"""A process that changes under things that are under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from process import releases
from process.library import library
from services import process_changes

PROCESS = "complaint"


def changed(change: Callable[[dict[str, Any]], None]) -> str:
    body = yaml.safe_load(process_changes.source_of(library.shipped[PROCESS]))
    change(body)
    return yaml.safe_dump(body, allow_unicode=True, sort_keys=False)


def without_investigating(body: dict[str, Any]) -> None:
    """Handled at once: the state in the middle is gone, and answers are due sooner."""
    body["states"].pop("investigating")
    for step in list(body["transitions"]):
        transition = body["transitions"][step]
        transition["from"] = [s for s in transition["from"] if s != "investigating"]
        if transition.get("to") == "investigating" or not transition["from"]:
            body["transitions"].pop(step)
    answer = dict(library.shipped[PROCESS].source["transitions"]["answer"])
    body["transitions"]["answer"] = {**answer, "from": ["accepted"]}
    body["states"]["accepted"]["due"] = {"working_days": 1}
    body["states"]["accepted"]["permissions"]["view"] = ["complaint_handler"]
    body["worklists"]["to_handle"]["match"]["state"].remove("investigating")


def release(session: Any, admin: Any, source: str) -> None:
    process_changes.release(session, admin, process_changes.read(PROCESS, source), "简化")
    session.commit()
    releases.refresh(session, at_once=True)
