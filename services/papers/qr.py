"""The square code and the typed check code that lead from paper back to the check page."""

from __future__ import annotations

from urllib.parse import urlsplit

import segno


def data_uri(text: str) -> str:
    """A PNG data URI; level M survives a fold and a coffee ring."""
    # A claim behind the # is digits alone: as a part of its own each three of them take ten bits.
    address, mark, digits = text.partition("#")
    parts = [address + mark, digits] if digits.isdecimal() and digits.isascii() else text
    return segno.make(parts, error="m", micro=False).png_data_uri(scale=6, border=2)


def check_code(verify_url: str) -> str:
    """The last part of the address in groups of four, to be typed when no camera is at hand."""
    code = urlsplit(verify_url).path.rstrip("/").rsplit("/", 1)[-1]
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))
