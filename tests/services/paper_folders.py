"""Folders of papers as an administrator would pack them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.papers import definition, own
from services.papers.folders import Files

CARD = "senior_card"
NEW = """id: employment_assistance
title: {zh: 就业帮扶证明, en: Proof of employment assistance}
size: A5
copies: [申请人一份]
series: JY
max_pages: 2
seal: 出具机关
who_may_print: [certificate_issuer]
validity: {months: 6}
fields:
  - {name: number, label: 编号, label_en: Number, kind: text, required: issued, max_length: 32, source: certificate.number}
  - {name: name, label: 姓名, label_en: Name, kind: person_name, required: true, max_length: 60, source: form.name}
  - {name: matter, label: 申请内容, label_en: Matter, kind: text, required: true, max_length: 40, source: form.remarks}
  - {name: address, label: 现居住地址, label_en: Address, kind: address, max_length: 90, source: form.address}
  - {name: sex, label: 性别, label_en: Sex, kind: text, required: true, max_length: 4, source: case.applicant.sex}
  - {name: issued_on, label: 出具日期, label_en: Date, kind: date, required: true, source: certificate.issued_on}
  - {name: valid_until, label: 有效期至, label_en: Until, kind: date, required: true, source: certificate.valid_until}
  - {name: agency, label: 出具机关, label_en: Agency, kind: text, required: true, max_length: 60, source: certificate.agency.title}
"""
NEW_PAGE = """{% import '_common/macros.html' as m %}
<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{{ paper.title_zh }}</title></head><body>
{{ m.head(paper, copy, draft, f.number, qr, check_code) }}
<h1>{{ paper.title_zh }}</h1>
<p class="indent">兹证明{{ f.name }}（{{ f.sex }}），住{{ m.dash(f.address) }}，已办理{{ f.matter }}。本证明有效期至{{ f.valid_until }}。</p>
<div class="close"><span></span>{{ m.seal(seal, demo, f.agency, f.issued_on) }}</div>
</body></html>
"""
NEW_SAMPLE = """number: JY330103DX202600001
name: 阿依古丽·买买提明
matter: 职业培训补贴
address: 杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室
sex: 女
issued_on: 2026-03-05
valid_until: 2026-09-04
agency: 杭州市下城区东新街道办事处
"""


def shipped(paper_id: str = CARD) -> Files:
    folder = definition.ROOT / paper_id
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file()}


def new_paper() -> Files:
    return {
        "paper.yaml": NEW.encode(),
        "page.html": NEW_PAGE.encode(),
        "style.css": b"@page { margin: 20mm 18mm }\nhtml { font-size: 12pt }\n",
        "sample.yaml": NEW_SAMPLE.encode(),
    }


def changed(files: Files, **texts: Callable[[str], str]) -> Files:
    """The files with some texts altered; `page_html` stands for page.html."""
    made = dict(files)
    for name, change in texts.items():
        file = name.replace("_", ".", 1)
        before = made[file].decode()
        made[file] = change(before).encode()
        assert made[file] != files[file], f"{file} is as it was"
    return made


def packed(files: Files, folder: str = "x/") -> bytes:
    """The same bytes for the same files: an archive that told the time would make two presses of one button two contents."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{folder}{name}", (2026, 3, 5, 9, 0, 0)), content)
    return target.getvalue()


@contextmanager
def shipped_again() -> Iterator[None]:
    """Whatever a test puts in force is forgotten afterwards: this process serves the next test's database too."""
    try:
        yield
    finally:
        definition.in_force, definition.past = {}, {}
        own.forget()
