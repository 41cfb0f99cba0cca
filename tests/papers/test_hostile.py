"""Whatever is typed into a field is text: nothing is fetched, attached, executed or reordered."""

from __future__ import annotations

import io
import os
import random
import socket
import time
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from PIL import Image

from services.papers import attached, samples, values
from services.papers.child import Limits, run_limited
from services.papers.definition import load, paper_ids
from services.papers.errors import (
    DoesNotFit,
    InvalidPaperData,
    MissingGlyphs,
    PaperError,
    RenderFailed,
    RenderInterrupted,
)
from services.papers.renderer import RenderService
from services.papers.text import hostile_character

from .conftest import URL, Listener, squeeze

PAPERS = paper_ids()
TYPED = {"text", "lines", "person_name", "id_number", "phone", "address"}


def channels(port: int) -> list[str]:
    base = f"http://127.0.0.1:{port}"
    return [
        f"<img src={base}/a>",
        f"<link rel=stylesheet href={base}/b>",
        f"<style>@import '{base}/c';</style>",
        f"<p style='background:url({base}/d)'>x",
        f"<svg><image href='{base}/e'/></svg>",
        f"<object data={base}/f>",
        f"<embed src={base}/g>",
        f"<link rel=attachment href={base}/h>",
        f"<a rel=attachment href={base}/i>x</a>",
        f"<style>@font-face{{font-family:x;src:url({base}/j)}}*{{font-family:x}}</style>",
        "<link rel=attachment href=file:///etc/hostname>",
        f"<svg><use href='{base}/k#x'/></svg>",
        f"<img srcset='{base}/l 2x'>",
        f"<input type=image src={base}/m>",
        "<img src=file:///etc/passwd>",
    ]


def test_markup_in_every_field_is_text(
    service: RenderService, listener: Listener, read: Callable[[bytes], str]
) -> None:
    limits = Limits(network=True)
    rounds = channels(listener.port)
    for paper_id in PAPERS:
        paper = load(paper_id)
        sample = samples.load_sample(paper)
        for start in range(0, len(rounds), 5):
            data, expected = dict(sample), []
            turn = start
            for field in paper.fields:
                if field.kind in TYPED and sample.get(field.name):
                    data[field.name] = rounds[turn % len(rounds)][: field.max_length]
                    expected.append(squeeze(data[field.name]))
                    turn += 1
            try:
                content = service.render(paper, data, draft=False, verify_url=URL, limits=limits)
            except DoesNotFit:
                continue
            text = read(content)
            for value in expected:
                assert value in text
            with pikepdf.open(io.BytesIO(content)) as document:
                assert set(document.attachments) == {attached.NAME}
    assert listener.hits == 0


@pytest.mark.parametrize("channel", range(15))
def test_even_a_careless_template_fetches_nothing(trial: Any, listener: Listener, channel: int) -> None:
    """Without autoescape and without the namespace: the fetcher alone must hold."""
    service, paper = trial("<html><body>{{ f.name|e }}" + channels(listener.port)[channel])
    try:
        content = service.render(paper, {"name": "张三"}, draft=False, verify_url=None, limits=Limits(network=True))
    except RenderFailed as failed:
        assert "外部文件" in failed.reason
    else:
        with pikepdf.open(io.BytesIO(content)) as document:
            assert set(document.attachments) == {attached.NAME}
    assert listener.hits == 0


