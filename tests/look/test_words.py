"""What a page shows in words: no verb of the history and no way of the navigation is left to the machine's own name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from blueprints import timeline
from process.office import VERBS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("services", "process", "jobs") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_whatever_happens_to_a_thing_is_told_in_words(app: Flask) -> None:
    """Every verb written to the history of a thing has its Chinese; a name made by the machine would stand in the time line."""
    known = timeline.JOURNAL_WORDS
    silent = [
        f"{path.relative_to(ROOT)}: {verb}"
        for path in SOURCES
        for verb in _verbs(ast.parse(path.read_text()))
        if not (verb in known or {verb, verb.partition(":")[2]} & {*timeline.ACTION_WORDS, *VERBS})
    ]
    assert silent == []


def _verbs(tree: ast.AST) -> Iterator[str]:
    """The verbs in `journal.record(…, "a:b", …, content=…)` and in what `notify` and its like write down."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        told = {keyword.arg: keyword.value for keyword in call.keywords}
        named = [told["action"]] if "action" in told else []
        if "content" in told and isinstance(call.func, ast.Attribute) and call.func.attr == "record":
            named += call.args[1:2]
        yield from (
            n.value for n in named if isinstance(n, ast.Constant) and isinstance(n.value, str) and ":" in n.value
        )


class Ways(HTMLParser):
    """Where the links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") or ""
        if tag == "a" and urlsplit(href).scheme == "" and not href.startswith("#"):
            self.found.append(href)


def _ways(client: FlaskClient, path: str) -> tuple[int, list[str]]:
    answer = client.get(path, follow_redirects=True)
    ways = Ways()
    if answer.mimetype == "text/html" and answer.status_code < 400:
        ways.feed(answer.text)
    return answer.status_code, [urljoin(path, href).partition("#")[0] for href in ways.found]


# One of each kind of work: whoever shares it is shown the same ways.
PEOPLE = ("window.clerk", "grid.leader", "resident", "remote.officer", "supervisor", "dispatcher", "admin")


@pytest.mark.parametrize("username", PEOPLE)
def test_no_way_shown_is_shut(app: Flask, client_as: Callable[[str], FlaskClient], username: str) -> None:
    """What stands in the rail, and every way from there: one of each kind of page is opened, and none refuses."""
    client = client_as(username)
    router = app.url_map.bind("daiban")
    seen: set[str] = set()
    shut: list[str] = []

    def fresh(path: str) -> bool:
        """The first way to each kind of page; the queries of a list are one kind."""
        endpoint = router.match(urlsplit(path).path or "/", method="GET", return_rule=True)[0].endpoint
        known = endpoint in seen or endpoint in ("static", "field.app")
        seen.add(endpoint)
        return not known

    _status, rail = _ways(client, "/desk/")
    assert len(rail) > 5
    for place in [path for path in rail if _leads(router, path) and fresh(path)]:
        status, further = _ways(client, place)
        if status >= 400:
            shut.append(f"{place}: {status}")
        for path in [path for path in further if _leads(router, path) and fresh(path)]:
            status, _more = _ways(client, path)
            if status >= 400:
                shut.append(f"{place} → {path}: {status}")
    assert shut == []


def _leads(router: object, path: str) -> bool:
    """A page of the product; a file to fetch is none."""
    pure = urlsplit(path).path
    return pure.startswith("/") and "." not in pure.rpartition("/")[2]
