"""Templates: they parse, nothing in them is inline or unused, every form carries its token, every sentence has an English one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "templates"
ENGLISH = ROOT / "translations" / "en" / "LC_MESSAGES" / "messages.po"
PAGES = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html"))
DEFINITIONS = sorted([*(ROOT / "process").glob("*/*.yaml"), *(ROOT / "catalogue" / "forms").glob("*.yaml")])
COMMENT = re.compile(r"\{#.*?#\}", re.S)
TAG = re.compile(r"<[a-zA-Z][^<>]*>", re.S)
# What a POST form needs: the token of the form and its key, drawn by one of these.
TOKENS = ("csrf_token", "hidden_fields", "hidden(", "form_start", "form_open", "csrf()")


def text_of(name: str) -> str:
    return COMMENT.sub("", (TEMPLATES / name).read_text(encoding="utf-8"))


def test_all_parse(app: Flask) -> None:
    for name in PAGES:
        app.jinja_env.get_template(name)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_inline(name: str) -> None:
    text = text_of(name)
    wrong = []
    if re.search(r"<style\b", text):
        wrong.append("<style>")
    for tag in TAG.findall(re.sub(r"\{[{%].*?[}%]\}", "", text, flags=re.S)):
        if re.match(r"<script\b", tag) and "src=" not in tag and "application/json" not in tag:
            wrong.append(tag)
        if re.search(r"\s(?:style|on[a-z]+)\s*=", tag):
            wrong.append(tag)
        if re.search(r"""(?:src|href|action)\s*=\s*["']?(?:https?:|//|javascript:)""", tag):
            wrong.append(tag)
    assert not wrong


@pytest.mark.parametrize("name", PAGES)
def test_autoescape_stays_on(name: str) -> None:
    """`|safe` is allowed for drawings made by ourselves only."""
    found = re.findall(r"\{\{[^}]*\|\s*safe\b[^}]*\}\}", text_of(name))
    assert all("drawing" in one or "svg" in one or "diagram" in one for one in found), found
    assert "autoescape false" not in text_of(name)


@pytest.mark.parametrize("name", PAGES)
def test_post_forms_carry_a_token(name: str) -> None:
    wrong = []
    for match in re.finditer(r"<form\b[^>]*method\s*=\s*[\"']?post[^>]*>(.*?)</form>", text_of(name), re.S | re.I):
        opening = match.group(0)[: match.group(0).index(">") + 1]
        if not any(word in match.group(1) for word in TOKENS) and "choose_locale" not in match.group(0):
            wrong.append(opening)
    assert not wrong


def test_no_unused_macro() -> None:
    texts = {
        path: path.read_text(encoding="utf-8")
        for folder, kind in (
            ("templates", "*.html"),
            ("blueprints", "*.py"),
            ("pdf_templates", "*.html"),
            ("tests/look", "*.*"),
        )
        for path in (ROOT / folder).rglob(kind)
        if path.suffix in (".html", ".py")
    }
    everything = "\n".join(COMMENT.sub("", text) for text in texts.values())
    wrong = []
    for name in PAGES:
        for macro in re.findall(r"\{%-?\s*macro\s+(\w+)\s*\(", text_of(name)):
            uses = len(re.findall(rf"\b{macro}\b", everything)) - len(re.findall(rf"macro\s+{macro}\b", everything))
            uses -= len(re.findall(rf"import[^%\n]*\b{macro}\b", everything))
            if uses < 1:
                wrong.append(f"{name}: {macro}")
    assert not wrong


def test_no_unused_template() -> None:
    """A page nobody renders, extends or imports is a page nobody will mend."""
    named = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("templates", "blueprints")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".html", ".py")
    )
    wrong = [
        name
        for name in PAGES
        if not name.startswith("errors/") and f'"{name}"' not in named and f"'{name}'" not in named
    ]
    assert not wrong


def _sentences() -> set[str]:
    found = set()
    rules = [("**.py", "python"), ("**.html", "jinja2")]
    keywords = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2), "lazy_gettext": None, "N_": None}
    for folder in ("blueprints", "templates", "services", "process", "jobs"):
        for _file, _line, message, _comments, _context in extract_from_dir(
            str(ROOT / folder), rules, {"**.html": {"silent": "false"}}, keywords
        ):
            found |= {message} if isinstance(message, str) else {message[0]}
    found |= {text for path in DEFINITIONS for text in _said(yaml.safe_load(path.read_text(encoding="utf-8")))}
    return {message for message in found if re.search("[\u4e00-\u9fff]", message)}


def _said(part: Any) -> Iterator[str]:
    """The sentences of a definition that stand in one language only: hints, stages and notes."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in ("help", "stage", "notes"):
                yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))
            yield from _said(value)
    elif isinstance(part, list):
        for one in part:
            yield from _said(one)


def test_every_sentence_has_an_english_one() -> None:
    with ENGLISH.open("rb") as file:
        known = read_po(file, locale="en")
    translated = {(m.id if isinstance(m.id, str) else m.id[0]): m for m in known if m.id and m.string and not m.fuzzy}
    missing = sorted(_sentences() - set(translated))
    assert not missing, f"{len(missing)} without English: {missing[:20]}"
    wrong = [
        m.id
        for m in translated.values()
        if isinstance(m.id, str)
        and isinstance(m.string, str)
        and set(re.findall(r"%\(\w+\)[sd]", m.id)) != set(re.findall(r"%\(\w+\)[sd]", m.string))
    ]
    assert not wrong, f"other placeholders than the Chinese: {wrong[:10]}"
    assert not [
        m.id for m in translated.values() if isinstance(m.string, str) and re.search("[\u4e00-\u9fff]{4}", m.string)
    ]
    write_mo(BytesIO(), known)
