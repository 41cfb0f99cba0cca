"""Imports go one way, commits happen in one place, and lists are read through one filter."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What each part may import of ours; everything not named is forbidden.
MAY_IMPORT = {
    "models": {"models"},
    "process": {"process", "models"},
    "catalogue": {"catalogue", "process"},
    "services": {"services", "process", "models", "catalogue", "config"},
    "extensions": {"models"},
    "config": set(),
    "blueprints": {"blueprints", "services", "process", "models", "catalogue", "extensions", "config", "jobs"},
    "jobs": {"jobs", "services", "process", "models", "catalogue", "extensions", "config", "app"},
    "cli": {"cli", "services", "process", "models", "catalogue", "extensions", "config", "jobs"},
    "supervisor": {"supervisor", "process", "config", "app"},
}
WEB = {
    "flask",
    "flask_login",
    "flask_babel",
    "flask_wtf",
    "flask_sqlalchemy",
    "flask_limiter",
    "flask_migrate",
    "werkzeug",
    "wtforms",
}
WITHOUT_WEB = ("models", "process", "services", "catalogue", "config")
# (file, function): why this one may commit.
COMMITS = {
    ("blueprints/unit_of_work.py", "dispatch_request"): "the one commit of every unsafe request",
    ("blueprints/auth/views.py", "sign_in"): "a refused sign-in must leave its count behind",
    ("blueprints/api/session.py", "*"): "the same for programs",
    (
        "blueprints/api/reading.py",
        "remember_reading",
    ): "who read personal data is in the journal before it is sent, also on GET",
    (
        "blueprints/visits/reading.py",
        "committed",
    ): "the same for routes with addresses and entries of the care register",
}
THINGS = {
    "Content",
    "Case",
    "Delegation",
    "HomeVisit",
    "Errand",
    "Certificate",
    "ServiceItem",
    "Document",
    "Paper",
    "Note",
    "CareEntry",
}
# (file, function): why this one reads without access.visible.
UNSCOPED = {
    ("blueprints/public/progress.py", "find"): "the public page: number and a second fact open one line without a name",
    (
        "blueprints/certificates/views.py",
        "_readable",
    ): "the paper's thing is loaded through load_or_404 in the next line",
    (
        "blueprints/access/why.py",
        "_overseen",
    ): "who looks after a place sees who has access there, never the contents; checked in the next line",
}
# Rows that hang on one thing: reading them by that thing's id is as good as the thing.
BY_THING = {"content_id", "case_id"}


def modules(*parts: str) -> Iterator[tuple[str, ast.Module]]:
    for part in parts:
        paths = sorted((ROOT / part).rglob("*.py")) if (ROOT / part).is_dir() else [ROOT / f"{part}.py"]
        for path in paths:
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_imports_go_one_way(part: str) -> None:
    wrong = {
        path: bad
        for path, tree in modules(part)
        if (bad := (imported(tree) & (set(MAY_IMPORT) | {"app"})) - MAY_IMPORT[part])
    }
    assert not wrong


@pytest.mark.parametrize("part", WITHOUT_WEB)
def test_the_kernel_and_the_verbs_know_no_web(part: str) -> None:
    wrong = {path: bad for path, tree in modules(part) if (bad := imported(tree) & WEB)}
    assert not wrong


def functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every statement with the name of the function around it."""

    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) else name
            yield inner, child
            yield from walk(child, inner)

    yield from walk(tree, "")


def test_only_the_listed_places_commit() -> None:
    found = {
        (path, name)
        for path, tree in modules("models", "process", "services", "blueprints")
        for name, node in functions(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    }
    kernel = {("process/transactions.py", name) for _path, name in found if _path == "process/transactions.py"}
    wrong = {pair for pair in found - kernel if pair not in COMMITS and (pair[0], "*") not in COMMITS}
    assert not wrong, "a view or a service that commits breaks the one transaction of its request"
    assert {pair for pair in COMMITS if pair[1] != "*"} <= found, "left over in the list"


def _selects_things(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "select"):
        return False
    named = {n.id for arg in node.args for n in ast.walk(arg) if isinstance(n, ast.Name)}
    return bool(named & THINGS)


def _inside_visible(tree: ast.Module) -> set[int]:
    """The ids of all nodes inside a call of visible(…)."""
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "visible",
            "_visible",
        ):
            inside |= {id(inner) for inner in ast.walk(node)}
    return inside


def _by_its_thing(tree: ast.Module, select: ast.AST) -> bool:
    """`select(Document).where(Document.content_id == …)`: rows of one thing that was loaded before."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "where"
            and any(n is select for n in ast.walk(node.func))
        ):
            return any(isinstance(n, ast.Attribute) and n.attr in BY_THING for arg in node.args for n in ast.walk(arg))
    return False


def test_views_read_lists_through_visible() -> None:
    wrong, used = [], set()
    for path, tree in modules("blueprints"):
        inside = _inside_visible(tree)
        for name, node in functions(tree):
            if not _selects_things(node) or id(node) in inside or _by_its_thing(tree, node):
                continue
            key = (path, name) if (path, name) in UNSCOPED else (path, "*")
            used.add(key)
            if key not in UNSCOPED:
                wrong.append(f"{path}:{node.lineno} in {name}")  # type: ignore[attr-defined]
    assert not wrong, "reads things without access.visible; go through it, or say here why not"
    assert not set(UNSCOPED) - used, f"left over in the list: {set(UNSCOPED) - used}"


def test_no_view_loads_a_thing_by_its_bare_key() -> None:
    """session.get(Content, …) would show it to anybody who guesses."""
    wrong = [
        f"{path}:{node.lineno}"
        for path, tree in modules("blueprints")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get", "get_one")
        and len(node.args) > 1
        and isinstance(node.args[0], ast.Name)
        and node.args[0].id in THINGS
    ]
    assert not wrong


def test_nothing_is_swallowed() -> None:
    """No bare except and no `except …: pass`; what is caught is said or handled."""
    wrong = []
    for path, tree in modules("models", "process", "services", "blueprints", "jobs", "cli", "catalogue", "supervisor"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                wrong.append(f"{path}:{node.lineno}: bare except")
            broad = (
                isinstance(node, ast.ExceptHandler)
                and isinstance(node.type, ast.Name)
                and node.type.id in ("Exception", "BaseException")
            )
            if broad and len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
                wrong.append(f"{path}:{node.lineno}: swallows everything")
    assert not wrong


def test_no_loose_ends() -> None:
    """Nothing is marked as to be done later, and no file names the machine it was written on."""
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX:", "/ro" + "ot/", "/wo" + "rk/")
    wrong = []
    for folder in (
        "models",
        "process",
        "services",
        "blueprints",
        "jobs",
        "cli",
        "catalogue",
        "supervisor",
        "templates",
        "docs",
        "tests",
        "pdf_templates",
        "static/js",
        "static/css",
    ):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".md", ".yaml", ".js", ".css") and "vendor" not in path.parts:
                text = path.read_text(encoding="utf-8")
                wrong += [f"{path.relative_to(ROOT)}: {word}" for word in words if word in text]
    assert not wrong
