"""Pictures of the fast path: a photograph as it was stored, and the square code in black and white."""

from __future__ import annotations

import zlib

from services.papers import qr
from services.papers.values import MAX_IMAGE_BYTES, MAX_IMAGE_SIDE

from .errors import TakeOrdinaryWay
from .writer import Picture

_START, _END = b"\xff\xd8", b"\xff\xd9"


def photograph(content: bytes) -> Picture:
    """A JPEG without any of its remarks; whatever is not plain goes the way that decodes and encodes it afresh."""
    if len(content) > MAX_IMAGE_BYTES or not content.startswith(_START) or not content.endswith(_END):
        raise TakeOrdinaryWay("a picture that is no plain JPEG")
    parts, at, size, bands = [_START], 2, (0, 0), 0
    while True:
        if at + 4 > len(content) or content[at] != 0xFF:
            raise TakeOrdinaryWay("a JPEG with unknown parts")
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        segment = content[at : at + 2 + length]
        if marker in (0xC0, 0xC1, 0xC2):
            if size != (0, 0) or len(segment) < 10 or segment[4] != 8:
                raise TakeOrdinaryWay("a JPEG of an unusual kind")
            size, bands = (int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big")), segment[9]
        if marker == 0xE1 and segment[4:8] == b"Exif":
            raise TakeOrdinaryWay("a JPEG that may have to be turned")
        if marker == 0xEE:
            raise TakeOrdinaryWay("a JPEG with its own colours")
        if marker in (0xDB, 0xC0, 0xC1, 0xC2, 0xC4, 0xDD, 0xDA, 0xE0):
            parts.append(segment)
        elif not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            raise TakeOrdinaryWay("a JPEG of an unusual kind")
        at += 2 + length
        if marker == 0xDA:
            break
    if bands not in (1, 3) or not 0 < max(size) <= MAX_IMAGE_SIDE or not min(size):
        raise TakeOrdinaryWay("a JPEG too large or without colours")
    body = b"".join((*parts, content[at:]))
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%s/BitsPerComponent 8/Filter/DCTDecode" % (
        *size,
        b"DeviceRGB" if bands == 3 else b"DeviceGray",
    )
    return Picture(head, body, *size)


def square_code(text: str) -> Picture:
    """The code with its quiet zone, one bit per point."""
    side, rows = qr.points(text)
    head = (
        b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/FlateDecode"
        % (side, side)
    )
    return Picture(head, zlib.compress(rows, 1), side, side)
