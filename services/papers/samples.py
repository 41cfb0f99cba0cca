"""Sample data of each paper, and the two checks an administrator runs before publishing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .definition import COMMON, Paper
from .errors import DefinitionError

_PICTURES = (".png", ".jpg")


def load_sample(paper: Paper) -> dict[str, Any]:
    """The filled example of this paper; a picture is written as {file: name} beside it."""
    return load_data(paper, paper.folder / "sample.yaml")


def load_data(paper: Paper, path: Path) -> dict[str, Any]:
    """Field values from a YAML or JSON file."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DefinitionError(path.name, "", f"不能读取:{error}") from error
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
