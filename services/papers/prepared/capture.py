"""Reads a layout of WeasyPrint: where text stands, and the file around it with places left open. Runs in the limited child."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pydyf
import weasyprint.draw
from weasyprint.document import Document
from weasyprint.formatting_structure import boxes

from . import blanks
from .composing import Composed
from .deflate import Piece, plain, squeezed
from .errors import NotPreparable
from .geometry import Content, Flow, Image, Part, Run, Shape, Structure, Style

# How far a line may stand from where it was expected, in CSS pixels.
NEAR = 0.02
_MARK = b"%%blank "
_NORMAL = {
    "letter_spacing": ("normal", 0),
    "word_spacing": (0,),
    "text_transform": ("none",),
    "direction": ("ltr",),
    "hyphens": ("manual", "none"),
    "font_kerning": ("auto", "normal"),
    "font_feature_settings": ("normal",),
    "font_variation_settings": ("normal",),
    "font_variant_caps": ("normal",),
    "font_variant_numeric": ("normal",),
    "visibility": ("visible",),
    "font_stretch": ("normal",),
}
_ALIGN = {"start": "left", "left": "left", "justify": "left", "center": "center", "end": "right", "right": "right"}


def blocks(document: Document) -> list[tuple[Any, list[Any]]]:
    """Every box with lines of text, in the order of the tree."""

    def walk(box: Any) -> Iterator[tuple[Any, list[Any]]]:
        box = getattr(box, "_box", box)
        if not hasattr(box, "all_children"):
            return
        lines = (
            [child for child in box.children if isinstance(child, boxes.LineBox)] if hasattr(box, "children") else []
        )
        if lines:
            yield box, lines
        for child in box.all_children():
            yield from walk(child)

    return [found for page in document.pages for found in walk(page._page_box)]


def _leaves(box: Any) -> Iterator[Any]:
    """Texts of a line, ends of lines, and whatever else stands in it."""
    for child in box.children:
        if isinstance(child, boxes.TextBox):
            yield child
        elif isinstance(child, boxes.InlineBox):
            yield from _leaves(child)
            if child.element_tag == "br":
                yield None
            style = child.style
            if style["background_color"].alpha or any(style[f"border_{side}_width"] for side in ("top", "bottom")):
                yield child
        else:
            yield child


def _is_blank(char: str) -> bool:
    return blanks.FIRST_MARK <= ord(char) < blanks.FIRST_MARK + blanks.MARKS


class StyleTable:
    """Gives each way of setting text a number."""

    def __init__(self) -> None:
        self.styles: list[Style] = []

    def number(self, style: Any) -> int:
        for name, allowed in _NORMAL.items():
            if style[name] not in allowed:
                raise NotPreparable(f"{name.replace('_', '-')}: {style[name]}")
        if style["text_decoration_line"] not in ("none", set(), frozenset()):
            raise NotPreparable("text-decoration")
        if style["white_space"] not in ("normal", "nowrap"):
            raise NotPreparable(f"white-space: {style['white_space']}")
        found = Style(
            style["font_size"],
            tuple(style["font_family"]),
            style["font_weight"],
            style["font_style"],
            style["white_space"] == "normal",
        )
        if found not in self.styles:
            self.styles.append(found)
        return self.styles.index(found)


def structure(document: Document) -> Structure:
    """The flows of a layout whose blanks are filled with marks."""
    table, flows, found = StyleTable(), [], blocks(document)
    for index, (block, lines) in enumerate(found):
        texts = [leaf.text for line in lines for leaf in _leaves(line) if isinstance(leaf, boxes.TextBox)]
        if any(_is_blank(char) for text in texts for char in text):
            flows.append(_flow(index, block, lines, table))
    return Structure(tuple(flows), tuple(table.styles), len(found))


def _flow(index: int, block: Any, lines: list[Any], table: StyleTable) -> Flow:
    paragraphs: list[list[tuple[int, list[Part]]]] = [[]]
    colors = set()
    for number, line in enumerate(lines):
        ended = False
        for leaf in _leaves(line):
            if leaf is None:
                ended = True
                continue
            if not isinstance(leaf, boxes.TextBox):
                raise NotPreparable(f"{type(leaf).__name__} in the text of {block.element_tag}")
            style = table.number(leaf.style)
            colors.add(str(leaf.style["color"]))
            runs = paragraphs[-1]
            if not runs or runs[-1][0] != style or runs[-1][1] == []:
                runs.append((style, []))
            _append(runs[-1][1], leaf.text)
        if ended and number < len(lines) - 1:
            paragraphs.append([])
    style = block.style
    if len(colors) > 1 or style["text_overflow"] != "clip":
        raise NotPreparable(f"colours or cut text in {block.element_tag}")
    if style["text_align_all"] not in _ALIGN or style["text_align_last"] not in (
        "auto",
        style["text_align_all"],
        "start",
    ):
        raise NotPreparable(f"text-align in {block.element_tag}")
    indent = style["text_indent"]
    indent = float(indent.value) if hasattr(indent, "value") else float(indent)
    if indent and _ALIGN[style["text_align_all"]] != "left":
        raise NotPreparable("text-indent of centred text")
    return Flow(
        index,
        tuple(tuple(Run(style_number, tuple(parts)) for style_number, parts in one) for one in paragraphs),
        block.width,
        indent,
        _ALIGN[style["text_align_all"]],
        style["text_align_all"] == "justify",
    )


def _append(parts: list[Part], text: str) -> None:
    for char in text:
        if _is_blank(char):
            parts.append(ord(char) - blanks.FIRST_MARK)
        elif parts and isinstance(parts[-1], str):
            parts[-1] += char
        else:
            parts.append(char)


def shape(
    write: Callable[..., Any], document: Document, wanted: Structure, composed: Composed, images: dict[str, str]
) -> Shape:
    """The layout of a real copy, compared line by line with what was composed, and the file without its texts."""
    found = blocks(document)
    if len(found) != wanted.boxes:
        raise NotPreparable("a box is divided between two pages")
    places, owners = [], {}
    for number, (flow, lines) in enumerate(zip(wanted.flows, composed.flows, strict=True)):
        block, laid = found[flow.index]
        if abs(block.width - flow.room) > NEAR:
            raise NotPreparable(f"the width of {block.element_tag} depends on its text")
        if len(laid) != len(lines):
            raise NotPreparable(f"{len(laid)} lines where {len(lines)} were composed")
        left = block.content_box_x()
        positions = []
        for line_number, (line, box) in enumerate(zip(lines, laid, strict=True)):
            texts = [leaf for leaf in _leaves(box) if isinstance(leaf, boxes.TextBox)]
            text = "".join(span.text for span in line.spans)
            if "".join(leaf.text for leaf in texts).strip(" ") != text:
                raise NotPreparable("a line ends elsewhere than composed")
            if not texts:
                positions.append((left, 0.0))
                continue
            baseline = texts[0].position_y + texts[0].baseline
            spare = flow.room - line.width / 1024
            indent = flow.indent if line_number == 0 else 0.0
            start = left + {"left": indent, "center": spare / 2, "right": spare}[flow.align]
            if abs(texts[0].position_x - start) > NEAR:
                raise NotPreparable(f"a line of {block.element_tag} begins elsewhere than composed")
            if any(abs(leaf.position_y + leaf.baseline - baseline) > NEAR for leaf in texts):
                raise NotPreparable("texts of one line stand at different heights")
            positions.append((left + indent, round(baseline, 3)))
            for leaf in texts:
                owners[id(leaf)] = number
        places.append(tuple(positions))
    return _Recorder(owners, images).record(write, document, tuple(places))


class _Recorder:
    """Writes the file once, with marks where texts and pictures of the copy would stand."""

    def __init__(self, owners: dict[int, int], images: dict[str, str]) -> None:
        self.owners = owners
        self.names = {uri: name for name, uri in images.items()}
        self.begun: set[int] = set()
        self.images: list[dict[str, Any]] = []
        self.holders: list[Any] = []
        self.result: Shape | None = None

    def record(self, write: Callable[..., Any], document: Document, places: Any) -> Shape:
        draw_text, draw_image = weasyprint.draw.draw_text, weasyprint.draw.draw_replacedbox

        def text(stream: Any, box: Any, *args: Any) -> None:
            number = self.owners.get(id(box))
            if number is None:
                draw_text(stream, box, *args)
            elif number not in self.begun:
                self.begun.add(number)
                stream.set_color(box.style["color"])
                stream.stream.append(_MARK + b"t%d" % number)

        def image(stream: Any, box: Any) -> None:
            name = self.names.get(box.element.get("src")) if box.element is not None else None
            if name is None:
                draw_image(stream, box)
            else:
                self._image(stream, box, name)

        weasyprint.draw.draw_text, weasyprint.draw.draw_replacedbox = text, image
        try:
            write(document, finisher=lambda _document, pdf: self._finish(pdf, places))
        finally:
            weasyprint.draw.draw_text, weasyprint.draw.draw_replacedbox = draw_text, draw_image
        if self.result is None:
            raise NotPreparable("nothing was drawn")
        return self.result

    def _image(self, stream: Any, box: Any, name: str) -> None:
        style = box.style
        if style["width"] == "auto" or style["height"] == "auto":
            raise NotPreparable("a picture whose box depends on it")
        if style["object_fit"] not in ("fill", "cover", "contain"):
            raise NotPreparable(f"object-fit: {style['object_fit']}")
        holder = pydyf.Stream([b""])
        number = len(self.images)
        stream._resources["XObject"][f"D{number}"] = holder
        self.holders.append(holder)
        self.images.append({"name": name, "width": box.width, "height": box.height, "fit": style["object_fit"]})
        with stream.stacked():
            stream.set_alpha(1)
            stream.transform(e=box.content_box_x(), f=box.content_box_y())
            stream.stream.append(_MARK + b"i%d" % number)

    def _finish(self, pdf: Any, places: Any) -> None:
        holders = {holder.number for holder in self.holders}
        fonts = _fonts_number(pdf)
        attachment = next(
            (one for one in pdf.objects if isinstance(one, pydyf.Stream) and one.extra.get("Type") == "/EmbeddedFile"),
            None,
        )
        contents, out, offsets, at = [], [b"%PDF-1.7\n%\xf0\x9f\x96\xa4\n"], [0] * len(pdf.objects), 0
        at = len(out[0])
        for one in pdf.objects:
            number = one.number
            if one.free == "f" or number in holders or number == fonts or one is attachment:
                continue
            if isinstance(one, pydyf.Stream) and any(
                isinstance(op, bytes) and op.startswith(_MARK) for op in one.stream
            ):
                contents.append(_content(one))
                continue
            body = one.indirect + b"\n"
            offsets[number] = at
            out.append(body)
            at += len(body)
        self.result = Shape(
            places,
            tuple(Image(number=holder.number, **one) for holder, one in zip(self.holders, self.images, strict=True)),
            b"".join(out),
            tuple(offsets),
            tuple(contents),
            fonts,
            pdf.objects[fonts].data,
            pdf.catalog.number,
            pdf.info.number if pdf.info else 0,
            attachment.number if attachment is not None else 0,
            b""
            if attachment is None
            else pydyf.Dictionary(
                {key: value for key, value in attachment.extra.items() if key not in ("Params", "Length", "Filter")}
            ).data[2:-2],
        )


def _fonts_number(pdf: Any) -> int:
    """The one dictionary of faces that all pages share."""
    for one in pdf.objects:
        if isinstance(one, pydyf.Dictionary) and "Font" in one and "XObject" in one:
            return int(one["Font"].split()[0])
    raise NotPreparable("the file has no dictionary of faces")


def _content(stream: Any) -> Content:
    extra = {key: value for key, value in stream.extra.items() if key not in ("Filter", "Length")}
    parts: list[Piece | str] = []
    fixed: list[bytes] = []
    for op in stream.stream:
        raw = op if isinstance(op, bytes) else pydyf._to_bytes(op)
        if raw.startswith(_MARK):
            if fixed:
                parts.append(_packed(b"\n".join(fixed) + b"\n"))
                fixed = []
            parts.append(raw.removeprefix(_MARK).decode())
        else:
            fixed.append(raw)
    if fixed:
        parts.append(_packed(b"\n".join(fixed) + b"\n"))
    return Content(stream.number, pydyf.Dictionary(extra).data[2:-2], tuple(parts))


def _packed(raw: bytes) -> Piece:
    return squeezed(raw) if len(raw) > 60 else plain(raw)
