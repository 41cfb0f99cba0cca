"""Text that is longer than its sheet is found before a number is spent, and nobody lays out a copy with ordinary texts to know it."""

from __future__ import annotations

from typing import Any

import pytest

from services.papers import fitting, renderer, samples
from services.papers.definition import Field, Paper, load, paper_ids
from services.papers.errors import DoesNotFit
from services.papers.renderer import RenderService

WORDS = "经核对户口簿结婚证和本街道登记台账所填内容与记录一致"
# Made by the program alone, of up to four hundred pages.
ADDRESSES = ("wife_household_address", "wife_present_address", "husband_household_address", "husband_present_address")
NOT_TYPED = {"service_handbook"}


def words(length: int) -> str:
    return (WORDS * (length // len(WORDS) + 1))[:length]


def roomy(field: Field, value: Any) -> Any:
    """As long as nobody looks at it: the largest of what is never laid out beforehand."""
    if field.kind == "table":
        row = (value or [{}])[0]
        return [{one.name: roomy(one, row.get(one.name)) for one in field.columns}] * fitting.roomy(field)
    return words(fitting.roomy(field)) if field.kind in fitting.TYPED and field.name not in fitting.OURS else value


@pytest.fixture(scope="module")
def service() -> RenderService:
    return renderer.warm()


@pytest.mark.parametrize("paper_id", sorted(set(paper_ids()) - NOT_TYPED))
def test_what_is_not_looked_at_fits_on_every_paper(service: RenderService, paper_id: str) -> None:
    paper = load(paper_id)
    sample = samples.load_sample(paper)
    data = {one.name: roomy(one, sample.get(one.name)) for one in paper.fields}
    service.lay_out_only(paper, data)
    assert fitting.too_long(paper, data) == []


def card(**changes: Any) -> tuple[Paper, dict[str, Any]]:
    paper = load("fertility_registration_card")
    return paper, {**samples.load_sample(paper), **changes}


def test_ordinary_data_are_never_laid_out_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("laid out")

    monkeypatch.setattr(RenderService, "lay_out_only", never)
    paper, data = card(wife_present_address=words(40), husband_present_address=words(40))
    assert fitting.too_long(paper, data) == []
    for paper_id in ("acceptance_notice", "handover_list"):
        assert fitting.too_long(load(paper_id), samples.load_sample(load(paper_id))) == []


def test_the_longest_is_named_with_the_number_that_fits(service: RenderService) -> None:
    """One character fewer than said goes on the sheet, one more does not."""
    paper, data = card(**dict.fromkeys(ADDRESSES, words(90)), wife_name=words(40), husband_name=words(40))
    found = fitting.too_long(paper, data)
    assert found and all(one.fits < one.have for one in found)
    last = found[-1]
    assert last.sentence == f"「{last.label}」有 {last.have} 个字，最多印得下 {last.fits} 个字，请缩短或改用附页"
    fitting_data = {**data, **{one.field: data[one.field][: one.fits] for one in found}}
    service.lay_out_only(paper, fitting_data)
    with pytest.raises(DoesNotFit):
        service.lay_out_only(paper, {**fitting_data, last.field: data[last.field][: last.fits + 1]})


def test_too_many_rows_are_counted_as_rows(service: RenderService) -> None:
    paper = load("acceptance_notice")
    sample = samples.load_sample(paper)
    row = {**sample["materials"][0], "name": words(120), "note": words(60)}
    (one,) = fitting.too_long(paper, {**sample, "materials": [row] * 60})
    assert (one.field, one.have, one.rows) == ("materials", 60, True)
    assert one.sentence == f"「{one.label}」有 60 行，最多印得下 {one.fits} 行，请分成几张办理"
    service.lay_out_only(paper, {**sample, "materials": [row] * one.fits})


def test_what_cannot_be_printed_for_another_reason_is_not_judged_here(service: RenderService) -> None:
    paper, data = card(wife_present_address=words(90), wife_birth_date="不是日期", expected_date="不是日期")
    assert fitting.too_long(paper, data) == []
