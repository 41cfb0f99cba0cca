"""Structures and shapes as text, for the pipe from the limited child and for the folder where they are kept."""

from __future__ import annotations

import base64
import json
from typing import Any

from .deflate import Piece
from .geometry import Content, Flow, Image, Run, Shape, Structure, Style


def _b(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def dumped_structure(one: Structure) -> dict[str, Any]:
    return {
        "flows": [
            {
                "index": flow.index,
                "room": flow.room,
                "indent": flow.indent,
                "align": flow.align,
                "justified": flow.justified,
                "paragraphs": [[[run.style, list(run.parts)] for run in paragraph] for paragraph in flow.paragraphs],
            }
            for flow in one.flows
        ],
        "styles": [[style.size, list(style.families), style.weight, style.italic, style.wraps] for style in one.styles],
        "boxes": one.boxes,
    }


def structure(raw: dict[str, Any]) -> Structure:
    flows = tuple(
        Flow(
            flow["index"],
            tuple(tuple(Run(style, tuple(parts)) for style, parts in paragraph) for paragraph in flow["paragraphs"]),
            flow["room"],
            flow["indent"],
            flow["align"],
            flow["justified"],
        )
        for flow in raw["flows"]
    )
    styles = tuple(
        Style(size, tuple(families), weight, italic, wraps) for size, families, weight, italic, wraps in raw["styles"]
    )
    return Structure(flows, styles, raw["boxes"])


def dumped_shape(one: Shape) -> dict[str, Any]:
    return {
        "lines": one.lines,
        "images": [[image.name, image.width, image.height, image.fit, image.number] for image in one.images],
        "prefix": _b(one.prefix),
        "offsets": one.offsets,
        "contents": [
            {
                "number": content.number,
                "head": _b(content.head),
                "parts": [
                    part if isinstance(part, str) else [_b(part.packed), part.size, part.low, part.high]
                    for part in content.parts
                ],
            }
            for content in one.contents
        ],
        "fonts": one.fonts,
        "static_fonts": _b(one.static_fonts),
        "root": one.root,
        "info": one.info,
        "attachment": one.attachment,
        "attachment_head": _b(one.attachment_head),
    }


def shape(raw: dict[str, Any]) -> Shape:
    contents = tuple(
        Content(
            content["number"],
            base64.b64decode(content["head"]),
            tuple(
                part if isinstance(part, str) else Piece(base64.b64decode(part[0]), *part[1:])
                for part in content["parts"]
            ),
        )
        for content in raw["contents"]
    )
    return Shape(
        tuple(tuple((x, y) for x, y in flow) for flow in raw["lines"]),
        tuple(Image(*image) for image in raw["images"]),
        base64.b64decode(raw["prefix"]),
        tuple(raw["offsets"]),
        contents,
        raw["fonts"],
        base64.b64decode(raw["static_fonts"]),
        raw["root"],
        raw["info"],
        raw["attachment"],
        base64.b64decode(raw["attachment_head"]),
    )


def text(one: dict[str, Any]) -> bytes:
    return json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()


def read(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw)
    return found
