"""The picture of a process: complete, safe to put into a page, and it says the same in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from process.definition import Definition
from process.drawing import draw
from process.library import HERE, read_yaml
from process.parsing import parse

SVG = "{http://www.w3.org/2000/svg}"
DEFINITIONS = {path.stem: parse(read_yaml(path), path.name) for path in sorted((HERE / "workflows").glob("*.yaml"))}
VARIANTS = [
    (name, vertical, locale) for name in DEFINITIONS for vertical in (False, True) for locale in ("zh_Hans_CN", "en")
]


def tree(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


def words(root: ElementTree.Element) -> str:
    """Everything written, as it reads when lines are joined."""
    return "|".join("".join(" ".join(span.text or "" for span in text).split()) for text in root.iter(f"{SVG}text"))


def boxes(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """The outer frame of every state."""
    frames = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g") if "wf-state" in group.get("class", "")]
    return [tuple(float(f.get(name, "0")) for name in ("x", "y", "width", "height")) for f in frames if f is not None]  # type: ignore[misc]


@pytest.mark.req("S2-03")
@pytest.mark.parametrize(("name", "vertical", "locale"), VARIANTS)
def test_every_state_and_step_is_drawn_and_named(name: str, vertical: bool, locale: str) -> None:
    definition = DEFINITIONS[name]
    root = tree(draw(definition, locale=locale, vertical=vertical))
    assert len(boxes(root)) == len(definition.states)
    written = words(root).replace("…", "")
    for thing in (*definition.states.values(), *definition.transitions.values()):
        title = "".join(thing.title.text(locale).split())
        assert title in written or any(title.startswith(part) and len(part) > 8 for part in written.split("|")), title


@pytest.mark.parametrize(("name", "vertical", "locale"), VARIANTS)
def test_nothing_lies_on_anything_or_outside(name: str, vertical: bool, locale: str) -> None:
    root = tree(draw(DEFINITIONS[name], locale=locale, vertical=vertical))
    found = boxes(root)
    _, _, width, height = (float(n) for n in root.get("viewBox", "").split())
    for index, (x, y, w, h) in enumerate(found):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        assert all(x + w <= a or a + c <= x or y + h <= b or b + d <= y for a, b, c, d in found[index + 1 :])
    assert width <= (390 if vertical else 1280)
    numbers = [
        float(n)
        for path in root.iter(f"{SVG}path")
        for n in re.findall(r"-?\d+(?:\.\d+)?", path.get("d", ""))
        if path.get("transform") is None
    ]
    assert all(-1 <= n <= max(width, height) + 1 for n in numbers)


@pytest.mark.parametrize("vertical", [False, True])
def test_two_lines_never_share_a_way_in_or_out(vertical: bool) -> None:
    root = tree(draw(DEFINITIONS["case"], vertical=vertical))
    tips = [head.get("points", "").split()[0] for head in root.iter(f"{SVG}polygon")]
    # Lines of one step meet at its target; different steps keep apart.
    steps = sum(1 for t in DEFINITIONS["case"].transitions.values() if t.to is not None)
    assert len(set(tips)) >= steps


def test_it_may_stand_in_a_page_with_a_strict_policy() -> None:
    for definition in DEFINITIONS.values():
        picture = draw(definition, visited=[definition.initial], current=definition.initial)
        assert not re.search(r"\sstyle=|<style|<script|\son\w+=|href|url\(|<image|<foreignObject", picture)
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_the_way_one_thing_has_gone_is_marked() -> None:
    definition = DEFINITIONS["case"]
    root = tree(
        draw(definition, visited=["draft", "submitted", "accepted", "supplement", "submitted"], current="accepted")
    )
    kinds = [g.get("class", "").rpartition("--")[2] for g in root.iter(f"{SVG}g") if "wf-state" in g.get("class", "")]
    assert (kinds.count("now"), kinds.count("done")) == (1, 3)
    done = [p for p in root.iter(f"{SVG}path") if p.get("class") == "wf-edge wf-edge--done"]
    assert len(done) == 4, "submit, accept, ask for everything missing, supply"
    assert "已走过" in (root.findtext(f"{SVG}desc") or "") and "已受理（现在）" in (root.findtext(f"{SVG}desc") or "")


def test_a_finished_thing_is_ticked_to_the_end() -> None:
    definition = DEFINITIONS["errand"]
    root = tree(
        draw(
            definition,
            visited=["posted", "open", "claimed", "picked_up", "on_way", "delivered"],
            current=definition.states["confirmed"],
        )
    )
    ticks = [p for p in root.iter(f"{SVG}path") if p.get("transform")]
    assert len(ticks) == 7


def test_states_of_an_older_version_do_no_harm() -> None:
    assert draw(DEFINITIONS["case"], visited=["draft", "no_longer_there"], current="neither").startswith("<svg")


def test_it_is_told_in_words_in_the_reader_s_language() -> None:
    for locale, sentence in (("zh_Hans_CN", "通常的步骤"), ("en", "The usual way")):
        root = tree(draw(DEFINITIONS["delegation"], locale=locale))
        assert root.get("role") == "img"
        named = root.get("aria-labelledby", "").split()
        found = {element.get("id"): element.text for element in root if element.get("id")}
        assert set(named) == set(found) and sentence in str(found)
    across, down = draw(DEFINITIONS["case"]), draw(DEFINITIONS["case"], vertical=True)
    ids = re.findall(r'\sid="([^"]+)"', across + down)
    assert len(ids) == len(set(ids)), "both variants may stand on one page"


def _small(states: int, **transitions: object) -> Definition:
    named = {
        f"s{n}": {"title": {"zh": f"状态<{n}>&", "en": f'State <{n}> & "more"'}, "terminal": n == states - 1}
        for n in range(states)
    }
    return parse(
        {
            "id": "small",
            "title": {"zh": "小<b>", "en": "small"},
            "initial": "s0",
            "states": named,
            "transitions": transitions,
        },
        "small.yaml",
    )


def _step(sources: list[str], to: str | None) -> dict[str, object]:
    return {"title": {"zh": "办<理>", "en": "do <it> & so"}, "from": sources, "to": to, "guard": {"roles": ["anyone"]}}


@pytest.mark.parametrize("vertical", [False, True])
@pytest.mark.parametrize(
    "definition",
    [
        _small(1, stay=_step(["s0"], None)),
        _small(2, go=_step(["s0"], "s1")),
        _small(
            3, go=_step(["s0"], "s1"), back=_step(["s1"], "s0"), end=_step(["s0", "s1"], "s2"), self=_step(["s1"], "s1")
        ),
        _small(
            14,
            **{f"t{n}": _step([f"s{n}"], f"s{n + 1}") for n in range(13)},
            **{f"back{n}": _step([f"s{n}"], "s0") for n in range(1, 13)},
        ),
    ],
)
def test_any_graph_is_drawn_and_hostile_titles_stay_text(definition: Definition, vertical: bool) -> None:
    root = tree(draw(definition, vertical=vertical))
    assert len(boxes(root)) == len(definition.states)
    assert root.find(f".//{SVG}b") is None
