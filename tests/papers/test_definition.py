"""A mistake in a paper folder is found when it is loaded, and named by file, key and reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.papers.definition import ROOT, load, load_all, paper_ids
from services.papers.errors import DefinitionError
from services.papers.terms import Overprint, Terms, Validity


def test_all_papers_load_and_have_names_in_both_languages() -> None:
    papers = load_all()
    assert {
        "fertility_registration_card",
        "authorisation_letter",
        "handover_list",
        "senior_card",
        "acceptance_notice",
        "visit_sheet",
        "delivery_receipt",
    } <= set(papers)
    for paper in papers.values():
        assert paper.title_zh and paper.title_en and len(paper.version) == 64
        assert all(field.label and field.label_en and field.source for field in paper.fields)
        assert len({field.label for field in paper.fields}) == len(paper.fields)
    assert papers["acceptance_notice"].copies == ("申请人一份", "存档一份")


@pytest.mark.parametrize("paper_id", paper_ids())
def test_samples_use_known_fields_only(paper_id: str) -> None:
    sample = yaml.safe_load((ROOT / paper_id / "sample.yaml").read_text("utf-8"))
    assert set(sample) <= {field.name for field in load(paper_id).fields}


@pytest.mark.parametrize(
    ("keys", "fields", "page", "key", "word"),
    [
        ({"size": "B5"}, "", "", "size", "纸张"),
        ({"copies": "[]"}, "", "", "copies", "非空"),
        ({"max_pages": 0}, "", "", "max_pages", "1 到 400"),
        ({"colour": "red"}, "", "", "colour", "不认识"),
        ({"styles": "[]"}, "", "", "styles", "非空"),
        ({"styles": "[marble]"}, "", "", "styles", "board、folded"),
        ({"styles": "[paper]"}, "", "", "styles", "没有"),
        ({"styles": "[../trial/style]"}, "", "", "styles", "没有"),
        ({"id": "other"}, "", "", "id", "同名"),
        ({"title": "{zh: 试验}"}, "", "", "title.en", "缺少"),
        ({"series": "[x]"}, "", "", "series", "系列"),
        ({"who_may_print": "window_clerk"}, "", "", "who_may_print", "列表"),
        ({}, "  - {name: X, label: 甲, kind: text, source: x}", "", "fields[0].name", "小写"),
        ({}, "  - {name: x, label: 甲, kind: colour, source: x}", "", "fields[0](x).kind", "没有"),
        ({}, "  - {name: x, kind: text, source: x}", "", "fields[0](x).label", "缺少"),
        ({}, "  - {name: x, label: 甲, kind: text}", "", "fields[0](x).source", "来源"),
        (
            {},
            "  - {name: x, label: 甲, kind: text, source: x, required: maybe}",
            "",
            "fields[0](x).required",
            "issued",
        ),
        (
            {},
            "  - {name: x, label: 甲, kind: text, source: x, required_if: y}",
            "",
            "fields[0](x).required_if",
            "是否字段",
        ),
        ({}, "  - {name: x, label: 甲, kind: table, source: x}", "", "fields[0](x).columns", "列"),
        ({}, "  - {name: x, label: 甲, kind: choice, source: x}", "", "fields[0](x).options", "选项"),
        (
            {},
            "  - {name: x, label: 甲, kind: text, source: x}\n  - {name: x, label: 乙, kind: text, source: x}",
            "",
            "fields(x)",
            "重名",
        ),
        ({"signed": "perhaps"}, "", "", "signed", "true"),
        ({"retention": "20y"}, "", "", "retention", "permanent"),
        ({"letter": "shou"}, "", "", "letter", "汉字"),
        ({"letter": "受"}, "  - {name: x, label: 甲, kind: text, source: x}", "", "letter", "number"),
        ({"validity": "long"}, "", "", "validity", "permanent"),
        ({"validity": "{days: 3, months: 1}"}, "", "", "validity", "之一"),
        ({"validity": "{months: 0}"}, "", "", "validity.months", "1 到 1000"),
        ({"validity": "{field: name}"}, "", "", "validity.field", "日期字段"),
        ({"conditions": "[Only Child]"}, "", "", "conditions", "小写"),
        ({"conditions": "[a, a]"}, "", "", "conditions", "重名"),
        ({"overprint": "[name]"}, "", "", "overprint", "stock"),
        ({"overprint": "{stock: X}"}, "", "", "overprint.stock", "小写"),
        ({"overprint": "{stock: card, fields: []}"}, "", "", "overprint.fields", "非空"),
        ({"overprint": "{stock: card, fields: [nmae]}"}, "", "", "overprint.fields", "nmae"),
        ({}, "", "{{ f.nmae }}", "第1行", "nmae"),
        ({}, "", "\n{% if %}", "第2行", ""),
    ],
)
def test_mistakes_are_named(trial: Any, keys: dict[str, Any], fields: str, page: str, key: str, word: str) -> None:
    with pytest.raises(DefinitionError) as wrong:
        trial(page or "{{ f.name }}" if not fields else "x", fields=fields, **keys)
    assert wrong.value.key == key
    assert word in wrong.value.reason
    assert wrong.value.file.startswith("pdf_templates/trial/")


def test_a_missing_file_and_an_unknown_paper_are_named(trial: Any, tmp_path: Path) -> None:
    _, paper = trial("x{{ f.name }}")
    (paper.folder / "style.css").unlink()
    load.cache_clear()
    with pytest.raises(DefinitionError, match=r"style\.css"):
        load("trial", paper.folder.parent)
    for name in ("nothing", "../etc", "_common"):
        with pytest.raises(DefinitionError, match="没有这种文书"):
            load(name)


def test_any_change_in_the_folder_or_the_common_parts_is_another_version(trial: Any) -> None:
    _, paper = trial("x{{ f.name }}")
    versions = {paper.version}
    for file in (paper.folder / "style.css", paper.folder.parent / "_common" / "paper.css"):
        file.write_text(file.read_text("utf-8") + "/* other */", "utf-8")
        load.cache_clear()
        versions.add(load("trial", paper.folder.parent).version)
    assert len(versions) == 3


def test_a_shared_sheet_stands_between_the_one_of_all_and_the_own(trial: Any, read: Any) -> None:
    service, paper = trial("<html lang='zh-CN'><body>{{ f.name }}", style="html { font-size: 12pt }", styles="[folded]")
    assert [path.name for path in paper.style_files] == ["paper.css", "folded.css", "style.css"]
    assert "张三" in read(service.render(paper, {"name": "张三"}, draft=False, verify_url=None))
    assert [path.name for path in load("senior_card").style_files] == ["paper.css", "style.css"]


def test_terms_have_their_ordinary_values_and_the_written_ones(trial: Any) -> None:
    _, silent = trial("x{{ f.name }}")
    assert silent.terms == Terms(Validity(), (), "10y", False, None, "")
    assert silent.terms.validity.words == "长期有效"
    assert silent.terms.validity.until(date(2026, 3, 5)) is None
    _, spoken = trial(
        "x{{ f.name }}",
        validity="{months: 6, field: until}",
        conditions="[only_child]",
        retention="permanent",
        signed="true",
        overprint="{stock: honour_booklet, fields: [name]}",
        letter="受",
        fields="  - {name: name, label: 姓名, kind: text, source: x}\n"
        "  - {name: number, label: 编号, kind: text, source: x}\n"
        "  - {name: until, label: 至, kind: date, source: x}",
    )
    assert spoken.terms == Terms(
        Validity("months", 6, "until"), ("only_child",), "permanent", True, Overprint("honour_booklet", ("name",)), "受"
    )


@pytest.mark.parametrize(
    ("validity", "issued", "named", "until"),
    [
        (Validity("days", 30), date(2026, 12, 20), None, date(2027, 1, 19)),
        (Validity("months", 6), date(2026, 8, 31), None, date(2027, 2, 28)),
        (Validity("years", 3), date(2024, 2, 29), None, date(2027, 2, 28)),
        (Validity("months", 6, "until"), date(2026, 3, 5), date(2026, 4, 1), date(2026, 4, 1)),
        (Validity("months", 6, "until"), date(2026, 3, 5), date(2027, 4, 1), date(2026, 9, 5)),
        (Validity("", 0, "until"), date(2026, 3, 5), date(2027, 4, 1), date(2027, 4, 1)),
    ],
)
def test_the_last_day_a_paper_holds(validity: Validity, issued: date, named: date | None, until: date) -> None:
    assert validity.until(issued, named) == until
