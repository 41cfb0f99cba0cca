"""The one place that knows how the ordinary renderer is built: its layout, its way of writing a file, its faces."""

from __future__ import annotations

from typing import Any

from weasyprint.document import Document

from services.papers import renderer
from services.papers.definition import COMMON, Paper

from . import faces
from .geometry import Style


def context(
    service: renderer.RenderService, paper: Paper, data: dict[str, Any], *, verify_url: str | None, demo: bool
) -> dict[str, Any]:
    """What the page of an issued copy is given."""
    return service._context(paper, data, draft=False, verify_url=verify_url, demo=demo)


def document(service: renderer.RenderService, paper: Paper, shown: dict[str, Any], real: dict[str, Any]) -> Document:
    """All copies as one document; `shown` may hold marks in the place of the texts of `real`."""
    sheets = service._sheet(paper)
    fetcher = renderer.ClosedFetcher(renderer._own_images(real), (paper.folder, paper.folder.parent / COMMON))
    found = [service._document(paper, {**shown, "copy": copy}, sheets, fetcher) for copy in paper.copies]
    return found[0].copy([page for one in found for page in one.pages])


def write(document: Document, paper: Paper, real: dict[str, Any], finisher: Any) -> None:
    """Draws a document as the ordinary way does and hands the finished file to `finisher` before it becomes bytes."""
    document.write_pdf(**renderer.pdf_options(paper, real), finisher=finisher)


def face_files(service: renderer.RenderService, style: Style) -> list[tuple[str, bytes]]:
    """Family and file of the faces of a style."""
    return faces.files(service._fonts, style)
