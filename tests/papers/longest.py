"""The longest a clerk may type: every text field as full as its paper allows, with a name and a house as long as they come."""

from __future__ import annotations

from typing import Any

from services.papers import samples
from services.papers.definition import Field, Paper

NAME = "阿卜杜热西提·买买提·努尔艾合买提·古丽巴哈尔·吐尔逊娜依·欧阳𬭎𫖯䶮㛃𠮷"
PLACE = "新疆维吾尔自治区伊犁哈萨克自治州察布查尔锡伯自治县孙扎齐牛录镇乌珠牛录村乌珠牛录路二巷十六号三期二十八幢十二单元一千六百零二室"
WORDS = "经核对户口簿、结婚证和本街道登记台账，所填内容与记录一致。"
# Rows of a table that people really fill: more children, materials and answers than that go onto another sheet.
ROWS = 4
FILLED = {"person_name": NAME, "address": PLACE, "text": WORDS, "lines": WORDS}


def longest(paper: Paper) -> dict[str, Any]:
    """The sample with every free text as long as it may be; numbers, dates and fixed words stay as they are."""
    sample = samples.load_sample(paper)
    return {field.name: _fill(field, sample.get(field.name)) for field in paper.fields}


def _fill(field: Field, value: Any) -> Any:
    if field.kind == "table":
        rows = [*(value or [{}])] * ROWS
        return [{column.name: _fill(column, row.get(column.name)) for column in field.columns} for row in rows[:ROWS]]
    if field.kind not in FILLED or not value or field.max_length < 40:
        return value
    if field.kind == "text" and field.name in ("number", "case_number", "letter_number"):
        return value
    text = FILLED[field.kind]
    return (text * (field.max_length // len(text) + 1))[: field.max_length]
