"""Styles looked up in fewer steps: every style of every paper is what WeasyPrint answers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from weasyprint import HTML, css
from weasyprint.css.properties import INITIAL_VALUES
from weasyprint.document import Document
from weasyprint.layout import percent

from services.papers import quick
from services.papers.definition import load, load_all
from services.papers.renderer import RenderService
from services.papers.samples import load_sample

from .conftest import URL

# What the plain case may not answer: variables, calculations, logical sides, words that mean another's value.
AWKWARD = """
<html lang="zh-CN"><head><style>
@page { size: 100mm 100mm; margin: calc(4mm + 2%) }
:root { --wide: 30mm; line-height: 1.3; font-size: 11pt }
p { margin-inline-start: 4mm; margin-left: 2mm; width: calc(100% - 20mm); min-width: 10%; max-height: 50% }
.rtl { direction: rtl; padding-inline-end: 3mm; border-inline-start: 1pt solid }
.var { width: var(--wide); color: var(--none, #123456); float: left }
.same { width: inherit; margin: initial; text-decoration: underline; font-size: 120%; line-height: calc(1em + 1pt) }
.own { position: absolute; top: 10%; display: inline; border: 1pt solid currentColor; vertical-align: 20% }
td { height: min(5mm, 10%); border-spacing: 1mm; padding: 5% 1em }
</style></head><body>
<p class="rtl">一<b class="same">二<i class="own">三</i></b></p><p class="var">四<span class="same">五</span></p>
<table><tr><td>六</td><td class="var">七</td></tr></table><p style="margin: inherit">八</p>
</body></html>"""

# Logical sides are asked for by their physical names.
ASKED = [
    key
    for key in INITIAL_VALUES
    if not key.endswith(("_size", "_start", "_end")) or key in {"font_size", "background_size", "page_size"}
    if not any(part in key for part in ("block_", "inline_", "_start_", "_end_"))
]


@contextmanager
def stock_way() -> Iterator[None]:
    """WeasyPrint's own look-ups for as long as the block lasts."""
    hooked = css.ComputedStyle.__missing__, percent.resolve_one_percentage
    css.ComputedStyle.__missing__, percent.resolve_one_percentage = quick.ORIGINAL
    try:
        yield
    finally:
        css.ComputedStyle.__missing__, percent.resolve_one_percentage = hooked


def told(value: Any) -> Any:
    """A calculation by its text; its nodes know no equality."""
    if type(value) is tuple:
        return tuple(map(told, value))
    return value.serialize() if hasattr(value, "serialize") else value


def answers(document: Document) -> list[tuple[str, str, Any]]:
    """Every property of every box, and the lengths it was laid out with."""
    found = []
    for page in document.pages:
        for box in page._page_box.descendants():
            for key in ASKED:
                found.append((box.element_tag or "", key, told(box.style[key])))
            found.append((box.element_tag or "", "at", (box.position_x, box.position_y, box.width, box.height)))
    return found


def test_the_hook_knows_this_edition_and_is_in(service: RenderService) -> None:
    assert quick.install()
    assert css.ComputedStyle.__missing__ is not quick.ORIGINAL[0]
    assert percent.resolve_one_percentage is not quick.ORIGINAL[1]


def test_another_edition_keeps_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "KNOWN", {"70.0": "00000000"})
    before = css.ComputedStyle.__missing__
    assert not quick.install.__wrapped__()
    assert css.ComputedStyle.__missing__ is before


def test_awkward_styles_are_answered_as_weasyprint_does(service: RenderService) -> None:
    ours = answers(HTML(string=AWKWARD).render(font_config=service._fonts))
    with stock_way():
        theirs = answers(HTML(string=AWKWARD).render(font_config=service._fonts))
    assert len(theirs) > 1000
    assert ours == theirs


@pytest.mark.parametrize("name", sorted(load_all()))
def test_every_paper_is_the_same_bytes(name: str, service: RenderService) -> None:
    paper = load(name)
    given = {"draft": False, "verify_url": URL if paper.has("number") else None, "demo": True}
    ours = service.render(paper, load_sample(paper), **given)
    with stock_way():
        assert service.render(paper, load_sample(paper), **given) == ours
