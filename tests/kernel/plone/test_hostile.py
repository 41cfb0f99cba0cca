"""Files that are wrong, too large or mean harm: one clear line, never a trace, nothing fetched or expanded."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.kernel.plone.test_reading import SAMPLE, small, state

Run = Callable[..., Result]
LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "]><dc-workflow title='&a9;'/>"
)
FILES: dict[str, tuple[bytes, str]] = {
    "large": (small(state("a") + "<!--" + "x" * 10 * 1024 * 1024 + "-->").encode(), "is larger than 8 MB"),
    "laughs": (LAUGHS.encode(), "line 1: a DOCTYPE is not accepted"),
    "external": (b"<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><dc-workflow title='&x;'/>", "a DOCTYPE"),
    "parameter": (b"<!DOCTYPE d [<!ENTITY % p SYSTEM 'http://127.0.0.1:1/x'> %p;]><dc-workflow/>", "a DOCTYPE"),
    "doctype": (b"<!DOCTYPE dc-workflow>\n<dc-workflow/>", "a DOCTYPE is not accepted"),
    "utf-16 doctype": ("<!DOCTYPE d [<!ENTITY a 'b'>]><dc-workflow/>".encode("utf-16"), "a DOCTYPE is not accepted"),
    "undefined entity": (small(state("a"), title="&nbsp;").encode(), "undefined entity"),
    "not xml": (b"id: errand\nstates: {}\n", "line 1: is not well-formed XML"),
    "cut off": (SAMPLE.read_bytes()[:2000], "is not well-formed XML"),
    "two roots": ((small(state("a")) + "<x/>").encode(), "junk after document element"),
    "wrong root": (b"<object name='portal_workflow'/>", "the root element is <object>"),
    "html": (b"<!doctype html><html></html>", "is not well-formed XML"),
    "empty": (b"", "is empty"),
    "blank": (b" \n\t\n", "is empty"),
    "binary": (os.urandom(4096) + b"\xff", "text"),
    "zeros": (b"\0" * 100, "is not a text file"),
    "deep": (b"<dc-workflow>" + b"<state>" * 50_000, "nested deeper than 64"),
    "unknown encoding": (b"<?xml version='1.0' encoding='klingon'?><dc-workflow/>", "unknown encoding 'klingon'"),
    "a codec that unpacks": (b"<?xml version='1.0' encoding='zip'?><dc-workflow/>", "unknown encoding 'zip'"),
    "not what it declares": (
        b"<?xml version='1.0' encoding='utf-8'?>\n<dc-workflow title='\xff'/>",
        "line 2: is not utf-8",
    ),
}


@pytest.fixture
def run(app: Flask) -> Run:
    return lambda *arguments, **kwargs: app.test_cli_runner().invoke(args=[str(a) for a in arguments], **kwargs)


def one_line(result: Result, words: str, code: int = 1) -> None:
    assert result.exit_code == code and not isinstance(result.exception, (ValueError, TypeError, AttributeError))
    assert words in result.output and len(result.output.strip().splitlines()) == 1, result.output[:500]
    assert len(result.output) < 2000 and "Traceback" not in result.output


def test_every_command_says_it_in_one_line(run: Run, tmp_path: Path) -> None:
    for name, (contents, words) in FILES.items():
        file = tmp_path / name.replace(" ", "-") / "definition.xml"
        file.parent.mkdir()
        file.write_bytes(contents)
        for command in (("show", file, "--json"), ("try", file, "--json"), ("draw", file)):
            one_line(run("process", *command), words)
        checked = run("process", "check", file)
        assert checked.exit_code == 1 and words in checked.output, name
        assert len(checked.output.strip().splitlines()) == 2, "what is wrong, and how many"


def test_places_without_a_definition(run: Run, tmp_path: Path) -> None:
    one_line(run("process", "show", tmp_path, "--json"), "holds no definition.xml")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "definition.xml").write_bytes(SAMPLE.read_bytes())
    one_line(run("process", "show", tmp_path), "name one of: inner")
    one_line(run("process", "try", tmp_path / "missing.xml"), "no such file")
    missing = run("process", "check", tmp_path / "missing.xml")
    assert missing.exit_code == 1 and "missing.xml: no such file" in missing.output


def test_nothing_is_fetched(run: Run, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.3)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.dtd"
        file = tmp_path / "definition.xml"
        file.write_text(f"<!DOCTYPE dc-workflow SYSTEM '{address}'>" + small(state("a")))
        run("process", "show", file, "--json")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_a_folder_and_a_file_without_suffix_are_read(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "workflows" / "sample"
    folder.mkdir(parents=True)
    (folder / "definition.xml").write_bytes(SAMPLE.read_bytes())
    (tmp_path / "upload").write_bytes(SAMPLE.read_bytes())
    assert (
        run("process", "show", folder, "--json").output == run("process", "show", tmp_path / "upload", "--json").output
    )
    checked = run("process", "check", tmp_path / "workflows")
    assert (
        checked.exit_code == 0 and "Plone process sample_workflow is right (3 states, 5 transitions" in checked.output
    )


def test_drawing_and_reading_for_people(run: Run) -> None:
    assert run("process", "draw", SAMPLE).output.startswith("<svg")
    shown = run("process", "show", SAMPLE).output
    assert "sign Sign → published [here/is_sign_feature_enabled] (closed)" in shown and "! transition 'sign'" in shown


def test_too_many_states_are_not_drawn(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "definition.xml"
    file.write_text(small(state("a") + "".join(state(f"s{n}") for n in range(400))))
    one_line(run("process", "draw", file), "401 states are too many for one picture")