def test_random_text_comes_back_as_typed(service: RenderService, read: Callable[[bytes], str]) -> None:
    """Seeded random text over markup, Latin, BMP Han and extensions A to F in every field."""
    paper = load("delivery_receipt")
    sample = samples.load_sample(paper)
    blocks = [(0x21, 0x7E)] * 3 + [(0x4E00, 0x9FFF)] * 3 + [(0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2EBE0)]
    for seed in range(12):
        rng = random.Random(seed)
        data, expected = dict(sample), {}
        for field in paper.fields:
            if field.kind in TYPED and sample.get(field.name):
                text = "".join(
                    chr(rng.randint(*rng.choice(blocks))) for _ in range(rng.randint(1, min(40, field.max_length)))
                )
                data[field.name] = expected[field.name] = text
        try:
            text = read(service.render(paper, data, draft=False, verify_url=URL))
        except MissingGlyphs as refused:
            assert all("U+" in sentence for sentence in refused.sentences), f"seed {seed}"
            continue
        for name, value in expected.items():
            assert squeeze(value) in text, f"seed {seed} {name}"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("张\u202e三", "方向"),
        ("张\u2066三", "方向"),
        ("张\u200f三", "方向"),
        ("张\u200b三", "看不见"),
        ("张\ufeff三", "看不见"),
        ("张\u00ad三", "看不见"),
        ("张\x00三", "控制字符"),
        ("张\x1b三", "控制字符"),
        ("张\x85三", "控制字符"),
        ("张\n三", "控制字符"),
        ("张\u2028三", "控制字符"),
        ("张\ue000三", "自造字"),
        ("张\U000f0000三", "自造字"),
        ("张\ud800三", "代理"),
        ("张\ufffe三", "码位"),
        ("张" + "\u0301" * 50, "附加符号"),
        ("张\U000e0041三", "看不见"),
    ],
)
def test_hostile_characters_are_refused_by_name(service: RenderService, text: str, word: str) -> None:
    paper = load("acceptance_notice")
    data = {**samples.load_sample(paper), "applicant_name": text}
    found = dict(values.problems(paper, data))
    assert word in found["applicant_name"] and "申请人" in found["applicant_name"]
    assert "第 2 个字" in found["applicant_name"] or word == "附加符号"
    with pytest.raises(InvalidPaperData, match=word):
        service.render(paper, data, draft=False, verify_url=URL)


def test_ordinary_names_are_not_hostile() -> None:
    for name in (
        "欧阳𬭎祺",
        "阿卜杜热西提·买买提明",
        "𠮷䶮㛃",
        "葛\U000e0100城",
        "Ngũgĩ wa Thiong'o",
        "李 四",
        "王(小)明",
    ):
        assert hostile_character(name) is None


def test_wrong_kinds_are_named_not_printed() -> None:
    paper = load("acceptance_notice")
    sample = samples.load_sample(paper)
    wrong = {
        "applicant_name": ["x"],
        "promised_days": "三",
        "accepted_on": "昨天",
        "signature": "http://x/",
        "materials": "x",
        "item_title": "长" * 500,
    }
    found = dict(values.problems(paper, {**sample, **wrong}))
    assert set(found) == set(wrong)
    assert "500" in found["item_title"]
    assert dict(values.problems(paper, {**sample, "signature": b"GIF89a<svg>"})).keys() == {"signature"}
    letter = load("authorisation_letter")
    assert (
        "提交申请和材料"
        in dict(values.problems(letter, {**samples.load_sample(letter), "powers": ["everything"]}))["powers"]
    )


def test_a_verify_address_must_be_an_address(service: RenderService) -> None:
    paper = load("visit_sheet")
    for bad in ("javascript:alert(1)", "https://x/" + "a" * 800, "https://x/\u202e"):
        with pytest.raises(InvalidPaperData, match="核验网址"):
            service.render(paper, samples.load_sample(paper), draft=False, verify_url=bad)


@pytest.mark.parametrize(
    "page",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ copy.join.__globals__ }}",
        "{{ nowhere }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../../../etc/passwd' %}",
        "{{ paper.folder.__class__ }}",
    ],
)
def test_templates_stay_in_the_sandbox(trial: Any, page: str) -> None:
    service, paper = trial(page)
    with pytest.raises(RenderFailed, match="模板"):
        service.render(paper, {"name": "张三"}, draft=False, verify_url=None)


# ---- a child that misbehaves ----

