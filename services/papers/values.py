"""From stored values to what stands on the sheet: checked, plain, in official form."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps

from services import pictures

from .dates import official_date, official_datetime
from .definition import Field, Paper
from .errors import InvalidPaperData
from .text import BY_HAND, HAND_LINE, codepoint, hostile_character, normalise

MAX_IMAGE_BYTES = 8 * 1024 * 1024
MAX_IMAGE_PIXELS = 40_000_000
MAX_IMAGE_SIDE = 1200


@dataclass(frozen=True)
class Option:
    """One tick box of a choice."""

    value: str
    label: str
    ticked: bool


class DataImage(str):
    """A data URI this program made itself; only these may be loaded by the renderer."""


def missing_fields(paper: Paper, data: dict[str, Any], *, draft: bool = False) -> list[tuple[str, str]]:
    """(field, label) of everything that must be filled before this paper is printed."""
    missing: list[tuple[str, str]] = []
    for field in paper.fields:
        value = data.get(field.name)
        if (_needed(field, draft) or (field.required_if and data.get(field.required_if) is True)) and _empty(value):
            missing.append((field.name, field.label))
        elif field.kind == "table" and isinstance(value, (list, tuple)):
            for index, row in enumerate(value):
                missing += [
                    (f"{field.name}[{index}].{column.name}", f"{field.label}第{index + 1}行{column.label}")
                    for column in field.columns
                    if _needed(column, draft) and (not isinstance(row, dict) or _empty(row.get(column.name)))
                ]
    return missing


def problems(paper: Paper, data: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, sentence) for every value that may not stand on paper; a cheap check without rendering."""
    found: list[tuple[str, str]] = []
    for field in paper.fields:
        _value(field, data.get(field.name), field.name, field.label, found)
    return found


def prepare(paper: Paper, data: dict[str, Any]) -> dict[str, Any]:
    """The values as the template sees them: strings, ticks, rows and pictures, nothing executable."""
    found: list[tuple[str, str]] = []
    prepared = {
        field.name: _value(field, data.get(field.name), field.name, field.label, found) for field in paper.fields
    }
    if found:
        raise InvalidPaperData(found)
    return prepared


def _needed(field: Field, draft: bool) -> bool:
    return field.required == "always" or (field.required == "issued" and not draft)


def _empty(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, str) and not normalise(value))
        or (isinstance(value, (list, tuple, bytes)) and not value)
    )


def _value(field: Field, value: Any, name: str, label: str, found: list[tuple[str, str]]) -> Any:
    if field.kind == "table":
        return _table(field, value, name, label, found)
    if field.kind in {"choice", "choices"}:
        return _options(field, value, name, label, found)
    if field.kind == "bool":
        if value is not None and not isinstance(value, bool):
            found.append((name, f"「{label}」应是“是”或“否”"))
        return value is True
    if _empty(value):
        return ""
    if field.kind == "image":
        return _image(value, name, label, found)
    if field.kind == "integer":
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**9:
            found.append((name, f"「{label}」应是整数"))
            return ""
        return str(value)
    if field.kind in {"date", "datetime"}:
        try:
            return official_date(value) if field.kind == "date" else official_datetime(value)
        except (ValueError, TypeError, AttributeError, OverflowError):
            found.append((name, f"「{label}」不是有效的日期，请按 2026-03-05 的样子填写"))
            return ""
    return _text(field, value, name, label, found)


def _text(field: Field, value: Any, name: str, label: str, found: list[tuple[str, str]]) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        found.append((name, f"「{label}」应是文字"))
        return ""
    text = normalise(value)
    if len(text) > field.max_length:
        found.append((name, f"「{label}」有 {len(text)} 个字，超过 {field.max_length} 个字，请缩短或改用附页"))
        return ""
    hostile = hostile_character(text, lines=field.kind == "lines")
    if hostile is not None:
        position, reason = hostile
        where = f"「{label}」第 {position + 1} 个字"
        found.append((name, f"{where}是{reason}（{codepoint(text[position])}），请删去后重填"))
        return ""
    return text.replace(BY_HAND, HAND_LINE)


def _table(field: Field, value: Any, name: str, label: str, found: list[tuple[str, str]]) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)) or not all(isinstance(row, dict) for row in value):
        found.append((name, f"「{label}」应是若干行"))
        return []
    if len(value) > field.max_rows:
        found.append((name, f"「{label}」有 {len(value)} 行，超过 {field.max_rows} 行，请分成几张"))
        return []
    return [
        {
            column.name: _value(
                column,
                row.get(column.name),
                f"{name}[{index}].{column.name}",
                f"{label}第{index + 1}行{column.label}",
                found,
            )
            for column in field.columns
        }
        for index, row in enumerate(value)
    ]


def _options(field: Field, value: Any, name: str, label: str, found: list[tuple[str, str]]) -> list[Option]:
    chosen = [] if value is None or value == "" else [value] if field.kind == "choice" else value
    known = dict(field.options)
    if not isinstance(chosen, (list, tuple, set, frozenset)) or not all(
        isinstance(item, str) and item in known for item in chosen
    ):
        found.append((name, f"「{label}」只能选：{'、'.join(known.values())}"))
        chosen = []
    return [Option(option, text, option in chosen) for option, text in field.options]


def _image(value: Any, name: str, label: str, found: list[tuple[str, str]]) -> str:
    if not isinstance(value, bytes):
        found.append((name, f"「{label}」应是图片"))
        return ""
    try:
        return image_uri(value)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        found.append((name, f"「{label}」不能用：{_why(error)}，请重新拍照或签名"))
        return ""


def _why(error: Exception) -> str:
    reasons = {
        "too many bytes": f"文件超过 {MAX_IMAGE_BYTES >> 20} MB",
        "too many pixels": f"图片超过 {MAX_IMAGE_PIXELS // 10_000} 万像素",
        "more than one picture": "是会动的图片",
    }
    if isinstance(error, Image.DecompressionBombError):
        return reasons["too many pixels"]
    return reasons.get(str(error), "不是完整的 JPEG、PNG 或 WebP 图片")


def image_uri(content: bytes) -> DataImage:
    """Decode and encode afresh: what reaches the page is pixels only, of bounded size."""
    if len(content) > MAX_IMAGE_BYTES:
        raise ValueError("too many bytes")
    with pictures.opened(content, ("PNG", "JPEG", "WEBP")) as found:
        if found.width * found.height > MAX_IMAGE_PIXELS:
            raise ValueError("too many pixels")
        if getattr(found, "n_frames", 1) > 1:
            # Which of its pictures would be the one on the certificate?
            raise ValueError("more than one picture")
        found.load()
        picture = ImageOps.exif_transpose(found)
    picture.thumbnail((MAX_IMAGE_SIDE, MAX_IMAGE_SIDE))
    has_alpha = picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info
    target = io.BytesIO()
    clean = Image.new("RGBA" if has_alpha else "RGB", picture.size)
    clean.paste(picture.convert(clean.mode))
    clean.save(target, "PNG") if has_alpha else clean.save(target, "JPEG", quality=88)
    kind = "png" if has_alpha else "jpeg"
    return DataImage(f"data:image/{kind};base64," + base64.b64encode(target.getvalue()).decode())
