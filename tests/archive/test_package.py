"""The package of a dossier: what is in it, the same bytes for the same dossier, and every change of it named."""

from __future__ import annotations

import copy
import io
import json
import random
import subprocess
import zipfile
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from models.paper import Document
from process import journal
from services import files
from services.archive import dossier, package, shelf, verify
from services.trust import keystore
from tests.archive.files import built, closed, work

SEED = 20261122


@pytest.fixture
def entry(session, actor):
    return built(session, actor)


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The first package made here, with the trust of its day: checking it needs neither database nor office."""
    return {}


@pytest.fixture
def body(kept, request) -> bytes:
    if not kept:
        entry = request.getfixturevalue("entry")
        kept.update(body=files.store().read(entry.package_key), trusted=verify.own())
        kept["key"] = keystore.ring().current(keystore.PAPER).id
    return kept["body"]


@pytest.fixture
def checked(kept, body) -> Callable[[bytes], list[verify.Line]]:
    return lambda content: verify.check(io.BytesIO(content), kept["trusted"])


@pytest.fixture
def said(checked) -> Callable[[bytes], dict[str, tuple[str, str]]]:
    return lambda content: {line.what: (line.state, line.said) for line in checked(content)}


def repacked(content: bytes, change) -> bytes:
    """The package taken apart, changed by whoever wants to cheat, and packed again as the product packs."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts = change(parts) or parts
    out = io.BytesIO()
    writer = package.Writer(out)
    for name, data in parts.items():
        writer.add(package.Member(name, len(data), package.whole(data)))
    writer.close()
    return out.getvalue()


def test_papers_materials_history_and_metadata_are_in_it(session, entry):
    body = files.store().read(entry.package_key)
    with zipfile.ZipFile(io.BytesIO(body)) as opened:
        names = opened.namelist()
        root = ElementTree.fromstring(opened.read("metadata.xml"))
        index = opened.read("目录.html").decode()
        history = json.loads(opened.read("history.json"))["rows"]
    fields = {one.get("name"): one.text for one in root.findall("field")}
    case = entry.case
    assert fields["document_number"] == case.number and fields["archive_number"] == entry.number
    assert fields["retention"] in ("永久", "30年", "10年") and fields["fonds_name"] == entry.unit.name
    assert fields["applicant"] == "林若琳" and int(fields["pages"]) >= 2
    papers = dossier.papers_of(session, [one.id for one in dossier.things(session, case)])
    assert sum(name.startswith("papers/") for name in names) == len(papers) >= 2
    assert sum(name.startswith("materials/") for name in names) >= 1
    classes = {one.find("field[@name='retention']").text for one in root.find("files")}
    assert classes and classes <= {"永久", "30年", "10年"}
    assert "卷内文件目录" in index and entry.number in index and case.number in index
    assert {row["action"] for row in history} >= {"case:accept", "case:approve", "certificate:number", "case:deliver"}
    for name in names:
        if name.startswith("papers/"):
            with zipfile.ZipFile(io.BytesIO(body)) as opened:
                assert opened.read(name)[:5] == b"%PDF-"


def test_the_same_dossier_gives_the_same_bytes_and_the_journal_stays_whole(session, entry):
    found = dossier.gather(session, entry)
    one, two = io.BytesIO(), io.BytesIO()
    package.write(found, one)
    package.write(found, two)
    assert one.getvalue() == two.getvalue()
    session.expire_all()
    again = io.BytesIO()
    package.write(dossier.gather(session, entry), again)
    assert again.getvalue() == one.getvalue()
    assert journal.verify(session)[1] is None


def test_what_nobody_touched_is_whole(body, checked):
    lines = checked(body)
    assert verify.is_whole(lines), [line for line in lines if line.state != verify.OK]
    assert {"归档包", "signature.json", "history.json", "metadata.xml"} <= {line.what for line in lines}


