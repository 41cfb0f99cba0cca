"""What people hand in: pictures are drawn afresh, PDF is opened and looked into, everything else is refused."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import dataclass
from typing import BinaryIO

import pikepdf
from PIL import Image, ImageOps

from process.refusals import InvalidInput
from services import pictures

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_SIDE = 20_000
MAX_PDF_PAGES = 300
THUMBNAIL = 320
ALLOWED = "JPG、PNG、WebP 图片和 PDF 文件"
_CHUNK = 1 << 16
_EXTENSIONS = {"JPEG": {"jpg", "jpeg", "jpe"}, "PNG": {"png"}, "WEBP": {"webp"}, "PDF": {"pdf"}}
_MEDIA = {"JPEG": ("image/jpeg", "jpg"), "PNG": ("image/png", "png"), "WEBP": ("image/jpeg", "jpg")}
_PDF_FORBIDDEN = {
    "/JavaScript": "脚本",
    "/JS": "脚本",
    "/Launch": "启动程序的指令",
    "/EmbeddedFiles": "附件",
    "/EmbeddedFile": "附件",
    "/RichMedia": "多媒体",
    "/XFA": "动态表单",
    "/GoToE": "附件链接",
    "/ImportData": "导入数据的指令",
    "/SubmitForm": "外发数据的指令",
}


class UploadRefused(InvalidInput):
    """A file that is not taken; the sentence says why and what would be."""

    slug = "upload-refused"
    title = "文件没有收下"


@dataclass(frozen=True)
class CleanUpload:
    """A file that may be stored: our own encoding of a picture, or a PDF without moving parts."""

    content: bytes
    media_type: str
    filename: str
    width: int | None = None
    height: int | None = None
    pages: int | None = None


def inspect(stream: BinaryIO, filename: str, max_bytes: int = MAX_BYTES) -> CleanUpload:
    """The clean file, or UploadRefused; at most `max_bytes` are ever read."""
    name = clean_filename(filename)
    content = _read(stream, max_bytes)
    if not content:
        raise UploadRefused(f"“{name}”是空文件（0 字节），请重新选择或重新拍照。")
    kind = _kind(content)
    if kind is None:
        raise UploadRefused(f"“{name}”不是可以收的文件。只收 {ALLOWED}，请转换后再上传。")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension not in _EXTENSIONS[kind]:
        raise UploadRefused(f"“{name}”的内容是 {kind} 文件，与扩展名不符，请改正扩展名或重新导出后再上传。")
    return _pdf(content, name) if kind == "PDF" else _picture(content, name, kind)


def thumbnail(content: bytes) -> bytes:
    """A JPEG of at most 320 px for lists; only for pictures that `inspect` returned."""
    with _open_picture(content) as picture:
        picture.draft("RGB", (THUMBNAIL * 2, THUMBNAIL * 2))
        picture.load()
        small = _flat(ImageOps.exif_transpose(picture))
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _encode(small, "JPEG", quality=80)


def clean_filename(filename: str) -> str:
    """The last part of the name without path, control, direction or reserved characters, at most 100 characters."""
    name = unicodedata.normalize("NFC", str(filename).encode("utf-8", "replace").decode("utf-8"))
    name = re.split(r"[\\/]", name.replace("\0", ""))[-1]
    name = "".join(char for char in name if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
    name = re.sub(r'[<>:"|?*;]', "_", name).strip(" .")
    stem, dot, extension = name.rpartition(".")
    if not dot:
        stem, extension = name, ""
    stem = stem.strip(" .")[:80] or "未命名"
    extension = re.sub(r"[^A-Za-z0-9]", "", extension)[:10]
    return f"{stem}.{extension}" if extension else stem


def _read(stream: BinaryIO, max_bytes: int) -> bytes:
    parts, size = [], 0
    while chunk := stream.read(min(_CHUNK, max_bytes + 1 - size)):
        parts.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise UploadRefused(f"文件超过 {max_bytes // 2**20 or 1} MB，请压缩、降低分辨率或分成几个文件上传。")
    return b"".join(parts)


def _kind(content: bytes) -> str | None:
    """By the first bytes only; decoding is what proves it."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return "PDF" if content.startswith(b"%PDF-") else None


def _open_picture(content: bytes) -> Image.Image:
    return pictures.opened(content, ("JPEG", "PNG", "WEBP"))


