"""Inputs of a transition: what was typed or sent, cleaned by kind, each mistake named by field."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Protocol

from process.definition import Input, Title
from process.numbers import CHINA
from process.refusals import InvalidInput

LIMITS = {"text": 200, "longtext": 2000, "code": 20}
MAX_SHEETS = 999
# Controls that reorder or hide text; a name or reason never needs them.
_FORBIDDEN = {chr(c) for c in [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x200E, 0x200F, 0xFEFF]}


def clean_text(value: Any, limit: int) -> str:
    """One line or paragraph of plain text; hidden direction and zero-width marks are dropped, lone surrogates refused."""
    text = str(value).strip()
    if not text.isprintable():
        # Nearly nothing that people type gets here: line breaks, wide blanks, and what is dropped or refused.
        text = "".join(
            c for c in text if c not in _FORBIDDEN and (c in "\n\t" or unicodedata.category(c) != "Cc")
        ).strip()
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            raise ValueError("含有无法保存的字符，请重新输入")
    if len(text) > limit:
        raise ValueError(f"最多 {limit} 个字，现在是 {len(text)} 个")
    return text


class Asking(Protocol):
    """Whatever asks for inputs: a transition, or a verb of the office."""

    @property
    def title(self) -> Title: ...
    @property
    def inputs(self) -> tuple[Input, ...]: ...


def clean_inputs(transition: Asking, given: Mapping[str, Any]) -> dict[str, Any]:
    """Only the declared inputs, each of its kind. Raises InvalidInput naming every field that is wrong, all at once."""
    cleaned: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for spec in transition.inputs:
        raw = given.get(spec.name)
        try:
            value = None if raw in (None, "", [], {}) else _clean(spec, raw)
        except (ValueError, TypeError) as problem:
            errors[spec.name] = str(problem) if isinstance(problem, ValueError) and str(problem) else "格式不对"
            continue
        if spec.required and (value is None or value == "" or value == [] or value is False):
            errors[spec.name] = f"请填写“{spec.title.zh}”"
        elif value is not None:
            cleaned[spec.name] = value
    if "comment" in given and "comment" not in cleaned and "comment" not in errors:
        try:
            cleaned["comment"] = clean_text(given["comment"] or "", LIMITS["longtext"])
        except ValueError as problem:
            errors["comment"] = str(problem)
    if errors:
        names = {spec.name: spec.title.zh for spec in transition.inputs}
        listed = "；".join(f"{names.get(name, name)}：{why}" for name, why in errors.items())
        raise InvalidInput(f"“{transition.title.zh}”还差一点：{listed}。", errors)
    return cleaned


def _clean(spec: Input, raw: Any) -> Any:
    match spec.kind:
        case "text" | "longtext" | "code":
            return clean_text(raw, spec.maximum or LIMITS[spec.kind])
        case "bool":
            return raw in (True, "true", "1", "on", "y", 1)
        case "number":
            number = int(str(raw))
            if number < 0 or number > (spec.maximum or 10_000):
                raise ValueError(f"请填 0 到 {spec.maximum or 10_000} 之间的整数")
            return number
        case "date":
            return (
                raw
                if isinstance(raw, date)
                else _parsed(date.fromisoformat, raw, "日期请写成 2026-03-05 的样子，且必须存在")
            )
        case "datetime":
            moment = (
                raw
                if isinstance(raw, datetime)
                else _parsed(datetime.fromisoformat, raw, "时间请写成 2026-03-05T14:30 的样子")
            )
            return moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
        case "choice":
            options = dict(spec.options)
            if raw not in options:
                raise ValueError(f"请在{'、'.join(t.zh for t in options.values())}中选一项")
            return raw
        case "checks":
            chosen = [raw] if isinstance(raw, str) else list(raw)
            unknown = [c for c in chosen if c not in dict(spec.options)]
            if unknown:
                raise ValueError(f"没有“{unknown[0]}”这一项")
            return chosen
        case "lines":
            return [_line(index, line) for index, line in enumerate(_list(raw, 200), start=1)]
        case "photos":
            return [clean_text(item, 60) for item in _list(raw, 20)]
        case "signature":
            if not isinstance(raw, str) or len(raw) > 2_000_000:
                raise ValueError("签名不是可用的图片，请重新签名")
            return raw
        case _:
            return clean_text(raw, 80)


def _parsed(parse: Any, raw: Any, sentence: str) -> Any:
    try:
        return parse(str(raw))
    except ValueError as error:
        raise ValueError(sentence) from error


def _list(raw: Any, limit: int) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError("应为列表")
    if len(raw) > limit:
        raise ValueError(f"最多 {limit} 行，现在是 {len(raw)} 行")
    return raw


def _line(index: int, line: Any) -> dict[str, Any]:
    """One line of a handover list: material (id or name), original, sheets, condition, counted, difference."""
    if not isinstance(line, Mapping):
        raise ValueError(f"第 {index} 行应为一组字段")
    cleaned: dict[str, Any] = {}
    for name in ("material", "condition", "difference", "code", "defect", "verdict"):
        if line.get(name) not in (None, ""):
            try:
                cleaned[name] = clean_text(line[name], 200)
            except ValueError as problem:
                raise ValueError(f"第 {index} 行：{problem}") from problem
    if line.get("due") not in (None, ""):
        due = line["due"]
        cleaned["due"] = (
            due
            if isinstance(due, date)
            else _parsed(date.fromisoformat, due, f"第 {index} 行：日期请写成 2026-03-05 的样子，且必须存在")
        )
    for name in ("sheets", "counted", "line"):
        if line.get(name) not in (None, ""):
            try:
                cleaned[name] = int(str(line[name]))
            except ValueError as problem:
                raise ValueError(f"第 {index} 行：份数应为整数") from problem
            if name != "line" and not 0 <= cleaned[name] <= MAX_SHEETS:
                raise ValueError(f"第 {index} 行：份数应在 0 到 {MAX_SHEETS} 之间")
    for name in ("original", "provided"):
        if name in line:
            cleaned[name] = line[name] in (True, "true", "1", "on", "y", 1, "original")
    return cleaned
