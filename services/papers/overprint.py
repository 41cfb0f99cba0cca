"""Overprint: the same page, of which only the fields come onto stock whose frame and heading are printed already."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from .definition import Paper
from .errors import InvalidPaperData
from .values import DataImage

# Hidden things keep their place, so every field stands where it stands on the full page.
SHEET = """
html { visibility: hidden }
* { border-color: transparent !important; background-color: transparent !important }
.fill, .fill *, .code, img { visibility: visible }
.draft, .ring, .frame { visibility: hidden }
@page { @top-left { visibility: hidden } @bottom-center { content: none } @bottom-left { visibility: hidden } }
"""


class Filled(str):
    """A value that says in the page that it is one."""

    __slots__ = ()

    def __html__(self) -> str:
        return Markup('<span class="fill">{}</span>').format(str(self))


def require(paper: Paper) -> None:
    """Only a paper that names its stock is overprinted."""
    if paper.terms.overprint is None:
        raise InvalidPaperData([("overprint", f"「{paper.title_zh}」没有设定套打，只能整页打印")])


def filled(paper: Paper, fields: dict[str, Any]) -> dict[str, Any]:
    """The prepared fields with every value marked that goes onto the stock; the others are not printed."""
    assert paper.terms.overprint is not None, "asked before"
    wanted = frozenset(paper.terms.overprint.fields)
    return {name: _mark(value) if name in wanted else value for name, value in fields.items()}


def _mark(value: Any) -> Any:
    if isinstance(value, DataImage):
        return value
    if isinstance(value, str):
        return Filled(value)
    if isinstance(value, dict):
        return {name: _mark(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_mark(one) for one in value]
    return Filled(str(value)) if isinstance(value, int) and not isinstance(value, bool) else value
