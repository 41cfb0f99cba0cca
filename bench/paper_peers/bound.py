"""The least that any design must do for one certificate, each step alone, with the fastest library there is for it."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import uharfbuzz
import zxingcpp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from fontTools.ttLib import TTFont
from isal import isal_zlib

from services.papers import fonts


class Bound:
    """Shapes the texts, strings the outlines together, compresses, draws the code, hashes, copies, signs."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        face = next(one for one in fonts.faces() if one.family == fonts.SONG)
        self.font = uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(face.file))))
        with TTFont(face.file, lazy=True) as opened:
            places, glyphs = opened["loca"].locations, opened.reader["glyf"]
            numbers = {name: number for number, name in enumerate(opened.getGlyphOrder())}
            self.outlines = {
                chr(code): bytes(glyphs[places[numbers[name]] : places[numbers[name] + 1]])
                for code, name in opened.getBestCmap().items()
            }
        self.key = key

    def steps(self, texts: Sequence[str], url: str, made: bytes) -> dict[str, Callable[[], Any]]:
        """Each step as something to be called and timed."""
        chars = sorted({char for text in texts for char in text if char in self.outlines})
        program = b"".join([self.outlines[char] for char in chars])
        digest = hashlib.sha256(made).digest()
        return {
            "shape": lambda: [self._shape(text) for text in texts],
            "subset": lambda: b"".join([self.outlines[char] for char in chars]),
            "deflate": lambda: isal_zlib.compress(program, 2),
            "code": lambda: zxingcpp.create_barcode(url, zxingcpp.BarcodeFormat.QRCode, ec_level="M"),
            "hash": lambda: (hashlib.sha256(made).digest(), hashlib.md5(made, usedforsecurity=False).digest()),
            "copy": lambda: io.BytesIO().write(made),
            "sign": lambda: self.key.sign(digest, padding.PKCS1v15(), hashes.SHA256()),
        }

    def _shape(self, text: str) -> None:
        buffer = uharfbuzz.Buffer()
        buffer.add_str(text)
        buffer.direction, buffer.script = "ltr", "Hani"
        uharfbuzz.shape(self.font, buffer)


def spent(work: Callable[[], Any]) -> float:
    """CPU milliseconds of one call."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000
