"""Every paper as an office gets it: right words, right pages, right sizes, the same bytes each time."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
import pytest
import zxingcpp
from PIL import Image

from services.papers import renderer, samples, values
from services.papers.child import run_limited
from services.papers.definition import ROOT, SIZES, Paper, load, paper_ids
from services.papers.errors import InvalidPaperData
from services.papers.renderer import RenderService

from .conftest import URL, pages, squeeze

# What hangs on a wall or leaves the ticket printer has no number and no check code; tests/pages reads those sheets.
PUBLIC = {
    "service_handbook",
    "board_sheet",
    "board_sheet_a3",
    "item_leaflet",
    "item_poster",
    "queue_slip",
    "point_list",
}
PAPERS = [one for one in paper_ids() if one not in PUBLIC]
SAMPLE_PAGES = {
    "acceptance_notice": 2,
    "approval_refusal": 2,
    "authorisation_letter": 2,
    "commitment_letter": 2,
    "cross_region_proof": 1,
    "deferral_promise": 2,
    "delivery_list": 4,
    "delivery_receipt": 1,
    "exit_receipt": 1,
    "fertility_registration_card": 2,
    "handover_list": 2,
    "intake_refusal": 2,
    "joint_minute": 2,
    "marital_fertility_proof": 1,
    "migrant_marital_fertility_proof": 1,
    "one_time_notice": 2,
    "only_child_honour_certificate": 2,
    "parents_birth_record_survey": 2,
    "run_record": 1,
    "senior_card": 2,
    "service_statement": 2,
    "signed_statement": 1,
    "visit_sheet": 1,
}


def displayed(paper: Paper, data: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, text) of everything that must be readable on the sheet."""
    found: list[tuple[str, str]] = []
    for field in paper.fields:
        value = values.prepare(paper, data)[field.name]
        if field.kind == "table":
            found += [
                (f"{field.name}.{column.name}", row[column.name])
                for row in value
                for column in field.columns
                if isinstance(row[column.name], str)
            ]
        elif field.kind == "choices" or field.kind == "choice":
            found += [(field.name, option.label) for option in value]
        elif field.kind == "lines":
            found += [(field.name, line) for line in value.split("\n")]
        elif isinstance(value, str) and field.kind != "image":
            found.append((field.name, value))
    return [(name, squeeze(text)) for name, text in found if text]


@pytest.mark.parametrize("paper_id", PAPERS)
@pytest.mark.req("S0-28")
@pytest.mark.req("S0-37")
def test_every_field_of_the_sample_can_be_read_back(
    service: RenderService, read: Callable[[bytes], str], paper_id: str
) -> None:
    paper = load(paper_id)
    sample = samples.load_sample(paper)
    text = read(service.render(paper, sample, draft=False, verify_url=URL))
    for name, value in displayed(paper, sample):
        assert value in text, f"{name}: {value}"
    assert paper.title_zh in text
    assert "样张" not in text
    assert "8F3KQ2MX7T1A" in text


@pytest.mark.parametrize("paper_id", PAPERS)
def test_page_count_and_sheet_size(service: RenderService, paper_id: str) -> None:
    paper = load(paper_id)
    content = service.render(paper, samples.load_sample(paper), draft=False, verify_url=URL)
    with pikepdf.open(io.BytesIO(content)) as document:
        assert len(document.pages) == SAMPLE_PAGES[paper_id]
        for page in document.pages:
            box = [float(number) / 72 * 25.4 for number in page.mediabox]
            assert (round(box[2]), round(box[3])) == SIZES[paper.size]


@pytest.mark.parametrize("paper_id", PAPERS)
def test_draft_carries_the_mark_and_no_number(
    service: RenderService, read: Callable[[bytes], str], paper_id: str
) -> None:
    paper = load(paper_id)
    sample = samples.load_sample(paper)
    text = read(service.render(paper, sample, draft=True, verify_url=URL))
    assert text.count("样张") >= SAMPLE_PAGES[paper_id]
    assert sample["number"] not in text.replace(squeeze(str(sample.get("case_number", ""))), "")
    assert "8F3KQ2MX7T1A" not in text
    if paper.seal:
        assert "样章" in text
        assert "盖章处" in text


