"""Documents of a thing: what was scanned, photographed or signed, cleaned before it is kept."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from PIL import Image
from sqlalchemy.orm import Session

from models.case import Material
from models.content import Content
from models.paper import Document
from process.access import Actor
from process.refusals import InvalidInput
from services import pictures, uploads
from services.storage import FileStore

PURPOSES = ("material", "photo", "signature", "attachment")
MAX_SIGNATURE = 2_000_000
# A dot is a slip of the finger, not a name: fewer dark pixels than this are no stroke.
MIN_INK = 20
_INK = 128
_store: FileStore | None = None
# Told of every document kept, in the same transaction: session, thing, document, who.
listeners: list[Callable[[Session, Content, Document, Actor], None]] = []


def configure(root: str | Path) -> None:
    """Names the folder (or its file: address) in which files are kept; called once when the application is made."""
    global _store
    parts = urlsplit(str(root))
    if parts.scheme not in ("", "file"):
        raise RuntimeError(f"STORAGE_URL: files are kept in a folder here; {parts.scheme}: is not supported")
    _store = FileStore(unquote(parts.path) if parts.scheme else root)


def store() -> FileStore:
    """Where the bytes lie."""
    if _store is None:
        raise RuntimeError("services.files.configure(root) was not called")
    return _store


def store_document(
    session: Session,
    content: Content,
    actor: Actor,
    data: bytes,
    filename: str,
    purpose: str = "material",
    material: Material | None = None,
) -> Document:
    """Keeps an uploaded file with a thing; what the file claims to be is checked by opening it."""
    if purpose not in PURPOSES:
        raise InvalidInput("不知道这个文件作什么用，请刷新页面后重新上传。", {"purpose": "用途不对"})
    clean = uploads.inspect(io.BytesIO(data), filename)
    if purpose in ("photo", "signature") and not clean.media_type.startswith("image/"):
        raise InvalidInput("这里要的是照片，请拍照或选择图片文件。", {"photos": "不是图片"})
    small = uploads.thumbnail(clean.content) if clean.media_type.startswith("image/") else None
    return _keep(session, content, actor, clean.content, clean.media_type, clean.filename, purpose, material, small)


def store_signature(session: Session, content: Content, actor: Actor, data_url: str, label: str) -> Document:
    """Keeps a signature drawn on the screen; an empty pad is not a signature."""
    return _keep(session, content, actor, signature_png(data_url), "image/png", f"{label}.png", "signature", None, None)


def signature_png(data_url: object) -> bytes:
    """Our own encoding of the drawn strokes, cut to them; refuses what is no picture or has no stroke."""
    text = data_url if isinstance(data_url, str) else ""
    head, _, body = text.partition(",")
    if not head.startswith("data:image/png") or not head.endswith(";base64") or len(text) > MAX_SIGNATURE:
        raise _unsigned("签名没有收到，请在签名框里重新签名。")
    try:
        raw = base64.b64decode(body, validate=True)
        with pictures.opened(raw, ("PNG",)) as opened:
            if opened.width * opened.height > 16_000_000:
                raise _unsigned("签名图片太大，请在签名框里重新签名。")
            opened.load()
            layer = opened.convert("RGBA")
    except InvalidInput:
        raise
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise _unsigned("签名图片打不开，请在签名框里重新签名。") from error
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer.getchannel("A"))
    ink = flat.convert("L").point(lambda value: 255 if value < _INK else 0)
    if ink.histogram()[255] < MIN_INK:
        raise _unsigned("签名框里没有笔迹，请委托人或签收人亲手签名；不能书写的按指印，并写明两名见证人。")
    left, top, right, bottom = ink.getbbox() or (0, 0, *ink.size)
    flat = flat.crop((max(left - 8, 0), max(top - 8, 0), min(right + 8, flat.width), min(bottom + 8, flat.height)))
    target = io.BytesIO()
    flat.save(target, "PNG", optimize=True)
    return target.getvalue()


def _unsigned(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, {"signature": sentence})


def _keep(
    session: Session,
    content: Content,
    actor: Actor,
    data: bytes,
    media_type: str,
    filename: str,
    purpose: str,
    material: Material | None,
    small: bytes | None,
) -> Document:
    key = store().put(data, media_type)
    document = Document(
        content_id=content.id,
        material_id=material.id if material else None,
        purpose=purpose,
        filename=filename[:200],
        media_type=media_type,
        size=len(data),
        sha256=key,
        storage_key=key,
        thumbnail_key=store().put(small, "image/jpeg") if small else None,
        uploaded_by_id=actor.person_id,
    )
    session.add(document)
    session.flush()
    for listener in listeners:
        listener(session, content, document, actor)
    return document
