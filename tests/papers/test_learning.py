"""A shape that no invented copy showed is learned from the first copy in earnest, once for all processes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.papers.definition import Paper, load
from services.papers.errors import DoesNotFit
from services.papers.prepared import admission, issuing, record
from services.papers.prepared.faces import Faces
from services.papers.prepared.issuing import Issuer
from services.papers.prepared.papers import PreparedPaper
from services.papers.prepared.random_fills import Fills
from services.papers.renderer import RenderService
from services.papers.samples import load_sample

URL = "https://daiban.example/verify/A1"


class One:
    """The renderer of this test in the place of the process's own."""

    def __init__(self, service: RenderService) -> None:
        self.service, self.render = service, service.render

    def warm(self) -> RenderService:
        return self.service


@pytest.fixture
def office(
    poppler: None, service: RenderService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Issuer]:
    """Issuers that share one folder, as workers do; the paper counts as admitted, no shape is known."""
    monkeypatch.setattr(issuing, "renderer", lambda: One(service))

    def open_(paper: Paper, ready: RenderService | None = None) -> Issuer:
        if ready is not None:
            monkeypatch.setattr(issuing, "renderer", lambda: One(ready))
        issuer = Issuer(tmp_path / "prepared")
        known = PreparedPaper(paper, tmp_path / "prepared", Faces(tmp_path / "prepared/faces"))
        known.load()
        issuer.take(known)
        return issuer

    return open_


def copies(paper: Paper, *numbers: int) -> list[dict[str, Any]]:
    maker = Fills(paper, load_sample(paper), seed=21, rare=0)
    return [maker.fill(number) for number in numbers]


def test_the_first_copy_of_a_shape_teaches_it_to_every_worker(office, service, tmp_path) -> None:
    paper = load("senior_card")
    first, _ = copies(paper, 1, 2)
    first |= {"photo": None}
    second = first | {"number": "XC330103DX202699999", "name": "赵钱孙"}
    here, there = office(paper), office(paper)
    made = here.render(paper, first, verify_url=URL, demo=True)
    assert here.taken == {"ordinary": 1, "learned": 1}
    ordinary = service.render(paper, first, draft=False, verify_url=URL, demo=True)
    assert admission.differing(ordinary, made)[0] == ""
    assert here.render(paper, first, verify_url=URL, demo=True) == made, "the same bytes whether learned or known"
    # The other worker finds on the disk what this one has learned, and a third begins with it.
    for issuer in (there, office(paper)):
        assert issuer.render(paper, second, verify_url=URL, demo=True)
        assert issuer.taken == {"fast": 1}


def test_nothing_of_the_first_copy_is_in_the_second_or_in_the_folder(office, tmp_path) -> None:
    paper = load("senior_card")
    first, second = (one | {"photo": None} for one in copies(paper, 3, 4))
    # The same lengths, so that both have one shape.
    second = first | {
        name: second[name] for name in ("name", "id_number", "number") if len(second[name]) == len(first[name])
    }
    issuer = office(paper)
    issuer.render(paper, first, verify_url=URL, demo=True)
    content = issuer.render(paper, second, verify_url="https://daiban.example/verify/B2", demo=True)
    assert issuer.taken["fast"] == 1
    file = tmp_path / "second.pdf"
    file.write_bytes(content)
    told = "".join(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for command in (["pdftotext", file, "-"], ["pdfinfo", file], ["pdfinfo", "-meta", file])
    )
    secret = [first[name] for name in ("id_number", "name", "number") if first[name] != second[name]]
    assert secret
    kept = b"".join(
        one.read_bytes() for one in (tmp_path / "prepared").rglob("*") if one.suffix in (".shape", ".structure")
    )
    assert kept
    for value in secret:
        assert value not in told and value.encode() not in content
        assert value.encode() not in kept and value.encode("unicode_escape") not in kept


def test_a_shape_that_comes_out_differently_is_not_kept(office, service, monkeypatch, tmp_path) -> None:
    paper = load("senior_card")
    data = copies(paper, 5)[0] | {"photo": None}
    issuer = office(paper)
    monkeypatch.setattr(admission, "differing", lambda one, other: ("pixels", 1.0))
    made = issuer.render(paper, data, verify_url=URL, demo=True)
    assert made == service.render(paper, data, draft=False, verify_url=URL, demo=True)
    assert issuer.taken == {"ordinary": 1} and not list((tmp_path / "prepared").rglob("*.shape"))
    prepared = issuer.prepared(paper)
    assert prepared is not None and not prepared.shapes


def test_what_cannot_be_learned_is_tried_so_often_and_no_more(office, service, monkeypatch) -> None:
    paper, asked = load("senior_card"), []
    data = copies(paper, 6)[0] | {"photo": None}
    issuer = office(paper)
    monkeypatch.setattr(admission, "differing", lambda one, other: asked.append(1) or ("text", 1.0))
    monkeypatch.setattr(issuing, "MOST_IN_VAIN", 2)
    for _ in range(4):
        issuer.render(paper, data, verify_url=URL, demo=True)
    assert len(asked) == 2 and issuer.taken == {"ordinary": 4}


def test_without_the_programs_for_comparing_nothing_is_learned(office, monkeypatch) -> None:
    paper = load("senior_card")
    issuer = office(paper)
    monkeypatch.setattr(record, "lacking", lambda: ["pdftotext"])
    issuer.render(paper, copies(paper, 7)[0], verify_url=URL, demo=True)
    assert issuer.taken == {"ordinary": 1}


def test_a_page_that_looks_into_a_field_learns_nothing_from_real_people(office, trial, tmp_path) -> None:
    ready, paper = trial(
        '<!DOCTYPE html><html lang="zh-CN"><head><title>t</title></head><body>'
        "<p>{% if f.name == '女' %}女士{% else %}先生{% endif %}：{{ f.name }}</p></body></html>"
    )
    issuer = office(paper, ready)
    for _ in range(2):
        assert issuer.render(paper, {"name": "王小明"}, verify_url=URL, demo=True)
    assert issuer.taken == {"ordinary": 2} and not list((tmp_path / "prepared").rglob("*.structure"))


def test_what_does_not_fit_is_refused_and_teaches_nothing(office, trial, tmp_path) -> None:
    ready, paper = trial(
        '<!DOCTYPE html><html lang="zh-CN"><head><title>t</title></head><body><p>{{ f.name }}</p></body></html>',
        style="p { font-size: 300pt; line-height: 1.5 }",
        max_pages=1,
    )
    issuer = office(paper, ready)
    with pytest.raises(DoesNotFit):
        issuer.render(paper, {"name": "阿卜杜热合曼买买提"}, verify_url=URL, demo=True)
    assert not issuer.taken["learned"] and not list((tmp_path / "prepared").rglob("*.shape"))
