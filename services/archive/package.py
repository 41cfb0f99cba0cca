"""归档包: the dossier of a case as one file that proves itself: a hash of every part, and one signature over the hashes."""

from __future__ import annotations

import base64
import json
import tempfile
from dataclasses import dataclass
from datetime import UTC
from typing import BinaryIO

import pikepdf
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from process.digests import canonical
from process.refusals import RequirementUnmet
from services import files
from services.archive import contents
from services.archive.container import Member, Writer, pieces, whole
from services.archive.contents import Line
from services.archive.dossier import Dossier, Piece
from services.trust import keystore
from services.trust.keystore import Key

METADATA, INDEX, HISTORY = "metadata.xml", "目录.html", "history.json"
MANIFEST, SIGNATURE = "manifest.json", "signature.json"
FORMAT = "daiban-archive-1"
ALGORITHM = "RSASSA-PKCS1-v1_5 SHA-256"


@dataclass(frozen=True)
class Made:
    """Where the finished package lies."""

    key: str
    size: int


def store(dossier: Dossier) -> Made:
    """Writes the package beside the other stored files; the key is its SHA-256."""
    with tempfile.TemporaryFile() as target:
        write(dossier, target)
        size = target.tell()
        target.seek(0)
        return Made(files.store().put(target, "application/zip"), size)


def write(dossier: Dossier, target: BinaryIO, key: Key | None = None) -> None:
    """Writes the package; the same dossier and key give the same bytes, of whatever size without holding them."""
    key = key or keystore.ring().current(keystore.PAPER)
    out = Writer(target)
    lines = [_copy(out, one) for one in dossier.pieces]
    history = json.dumps({"rows": dossier.history}, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    for name, body in (
        (METADATA, contents.metadata(dossier, lines)),
        (INDEX, contents.index(dossier, lines)),
        (HISTORY, history),
    ):
        out.add(Member(name, len(body), whole(body)))
    manifest = canonical(
        {
            "format": FORMAT,
            "archive_number": dossier.fields["archive_number"],
            "document_number": dossier.fields["document_number"],
            "made_at": dossier.made_at.astimezone(UTC).isoformat(timespec="seconds"),
            "files": {name: {"sha256": digest, "size": size} for name, (digest, size) in out.hashes.items()},
        }
    ).encode()
    signature = canonical(
        {
            "algorithm": ALGORITHM,
            "key": key.id,
            "certificates": list(key.chain),
            "signature": base64.b64encode(key.rsa_key.sign(manifest, padding.PKCS1v15(), hashes.SHA256())).decode(),
        }
    ).encode()
    out.add(Member(MANIFEST, len(manifest), whole(manifest)))
    out.add(Member(SIGNATURE, len(signature), whole(signature)))
    out.close()


def _copy(out: Writer, piece: Piece) -> Line:
    store = files.store()
    try:
        size = store.size(piece.key)
        digest = out.add(Member(piece.name, size, pieces(store.open(piece.key))))
    except FileNotFoundError as error:
        raise RequirementUnmet(
            f"“{piece.title}”的文件不在存储里，归档包没有生成。请管理员从备份恢复这个文件后再办。"
        ) from error
    if digest != piece.key:
        raise RequirementUnmet(f"“{piece.title}”的文件已损坏，归档包没有生成。请管理员从备份恢复这个文件后再办。")
    return Line(piece, digest, size, _pages(piece))


def _pages(piece: Piece) -> int | None:
    if piece.media_type != "application/pdf":
        return 1
    try:
        with pikepdf.open(files.store().path(piece.key)) as document:
            return len(document.pages)
    except pikepdf.PdfError:
        return None
