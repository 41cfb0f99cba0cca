"""Every way a definition can be wrong is told when it is loaded: file, key, reason. What runs keeps running."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import services
from process import library as shelf
from process.library import HERE, load, read_yaml
from process.parsing import parse
from process.reading import Vocabulary
from process.refusals import DefinitionError

services.register()
NAMES = shelf.vocabulary(services.role_names(), services.paper_names())
T = {"zh": "标题", "en": "Title"}
GOOD: dict[str, Any] = {
    "id": "sample",
    "title": T,
    "initial": "draft",
    "permissions": ["view", "edit"],
    "clocks": {"handle": {"title": T, "days": 5, "start": ["sent"], "pause": [], "stop": ["done"]}},
    "states": {
        "draft": {
            "title": T,
            "tone": "waiting",
            "permissions": {"view": ["owner"], "edit": {"roles": ["window_clerk@addressee"], "acquire": True}},
        },
        "sent": {"title": T, "tone": "needs", "due": {"clock": "handle"}},
        "done": {"title": T, "tone": "done", "terminal": True},
    },
    "transitions": {
        "send": {
            "title": T,
            "from": ["draft"],
            "to": "sent",
            "guard": {"roles": ["owner"]},
            "inputs": {
                "way": {"kind": "choice", "title": T, "options": {"post": T}},
                "comment": {"kind": "longtext", "title": T, "required": True},
            },
        },
        "finish": {
            "title": T,
            "from": ["sent"],
            "to": "done",
            "guard": {"roles": ["window_clerk"], "place": "addressee", "different_person_than": ["send"]},
            "requires": ["letter_signed"],
            "effects": ["file_case"],
            "papers": ["handover_list"],
        },
        "hurry": {
            "title": T,
            "from": ["sent"],
            "to": None,
            "guard": {"permissions": ["view"], "predicate": "not_rated"},
        },
    },
    "worklists": {"inbox": {"title": T, "match": {"state": ["sent"]}, "guard": {"roles": ["window_clerk"]}}},
}


def put(*path_and_value: Any) -> Callable[[dict[str, Any]], None]:
    """Writes a value at a path of the good definition."""
    *path, name, value = path_and_value

    def change(data: dict[str, Any]) -> None:
        for key in path:
            data = data[key]
        data[name] = value

    return change


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    *above, name = path

    def change(data: dict[str, Any]) -> None:
        for key in above:
            data = data[key]
        del data[name]

    return change


WRONG: list[tuple[str, Callable[[dict[str, Any]], None], str, str]] = [
    ("no id", drop("id"), "id", "is missing"),
    ("no beginning", drop("initial"), "initial", "is missing"),
    ("an unknown beginning", put("initial", "drfat"), "initial", "unknown state 'drfat' (did you mean 'draft'?)"),
    ("a key nobody knows", put("stats", {}), "(top).stats", "unknown key"),
    ("a title in one language", put("title", {"zh": "标题"}), "title", "both languages"),
    ("permissions that are no list", put("permissions", "view"), "permissions", "list of names"),
    ("states that are no mapping", put("states", ["draft"]), "states", "must be a mapping"),
    ("no states", put("states", {}), "initial", "unknown state"),
    ("a state without a title", drop("states", "draft", "title"), "states.draft.title", "both languages"),
    ("a state with a strange key", put("states", "draft", "colour", "red"), "states.draft.colour", "unknown key"),
    ("an unknown tone", put("states", "draft", "tone", "blue"), "states.draft.tone", "unknown tone 'blue'"),
    (
        "a permission not in the list",
        put("states", "draft", "permissions", "vew", []),
        "states.draft.permissions.vew",
        "did you mean 'view'?",
    ),
    (
        "a permission for an unknown role",
        put("states", "draft", "permissions", "view", ["window_clrek"]),
        "states.draft.permissions.view",
        "did you mean 'window_clerk'?",
    ),
    (
        "a role at an unknown place",
        put("states", "draft", "permissions", "view", ["window_clerk@moon"]),
        "states.draft.permissions.view",
        "unknown place 'moon'",
    ),
    (
        "a permission with a strange key",
        put("states", "draft", "permissions", "edit", {"role": []}),
        "states.draft.permissions.edit.role",
        "unknown key",
    ),
    (
        "a deadline by an unknown clock",
        put("states", "sent", "due", {"clock": "handel"}),
        "states.sent.due.clock",
        "did you mean 'handle'?",
    ),
    (
        "a deadline said twice",
        put("states", "sent", "due", {"hours": 1, "working_days": 1}),
        "states.sent.due",
        "exactly one",
    ),
    (
        "a deadline of no days",
        put("states", "sent", "due", {"working_days": 0}),
        "states.sent.due.working_days",
        "whole number",
    ),
    ("a deadline of half a day", put("states", "sent", "due", {"hours": 1.5}), "states.sent.due.hours", "whole number"),
    ("a state nobody reaches", put("states", "island", {"title": T, "terminal": True}), "states.island", "unreachable"),
    ("a dead end", put("states", "done", "terminal", False), "states.done", "dead end"),
    ("a step from nowhere", put("transitions", "send", "from", []), "transitions.send.from", "at least one state"),
    (
        "a step from an unknown state",
        put("transitions", "send", "from", ["draf"]),
        "transitions.send.from",
        "did you mean 'draft'?",
    ),
    (
        "a step to an unknown state",
        put("transitions", "send", "to", "snet"),
        "transitions.send.to",
        "did you mean 'sent'?",
    ),
    ("a step without a title", drop("transitions", "send", "title"), "transitions.send.title", "both languages"),
    (
        "a step with a strange key",
        put("transitions", "send", "form", ["draft"]),
        "transitions.send.form",
        "unknown key",
    ),
    (
        "an unknown trigger",
        put("transitions", "send", "trigger", "magic"),
        "transitions.send.trigger",
        "unknown trigger",
    ),
    (
        "a step nobody may take",
        put("transitions", "send", "guard", {}),
        "transitions.send.guard",
        "nobody could pass it",
    ),
    (
        "a guard with a strange key",
        put("transitions", "send", "guard", {"role": ["owner"]}),
        "transitions.send.guard.role",
        "unknown key",
    ),
    (
        "a guard with an unknown role",
        put("transitions", "send", "guard", {"roles": ["cleark"]}),
        "transitions.send.guard.roles",
        "unknown role 'cleark'",
    ),
    (
        "a guard at an unknown place",
        put("transitions", "finish", "guard", "place", "there"),
        "transitions.finish.guard.place",
        "unknown place",
    ),
    (
        "a guard by an unknown permission",
        put("transitions", "hurry", "guard", "permissions", ["fly"]),
        "transitions.hurry.guard.permissions",
        "unknown permission",
    ),
    (
        "a guard by an unknown predicate",
        put("transitions", "hurry", "guard", "predicate", "not_ratd"),
        "transitions.hurry.guard.predicate",
        "did you mean 'not_rated'?",
    ),
    (
        "another person than of an unknown step",
        put("transitions", "finish", "guard", "different_person_than", ["snd"]),
        "transitions.finish.different_person_than",
        "did you mean 'send'?",
    ),
    (
        "an unknown requirement",
        put("transitions", "finish", "requires", ["letter_sgned"]),
        "transitions.finish.requires",
        "did you mean 'letter_signed'?",
    ),
    (
        "an unknown effect",
        put("transitions", "finish", "effects", ["fly_away"]),
        "transitions.finish.effects",
        "unknown effect",
    ),
    (
        "an unknown paper",
        put("transitions", "finish", "papers", ["handover_lst"]),
        "transitions.finish.papers",
        "did you mean 'handover_list'?",
    ),
    (
        "an input of an unknown kind",
        put("transitions", "send", "inputs", "comment", "kind", "novel"),
        "transitions.send.inputs.comment.kind",
        "unknown kind",
    ),
    (
        "an input without a title",
        drop("transitions", "send", "inputs", "comment", "title"),
        "transitions.send.inputs.comment.title",
        "both languages",
    ),
    (
        "a choice without options",
        drop("transitions", "send", "inputs", "way", "options"),
        "transitions.send.inputs.way.options",
        "needs options",
    ),
    (
        "an option without a title",
        put("transitions", "send", "inputs", "way", "options", "post", "邮寄"),
        "transitions.send.inputs.way.options.post",
        "both languages",
    ),
    (
        "a clock that starts nowhere known",
        put("clocks", "handle", "start", ["snet"]),
        "clocks.handle",
        "did you mean 'sent'?",
    ),
    (
        "a clock with two lengths",
        put("clocks", "handle", "duration", "item_promise"),
        "clocks.handle",
        "either days or duration",
    ),
    (
        "a clock of unknown length",
        put("clocks", "handle", {"title": T, "duration": "item_promis", "start": ["sent"]}),
        "clocks.handle.duration",
        "did you mean 'item_promise'?",
    ),
    (
        "a worklist of an unknown state",
        put("worklists", "inbox", "match", "state", ["snet"]),
        "worklists.inbox.match.state",
        "did you mean 'sent'?",
    ),
    (
        "a worklist for an unknown role",
        put("worklists", "inbox", "guard", {"roles": ["cleark"]}),
        "worklists.inbox.guard.roles",
        "unknown role",
    ),
    ("a step to a list", put("transitions", "send", "to", ["sent"]), "transitions.send.to", "unknown state"),
    ("a deadline by a list", put("states", "sent", "due", {"clock": []}), "states.sent.due.clock", "unknown clock"),
    ("a clock of many words", put("clocks", "handle", "days", "five"), "clocks.handle.days", "whole number"),
    ("a yes that is a word", put("states", "done", "terminal", "no"), "states.done.terminal", "true or false"),
    (
        "a required that is a word",
        put("transitions", "send", "inputs", "comment", "required", "yes please"),
        "transitions.send.inputs.comment.required",
        "true or false",
    ),
    (
        "a length that is no number",
        put("transitions", "send", "inputs", "comment", "max", "long"),
        "transitions.send.inputs.comment.max",
        "whole number",
    ),
    (
        "an automatic circle",
        put("transitions", "turn", {"title": T, "from": ["sent"], "to": "sent", "trigger": "automatic"}),
        "transitions.turn",
        "lead round in a circle: sent → sent",
    ),
]


def changed(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    data = copy.deepcopy(GOOD)
    change(data)
    return data


def test_the_sample_itself_is_right() -> None:
    definition = parse(GOOD, "sample.yaml", NAMES)
    assert definition.transitions["finish"].guard.roles == ("window_clerk@addressee",)
    assert len(WRONG) >= 25


@pytest.mark.parametrize(("change", "key", "reason"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_wrong_definition_is_told_by_file_key_and_reason(
    change: Callable[[dict[str, Any]], None], key: str, reason: str
) -> None:
    with pytest.raises(DefinitionError) as told:
        parse(changed(change), "sample.yaml", NAMES)
    assert (told.value.file, told.value.key) == ("sample.yaml", key)
    assert reason in str(told.value)
    assert str(told.value).startswith(f"sample.yaml: {key}: ")


@pytest.mark.parametrize("data", [None, [], "text", 5, True])
def test_a_file_that_is_no_mapping_is_told(data: Any) -> None:
    with pytest.raises(DefinitionError, match=r"sample\.yaml: \(top\): must be a mapping"):
        parse(data, "sample.yaml", NAMES)


@pytest.mark.parametrize(
    ("text", "key"),
    [("a: [1", "line"), ("a: b: c", "line 1"), ("\x00", "line 1"), ("a: !!python/object:os.system x", "line 1")],
)
def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path: Path, text: str, key: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(DefinitionError) as told:
        read_yaml(path)
    assert told.value.file == "bad.yaml" and told.value.key.startswith(key) and "not readable YAML" in told.value.reason


# --- A whole folder: types and workflows together


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One more process with its type, as an office would add it."""
    for name, data in (
        ("workflows", GOOD),
        (
            "types",
            {
                "id": "sample",
                "title": T,
                "workflow": "sample",
                "create": ["window_clerk"],
                "papers": ["handover_list"],
                "fields": {"reason": {"kind": "text", "title": T}},
            },
        ),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "sample.yaml").write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")
    return tmp_path


