"""An office's own 仿宋 and own glyphs: checked when installed, printed after the next start, a line by hand otherwise."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from fontTools.ttLib import TTFont

from services.papers import facefiles, fonts, glyphs, officefaces, samples, values
from services.papers.definition import load
from services.papers.renderer import RenderService
from services.papers.text import hostile_character

DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000"><path d="M100 100H900V900H100Z"/></svg>'


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A data folder of its own; afterwards the faces are those of the product again."""
    monkeypatch.setenv("DAIBAN_VAR", str(tmp_path / "var"))
    yield tmp_path
    monkeypatch.undo()
    fonts.changed()


def families(content: bytes) -> set[str]:
    """The faces embedded in a PDF."""
    with pikepdf.open(io.BytesIO(content)) as document:
        return {
            str(one.FontFamily)
            for one in document.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor"
        }


def song(tmp_path: Path, change: Callable[[TTFont], None] = lambda font: None, name: str = "fang.ttf") -> Path:
    font = TTFont(next(face.path for face in facefiles.ensure() if face.name == "hei-bold"), lazy=True)
    change(font)
    font.save(tmp_path / name)
    return tmp_path / name


def test_a_fang_of_the_office_takes_the_place_of_the_song(
    office: Path, trial: Any, read: Callable[[bytes], str]
) -> None:
    page, style = "<html lang='zh-CN'><body>{{ f.name }}", "body { font-family: 'Daiban Fang', 'Daiban Song' }"
    service, paper = trial(page, style=style)
    before = service.render(paper, {"name": "张三"}, draft=False, verify_url=None)
    assert families(before) == {"Daiban Song"}
    officefaces.install(song(office), "fang")
    fonts.changed()
    after = RenderService(service.root).render(paper, {"name": "张三"}, draft=False, verify_url=None)
    assert "Daiban Fang" in families(after)
    assert "张三" in read(after)
    assert fonts.library_versions()["font:Daiban Fang:400"] == officefaces.installed()[0].sha256


def _forbid(font: TTFont) -> None:
    font["OS/2"].fsType = 2


def _thin_out(font: TTFont) -> None:
    for table in font["cmap"].tables:
        table.cmap = {code: name for code, name in table.cmap.items() if code < 0x4F00}


@pytest.mark.parametrize(("change", "word"), [(_forbid, "授权"), (_thin_out, "GB 2312")])
def test_a_face_that_must_not_or_cannot_be_used_is_refused(office: Path, change: Any, word: str) -> None:
    with pytest.raises(officefaces.FaceRefused, match=word):
        officefaces.install(song(office, change), "fang")
    assert officefaces.installed() == ()


@pytest.mark.parametrize("content", [b"", b"not a font", b"OTTO" + bytes(60)])
def test_what_is_no_truetype_is_refused(office: Path, content: bytes) -> None:
    (office / "x.ttf").write_bytes(content)
    with pytest.raises(officefaces.FaceRefused, match="字体"):
        officefaces.install(office / "x.ttf", "fang")


def test_a_damaged_copy_stops_the_start(office: Path) -> None:
    face = officefaces.install(song(office), "fang")
    face.path.write_bytes(face.path.read_bytes()[:-1] + b"x")
    with pytest.raises(officefaces.FaceRefused, match="损坏"):
        officefaces.installed()


def test_a_drawn_character_is_printed_under_its_private_code(
    office: Path, trial: Any, read: Callable[[bytes], str]
) -> None:
    assert hostile_character("张\ue001") is not None
    drawings = office / "drawings"
    drawings.mkdir()
    (drawings / "U+E001.svg").write_text(DRAWING)
    officefaces.install(drawings, "own")
    fonts.changed()
    assert hostile_character("张\ue001") is None and hostile_character("张\ue002") is not None
    style = "body { font-family: 'Daiban Song', 'Daiban Own' }"
    service, paper = trial("<html lang='zh-CN'><body>{{ f.name }}", style=style)
    content = service.render(paper, {"name": "张\ue001"}, draft=False, verify_url=None)
    assert families(content) == {"Daiban Song", "Daiban Own"} and "张\ue001" in read(content)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("x.svg", DRAWING, "文件名"),
        ("U+E001.svg", "<svg/>", "没有字形"),
        ("U+E001.svg", "no drawing", "SVG"),
        ("U+E001.svg", "<!DOCTYPE x [<!ENTITY a 'b'>]>" + DRAWING, "声明"),
    ],
)
def test_a_bad_drawing_is_named(office: Path, name: str, content: str, word: str) -> None:
    drawings = office / "drawings"
    drawings.mkdir()
    (drawings / name).write_text(content)
    with pytest.raises(officefaces.FaceRefused, match=word):
        officefaces.install(drawings, "own")


def test_a_mark_in_a_name_becomes_a_line_to_write_on() -> None:
    paper = load("senior_card")
    data = {**samples.load_sample(paper), "name": "张〓三"}
    assert glyphs.check(paper, data) == []
    assert values.prepare(paper, data)["name"] == "张＿＿三"


def test_a_form_of_a_character_that_no_face_has_is_named() -> None:
    paper = load("senior_card")
    found = glyphs.check(paper, {**samples.load_sample(paper), "name": "葛\U000e0100城"})
    assert [(one.char, one.codepoint) for one in found] == [("葛\U000e0100", "U+E0100")]