def test_a_changed_byte_a_missing_and_an_added_file_are_named(body, said):
    with zipfile.ZipFile(io.BytesIO(body)) as opened:
        paper = next(name for name in opened.namelist() if name.startswith("papers/"))

    def flip(parts):
        data = bytearray(parts[paper])
        data[len(data) // 2] ^= 1
        parts[paper] = bytes(data)

    assert said(repacked(body, flip))[paper] == ("bad", "内容被改动过（与清单的校验值不符）")
    assert said(repacked(body, lambda parts: parts.pop(paper) and None))[paper] == ("bad", "缺少这个文件")
    added = said(repacked(body, lambda parts: {**parts, "papers/9999_伪造.pdf": b"%PDF-"}))
    assert added["papers/9999_伪造.pdf"] == ("bad", "清单里没有，是后来加进来的")
    assert added[paper][0] == "ok"


def test_whoever_mends_the_manifest_too_breaks_the_signature(body, said):
    def forge(parts):
        manifest = json.loads(parts["manifest.json"])
        parts["metadata.xml"] = parts["metadata.xml"].replace("林若琳".encode(), "林若彤".encode())
        import hashlib

        manifest["files"]["metadata.xml"]["sha256"] = hashlib.sha256(parts["metadata.xml"]).hexdigest()
        parts["manifest.json"] = json.dumps(manifest, ensure_ascii=False).encode()

    found = said(repacked(body, forge))
    assert found["metadata.xml"][0] == "ok" and found["signature.json"] == ("bad", "签名不对：清单在签名以后被改动过")


def test_a_signature_of_somebody_elses_root_counts_nothing(body, kept):
    lines = verify.check(io.BytesIO(body), verify.Trusted(frozenset({"0" * 64})))
    line = next(line for line in lines if line.what == "signature.json")
    assert line.state == verify.BAD and "根证书不在信任的名单里" in line.said
    withdrawn = verify.Trusted(kept["trusted"].roots, frozenset({kept["key"]}))
    assert any("已被撤销" in line.said for line in verify.check(io.BytesIO(body), withdrawn))


def test_a_row_of_the_history_taken_out_or_changed_is_found_even_before_the_hashes(body, checked):
    def without(parts):
        history = json.loads(parts["history.json"])
        del history["rows"][2]
        parts["history.json"] = json.dumps(history, ensure_ascii=False).encode()

    def changed(parts):
        history = json.loads(parts["history.json"])
        history["rows"][1]["comment"] = "另一句话"
        parts["history.json"] = json.dumps(history, ensure_ascii=False).encode()

    def of(content):
        return [line.said for line in checked(content) if line.what == "history.json"]

    assert "第 3 条接不上前一条，中间少了或者插入了经过" in of(repacked(body, without))
    assert "第 2 条经过被改动过" in of(repacked(body, changed))


def test_no_byte_anywhere_can_be_flipped_unnoticed(body, checked):
    chance = random.Random(SEED)
    # The whole directory at the end and the first header, and a fair choice of the rest.
    places = {*range(60), *range(len(body) - 200, len(body)), *chance.sample(range(len(body)), 60)}
    for place in sorted(places)[::3]:
        data = bytearray(body)
        data[place] ^= 1 << chance.randrange(8)
        lines = checked(bytes(data))
        assert not verify.is_whole(lines), f"byte {place} of {len(body)} (seed {SEED})"
    assert not verify.is_whole(checked(body + b"\0"))
    assert not verify.is_whole(checked(b"\0" + body))


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 40, b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_package_is_told_so(content):
    lines = verify.check(io.BytesIO(content), verify.Trusted())
    assert lines and not verify.is_whole(lines)


def test_a_bomb_is_not_unpacked():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("manifest.json", b"[" * 50_000_000)
    lines = verify.check(out, verify.Trusted())
    assert [line.said for line in lines] == ["里面有压缩或加密的文件，本系统的归档包没有这样的，不再往下看"]


def test_one_file_told_as_a_thousand_is_not_read_a_thousand_times():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as bomb:
        bomb.writestr("manifest.json", b"{}" * 5000)
        first = bomb.infolist()[0]
        for number in range(50):
            other = copy.copy(first)
            other.filename = f"papers/{number}.pdf"
            bomb.filelist.append(other)
            bomb.NameToInfo[other.filename] = other
    (line,) = verify.check(out, verify.Trusted())
    assert line.state == verify.BAD and "重叠" in line.said


def test_the_signature_can_be_checked_by_openssl_alone(body, tmp_path: Path):
    with zipfile.ZipFile(io.BytesIO(body)) as opened:
        signature = json.loads(opened.read("signature.json"))
        (tmp_path / "manifest.json").write_bytes(opened.read("manifest.json"))
    leaf = x509.load_pem_x509_certificate(signature["certificates"][0].encode())
    public = leaf.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(public)
    (tmp_path / "sig").write_bytes(b64decode(signature["signature"]))
    done = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key.pem", "-signature", "sig", "manifest.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "Verified OK" in done.stdout, done.stderr


def test_a_damaged_or_lost_file_stops_the_package_by_name(session, actor):
    case = closed(session, actor)
    document = session.query(Document).filter_by(content_id=case.id, purpose="material").first()
    path = files.store().path(document.storage_key)
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"?")
    (entry,) = shelf.begin(session, actor("issuer"), [case.uid])
    work(session)
    assert entry.status == shelf.FAILED and "已损坏" in entry.problem
    path.unlink()
    shelf.begin(session, actor("issuer"), [case.uid])
    work(session)
    assert entry.status == shelf.FAILED and "不在存储里" in entry.problem
    path.write_bytes(good)
    shelf.begin(session, actor("issuer"), [case.uid])
    work(session)
    assert entry.status == shelf.BUILT and not entry.problem
