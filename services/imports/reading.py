"""An uploaded workbook as rows of text: measured before it is opened, formulas named by their cell, never reckoned."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from process.inputs import clean_text
from process.refusals import InvalidInput
from services import excel_outside

MAX_BYTES, MAX_UNPACKED, MAX_PARTS = 5 * 1024 * 1024, 80 * 1024 * 1024, 200
MAX_ROWS, MAX_COLUMNS = 5_000, 60
LONGEST = 200
_FORMULA = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"[^>]*>\s*<f[\s>/]')
_RECKONED = ("=", "+", "@", "＝", "＋", "＠")


class SheetRefused(InvalidInput):
    """A file that cannot be read as the expected table; the sentence says why and what would be."""

    slug = "upload-refused"
    title = "文件没有收下"


@dataclass(frozen=True)
class Row:
    """One line of the table: its number as Excel shows it, the cells by heading, and cells that cannot be used."""

    number: int
    cells: dict[str, str]
    faults: dict[str, str]


def rows_of(content: bytes, headings: Sequence[str]) -> list[Row]:
    """The rows below the heading; refuses the file as a whole when it is no such table."""
    parts = excel_outside.unpacked(content, MAX_BYTES, _refusal, _unpacked)
    formulas = _formulas(parts)
    table = _table(content)
    start = next((n for n, line in enumerate(table[:10]) if set(headings) & {_text(v) for v in line}), None)
    if start is None:
        raise _refusal(f"第一行应是表头“{'、'.join(headings)}”，在文件里没有找到。")
    header = [_text(value) for value in table[start]]
    missing = [name for name in headings if name not in header]
    if missing:
        known = "、".join(name[:20] for name in header if name) or "空"
        raise _refusal(f"缺“{'”“'.join(missing)}”列，现在的表头是“{known}”。")
    twice = next((name for name in headings if header.count(name) > 1), None)
    if twice:
        raise _refusal(f"“{twice}”列有两个，不知道用哪一个。")
    strange = [name for name in header if name and name not in headings]
    if strange:
        raise _refusal(f"不认识“{'”“'.join(name[:20] for name in strange[:3])}”列，请删去。")
    filled = [(n, line) for n, line in enumerate(table[start + 1 :], start + 2) if any(_text(v) for v in line)]
    if not filled:
        raise _refusal("表头下面没有内容。")
    if len(filled) > MAX_ROWS:
        raise _refusal(f"有 {len(filled)} 行，一次最多 {MAX_ROWS} 行，请分成几个文件。")
    return [_row(number, line, header, headings, formulas) for number, line in filled]


def _row(
    number: int, line: Sequence[Any], header: list[str], headings: Sequence[str], formulas: set[tuple[int, int]]
) -> Row:
    cells: dict[str, str] = {}
    faults: dict[str, str] = {}
    for name in headings:
        at = header.index(name)
        text = _text(line[at]) if at < len(line) else ""
        if (number, at) in formulas or text.startswith(_RECKONED):
            faults[name] = "是公式。请直接填值：选中该列，复制后“选择性粘贴—数值”。"
        else:
            try:
                text = clean_text(text, LONGEST)
            except ValueError as problem:
                faults[name] = f"{problem}。"
        cells[name] = text
    return Row(number, cells, faults)


def _unpacked(content: bytes) -> dict[str, bytes]:
    """The sheets of the archive, unpacked under a measure; refused: too big, passwords, macros, not Excel."""
    sheets: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        names = [part.filename.lower() for part in parts]
        if len(parts) > MAX_PARTS or "xl/workbook.xml" not in names or len(set(names)) != len(names):
            raise _refusal("这不是 Excel（.xlsx）文件。")
        if any(part.flag_bits & 1 for part in parts):
            raise _refusal("文件加了密码。")
        if any(name.endswith((".bin", ".exe", ".ole")) and "printersettings" not in name for name in names):
            raise _refusal("文件里有宏或嵌入的对象。")
        left = MAX_UNPACKED
        for part in parts:
            with archive.open(part) as stream:
                data = stream.read(left + 1)
            left -= len(data)
            if left < 0:
                raise _refusal("文件展开后太大。")
            upper = data[:4096].replace(b"\0", b"").upper()
            if b"<!DOCTYPE" in upper or b"<!ENTITY" in upper:
                raise _refusal("文件里有不该有的内容。")
            if part.filename.lower().startswith("xl/worksheets/"):
                sheets[part.filename] = data
    return sheets


def _formulas(sheets: dict[str, bytes]) -> set[tuple[int, int]]:
    """Where formulas stand in the first sheet, as (row, column from 0)."""
    first = min(sheets, default="")
    found = set()
    for letters, digits in _FORMULA.findall(sheets.get(first, b"")):
        column = 0
        for letter in letters:
            column = column * 26 + letter - 64
        found.add((int(digits), column - 1))
    return found


def _table(content: bytes) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = book.get_sheet_by_index(0)
        return [line[:MAX_COLUMNS] for line in sheet.to_python(skip_empty_area=False)]
    except (CalamineError, ValueError, OSError, IndexError) as error:
        raise _refusal("这个文件打不开，可能已损坏。") from error


def _text(value: Any) -> str:
    """A cell as people typed it: whole numbers without a point, dates as days."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return " ".join(str(value).split())


def _refusal(what: str) -> SheetRefused:
    return SheetRefused(f"{what}请下载模板，填好后另存为 .xlsx 再上传。", {"file": what})
