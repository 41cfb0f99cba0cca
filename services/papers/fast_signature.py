"""The place for a signature in a file with one plain cross-reference table, found without parsing the whole of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_STARTXREF = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
_SIZE = re.compile(rb"/Size\s+(\d+)")
_ROOT = re.compile(rb"/Root\s+(\d+)\s+0\s+R")
_INFO = re.compile(rb"/Info\s+\d+\s+0\s+R")
_ID = re.compile(rb"/ID\s*\[.*?\]", re.S)
_SECTION = re.compile(rb"xref\s+0\s+(\d+)[ \r]*\n")
_PAGES = re.compile(rb"/Pages\s+(\d+)\s+0\s+R")
_KIDS = re.compile(rb"/Kids\s*\[\s*(\d+)\s+0\s+R")
_ANNOTS = re.compile(rb"/Annots\s*\[")
_BYTE_RANGE_ROOM = 44


@dataclass(frozen=True)
class Seen:
    """Where the parts of a finished file lie that a signature has to add to."""

    size: int
    root: int
    xref: int
    kept: bytes
    page: int
    root_body: bytes
    page_body: bytes


def prepare(
    pdf: bytes, *, room: int, field: str, at: datetime, name: str = "", reason: str = ""
) -> tuple[bytes, bytes] | None:
    """What stands before and after the value of the signature; None when the file is not written that simply."""
    seen = look(pdf)
    if seen is None:
        return None
    widget, value = seen.size, seen.size + 1
    parts: list[bytes] = []
    entries: list[tuple[int, int]] = []
    position = len(pdf)
    for number, body in (
        (
            widget,
            b"<</Type/Annot/Subtype/Widget/FT/Sig/T%s/Rect[0 0 0 0]/F 132/P %d 0 R/V %d 0 R>>"
            % (_text(field), seen.page, value),
        ),
        (seen.page, _with_annotation(seen.page_body, widget)),
        (seen.root, seen.root_body[:-2] + b"/AcroForm<</Fields[%d 0 R]/SigFlags 3>>>>" % widget),
    ):
        text = b"%d 0 obj\n%s\nendobj\n" % (number, body)
        entries.append((number, position))
        parts.append(text)
        position += len(text)
    entries.append((value, position))
    told = b"".join(b"/%s%s" % (key, _text(text)) for key, text in ((b"Name", name), (b"Reason", reason)) if text)
    head = b"%d 0 obj\n<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(%s)%s/ByteRange" % (
        value,
        at.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ").encode(),
        told,
    )
    start = position + len(head) + _BYTE_RANGE_ROOM + len(b"/Contents")
    end = start + 2 * room + 2
    after = b">>\nendobj\nxref\n%strailer\n<</Size %d/Root %d 0 R/Prev %d%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        b"".join(b"%d 1\n%010d 00000 n \n" % entry for entry in sorted(entries)),
        value + 1,
        seen.root,
        seen.xref,
        seen.kept,
        end + len(b">>\nendobj\n"),
    )
    span = (b"[0 %d %d %d]" % (start, end, len(after))).ljust(_BYTE_RANGE_ROOM)
    return b"".join((pdf, *parts, head, span, b"/Contents")), after


def look(pdf: bytes) -> Seen | None:
    """Catalogue and first page of a file with one plain table; None for any other."""
    at = _STARTXREF.search(pdf[-64:])
    if at is None or not pdf.endswith(b"\n"):
        return None
    xref = int(at.group(1))
    section = _SECTION.match(pdf, xref)
    trailer = pdf.rfind(b"trailer")
    size, root = _SIZE.search(pdf, trailer), _ROOT.search(pdf, trailer)
    if section is None or trailer < xref or size is None or root is None or b"/Prev" in pdf[trailer:]:
        return None
    table, number = section.end(), int(root.group(1))
    root_body = _body(pdf, table, number)
    pages = _PAGES.search(root_body)
    if pages is None or b"/AcroForm" in root_body:
        return None
    page, page_body = int(pages.group(1)), b""
    for _depth in range(8):
        page_body = _body(pdf, table, page)
        kids = _KIDS.search(page_body)
        if kids is None:
            break
        page = int(kids.group(1))
    if not page_body or (b"/Annots" in page_body and not _ANNOTS.search(page_body)):
        return None
    kept = b"".join(found.group() for found in (_INFO.search(pdf, trailer), _ID.search(pdf, trailer)) if found)
    return Seen(int(size.group(1)), number, xref, kept, page, root_body, page_body)


def _body(pdf: bytes, table: int, number: int) -> bytes:
    """The dictionary of one object, or nothing when it is no plain dictionary."""
    entry = pdf[table + 20 * number : table + 20 * number + 18]
    if len(entry) < 18 or entry[17:18] != b"n":
        return b""
    start = pdf.index(b"obj", int(entry[:10])) + 3
    body = pdf[start : pdf.index(b"endobj", start)].strip()
    return body if body.startswith(b"<<") and body.endswith(b">>") else b""


def _with_annotation(page: bytes, widget: int) -> bytes:
    found = _ANNOTS.search(page)
    if found is not None:
        return page[: found.end()] + b"%d 0 R " % widget + page[found.end() :]
    return page[:-2] + b"/Annots[%d 0 R]>>" % widget


def _text(value: str) -> bytes:
    """A PDF text string; hexadecimal, so that nothing in it needs escaping."""
    if value.isascii():
        return b"<%s>" % value.encode().hex().encode()
    return b"<%s>" % (b"\xfe\xff" + value.encode("utf-16-be")).hex().encode()
