"""Is this package what was once signed? Line by line, with nothing but the file and the root certificate one trusts."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from process import digests
from process.digests import GENESIS
from services.archive import package
from services.archive.container import CHUNK, Member, Writer, same_bytes

OK, BAD = "ok", "bad"
# A manifest of a million files would still be smaller.
LONGEST_JSON = 256 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """One thing that was looked at, and how it stands."""

    state: str
    what: str
    said: str


@dataclass(frozen=True)
class Trusted:
    """Fingerprints of the root certificates one trusts, and ids of keys that were withdrawn."""

    roots: frozenset[str] = frozenset()
    withdrawn: frozenset[str] = frozenset()


def fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def own() -> Trusted:
    """What this installation itself trusts."""
    from services.trust import keystore

    ring = keystore.ring()
    root = x509.load_pem_x509_certificate(ring.root.encode())
    return Trusted(frozenset({fingerprint(root)}), frozenset(key.id for key in ring.keys if key.revoked is not None))


def is_whole(lines: Iterable[Line]) -> bool:
    return all(line.state == OK for line in lines)


def check(file: BinaryIO, trusted: Trusted) -> list[Line]:
    """Everything that can be said of this file; it is trusted with nothing."""
    try:
        with zipfile.ZipFile(file) as opened:
            return list(_check(opened, file, trusted))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        return [Line(BAD, "归档包", f"打不开：不是归档包，或者已经损坏（{type(error).__name__}）")]


def _check(opened: zipfile.ZipFile, file: BinaryIO, trusted: Trusted) -> Iterator[Line]:
    parts = opened.infolist()
    names = [part.filename for part in parts]
    if any(part.compress_type != zipfile.ZIP_STORED or part.flag_bits & 1 for part in parts):
        yield Line(BAD, "归档包", "里面有压缩或加密的文件，本系统的归档包没有这样的，不再往下看")
        return
    file.seek(0, os.SEEK_END)
    if sum(part.file_size for part in parts) > file.tell():
        yield Line(BAD, "归档包", "里面的文件互相重叠，本系统的归档包没有这样的，不再往下看")
        return
    for name in sorted(name for name, count in Counter(names).items() if count > 1):
        yield Line(BAD, name, "在包里出现了两次")
    manifest = _json(opened, package.MANIFEST)
    if not isinstance(manifest, dict) or not _plain_files(manifest):
        yield Line(BAD, package.MANIFEST, "清单缺失或读不懂，无法核对")
        return
    known: dict[str, dict[str, Any]] = manifest["files"]
    if manifest.get("format") != package.FORMAT:
        yield Line(BAD, package.MANIFEST, f"格式是“{str(manifest.get('format'))[:40]}”，这个版本不认识")
    yield _signature(opened, trusted)
    present = set(names)
    for name, said in known.items():
        yield _file(opened, name, said) if name in present else Line(BAD, name, "缺少这个文件")
    for name in sorted(present - set(known) - {package.MANIFEST, package.SIGNATURE}):
        yield Line(BAD, name, "清单里没有，是后来加进来的")
    yield from _history(opened)
    if len(names) == len(present):
        yield _container(opened, file)


def _plain_files(manifest: dict[str, Any]) -> bool:
    found = manifest.get("files")
    return isinstance(found, dict) and all(
        isinstance(said, dict) and isinstance(said.get("sha256"), str) and isinstance(said.get("size"), int)
        for said in found.values()
    )


def _json(opened: zipfile.ZipFile, name: str) -> Any:
    try:
        if opened.getinfo(name).file_size > LONGEST_JSON:
            return None
        return json.loads(opened.read(name))
    except (KeyError, ValueError, zipfile.BadZipFile, RecursionError, EOFError, OSError):
        return None


def _file(opened: zipfile.ZipFile, name: str, said: dict[str, Any]) -> Line:
    digest, size = hashlib.sha256(), 0
    try:
        with opened.open(name) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except (zipfile.BadZipFile, EOFError, OSError):
        return Line(BAD, name, "内容被改动过（与清单的校验值不符）")
    if (digest.hexdigest(), size) != (said["sha256"], said["size"]):
        return Line(BAD, name, "内容被改动过（与清单的校验值不符）")
    return Line(OK, name, "与清单一致")


def _signature(opened: zipfile.ZipFile, trusted: Trusted) -> Line:
    """The manifest as signed by a key whose certificate leads to a root one trusts."""
    name, said = package.SIGNATURE, _json(opened, package.SIGNATURE)
    try:
        chain = [x509.load_pem_x509_certificate(one.encode()) for one in said["certificates"]]
        signature = base64.b64decode(said["signature"], validate=True)
        leaf, root = chain
        signer = leaf.public_key()
        if said["algorithm"] != package.ALGORITHM or not isinstance(signer, rsa.RSAPublicKey):
            return Line(BAD, name, "签名的算法不认识")
        signer.verify(signature, opened.read(package.MANIFEST), padding.PKCS1v15(), hashes.SHA256())
        leaf.verify_directly_issued_by(root)
        root.verify_directly_issued_by(root)
    except InvalidSignature:
        return Line(BAD, name, "签名不对：清单在签名以后被改动过")
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, zipfile.BadZipFile):
        return Line(BAD, name, "签名缺失或读不懂")
    found = fingerprint(root)
    if found not in trusted.roots:
        return Line(BAD, name, f"签名的根证书不在信任的名单里，指纹 {found[:16]}")
    if str(said.get("key")) in trusted.withdrawn:
        return Line(BAD, name, "签名用的密钥已被撤销，不能再作凭据")
    holder = leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    who = str(holder[0].value) if holder else ""
    return Line(OK, name, f"由{who}签名，签名有效")


def _history(opened: zipfile.ZipFile) -> Iterator[Line]:
    """Every row hashed anew, each following the one before in its stream."""
    said = _json(opened, package.HISTORY)
    try:
        rows = said["rows"]
        ends: dict[str, tuple[int, str]] = {}
        for number, row in enumerate(rows, 1):
            seq, previous = ends.get(row["stream"], (0, GENESIS))
            if row["algorithm"] not in digests.ALGORITHMS:
                yield Line(BAD, package.HISTORY, f"第 {number} 条用的算法不认识")
                return
            fields = tuple(row[name] for name in digests.FIELDS)
            if row["seq"] != seq + 1 or row["previous"] != previous:
                yield Line(BAD, package.HISTORY, f"第 {number} 条接不上前一条，中间少了或者插入了经过")
                return
            if digests.digest(row["algorithm"], fields) != row["digest"]:
                yield Line(BAD, package.HISTORY, f"第 {number} 条经过被改动过")
                return
            ends[row["stream"]] = (seq + 1, row["digest"])
    except (KeyError, TypeError, ValueError, AttributeError):
        yield Line(BAD, package.HISTORY, "办理经过缺失或读不懂")
        return
    yield Line(OK, package.HISTORY, f"办理经过 {len(rows)} 条，前后相接")


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _container(opened: zipfile.ZipFile, file: BinaryIO) -> Line:
    """Packed anew the file must come out the same to the last byte: nothing hides between the files or behind them."""
    try:
        with tempfile.TemporaryFile() as again:
            out = Writer(again)
            for part in opened.infolist():
                with opened.open(part) as stream:
                    out.add(Member(part.filename, part.file_size, _chunks(stream)))
            out.close()
            if same_bytes(file, again):
                return Line(OK, "归档包", "结构完整，没有夹带")
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, UnicodeError):
        return Line(BAD, "归档包", "结构被改动过")
    return Line(BAD, "归档包", "结构被改动过：文件之间或文件头、文件尾有变动")
