"""A version nobody has approved yet is tried: read, checked and printed in limited children, with three kinds of data."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pikepdf

from . import definition, folder_checks, samples, values
from .child import Limits, run_limited
from .definition import Field, Paper
from .errors import DefinitionError, DoesNotFit, InvalidPaperData, MissingGlyphs, PaperError, RenderFailed

SAMPLE, DRAFT, HOSTILE, LONGEST = "sample", "draft", "hostile", "longest"
CASES = (SAMPLE, DRAFT, HOSTILE, LONGEST)
SHOWN_PAGES, _DPI, _PAINTER = 3, 80, "pdftoppm"
_READING = Limits(memory=512 * 1024**2, cpu_seconds=10, wall_seconds=20)
_NAME = "阿卜杜热西提·买买提·努尔艾合买提·古丽巴哈尔·吐尔逊娜依·欧阳𬭎𫖯䶮㛃𠮷"
_PLACE = "新疆维吾尔自治区伊犁哈萨克自治州察布查尔锡伯自治县孙扎齐牛录镇乌珠牛录村乌珠牛录路二巷十六号二十八幢一单元"
_WORDS = "经核对户口簿、结婚证和本街道登记台账，所填内容与记录一致。"
_LONG = {"person_name": _NAME, "address": _PLACE, "text": _WORDS, "lines": _WORDS}


@dataclass(frozen=True)
class Tried:
    """What came of printing a version with one kind of data."""

    case: str
    pages: int = 0
    size: int = 0
    problem: str = ""


def read(folder: Path) -> Paper:
    """The paper of an unpacked folder. Raises DefinitionError; what breaks its reader breaks only a child."""

    def work() -> bytes:
        try:
            definition.shipped(folder.name, folder.parent)
            folder_checks.check(folder)
            sample = samples.load_sample(definition.shipped(folder.name, folder.parent))
        except DefinitionError as error:
            return "\0".join((_plain(error.file), error.key, error.reason)).encode()
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
            return f"paper.yaml\0\0写法不对：{str(error)[:200]}".encode()
        wrong = sorted(set(sample) - {field.name for field in definition.shipped(folder.name, folder.parent).fields})
        return f"sample.yaml\0{wrong[0]}\0paper.yaml 里没有这个字段".encode() if wrong else b""

    try:
        said = run_limited(work, _READING)
    except RenderFailed as failed:
        raise DefinitionError("page.html", "", f"检查没有做完（{failed.reason}），请简化后再上传") from failed
    if said:
        file, key, reason = said.decode().split("\0", 2)
        raise DefinitionError(file, key, reason)
    return definition.shipped(folder.name, folder.parent)


def _plain(file: str) -> str:
    """The name as it stands in the archive."""
    return file.rsplit("/", 1)[-1]


def data_of(paper: Paper, case: str) -> dict[str, Any]:
    sample = samples.load_sample(paper)
    if case == HOSTILE:
        return samples.hostile_sample(paper, sample)
    return {one.name: _longest(one, sample.get(one.name)) for one in paper.fields} if case == LONGEST else sample


def _longest(field: Field, value: Any) -> Any:
    """Every free text as long as it may be; numbers, dates and fixed words stay as they are."""
    if field.kind == "table":
        return [
            {column.name: _longest(column, row.get(column.name)) for column in field.columns} for row in value or []
        ]
    if field.kind not in _LONG or not value or field.max_length < 40 or field.name == "number":
        return value
    return (_LONG[field.kind] * (field.max_length // len(_LONG[field.kind]) + 1))[: field.max_length]


def printed(paper: Paper, case: str) -> bytes:
    """The paper with one kind of data, laid out in the limited child."""
    from .renderer import warm

    return warm().try_out(paper, data_of(paper, case), draft=case == DRAFT)


def pictures(paper: Paper, case: str) -> tuple[bytes, ...]:
    """The first pages as PNG, to be looked at beside another version; none when the data cannot be printed or the machine draws none."""
    return _pictures(paper.folder, paper.version, case)


def can_show() -> bool:
    """Whether this machine turns pages into pictures (Debian: poppler-utils)."""
    return shutil.which(_PAINTER) is not None


@lru_cache(maxsize=16)
def _pictures(folder: Path, _version: str, case: str) -> tuple[bytes, ...]:
    try:
        content = printed(definition.shipped(folder.name, folder.parent), case)
    except PaperError:
        return ()
    with tempfile.TemporaryDirectory(prefix="daiban-pages-") as place:
        pages = Path(place) / "page"
        command = [_PAINTER, "-png", "-r", str(_DPI), "-l", str(SHOWN_PAGES), "-", str(pages)]
        try:
            subprocess.run(command, input=content, capture_output=True, check=True, timeout=30)
        except (OSError, subprocess.SubprocessError):
            return ()
        return tuple(one.read_bytes() for one in sorted(pages.parent.glob("page-*.png")))


def tried(paper: Paper) -> list[Tried]:
    """All kinds of data. Raises DefinitionError when the sample cannot be printed, or when typed text breaks the page."""
    lacking = values.missing_fields(paper, samples.load_sample(paper))
    if lacking:
        raise DefinitionError("sample.yaml", lacking[0][0], f"缺必填的“{lacking[0][1]}”，样例排不出来")
    return [_try(paper, case) for case in CASES]


def _try(paper: Paper, case: str) -> Tried:
    try:
        content = printed(paper, case)
    except (DoesNotFit, InvalidPaperData, MissingGlyphs) as refusal:
        if case in (SAMPLE, DRAFT):
            raise DefinitionError("sample.yaml", "", f"样例排不出来：{refusal.detail}") from refusal
        return Tried(case, problem=refusal.detail)
    except RenderFailed as failed:
        reason = f"{failed.reason}{f'（{failed.detail[:200]}）' if failed.detail else ''}"
        raise DefinitionError("page.html", "", f"{_TITLES[case]}排不出来：{reason}") from failed
    except PaperError as refusal:
        raise DefinitionError("page.html", "", refusal.detail) from refusal
    with pikepdf.open(io.BytesIO(content)) as document:
        return Tried(case, len(document.pages), len(content))


_TITLES = {SAMPLE: "样例", DRAFT: "样张", HOSTILE: "带标记的数据", LONGEST: "最长的数据"}
