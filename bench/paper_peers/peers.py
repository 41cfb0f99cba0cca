"""The same certificate made by others: WeasyPrint as its manual shows it, and typst with its compiler kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import typst
import weasyprint
import zxingcpp

from services.papers import fonts, qr, values
from services.papers.definition import SIZES, Paper
from services.papers.renderer import RenderService

# What a Debian machine with Chinese faces prints with when nobody has chosen any.
STOCK = {"song": "Noto Serif CJK SC", "hei": "Noto Sans CJK SC"}


class Plain:
    """`HTML(string=page).write_pdf()` with the faces of the machine; the page and its pictures are given ready made."""

    def __init__(self, service: RenderService, paper: Paper) -> None:
        self.service, self.paper = service, paper
        width, height = SIZES[paper.size]
        style = "\n".join(
            (
                f"@page {{ size: {width}mm {height}mm }}",
                *(path.read_text("utf-8") for path in paper.style_files),
            )
        )
        for name, stock in ((fonts.SONG, STOCK["song"]), (fonts.HEI, STOCK["hei"])):
            style = style.replace(name, stock)
        self.style = f"<style>{style}</style></head>"

    def page(self, data: dict[str, Any], url: str) -> str:
        """The HTML, which is not measured."""
        context = {
            "f": values.prepare(self.paper, data),
            "paper": self.paper,
            "draft": False,
            "demo": True,
            "qr": qr.data_uri(url),
            "check_code": qr.check_code(url),
            "seal": self.paper.seal,
            "copy": self.paper.copies[0],
        }
        page = self.service._pages.get_template(f"{self.paper.id}/page.html").render(context)
        return page.replace("</head>", self.style, 1)

    def make(self, page: str) -> bytes:
        made: bytes = weasyprint.HTML(string=page).write_pdf()
        return made


class Typst:
    """typst with one compiler for all documents and the product's own faces."""

    def __init__(self, folder: Path, paper: Paper, photographs: list[bytes]) -> None:
        source = Path(__file__).with_name(f"{paper.id}.typ").read_text("utf-8")
        (folder / "main.typ").write_text(source, "utf-8")
        for number, content in enumerate(photographs):
            (folder / f"p{number}.jpg").write_bytes(content)
        files = {Path(face.file) for face in fonts.faces()}
        self.compiler = typst.Compiler(
            str(folder / "main.typ"),
            root=str(folder),
            font_paths=sorted({str(file.parent) for file in files}),
            ignore_system_fonts=True,
        )
        self.paper = paper

    def make(self, data: dict[str, Any], url: str, photograph: int) -> bytes:
        """One document; dates and the code are put into form first, as in every other variant."""
        fields = {name: value for name, value in values.prepare(self.paper, {**data, "photo": None}).items()}
        told = {name: value for name, value in fields.items() if isinstance(value, str)}
        told["check_code"] = qr.check_code(url)
        code = zxingcpp.create_barcode(url, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_svg(add_quiet_zones=True)
        made: bytes = self.compiler.compile(
            sys_inputs={
                "d": json.dumps(told, ensure_ascii=False),
                "photo": f"p{photograph}.jpg",
                "qr": str(code),
                "song": fonts.SONG,
                "hei": fonts.HEI,
            }
        )
        return made


def characters(pdf: bytes) -> str:
    """All Han characters of a file, to see that a peer really printed the same."""
    import subprocess

    done = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return "".join(sorted(set(re.findall(r"[\u4e00-\u9fff0-9]", done.stdout.decode()))))
