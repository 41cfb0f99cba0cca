"""A paper is a folder: paper.yaml says what it is, page.html and style.css how it looks."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, TemplateSyntaxError, nodes

from . import fonts, terms
from .errors import DefinitionError

ROOT = Path(__file__).resolve().parents[2] / "pdf_templates"
COMMON = "_common"
# The sheet of all papers.
BASE = "paper"
KINDS = frozenset(
    {
        "text",
        "lines",
        "date",
        "datetime",
        "person_name",
        "id_number",
        "phone",
        "address",
        "integer",
        "bool",
        "choice",
        "choices",
        "image",
        "table",
    }
)
# Millimetres, width first, as the sheet leaves the printer.
SIZES: dict[str, tuple[float, float]] = {
    "A4": (210, 297),
    "A4 landscape": (297, 210),
    "A5 landscape": (210, 148),
    "A5": (148, 210),
    "A6 landscape": (148, 105),
    "A6": (105, 148),
    "A3": (297, 420),
    "A3 landscape": (420, 297),
    # A slip of the ticket printer; the cutter takes it off where the paper ends.
    "80mm roll": (80, 120),
}
# The handbook has one page for each of 82 items; every other paper asks for far fewer.
MOST_PAGES = 400
DEFAULT_LENGTH = {"text": 200, "lines": 1000, "person_name": 100, "id_number": 40, "phone": 40, "address": 200}
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_PAPER_KEYS = {
    *("id", "title", "size", "styles", "copies", "series", "max_pages", "who_may_print", "fields", "seal"),
    *terms.KEYS,
}
_FIELD_KEYS = {
    "name",
    "label",
    "label_en",
    "kind",
    "required",
    "source",
    "max_length",
    "max_rows",
    "options",
    "columns",
    "required_if",
}


@dataclass(frozen=True)
class Field:
    """One blank of the form: what stands there and where it usually comes from."""

    name: str
    label: str
    label_en: str
    kind: str
    required: str  # "always", "issued" (a draft may lack it) or "no"
    required_if: str  # name of a yes/no field that makes this one required, or ""
    source: str
    max_length: int
    max_rows: int
    options: tuple[tuple[str, str], ...]
    columns: tuple[Field, ...]


@dataclass(frozen=True)
class Paper:
    """A validated paper; `version` names the exact template and libraries that print it."""

    id: str
    title_zh: str
    title_en: str
    size: str
    copies: tuple[str, ...]
    series: str | None
    max_pages: int
    seal: str
    who_may_print: frozenset[str]
    fields: tuple[Field, ...]
    folder: Path
    version: str
    terms: terms.Terms
    # Sheets of the shared parts between the one of all papers and the paper's own: what several folders have in common.
    styles: tuple[str, ...] = ()

    @property
    def style_files(self) -> list[Path]:
        """Its style sheets in the order in which they are read."""
        common = self.folder.parent / COMMON
        return [*(common / f"{name}.css" for name in (BASE, *self.styles)), self.folder / "style.css"]

    def field(self, name: str) -> Field:
        """The field of that name; a KeyError is a programming mistake."""
        return next(field for field in self.fields if field.name == name) if self.has(name) else _no_field(self, name)

    def has(self, name: str) -> bool:
        """Whether the paper has a field of that name."""
        return any(field.name == name for field in self.fields)


def _no_field(paper: Paper, name: str) -> Field:
    raise KeyError(f"{paper.id} has no field {name}")


def paper_ids(root: Path = ROOT) -> list[str]:
    """Every paper there is, by folder name."""
    own = in_force if root == ROOT else {}
    return sorted({path.parent.name for path in root.glob("*/paper.yaml")} | set(own))


def load_all(root: Path = ROOT) -> dict[str, Paper]:
    """All papers, each checked."""
    return {paper_id: load(paper_id, root) for paper_id in paper_ids(root)}


# What the office has put in force itself, in the place of a shipped paper or beside them all; own.py keeps it true.
in_force: dict[str, Paper] = {}
# Papers of the office's own that are no longer made: what was issued is still known.
past: dict[str, Paper] = {}


def load(paper_id: str, root: Path = ROOT) -> Paper:
    """One paper in the version in force; the first mistake is named by file, key and reason."""
    own = (in_force.get(paper_id) or past.get(paper_id)) if root == ROOT else None
    return own or shipped(paper_id, root)


@lru_cache(maxsize=256)
def shipped(paper_id: str, root: Path = ROOT) -> Paper:
    """One paper as its folder says, checked as a whole."""
    folder = root / paper_id
    file = f"pdf_templates/{paper_id}/paper.yaml"
    if not _NAME.match(paper_id) or not (folder / "paper.yaml").is_file():
        raise DefinitionError(file, "", "没有这种文书")
    for name in ("page.html", "style.css", "sample.yaml"):
        if not (folder / name).is_file():
            raise DefinitionError(f"pdf_templates/{paper_id}/{name}", "", "缺少这个文件")
    raw = _yaml(folder / "paper.yaml", file)
    _only(raw, _PAPER_KEYS, file, "")
    if raw.get("id") != paper_id:
        raise DefinitionError(file, "id", f"应与文件夹同名“{paper_id}”")
    title = _need(raw, "title", dict, file, "title")
    size = _need(raw, "size", str, file, "size")
    if size not in SIZES:
        raise DefinitionError(file, "size", f"纸张只能是 {'、'.join(SIZES)}")
    copies = _texts(raw, "copies", file)
    series = raw.get("series")
    if series is not None and not isinstance(series, str):
        raise DefinitionError(file, "series", "编号系列应是名称或 null")
    max_pages = raw.get("max_pages")
    if not isinstance(max_pages, int) or not 1 <= max_pages <= MOST_PAGES:
        raise DefinitionError(file, "max_pages", f"应是 1 到 {MOST_PAGES} 的整数")
    seal = raw.get("seal", "")
    if not isinstance(seal, str):
        raise DefinitionError(file, "seal", "应是印章名称，没有印章时留空")
    raw_fields = _need(raw, "fields", list, file, "fields")
    fields = tuple(_field(item, f"fields[{index}]", file) for index, item in enumerate(raw_fields))
    _unique(fields, "fields", file)
    for index, field in enumerate(fields):
        if field.required_if and not any(other.name == field.required_if and other.kind == "bool" for other in fields):
            raise DefinitionError(
                file, f"fields[{index}]({field.name}).required_if", f"没有名为“{field.required_if}”的是否字段"
            )
    _template_names(folder, paper_id, fields)
    return Paper(
        paper_id,
        _need(title, "zh", str, file, "title.zh"),
        _need(title, "en", str, file, "title.en"),
        size,
        copies,
        series,
        max_pages,
        seal,
        frozenset(_texts(raw, "who_may_print", file)),
        fields,
        folder,
        version_of(folder, root / COMMON),
        terms.read(raw, fields, sealed=bool(seal), file=file),
        _styles(raw, root / COMMON, file),
    )


# Tests that write folders of their own read them afresh.
load.cache_clear = shipped.cache_clear  # type: ignore[attr-defined]


def _field(raw: Any, key: str, file: str, *, column: bool = False) -> Field:
    if not isinstance(raw, dict):
        raise DefinitionError(file, key, "应是一组键值")
    _only(raw, _FIELD_KEYS, file, key)
    name = _need(raw, "name", str, file, f"{key}.name")
    if not _NAME.match(name):
        raise DefinitionError(file, f"{key}.name", f"“{name}”应由小写字母、数字和下划线组成")
    key = f"{key}({name})"
    kind = _need(raw, "kind", str, file, f"{key}.kind")
    if kind not in KINDS or (column and kind == "table"):
        raise DefinitionError(file, f"{key}.kind", f"没有“{kind}”这种字段；可用:{'、'.join(sorted(KINDS))}")
    required = {True: "always", False: "no", "issued": "issued"}.get(raw.get("required", False))
    if required is None:
        raise DefinitionError(file, f"{key}.required", "只能是 true、false 或 issued(正式件必填)")
    options = raw.get("options", {})
    if not isinstance(options, dict) or bool(options) != (kind in {"choice", "choices"}):
        raise DefinitionError(file, f"{key}.options", "选择字段须有选项，其他字段不能有")
    raw_columns = raw.get("columns", [])
    if not isinstance(raw_columns, list) or bool(raw_columns) != (kind == "table"):
        raise DefinitionError(file, f"{key}.columns", "表格须有列，其他字段不能有")
    columns = tuple(_field(item, f"{key}.columns[{i}]", file, column=True) for i, item in enumerate(raw_columns))
    _unique(columns, f"{key}.columns", file)
    source = raw.get("source", "")
    if not isinstance(source, str) or (not column and not source):
        raise DefinitionError(file, f"{key}.source", "应写明数据来源，例如 case.applicant.name")
    return Field(
        name,
        _need(raw, "label", str, file, f"{key}.label"),
        str(raw.get("label_en", "")),
        kind,
        required,
        str(raw.get("required_if", "")),
        source,
        _count(raw, "max_length", DEFAULT_LENGTH.get(kind, 200), file, key),
        _count(raw, "max_rows", 60, file, key),
        tuple((str(value), str(label)) for value, label in options.items()),
        columns,
    )


def _count(raw: dict[str, Any], name: str, default: int, file: str, key: str) -> int:
    value = raw.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 5000:
        raise DefinitionError(file, f"{key}.{name}", "应是 1 到 5000 的整数")
    return value


def _need(raw: dict[str, Any], name: str, kind: type, file: str, key: str) -> Any:
    value = raw.get(name)
    if not isinstance(value, kind) or not value:
        raise DefinitionError(file, key, "缺少或类型不对")
    return value


def _texts(raw: dict[str, Any], key: str, file: str) -> tuple[str, ...]:
    value = raw.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise DefinitionError(file, key, "应是非空的文字列表")
    return tuple(value)


def _styles(raw: dict[str, Any], common: Path, file: str) -> tuple[str, ...]:
    names = tuple(_texts(raw, "styles", file)) if "styles" in raw else ()
    there = sorted({path.stem for path in common.glob("*.css")} - {BASE})
    for name in names:
        if name not in there:
            raise DefinitionError(file, "styles", f"没有“{name}”这种公共样式；可用：{'、'.join(there) or '无'}")
    return names


def _only(raw: dict[str, Any], known: set[str], file: str, key: str) -> None:
    for name in raw:
        if name not in known:
            raise DefinitionError(file, f"{key}.{name}".lstrip("."), "不认识的键")


def _unique(fields: tuple[Field, ...], key: str, file: str) -> None:
    names = [field.name for field in fields]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(file, f"{key}({name})", "字段重名")


def _yaml(path: Path, file: str) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DefinitionError(file, "", f"不是有效的 YAML:{error}") from error
    if not isinstance(raw, dict):
        raise DefinitionError(file, "", "应是一组键值")
    return raw


def _template_names(folder: Path, paper_id: str, fields: tuple[Field, ...]) -> None:
    """A page may only use fields the definition has, so a misspelt one is found before the first clerk."""
    file = f"pdf_templates/{paper_id}/page.html"
    try:
        tree = Environment(autoescape=True).parse((folder / "page.html").read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        raise DefinitionError(file, f"第{error.lineno}行", str(error.message)) from error
    known = {field.name for field in fields}
    for node in tree.find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.node.name == "f" and node.attr not in known:
            raise DefinitionError(file, f"第{node.lineno}行", f"页面用了 paper.yaml 里没有的字段“{node.attr}”")


def version_of(folder: Path, common: Path) -> str:
    """The digest of everything that can change a byte: the folder, the shared parts, faces and libraries."""
    digest = hashlib.sha256()
    for base in (common, folder):
        for path in sorted(item for item in base.rglob("*") if item.is_file()):
            digest.update(f"{base.name}/{path.relative_to(base).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(fonts.versions_digest().encode())
    return digest.hexdigest()
