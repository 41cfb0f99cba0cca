"""The pieces of the fast path, each by itself."""

from __future__ import annotations

import hashlib
import io
import os
import random
import zlib
from datetime import UTC, datetime

import pikepdf
import pytest
from PIL import Image

from services.papers import fast_signature, qr
from services.papers.prepared import breaking
from services.papers.prepared.deflate import joined, plain, squeezed
from services.papers.prepared.errors import TakeOrdinaryWay
from services.papers.prepared.pictures import photograph, square_code
from services.papers.prepared.random_fills import photograph as invented


def test_pieces_strung_together_are_one_stream() -> None:
    chance = random.Random(5)
    for _ in range(60):
        parts = [
            chance.randbytes(chance.choice((0, 1, 7, 300))) * chance.choice((1, 40))
            if chance.random() < 0.5
            else "办件".encode() * chance.randrange(400)
            for _ in range(chance.randrange(6))
        ]
        stream = joined(chance.choice((squeezed, plain))(part) for part in parts)
        assert zlib.decompress(stream) == b"".join(parts)
    long = os.urandom(200_000)
    assert zlib.decompress(joined([plain(long), squeezed(long)])) == long + long


def test_lines_end_where_the_rules_allow() -> None:
    def cut(text: str, room: int, indent: int = 0) -> list[str]:
        return [text[start:end] for start, end in breaking.lines(text, [10] * len(text), room, room - indent)]

    assert cut("东新路八百一十八号", 40) == ["东新路八", "百一十八", "号"]
    assert cut("东新路１２，三号", 50) == ["东新路１", "２，三号"]
    assert cut("东新路，三号", 30) == ["东新", "路，三", "号"], "no comma begins a line"
    assert cut("东新路818号", 50) == ["东新路", "818号"], "a number is not divided"
    assert cut("ab cd ef", 50) == ["ab cd", "ef"], "spaces at an end take no room"
    assert cut("东新路八百一十八号", 40, 20) == ["东新", "路八百一", "十八号"]
    with pytest.raises(TakeOrdinaryWay):
        cut("ABCDEFGHIJK", 50)


def test_a_photograph_passes_without_its_remarks() -> None:
    clean = invented(3)
    picture = photograph(clean)
    assert (picture.width, picture.height) == (295, 413)
    assert Image.open(io.BytesIO(picture.body)).tobytes() == Image.open(io.BytesIO(clean)).tobytes()
    remark = b"\xff\xfe" + (2 + 9).to_bytes(2, "big") + b"my secret"
    assert b"my secret" not in photograph(clean[:2] + remark + clean[2:]).body
    grey = io.BytesIO()
    Image.new("L", (30, 40), 120).save(grey, "JPEG")
    assert b"DeviceGray" in photograph(grey.getvalue()).head


def test_an_unusual_picture_is_decoded_by_the_ordinary_way() -> None:
    def saved(mode: str, size: tuple[int, int], kind: str, **given: object) -> bytes:
        target = io.BytesIO()
        Image.new(mode, size).save(target, kind, **given)
        return target.getvalue()

    turned = Image.Exif()
    turned[0x0112] = 6
    for content in (
        saved("CMYK", (30, 40), "JPEG"),
        saved("RGB", (30, 40), "PNG"),
        saved("RGB", (30, 40), "JPEG", exif=turned),
        saved("RGB", (1400, 1000), "JPEG"),
        invented(1) + b"behind the end",
        invented(1)[:200],
        b"",
        b"\xff\xd8\xff\xd9",
    ):
        with pytest.raises(TakeOrdinaryWay):
            photograph(content)


def test_both_ways_draw_the_same_square_code() -> None:
    text = "https://daiban.example/verify/8F3KQ2MX7T1A#" + "1234567890" * 30
    code = square_code(text)
    side, rows = qr.points(text)
    assert (code.width, code.height) == (side, side) and zlib.decompress(code.body) == rows
    picture = Image.frombytes("1", (side, side), rows)
    import base64

    other = Image.open(io.BytesIO(base64.b64decode(qr.data_uri(text).partition(",")[2])))
    assert picture.tobytes() == other.convert("1").tobytes()


def test_the_place_for_a_signature_is_found_or_left_to_the_general_way() -> None:
    target = io.BytesIO()
    with pikepdf.new() as document:
        document.add_blank_page()
        document.save(target, object_stream_mode=pikepdf.ObjectStreamMode.disable, deterministic_id=True)
    simple = target.getvalue()
    given = {"room": 100, "field": "S", "at": datetime(2026, 3, 5, tzinfo=UTC), "name": "东新街道"}
    found = fast_signature.prepare(simple, **given)
    assert found is not None
    before, after = found
    whole = before + b"<" + b"0" * 200 + b">" + after
    with pikepdf.open(io.BytesIO(whole)) as document:
        value = document.Root.AcroForm.Fields[0].V
        assert list(value.ByteRange) == [0, len(before), len(before) + 202, len(after)]
        assert (
            str(value.Name) == "东新街道"
            and document.pages[0].obj.Annots[0].objgen == document.Root.AcroForm.Fields[0].objgen
        )
    assert before.startswith(simple) and hashlib.sha256(simple).digest() != hashlib.sha256(before).digest()
    assert fast_signature.prepare(whole, **given) is None, "signed already"
    assert fast_signature.prepare(simple + b"more", **given) is None
    assert fast_signature.prepare(simple[:-30], **given) is None
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(simple)) as document:
        document.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert fast_signature.prepare(target.getvalue(), **given) is None, "a table inside a stream"
