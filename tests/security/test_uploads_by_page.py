"""Hostile files through the page and the API: a sentence, a 4xx, and nothing kept; what is kept is served so that it cannot act."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from services import uploads
from tests.access.evaluator import Somebody, Thing, may
from tests.access.world import World

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(document.cookie)</script>"


def picture(kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(buffer, kind, **options)
    return buffer.getvalue()


def moving(kind: str, called: str = "") -> tuple[Callable[[], bytes], str]:
    """Two pictures in one file: which of them would be the one on the certificate?"""

    def make() -> bytes:
        buffer = io.BytesIO()
        first, second = (Image.new("RGB", (40, 30), colour) for colour in ("white", "black"))
        first.save(buffer, kind, save_all=True, append_images=[second], duration=100, loop=0)
        return buffer.getvalue()

    return make, called or f"photo.{kind.lower()}"


def bomb() -> bytes:
    """A few kilobytes that say they are half a gigapixel."""
    buffer = io.BytesIO()
    Image.new("1", (25_000, 20_000)).save(buffer, "PNG")
    return buffer.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "photo.jpg"),
    "svg": (lambda: SVG, "photo.svg"),
    "svg called png": (lambda: SVG, "photo.png"),
    "html": (lambda: HTML, "page.html"),
    "html called pdf": (lambda: HTML, "page.pdf"),
    "gif and script": (lambda: b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//", "both.gif"),
    "gif and script called jpg": (lambda: b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//", "both.jpg"),
    "png called pdf": (picture, "letter.pdf"),
    "pdf head only": (lambda: b"%PDF-1.7\n", "letter.pdf"),
    "half a jpeg": (lambda: picture("JPEG")[:200], "half.jpg"),
    "program": (lambda: b"MZ" + b"\0" * 500, "photo.jpg.exe"),
    "zip": (lambda: b"PK\x03\x04" + b"\0" * 200, "many.zip"),
    "moving gif": moving("GIF"),
    "moving gif called jpg": moving("GIF", "photo.jpg"),
    "moving webp": moving("WEBP"),
    "moving png": moving("PNG"),
    "moving png called jpg": moving("PNG", "photo.jpg"),
    "half a gigapixel": (bomb, "photo.png"),
    "svg called webp": (lambda: SVG, "photo.webp"),
    "png head, html tail, no picture": (lambda: b"\x89PNG\r\n\x1a\n" + HTML, "photo.png"),
}


@pytest.fixture(scope="module")
def target(world: World) -> tuple[Somebody, Thing]:
    """Somebody who may attach files to a thing."""
    return next(
        (who, thing)
        for thing in world.things
        if thing.type == "delegation"
        for who in world.everybody[:-1]
        if may(who, "attach", thing)
    )


def stored(world: World) -> tuple[int, int]:
    with sqlite3.connect(world.folder / "daiban.db") as rows:
        rows_now = rows.execute("SELECT count(*) FROM document").fetchone()[0]
    return rows_now, sum(
        1 for path in (world.folder / "files").rglob("*") if path.is_file() and not path.name.startswith(".")
    )


@pytest.mark.req("S0-27")
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_refused_with_a_sentence(world: World, target: tuple[Somebody, Thing], name: str) -> None:
    who, thing = target
    make, filename = HOSTILE[name]
    before = stored(world)
    page = world.ask(
        who,
        "POST",
        f"/c/{thing.uid}/documents",
        data={"file": (io.BytesIO(make()), filename)},
        content_type="multipart/form-data",
    )
    assert 400 <= page.status_code < 500
    sentence = page.get_data(as_text=True).partition("<main")[2]
    assert any("\u4e00" <= char <= "\u9fff" for char in sentence) and "Traceback" not in sentence
    api = world.ask(
        who,
        "POST",
        f"/api/v1/contents/{thing.uid}/documents",
        data={"file": (io.BytesIO(make()), filename)},
        content_type="multipart/form-data",
    )
    assert 400 <= api.status_code < 500 and api.get_json()["detail"]
    assert stored(world) == before


def test_inks_become_colours() -> None:
    """A picture for a printing press is kept as one for a screen, without its comments."""
    buffer = io.BytesIO()
    Image.new("CMYK", (40, 30), (0, 200, 200, 0)).save(buffer, "JPEG", comment=b"<script>alert(1)</script>")
    buffer.seek(0)
    kept = uploads.inspect(buffer, "press.jpg").content
    assert Image.open(io.BytesIO(kept)).mode == "RGB" and b"script" not in kept


def test_too_large_is_refused_before_it_is_read(world: World, target: tuple[Somebody, Thing]) -> None:
    who, thing = target
    before = stored(world)
    large = io.BytesIO(b"\xff\xd8\xff" + b"\0" * 50_000_000)
    answer = world.ask(
        who,
        "POST",
        f"/c/{thing.uid}/documents",
        data={"file": (large, "large.jpg")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 413 and "MB" in answer.get_data(as_text=True)
    assert stored(world) == before


@pytest.mark.parametrize(
    "filename",
    [
        "../../etc/passwd.png",
        "..\\..\\boot.png",
        "a\0b.png",
        "\u202egnp.exe.png",
        "x" * 400 + ".png",
        "<script>.png",
        'q"uo\r\nX-Evil: 1.png',
        "CON.png",
        "名字 空格.png",
    ],
)
def test_odd_names_are_made_harmless(world: World, target: tuple[Somebody, Thing], filename: str) -> None:
    """The name is only words: no path, no header, no direction, and nothing of the picture's metadata survives."""
    who, thing = target
    comment = Image.Exif()
    comment[0x010E] = "<script>alert(1)</script>"
    data = picture("PNG", exif=comment)
    answer = world.ask(
        who,
        "POST",
        f"/api/v1/contents/{thing.uid}/documents",
        data={"file": (io.BytesIO(data), filename)},
        content_type="multipart/form-data",
    )
    assert answer.status_code in (201, 400, 422), answer.get_data(as_text=True)
    if answer.status_code == 201:
        kept = answer.get_json()["filename"]
        assert not set(kept) & set('/\\\0<>"\r\n\u202e') and len(kept) <= 100
    assert not Path("/etc/passwd.png").exists()


def test_files_are_served_so_that_they_cannot_act(world: World) -> None:
    """nosniff, a sandbox, and never as a page."""
    thing = next(t for t in world.things if t.documents)
    who = next(w for w in world.everybody[:-1] if may(w, "view_full", thing))
    for path in (
        f"/c/{thing.uid}/documents/{thing.documents[0][0]}",
        f"/api/v1/contents/{thing.uid}/documents/{thing.documents[0][0]}/file",
    ):
        answer = world.ask(who, "GET", path)
        assert answer.status_code == 200
        assert (
            answer.headers["X-Content-Type-Options"] == "nosniff"
            and "sandbox" in answer.headers["Content-Security-Policy"]
        )
        assert answer.mimetype in ("image/png", "image/jpeg", "application/pdf")
        assert not answer.get_data().lstrip().startswith(b"<")