@pytest.mark.parametrize("paper_id", [paper_id for paper_id in PAPERS if load(paper_id).seal])
def test_seal_place_is_marked_and_nothing_red_is_drawn(
    service: RenderService, poppler: None, tmp_path: Path, paper_id: str
) -> None:
    """A drawn red circle would look like a seal and be none. Sheets that nobody seals may have the colour of the house."""
    paper = load(paper_id)
    for demo in (False, True):
        content = service.render(paper, samples.load_sample(paper), draft=False, verify_url=URL, demo=demo)
        (tmp_path / "p.pdf").write_bytes(content)
        subprocess.run(["pdftoppm", "-r", "50", "-png", tmp_path / "p.pdf", tmp_path / f"{demo}"], check=True)
    pictures = sorted(tmp_path.glob("*.png"))
    assert len(pictures) >= 2
    for file in pictures:
        with Image.open(file) as picture:
            for _, (red, green, blue) in picture.convert("RGB").getcolors(1 << 24) or []:
                assert red - max(green, blue) < 40, file.name


@pytest.mark.parametrize("paper_id", PAPERS)
def test_square_code_leads_to_the_check_page(
    service: RenderService, poppler: None, tmp_path: Path, paper_id: str
) -> None:
    paper = load(paper_id)
    (tmp_path / "p.pdf").write_bytes(service.render(paper, samples.load_sample(paper), draft=False, verify_url=URL))
    subprocess.run(["pdftoppm", "-r", "150", "-png", tmp_path / "p.pdf", tmp_path / "p"], check=True)
    found = {code.text for file in tmp_path.glob("p-*.png") for code in zxingcpp.read_barcodes(Image.open(file))}
    assert found == {URL}


@pytest.mark.parametrize("paper_id", PAPERS)
def test_nothing_a_person_reads_is_below_ten_and_a_half_points(service: RenderService, paper_id: str) -> None:
    """Long names and addresses wrap; they never shrink. Only the small print beside the square code is 9pt."""
    paper = load(paper_id)
    long = dict(samples.load_sample(paper))
    for field in paper.fields:
        if field.kind in {"person_name", "address"} and long.get(field.name):
            long[field.name] = (str(long[field.name]) * 9)[: field.max_length if field.kind == "address" else 20]
    small: list[tuple[float, str]] = []

    def visit(text: str, matrix: list[float], text_matrix: list[float], font: Any, size: float) -> None:
        points = abs(size * text_matrix[3] * matrix[3])
        if text.strip() and 1.5 < points < 10.49:
            small.append((round(points, 2), text.strip()))

    content = service.render(paper, long, draft=False, verify_url=URL)
    for page in pypdf.PdfReader(io.BytesIO(content)).pages:
        page.extract_text(visitor_text=visit)
    for points, text in small:
        assert points >= 8.99
        assert any(word in text for word in ("核验", "校验码", "8F3K", "扫码", "真伪", "7T1A")), (points, text)


@pytest.mark.parametrize("paper_id", PAPERS)
def test_same_input_gives_the_same_bytes(service: RenderService, paper_id: str) -> None:
    paper = load(paper_id)
    sample = samples.load_sample(paper)
    first = service.render(paper, sample, draft=False, verify_url=URL)
    service.render(load("visit_sheet"), samples.load_sample(load("visit_sheet")), draft=True, verify_url=None)
    assert service.render(paper, sample, draft=False, verify_url=URL) == first


