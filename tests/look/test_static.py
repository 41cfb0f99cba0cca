"""What is shipped to browsers is what was reviewed: hashes, no inline code, readable colours, parsing templates."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import jinja2
import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static/css").glob("*.css"))
MODULES = sorted((ROOT / "static/js").glob("*.js"))
MANIFEST = json.loads((ROOT / "static/vendor/manifest.json").read_text())
INLINE = re.compile(r"<style|<script(?![^>]*\ssrc=)|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("package", MANIFEST, ids=lambda package: package["name"])
def test_vendored_files_are_the_reviewed_ones(package):
    assert package["version"] and package["licence"]
    for path, expected in package["files"].items():
        found = hashlib.sha256((ROOT / path).read_bytes()).hexdigest()
        assert found == expected, f"{path} was changed; run tools/vendor.sh"


def test_no_vendored_file_is_outside_the_manifest():
    listed = {path for package in MANIFEST for path in package["files"]}
    folders = (ROOT / "static/vendor", ROOT / "tests/vendor")
    found = {name(path) for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert found - {"static/vendor/manifest.json"} == listed


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_no_inline_script_or_style(path):
    assert not INLINE.findall(re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL))


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_template_parses(path):
    jinja2.Environment(extensions=["jinja2.ext.i18n", "jinja2.ext.do"], autoescape=True).parse(path.read_text())


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_scripts_need_no_eval_and_no_foreign_host(path):
    assert not re.findall(r"\beval\(|new Function|innerHTML|https?://", path.read_text())


@pytest.mark.parametrize("path", STYLES, ids=name)
def test_styles_keep_to_the_tokens(path):
    text = path.read_text()
    assert "gradient(" not in text and "@import" not in text and "http" not in text
    if path.name not in ("tokens.css", "print.css"):
        assert set(re.findall(r"#[0-9A-Fa-f]{3,8}\b(?=[^{}]*;)", text)) <= {"#fff"}, "colours belong in tokens.css"


def test_icons_used_exist():
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "static/img/icons.svg").read_text()))
    used = {found for path in TEMPLATES for found in re.findall(r"""icon\('([\w-]+)'""", path.read_text())}
    assert used <= drawn, f"not in static/img/icons.svg: {sorted(used - drawn)}"


def tokens() -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9A-Fa-f]{6})", (ROOT / "static/css/tokens.css").read_text()))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


TONES = ("waiting", "running", "needs", "late", "done")
PAIRS = [
    *[(text, ground) for text in ("ink", "ink-2", "link", "link-strong", *TONES) for ground in ("card", "ground")],
    *[(tone, f"{tone}-tint") for tone in TONES],
    *[("card", ground) for ground in ("accent", "accent-strong", "ink-2", *TONES)],
    *[(text, "hover") for text in ("ink", "ink-2", "link", *TONES)],
    *[(text, "running-tint") for text in ("ink", "ink-2", "link", "link-strong")],
    *[(text, "waiting-tint") for text in ("ink", "ink-2", "late")],
    *[("ink", "needs-tint"), ("ink-2", "needs-tint")],
]


@pytest.mark.parametrize(("text", "ground"), sorted(set(PAIRS)))
def test_text_can_be_read(text, ground):
    found = tokens()
    assert contrast(found[text], found[ground]) >= 4.5


@pytest.mark.parametrize("edge", ["line-strong", "link", "accent"])
def test_edges_of_controls_can_be_seen(edge):
    assert contrast(tokens()[edge], tokens()["card"]) >= 3
