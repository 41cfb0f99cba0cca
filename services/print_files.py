"""The one file of a batch for the printer: stored papers moved by the printer's millimetres and put behind each other."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pikepdf

POINTS = 72 / 25.4


@dataclass(frozen=True)
class Profile:
    """How the picture of a printer must be moved and stretched, frozen when a batch begins."""

    offset_x: int = 0  # thousandths of a millimetre, to the right
    offset_y: int = 0  # … and down
    scale_x: int = 10_000
    scale_y: int = 10_000
    duplex: str = "no"

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Profile:
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if name in kept})

    @property
    def plain(self) -> bool:
        """Whether nothing is moved: then the pages go as they are stored."""
        return (self.offset_x, self.offset_y, self.scale_x, self.scale_y) == (0, 0, 10_000, 10_000)


@dataclass(frozen=True)
class Piece:
    """Some papers as one file, and how many pages each of them has."""

    content: bytes
    pages: tuple[int, ...]


def merged(papers: Iterable[bytes], profile: Profile, copies: int = 1) -> Piece:
    """The papers in order, each as often as wanted; on a two-sided printer each begins on a sheet of its own."""
    target, counted = pikepdf.new(), []
    for content in papers:
        with pikepdf.open(io.BytesIO(content)) as source:
            counted.append(len(source.pages))
            _flat(source)
            for _ in range(copies):
                first = len(target.pages)
                target.pages.extend(source.pages)
                added = range(first, len(target.pages))
                if not profile.plain:
                    for number in added:
                        _move(target, target.pages[number], profile)
                if profile.duplex != "no" and len(added) % 2:
                    box = target.pages[added[-1]].mediabox
                    target.add_blank_page(page_size=(float(box[2] - box[0]), float(box[3] - box[1])))
    return Piece(_saved(target), tuple(counted))


def _flat(source: pikepdf.Pdf) -> None:
    """What lies on the page as a field becomes part of it: it must move with the rest, and a pile of papers has no signature."""
    source.flatten_annotations("print")
    if "/AcroForm" in source.Root:
        del source.Root.AcroForm
    for page in source.pages:
        if "/Annots" in page:
            del page.Annots


def joined(pieces: Iterable[bytes]) -> Piece:
    """Pieces made in several sittings as one file."""
    target = pikepdf.new()
    counted = []
    for content in pieces:
        with pikepdf.open(io.BytesIO(content)) as source:
            counted.append(len(source.pages))
            target.pages.extend(source.pages)
    return Piece(_saved(target), tuple(counted))


def _saved(document: pikepdf.Pdf) -> bytes:
    out = io.BytesIO()
    document.save(
        out,
        static_id=True,
        compress_streams=True,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
    )
    return out.getvalue()


def _move(document: pikepdf.Pdf, page: pikepdf.Page, profile: Profile) -> None:
    """Stretched from the upper left corner, then moved; what leaves the sheet is cut off by the printer, as it would be anyway."""
    box = page.mediabox
    left, top = float(box[0]), float(box[3])
    sx, sy = profile.scale_x / 10_000, profile.scale_y / 10_000
    dx = profile.offset_x / 1000 * POINTS + left * (1 - sx)
    dy = -profile.offset_y / 1000 * POINTS + top * (1 - sy)
    before = f"q {sx:.6f} 0 0 {sy:.6f} {dx:.4f} {dy:.4f} cm\n".encode()
    page.contents_add(document.make_stream(before), prepend=True)
    page.contents_add(document.make_stream(b"\nQ"), prepend=False)
