"""A version of a paper is admitted to the fast path after many invented copies came out the same on both."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from services.papers.definition import Paper
from services.papers.errors import PaperError
from services.papers.samples import load_sample

from .errors import NotPreparable, TakeOrdinaryWay
from .faces import Faces
from .papers import PreparedPaper
from .random_fills import Fills
from .record import Admission, read, told, write

if TYPE_CHECKING:
    from services.papers.renderer import RenderService

ENOUGH = 1000
DPI = 60
# A pixel differs when it is lighter or darker by a quarter of the scale; this share of a page may do so.
STRENGTH = 64
BOUND = 0.0002
# More copies than this on the ordinary way and the paper is not one of fixed boxes.
MOST_ORDINARY = 0.2


def admit(
    paper: Paper,
    service: RenderService,
    folder: Path,
    *,
    fills: int = ENOUGH,
    enough: int = ENOUGH,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Admission:
    """Prepares and compares; the paper is admitted when at least `enough` copies agreed and none differed."""
    prepared = PreparedPaper(paper, folder, Faces(folder / "faces"))
    prepared.load()
    maker = Fills(paper, load_sample(paper), seed=seed)
    result = Admission(paper.id, paper.version, fills)
    ways: Counter[str] = Counter()
    for number in range(fills):
        data, url = maker.fill(number), maker.url(number)
        try:
            fast = _fast(prepared, service, data, url)
        except (NotPreparable, TakeOrdinaryWay) as reason:
            ways[str(reason)] += 1
            # A paper that never takes a shape shows that at once.
            if not prepared.shapes and number >= 9:
                break
            continue
        ordinary = service.render(paper, data, draft=False, verify_url=url, demo=True)
        told, share = differing(ordinary, fast)
        result.compared += 1
        result.worst_pixels = max(result.worst_pixels, share)
        if told:
            result.differing.append(f"{number}: {told}")
            if len(result.differing) >= 5:
                break
        if progress is not None:
            progress(number + 1)
    result.ordinary, result.shapes = dict(ways), prepared.shapes
    result.at = datetime.now(UTC).isoformat(timespec="seconds")
    _judge(result, sum(ways.values()), enough)
    write(prepared.folder, result)
    return result


def _judge(result: Admission, ordinary: int, enough: int) -> None:
    if result.differing:
        result.reason = "快速版与普通版不一致"
    elif not result.compared:
        result.reason = "这种文书没有固定的栏位：" + "；".join(list(result.ordinary)[:3])
    elif ordinary > MOST_ORDINARY * result.fills:
        result.reason = f"{result.fills} 份中有 {ordinary} 份只能走普通版"
    elif result.compared < enough:
        result.reason = f"只比对了 {result.compared} 份，至少要 {enough} 份"
    else:
        result.admitted = True


def _fast(prepared: PreparedPaper, service: RenderService, data: dict[str, Any], url: str) -> bytes:
    try:
        return prepared.write(data, verify_url=url, demo=True)
    except TakeOrdinaryWay:
        try:
            prepared.prepare(service, data, verify_url=url, demo=True)
        except PaperError as refusal:
            raise NotPreparable(refusal.detail) from refusal
        return prepared.write(data, verify_url=url, demo=True)


def differing(ordinary: bytes, fast: bytes) -> tuple[str, float]:
    """What differs between two files, or nothing; and the largest share of pixels of a page that do."""
    with tempfile.TemporaryDirectory(prefix="daiban-admission") as name:
        folder = Path(name)
        (folder / "a.pdf").write_bytes(ordinary)
        (folder / "b.pdf").write_bytes(fast)
        texts = [_text(folder / file) for file in ("a.pdf", "b.pdf")]
        if texts[0] != texts[1]:
            return "text", 1.0
        pages = [_pages(folder / file) for file in ("a.pdf", "b.pdf")]
    if len(pages[0]) != len(pages[1]):
        return "number of pages", 1.0
    worst = 0.0
    for one, other in zip(*pages, strict=True):
        if one.size != other.size:
            return "size of a page", 1.0
        strong = sum(ImageChops.difference(one, other).histogram()[STRENGTH:])
        worst = max(worst, strong / (one.width * one.height))
    return ("pixels" if worst > BOUND else ""), worst


def _text(file: Path) -> str:
    done = subprocess.run(["pdftotext", "-layout", "-enc", "UTF-8", file, "-"], capture_output=True, check=True)
    return done.stdout.decode()


def _pages(file: Path) -> list[Image.Image]:
    done = subprocess.run(
        ["pdftoppm", "-r", str(DPI), "-gray", file, file.with_suffix("")], capture_output=True, check=True
    )
    assert not done.stderr, done.stderr
    found = []
    for page in sorted(file.parent.glob(f"{file.stem}-*.pgm")):
        with Image.open(io.BytesIO(page.read_bytes())) as picture:
            found.append(picture.convert("L"))
    return found


__all__ = ["Admission", "admit", "differing", "read", "told"]
