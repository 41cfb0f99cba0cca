"""What is taken in is drawn afresh or looked through; what is refused is refused with a sentence."""

from __future__ import annotations

import base64
import io
import random
import struct
import zipfile
import zlib
from typing import Any

import pikepdf
import pytest
from PIL import Image, ImageFile

from process.refusals import InvalidInput
from services.files import signature_png
from services.uploads import MAX_BYTES, UploadRefused, clean_filename, inspect, thumbnail


def picture(kind: str = "JPEG", size: tuple[int, int] = (640, 480), mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    image = Image.effect_noise(size, 40).convert(mode)
    image.save(target, kind, **options)
    return target.getvalue()


def pdf(change: Any = None, **options: Any) -> bytes:
    with pikepdf.new() as document:
        document.add_blank_page(page_size=(595, 842))
        if change:
            change(document)
        target = io.BytesIO()
        document.save(target, **options)
        return target.getvalue()


def refused(content: bytes, name: str) -> str:
    with pytest.raises(UploadRefused) as no:
        inspect(io.BytesIO(content), name)
    return no.value.detail


@pytest.mark.req("S0-27")
@pytest.mark.parametrize(
    ("kind", "name", "media", "result"),
    [
        ("JPEG", "身份证.JPG", "image/jpeg", "身份证.jpg"),
        ("PNG", "户口簿.png", "image/png", "户口簿.png"),
        ("WEBP", "照片.webp", "image/jpeg", "照片.jpg"),
    ],
)
def test_pictures_are_taken_and_drawn_afresh(kind: str, name: str, media: str, result: str) -> None:
    original = picture(kind) + b"tail"
    clean = inspect(io.BytesIO(original), name)
    assert (clean.media_type, clean.filename, clean.width, clean.height) == (media, result, 640, 480)
    assert clean.content != original
    assert inspect(io.BytesIO(original), name) == clean


@pytest.mark.req("S0-27")
def test_a_plain_pdf_is_taken_as_it_is() -> None:
    content = pdf()
    clean = inspect(io.BytesIO(content), "结婚证.pdf")
    assert (clean.content, clean.media_type, clean.pages) == (content, "application/pdf", 1)


def test_an_empty_file_is_refused() -> None:
    assert "0 字节" in refused(b"", "照片.jpg")


def test_a_stream_is_cut_off_not_swallowed() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size <= 1 << 20, "asked for everything at once"
            self.given += size
            return b"\xff" * size

    stream = Endless()
    with pytest.raises(UploadRefused, match="20 MB"):
        inspect(stream, "大文件.jpg")  # type: ignore[arg-type]
    assert stream.given <= MAX_BYTES + 1
    with pytest.raises(UploadRefused, match="20 MB"):
        inspect(io.BytesIO(b"\xff\xd8\xff" + b"0" * 50_000_000), "五十兆.jpg")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"GIF89a/*" + b"\0" * 50 + b"*/=1;alert(1)//", "a.gif"),
        (b"GIF89a=1;alert(1)", "a.jpg"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg"),
        (b"<?xml version='1.0'?><svg/>", "a.png"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "a.html"),
        (b"<html>", "a.jpg"),
        (b"MZ\x90\0", "a.exe"),
        (b"\x7fELF" + b"\0" * 60, "a.pdf"),
        (b"PK\x03\x04" + b"\0" * 30, "a.docx"),
        (b"#!/bin/sh\n", "a.sh"),
        (b"\0" * 1000, "a.png"),
        (b"hello", "a.txt"),
        (b"II*\0" + b"\0" * 100, "a.tif"),
        (b"  %PDF-1.7", "a.pdf"),
        (b"%!PS-Adobe", "a.pdf"),
    ],
)
def test_everything_else_is_refused_and_told_what_is_taken(content: bytes, name: str) -> None:
    assert "JPG、PNG、WebP" in refused(content, name) and "PDF" in refused(content, name)


def test_a_zip_is_refused_under_any_name() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", b"\0" * 10_000_000)
    for name in ("a.zip", "a.pdf", "a.jpg"):
        assert "只收" in refused(target.getvalue(), name)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (picture("PNG"), "a.jpg"),
        (picture(), "a.pdf"),
        (pdf(), "a.png"),
        (picture(), "照片"),
        (picture(), "a.jpg.exe"),
        (picture(), "a.html"),
    ],
)
def test_a_wrong_extension_is_refused(content: bytes, name: str) -> None:
    assert "扩展名" in refused(content, name)


def test_a_polyglot_loses_its_second_face() -> None:
    script = b"<script>alert('polyglot')</script>"
    for kind, name in (("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")):
        clean = inspect(io.BytesIO(picture(kind) + script + b"PK\x03\x04"), name)
        assert b"polyglot" not in clean.content and b"PK\x03\x04" not in clean.content
    comment = picture("JPEG", comment=b"*/=1;alert('polyglot')//")
    assert b"polyglot" in comment and b"polyglot" not in inspect(io.BytesIO(comment), "a.jpg").content


def test_place_and_camera_are_dropped_and_the_picture_turned() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (30.0, 16.0, 0.0), 3: "E", 4: (120.0, 9.0, 0.0)})
    content = picture("JPEG", exif=exif.tobytes())
    assert b"SecretCamera" in content
    clean = inspect(io.BytesIO(content), "现场.jpg")
    assert (clean.width, clean.height) == (480, 640)
    assert b"SecretCamera" not in clean.content and b"Exif" not in clean.content
    with Image.open(io.BytesIO(clean.content)) as opened:
        assert not opened.getexif() and "icc_profile" not in opened.info


