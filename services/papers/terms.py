"""What a paper says of itself beside its fields: how long it holds, what must be true, how long it is kept."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from .errors import DefinitionError

KEYS = frozenset({"validity", "conditions", "retention", "signed", "overprint", "letter"})
# 机关文件材料归档范围和文书档案保管期限规定: for ever, thirty years, ten years.
RETENTIONS = {"permanent": "永久", "30y": "30年", "10y": "10年"}
UNITS = {"days": "天", "months": "个月", "years": "年"}
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_LETTER = re.compile(r"[\u4e00-\u9fff]{1,4}\Z")


@dataclass(frozen=True)
class Validity:
    """How long a paper holds: for ever, for a time after its date, or until a day one of its fields names."""

    unit: str = ""  # days, months, years; empty = for ever unless a field names the day
    number: int = 0
    field: str = ""

    def until(self, issued: date, named: date | None = None) -> date | None:
        """The last day it holds; None means for ever. A named day wins when it is the earlier one."""
        ends = self._ends(issued)
        return min((day for day in (named, ends) if day is not None), default=None)

    def _ends(self, issued: date) -> date | None:
        if self.unit == "days":
            return issued + timedelta(days=self.number)
        if not self.unit:
            return None
        months = issued.month - 1 + self.number * (12 if self.unit == "years" else 1)
        year, month = issued.year + months // 12, months % 12 + 1
        return date(year, month, min(issued.day, monthrange(year, month)[1]))

    @property
    def words(self) -> str:
        """长期有效, 自出具之日起6个月有效: as a guide or a print desk says it."""
        return f"自出具之日起{self.number}{UNITS[self.unit]}有效" if self.unit else "长期有效"


@dataclass(frozen=True)
class Overprint:
    """The pre-printed stock this paper also goes on; there only these fields are printed."""

    stock: str
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Terms:
    """The terms of one paper, each with its ordinary value when the folder is silent."""

    validity: Validity
    conditions: tuple[str, ...]
    retention: str
    signed: bool
    overprint: Overprint | None
    letter: str


def read(raw: dict[str, Any], fields: tuple[Any, ...], *, sealed: bool, file: str) -> Terms:
    """The optional keys of a paper.yaml; the first mistake is named by file, key and reason."""
    kinds = {field.name: field.kind for field in fields}
    signed = raw.get("signed", sealed)
    if not isinstance(signed, bool):
        raise DefinitionError(file, "signed", "只能是 true（出具时加数字签名）或 false")
    retention = raw.get("retention", "10y")
    if retention not in RETENTIONS:
        raise DefinitionError(file, "retention", f"保管期限只能是 {'、'.join(RETENTIONS)}")
    letter = raw.get("letter", "")
    if letter and (not isinstance(letter, str) or not _LETTER.match(letter)):
        raise DefinitionError(file, "letter", "文号里的文种字应是 1 到 4 个汉字，例如 受")
    if letter and "number" not in kinds:
        raise DefinitionError(file, "letter", "有文号的文书须有 number 字段")
    return Terms(
        _validity(raw.get("validity", {}), kinds, file),
        _conditions(raw.get("conditions", []), file),
        retention,
        signed,
        _overprint(raw.get("overprint"), kinds, file),
        letter,
    )


def _validity(raw: Any, kinds: dict[str, str], file: str) -> Validity:
    if raw in ("permanent", {}):
        return Validity()
    if not isinstance(raw, dict) or not set(raw) <= {*UNITS, "field"} or len(set(raw) & set(UNITS)) > 1:
        raise DefinitionError(file, "validity", "应写成 permanent，或 days、months、years 之一，可加 field")
    named = raw.get("field", "")
    if named and kinds.get(named) != "date":
        raise DefinitionError(file, "validity.field", f"没有名为“{named}”的日期字段")
    unit = next((name for name in UNITS if name in raw), "")
    number = raw.get(unit, 0) if unit else 0
    if unit and (not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 1000):
        raise DefinitionError(file, f"validity.{unit}", "应是 1 到 1000 的整数")
    return Validity(unit, number, named)


def _conditions(raw: Any, file: str) -> tuple[str, ...]:
    if not isinstance(raw, list) or not all(isinstance(name, str) and _NAME.match(name) for name in raw):
        raise DefinitionError(file, "conditions", "应是条件名称的列表，由小写字母、数字和下划线组成")
    if len(set(raw)) != len(raw):
        raise DefinitionError(file, "conditions", "条件重名")
    return tuple(raw)


def _overprint(raw: Any, kinds: dict[str, str], file: str) -> Overprint | None:
    if raw is None:
        return None
    if not isinstance(raw, dict) or not set(raw) <= {"stock", "fields"}:
        raise DefinitionError(file, "overprint", "应写成 {stock: 空白证名称, fields: [字段…]}")
    stock, names = raw.get("stock"), raw.get("fields", [*kinds])
    if not isinstance(stock, str) or not _NAME.match(stock):
        raise DefinitionError(file, "overprint.stock", "空白证名称应由小写字母、数字和下划线组成")
    if not isinstance(names, list) or not names:
        raise DefinitionError(file, "overprint.fields", "应是非空的字段列表")
    for name in names:
        if name not in kinds:
            raise DefinitionError(file, "overprint.fields", f"没有名为“{name}”的字段")
    return Overprint(stock, tuple(names))
