"""What an uploaded folder may hold: everything else is refused with the file, the place and a sentence."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import services
from services import paper_versions
from services.papers import folders, trial
from services.papers.errors import DefinitionError
from tests.services.paper_folders import NEW_PAGE, changed, new_paper, packed, shipped


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[folders.Files], object]:
    """Unpacks and reads a folder as an upload does, without printing it."""
    monkeypatch.setattr("services.papers.prepared.place._folder", tmp_path)

    def read(files: folders.Files) -> object:
        paper_id, found = folders.read_archive(packed(files))
        whole = folders.snapshot(paper_id, found)
        return trial.read(folders.unpacked(folders.digest_of(whole), folders.packed(whole)) / paper_id)

    return read


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return target.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


def locked() -> bytes:
    """The flag of a password, in the local and in the central header."""
    data = bytearray(zipped(("x/paper.yaml", b"id: x")))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark) + offset
        struct.pack_into("<H", data, place, struct.unpack_from("<H", data, place)[0] | 1)
    return bytes(data)


def liar() -> bytes:
    """An archive that says its file is small."""
    data = bytearray(zipped(("x/paper.yaml", b"a" * 9_000_000)))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + offset, 10)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "打不开"),
        (b"not an archive", "打不开"),
        (b"PK\x03\x04" + b"\0" * 60, "打不开"),
        (packed(shipped())[:-30], "打不开"),
        (b"x" * (folders.MOST_BYTES + 1), "超过 4 MB"),
        (zipped(("x/paper.yaml", b"0" * 9_000_000)), "解开后超过 8 MB"),
        (liar(), "打不开|解开后超过"),
        (locked(), "密码"),
        (zipped(*((f"x/{n}.png", b"") for n in range(25))), "最多 24 个"),
        (zipped(("../paper.yaml", b"")), "不在文书文件夹里"),
        (zipped(("/etc/paper.yaml", b"")), "不在文书文件夹里"),
        (zipped(("x/../../paper.yaml", b"")), "不在文书文件夹里"),
        (zipped(("x\\paper.yaml", b"")), "不在文书文件夹里|不收这种文件"),
        (zipped(("x/y/paper.yaml", b"")), "不在文书文件夹里"),
        (zipped(("x/paper.yaml", b""), ("y/page.html", b"")), "不止一个文件夹"),
        (zipped((link("x/paper.yaml"), b"/etc/passwd")), "链接"),
        (packed({**shipped(), "run.sh": b"#!/bin/sh"}), "不收这种文件"),
        (packed({**shipped(), "face.ttf": b"\0\1\0\0"}), "不收这种文件"),
        (packed({**shipped(), "p.svg": b"<svg/>"}), "不收这种文件"),
        (packed({**shipped(), "p.png": b"<svg/>"}), "不是 PNG 图片"),
        (packed({**shipped(), "p.jpg": shipped()["sample-photo.png"]}), "不是 JPEG 图片"),
        (packed({name: content for name, content in shipped().items() if name != "page.html"}), "缺少这个文件"),
        (packed({**shipped(), "page.html": "办件".encode("gbk")}), "UTF-8"),
        (packed({**shipped(), "page.html": b"a\0b"}), "空字符"),
        (packed({**shipped(), "style.css": b"/*" + b"x" * 210_000 + b"*/"}), "超过 200 KB"),
        (packed({**shipped(), "paper.yaml": b"id: [a"}), "有效的 YAML"),
        (packed({**shipped(), "paper.yaml": b"- a"}), "键: 值"),
        (packed({**shipped(), "paper.yaml": b"id: ../x"}), "小写字母"),
        (packed({**shipped(), "paper.yaml": b"id: 7"}), "小写字母"),
        (packed({**shipped(), "sample.yaml": b"a: &a [1]\nb: *a"}), "不能用 & 和"),
        (packed({**shipped(), "sample.yaml": b"a: " + b"[" * 100_000}), "嵌套超过"),
        (packed({**shipped(), "sample.yaml": b"a: 2026-99-99"}), "不能读的值"),
        (packed({**shipped(), "sample.yaml": b"a: !!python/object:os.system x"}), "有效的 YAML"),
    ],
)
def test_an_archive_that_is_no_folder_of_a_paper_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        folders.read_archive(data)


def test_what_desktops_add_and_a_folder_less_archive_are_taken() -> None:
    assert folders.read_archive(packed({**shipped(), ".DS_Store": b"x"}, folder=""))[0] == "senior_card"


def page(text: str) -> folders.Files:
    return changed(new_paper(), page_html=lambda before: before.replace("<h1>", f"{text}<h1>"))


def sheet(text: str) -> folders.Files:
    return changed(new_paper(), style_css=lambda before: before + text)


def paper(old: str, new: str) -> folders.Files:
    return changed(new_paper(), paper_yaml=lambda before: before.replace(old, new))


@pytest.mark.parametrize(
    ("files", "file", "said"),
    [
        (page("{{ f.nobody }}"), "page.html", "没有的字段“nobody”"),
        (page("{{ config }}"), "page.html", "不认识的名字“config”"),
        (page("{% include 'senior_card/page.html' %}"), "page.html", "只能引用公共部分"),
        (page("{% include '../../etc/passwd' %}"), "page.html", "只能引用公共部分"),
        (page("{% autoescape false %}{{ f.name }}{% endautoescape %}"), "page.html", "autoescape"),
        (page("{{ f.name | safe }}"), "page.html", "safe"),
        (page("{% if %}"), "page.html", "第"),
        (page("<script>1</script>"), "page.html", "<script>"),
        (page("<svg></svg>"), "page.html", "<svg>"),
        (page("<p onclick=x>"), "page.html", "脚本"),
        (page("<img src='http://127.0.0.1:9/x.png'>"), "page.html", "外部地址"),
        (page("<img src='file:///etc/passwd'>"), "page.html", "外部地址"),
        (page("<img src='data:image/png;base64,AA'>"), "page.html", "外部地址"),
        (page("<img src='paper:none.png'>"), "page.html", "没有图片“none.png”"),
        (page("<a rel=attachment href='#x'>x</a>"), "page.html", "rel"),
        (page("<p style=\"background: url('http://x/')\">x</p>"), "page.html", "外部地址"),
        (page("<p style='font-family: Arial'>x</p>"), "page.html", "字体“Arial”"),
        (sheet("@import 'http://x/y.css';"), "style.css", "@import"),
        (sheet("@font-face { font-family: X; src: url(http://x/y.ttf) }"), "style.css", "@font-face"),
        (sheet("p { background: url(http://x/y.png) }"), "style.css", "外部地址"),
        (sheet("p { background: URL( 'http://x/y.png' ) }"), "style.css", "外部地址"),
        (sheet("p { background: \\75rl(http://x/y.png) }"), "style.css", "外部地址"),
        (sheet("@media print { p { background: url(//x/y.png) } }"), "style.css", "外部地址"),
        (sheet("p { content: image-set('http://x/y.png' 1x) }"), "style.css", "image-set"),
        (sheet("p { font: 12pt Arial, serif }"), "style.css", "字体“Arial”"),
        (sheet("p { font-family: var(--x) }"), "style.css", "var"),
        (sheet("@page { @top-left { font-family: 'Noto Serif' } }"), "style.css", "字体“Noto Serif”"),
        (paper("size: A5", "size: B9"), "paper.yaml", "纸张只能是"),
        (paper("size: A5", "size: A5\nsurprise: 1"), "paper.yaml", "不认识的键"),
        (paper("max_pages: 2", "max_pages: 9000"), "paper.yaml", "1 到 400"),
        (paper("required: issued", "required: []"), "paper.yaml", "写法不对|只能是"),
        (changed(new_paper(), sample_yaml=lambda text: text + "nobody: 1\n"), "sample.yaml", "没有这个字段"),
    ],
)
def test_a_folder_that_reaches_out_or_is_wrong_is_refused_with_its_place(read, files, file: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as refusal:
        read(files)
    assert refusal.value.file.startswith(file)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (paper("source: form.address", "source: form.nothing"), "form.nothing"),
        (paper("source: case.applicant.sex", "source: settings.secret"), "settings.secret"),
        (
            paper(
                "kind: date, required: true, source: certificate.issued_on", "kind: image, source: certificate.number"
            ),
            "给不出",
        ),
        (paper("who_may_print: [certificate_issuer]", "who_may_print: [king]"), "没有名为“king”的角色"),
        (paper("seal: 出具机关", "seal: 出具机关\nconditions: [sunshine]"), "没有名为“sunshine”的条件"),
        (paper("series: JY", "series: cj1"), "大写字母"),
        (
            changed(
                shipped(),
                paper_yaml=lambda text: text.replace(
                    "kind: date, required: true, source: form.id_number",
                    "kind: table, columns: [{name: a, label: 甲, kind: text}], source: form.id_number",
                ),
            ),
            "不能改成 table",
        ),
    ],
)
def test_a_field_without_data_or_a_role_that_is_none_is_refused(read, files, said: str) -> None:
    # The functions that fill shipped papers are known once the services are.
    services.register()
    found = read(files)
    with pytest.raises(DefinitionError, match=said):
        paper_versions.require_sources(found)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            changed(
                new_paper(),
                page_html=lambda text: text.replace("<h1>", "<p style='break-after:page'>一</p>" * 3 + "<h1>"),
            ),
            "超过“就业帮扶证明”的 2 页",
        ),
        (
            changed(
                new_paper(),
                sample_yaml=lambda text: text.replace("name: 阿", "nam: 阿").replace(
                    "nam: 阿依古丽·买买提明", "name: ''"
                ),
            ),
            "缺必填的“姓名”",
        ),
        (changed(new_paper(), sample_yaml=lambda text: text.replace("2026-03-05", "某日")), "不是有效的日期"),
        (page("{{ f.name.nobody.more }}"), "有错"),
    ],
)
def test_a_sample_that_cannot_be_printed_is_refused(read, files, said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        trial.tried(read(files))


@pytest.mark.parametrize(
    "text",
    ["{% for a in range(99999) %}{% for b in range(99999) %}<i>x</i>{% endfor %}{% endfor %}", "{{ 10**(10**10) }}"],
)
def test_a_page_that_never_ends_costs_a_child_and_not_the_office(
    read, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    from services.papers import renderer
    from services.papers.child import Limits

    monkeypatch.setattr(renderer, "_TRIAL", Limits(memory=1024**3, cpu_seconds=2, wall_seconds=4))
    with pytest.raises(DefinitionError, match=r"排不出来|没有做完"):
        trial.tried(read(page(text)))


def test_every_shipped_paper_would_be_taken(read) -> None:
    from services.papers.definition import ROOT, paper_ids

    for paper_id in paper_ids():
        trial.read(ROOT / paper_id)
    assert NEW_PAGE.count("<h1>") == 1 and read(new_paper()).id == "employment_assistance"