def test_a_truncated_picture_is_refused() -> None:
    import weasyprint.images  # noqa: F401  (it changes a switch of Pillow for the whole process)

    for kind, name in (("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")):
        content = picture(kind)
        assert "损坏" in refused(content[: len(content) // 2], name)


def test_half_a_signature_is_refused_wherever_pdfs_are_drawn() -> None:
    import weasyprint.images  # noqa: F401  (it changes a switch of Pillow for the whole process)

    # The switch is on from the first import alone; later ones do not turn it on again.
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    whole = picture("PNG")
    head = "data:image/png;base64,"
    assert signature_png(head + base64.b64encode(whole).decode())
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    with pytest.raises(InvalidInput, match="签名图片打不开"):
        signature_png(head + base64.b64encode(whole[: len(whole) // 2]).decode())


def test_huge_pixels_are_refused_before_they_are_unpacked() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1_000_000))
        + chunk(b"IEND", b"")
    )
    assert "像素" in refused(bomb, "a.png")
    long = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 10, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
    )
    assert "像素" in refused(long, "a.png")


def _script(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")


def _nested_script(document: pikepdf.Pdf) -> None:
    action = pikepdf.Dictionary(
        S=pikepdf.Name.URI, URI="x", Next=pikepdf.Array([pikepdf.Dictionary(S=pikepdf.Name.JavaScript)])
    )
    document.pages[0].Annots = pikepdf.Array(
        [pikepdf.Dictionary(Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link, A=action)]
    )


def _attachment(document: pikepdf.Pdf) -> None:
    document.attachments["x.exe"] = pikepdf.AttachedFileSpec(document, b"MZ")


def _launch(document: pikepdf.Pdf) -> None:
    document.Root.OpenAction = document.make_indirect(pikepdf.Dictionary(S=pikepdf.Name.Launch, F="cmd.exe"))


def _form(document: pikepdf.Pdf) -> None:
    document.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array(), XFA=document.make_stream(b"<xdp/>"))


@pytest.mark.parametrize(
    ("change", "word"),
    [(_script, "脚本"), (_nested_script, "脚本"), (_attachment, "附件"), (_launch, "启动程序"), (_form, "动态表单")],
)
@pytest.mark.parametrize("mode", [pikepdf.ObjectStreamMode.disable, pikepdf.ObjectStreamMode.generate])
def test_a_pdf_with_moving_parts_is_refused(change: Any, word: str, mode: Any) -> None:
    assert word in refused(pdf(change, object_stream_mode=mode), "a.pdf")


def test_an_encrypted_or_broken_pdf_is_refused() -> None:
    assert "密码" in refused(pdf(encryption=pikepdf.Encryption(owner="x", user="y")), "a.pdf")
    assert "密码" in refused(pdf(encryption=pikepdf.Encryption(owner="x", user="")), "a.pdf")
    assert "损坏" in refused(b"%PDF-1.7\n" + b"x" * 500, "a.pdf")


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd.jpg", "passwd.jpg"),
        ("C:\\temp\\照片.jpg", "照片.jpg"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("\u200b\u2066x.png", "x.png"),
        ("a\0.php\0.jpg", "a.php.jpg"),
        ("", "未命名"),
        ("...", "未命名"),
        ("a" * 300 + ".jpg", "a" * 80 + ".jpg"),
        ("a\r\nX: y.jpg", "aX_ y.jpg"),
        ('"<x>".jpg', "__x__.jpg"),
        (".htaccess", "htaccess"),
        ("张\ud800三.jpg", "张_三.jpg"),
    ],
)
def test_file_names_are_made_harmless(name: str, clean: str) -> None:
    assert clean_filename(name) == clean


def test_thumbnails_are_small_and_whole() -> None:
    for kind, mode in (("JPEG", "RGB"), ("PNG", "RGBA"), ("JPEG", "CMYK"), ("PNG", "L")):
        name = "a.jpg" if kind == "JPEG" else "a.png"
        clean = inspect(io.BytesIO(picture(kind, (1600, 900), mode if mode != "RGBA" else "RGB")), name)
        with Image.open(io.BytesIO(thumbnail(clean.content))) as small:
            assert small.format == "JPEG" and small.size == (320, 180)


def test_mutated_files_never_crash() -> None:
    """Seeded damage: the answer is a clean file or a sentence, nothing else."""
    rng = random.Random(7)
    originals = [
        (picture("JPEG", (90, 60)), "a.jpg"),
        (picture("PNG", (90, 60)), "a.png"),
        (picture("WEBP", (90, 60)), "a.webp"),
        (pdf(_form), "a.pdf"),
        (pdf(), "a.pdf"),
    ]
    answers = {"taken": 0, "refused": 0}
    for _ in range(600):
        content, name = rng.choice(originals)
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 12)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        if rng.random() < 0.3:
            del damaged[rng.randrange(len(damaged)) :]
        try:
            inspect(io.BytesIO(bytes(damaged)), name)
            answers["taken"] += 1
        except UploadRefused as no:
            assert no.detail
            answers["refused"] += 1
    assert min(answers.values()) > 0, answers
