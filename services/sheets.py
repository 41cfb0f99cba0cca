"""Tables as Excel files: nothing in a cell is ever a formula, every page says who took it out and when."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill

from process.numbers import CHINA

# A cell that begins with one of these (or its full-width form) is reckoned by some program; white space before it does not help.
RECKONED = "=+-@|%"
LONGEST_CELL = 2_000
WIDEST = 46


def safe(value: object) -> str:
    """The text of a cell: one line, no control characters, no tricks of direction."""
    text = unicodedata.normalize("NFC", "" if value is None else str(value))
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn") else c for c in text)
    return " ".join(kept.split())[:LONGEST_CELL]


def is_reckoned(text: str) -> bool:
    """Would some spreadsheet take this for a formula?"""
    return bool(text) and unicodedata.normalize("NFKC", text)[:1] in RECKONED


def made(
    title: str,
    lines: Sequence[str],
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    who: str,
    at: datetime,
) -> tuple[bytes, int]:
    """The file and how many rows stand in it. `lines` stand above the table: the filter in words, who and when."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("清单")
    stamp = f"{who} {at.astimezone(CHINA):%Y-%m-%d %H:%M}"
    mark = safe(stamp).replace("&", "＆")
    sheet.oddHeader.center.text = f"导出人：{mark}"
    sheet.oddHeader.right.text = safe(title).replace("&", "＆")[:60]
    sheet.oddFooter.center.text = "第 &P 页，共 &N 页"
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", 9
    sheet.page_setup.fitToHeight, sheet.sheet_properties.pageSetUpPr.fitToPage = 0, True
    top = len(lines) + 2
    sheet.print_title_rows = f"{top}:{top}"
    sheet.freeze_panes = f"A{top + 1}"
    for number, heading in enumerate(headings):
        sheet.column_dimensions[chr(65 + number)].width = min(WIDEST, max(12, 2 * len(heading) + 6))
    bold, ground = Font(bold=True), PatternFill("solid", fgColor="F6F7F9")

    def cell(value: object, **looks: object) -> WriteOnlyCell:
        text = safe(value)
        one = WriteOnlyCell(sheet)
        one.value = text
        # Said as text, whatever it begins with; the mark keeps it text when somebody edits the cell.
        one.data_type = "s"
        if is_reckoned(text):
            one.quotePrefix = True
        for name, look in looks.items():
            setattr(one, name, look)
        return one

    sheet.append([cell(title, font=Font(bold=True, size=14))])
    for line in lines:
        sheet.append([cell(line)])
    sheet.append([cell(heading, font=bold, fill=ground, alignment=Alignment(wrap_text=True)) for heading in headings])
    count = 0
    for row in rows:
        sheet.append([cell(value) for value in row])
        count += 1
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue(), count
