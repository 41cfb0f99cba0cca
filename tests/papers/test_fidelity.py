"""The fast path prints what the ordinary one prints, and five foreign programs have nothing to say against it.

One command for a paper: `FILLS=1000 PAPERS=senior_card bin/test tests/papers/test_fidelity.py -s`; SEED invents others.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from services.papers.definition import load, load_all
from services.papers.prepared import admission
from services.papers.prepared.faces import Faces
from services.papers.prepared.papers import PreparedPaper
from services.papers.prepared.random_fills import Fills
from services.papers.renderer import RenderService
from services.papers.samples import load_sample
from services.trust import sealing
from tests.papers import checkers
from tests.papers.checkers import write
from tests.papers.conftest import squeeze

# 1,000 and more before a release; few in the suite.
COPIES = int(os.environ.get("FILLS", "3"))
SEED = int(os.environ.get("SEED", "7"))
CERTIFICATES = sorted(
    name for name, paper in load_all().items() if paper.series in ("senior_card", "fertility_registration_card")
)
PAPERS = os.environ["PAPERS"].split(",") if os.environ.get("PAPERS") else CERTIFICATES
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
EVERY = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def faces(folder: Path) -> Faces:
    """Opened once for all papers: the everyday characters of a face take a while."""
    return Faces(folder / "faces")


@pytest.mark.parametrize("name", PAPERS)
def test_random_copies_equal_the_ordinary_ones_and_foreign_programs_accept_them(
    name: str,
    app,
    folder: Path,
    faces: Faces,
    service: RenderService,
    poppler: None,
    read: Callable[..., str],
    tmp_path: Path,
) -> None:
    if absent := checkers.lacking():
        print(f"not installed, so what they would say is not known: {', '.join(absent)}")
    paper, luck = load(name), Random(SEED)
    one = PreparedPaper(paper, folder, faces)
    maker, worst = Fills(paper, load_sample(paper), seed=SEED, rare=0.3), 0.0
    for number in range(COPIES):
        where = f"copy {number} of {name}, SEED={SEED}"
        # Letters about a case bear an address without a claim, which is what every other address is.
        data, url = maker.fill(number), maker.url(number * 2 if paper.terms.letter else number)
        fast = write(one, service, data, url)
        ordinary = service.render(paper, data, draft=False, verify_url=url, demo=True)
        told, share = admission.differing(ordinary, fast)
        assert not told, f"{where}: {told} {share:.4%}"
        worst = max(worst, share)
        text = read(fast)
        people = [str(data[field.name]) for field in paper.fields if field.kind == "person_name" and data[field.name]]
        assert all(squeeze(each) in text for each in (data.get("number") or "", *people)), where
        signed = sealing.sign(fast, paper, AT + timedelta(minutes=luck.randrange(500_000)))
        _accepted(signed, url, paper.terms.signed, luck, absent, where, tmp_path)
        if (number + 1) % EVERY == 0:
            print(f"{name}: {number + 1} of {COPIES} copies the same on both ways and accepted", flush=True)
    print(f"{name}: {COPIES} copies, {one.shapes} shapes, at most {worst:.4%} of a page differ")


def test_a_rounded_distance_between_two_columns_is_no_other_text(
    folder: Path, faces: Faces, service: RenderService
) -> None:
    # pdftotext lays one blank more between the columns of this copy on one of the two ways.
    paper = load("marital_fertility_proof")
    maker, one = Fills(paper, load_sample(paper), seed=11, rare=0.3), PreparedPaper(paper, folder, faces)
    data, url = maker.fill(6), maker.url(6)
    ordinary = service.render(paper, data, draft=False, verify_url=url, demo=True)
    assert admission.differing(ordinary, write(one, service, data, url))[0] == ""
    moved = dict(data, name=f"{data['name'][::-1]}某")
    assert admission.differing(ordinary, write(one, service, moved, url))[0] == "text"


def _accepted(signed: bytes, url: str, sealed: bool, luck: Random, absent: list[str], where: str, folder: Path) -> None:
    """Well formed, every face inside, the code readable from paper, the signature valid, and invalid after one flipped bit."""
    if "qpdf" not in absent:
        wrong = checkers.well_formed(signed, folder)
        assert not wrong, f"{where}: {wrong}"
    wrong = checkers.faces_inside(signed, folder)
    assert not wrong, f"{where}: {wrong}"
    if "zbarimg" not in absent:
        assert url in checkers.codes_on_paper(signed, folder), f"{where}: the square code cannot be read at 150 dpi"
    if not sealed:
        return
    assert checkers.judged(signed) == (True, True, True, True), where
    place = checkers.signed_place(signed, luck)
    broken = bytearray(signed)
    broken[place] ^= 1 << luck.randrange(8)
    assert not checkers.sound(bytes(broken)), f"{where}: byte {place}"
    if "pdfsig" not in absent:
        said = checkers.pdfsig(signed, folder)
        assert "Signature is Valid" in said and "Total document signed" in said, f"{where}: {said}"
        assert "Signature is Valid" not in checkers.pdfsig(bytes(broken), folder), f"{where}: byte {place}"