def test_another_process_gives_the_same_bytes(service: RenderService, tmp_path: Path) -> None:
    out = tmp_path / "o.pdf"
    code = (
        "import sys, pathlib; from services.papers.samples import render_sample;"
        "render_sample('fertility_registration_card', None, pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(out)], check=True, cwd=ROOT.parent)
    paper = load("fertility_registration_card")
    here = service.render(paper, samples.load_sample(paper), draft=False, verify_url=samples.SAMPLE_URL, demo=True)
    assert out.read_bytes() == here


def test_threads_may_print_at_the_same_time(service: RenderService) -> None:
    paper = load("handover_list")
    sample = samples.load_sample(paper)
    alone = service.render(paper, sample, draft=False, verify_url=URL)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: service.render(paper, sample, draft=False, verify_url=URL), range(8)))
    assert set(together) == {alone}


@pytest.mark.parametrize("paper_id", PAPERS)
def test_missing_fields_are_named_before_anything_is_printed(service: RenderService, paper_id: str) -> None:
    paper = load(paper_id)
    sample = samples.load_sample(paper)
    assert values.missing_fields(paper, sample) == []
    always = [field for field in paper.fields if field.required == "always"]
    for field in always:
        short = {**sample, field.name: None}
        assert (field.name, field.label) in values.missing_fields(paper, short, draft=True)
    with pytest.raises(InvalidPaperData) as refused:
        service.render(paper, {}, draft=False, verify_url=None)
    assert [name for name, _ in refused.value.problems][:1] == [values.missing_fields(paper, {})[0][0]]
    assert all("还没有填写" in sentence for _, sentence in refused.value.problems)


def test_who_cannot_write_needs_two_witnesses() -> None:
    paper = load("authorisation_letter")
    sample = {**samples.load_sample(paper), "witness2_name": "", "witness2_phone": ""}
    assert values.missing_fields(paper, sample) == [
        ("witness2_name", "见证人二姓名"),
        ("witness2_phone", "见证人二电话"),
    ]
    assert values.missing_fields(paper, {**sample, "fingerprint": False}) == []


def test_long_tables_go_on_over_pages_with_their_head(service: RenderService, read: Callable[[bytes], str]) -> None:
    paper = load("handover_list")
    sample = samples.load_sample(paper)
    sample["lines"] = [{**sample["lines"][0], "material": f"材料第{n}号"} for n in range(60)]
    content = service.render(paper, sample, draft=False, verify_url=URL)
    text = read(content)
    assert all(text.count(f"材料第{n}号") == 2 for n in range(60))
    assert pages(content) > 4 and text.count("材料名称") >= 6
    assert "第1页共" in text


def test_papers_check_prints_every_paper_three_ways(service: RenderService) -> None:
    results = samples.papers_check(service)
    assert [result for result in results if not result.ok] == []
    assert {(result.paper, result.case) for result in results} == {
        (paper_id, case) for paper_id in paper_ids() for case in ("sample", "draft", "hostile", "poison")
    }


def test_one_warm_service_serves_the_process_and_its_forks() -> None:
    first = renderer.warm()
    assert renderer.warm() is first
    paper = load("visit_sheet")
    sample = samples.load_sample(paper)
    here = renderer.render(paper, sample, draft=True, verify_url=None)
    assert run_limited(lambda: b"same" if renderer.warm() is first else b"other") == b"same"
    assert here == first.render(paper, sample, draft=True, verify_url=None)


def test_a_process_with_a_service_ends_cleanly() -> None:
    """The faces must be freed before the interpreter takes the text library down."""
    code = "from services.papers import renderer; import builtins; builtins.kept = renderer.warm()"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT.parent).returncode == 0


def test_the_back_of_the_handbook_belongs_to_no_chapter(service: RenderService, read: Callable[[bytes], str]) -> None:
    paper = load("service_handbook")
    content = service.render(paper, samples.load_sample(paper), draft=False, verify_url=None)
    with pikepdf.open(io.BytesIO(content)) as document:
        alone = io.BytesIO()
        del document.pages[:-1]
        document.save(alone)
    text = read(alone.getvalue())
    assert "监督投诉电话12345" in text
    assert "拼音索引" not in text and text.count("监督投诉") == 1 and not text.endswith("9")