BOMBS = {
    "cpu in the template": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "memory in the template": "{{ 'a' * 4000000000 }}",
    "memory by doubling": "{% macro m(x, n) %}{{ m(x ~ x, n - 1) if n else x }}{% endmacro %}{{ m('aaaaaaaa', 60) }}",
    "deep nesting": "{% for a in range(20000) %}<div>{% endfor %}",
    "layout cpu": "{% for a in range(60000) %}<table><tr><td>x{% endfor %}",
    "endless pages": "{% for a in range(4000) %}<p style='break-before:page'>x{% endfor %}",
    "division by zero": "{{ 1 / 0 }}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_as_a_sentence(trial: Any, name: str) -> None:
    service, paper = trial("<html><body>" + BOMBS[name])
    started = time.monotonic()
    with pytest.raises(RenderFailed) as failed:
        service.render(
            paper,
            {"name": "张三"},
            draft=False,
            verify_url=None,
            limits=Limits(memory=512 * 1024**2, cpu_seconds=3, wall_seconds=12),
        )
    # The limit of 12 s and what a busy machine needs to notice it.
    assert time.monotonic() - started < 60
    assert str(failed.value).startswith("文书没有生成：") and failed.value.advice
    assert run_limited(lambda: b"alive") == b"alive"


def test_text_longer_than_the_sheet_is_told_not_cut(trial: Any) -> None:
    """A card has two sides: what does not fit is refused with the number of pages, never printed in part."""
    service, paper = trial(
        "{% for a in range(9) %}<p class='leaf'>{{ f.name }}</p>{% endfor %}", style=".leaf { break-after: page }"
    )
    with pytest.raises(DoesNotFit, match="9 页，超过“试验”的 3 页"):
        service.render(paper, {"name": "张三"}, draft=False, verify_url=None)


def test_a_hang_is_killed_and_leaves_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    forked, fork = [], os.fork
    monkeypatch.setattr(os, "fork", lambda: forked.append(fork()) or forked[-1])
    with pytest.raises(RenderFailed, match="超过 1 秒"):
        run_limited(lambda: time.sleep(60) or b"", Limits(wall_seconds=1))
    # This one, not any: servers that other tests of this process started are its children too.
    (child,) = forked
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def test_a_crash_below_python_is_a_sentence() -> None:
    for crash in (os.abort, lambda: os.kill(os.getpid(), 11) or b"", lambda: os._exit(7)):
        with pytest.raises(RenderFailed, match="排版程序"):
            run_limited(crash)  # type: ignore[arg-type]


def test_a_child_killed_from_outside_is_no_fault_of_the_paper() -> None:
    """Nobody may give a paper up for this, so it is not among the errors of papers."""
    with pytest.raises(RenderInterrupted, match="文书本身没有问题") as cut:
        run_limited(lambda: os.kill(os.getpid(), 9) or b"")  # type: ignore[func-returns-value]
    assert not isinstance(cut.value, PaperError)


def test_too_much_output_is_refused() -> None:
    with pytest.raises(RenderFailed, match="过大"):
        run_limited(lambda: b"x" * 3_000_000, Limits(output_bytes=1_000_000))


def test_the_child_has_no_network_no_files_and_no_inherited_sockets(listener: Listener, tmp_path: Any) -> None:
    with socket.socket() as inherited:
        number = inherited.fileno()

        def probe() -> bytes:
            found = []
            try:
                os.fstat(number)
                found.append("inherited socket")
            except OSError:
                pass
            try:
                socket.create_connection(("127.0.0.1", listener.port), timeout=1).close()
                found.append("network")
            except OSError:
                pass
            try:
                with open(tmp_path / "written", "wb") as file:
                    file.write(b"x" * 10)
                found.append("written file")
            except OSError:
                pass
            return ",".join(found).encode()

        answer = run_limited(probe)
    if b"network" in answer and os.geteuid() != 0:
        pytest.skip("this machine gives an ordinary user no network namespace; the closed fetcher stands alone")
    assert answer == b""
    assert listener.hits == 0


# ---- pictures ----


def picture(mode: str, form: str, size: tuple[int, int] = (40, 50), **more: Any) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, 128 if mode in {"L", "P"} else None).save(target, form, **more)
    return target.getvalue()


def test_pictures_become_plain_pixels_or_a_sentence(service: RenderService) -> None:
    paper = load("senior_card")
    sample = samples.load_sample(paper)
    frames = [Image.new("RGB", (40, 50), (shade, 0, 0)) for shade in (0, 99, 200)]
    refused = {
        "会动": picture("RGB", "PNG", save_all=True, append_images=frames),
        "像素": picture("1", "PNG", (9000, 9000)),
        "MB": b"\xff\xd8\xff" + bytes(values.MAX_IMAGE_BYTES),
        "不是完整": picture("RGB", "JPEG")[:200],
    }
    for word, content in refused.items():
        found = dict(values.problems(paper, {**sample, "photo": content}))
        assert word in found["photo"] and "照片" in found["photo"]
    for content in (picture("CMYK", "JPEG"), picture("RGBA", "PNG"), picture("I;16", "PNG"), picture("P", "PNG")):
        paper_pdf = service.render(paper, {**sample, "photo": content}, draft=False, verify_url=URL)
        with pikepdf.open(io.BytesIO(paper_pdf)) as document:
            spaces = {
                str(one.ColorSpace)
                for one in document.objects
                if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"
            }
        assert spaces <= {"/DeviceRGB", "/DeviceGray"}


def test_a_name_of_ten_thousand_characters_is_refused_at_once() -> None:
    for paper_id in PAPERS:
        paper = load(paper_id)
        assert samples.poisons_taken(paper, samples.load_sample(paper)) == []
