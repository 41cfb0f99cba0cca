"""What the documents name is there, and what the task asks for is proved by at least one test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The rows of the task that this landing answers; each needs a test marked @pytest.mark.req("…").
REQUIREMENTS = (
    "S0-02",
    "S0-06",
    "S0-11",
    "S0-12",
    "S0-13",
    "S0-17",
    "S0-18",
    "S0-19",
    "S0-20",
    "S0-21",
    "S0-22",
    "S0-27",
    "S0-28",
    "S0-34",
    "S0-37",
    "S1-07",
    "S1-08",
    "S1-09",
    "S2-23",
    "S2-24",
    "S4-15",
)
DOCUMENTS = [
    path
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
    if path.exists()
]
# Made when the product runs, or written by whoever installs it.
MADE = ("var/", "tests/drill/results")
PATH = re.compile(r"^(?:[\w.-]+/)+[\w.-]*$|^[\w-]+\.(?:py|md|yaml|toml|cfg|in|lock|html|css|js|sh)$")


def marks() -> dict[str, list[str]]:
    """Requirement → tests that say they prove it, read from the source of all tests."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
                for arg in node.args:
                    if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                        found.setdefault(arg.value, []).append(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("row", REQUIREMENTS)
def test_requirement_has_a_test(row: str) -> None:
    assert marks().get(row), f"no test is marked @pytest.mark.req({row!r})"


def test_marks_are_well_formed() -> None:
    assert not [row for row in marks() if not re.fullmatch(r"S\d-\d\d", row)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_in_documents_exist(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.S)
    wrong = []
    for named in set(re.findall(r"`([^`\s]+)`", text)) | set(re.findall(r"\]\(([^)#:\s]+)\)", text)):
        if not PATH.match(named) or named.startswith(MADE):
            continue
        places = (ROOT / named, document.parent / named, ROOT / "requirements" / named)
        if (
            not any(place.exists() for place in places)
            and not list(ROOT.glob(f"*/{named}"))
            and not list(ROOT.glob(f"*/*/{named}"))
        ):
            wrong.append(named)
    assert not wrong


def test_every_package_we_ask_for_is_explained() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8").lower()
    wanted = [
        re.split(r"[\[<>=~!; ]", line.strip())[0].lower()
        for path in (ROOT / "requirements").glob("runtime.in")
        for line in path.read_text().splitlines()
        if line.strip() and not line.startswith(("#", "-"))
    ]
    assert wanted and not [name for name in wanted if name not in text]
