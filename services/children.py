"""子女情况: one child a line, read into rows so that a paper can print them as a table."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from process.identity import today_in_china

MOST = 20
_PARTS = re.compile(r"[、，,；;\s]+")
_DAY = re.compile(r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*(?:日)?")
HOW = "请写成“姓名、性别、出生日期”，例如：林小满、女、2020-05-01"


def read(text: Any) -> list[dict[str, Any]]:
    """Name, sex and birth date of each line; ValueError names the line that cannot be read."""
    rows = []
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    if len(lines) > MOST:
        raise ValueError(f"子女情况最多 {MOST} 行")
    for number, line in enumerate(lines, start=1):
        born = _DAY.search(line)
        parts = [part for part in _PARTS.split(line.replace(born[0], " ") if born else line) if part]
        if born is None or len(parts) < 2 or parts[-1] not in ("男", "女"):
            raise ValueError(f"子女情况第 {number} 行看不懂，{HOW}")
        try:
            day = date(int(born[1]), int(born[2]), int(born[3]))
        except ValueError as error:
            raise ValueError(f"子女情况第 {number} 行的出生日期不存在，{HOW}") from error
        if day > today_in_china():
            raise ValueError(f"子女情况第 {number} 行的出生日期还没有到")
        rows.append({"name": " ".join(parts[:-1]), "sex": parts[-1], "birth_date": day})
    return rows
