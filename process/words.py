"""Marks texts that stand in tables for the translators."""

from __future__ import annotations


def N_(text: str) -> str:
    """The text as it is; the page that shows it asks for its translation then, in the reader's language."""
    return text
