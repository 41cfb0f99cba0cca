"""Prepared papers of one process: finds the shape a copy takes, writes it, and prepares shapes that are new."""

from __future__ import annotations

import ast
import hashlib
import logging
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.papers import attached, qr, values
from services.papers.child import Limits, run_limited
from services.papers.definition import Paper

from . import blanks, kept
from .composing import Composed, Composer
from .errors import NotPreparable, NotPreparedYet, TakeOrdinaryWay
from .faces import Faces
from .geometry import Shape, Structure
from .pictures import photograph, square_code
from .writer import Form, Picture

log = logging.getLogger("daiban.papers")
FORMAT = 2
MOST_SHAPES = 400


@dataclass
class Arrangement:
    """One structure of a paper with the shapes it has taken so far."""

    structure: Structure
    composer: Composer
    faces: list[list[str]]
    forms: dict[tuple[object, ...], Form] = field(default_factory=dict)


@dataclass(frozen=True)
class New:
    """A shape that was laid out and is not used yet."""

    key: tuple[Hashable, ...]
    arrangement: Arrangement
    composed: Composed
    shape: Shape
    form: Form


def folder_of(folder: Path, paper: Paper) -> Path:
    """Where this version is kept; the version names template, faces and libraries, so another edition finds nothing."""
    return folder / f"{paper.id}-{paper.version[:32]}-{FORMAT}"


