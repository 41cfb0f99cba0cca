"""A version of a paper is admitted to the fast path after many invented copies came out the same on both."""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
import time
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
from .papers import PreparedPaper, folder_of
from .random_fills import Fills
from .record import DIFFERS, FAILED, MOSTLY_ORDINARY, NOT_FIXED, TOO_FEW, Admission, read, told, write

if TYPE_CHECKING:
    from services.papers.renderer import RenderService

ENOUGH = 1000
# The first decides alone while nothing differs. What differs by a thousandth of a point may fall into the next of a raster's steps at one
# resolution and not at the others; what really differs does so at each.
RESOLUTIONS = (60, 97, 151)
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
    demo: bool = True,
    progress: Callable[[Admission], None] | None = None,
) -> Admission:
    """Compares until it is decided; goes on where an earlier comparison of the same copies was interrupted."""
    found = read(folder_of(folder, paper))
    if found is None or found.finished or (found.fills, found.seed, found.demo) != (fills, seed, demo):
        write(folder_of(folder, paper), Admission(paper.id, paper.version, fills, seed=seed, demo=demo))
    faces = Faces(folder / "faces")
    while not (found := advance(paper, service, folder, faces, enough=enough, demo=demo)).finished:
        if progress is not None:
            progress(found)
    return found


def advance(
    paper: Paper,
    service: RenderService,
    folder: Path,
    faces: Faces,
    *,
    slice_of: int = 20,
    seconds: float = 60.0,
    fills: int = ENOUGH,
    enough: int = ENOUGH,
    demo: bool = True,
) -> Admission:
    """The next few copies of a comparison, as far as the time allows; each copy follows from its number, so any process may go on."""
    prepared = PreparedPaper(paper, folder, faces)
    result = read(prepared.folder)
    if result is None or result.demo != demo:
        result = Admission(paper.id, paper.version, fills, demo=demo)
    if result.finished:
        return result
    prepared.load()
    maker = Fills(paper, load_sample(paper), seed=result.seed, offices=True)
    until = time.monotonic() + seconds
    for number in range(result.next, result.next + slice_of):
        _compare(result, prepared, service, maker.fill(number), maker.url(number))
        result.next = number + 1
        if _over(result, prepared.shapes, enough) or time.monotonic() > until:
            break
    result.shapes, result.at = prepared.shapes, datetime.now(UTC).isoformat(timespec="seconds")
    meanwhile = read(prepared.folder)
    if meanwhile is not None and meanwhile.finished and meanwhile.demo == demo:
        # Somebody at the command line was faster.
        return meanwhile
    write(prepared.folder, result)
    return result


def refuse(paper: Paper, folder: Path, sentence: str, *, demo: bool = True) -> Admission:
    """The comparison itself broke down: the paper stays on the ordinary way until it or the software is another."""
    result = read(folder_of(folder, paper))
    if result is None or result.demo != demo:
        result = Admission(paper.id, paper.version, ENOUGH, demo=demo)
    if not result.finished:
        result.verdict, result.reason = FAILED, f"比对中断：{sentence}"
        result.at = datetime.now(UTC).isoformat(timespec="seconds")
        write(folder_of(folder, paper), result)
    return result


def _compare(
    result: Admission, prepared: PreparedPaper, service: RenderService, data: dict[str, Any], url: str
) -> None:
    try:
        fast = _fast(prepared, service, data, url, result.demo)
    except (NotPreparable, TakeOrdinaryWay) as reason:
        result.ordinary[str(reason)] = result.ordinary.get(str(reason), 0) + 1
        return
    try:
        ordinary = service.render(prepared.paper, data, draft=False, verify_url=url, demo=result.demo)
    except PaperError as refusal:
        result.differing.append(f"{result.next}: {refusal.detail}")
        return
    told, share = differing(ordinary, fast)
    result.compared += 1
    result.worst_pixels = max(result.worst_pixels, share)
    if told:
        result.differing.append(f"{result.next}: {told}")


def _over(result: Admission, shapes: int, enough: int) -> bool:
    """Writes the decision when there is one."""
    ordinary = sum(result.ordinary.values())
    if ordinary > MOST_ORDINARY * result.fills or (not shapes and result.next >= 10):
        # A paper that never takes a shape shows that at once.
        if result.compared:
            result.verdict = MOSTLY_ORDINARY
            result.reason = f"{result.next} 份中有 {ordinary} 份只能走普通版"
        else:
            result.verdict = NOT_FIXED
            result.reason = "这种文书没有固定的栏位：" + "；".join(list(result.ordinary)[:3])
    elif len(result.differing) >= 5 or (result.compared >= result.fills and result.differing):
        result.verdict, result.reason = DIFFERS, "快速版与普通版不一致"
    elif result.compared >= result.fills:
        if result.compared < enough:
            result.verdict, result.reason = TOO_FEW, f"只比对了 {result.compared} 份，至少要 {enough} 份"
        result.admitted = not result.reason
    return result.finished


def _fast(prepared: PreparedPaper, service: RenderService, data: dict[str, Any], url: str, demo: bool) -> bytes:
    try:
        return prepared.write(data, verify_url=url, demo=demo)
    except TakeOrdinaryWay:
        try:
            prepared.prepare(service, data, verify_url=url, demo=demo)
        except PaperError as refusal:
            raise NotPreparable(refusal.detail) from refusal
        return prepared.write(data, verify_url=url, demo=demo)


def differing(ordinary: bytes, fast: bytes) -> tuple[str, float]:
    """What differs between two files, or nothing; and the largest share of pixels of a page that do."""
    with tempfile.TemporaryDirectory(prefix="daiban-admission") as name:
        folder = Path(name)
        (folder / "a.pdf").write_bytes(ordinary)
        (folder / "b.pdf").write_bytes(fast)
        texts = [_text(folder / file) for file in ("a.pdf", "b.pdf")]
        if texts[0] != texts[1]:
            return "text", 1.0
        for dpi in RESOLUTIONS:
            told, worst = _pixels(folder, dpi)
            if told != "pixels":
                break
    return told, worst


def _pixels(folder: Path, dpi: int) -> tuple[str, float]:
    pages = [_pages(folder / file, dpi) for file in ("a.pdf", "b.pdf")]
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
    """Lines and columns as they stand. How many blanks lie between two columns is a rounded distance, and no text."""
    done = subprocess.run(["pdftotext", "-layout", "-enc", "UTF-8", file, "-"], capture_output=True, check=True)
    return re.sub(" +", " ", done.stdout.decode())


def _pages(file: Path, dpi: int) -> list[Image.Image]:
    name = f"{file.stem}{dpi}"
    done = subprocess.run(
        ["pdftoppm", "-r", str(dpi), "-gray", file, file.with_name(name)], capture_output=True, check=True
    )
    assert not done.stderr, done.stderr
    found = []
    for page in sorted(file.parent.glob(f"{name}-*.pgm")):
        with Image.open(io.BytesIO(page.read_bytes())) as picture:
            found.append(picture.convert("L"))
    return found


__all__ = ["ENOUGH", "Admission", "admit", "advance", "differing", "read", "refuse", "told"]
