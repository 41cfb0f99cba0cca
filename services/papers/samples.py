"""Sample data of each paper, and the two checks an administrator runs before publishing."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pikepdf
import yaml

from . import attached, values
from .definition import COMMON, ROOT, Field, Paper, load, paper_ids
from .errors import DefinitionError, PaperError

if TYPE_CHECKING:
    from .renderer import RenderService

SAMPLE_URL = "https://daiban.example/verify/SAMPLE000000"
TYPED = frozenset({"text", "lines", "person_name", "id_number", "phone", "address"})
_PICTURES = (".png", ".jpg")


def load_sample(paper: Paper) -> dict[str, Any]:
    """The filled example of this paper; a picture is written as {file: name} beside it."""
    return load_data(paper, paper.folder / "sample.yaml")


def load_data(paper: Paper, path: Path) -> dict[str, Any]:
    """Field values from a YAML or JSON file."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DefinitionError(path.name, "", f"不能读取：{error}") from error
    if not isinstance(raw, dict):
        raise DefinitionError(path.name, "", "应是一组“字段: 值”")
    return {name: _picture(paper, path, name, value) for name, value in raw.items()}


def _picture(paper: Paper, path: Path, name: str, value: Any) -> Any:
    if not (isinstance(value, dict) and set(value) == {"file"}):
        return value
    file = str(value["file"])
    for folder in (path.parent, paper.folder.parent / COMMON):
        if "/" not in file and file.endswith(_PICTURES) and (folder / file).is_file():
            return (folder / file).read_bytes()
    raise DefinitionError(path.name, name, f"找不到图片“{file}”")


HOSTILE = (
    "<b>粗</b>",
    "{{ 7*7 }}",
    "<img src=http://127.0.0.1:9/x>",
    "</td></table>",
    "url(http://127.0.0.1:9/x)",
    "<svg onload=x>",
    "&lt;&amp;#x41;",
    "*/}@import 'x';",
    "<link rel=attachment href=file:///etc/passwd>",
)


# What may stand in no field of any paper; each must be refused by a sentence that names the field.
POISONS: tuple[Any, ...] = (
    "张\u202e三",
    "张\u200b三",
    "张\x00三",
    "张\x1b[2J三",
    "张\ud800三",
    "张\ufffe三",
    "张\U000f0000三",
    "张" + "\u0301" * 40,
    "长" * 10_000,
)
BAD_PICTURES = (
    b"",
    b"GIF89a",
    b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff" + bytes(100),
)


@dataclass(frozen=True)
class PaperCheck:
    """One line of `papers check`: which paper, which data, what came of it."""

    paper: str
    case: str
    ok: bool
    message: str
    pages: int = 0
    size: int = 0
    seconds: float = 0.0


def papers_check(service: RenderService | None = None, root: Path = ROOT) -> list[PaperCheck]:
    """Load every paper and print its sample, as a draft, and with hostile text in every field."""
    from .renderer import RenderService as Service

    results: list[PaperCheck] = []
    service = service or Service(root)
    for paper_id in paper_ids(root):
        try:
            paper = load(paper_id, root)
            sample = load_sample(paper)
        except PaperError as error:
            results.append(PaperCheck(paper_id, "definition", False, str(error)))
            continue
        for case, data, draft in (
            ("sample", sample, False),
            ("draft", sample, True),
            ("hostile", hostile_sample(paper, sample), False),
        ):
            results.append(_attempt(service, paper, case, data, draft))
        unnoticed = poisons_taken(paper, sample)
        results.append(PaperCheck(paper_id, "poison", not unnoticed, "、".join(unnoticed)))
    return results


def poisons_taken(paper: Paper, sample: dict[str, Any]) -> list[str]:
    """Every field that would take something that must not be printed; empty when all of it is refused by name."""
    taken = []
    for field in paper.fields:
        for one in (field, *field.columns):
            poisons = BAD_PICTURES[1:] if one.kind == "image" else POISONS if one.kind in TYPED else ()
            for poison in poisons:
                data = {**sample, field.name: [{one.name: poison}] if one is not field else poison}
                name = f"{field.name}[0].{one.name}" if one is not field else field.name
                if not any(found == name for found, _ in values.problems(paper, data)):
                    taken.append(f"{name} {str(poison)[:12]!r}")
    return taken


def _attempt(service: RenderService, paper: Paper, case: str, data: dict[str, Any], draft: bool) -> PaperCheck:
    started = time.monotonic()
    try:
        content = service.render(paper, data, draft=draft, verify_url=SAMPLE_URL, demo=True)
        again = (
            service.render(paper, data, draft=draft, verify_url=SAMPLE_URL, demo=True) if case == "sample" else content
        )
    except PaperError as error:
        return PaperCheck(paper.id, case, False, str(error), seconds=time.monotonic() - started)
    if content != again:
        return PaperCheck(paper.id, case, False, "同样的数据两次生成的文件不同")
    with pikepdf.open(io.BytesIO(content)) as document:
        pages, inside = len(document.pages), set(document.attachments)
    return PaperCheck(
        paper.id,
        case,
        inside == {attached.NAME},
        "" if inside == {attached.NAME} else f"文书里的附件不对：{'、'.join(sorted(inside)) or '没有'}",
        pages,
        len(content),
        time.monotonic() - started,
    )


def hostile_sample(paper: Paper, sample: dict[str, Any], channels: tuple[str, ...] = HOSTILE) -> dict[str, Any]:
    """The sample with markup, template and style code in every text field, cut to what the field may hold."""
    turn = cycle(channels)

    def spoil(field: Field, value: Any) -> Any:
        if field.kind == "table":
            return [
                {column.name: spoil(column, row.get(column.name)) for column in field.columns} for row in value or []
            ]
        if field.kind in TYPED and value:
            return next(turn)[: field.max_length]
        return value

    return {field.name: spoil(field, sample.get(field.name)) for field in paper.fields}


def render_sample(paper_id: str, data_file: Path | None, out: Path, *, draft: bool = False, root: Path = ROOT) -> int:
    """Print one paper from a data file (or its sample) into `out`; the number of bytes written."""
    from .renderer import render

    paper = load(paper_id, root)
    data = load_data(paper, data_file) if data_file else load_sample(paper)
    content = render(paper, data, draft=draft, verify_url=SAMPLE_URL, demo=True)
    return out.write_bytes(content)
