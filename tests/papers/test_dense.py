"""Our way of embedding fonts against WeasyPrint's own: the same text, the same dots, a smaller file."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from services.papers import dense, samples
from services.papers.definition import load
from services.papers.renderer import RenderService

from .conftest import URL

PAPERS = ("senior_card", "fertility_registration_card", "handover_list", "visit_sheet")


@contextmanager
def stock_way() -> Iterator[None]:
    """WeasyPrint as it is delivered, for as long as the block lasts; its modules are put back afterwards."""
    import pydyf
    import weasyprint
    from weasyprint.pdf import fonts as module

    ours = (
        module.Font.clean,
        module.get_hb_object_data,
        module._build_vector_font_dictionary,
        module.build_fonts_dictionary,
        pydyf.zlib,
    )
    fresh = importlib.util.module_from_spec(importlib.util.find_spec("weasyprint.pdf.fonts"))
    fresh.__spec__.loader.exec_module(fresh)
    import zlib

    try:
        module.Font.clean = fresh.Font.clean
        module.get_hb_object_data = fresh.get_hb_object_data
        module._build_vector_font_dictionary = fresh._build_vector_font_dictionary
        module.build_fonts_dictionary = weasyprint.pdf.build_fonts_dictionary = fresh.build_fonts_dictionary
        pydyf.zlib = zlib
        yield
    finally:
        (
            module.Font.clean,
            module.get_hb_object_data,
            module._build_vector_font_dictionary,
            module.build_fonts_dictionary,
            pydyf.zlib,
        ) = ours
        weasyprint.pdf.build_fonts_dictionary = ours[3]


def test_the_hook_knows_this_edition_and_is_in() -> None:
    assert dense.install()


def test_another_edition_goes_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "KNOWN", {("70.0", "0.13.0"): "00000000"})
    assert dense.install.__wrapped__() is False


@pytest.mark.parametrize("paper_id", PAPERS)
def test_text_and_dots_equal_those_of_the_stock_way(
    service: RenderService, read: Callable[[bytes], str], tmp_path: Path, paper_id: str
) -> None:
    paper = load(paper_id)
    data = samples.load_sample(paper)
    ours = service.render(paper, data, draft=False, verify_url=URL)
    with stock_way():
        theirs = service.render(paper, data, draft=False, verify_url=URL)
    assert read(ours) == read(theirs)
    # Both are cut from the same small faces; numbering without holes is what is left to gain.
    assert len(ours) < len(theirs)
    for mine, other in zip(dots(ours, tmp_path / "a"), dots(theirs, tmp_path / "b"), strict=True):
        assert ImageChops.difference(mine, other).getbbox() is None


def dots(content: bytes, folder: Path) -> list[Any]:
    folder.mkdir()
    (folder / "p.pdf").write_bytes(content)
    subprocess.run(["pdftoppm", "-r", "60", "-gray", "-png", folder / "p.pdf", folder / "p"], check=True)
    return [Image.open(file) for file in sorted(folder.glob("p-*.png"))]
