"""One warm renderer for all paper tests, a listener that counts calls, and a way to read a PDF back."""

from __future__ import annotations

import io
import re
import shutil
import socket
import subprocess
import threading
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pikepdf
import pytest

from services.papers.definition import ROOT, Paper, load
from services.papers.renderer import RenderService

URL = "https://daiban.example/verify/8F3KQ2MX7T1A"


@pytest.fixture(scope="session")
def service() -> RenderService:
    service = RenderService()
    service.warm()
    return service


@pytest.fixture(scope="session")
def poppler() -> None:
    if not shutil.which("pdftotext") or not shutil.which("pdftoppm"):
        pytest.skip("poppler-utils is not installed, so the PDF cannot be read back with a second program")


class Listener:
    """A local server that only counts who called."""

    def __init__(self) -> None:
        self.hits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while self._open:
            try:
                caller, _ = self._socket.accept()
            except TimeoutError:
                continue
            self.hits += 1
            caller.close()

    def close(self) -> None:
        self._open = False
        self._thread.join()
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def read(poppler: None, tmp_path: Path) -> Callable[..., str]:
    """The text of a PDF as poppler sees it, in the order it was drawn, without white space."""

    def read(content: bytes) -> str:
        file = tmp_path / "read.pdf"
        file.write_bytes(content)
        done = subprocess.run(["pdftotext", "-raw", "-enc", "UTF-8", str(file), "-"], capture_output=True, check=True)
        return squeeze(done.stdout.decode())

    return read


def squeeze(text: str) -> str:
    """Line breaks and spaces are layout; what remains must equal the field."""
    return "".join(char for char in text if not re.match(r"\s", char) and unicodedata.category(char) != "Cc")


def pages(content: bytes) -> int:
    with pikepdf.open(io.BytesIO(content)) as document:
        return len(document.pages)


@pytest.fixture
def trial(tmp_path: Path) -> Callable[..., tuple[RenderService, Paper]]:
    """A paper of one's own: page, style and extra fields are given, everything else is the product's."""

    def build(page: str, *, style: str = "", fields: str = "", **keys: object) -> tuple[RenderService, Paper]:
        root = tmp_path / "papers"
        folder = root / "trial"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(ROOT / "_common", root / "_common", dirs_exist_ok=True)
        lines = {
            "id": "trial",
            "title": "{zh: 试验, en: Trial}",
            "size": "A4",
            "copies": "[一份]",
            "series": "null",
            "max_pages": 3,
            "who_may_print": "[window_clerk]",
            **keys,
        }
        text = "\n".join(f"{key}: {value}" for key, value in lines.items())
        text += (
            f"\nfields:\n{fields or '  - {name: name, label: 姓名, kind: person_name, required: true, source: x}'}\n"
        )
        (folder / "paper.yaml").write_text(text, "utf-8")
        (folder / "page.html").write_text(page, "utf-8")
        (folder / "style.css").write_text(style, "utf-8")
        (folder / "sample.yaml").write_text("name: 张三\n", "utf-8")
        load.cache_clear()
        return RenderService(root), load("trial", root)

    return build
