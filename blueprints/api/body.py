"""What a program sends: one JSON object, of a sane size and depth, or a sentence that says what is wrong with it."""

from __future__ import annotations

import json
import math
from typing import Any

from flask import request

from process.refusals import InvalidInput, TooLarge

MAX_JSON = 1_000_000
MAX_DEPTH = 20


class BadBody(InvalidInput):
    """Not readable as JSON at all."""

    status = 400
    slug = "bad-body"
    title = "请求内容读不懂"


class WrongMediaType(InvalidInput):
    status = 415
    slug = "wrong-media-type"
    title = "请求格式不对"


def refuse_large() -> None:
    """Before anything reads the body: JSON has a limit of its own, far below that of files."""
    if request.mimetype == "multipart/form-data":
        return
    if (request.content_length or 0) > MAX_JSON:
        raise TooLarge("请求内容超过 1 MB。照片和扫描件请以 multipart 上传到 documents。")
    request.max_content_length = MAX_JSON


def json_object(*, required: bool = True) -> dict[str, Any]:
    """The body as a mapping; an empty body is an empty mapping where nothing is required."""
    raw = request.get_data(cache=True)
    if not raw.strip() and not required:
        return {}
    if request.mimetype != "application/json" and not request.mimetype.endswith("+json"):
        raise WrongMediaType("请以 JSON 提交，并写明 Content-Type: application/json。")
    try:
        value = json.loads(
            raw.decode("utf-8"), parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except RecursionError as error:
        raise BadBody(f"JSON 嵌套超过 {MAX_DEPTH} 层，请展开后再提交。") from error
    except UnicodeDecodeError as error:
        raise BadBody("请求内容不是 UTF-8 编码的 JSON，请检查编码。") from error
    except json.JSONDecodeError as error:
        raise BadBody(
            f"JSON 写得不对：第 {error.lineno} 行第 {error.colno} 个字符附近。请检查引号、逗号和括号。"
        ) from error
    except ValueError as error:
        raise BadBody(str(error) if isinstance(error, _Said) else "JSON 中有过长的数字，请改正后再提交。") from error
    if not isinstance(value, dict):
        raise InvalidInput('请求内容应是一个 JSON 对象，例如 {"type": "case"}。')
    _check(value, 1)
    return value


class _Said(ValueError):
    """Carries a sentence out of the JSON parser."""


def _no_constant(name: str) -> Any:
    raise _Said(f"JSON 中不能有 {name}，数字请写成普通的数。")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Said("JSON 中有大得无法表示的数，请改正后再提交。")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Said(f"字段“{twice[:60]}”写了两遍，不知道以哪个为准，请只写一个。")
    return found


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadBody(f"JSON 嵌套超过 {MAX_DEPTH} 层，请展开后再提交。")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, str) and not _storable(value):
        raise InvalidInput("内容里有无法保存的字符（空字符或半个代理对），请重新输入。")


def _storable(text: str) -> bool:
    # Half a surrogate pair is what UTF-8 cannot write; asked of the encoder, because bodies are long.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def whole_number(body: dict[str, Any], name: str, *, required: bool = False) -> int | None:
    """An integer of the body; 2.0, "2" and true are none."""
    value = body.get(name)
    if value is None:
        if required:
            raise InvalidInput(f"请带上 {name}：您看到的那一版的版本号。", {name: "必填"})
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise InvalidInput(f"{name} 应是整数。", {name: "应是整数"})
    return value


def text(body: dict[str, Any], name: str, *, required: bool = False, limit: int = 200) -> str:
    """A string of the body, stripped."""
    value = body.get(name)
    if value is None or value == "":
        if required:
            raise InvalidInput(f"请填写 {name}。", {name: "必填"})
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} 应是文字。", {name: "应是文字"})
    if len(value) > limit:
        raise InvalidInput(f"{name} 最多 {limit} 个字。", {name: f"最多 {limit} 个字"})
    return value.strip()
