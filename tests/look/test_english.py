"""The pages in English: nothing is left untranslated, and nothing a reader of English needs stands in Chinese."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from catalogue import loader as catalogue
from extensions import db
from models.agency import Agency
from models.person import Person

ROOT = Path(__file__).resolve().parents[2]
PO = ROOT / "translations/en/LC_MESSAGES/messages.po"
HOW = (
    "pybabel extract -F babel.cfg -k _l -k lazy_gettext --no-location --sort-output -o messages.pot . && "
    "pybabel update -N -w 120 -i messages.pot -d translations, then fill in what is empty"
)
CHINESE = re.compile(r"[\u3400-\u9fff\uff01-\uff5e\u3001\u3002]")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")
# What belongs to nobody's data: the frame, the headings, the words on what can be pressed or filled in.
FRAME = {"h1", "h2", "th", "label", "button", "legend", "summary", "caption", "dt", "nav"}
PAGES = {
    "window.clerk": (
        "/desk/",
        "/desk/search?q=x",
        "/cases",
        "/counter",
        "/delegations/",
        "/errands/board",
        "/errands/new",
        "/items",
        "/places/",
        "/places/inbox",
        "/places/grids",
        "/certificates",
    ),
    "grid.leader": ("/desk/", "/visits/", "/visits/new", "/visits/care"),
    "courier": ("/desk/", "/errands/board", "/errands/mine"),
    "admin": (
        "/t/",
        "/t/complaint/",
        "/workflows/",
        "/workflows/one_thing_joint",
        "/workflows/complaint/edit",
        "/workflows/complaint/migrate",
        "/rules/",
        "/rules/new?type=complaint",
        "/admin/",
        "/admin/outbox",
        "/admin/calendar/",
        "/admin/calendar/2026",
        "/admin/calendar/2026/fill",
        "/access/",
        "/access/new",
        "/access/people/window.clerk",
        "/notices/",
    ),
    "complaint.handler": ("/t/", "/t/complaint/new"),
}
# Words of the user, of the catalogue and of the office, which have one language.
EXAMPLES = re.compile(r"老年卡|老年|东新[\u4e00-\u9fff]*|中文")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    pot = tmp_path_factory.mktemp("pot") / "messages.pot"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "babel.messages.frontend",
            "-q",
            "extract",
            "-F",
            "babel.cfg",
            "-k",
            "_l",
            "-k",
            "lazy_gettext",
            "--no-location",
            "-o",
            str(pot),
            ".",
        ],
        cwd=ROOT,
        check=True,
    )
    with pot.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def english() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="en")


def test_every_message_has_its_english(wanted: Catalog, english: Catalog) -> None:
    missing = [m.id for m in wanted if m.id and not _strings(english.get(m.id, m.context))]
    assert missing == [], f"without English; {HOW}"


def test_placeholders_are_the_same(english: Catalog) -> None:
    wrong = []
    for message in english:
        if not message.id:
            continue
        chinese = message.id if isinstance(message.id, str) else message.id[0]
        holes = set(PLACEHOLDER.findall(chinese))
        wrong += [(chinese, text) for text in _strings(message) if set(PLACEHOLDER.findall(text)) != holes]
    assert wrong == []


def test_english_is_safe_inside_an_attribute(english: Catalog) -> None:
    """Templates take translations as markup: a straight quotation mark would end the attribute it stands in."""
    assert [text for m in english if m.id for text in _strings(m) if re.search(r'["<>&]', text)] == []


def test_english_is_english(english: Catalog) -> None:
    assert [text for m in english if m.id for text in _strings(m) if CHINESE.search(EXAMPLES.sub("", text))] == []


def _strings(message: Message | None) -> list[str]:
    if message is None or not message.string or message.fuzzy:
        return []
    strings = [message.string] if isinstance(message.string, str) else list(message.string)
    return strings if all(strings) else []


class Frame(HTMLParser):
    """The texts inside headings, labels, buttons, table heads and the navigation, and what is read out loud."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in FRAME:
            self.inside.append(tag)
        self.found += [value for name, value in attrs if name in ("placeholder",) and value]

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside and data.strip():
            self.found.append(data.strip())


def _data_words(app: Flask) -> str:
    with app.app_context():
        columns = (Agency.name, Person.name, Person.title)
        names = [name for column in columns for name in db.session.scalars(select(column))]
    names += [str(catalogue.items()), str(catalogue.lists()), str(catalogue.demo_accounts())]
    return "\n".join(str(name) for name in names)


def _is_left(text: str, data: str) -> bool:
    """Chinese that is neither somebody's data nor an example of it; a name may follow a colon for those who listen."""
    return bool(CHINESE.search(EXAMPLES.sub("", text.lstrip("：")))) and text.lstrip("：") not in data


@pytest.mark.parametrize("username", PAGES)
def test_the_frame_of_the_pages_is_english(app: Flask, client_as: Callable[[str], FlaskClient], username: str) -> None:
    client = client_as(username)
    data = _data_words(app)
    answer = client.post("/locale/en", data={"back": "/desk/"})
    assert answer.status_code == 303 and answer.location == "/desk/"
    left: dict[str, list[str]] = {}
    for path in PAGES[username]:
        page = client.get(path, follow_redirects=True)
        assert page.status_code == 200, path
        assert '<html lang="en"' in page.text
        frame = Frame()
        frame.feed(page.text)
        found = [text for text in frame.found if _is_left(text, data)]
        if found:
            left[path] = found
    assert left == {}


@pytest.mark.parametrize("path", ["/", "/sign-in", "/progress", "/verify", "/items", "/nowhere"])
def test_the_public_pages_are_english(app: Flask, path: str) -> None:
    client = app.test_client()
    client.set_cookie("locale", "en")
    page = client.get(path, follow_redirects=True)
    frame = Frame()
    frame.feed(page.text)
    data = _data_words(app)
    assert '<html lang="en"' in page.text
    assert [text for text in frame.found if _is_left(text, data)] == []


def test_the_switch_leads_back_to_the_page(app: Flask) -> None:
    client = app.test_client()
    assert 'action="/locale/en"' in client.get("/").text
    client.post("/locale/en", data={"back": "/"})
    assert 'action="/locale/zh_Hans_CN"' in client.get("/").text
    client.post("/locale/zh_Hans_CN", data={"back": "/"})
    assert '<html lang="zh-CN"' in client.get("/").text


def test_the_switch_leads_nowhere_else(app: Flask) -> None:
    answer = app.test_client().post("/locale/en", data={"back": "https://elsewhere.example/"})
    assert answer.status_code == 303 and "elsewhere" not in answer.location
