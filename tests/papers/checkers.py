"""Programs that are not ours look at a finished paper: poppler, qpdf, zbar and pyHanko."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any

from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from services.papers.prepared.errors import TakeOrdinaryWay
from services.papers.prepared.papers import PreparedPaper
from services.papers.renderer import RenderService
from services.trust import keystore

_RANGES = re.compile(rb"/ByteRange *\[ *0 +(\d+) +(\d+) +\d+ *\]")
# Debian: poppler-utils, qpdf, zbar-tools.
PROGRAMS = ("pdftotext", "pdftoppm", "pdffonts", "pdfsig", "qpdf", "zbarimg")


def lacking(*programs: str) -> list[str]:
    """Which of these this machine does not have; who checks without them prints it."""
    return [name for name in programs or PROGRAMS if shutil.which(name) is None]


def write(one: PreparedPaper, service: RenderService, data: dict[str, Any], url: str) -> bytes:
    """By the fast path, whatever shape that takes."""
    try:
        return one.write(data, verify_url=url, demo=True)
    except TakeOrdinaryWay:
        one.prepare(service, data, verify_url=url, demo=True)
        return one.write(data, verify_url=url, demo=True)


def judged(pdf: bytes) -> tuple[bool, bool, bool, bool]:
    """What pyHanko says: not changed, mathematically right, from our root, covers the whole file."""
    _, _, der = pem.unarmor(keystore.ring().root.encode())
    context = ValidationContext(trust_roots=[asn1_x509.Certificate.load(der)], allow_fetching=False)
    (found,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    status = validate_pdf_signature(found, context)
    return status.intact, status.valid, status.trusted, status.coverage.name == "ENTIRE_FILE"


def sound(pdf: bytes) -> bool:
    """Whether pyHanko accepts it; a file it cannot read any more is not accepted either."""
    try:
        return all(judged(pdf))
    except Exception as broken:
        print(f"not readable any more: {type(broken).__name__}")
        return False


def pdfsig(pdf: bytes, folder: Path) -> str:
    """What poppler says about the signatures of a PDF."""
    file = folder / "signed.pdf"
    file.write_bytes(pdf)
    return subprocess.run(["pdfsig", "-nocert", file], capture_output=True, text=True, check=False).stdout


def signed_place(pdf: bytes, luck: Random) -> int:
    """Any byte that the signature covers, before it or after; the room around the signature itself is filled up with zeros."""
    first, after = (int(number) for number in _RANGES.findall(pdf)[-1])
    return luck.choice([luck.randrange(20, first), luck.randrange(after, len(pdf) - 40)])


def well_formed(pdf: bytes, folder: Path) -> str:
    """What qpdf finds wrong with the structure of the file, or nothing."""
    file = folder / "paper.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(["qpdf", "--check", file], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def faces_inside(pdf: bytes, folder: Path) -> str:
    """Which face of the file is not embedded as a subset with its table of characters, or nothing."""
    file = folder / "paper.pdf"
    file.write_bytes(pdf)
    told = subprocess.run(["pdffonts", file], capture_output=True, text=True, check=True).stdout.splitlines()[2:]
    wrong = [line for line in told if line.split()[-5:-2] != ["yes", "yes", "yes"]]
    return "\n".join(wrong) if told else "no face at all"


def codes_on_paper(pdf: bytes, folder: Path, dpi: int = 150) -> list[str]:
    """The square codes that zbar reads from the pages as a scanner sees them."""
    file = folder / "paper.pdf"
    file.write_bytes(pdf)
    subprocess.run(["pdftoppm", "-r", str(dpi), "-gray", file, folder / "page"], check=True)
    pages = sorted(folder.glob("page-*.pgm"))
    done = subprocess.run(["zbarimg", "--quiet", "--raw", *pages], capture_output=True, text=True)
    for page in pages:
        page.unlink()
    return done.stdout.split()
