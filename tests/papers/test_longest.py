"""Papers with the longest names, addresses and answers a form lets through: all of it readable, nothing smaller, nothing cut."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pypdf
import pytest

from services.papers.definition import load
from services.papers.renderer import RenderService

from .conftest import URL, pages, squeeze
from .longest import longest

# How many pages of one copy the longest data may take; a certificate stays on the sheet it has.
LONGEST_PAGES = {
    "approval_refusal": 8,
    "deferral_promise": 4,
    "intake_refusal": 8,
    "marital_fertility_proof": 2,
    "migrant_marital_fertility_proof": 2,
    "one_time_notice": 10,
    "only_child_honour_certificate": 2,
    "parents_birth_record_survey": 4,
    "signed_statement": 12,
}


@pytest.mark.parametrize("paper_id", sorted(LONGEST_PAGES))
def test_the_longest_data_wrap_and_are_all_there(
    service: RenderService, read: Callable[[bytes], str], paper_id: str
) -> None:
    paper = load(paper_id)
    data = longest(paper)
    content = service.render(paper, data, draft=False, verify_url=URL, demo=True)
    assert pages(content) <= LONGEST_PAGES[paper_id] * len(paper.copies)
    text = read(content)
    for field in paper.fields:
        value = data.get(field.name)
        if field.kind in ("person_name", "address") and value:
            assert squeeze(value) in text, field.name
    small: list[tuple[float, str]] = []

    def visit(found: str, matrix: list[float], text_matrix: list[float], font: Any, size: float) -> None:
        points = abs(size * text_matrix[3] * matrix[3])
        if found.strip() and 1.5 < points < 10.49:
            small.append((round(points, 2), found.strip()))

    for page in pypdf.PdfReader(io.BytesIO(content)).pages:
        page.extract_text(visitor_text=visit)
    for points, found in small:
        assert points >= 8.99 and any(word in found for word in ("核验", "校验码", "8F3K", "扫码", "真伪", "7T1A")), (
            points,
            found,
        )
