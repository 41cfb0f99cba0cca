"""Asking Products.DCWorkflow and our walker the same, and counting where they differ."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from process import plone_reader
from process.plone import PloneDefinition
from process.trial import walk

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def environment() -> Path:
    """Where `make_env` puts the oracle."""
    return Path(os.environ.get("DAIBAN_ORACLE") or ROOT / "var" / "oracle")


def plone_definitions() -> list[Path]:
    """The definitions that Products.CMFPlone ships, as downloaded into the environment."""
    return sorted((environment() / "cmfplone").rglob("definition.xml"))


@dataclass
class Count:
    """What was compared, and the differences in words."""

    definitions: int = 0
    walks: int = 0
    steps: int = 0
    refused: int = 0
    moved: int = 0
    closed: int = 0
    differences: list[str] = field(default_factory=list)

    def line(self) -> str:
        numbers = {name: value for name, value in vars(self).items() if name != "differences"}
        return json.dumps({**numbers, "differences": len(self.differences)})


class Oracle:
    """Products.DCWorkflow in its own process."""

    def __init__(self) -> None:
        python = environment() / "bin" / "python"
        if not python.exists():
            raise FileNotFoundError(f"there is no oracle in {environment()}; make it: tests/oracle/make_env")
        self.process = subprocess.Popen(
            [str(python), "-W", "ignore", str(HERE / "dcworkflow.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


def question(text: str, definition: PloneDefinition, orders: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the oracle is asked; what we keep closed it keeps closed too."""
    from tests.oracle.generated import PERMISSIONS

    closed = [t.id for t in definition.transitions.values() if not t.supported]
    return {"definition": text, "names": list(PERMISSIONS), "closed": closed, "walks": list(orders)}


def compare(name: str, asked: dict[str, Any], answer: dict[str, Any], count: Count) -> None:
    """Our form and our walks against what DCWorkflow answered."""
    definition = plone_reader.read(asked["definition"].encode(), name)
    count.definitions += 1
    count.closed += sum(not t.supported for t in definition.transitions.values())
    if "failed" in answer:
        count.differences.append(f"{name}: DCWorkflow does not import it: {answer['failed']}")
        return
    ours, theirs = _form(definition), answer["form"]
    for key in theirs:
        if ours[key] != theirs[key]:
            count.differences.append(f"{name}: form, {key}: ours {ours[key]!r}, DCWorkflow {theirs[key]!r}")
    for order, expected in zip(asked["walks"], answer["answers"], strict=True):
        got = walk(definition, order["roles"], order["permissions"], order["groups"], order["walk"])
        if got[0]["state"] is None:
            got[0].pop("refused")
        count.walks += 1
        count.steps += len(expected)
        count.refused += "refused" in expected[-1] or expected[-1]["state"] is None
        count.moved += len({step["state"] for step in expected}) > 1
        if got != expected:
            at = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), "length")
            count.differences.append(f"{name}: {json.dumps(order, ensure_ascii=False)}: step {at}: {got} / {expected}")


def _form(definition: PloneDefinition) -> dict[str, Any]:
    """Our normal form as far as DCWorkflow keeps the same: it sorts permissions and forgets titles of worklists."""
    form = definition.normal_form()
    form["permissions"] = sorted(form["permissions"])
    for transition in form["transitions"].values():
        del transition["supported"]
    for worklist in form["worklists"].values():
        del worklist["title"]
    return form


def recorded(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Questions and answers of an earlier run."""
    import lzma

    with lzma.open(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            one = json.loads(line)
            yield one["asked"], one["answer"]


def record(path: Path, pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    import lzma

    with lzma.open(path, "wt", encoding="utf-8", preset=9) as stream:
        for asked, answer in pairs:
            stream.write(json.dumps({"asked": asked, "answer": answer}, ensure_ascii=False, sort_keys=True) + "\n")
