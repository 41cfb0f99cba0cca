"""One door from data to PDF: check, lay out in a limited child, answer the same bytes for the same input."""

from __future__ import annotations

import atexit
import base64
import gc
import hashlib
import logging
import os
import re
import threading
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from weasyprint import CSS, HTML, Attachment
from weasyprint.document import Document
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from . import attached, dense, fonts, glyphs, overprint, qr, quick, values
from .child import DEFAULT_LIMITS, Limits, run_limited
from .definition import COMMON, ROOT, SIZES, Paper, load_all
from .errors import DoesNotFit, InvalidPaperData, MissingGlyphs, RenderFailed
from .fontset import OwnFonts
from .samples import load_sample
from .text import hostile_character

ASSET_SCHEME = "paper:"
_ASSET_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\.(?:png|jpg|svg)\Z")
_ASSET_TYPES = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml"}
# B keeps the look for ever; U says besides that every character can be read back.
VARIANT = "pdf/a-3u"
# Versions of the office's own whose pages are kept compiled.
_MOST_OTHERS = 32
_TRIAL = Limits(memory=1024**3, cpu_seconds=20, wall_seconds=30, output_bytes=16 * 1024**2)
_TRIAL_URL = "https://daiban.example/verify/SAMPLE000000"

# The renderer warns about every CSS rule it does not know; a clerk's log has no use for it.
logging.getLogger("weasyprint").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)


