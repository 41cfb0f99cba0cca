"""What the page and the style sheet of an uploaded paper may hold: our fields, our faces, our pictures, nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import tinycss2  # type: ignore[import-untyped]
from jinja2 import Environment, TemplateError, meta, nodes

from . import fonts
from .definition import COMMON
from .errors import DefinitionError

NAMES = frozenset({"f", "paper", "draft", "demo", "qr", "check_code", "seal", "copy", "range"})
# Rare A is named by the shared sheet; its characters lie in the Song now.
FACES = frozenset({*fonts.FAMILIES, "Daiban Rare A"})
FILTERS = (
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
    "lines",
)
_TAGS = frozenset(
    {
        *("script", "style", "iframe", "frame", "object", "embed", "applet", "link", "base", "portal", "template"),
        *("form", "input", "button", "select", "textarea", "svg", "math", "canvas"),
        *("video", "audio", "source", "track", "picture"),
    }
)
_LINKS = frozenset(
    {"src", "href", "srcset", "poster", "data", "background", "action", "formaction", "xlink:href", "cite", "longdesc"}
)
_WIDE = frozenset({"inherit", "initial", "unset", "revert"})
_FONT_WORDS = _WIDE | frozenset(
    [
        "normal",
        "bold",
        "bolder",
        "lighter",
        "italic",
        "oblique",
        "small-caps",
        "condensed",
        "expanded",
        "small",
        "medium",
        "large",
        "smaller",
        "larger",
    ]
)
_AT_RULES = frozenset({"page", "media", "supports", "counter-style"})
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
_ASSET = re.compile(r"paper:([a-z0-9][a-z0-9_-]*\.(?:png|jpg))\Z")


def check(folder: Path) -> None:
    """Reads page and style sheet of an unpacked folder; raises DefinitionError at the first thing that has no place there."""
    pictures = {one.name for base in (folder, folder.parent / COMMON) for one in base.iterdir() if one.is_file()}
    source = (folder / "page.html").read_text("utf-8")
    try:
        _template(source)
    except TemplateError as error:
        raise DefinitionError("page.html", f"第{getattr(error, 'lineno', 1)}行", str(error)) from error
    except RecursionError as error:
        raise DefinitionError("page.html", "", "嵌套过深") from error
    reader = _Page(pictures)
    reader.feed(_JINJA.sub(lambda found: "\n" * found.group().count("\n"), source))
    reader.close()
    style((folder / "style.css").read_text("utf-8"), "style.css", pictures)


# --- The page as a template


def _template(source: str) -> None:
    environment = Environment(autoescape=True)
    environment.filters = dict.fromkeys(FILTERS, str)
    tree = environment.parse(source)
    for node in tree.find_all(nodes.Node):
        line = f"第{node.lineno}行" if getattr(node, "lineno", None) else ""
        if isinstance(node, (nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)):
            raise DefinitionError("page.html", line, "不能关掉转义（autoescape）")
        if isinstance(node, (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            named = node.template.value if isinstance(node.template, nodes.Const) else None
            if not isinstance(named, str) or not re.fullmatch(rf"{COMMON}/[a-z_]+\.html", named):
                raise DefinitionError("page.html", line, f"只能引用公共部分，例如 {COMMON}/macros.html")
    for name in sorted(meta.find_undeclared_variables(tree) - NAMES):
        raise DefinitionError(
            "page.html", "", f"用了不认识的名字“{name}”；可用的是 f.字段名 和 {'、'.join(sorted(NAMES))}"
        )


class _Page(HTMLParser):
    """The page without its template parts: which tags and addresses it has."""

    def __init__(self, pictures: set[str]) -> None:
        super().__init__()
        self._pictures = pictures

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = f"第{self.getpos()[0]}行"
        if tag in _TAGS:
            raise DefinitionError("page.html", line, f"不能用 <{tag}>")
        for name, raw in attrs:
            value = (raw or "").strip()
            if name.startswith("on"):
                raise DefinitionError("page.html", line, f"不能有脚本（{name}）")
            if name == "style":
                style(f"* {{{value}}}", f"page.html 第{self.getpos()[0]}行", self._pictures)
            if name in ("http-equiv", "rel"):
                raise DefinitionError("page.html", line, f"不能用 {name}")
            if name in _LINKS and value and not (name == "href" and value.startswith("#")):
                _address(value, "page.html", line, self._pictures)

    handle_startendtag = handle_starttag


def _address(value: str, file: str, line: str, pictures: set[str]) -> None:
    found = _ASSET.match(value)
    if not found:
        raise DefinitionError(file, line, f"不能用外部地址“{value[:60]}”；图片放进文件夹，写成 paper:文件名")
    if found.group(1) not in pictures:
        raise DefinitionError(file, line, f"文件夹里没有图片“{found.group(1)}”")


# --- The style sheet


def style(text: str, file: str, pictures: set[str]) -> None:
    """Every rule and value of a style sheet; raises DefinitionError at what loads, or at a face that is not ours."""
    try:
        _rules(tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True), file, pictures)
    except RecursionError as error:
        raise DefinitionError(file, "", "嵌套过深") from error


def _rules(rules: list[Any], file: str, pictures: set[str]) -> None:
    for rule in rules:
        line = f"第{rule.source_line}行"
        if rule.type == "error":
            raise DefinitionError(file, line, f"写法不对：{rule.message}")
        if rule.type == "at-rule":
            name = rule.lower_at_keyword
            if name not in _AT_RULES and not re.fullmatch(r"(?:top|bottom|left|right)-[a-z-]+|footnote", name):
                raise DefinitionError(file, line, f"不能用 @{name}；字体和样式都随软件提供")
        if rule.type in ("declaration", "qualified-rule", "at-rule"):
            _loads([*(getattr(rule, "prelude", None) or []), *(getattr(rule, "value", None) or [])], file, pictures)
        if rule.type == "declaration":
            _faces(rule, file)
        if getattr(rule, "content", None):
            _rules(tinycss2.parse_blocks_contents(rule.content, True, True), file, pictures)


def _loads(tokens: list[Any], file: str, pictures: set[str]) -> None:
    for token in tokens:
        line = f"第{token.source_line}行"
        if token.type == "url":
            _address(token.value, file, line, pictures)
        if token.type == "function":
            if token.lower_name in ("url", "src"):
                _address("".join(one.value for one in token.arguments if one.type == "string"), file, line, pictures)
            if token.lower_name in ("image", "image-set", "cross-fade", "expression"):
                raise DefinitionError(file, line, f"不能用 {token.lower_name}()")
            _loads(token.arguments, file, pictures)
        if token.type == "error":
            raise DefinitionError(file, line, f"写法不对：{token.message}")
        if hasattr(token, "content"):
            _loads(token.content, file, pictures)


def _faces(rule: Any, file: str) -> None:
    name = rule.lower_name
    if name not in ("font-family", "font"):
        return
    for part in _parts(rule.value):
        words = []
        for token in part:
            if token.type == "function":
                raise DefinitionError(file, f"第{rule.source_line}行", f"{name} 里不能用 {token.lower_name}()")
            if token.type == "string" or (
                token.type == "ident" and token.lower_value not in (_FONT_WORDS if name == "font" else _WIDE)
            ):
                words.append(token.value)
        if words and " ".join(words) not in FACES:
            ours = "、".join(fonts.FAMILIES)
            raise DefinitionError(
                file, f"第{rule.source_line}行", f"字体“{' '.join(words)[:40]}”不是本系统的；可用的是 {ours}"
            )


def _parts(tokens: list[Any]) -> list[list[Any]]:
    parts: list[list[Any]] = [[]]
    for token in tokens:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
