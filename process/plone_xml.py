"""Reading somebody else's XML safely: no DOCTYPE, no entities, no fetching, a limit on size and depth, and lines for people."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from process.refusals import DefinitionError

# The largest definitions of known Plone products have some 200 kB; a file beyond this is a mistake or an attack.
MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
SEPARATOR = "\n"
DECLARED = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
# Old Chinese exports often say gb2312 and hold characters beyond it; gb18030 contains both older sets.
WIDER = {"gb2312": "gb18030", "gbk": "gb18030"}
ENCODINGS = re.compile(
    r"utf-8|utf-8-sig|utf-16(-[lb]e)?|ascii|iso8859-\d+|cp125\d|cp(437|850|852|855|866|936|949|950)|koi8-[ru]|mac-\w+"
    r"|gb18030|big5|big5hkscs|euc_(jp|kr|jis_2004)|shift_jis|hz"
)


class Element:
    """One element with its line: names as they are written (`i18n:domain` keeps its prefix)."""

    __slots__ = ("attributes", "children", "ignored", "line", "tag", "texts")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag, self.attributes, self.line = tag, attributes, line
        self.children: list[Element] = []
        self.texts: list[str] = []
        # Text in CDATA sections: DCWorkflow does not read it, so neither do we, but the reader is told.
        self.ignored: list[str] = []

    def find(self, tag: str) -> Iterator[Element]:
        """All elements of that name below this one, in the order of the source."""
        waiting = list(reversed(self.children))
        while waiting:
            here = waiting.pop()
            if here.tag == tag:
                yield here
            waiting.extend(reversed(here.children))

    def text(self) -> str:
        """The element's own text, each line without its indentation."""
        joined = "".join(self.texts)
        return "".join(line.lstrip() for line in joined.splitlines(True)).rstrip()


class _Builder:
    """Receives what the parser finds; refuses a DOCTYPE before anything in it could be expanded."""

    def __init__(self, file: str, parser: expat.XMLParserType) -> None:
        self.file, self.parser = file, parser
        self.open: list[Element] = []
        self.root: Element | None = None
        self.in_cdata = False
        parser.buffer_text = True
        parser.namespace_prefixes = True
        parser.StartDoctypeDeclHandler = self.doctype
        parser.EntityDeclHandler = self.entity
        parser.ExternalEntityRefHandler = self.entity
        parser.SkippedEntityHandler = self.entity
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartCdataSectionHandler = self.cdata_begins
        parser.EndCdataSectionHandler = self.cdata_ends

    def fail(self, reason: str, hint: str) -> DefinitionError:
        return DefinitionError(self.file, f"line {self.parser.CurrentLineNumber}", reason, hint)

    def doctype(self, *_: object) -> None:
        raise self.fail("a DOCTYPE is not accepted", "remove it; a definition.xml needs neither a DTD nor entities")

    def entity(self, *_: object) -> int:
        raise self.fail("an entity is not accepted", "write the text itself in its place")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise self.fail(f"elements are nested deeper than {MAX_DEPTH}", "a definition.xml needs about 5 levels")
        named = {_written(key): value for key, value in attributes.items()}
        element = Element(_written(name), named, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, _: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        if self.open:
            (self.open[-1].ignored if self.in_cdata else self.open[-1].texts).append(text)

    def cdata_begins(self) -> None:
        self.in_cdata = True

    def cdata_ends(self) -> None:
        self.in_cdata = False


def _written(name: str) -> str:
    """`uri local prefix` of the parser back to `prefix:local`."""
    parts = name.split(SEPARATOR)
    return f"{parts[2]}:{parts[1]}" if len(parts) == 3 else parts[-1]


def read_bytes(path: Path) -> bytes:
    """The contents of a definition file, never more than the limit."""
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DefinitionError(
            path.name, "(file)", f"is larger than {MAX_BYTES // 1024 // 1024} MB", "a definition.xml has some kilobytes"
        )
    return data


def parse(data: bytes, file: str) -> Element:
    """The root element of an XML file; raises DefinitionError with the line and what would be right."""
    if len(data) > MAX_BYTES:
        raise DefinitionError(file, "(file)", f"is larger than {MAX_BYTES // 1024 // 1024} MB")
    if not data.strip():
        raise DefinitionError(file, "(file)", "is empty", "a definition.xml holds a <dc-workflow> element")
    parser = expat.ParserCreate("utf-8", SEPARATOR)
    builder = _Builder(file, parser)
    try:
        parser.Parse(_text(data, file).encode("utf-8"), True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code) or "is not well-formed"
        hint = "save it again as a GenericSetup definition.xml"
        raise DefinitionError(file, f"line {error.lineno}", f"is not well-formed XML: {what}", hint) from error
    if builder.root is None:
        raise DefinitionError(file, "(file)", "holds no element", "a definition.xml holds a <dc-workflow> element")
    return builder.root


def _text(data: bytes, file: str) -> str:
    """Decoded as its first bytes or its declaration say; the parser then only ever sees one encoding."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        name = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        name = "utf-8-sig"
    else:
        found = DECLARED.match(data[:400])
        name = found[1].decode("ascii").lower() if found else "utf-8"
    try:
        known = codecs.lookup(name).name
        known = WIDER.get(known, known)
    except LookupError:
        known = ""
    if not ENCODINGS.fullmatch(known):
        raise DefinitionError(file, "line 1", f"unknown encoding '{name}'", "save it as UTF-8")
    try:
        text = data.decode(known)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = f"is not {known} text (byte {error.start})"
        raise DefinitionError(file, f"line {line}", reason, "save it as UTF-8, or declare its encoding") from error
    if "\x00" in text:
        raise DefinitionError(file, "(file)", "is not a text file", "a definition.xml is XML text")
    return text
