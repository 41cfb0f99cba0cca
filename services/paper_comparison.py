"""Two versions of a paper side by side: what changed in its definition, and line by line in its files."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from services.papers import folders
from services.papers.definition import Field, Paper
from services.print_records import printers_named


@dataclass(frozen=True)
class Change:
    """One difference between two versions, in words."""

    what: str
    old: str
    new: str


def differences(old: Paper | None, new: Paper) -> list[Change]:
    """What changed in the definition: terms first, then fields added, removed and altered."""
    found = [
        Change(what, before, after)
        for what, before, after in (
            (name, getter(old) if old is not None else "", getter(new)) for name, getter in _TERMS.items()
        )
        if before != after
    ]
    before = {field.name: field for field in old.fields} if old is not None else {}
    after = {field.name: field for field in new.fields}
    found += [
        Change(f"删去字段“{before[name].label}”", _words(before[name]), "") for name in before if name not in after
    ]
    for name, field in after.items():
        if name not in before:
            found.append(Change(f"新增字段“{field.label}”", "", _words(field)))
        elif before[name] != field:
            found.append(Change(f"字段“{field.label}”", _words(before[name]), _words(field)))
    return found


_TERMS: dict[str, Callable[[Paper], str]] = {
    "名称": lambda paper: paper.title_zh,
    "英文名称": lambda paper: paper.title_en,
    "纸张": lambda paper: paper.size,
    "联次": lambda paper: "、".join(paper.copies),
    "最多页数": lambda paper: str(paper.max_pages),
    "编号系列": lambda paper: paper.series or "无",
    "印章": lambda paper: paper.seal or "无",
    "谁可以打印": lambda paper: printers_named(paper.who_may_print),
    "有效期": lambda paper: paper.terms.validity.words,
    "出具条件": lambda paper: "、".join(paper.terms.conditions) or "无",
    "保管期限": lambda paper: paper.terms.retention,
    "数字签名": lambda paper: "有" if paper.terms.signed else "无",
}


def _words(field: Field) -> str:
    needed = {"always": "必填", "issued": "正式件必填", "no": "可空"}[field.required]
    parts = [field.name, field.label, field.kind, needed, f"最长 {field.max_length}", f"来源 {field.source}"]
    if field.columns:
        parts.append("列：" + "、".join(column.label for column in field.columns))
    return "，".join(parts)


def text_changes(old: folders.Files, new: folders.Files) -> dict[str, list[tuple[str, str]]]:
    """Line by line what changed in each file: (+, - or blank, the line). A picture is only told as changed."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, b""), new.get(name, b"")
        if before == after:
            continue
        if name not in folders.TEXTS:
            found[name] = [("+" if not before else "-" if not after else " ", "图片")]
            continue
        lines = difflib.unified_diff(
            before.decode("utf-8", "replace").splitlines(),
            after.decode("utf-8", "replace").splitlines(),
            n=2,
            lineterm="",
        )
        found[name] = [(line[:1], line[1:][:400]) for line in list(lines)[2:400] if not line.startswith("@@")]
    return found
