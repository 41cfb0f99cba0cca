"""The file of one copy: fixed bytes of its shape, its own characters and pictures, and an index over both."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from .composing import Composed, Line
from .deflate import Piece, joined, plain
from .geometry import Image, Shape, Structure
from .glyph_store import GlyphStore

_FREE = b"0000000000 65535 f \n"
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"ABCDEFGHIJKLMNOP")


class Picture(NamedTuple):
    """A picture of one copy: its dictionary without the length, its bytes, and its size in pixels."""

    head: bytes
    body: bytes
    width: int
    height: int


class Numbers(dict[str, str]):
    """Characters of one face in this paper, numbered as they come, in the hexadecimal form of a text."""

    __slots__ = ("chars", "name", "store")

    def __init__(self, name: str, store: GlyphStore) -> None:
        super().__init__()
        self.name, self.store = name, store
        self.chars: list[str] = []

    def __missing__(self, char: str) -> str:
        self.chars.append(char)
        number = self[char] = f"{len(self.chars):04x}"
        return number


class Form:
    """A shape made ready for many copies."""

    def __init__(self, structure: Structure, shape: Shape) -> None:
        self.structure, self.shape = structure, shape
        self.sizes = [f"{style.size:.6g}" for style in structure.styles]
        self.rows = [b"%010d 00000 n \n" % at if at else _FREE for at in shape.offsets]
        self.fonts = shape.static_fonts.removesuffix(b">>")

    def write(
        self,
        composed: Composed,
        pictures: Mapping[str, Picture],
        *,
        identifier: str,
        attachment: bytes,
        dated: datetime,
    ) -> bytes:
        """The finished file; the same copy gives the same bytes."""
        shape = self.shape
        faces: dict[int, Numbers] = {}
        out: list[bytes] = [shape.prefix]
        rows = self.rows.copy()
        at = len(shape.prefix)

        def add(number: int, body: bytes) -> None:
            nonlocal at
            while number >= len(rows):
                rows.append(_FREE)
            rows[number] = b"%010d 00000 n \n" % at
            whole = b"%d 0 obj\n%s\nendobj\n" % (number, body)
            out.append(whole)
            at += len(whole)

        for content in shape.contents:
            pieces: list[Piece] = []
            for part in content.parts:
                if not isinstance(part, str):
                    pieces.append(part)
                elif part[0] == "t":
                    number = int(part[1:])
                    pieces.append(plain(self._texts(number, composed.flows[number], faces)))
                else:
                    number = int(part[1:])
                    pieces.append(plain(_placed(shape.images[number], pictures[shape.images[number].name], number)))
            stream = joined(pieces)
            add(
                content.number,
                b"<<%s/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (content.head, len(stream), stream),
            )
        for image in shape.images:
            picture = pictures[image.name]
            add(
                image.number,
                b"<<%s/Length %d>>\nstream\n%s\nendstream" % (picture.head, len(picture.body), picture.body),
            )
        if shape.attachment:
            add(shape.attachment, _attached(shape.attachment_head, attachment, dated))
        number = len(rows)
        named = [self.fonts]
        for face in faces.values():
            for body in _face(face, number):
                add(number, body)
                number += 1
            named.append(b"/%s %d 0 R" % (face.name.encode(), number - 1))
        add(shape.fonts, b"".join(named) + b">>")
        info = b"/Info %d 0 R" % shape.info if shape.info else b""
        code = identifier.encode()
        out.append(
            b"xref\n0 %d\n%strailer\n<</Size %d/Root %d 0 R%s/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n"
            % (len(rows), b"".join(rows), len(rows), shape.root, info, code, code, at)
        )
        return b"".join(out)

    def _texts(self, number: int, lines: list[Line], faces: dict[int, Numbers]) -> bytes:
        """The marks of one flow, in the coordinates of the page it is drawn on."""
        flow, places = self.structure.flows[number], self.shape.lines[number]
        marks = ["BT"]
        current: tuple[int, int] | None = None
        for line, (x, y) in zip(lines, places, strict=True):
            if not line.spans:
                continue
            if flow.align != "left":
                spare = flow.room - line.width / 1024
                x += spare / 2 if flow.align == "center" else spare
            marks.append(f"1 0 0 -1 {x:.3f} {y:.3f} Tm")
            for style, store, text in line.spans:
                face = faces.get(id(store))
                if face is None:
                    face = faces[id(store)] = Numbers(f"V{len(faces)}", store)
                if current != (style, id(store)):
                    current = (style, id(store))
                    marks.append(f"/{face.name} {self.sizes[style]} Tf")
                marks.append(f"<{''.join([face[char] for char in text])}> Tj")
        marks.append("ET\n")
        return "\n".join(marks).encode()


def _placed(image: Image, picture: Picture, number: int) -> bytes:
    """A picture in its box, filled as the style says."""
    width, height = image.width, image.height
    if image.fit != "fill":
        ratio = picture.width / picture.height
        if (image.fit == "cover") ^ (width > height * ratio):
            width = height * ratio
        else:
            height = width / ratio
    x, y = (image.width - width) / 2, (image.height - height) / 2
    return f"q\n{width:.4f} 0 0 {-height:.4f} {x:.4f} {y + height:.4f} cm\n/D{number} Do\nQ\n".encode()


def _attached(head: bytes, body: bytes, dated: datetime) -> bytes:
    """The data of the paper as an embedded file."""
    day = f"{dated:D:%Y%m%d%H%M%SZ}".encode()
    checksum = hashlib.md5(body, usedforsecurity=False).hexdigest().encode()
    return b"<<%s/Params<</Size %d/CheckSum<%s>/CreationDate(%s)/ModDate(%s)>>/Length %d>>\nstream\n%s\nendstream" % (
        head,
        len(body),
        checksum,
        day,
        day,
        len(body),
        body,
    )


def _face(face: Numbers, first: int) -> tuple[bytes, ...]:
    """Program, map to Unicode, descriptor, descendant and font of one face."""
    store = face.store
    made = store.embedded(face.chars)
    tag = hashlib.md5("".join(face.chars).encode(), usedforsecurity=False).hexdigest()[:6].encode().translate(_LETTERS)
    name = tag + b"+" + made.name
    return (
        b"<</Length1 %d/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream"
        % (made.program_size, len(made.program), made.program),
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(made.to_unicode), made.to_unicode),
        b"<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%s]/ItalicAngle 0/Ascent %d/Descent %d"
        b"/CapHeight %d/StemV 80/FontFile2 %d 0 R>>"
        % (name, store.box, store.ascent, store.descent, store.ascent, first),
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
        b"/CIDToGIDMap/Identity/DW 1000/W[0[%s]]/FontDescriptor %d 0 R>>" % (name, made.widths.encode(), first + 2),
        b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
        % (name, first + 3, first + 1),
    )
