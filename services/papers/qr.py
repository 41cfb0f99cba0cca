"""The square code and the typed check code that lead from paper back to the check page."""

from __future__ import annotations

from urllib.parse import urlsplit

import segno


def data_uri(text: str) -> str:
    """A PNG data URI; level M survives a fold and a coffee ring."""
    return segno.make(text, error="m", micro=False).png_data_uri(scale=6, border=2)


def check_code(verify_url: str) -> str:
    """The last part of the address in groups of four, to be typed when no camera is at hand."""
    code = urlsplit(verify_url).path.rstrip("/").rsplit("/", 1)[-1]
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))
