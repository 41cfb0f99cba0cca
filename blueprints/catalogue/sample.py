"""The model letter that every guide offers: invented people, this item, 样张 across it."""

from __future__ import annotations

from functools import lru_cache

from services.papers import samples
from services.papers.definition import load

LETTER = "authorisation_letter"


def letter(matter: str) -> bytes:
    """The PDF; the same item gives the same bytes, so it is laid out once per template version."""
    return _letter(matter, load(LETTER).version)


@lru_cache(maxsize=128)
def _letter(matter: str, _version: str) -> bytes:
    # Loading WeasyPrint takes longer than starting the page; only who asks for the letter waits for it.
    from services.papers import renderer

    paper = load(LETTER)
    data = {**samples.load_sample(paper), "matter": matter, "case_number": None, "number": None}
    return renderer.render(paper, data, draft=True, verify_url=None, demo=True)
