"""The calendar as an Excel file: a template to fill in, and a reader that measures the archive before it opens it."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils.datetime import from_excel
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.datavalidation import DataValidation

from process.inputs import clean_text
from process.refusals import InvalidInput
from services import excel_outside
from services.calendars import LONGEST_NAME, Day, Plan, Wrong, WrongPlan, check, default

SHEET = "工作日历"
HEADINGS = ("日期", "安排", "名称")
OFF, ON = "放假", "调休上班"
WORDS = {OFF: False, "休": False, "休息": False, "放假调休": False, ON: True, "上班": True, "补班": True, "班": True}
MAX_BYTES, MAX_UNPACKED, MAX_PARTS, MAX_ROWS = 1024 * 1024, 8 * 1024 * 1024, 60, 420
_NUMBER = re.compile(r"\d+")
_TEXT_DATE = re.compile(r"(\d{4})\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})\s*日?|(\d{4})(\d{2})(\d{2})")


class ExcelRefused(InvalidInput):
    """A file that is no calendar; the sentence says why and what would be."""

    slug = "upload-refused"
    title = "文件没有收下"


def template(year: int, plan: Mapping[date, Day]) -> bytes:
    """The year as a file to fill in: what is there already, a list of the words that may be used, and how."""
    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    sheet.append(HEADINGS)
    special = [(day, entry) for day, entry in sorted(plan.items()) if entry != default(day)]
    for day, entry in special or [(date(year, 1, 1), Day(False, "元旦"))]:
        sheet.append((day, ON if entry.working else OFF, entry.name))
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="F6F7F9")
    for row in sheet.iter_rows(min_row=2, max_row=MAX_ROWS, max_col=1):
        row[0].number_format = "yyyy-mm-dd"
    for column, width in (("A", 14), ("B", 12), ("C", 24)):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    choice = DataValidation(type="list", formula1=f'"{OFF},{ON}"', allow_blank=False)
    sheet.add_data_validation(choice)
    choice.add(f"B2:B{MAX_ROWS}")
    help_sheet = book.create_sheet("填写说明")
    for line in (
        f"本表是 {year} 年的放假和调休安排，一天一行，只填与平常不同的日子。",
        f"日期：{year} 年的一天，例如 {year}-01-01。安排：“{OFF}”或“{ON}”。名称：节日名，例如“元旦”；调休写“元旦调休”。",
        "周一到周五平常都上班、周六周日平常都休息，不用填。请不要写公式。",
        "上传后先看预览，确认无误再保存。",
    ):
        help_sheet.append((line,))
    help_sheet.column_dimensions["A"].width = 100
    for row in help_sheet.iter_rows():
        row[0].alignment = Alignment(wrap_text=True)
    kept = io.BytesIO()
    book.save(kept)
    return kept.getvalue()


def read(year: int, content: bytes) -> Plan:
    """The plan of an uploaded file. Every bad row is named by row and column, with what is wrong and what would be right."""
    content = excel_outside.unpacked(content, MAX_BYTES, _refusal, _repacked)
    try:
        with warnings.catch_warnings():
            # Odd styles and missing defaults of other programs are none of our business.
            warnings.simplefilter("ignore")
            book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
            try:
                rows = _rows(book)
            finally:
                book.close()
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        SyntaxError,
    ) as error:
        raise ExcelRefused(
            "这个文件打不开，可能已损坏。请下载模板，填好后另存为 .xlsx 再上传。", {"file": "文件打不开"}
        ) from error
    return _plan(year, rows)


def _repacked(content: bytes) -> bytes:
    """The same archive, unpacked under a measure and packed anew: whoever opens it cannot be told wrong sizes.

    Refused: too many parts, passwords, macros, and document types, which only attacks need."""
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(kept, "w", zipfile.ZIP_STORED) as clean:
        parts = archive.infolist()
        names = [part.filename.lower() for part in parts]
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise _refusal("文件展开后太大。")
        if any(part.flag_bits & 1 for part in parts):
            raise _refusal("文件加了密码。")
        if "xl/workbook.xml" not in names or len(set(names)) != len(names):
            raise _refusal("这不是 Excel（.xlsx）文件。")
        if any(name.endswith((".bin", ".exe", ".ole")) for name in names):
            raise _refusal("文件里有宏或嵌入的对象。")
        left = MAX_UNPACKED
        for part in parts:
            with archive.open(part) as stream:
                data = stream.read(left + 1)
            left -= len(data)
            if left < 0:
                raise _refusal("文件展开后太大。")
            bare = data.replace(b"\0", b"").upper()
            if b"<!DOCTYPE" in bare or b"<!ENTITY" in bare:
                raise _refusal("文件里有不该有的内容。")
            clean.writestr(part.filename, data)
    return kept.getvalue()


def _refusal(what: str) -> ExcelRefused:
    return ExcelRefused(f"{what}请下载模板，填好后另存为 .xlsx 再上传。", {"file": what})


def _rows(book: Any) -> list[tuple[int, tuple[Any, ...]]]:
    sheet = book[SHEET] if SHEET in book.sheetnames else book.worksheets[0]
    sheet.reset_dimensions()
    found: list[tuple[int, tuple[Any, ...]]] = []
    # A sheet may say that it has a million rows or sixteen thousand columns; more than these are never asked for.
    for number, row in enumerate(sheet.iter_rows(max_row=MAX_ROWS + 1, max_col=6, values_only=True), 1):
        if any(value not in (None, "") for value in row):
            found.append((number, tuple(row)))
    return found


def _plan(year: int, rows: Iterable[tuple[int, tuple[Any, ...]]]) -> Plan:
    listed = list(rows)
    if not listed:
        raise WrongPlan([Wrong("第 1 行", f"表是空的。第一行应是“{'、'.join(HEADINGS)}”，下面一天一行。")])
    first, header = listed[0]
    columns = _columns(first, header)
    plan: Plan = {}
    where: dict[date, str] = {}
    faults: list[Wrong] = []
    for number, row in listed[1:]:
        if number > MAX_ROWS:
            faults.append(Wrong(f"第 {number} 行", f"行数太多，最多 {MAX_ROWS - 1} 天。请只填与平常不同的日子。"))
            break
        values = [row[at] if at < len(row) else None for at in columns]
        if all(value in (None, "") for value in values):
            continue
        day = _day(number, values[0], faults)
        working = _arrangement(number, values[1], faults)
        name = _name(number, values[2], faults)
        if day is None or working is None or name is None:
            continue
        if day in where:
            faults.append(
                Wrong(
                    f"第 {number} 行，日期", f"{day.isoformat()} 在{where[day]}已经填过。一天只能有一行，请删去一行。"
                )
            )
            continue
        plan[day], where[day] = Day(working, name), f"第 {number} 行"
    try:
        check(year, plan, {day: f"{place}，日期" for day, place in where.items()})
    except WrongPlan as wrong:
        faults += wrong.faults
    if not faults and not plan:
        faults = [Wrong("第 2 行", "没有填任何日子。请至少填一个放假日，例如“元旦”。")]
    if faults:
        raise WrongPlan(sorted(faults, key=lambda fault: int(_NUMBER.findall(fault.where)[0])))
    return plan


def _columns(number: int, header: tuple[Any, ...]) -> list[int]:
    names = [str(value).strip() if value is not None else "" for value in header]
    missing = [name for name in HEADINGS if name not in names]
    if missing:
        raise WrongPlan(
            [
                Wrong(
                    f"第 {number} 行",
                    f"缺“{'”“'.join(missing)}”列，现在是“{'、'.join(name[:20] for name in names if name) or '空'}”。"
                    f"表头应是“{'、'.join(HEADINGS)}”，请下载模板填写。",
                )
            ]
        )
    return [names.index(name) for name in HEADINGS]


def _day(number: int, value: Any, faults: list[Wrong]) -> date | None:
    place = f"第 {number} 行，日期"
    if value in (None, ""):
        faults.append(Wrong(place, "没有填。请写成 2027-01-01 的样子。"))
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 36526 <= value < 73051:
        return from_excel(int(value)).date()
    text = str(value).strip()
    if _formula(place, text, faults):
        return None
    match = _TEXT_DATE.fullmatch(text)
    if match is not None:
        parts = [part for part in match.groups() if part]
        try:
            return date(int(parts[0]), int(parts[1]), int(parts[2]))
        except ValueError:
            faults.append(Wrong(place, f"没有“{text[:20]}”这一天。请核对月和日。"))
            return None
    faults.append(Wrong(place, f"“{text[:20]}”不是日期。请写成 2027-01-01 的样子。"))
    return None


def _arrangement(number: int, value: Any, faults: list[Wrong]) -> bool | None:
    place = f"第 {number} 行，安排"
    text = str(value).strip() if value is not None else ""
    if _formula(place, text, faults):
        return None
    if text not in WORDS:
        said = f"“{text[:20]}”看不懂" if text else "没有填"
        faults.append(Wrong(place, f"{said}。只能写“{OFF}”或“{ON}”。"))
        return None
    return WORDS[text]


def _name(number: int, value: Any, faults: list[Wrong]) -> str | None:
    place = f"第 {number} 行，名称"
    text = str(value).strip() if value is not None else ""
    if _formula(place, text, faults):
        return None
    if not text:
        faults.append(Wrong(place, "没有填。请写节日名，例如“元旦”；调休写“元旦调休”。"))
        return None
    try:
        return clean_text(text, LONGEST_NAME)
    except ValueError as error:
        faults.append(Wrong(place, f"{error}。"))
        return None


def _formula(place: str, text: str, faults: list[Wrong]) -> bool:
    if text.startswith(("=", "+", "@")) or (text.startswith("-") and len(text) > 1):
        faults.append(Wrong(place, "是公式。请直接填值：选中该列，复制后“选择性粘贴—数值”。"))
        return True
    return False