class PreparedPaper:
    """One version of a paper on the fast path."""

    def __init__(self, paper: Paper, folder: Path, faces: Faces) -> None:
        self.paper, self.faces = paper, faces
        self.folder = folder_of(folder, paper)
        self.by_value: frozenset[str] = frozenset()
        self.arrangements: dict[tuple[Hashable, ...], Arrangement] = {}
        self._read: set[str] = set()
        self._listed = 0

    @property
    def shapes(self) -> int:
        return sum(len(one.forms) for one in self.arrangements.values())

    # --- Writing

    def copy(
        self, data: dict[str, Any], *, verify_url: str | None, demo: bool
    ) -> tuple[blanks.Filled, str, dict[str, Picture]]:
        """The blanks of one copy; the same checks as the ordinary way, the pictures untouched."""
        paper = self.paper
        pictures: dict[str, Picture] = {}
        rest = dict(data)
        for one in paper.fields:
            if one.kind == "image" and data.get(one.name):
                content = data[one.name]
                if not isinstance(content, bytes):
                    raise TakeOrdinaryWay("a picture that is none")
                pictures[one.name] = photograph(content)
                rest[one.name] = None
            elif one.kind == "table" and any(column.kind == "image" for column in one.columns):
                raise TakeOrdinaryWay("pictures in a table")
        if values.missing_fields(paper, data):
            raise TakeOrdinaryWay("a field is missing")
        fields = values.prepare(paper, rest)
        fields.update(dict.fromkeys(pictures, "picture"))
        if verify_url and not (
            len(verify_url) <= qr.LONGEST
            and verify_url.isascii()
            and verify_url.isprintable()
            and verify_url[:4] == "http"
        ):
            raise TakeOrdinaryWay("an address that is none")
        code = qr.check_code(verify_url) if verify_url else ""
        if verify_url:
            pictures[blanks.QR] = square_code(verify_url)
        found = blanks.filled(
            paper, fields, check_code=code, qr=blanks.QR if verify_url else "", demo=demo, by_value=self.by_value
        )
        digest = hashlib.sha256(f"{paper.version}{found.key}{verify_url}".encode())
        digest.update("\0".join(found.texts).encode(errors="surrogatepass"))
        for name in pictures:
            digest.update(pictures[name].body if name != blanks.QR else b"")
        return found, digest.hexdigest()[:32], pictures

    def write(self, data: dict[str, Any], *, verify_url: str | None, demo: bool) -> bytes:
        """The file of one copy; raises NotPreparedYet when its shape is new, TakeOrdinaryWay when it has none."""
        found, identifier, pictures = self.copy(data, verify_url=verify_url, demo=demo)
        arrangement = self.arrangements.get(found.key)
        if arrangement is None:
            raise NotPreparedYet("a structure that is not prepared")
        composed = arrangement.composer.compose(found.texts)
        form = arrangement.forms.get(composed.key)
        if form is None:
            raise NotPreparedYet("a shape that is not prepared")
        return self._written(form, composed, pictures, identifier, data, verify_url)

    def _written(
        self,
        form: Form,
        composed: Composed,
        pictures: dict[str, Picture],
        identifier: str,
        data: dict[str, Any],
        verify_url: str | None,
    ) -> bytes:
        attachment = attached.xml(self.paper, data, code=qr.check_code(verify_url) if verify_url else "")
        return form.write(composed, pictures, identifier=identifier, attachment=attachment, dated=attached.dated(data))

    # --- Preparing

    def prepare(self, service: Any, data: dict[str, Any], *, verify_url: str | None, demo: bool) -> None:
        """Lays this invented copy out once more and keeps its shape; raises NotPreparable when that cannot be."""
        for _attempt in range(len(self.paper.fields) + 1):
            found, _, _ = self.copy(data, verify_url=verify_url, demo=demo)
            made = self._new(service, found, data, verify_url=verify_url, demo=demo)
            if isinstance(made, frozenset):
                # A page looks into these: from now on their values are part of the key.
                self.by_value |= made
                self.arrangements.clear()
                continue
            if made is not None:
                self._take(made)
            return
        raise NotPreparable("every field is looked into by the page")

    def learn(
        self,
        service: Any,
        data: dict[str, Any],
        *,
        verify_url: str | None,
        demo: bool,
        agrees: Callable[[bytes], bool],
    ) -> bytes:
        """The file of a copy in earnest whose shape is new; the shape is kept if the file agrees with the ordinary one, else NotPreparable."""
        found, identifier, pictures = self.copy(data, verify_url=verify_url, demo=demo)
        if self.by_value:
            # The values would be kept with the shape, and here they are somebody's.
            raise NotPreparable("a page that looks into its fields learns from invented copies only")
        made = self._new(service, found, data, verify_url=verify_url, demo=demo)
        if isinstance(made, frozenset):
            raise NotPreparable(f"the page looks into {', '.join(sorted(made))}")
        if made is None:
            return self.write(data, verify_url=verify_url, demo=demo)
        content = self._written(made.form, made.composed, pictures, identifier, data, verify_url)
        if not agrees(content):
            raise NotPreparable("the two ways differ")
        self._take(made)
        return content

    def _new(
        self, service: Any, found: blanks.Filled, data: dict[str, Any], *, verify_url: str | None, demo: bool
    ) -> New | frozenset[str] | None:
        """What is new about this copy: nothing, a shape, or that fields turned out to be looked into."""
        arrangement = self.arrangements.get(found.key)
        if arrangement is None:
            arranged = self._arrange(service, found, data, verify_url=verify_url, demo=demo)
            if isinstance(arranged, frozenset):
                return arranged
            arrangement = arranged
        composed = arrangement.composer.compose(found.texts)
        if composed.key in arrangement.forms:
            return None
        if self.shapes >= MOST_SHAPES:
            raise NotPreparable(f"more than {MOST_SHAPES} shapes")
        shape = self._shape(service, arrangement.structure, composed, data, verify_url=verify_url, demo=demo)
        return New(found.key, arrangement, composed, shape, Form(arrangement.structure, shape))

    def _take(self, made: New) -> None:
        self.arrangements[made.key] = made.arrangement
        made.arrangement.forms[made.composed.key] = made.form
        self._keep(made.key, made.arrangement, made.composed.key, made.shape)

    def _arrange(
        self, service: Any, found: blanks.Filled, data: dict[str, Any], *, verify_url: str | None, demo: bool
    ) -> Arrangement | frozenset[str]:
        """The structure of this copy, or the fields that turned out to be looked into."""
        from . import capture, ordinary

        marker = blanks.Marker(self.by_value)
        context = ordinary.context(service, self.paper, data, verify_url=verify_url, demo=demo)
        marked = {
            **context,
            "check_code": str(marker.mark(blanks.CHECK_CODE)) if context["check_code"] else "",
            "f": marker.fields(self.paper.fields, context["f"]),
        }

        def work() -> dict[str, Any]:
            document = ordinary.document(service, self.paper, marked, context)
            looked = sorted(marker.looked_into)
            return {
                "looked": looked,
                "structure": None if looked else kept.dumped_structure(capture.structure(document)),
            }

        told = _limited(work)
        if told["looked"]:
            return frozenset(told["looked"])
        structure = kept.structure(told["structure"])
        faces = [
            [self.faces.keep(family, body) for family, body in ordinary.face_files(service, style)]
            for style in structure.styles
        ]
        return Arrangement(structure, self._composer(structure, faces), faces)

    def _composer(self, structure: Structure, faces: list[list[str]]) -> Composer:
        return Composer(structure, faces, self.faces.store)

    def _shape(
        self,
        service: Any,
        structure: Structure,
        composed: Composed,
        data: dict[str, Any],
        *,
        verify_url: str | None,
        demo: bool,
    ) -> Shape:
        from . import capture, ordinary

        context = ordinary.context(service, self.paper, data, verify_url=verify_url, demo=demo)
        images: dict[str, str] = {
            name: value for name, value in context["f"].items() if isinstance(value, values.DataImage)
        }
        if context["qr"]:
            images[blanks.QR] = context["qr"]

        def work() -> dict[str, Any]:
            document = ordinary.document(service, self.paper, context, context)

            def write(one: Any, finisher: Any) -> None:
                ordinary.write(one, self.paper, context, finisher)

            return kept.dumped_shape(capture.shape(write, document, structure, composed, images))

        return kept.shape(_limited(work))

    # --- Keeping

    def _keep(
        self, key: tuple[Hashable, ...], arrangement: Arrangement, lines: tuple[object, ...], shape: Shape
    ) -> None:
        name = hashlib.sha256(repr((sorted(self.by_value), key)).encode()).hexdigest()[:24]
        self._write(
            f"{name}.structure",
            {
                "by_value": sorted(self.by_value),
                "key": repr(key),
                "faces": arrangement.faces,
                "structure": kept.dumped_structure(arrangement.structure),
            },
        )
        part = hashlib.sha256(repr(lines).encode()).hexdigest()[:24]
        self._write(f"{name}.{part}.shape", {"key": repr(lines), "shape": kept.dumped_shape(shape)})
        self._read.add(f"{name}.{part}.shape")

    def _write(self, name: str, body: dict[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        written = self.folder / f"{name}.{os.getpid()}"
        written.write_bytes(kept.text(body))
        written.replace(self.folder / name)

    def load(self) -> int:
        """Reads what was prepared before and is not known yet; the number of shapes read."""
        count = 0
        self._listed = self._changed()
        for file in sorted(self.folder.glob("*.structure")):
            parts = [part for part in sorted(self.folder.glob(f"{file.stem}.*.shape")) if part.name not in self._read]
            if parts:
                count += self._load(file, parts)
        return count

    def warm(self) -> None:
        """Opens the faces for rare characters before a copy asks for them."""
        for arrangement in self.arrangements.values():
            arrangement.composer.warm()

    def load_news(self) -> bool:
        """Whether another process has prepared something meanwhile, which is known now; asks the disk one question."""
        return self._changed() != self._listed and self.load() > 0

    def _changed(self) -> int:
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def _load(self, file: Path, parts: list[Path]) -> int:
        try:
            raw = kept.read(file.read_bytes())
            key = ast.literal_eval(raw["key"])
            arrangement = self.arrangements.get(key)
            if arrangement is None:
                structure = kept.structure(raw["structure"])
                arrangement = Arrangement(structure, self._composer(structure, raw["faces"]), raw["faces"])
            for part in parts:
                shape = kept.read(part.read_bytes())
                arrangement.forms[ast.literal_eval(shape["key"])] = Form(
                    arrangement.structure, kept.shape(shape["shape"])
                )
        except (OSError, ValueError, KeyError, TypeError, SyntaxError, NotPreparable, TakeOrdinaryWay) as error:
            # What cannot be read is prepared anew; until then the copies take the ordinary way.
            log.warning("prepared paper %s: %s", file.name, error)
            return 0
        self.by_value |= frozenset(raw["by_value"])
        self.arrangements[key] = arrangement
        self._read.update(part.name for part in parts)
        return len(parts)


def _limited(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Lays out in the limited child; why something cannot be prepared comes back as that."""

    def told() -> bytes:
        try:
            return kept.text(work())
        except NotPreparable as error:
            return kept.text({"refused": str(error)})

    found = kept.read(run_limited(told, Limits(cpu_seconds=30, wall_seconds=60)))
    if "refused" in found:
        raise NotPreparable(found["refused"])
    return found
