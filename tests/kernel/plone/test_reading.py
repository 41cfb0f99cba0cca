"""What a definition.xml says arrives in the normal form, and what cannot be honoured is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from process import plone_reader
from process.plone import PloneDefinition
from process.refusals import DefinitionError
from process.trial import walk

SAMPLE = Path(__file__).parent / "sample.xml"
Made = Callable[..., PloneDefinition]


def read(text: str) -> PloneDefinition:
    return plone_reader.read(text.encode(), "definition.xml")


@pytest.fixture
def sample() -> PloneDefinition:
    return plone_reader.read(SAMPLE.read_bytes(), "sample.xml")


def small(inside: str, **attributes: str) -> str:
    named = {"workflow_id": "w", "title": "", "state_variable": "state", "initial_state": "a"} | attributes
    written = " ".join(f'{name}="{value}"' for name, value in named.items())
    return f"<dc-workflow {written}>{inside}</dc-workflow>"


def state(sid: str, inside: str = "") -> str:
    return f'<state state_id="{sid}" title="">{inside}</state>'


def transition(tid: str, to: str = "a", trigger: str = "USER", guard: str = "") -> str:
    return (
        f'<transition transition_id="{tid}" title="" new_state="{to}" trigger="{trigger}" before_script="" after_script="">'
        f"<guard>{guard}</guard></transition>"
    )


def test_the_normal_form_says_all_of_it(sample: PloneDefinition) -> None:
    form = sample.normal_form()
    assert list(form) == [
        "id", "title", "initial", "state_variable", "permissions", "states", "transitions", "variables", "worklists",
        "warnings",
    ]  # fmt: skip
    assert (form["id"], form["title"], form["initial"]) == ("sample_workflow", "Sample & more", "draft")
    assert form["permissions"] == ["View", "Modify portal content"], "in the order of the source"
    assert form["states"]["draft"] == {
        "title": "Draft",
        "transitions": ["submit", "note", "gone"],
        "permissions": {
            "View": {"roles": ["Owner"], "acquire": True},
            "Modify portal content": {"roles": ["Owner", "Editor"], "acquire": False},
            "Delete objects": {"roles": [], "acquire": False},
        },
        "group_roles": {},
        "variables": {"rounds": 3},
    }
    assert form["states"]["pending"]["group_roles"] == {"reviewers": ["Reviewer"]}
    assert form["transitions"]["submit"] == {
        "title": "Submit",
        "to": "pending",
        "trigger": "user",
        "guard": {
            "permissions": ["Modify portal content", "Request review"],
            "roles": ["Owner", "Member"],
            "groups": [],
            "expression": None,
        },
        "variables": {"comments": "python:state_change.kwargs.get('comment', '')"},
        "supported": True,
    }
    assert form["transitions"]["note"]["to"] is None and form["transitions"]["straight_on"]["trigger"] == "automatic"
    assert form["variables"] == {
        "actor": {"default": "user/getId", "for_catalog": False, "for_status": True, "update_always": True},
        "rounds": {"default": "1", "for_catalog": True, "for_status": True, "update_always": False},
    }
    assert form["worklists"] == {
        "queue": {
            "title": "To review",
            "match": {"review_state": ["pending", "draft"]},
            "guard": {"permissions": ["View"], "roles": [], "groups": [], "expression": None},
        }
    }


def test_what_cannot_be_honoured_is_closed_and_quoted(sample: PloneDefinition) -> None:
    assert not sample.normal_form()["transitions"]["sign"]["supported"]
    assert sample.normal_form()["transitions"]["straight_on"]["supported"]
    told = "\n".join(sample.warnings)
    for words in (
        "transition 'sign': the expression “here/is_sign_feature_enabled” cannot be honoured, it is closed",
        "transition 'submit': after_script 'tell' is not run",
        "state 'draft': exit-transition 'gone' does not exist",
        "state 'draft': permission 'Delete objects' is not declared",
        "instance-creation-conditions",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (small(state("a"), initial_state="b"), "line 1: initial_state 'b' is not a state (states: a)"),
        ("<dc-workflow/>", "<dc-workflow> has no attribute state_variable"),
        (small("<state title=''/>"), "<state> has no attribute state_id"),
        (small(state("")), "<state>: state_id is empty"),
        (small(state("a") + transition("t", trigger="TIMER")), "unknown trigger 'TIMER' (AUTOMATIC or USER)"),
        (small(state("a") + transition("t").replace('new_state="a"', "")), "<transition> has no attribute new_state"),
        (small(state("a") + transition("t").replace("</guard>", "</guard><guard/>")), "holds <guard> twice"),
        (small(state("a", '<assignment name="n" type="int">x</assignment>')), "the value 'x' is no int"),
        (small(state("a", '<assignment name="n" type="float">nan</assignment>')), "the value 'nan' is no float"),
        (small(state("a", "<exit-transition/>")), "<exit-transition> has no attribute transition_id"),
        (
            small(
                state("a", '<exit-transition transition_id="t"/>')
                + state("b", '<exit-transition transition_id="back"/>')
                + transition("t", "b", "AUTOMATIC")
                + transition("back", "a", "AUTOMATIC")
            ),
            "automatic transitions without a condition lead round for ever: a → b → a",
        ),
    ],
)
def test_what_dcworkflow_could_not_begin_with_is_refused(text: str, words: str) -> None:
    with pytest.raises(DefinitionError) as wrong:
        read(text)
    assert words in str(wrong.value) and str(wrong.value).startswith("definition.xml: line ")


def test_damaged_files_are_read_or_refused_and_nothing_else() -> None:
    random, whole = Random("damage"), SAMPLE.read_bytes()
    pieces = (
        b"<guard>",
        b"</state>",
        b'""',
        b"&#0;",
        b"<![CDATA[",
        b"]]>",
        b"<!--",
        b"AUTOMATIC",
        b"\xff",
        b"<?x ",
        b"",
    )
    read_anyway = 0
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(data))
            data[at : at + random.choice((0, 1, 5, 60))] = random.choice(pieces)
        try:
            found = plone_reader.read(bytes(data), "damaged.xml")
        except DefinitionError as error:
            assert str(error).startswith("damaged.xml: ")
            continue
        read_anyway += 1
        json.dumps(found.normal_form(), allow_nan=False)
        walk(found, ["Owner", "Manager"], steps=["submit", "publish"])
    assert read_anyway > 20


def test_lines_are_named() -> None:
    with pytest.raises(DefinitionError, match="line 3: <state> has no attribute state_id"):
        read(small("\n\n<state title=''/>\n"))


def test_a_later_one_with_the_same_id_holds() -> None:
    first = state("a", '<permission-map name="V"><permission-role>X</permission-role></permission-map>')
    found = read(
        small(first + state("a", '<exit-transition transition_id="t"/>') + transition("t") + transition("t", ""))
    )
    assert found.states["a"].transitions == ("t",) and found.transitions["t"].to is None
    assert found.states["a"].permissions["V"].roles == ("X",), "permissions of the earlier state stay, as in DCWorkflow"
    assert any("state 'a' is written twice" in text for text in found.warnings)
    assert any("transition 't' is written twice" in text for text in found.warnings)


def test_older_and_unusual_exports_load() -> None:
    found = read(
        small(
            state("a", '<exit-transition transition_id="called"/>')
            + transition("called", trigger="METHOD")
            + transition("lost", "nowhere")
            + transition("text", guard="<guard-role>A;B ;</guard-role><guard-role><![CDATA[C]]></guard-role>")
            + "<worklist worklist_id='w'><match name='state' values='a;b; c'/></worklist>"
            + "<foreign><permission>deep</permission></foreign>"
        )
    )
    assert not found.transitions["called"].supported
    assert found.transitions["text"].guard.roles == ("A", "B", "", "")
    assert found.worklists["w"].match == {"state": ("a", "b", "c")}
    assert found.permissions == ("deep",)
    told = "\n".join(found.warnings)
    for words in ("triggered by a method call", "leads to 'nowhere', which is no state", "CDATA", "“C”", "no title"):
        assert words in told


def test_permissions_that_zope_takes_for_one_are_told() -> None:
    found = read(small("<permission>A: b</permission><permission>A; b</permission>" + state("a")))
    assert "permissions 'A: b' and 'A; b' are one and the same to Zope" in found.warnings[-1]


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("utf-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("gb2312", "gb18030"),
        ("GBK", "gbk"),
        ("gb18030", "gb18030"),
        ("big5", "big5"),
        ("utf-16", "utf-16"),
        ("shift_jis", "shift_jis"),
    ],
)
def test_encodings_by_declaration(declared: str, codec: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>\n' + small(state("a"), title="審核")
    if codec in ("gb18030", "gbk"):
        text = text.replace("審核", "审核㊣")
    assert plone_reader.read(text.encode(codec), "x").title in ("審核", "审核㊣")


def test_latin_letters() -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + small(state("a"), title="Geprüft")
    assert plone_reader.read(text.encode("latin-1"), "x").title == "Geprüft"


def test_a_very_large_definition_is_read_in_seconds() -> None:
    count = 4000
    text = small(
        "".join(state(f"s{n}", f'<exit-transition transition_id="t{n}"/>') for n in range(count))
        + state("a", '<exit-transition transition_id="t0"/>')
        + "".join(
            transition(f"t{n}", f"s{min(n + 1, count - 1)}", "AUTOMATIC" if n < count - 1 else "USER")
            for n in range(count)
        )
    )
    assert len(read(text).states) == count + 1