class ClosedFetcher(URLFetcher):
    """Loads nothing but the pictures made for this very paper and the named files of its folder."""

    def __init__(self, own: Iterable[str], folders: tuple[Path, ...]) -> None:
        super().__init__(timeout=1, allowed_protocols=set(), allow_redirects=False, fail_on_errors=True)
        self._own = frozenset(own)
        self._folders = folders

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if url in self._own:
            head, _, body = url.partition(",")
            kind = head.removeprefix("data:").removesuffix(";base64")
            return URLFetcherResponse(url, base64.b64decode(body), {"Content-Type": kind})
        name = url.removeprefix(ASSET_SCHEME)
        if url.startswith(ASSET_SCHEME) and _ASSET_NAME.match(name):
            for folder in self._folders:
                path = folder / name
                if path.is_file() and not path.is_symlink():
                    return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": _ASSET_TYPES[path.suffix[1:]]})
        raise ValueError(f"refused: {url[:200]}")

    def open(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("the renderer opens no addresses")


class RenderService:
    """A warm parent: fonts, style sheets and templates are loaded once, every paper is a fork of it."""

    def __init__(self, root: Path = ROOT, *, limits: Limits = DEFAULT_LIMITS) -> None:
        fonts.require_subsetter()
        dense.install()
        quick.install()
        self.root = root
        self.limits = limits
        self._fonts: OwnFonts | None = OwnFonts()
        self._sheets: dict[str, list[CSS]] = {}
        self._others: dict[Path, Environment] = {}
        self._lock = threading.Lock()
        _services.add(self)
        self._pages = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader([root]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=100,
        )
        self._pages.globals.clear()
        self._pages.globals.update(range=range)
        self._pages.filters = {
            name: self._pages.filters[name]
            for name in (
                "e",
                "escape",
                "length",
                "join",
                "select",
                "first",
                "last",
                "selectattr",
                "list",
                "batch",
                "default",
            )
        }
        self._pages.filters["lines"] = _lines

    def close(self) -> None:
        """Give the faces back; a closed service renders no more."""
        self._sheets.clear()
        self._fonts = None

    def warm(self, papers: Iterable[Paper] = ()) -> None:
        """Touch the faces and parse the sheets before the first fork, so that no paper pays for it."""
        sealed: Paper | None = None
        for paper in papers:
            self._sheet(paper)
            self._page(paper)
            if paper.seal and paper.folder.parent == self.root:
                sealed = sealed or paper
        rule = CSS(string="i{font-style:normal} b{font-weight:bold}", font_config=self._fonts)
        lines = "".join(f"<p style=\"font-family:'{name}'\">办件 2026<b>办件</b></p>" for name in fonts.FAMILIES)
        HTML(string=f'<html lang="zh-CN"><body>{lines}', url_fetcher=ClosedFetcher((), ())).write_pdf(
            stylesheets=[rule], font_config=self._fonts, pdf_variant=VARIANT
        )
        # What the libraries keep from a whole page, every child finds kept: a fifth of the work of a copy.
        if sealed is not None:
            context = self._context(sealed, load_sample(sealed), draft=False, verify_url=_TRIAL_URL, demo=False)
            self._lay_out(sealed, context, self._sheet(sealed))

    def render(
        self,
        paper: Paper,
        data: dict[str, Any],
        *,
        draft: bool,
        verify_url: str | None,
        demo: bool = False,
        limits: Limits | None = None,
        fields_only: bool = False,
    ) -> bytes:
        """The PDF, or a PaperError whose text says what to do; identical input gives identical bytes.

        `fields_only`: for stock whose frame is printed already, the fields alone, each in its place."""
        if fields_only:
            overprint.require(paper)
        context = self._context(paper, data, draft=draft, verify_url=verify_url, demo=demo)
        with self._lock:
            sheets = self._sheet(paper)
        if fields_only:
            context["f"] = overprint.filled(paper, context["f"])
            sheets = [*sheets, CSS(string=overprint.SHEET, font_config=self._fonts, url_fetcher=ClosedFetcher((), ()))]
        return run_limited(lambda: self._lay_out(paper, context, sheets), limits or self.limits)

    def lay_out_only(self, paper: Paper, data: dict[str, Any], *, here: bool = False) -> None:
        """Raises DoesNotFit when the pages are not enough; writes nothing. `here`: this process is the limited child already."""
        context = self._context(paper, data, draft=False, verify_url=_TRIAL_URL, demo=False)
        with self._lock:
            sheets = self._sheet(paper)

        def work() -> bytes:
            fetcher = ClosedFetcher(_own_images(context), (paper.folder, paper.folder.parent / COMMON))
            # Copies differ in a word at the edge, not in what fits.
            self._document(paper, {**context, "copy": paper.copies[0]}, sheets, fetcher)
            return b""

        work() if here else self.limited(work, self.limits)

    def limited(self, work: Callable[[], bytes], limits: Limits) -> bytes:
        """Work in a child of this warm process."""
        return run_limited(work, limits)

    def _context(
        self, paper: Paper, data: dict[str, Any], *, draft: bool, verify_url: str | None, demo: bool
    ) -> dict[str, Any]:
        missing = values.missing_fields(paper, data, draft=draft)
        if missing:
            raise InvalidPaperData([(name, f"「{label}」还没有填写") for name, label in missing])
        fields = values.prepare(paper, data)
        unprintable = glyphs.check(paper, data)
        if unprintable:
            raise MissingGlyphs([glyph.sentence for glyph in unprintable])
        if draft and paper.has("number"):
            fields["number"] = ""
        code = picture = ""
        if verify_url and not draft:
            if (
                len(verify_url) > qr.LONGEST
                or hostile_character(verify_url)
                or not verify_url.startswith(("https://", "http://"))
            ):
                raise InvalidPaperData([("verify_url", "核验网址不正确，请联系管理员检查站点地址设置")])
            code, picture = qr.check_code(verify_url), values.DataImage(qr.data_uri(verify_url))
        return {
            "f": fields,
            "paper": paper,
            "draft": draft,
            "demo": demo or draft,
            "qr": picture,
            "check_code": code,
            "seal": paper.seal,
            "data_xml": attached.xml(paper, data, draft=draft, code=code),
            "dated": attached.dated(data),
        }

    def _sheet(self, paper: Paper) -> list[CSS]:
        if paper.version not in self._sheets:
            width, height = SIZES[paper.size]
            source = [
                # Smoothed pictures are forbidden in PDF/A, and a smoothed square code is hard to read.
                f"@page {{ size: {width}mm {height}mm }} img {{ image-rendering: crisp-edges }}",
                *(path.read_text("utf-8") for path in paper.style_files),
            ]
            self._sheets[paper.version] = [
                CSS(string=text, font_config=self._fonts, url_fetcher=ClosedFetcher((), ())) for text in source
            ]
        return self._sheets[paper.version]

    def _page(self, paper: Paper) -> Template:
        """The page of this paper; a version of the office's own lies in a folder of its own with its shared parts."""
        root = paper.folder.parent
        if root == self.root:
            return self._pages.get_template(f"{paper.id}/page.html")
        if root not in self._others:
            while len(self._others) >= _MOST_OTHERS:
                self._others.pop(next(iter(self._others)))
            self._others[root] = self._pages.overlay(loader=FileSystemLoader([root]))
        return self._others[root].get_template(f"{paper.id}/page.html")

    def try_out(self, paper: Paper, data: dict[str, Any], *, draft: bool = False) -> bytes:
        """A paper nobody has approved yet: its sheet and page are read in the child, and nothing of them stays here."""
        context = self._context(paper, data, draft=draft, verify_url=None if draft else _TRIAL_URL, demo=True)
        return run_limited(lambda: self._lay_out(paper, context, self._sheet(paper)), _TRIAL)

    def _lay_out(self, paper: Paper, context: dict[str, Any], sheets: list[CSS]) -> bytes:
        """Runs in the child: each copy is its own document, so its pages count from one."""
        fetcher = ClosedFetcher(_own_images(context), (paper.folder, paper.folder.parent / COMMON))
        try:
            documents = [self._document(paper, {**context, "copy": copy}, sheets, fetcher) for copy in paper.copies]
            pages = [page for document in documents for page in document.pages]
            return documents[0].copy(pages).write_pdf(**pdf_options(paper, context))
        except FatalURLFetchingError as error:
            raise RenderFailed("文书内容试图读取外部文件，已拒绝", "请联系管理员检查模板", detail=str(error)) from error

    def _document(self, paper: Paper, context: dict[str, Any], sheets: list[CSS], fetcher: ClosedFetcher) -> Document:
        try:
            page = self._page(paper).render(context)
        except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
            raise RenderFailed(f"文书模板“{paper.title_zh}”有错", "请联系管理员修正模板", detail=str(error)) from error
        document = HTML(string=page, url_fetcher=fetcher).render(stylesheets=sheets, font_config=self._fonts)
        if len(document.pages) > paper.max_pages:
            raise DoesNotFit(
                f"内容排成 {len(document.pages)} 页，超过“{paper.title_zh}”的 {paper.max_pages} 页。"
                "请缩短较长的内容（如地址、说明）或分成几张办理"
            )
        return document


def pdf_options(paper: Paper, context: dict[str, Any]) -> dict[str, Any]:
    """How every paper is written: as PDF/A-3, with its data beside it, and nothing in it that a clock decides."""
    data = Attachment(
        string=context["data_xml"],
        name=attached.NAME,
        description=paper.title_zh,
        created=context["dated"],
        modified=context["dated"],
        relationship=attached.RELATIONSHIP,
        url_fetcher=ClosedFetcher((), ()),
    )
    return {"pdf_variant": VARIANT, "pdf_identifier": _identifier(paper, context), "attachments": [data]}


def _identifier(paper: Paper, context: dict[str, Any]) -> bytes:
    """The file's own id comes from its content, never from the clock."""
    fields = repr(sorted((name, str(value)) for name, value in context["f"].items()))
    return (
        hashlib.sha256(f"{paper.version}{context['draft']}{context['check_code']}{fields}".encode())
        .hexdigest()[:32]
        .encode()
    )


def _lines(text: str) -> list[str]:
    kind = overprint.Filled if isinstance(text, overprint.Filled) else str
    return [kind(line) for line in str(text).split("\n")]


def _own_images(value: Any) -> set[str]:
    if isinstance(value, values.DataImage):
        return {str(value)}
    if isinstance(value, dict):
        return set().union(*map(_own_images, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(_own_images, value)) if value else set()
    return set()


_services: weakref.WeakSet[RenderService] = weakref.WeakSet()
_shared: RenderService | None = None
_shared_lock = threading.Lock()


def _renew_lock() -> None:
    """A process forked while another thread was warming keeps the service but must not inherit a held lock."""
    global _shared_lock
    _shared_lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


def _let_go() -> None:
    """Free the faces while Pango is still loaded; at the very end of the interpreter it would crash on them."""
    for service in list(_services):
        service.close()
    gc.collect()


atexit.register(_let_go)


def warm() -> RenderService:
    """This process's own service, ready for the first paper; a worker calls it before it takes its first job."""
    global _shared
    with _shared_lock:
        if _shared is None:
            service = RenderService()
            service.warm(load_all().values())
            _shared = service
        return _shared


def render(
    paper: Paper,
    data: dict[str, Any],
    *,
    draft: bool,
    verify_url: str | None,
    demo: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    fields_only: bool = False,
) -> bytes:
    """Render with this process's own warm service; the first call pays for the warming."""
    return warm().render(
        paper, data, draft=draft, verify_url=verify_url, demo=demo, limits=limits, fields_only=fields_only
    )
