"""The square code and the typed check code that lead from paper back to the check page."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import cast
from urllib.parse import urlsplit

import zxingcpp
from typing_extensions import Buffer

# Points of the picture per module of the code, and the quiet zone around it in modules.
SCALE, QUIET = 4, 2
# The longest address, its signed claim among it, that is printed; both ways of drawing hold to it.
LONGEST = 700
_BITS = bytes(0x30 if value <= 127 else 0x31 for value in range(256))
_GREY = bytes.maketrans(b"01", b"\x00\xff")


def points(text: str) -> tuple[int, bytes]:
    """Side in points and the rows of the code, one bit per point, dark is nought; level M survives a fold and a stain.

    Digits behind the address, such as a signed claim, are packed ten bits for three of them."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    image = code.to_image(scale=1, add_quiet_zones=False)
    modules = image.shape[0]
    bits = bytes(memoryview(cast(Buffer, image))).translate(_BITS)
    wide = bits.replace(b"0", b"0" * SCALE).replace(b"1", b"1" * SCALE)
    side, length = (modules + 2 * QUIET) * SCALE, modules * SCALE
    row = (side + 7) // 8
    margin, end = b"1" * (QUIET * SCALE), b"1" * (8 * row - side + QUIET * SCALE)
    light = b"\xff" * (row * QUIET * SCALE)
    rows = [
        int(margin + wide[at : at + length] + end, 2).to_bytes(row, "big") * SCALE
        for at in range(0, modules * length, length)
    ]
    return side, b"".join((light, *rows, light))


def data_uri(text: str) -> str:
    """The code as a PNG data URI in grey; one bit a point would be turned into colours and packed twice over."""
    side, rows = points(text)
    row = len(rows) // side
    lines = b"".join(
        (b"\0" + f"{int.from_bytes(rows[at : at + row], 'big'):0{8 * row}b}"[:side].encode().translate(_GREY)) * SCALE
        for at in range(0, len(rows), row * SCALE)
    )

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 1)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


def check_code(verify_url: str) -> str:
    """The last part of the address in groups of four, to be typed when no camera is at hand."""
    code = urlsplit(verify_url).path.rstrip("/").rsplit("/", 1)[-1]
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))