@pytest.fixture(autouse=True)
def untouched() -> Any:
    """Whatever a test loads, the next one finds the shipped definitions."""
    load(NAMES)
    yield
    load(NAMES)


def rewrite(folder: Path, kind: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / kind / "sample.yaml"
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


def test_two_files_add_a_process(folder: Path) -> None:
    loaded = load(NAMES, (HERE, folder))
    assert {"sample", "case", "errand"} <= set(loaded.types) and "sample" in loaded.workflows


BROKEN_FOLDERS: list[tuple[str, str, Callable[[dict[str, Any]], None], str, str]] = [
    ("a process with a mistake", "workflows", put("initial", "nowhere"), "sample.yaml", "initial"),
    ("a name that is taken", "workflows", put("id", "case"), "sample.yaml", "id"),
    ("a type name that is taken", "types", put("id", "case"), "sample.yaml", "id"),
    ("a type without a process", "types", put("workflow", "smaple"), "sample.yaml", "workflow"),
    ("a type with a strange key", "types", put("flow", "x"), "sample.yaml", "flow"),
    ("a type without a title", "types", drop("title"), "sample.yaml", "title"),
    ("a type without an id", "types", drop("id"), "sample.yaml", "id"),
    (
        "a field of an unknown kind",
        "types",
        put("fields", "reason", "kind", "novel"),
        "sample.yaml",
        "fields.reason.kind",
    ),
    ("a field without a title", "types", drop("fields", "reason", "title"), "sample.yaml", "fields.reason.title"),
    ("fields that are no mapping", "types", put("fields", ["reason"]), "sample.yaml", "fields"),
    ("a field that is no mapping", "types", put("fields", "reason", "text"), "sample.yaml", "fields.reason"),
    ("roles that are no list", "types", put("create", "window_clerk"), "sample.yaml", "create"),
    ("papers that are no list", "types", put("papers", 5), "sample.yaml", "papers"),
    ("a number that is no mapping", "types", put("number", "DB"), "sample.yaml", "number"),
    ("a type with an unknown paper", "types", put("papers", ["handover_lst"]), "sample.yaml", "papers"),
    ("a type for an unknown role", "types", put("create", ["cleark"]), "sample.yaml", "create"),
    (
        "a step that follows from nothing",
        "workflows",
        put("transitions", "send", "triggered_by", ["delegation:fly"]),
        "sample.yaml",
        "transitions.send.triggered_by",
    ),
]


@pytest.mark.parametrize(
    ("kind", "change", "file", "key"), [row[1:] for row in BROKEN_FOLDERS], ids=[row[0] for row in BROKEN_FOLDERS]
)
def test_one_mistake_anywhere_keeps_everything_as_it_was(
    folder: Path, kind: str, change: Callable[[dict[str, Any]], None], file: str, key: str
) -> None:
    before = (dict(shelf.library.types), dict(shelf.library.workflows), dict(shelf.library.policy))
    rewrite(folder, kind, change)
    with pytest.raises(DefinitionError) as told:
        load(NAMES, (HERE, folder))
    assert (told.value.file, told.value.key) == (file, key)
    assert (shelf.library.types, shelf.library.workflows, shelf.library.policy) == before, (
        "the running definitions stay in force"
    )


def test_a_broken_policy_is_told(folder: Path) -> None:
    (folder / "policy.yaml").write_text("view: [supervisor]\n")
    with pytest.raises(DefinitionError, match=r"policy\.yaml: permissions: must name"):
        load(NAMES, (HERE, folder))


def leaves(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(one for key, value in inner for one in leaves(value, (*path, key)))]


@pytest.mark.parametrize(
    "value", [None, [], {}, "x", 5, -1, 1.5, True, ["x"], [1], {"x": 1}, [["x"]], [{}], {"a": {}}], ids=repr
)
def test_whatever_stands_anywhere_is_right_or_told_never_a_trace(value: Any) -> None:
    for path in leaves(GOOD)[1:]:
        try:
            parse(changed(put(*path, value)), "sample.yaml", NAMES)
        except DefinitionError as told:
            assert told.key and told.reason


def test_the_same_text_is_the_same_version_and_any_change_a_new_one() -> None:
    first, again = parse(GOOD, "a.yaml", Vocabulary()), parse(copy.deepcopy(GOOD), "b.yaml", Vocabulary())
    other = parse(changed(put("states", "sent", "title", {"zh": "已寄", "en": "Posted"})), "a.yaml", Vocabulary())
    assert first.digest == again.digest != other.digest


def test_the_normal_form_holds_what_the_contract_names() -> None:
    for definition in shelf.library.workflows.values():
        form = definition.normal_form()
        assert set(form) == {
            "id",
            "title",
            "initial",
            "state_variable",
            "permissions",
            "states",
            "transitions",
            "variables",
            "worklists",
            "warnings",
        }
        assert all(
            set(s) == {"title", "transitions", "permissions", "group_roles", "variables"}
            for s in form["states"].values()
        )
        assert all(
            set(t) == {"title", "to", "trigger", "guard", "variables", "supported"}
            for t in form["transitions"].values()
        )
        assert all(
            set(t["guard"]) == {"permissions", "roles", "groups", "expression"} for t in form["transitions"].values()
        )
