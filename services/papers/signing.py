"""Signs a finished PDF (PAdES B-B) in an incremental section: not one byte of the paper itself is changed."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import pikepdf

from services.papers import cms, fast_signature

FIELD = "AgencySignature"
# What a signature made elsewhere may take at most: certificates of a seal platform are long.
FOREIGN_ROOM = 12_000
_RANGE = 44


@dataclass(frozen=True)
class Prepared:
    """A paper with an empty place for its signature; `digest` is what is signed."""

    before: bytes
    after: bytes
    room: int

    @property
    def digest(self) -> bytes:
        digest = hashlib.sha256(self.before)
        digest.update(self.after)
        return digest.digest()

    def filled(self, signature: bytes) -> bytes:
        """The signed paper."""
        if len(signature) > self.room:
            raise ValueError(f"the signature has {len(signature)} bytes, the place for it {self.room}")
        return b"".join((self.before, b"<", signature.hex().encode().ljust(2 * self.room, b"0"), b">", self.after))


def sign(pdf: bytes, template: cms.Template, *, at: datetime, name: str = "", reason: str = "") -> bytes:
    """The paper signed with a key of our own; the same paper, key and moment give the same bytes."""
    prepared = prepare(pdf, room=template.size, at=at, name=name, reason=reason)
    return prepared.filled(template.signed(prepared.digest))


def prepare(pdf: bytes, *, room: int, at: datetime, name: str = "", reason: str = "") -> Prepared:
    """Adds field, widget and signature dictionary after the end of the file."""
    # A paper from a prepared template has one plain table, and need not be parsed as a whole.
    plain = fast_signature.prepare(pdf, room=room, field=FIELD, at=at, name=name, reason=reason)
    return Prepared(*plain, room) if plain is not None else _by_parsing(pdf, room, at, name, reason)


def _by_parsing(pdf: bytes, room: int, at: datetime, name: str, reason: str) -> Prepared:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        page, root = document.pages[0].obj, document.Root
        size = int(document.trailer.Size)
        update = [(root.objgen, _with_form(root, size)), (page.objgen, _with_widget(page, size))]
        info = _reference(document.trailer.get("/Info"))
        identifier = document.trailer.get("/ID")
        ids = b"/ID" + identifier.unparse() if identifier is not None else b""
        page_reference = b"%d %d R" % page.objgen
        root_reference = b"%d %d R" % root.objgen
    found = re.findall(rb"startxref\s+(\d+)\s+%%EOF", pdf[-2048:])
    stream = pdf[int(found[-1]) :].lstrip()[:4] != b"xref"
    out, places, at_byte = [b"" if pdf.endswith(b"\n") else b"\n"], {}, len(pdf) + (not pdf.endswith(b"\n"))

    def add(number: int, generation: int, body: bytes) -> None:
        nonlocal at_byte
        whole = b"%d %d obj\n%s\nendobj\n" % (number, generation, body)
        places[number] = (at_byte, generation)
        out.append(whole)
        at_byte += len(whole)

    for (number, generation), body in update:
        add(number, generation, body)
    widget = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(%s)/Rect[0 0 0 0]/F 132/P %s/V %d 0 R>>"
    add(size, 0, widget % (FIELD.encode(), page_reference, size + 1))
    places[size + 1] = (at_byte, 0)
    head = b"%d 0 obj\n<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M%s%s%s/ByteRange" % (
        size + 1,
        _text(f"D:{at.astimezone(UTC):%Y%m%d%H%M%S}Z"),
        b"/Name" + _text(name) if name else b"",
        b"/Reason" + _text(reason) if reason else b"",
    )
    opens = at_byte + len(head) + _RANGE + len(b"/Contents")
    closes = opens + 2 * room + 2
    tail = b">>\nendobj\n"
    index = _index(places, size + 2, root_reference, info, ids, int(found[-1]), closes + len(tail), stream=stream)
    after = tail + index
    span = b"[0 %d %d %d]" % (opens, closes, len(after))
    before = b"".join((pdf, *out, head, span.ljust(_RANGE), b"/Contents"))
    assert len(before) == opens
    return Prepared(before, after, room)


def _with_form(root: pikepdf.Object, field: int) -> bytes:
    """The catalogue, naming the signature field."""
    if "/AcroForm" in root:
        raise ValueError("this paper has a form already")
    return _insert(root.unparse(resolved=True), b"/AcroForm<</Fields[%d 0 R]/SigFlags 3>>" % field)


def _with_widget(page: pikepdf.Object, field: int) -> bytes:
    held = page.get("/Annots")
    inner = b"" if held is None else b" ".join(_reference(one) or one.unparse() for one in held)
    if held is not None:
        document_page = pikepdf.Dictionary({key: value for key, value in page.items() if key != "/Annots"})
        return _insert(document_page.unparse(resolved=True), b"/Annots[%s %d 0 R]" % (inner, field))
    return _insert(page.unparse(resolved=True), b"/Annots[%d 0 R]" % field)


def _reference(one: pikepdf.Object | None) -> bytes:
    return b"%d %d R" % one.objgen if one is not None and one.is_indirect else b""


def _insert(dictionary: bytes, entry: bytes) -> bytes:
    return dictionary.rstrip()[:-2] + entry + b">>"


def _text(text: str) -> bytes:
    return pikepdf.String(text).unparse()


def _index(
    places: dict[int, tuple[int, int]],
    size: int,
    root: bytes,
    info: bytes,
    ids: bytes,
    previous: int,
    here: int,
    *,
    stream: bool,
) -> bytes:
    """A cross-reference section in the manner of the file: a table after a table, a stream after a stream."""
    common = b"/Root %s%s%s/Prev %d" % (root, b"/Info " + info if info else b"", ids, previous)
    end = b"startxref\n%d\n%%%%EOF\n" % here
    if not stream:
        rows = b"".join(b"%d 1\n%010d %05d n \n" % (n, at, gen) for n, (at, gen) in sorted(places.items()))
        return b"xref\n" + rows + b"trailer\n<</Size %d%s>>\n" % (size, common) + end
    places = {**places, size: (here, 0)}
    rows = b"".join(b"\1" + at.to_bytes(4) + gen.to_bytes(2) for _, (at, gen) in sorted(places.items()))
    index = b" ".join(b"%d 1" % number for number in sorted(places))
    head = b"%d 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Index[%s]%s/Length %d>>\nstream\n" % (
        size,
        size + 1,
        index,
        common,
        len(rows),
    )
    return head + rows + b"\nendstream\nendobj\n" + end