def _picture(content: bytes, name: str, kind: str) -> CleanUpload:
    try:
        if kind == "WEBP" and int.from_bytes(content[4:8], "little") + 8 > len(content):
            raise OSError("shorter than it says")
        with _open_picture(content) as opened:
            if opened.width * opened.height > MAX_PIXELS or max(opened.size) > MAX_SIDE:
                raise UploadRefused(
                    f"“{name}”有 {opened.width}×{opened.height} 像素，太大了，"
                    f"请降低分辨率（不超过 {MAX_PIXELS // 10000} 万像素）后再上传。"
                )
            # A telephone's JPEG may carry a second one, of the depth or a preview; that is still one photograph.
            if kind != "JPEG" and getattr(opened, "n_frames", 1) > 1:
                raise UploadRefused(f"“{name}”是会动的图片，只能收一张不动的，请截一张图或重新拍照后再上传。")
            opened.load()
            picture = ImageOps.exif_transpose(opened)
            alpha = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
            clean = Image.new("RGBA", picture.size) if alpha and kind == "PNG" else None
            if clean is not None:
                clean.paste(picture.convert("RGBA"))
            else:
                clean = _flat(picture)
    except UploadRefused:
        raise
    except Image.DecompressionBombError:
        raise UploadRefused(f"“{name}”像素过多，请降低分辨率后再上传。") from None
    except Exception as error:  # decoders raise almost anything on damaged data
        raise UploadRefused(f"“{name}”已损坏或不完整，打不开，请重新拍照或重新导出后再上传。") from error
    media_type, extension = _MEDIA[kind]
    encoded = _encode(clean, "PNG") if kind == "PNG" else _encode(clean, "JPEG", quality=88, optimize=True)
    return CleanUpload(encoded, media_type, f"{name.rpartition('.')[0]}.{extension}", clean.width, clean.height)


def _flat(picture: Image.Image) -> Image.Image:
    """Pixels only, on white: no metadata, profiles, text chunks or trailing bytes survive."""
    ground = Image.new("RGB", picture.size, "white")
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground.paste(layer, mask=layer.getchannel("A"))
    else:
        ground.paste(picture.convert("RGB"))
    return ground


def _encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def _pdf(content: bytes, name: str) -> CleanUpload:
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            if document.is_encrypted:
                raise UploadRefused(f"“{name}”加了密码或权限限制，请去掉密码后再上传。")
            pages = len(document.pages)
            found = _moving_part(document)
    except UploadRefused:
        raise
    except pikepdf.PasswordError:
        raise UploadRefused(f"“{name}”加了密码，请去掉密码后再上传。") from None
    except Exception as error:  # a damaged file fails in many ways, all mean the same to the person
        raise UploadRefused(f"“{name}”已损坏，不是完整的 PDF，请重新导出后再上传。") from error
    if found:
        raise UploadRefused(f"“{name}”里含有{found}，不能收。请打印成普通 PDF 或拍照后再上传。")
    if not 1 <= pages <= MAX_PDF_PAGES:
        raise UploadRefused(f"“{name}”有 {pages} 页，只收 1 到 {MAX_PDF_PAGES} 页的 PDF，请分成几个文件上传。")
    return CleanUpload(content, "application/pdf", name, pages=pages)


def _moving_part(document: pikepdf.Pdf) -> str:
    """The Chinese word for the first thing in the file that could act or carry another file."""
    for item in document.objects:
        value: object = item
        if isinstance(value, (pikepdf.Dictionary, pikepdf.Stream)):
            found = _in_dictionary(value, 0)
            if found:
                return found
        elif isinstance(value, pikepdf.Array):
            found = _in_array(value, 0)
            if found:
                return found
    return _in_dictionary(document.trailer, 0)


def _in_dictionary(value: pikepdf.Object, depth: int) -> str:
    for key in set(value.keys()):
        if key in _PDF_FORBIDDEN:
            return _PDF_FORBIDDEN[key]
        child = value.get(key)
        if isinstance(child, pikepdf.Name):
            if str(child) in _PDF_FORBIDDEN and key in {"/S", "/Type", "/Subtype"}:
                return _PDF_FORBIDDEN[str(child)]
        elif isinstance(child, pikepdf.Object) and not child.is_indirect and depth < 50:
            found = ""
            if isinstance(child, pikepdf.Dictionary):
                found = _in_dictionary(child, depth + 1)
            elif isinstance(child, pikepdf.Array):
                found = _in_array(child, depth + 1)
            if found:
                return found
    return ""


def _in_array(value: pikepdf.Object, depth: int) -> str:
    for child in value:
        if isinstance(child, pikepdf.Object) and not child.is_indirect and depth < 50:
            found = ""
            if isinstance(child, pikepdf.Dictionary):
                found = _in_dictionary(child, depth + 1)
            elif isinstance(child, pikepdf.Array):
                found = _in_array(child, depth + 1)
            if found:
                return found
    return ""
