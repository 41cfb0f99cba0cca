"""The pages of a package that tell what is in it: metadata.xml for programs, 目录.html for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from xml.etree import ElementTree

from process.numbers import CHINA
from services.archive.dossier import Dossier, Piece
from services.archive.retention import label

# What each field is called in an archive; the order is the order in the file.
LABELS = {
    "fonds_code": "全宗号",
    "fonds_name": "全宗名称",
    "archive_number": "档号",
    "archive_year": "归档年度",
    "retention": "保管期限",
    "retention_until": "保管至",
    "title": "题名",
    "responsible": "责任者",
    "document_number": "文号",
    "item_code": "事项编码",
    "item_name": "事项名称",
    "applicant": "申请人",
    "date_created": "形成日期",
    "date_closed": "办结日期",
    "result": "办理结果",
    "security_class": "密级",
    "access_note": "利用限制",
    "accepted_by": "受理单位",
    "language": "语种",
}
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
STYLE = (
    "body{font:12pt/1.6 SimSun,serif;margin:2cm;color:#000}h1{font-size:18pt;text-align:center}"
    "table{border-collapse:collapse;width:100%}th,td{border:1px solid #000;padding:4pt 6pt;text-align:left;vertical-align:top}"
    "thead{display:table-header-group}tr{break-inside:avoid}dl{display:grid;grid-template-columns:8em 1fr}dd{margin:0}"
)


@dataclass(frozen=True)
class Line:
    """A file as it stands in the table of contents, with what is only known once it was read."""

    piece: Piece
    sha256: str
    size: int
    pages: int | None


def clean(text: str) -> str:
    """Without what no XML file may hold."""
    return _ILLEGAL.sub("", text)


def metadata(dossier: Dossier, lines: Sequence[Line]) -> bytes:
    """metadata.xml: fields of the dossier, then each file with its own."""
    root = ElementTree.Element("archive", {"profile": "GB/T 36903 style", "version": "1"})
    told = {**dossier.fields, "pages": str(pages(lines)), "files": str(len(lines))}
    for name, value in told.items():
        _add(root, "field", value, name=name, label={**LABELS, "pages": "页数", "files": "件内文件数"}[name])
    related = ElementTree.SubElement(root, "related", {"label": "关联"})
    for number, kind in dossier.related:
        _add(related, "record", number, kind=kind)
    files = ElementTree.SubElement(root, "files", {"label": "件内文件"})
    for position, line in enumerate(lines, 1):
        one = line.piece
        file = ElementTree.SubElement(
            files,
            "file",
            {"sequence": str(position), "path": one.name, "format": one.media_type, "size": str(line.size)},
        )
        for name, label_, value in (
            ("title", "题名", one.title),
            ("document_number", "文号", one.number),
            ("responsible", "责任者", one.maker),
            ("date", "日期", f"{one.day:%Y-%m-%d}"),
            ("pages", "页数", "" if line.pages is None else str(line.pages)),
            ("retention", "保管期限", label(one.retention)),
            ("sha256", "校验值", line.sha256),
            ("note", "备注", one.note),
        ):
            _add(file, "field", value, name=name, label=label_)
    for title in dossier.missing:
        _add(root, "missing", title, label="没有生成的文书")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def pages(lines: Sequence[Line]) -> int:
    return sum(line.pages or 0 for line in lines)


def index(dossier: Dossier, lines: Sequence[Line]) -> bytes:
    """目录.html: 卷内文件目录 as it is printed and laid on top."""
    facts = "".join(f"<dt>{LABELS[name]}</dt><dd>{_h(value)}</dd>" for name, value in dossier.fields.items() if value)
    rows = "".join(
        f"<tr><td>{n}</td><td>{_h(one.piece.number)}</td><td>{_h(one.piece.maker)}</td>"
        f'<td><a href="{_h(one.piece.name)}">{_h(one.piece.title)}</a></td><td>{one.piece.day:%Y-%m-%d}</td>'
        f"<td>{'' if one.pages is None else one.pages}</td><td>{_h(one.piece.note)}</td></tr>"
        for n, one in enumerate(lines, 1)
    )
    related = "、".join(_h(f"{kind} {number}".strip()) for number, kind in dossier.related) or "无"
    missing = "、".join(_h(one) for one in dossier.missing)
    happened = "".join(_event(row) for row in dossier.history)
    return (
        f'<!DOCTYPE html><html lang="zh-Hans"><head><meta charset="utf-8"><title>卷内文件目录 {_h(dossier.fields["archive_number"])}</title>'
        f"<style>{STYLE}</style></head><body><h1>卷内文件目录</h1><dl>{facts}<dt>页数</dt><dd>{pages(lines)}</dd>"
        f"<dt>关联</dt><dd>{related}</dd></dl><table><thead><tr><th>序号</th><th>文号</th><th>责任者</th><th>题名</th>"
        f"<th>日期</th><th>页数</th><th>备注</th></tr></thead><tbody>{rows}</tbody></table>"
        + (f"<p>没有生成、因此不在包内的文书：{missing}</p>" if missing else "")
        + f"<h2>办理经过</h2><table><thead><tr><th>时间</th><th>单位</th><th>经办人</th><th>动作</th><th>说明</th></tr></thead>"
        f"<tbody>{happened}</tbody></table></body></html>\n"
    ).encode()


def _event(row: dict[str, Any]) -> str:
    at = datetime.fromisoformat(row["at"]).astimezone(CHINA)
    cells = (f"{at:%Y-%m-%d %H:%M}", row["unit"], row["who"] or "系统", row["said"], row["comment"] or "")
    return "<tr>" + "".join(f"<td>{_h(one)}</td>" for one in cells) + "</tr>"


def _h(text: str) -> str:
    return escape(clean(text))


def _add(parent: ElementTree.Element, tag: str, text: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, tag, {k: clean(v) for k, v in attributes.items()}).text = clean(text)
