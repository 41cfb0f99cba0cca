"""The fast path prints the same as the ordinary one: text, pixels, order of marks, and the same bytes every time."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from services.papers.definition import ROOT, Paper, load
from services.papers.errors import InvalidPaperData, MissingGlyphs
from services.papers.prepared import admission, record
from services.papers.prepared.errors import NotPreparable, TakeOrdinaryWay
from services.papers.prepared.faces import Faces
from services.papers.prepared.issuing import Issuer
from services.papers.prepared.papers import PreparedPaper, folder_of
from services.papers.prepared.random_fills import RARE, Fills
from services.papers.renderer import RenderService
from services.papers.samples import load_sample
from tests.papers.checkers import write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def faces(folder: Path) -> Faces:
    """Opened once for all papers: the everyday characters of a face take a while."""
    return Faces(folder / "faces")


@pytest.fixture(scope="module")
def prepared(folder: Path, faces: Faces, service: RenderService) -> Callable[[str], PreparedPaper]:
    kept: dict[str, PreparedPaper] = {}

    def prepare(name: str) -> PreparedPaper:
        if name not in kept:
            kept[name] = PreparedPaper(load(name), folder, faces)
        return kept[name]

    return prepare


def test_the_same_copy_gives_the_same_bytes_in_any_order(
    prepared: Callable[[str], PreparedPaper], service: RenderService, folder: Path
) -> None:
    paper, one = load("senior_card"), prepared("senior_card")
    maker = Fills(paper, load_sample(paper), seed=11)
    copies = [(maker.fill(number), maker.url(number)) for number in range(5)]
    first = [write(one, service, *copy) for copy in copies]
    order = list(range(5)) * 3
    random.Random(11).shuffle(order)
    assert all(one.write(copies[at][0], verify_url=copies[at][1], demo=True) == first[at] for at in order)
    again = PreparedPaper(paper, folder, Faces(folder / "faces"))
    assert again.load() >= 1
    assert [write(again, service, *copy) for copy in reversed(copies)] == first[::-1]


def test_another_process_writes_the_same_bytes(
    prepared: Callable[[str], PreparedPaper], service: RenderService, folder: Path
) -> None:
    one = prepared("senior_card")
    maker = Fills(one.paper, load_sample(one.paper), seed=12)
    here = hashlib.sha256(write(one, service, maker.fill(0), maker.url(0))).hexdigest()
    script = (
        "import hashlib, pathlib, sys\n"
        "from services.papers.definition import load\n"
        "from services.papers.prepared.faces import Faces\n"
        "from services.papers.prepared.papers import PreparedPaper\n"
        "from services.papers.prepared.random_fills import Fills\n"
        "from services.papers.samples import load_sample\n"
        "folder = pathlib.Path(sys.argv[1]); paper = load('senior_card')\n"
        "one = PreparedPaper(paper, folder, Faces(folder / 'faces')); one.load()\n"
        "maker = Fills(paper, load_sample(paper), seed=12)\n"
        "content = one.write(maker.fill(0), verify_url=maker.url(0), demo=True)\n"
        "print(hashlib.sha256(content).hexdigest())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT.parent)},
    )
    assert done.stdout.strip() == here, done.stderr


def test_a_rare_name_stays_on_the_fast_path(
    prepared: Callable[[str], PreparedPaper], service: RenderService, read: Callable[..., str]
) -> None:
    one = prepared("senior_card")
    data, url = load_sample(one.paper) | {"photo": None, "name": f"王{RARE[0]}"}, "https://daiban.example/verify/A1"
    write(one, service, data, url)
    for char in RARE[1:4]:
        content = one.write(data | {"name": f"李{char}"}, verify_url=url, demo=True)
        assert f"李{char}" in read(content)


def test_both_ways_refuse_the_same_with_the_same_sentences(folder: Path, service: RenderService) -> None:
    paper = load("senior_card")
    issuer = Issuer(folder)
    issuer.take(PreparedPaper(paper, folder, Faces(folder / "faces")))
    sample = load_sample(paper)
    for change, kind in (
        ({"name": ""}, InvalidPaperData),
        ({"birth_date": "昨天"}, InvalidPaperData),
        ({"name": "张\u202e三"}, InvalidPaperData),
        ({"name": "张\U0003ffff"}, InvalidPaperData),
        ({"household_address": "东" * 5000}, InvalidPaperData),
        ({"name": "张𖼀"}, MissingGlyphs),
        ({"photo": b"\xff\xd8no picture\xff\xd9"}, InvalidPaperData),
    ):
        told = []
        for render in (issuer.render, lambda *a, **k: service.render(*a, draft=False, **k)):
            with pytest.raises(kind) as caught:
                render(paper, sample | change, verify_url="https://daiban.example/verify/A1", demo=True)
            told.append(str(caught.value))
        assert told[0] == told[1], change


def test_markup_in_a_field_is_text_on_the_fast_path_too(
    prepared: Callable[[str], PreparedPaper], service: RenderService, poppler: None
) -> None:
    one = prepared("senior_card")
    data = load_sample(one.paper) | {
        "photo": None,
        "name": "<b>王</b>",
        "handler_name": "{{ 7*7 }} ) Tj ET",
        "agency": "(\\x29 >> endobj",
    }
    url = "https://daiban.example/verify/A1"
    fast = write(one, service, data, url)
    assert admission.differing(service.render(one.paper, data, draft=False, verify_url=url, demo=True), fast)[0] == ""


SEAL = """<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>t</title></head><body>
<p>{{ f.name }}</p><div class="stamp"></div></body></html>"""
SEAL_STYLE = """.stamp { position: absolute; left: 0; top: 0; width: 60mm; height: 40mm; background: #d7000f }"""


def test_what_lies_above_the_text_stays_above_it(
    trial: Callable[..., tuple[RenderService, Paper]], tmp_path: Path, poppler: None
) -> None:
    service, paper = trial(SEAL, style=SEAL_STYLE)
    one = PreparedPaper(paper, tmp_path / "prepared", Faces(tmp_path / "prepared/faces"))
    content = write(one, service, {"name": "王小明"}, "https://daiban.example/verify/A1")
    page = _page(content, tmp_path)
    red = [page.getpixel((x, y)) for x in range(70, 120) for y in range(90, 115)]
    assert set(red) == {(215, 0, 15)}, "the name shows through the seal"
    flat, paper = trial(SEAL, style=SEAL_STYLE.replace("position: absolute", "position: absolute; z-index: -1"))
    below = PreparedPaper(paper, tmp_path / "prepared", one.faces)
    page = _page(write(below, flat, {"name": "王小明"}, "https://daiban.example/verify/A1"), tmp_path)
    assert any(sum(page.getpixel((x, y))) < 60 for x in range(70, 120) for y in range(90, 115))


def _page(content: bytes, folder: Path) -> Image.Image:
    file = folder / "page.pdf"
    file.write_bytes(content)
    done = subprocess.run(["pdftoppm", "-r", "60", "-png", "-f", "1", "-l", "1", file], capture_output=True, check=True)
    return Image.open(io.BytesIO(done.stdout)).convert("RGB")


def test_a_page_that_looks_into_a_field_is_prepared_once_for_each_answer(
    trial: Callable[..., tuple[RenderService, Paper]], tmp_path: Path, poppler: None
) -> None:
    service, paper = trial(
        '<!DOCTYPE html><html lang="zh-CN"><head><title>t</title></head><body>'
        "<p>{% if f.name == '女' %}女士{% else %}先生{% endif %}：{{ f.name }}</p></body></html>"
    )
    one = PreparedPaper(paper, tmp_path / "prepared", Faces(tmp_path / "prepared/faces"))
    for name in ("女", "男", "女"):
        data, url = {"name": name}, "https://daiban.example/verify/A1"
        ordinary = service.render(paper, data, draft=False, verify_url=url, demo=True)
        assert admission.differing(ordinary, write(one, service, data, url))[0] == ""
    assert one.by_value == {"name"} and len(one.arrangements) == 2


@pytest.mark.parametrize(
    ("style", "page"),
    [
        ("td { float: left } b { display: inline-block }", "<p><b>{{ f.name }}</b> 同志</p>"),
        ("p { letter-spacing: 2pt }", "<p>{{ f.name }}</p>"),
        ("p { text-decoration: underline }", "<p>{{ f.name }}</p>"),
    ],
)
def test_what_is_not_fixed_is_refused_with_a_reason(
    trial: Callable[..., tuple[RenderService, Paper]], tmp_path: Path, style: str, page: str
) -> None:
    service, paper = trial(f'<!DOCTYPE html><html lang="zh-CN"><body>{page}</body></html>', style=style)
    result = admission.admit(paper, service, tmp_path / "prepared", fills=12, enough=10)
    assert not result.admitted and result.reason and not result.compared
    assert record.read(folder_of(tmp_path / "prepared", paper)) == result


def test_only_an_admitted_version_takes_the_fast_path(
    trial: Callable[..., tuple[RenderService, Paper]],
    tmp_path: Path,
    poppler: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service, paper = trial('<!DOCTYPE html><html lang="zh-CN"><body><p>{{ f.name }}</p></body></html>')
    monkeypatch.setattr("services.papers.renderer.render", lambda *a, **k: service.render(*a, **k))
    data, url, folder = {"name": "王小明"}, "https://daiban.example/verify/A1", tmp_path / "prepared"

    def way() -> dict[str, int]:
        issuer = Issuer(folder)
        issuer.render(paper, data, verify_url=url, demo=True)
        return dict(issuer.taken)

    assert way() == {"ordinary": 1}
    few = admission.admit(paper, service, folder, fills=3)
    assert not few.admitted and "1000" in few.reason
    assert way() == {"ordinary": 1}
    assert admission.admit(paper, service, folder, fills=3, enough=3).admitted
    assert way() == {"fast": 1}
    (folder / "faces").rename(tmp_path / "gone")
    assert way() == {"ordinary": 1}, "without its faces a paper takes the ordinary way"


def test_text_that_is_too_long_for_its_shape_takes_the_ordinary_way(
    prepared: Callable[[str], PreparedPaper], service: RenderService
) -> None:
    one = prepared("senior_card")
    data, url = load_sample(one.paper) | {"photo": None}, "https://daiban.example/verify/A1"
    write(one, service, data, url)
    for change in ({"household_address": "A" * 80}, {"name": "กำ"}, {"name": "e\u0301"}):
        with pytest.raises((TakeOrdinaryWay, NotPreparable)):
            one.write(data | change, verify_url=url, demo=True)


def test_memory_stays_what_it_is(prepared: Callable[[str], PreparedPaper], service: RenderService) -> None:
    one = prepared("senior_card")
    maker = Fills(one.paper, load_sample(one.paper), seed=13)
    copies = [(maker.fill(number), maker.url(number)) for number in range(20)]
    for copy in copies:
        write(one, service, *copy)
    count = int(os.environ.get("MEMORY_COPIES", "300"))

    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    for turn in range(100):
        write(one, service, *copies[turn % 20])
    before = resident()
    for turn in range(count):
        one.write(copies[turn % 20][0], verify_url=copies[turn % 20][1], demo=True)
    assert resident() - before < 5 * 2**20
