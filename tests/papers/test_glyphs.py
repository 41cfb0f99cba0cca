"""A character nobody can draw stops the paper and is named; rare characters that can be drawn pass."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from services.papers import fonts, glyphs, samples
from services.papers.definition import ROOT, load
from services.papers.errors import MissingGlyphs
from services.papers.renderer import RenderService

from .conftest import URL

RARE = "𠮷䶮𬭎㛃𫖯"


def test_rare_names_pass_and_come_back(service: RenderService, read: Callable[[bytes], str]) -> None:
    paper = load("fertility_registration_card")
    data = {**samples.load_sample(paper), "wife_name": "王" + RARE, "husband_name": "李𪚥𡆇"}
    assert glyphs.check(paper, data) == []
    text = read(service.render(paper, data, draft=False, verify_url=URL))
    assert "王" + RARE in text and "李𪚥𡆇" in text


def test_a_character_without_a_face_is_refused_and_named(service: RenderService) -> None:
    paper = load("fertility_registration_card")
    data = {**samples.load_sample(paper), "wife_name": "王\U00030041"}
    found = glyphs.check(paper, data)
    assert [(item.char, item.codepoint, item.field) for item in found] == [("\U00030041", "U+30041", "wife_name")]
    sentence = (
        "「女方姓名」中的“\U00030041”（U+30041）没有可用字形，证件不能打印。"
        "请用“〓”代替这个字，纸上会留出手写的横线；或请管理员把约定的字形装入系统"
    )
    assert found[0].sentence == sentence
    with pytest.raises(MissingGlyphs) as refused:
        service.render(paper, data, draft=True, verify_url=None)
    assert sentence in str(refused.value)


def test_a_cell_of_a_table_is_named_by_row() -> None:
    paper = load("handover_list")
    data = samples.load_sample(paper)
    data["lines"][1]["material"] = "\U00030042本"
    assert [(item.field, item.label) for item in glyphs.check(paper, data)] == [
        ("lines[1].material", "材料第2行材料名称")
    ]


def test_coverage_is_wide() -> None:
    assert all(fonts.has_glyph(char) for char in RARE)
    for first, last in (
        (0x4E00, 0x9FFF),
        (0x3400, 0x4DBF),
        (0x20000, 0x2A6DD),
        (0x2A700, 0x2B734),
        (0x2B740, 0x2B81D),
    ):
        have = sum(fonts.has_glyph(chr(code)) for code in range(first, last + 1))
        assert have / (last - first + 1) > 0.98, f"U+{first:X}"
    assert not fonts.has_glyph("\U00030041")


def test_coverage_equals_the_font_files() -> None:
    """The answer is compared with the cmap tables themselves."""
    from fontTools.ttLib import TTFont

    covered: set[int] = set()
    for face in (face for face in fonts.faces() if face.family in fonts.STACK):
        covered |= set(TTFont(face.file, lazy=True).getBestCmap())
    for code in [
        *range(0x4E00, 0xA000, 7),
        *range(0x3400, 0x4DC0, 5),
        *range(0x20000, 0x31350, 31),
        0x30EDE,
        0x2CB4E,
    ]:
        assert fonts.has_glyph(chr(code)) == (code in covered), f"U+{code:X}"


def test_style_sheets_name_the_same_stack() -> None:
    sheet = (ROOT / "_common" / "paper.css").read_text("utf-8")
    html = re.search(r"^html \{ font-family: ([^;]+);", sheet, re.M)
    assert html and tuple(part.strip().strip('"') for part in html.group(1).split(",")) == fonts.STACK
    for css in ROOT.rglob("*.css"):
        for declaration in re.findall(r"font(?:-family)?:([^;}]*)", css.read_text("utf-8")):
            for family in re.findall(r'"([^"]+)"', declaration):
                assert family in fonts.FAMILIES, f"{css}: {family}"


def test_without_the_subsetter_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from weasyprint.text import ffi

    monkeypatch.setattr(ffi, "harfbuzz_subset", None)
    with pytest.raises(fonts.RendererUnavailable, match="libharfbuzz-subset0"):
        RenderService()


def test_libraries_and_faces_are_part_of_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = fonts.library_versions()
    assert {"weasyprint", "pydyf", "pango", "harfbuzz", "uharfbuzz", "zxing-cpp", "pillow"} <= set(versions)
    assert "font:Daiban Song:400" in versions
    before = load("visit_sheet").version
    monkeypatch.setattr(fonts, "versions_digest", lambda: "other")
    load.cache_clear()
    assert load("visit_sheet").version != before
    load.cache_clear()
