"""Text of a process that cannot be one, or does harm, is refused by place and reason."""

from __future__ import annotations

import io

import pytest

from process import comparison
from process.library import library
from process.refusals import DefinitionError
from services import process_changes
from tests.services.changing import PROCESS, changed, without_investigating


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("", "(top)"),
        ("- a\n- b\n", "(top)"),
        ("a: [", "line 2"),
        ("id: case\ntitle: {zh: a, en: b}\n", "initial"),
        ("x" * 400_001, "(file)"),
        ("&a [*a, *a]", "(top)"),
        ("id: !!python/object/apply:os.system ['true']", "line 1"),
    ],
)
def test_a_source_that_is_no_definition_is_named(session, source, key):
    with pytest.raises(DefinitionError) as told:
        process_changes.read(PROCESS, source)
    assert told.value.key == key and told.value.reason
    assert library.workflows[PROCESS].digest == library.shipped[PROCESS].digest


def test_a_version_of_another_process_is_not_taken(session):
    other = process_changes.source_of(library.shipped["case"])
    with pytest.raises(DefinitionError, match="this page changes 'complaint'"):
        process_changes.read(PROCESS, other)


def test_differences_name_what_was_added_removed_and_changed():
    old = library.shipped[PROCESS]
    new = process_changes.read(PROCESS, changed(without_investigating))
    found = {(d.kind, d.what, d.id, d.part) for d in comparison.differences(old, new)}
    assert ("removed", "state", "investigating", "") in found
    assert ("changed", "state", "accepted", "due") in found
    assert ("changed", "transition", "answer", "from") in found
    assert comparison.differences(old, old) == []


def told_of(source: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as told:
        process_changes.read(PROCESS, source)
    assert told.value.key and told.value.reason and told.value.hint, "where, what is wrong, what would be right"
    assert library.workflows[PROCESS].digest == library.shipped[PROCESS].digest
    return told.value


BOMB = "\n".join(
    ["notes:", "  - &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)


@pytest.mark.parametrize(
    ("source", "key", "reason"),
    [
        ("[" * 300_000, "line 1", "nested deeper"),
        ("{a: " * 90_000, "line 1", "nested deeper"),
        ("- " * 150_000, "line 1", "nested deeper"),
        (BOMB, "notes", "too much through aliases"),
        ("notes: &a [*a]", "notes", "too much through aliases"),
        ("id: complaint\nid: complaint\n", "line 2", "is not readable YAML"),
        ("states:\n  on: {}\n", "states.True", "a key must be text"),
        ("states:\n  1: {}\n", "states.1", "a key must be text"),
        ("? [a, b]\n: c\n", "line 1", "is not readable YAML"),
        ("notes: 2026-02-03\n", "notes", "cannot be a date"),
        ("notes: 2026-02-31\n", "(file)", "is not readable YAML"),
        ("notes: .nan\n", "notes", "cannot be a float"),
        ("notes: !!binary aGVsbG8=\n", "notes", "cannot be a bytes"),
        ('notes: "a\\0b"\n', "notes", "a character nobody can read"),
        ('notes: "\\ud800"\n', "line 1", "is not readable YAML"),
        ('"a\\x1bb": 1\n', "a\\x1bb", "a character nobody can read"),
        ("id: a\nnotes: \x00\n", "line 2", "is not readable YAML"),
        ("notes: " + "x" * 2_001, "notes", "longer than"),
        ("a: [\n", "line 2", "is not readable YAML"),
    ],
    ids=range(19),
)
def test_hostile_text_is_refused_by_place_and_reason(session, source, key, reason):
    told = told_of(source)
    assert (told.key, reason in told.reason) == (key, True), told


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda b: b["states"].update({"a state": b["states"]["accepted"]}), "states.a state"),
        (lambda b: b["states"].update({"s" * 41: b["states"]["accepted"]}), f"states.{'s' * 41}"),
        (lambda b: b["transitions"]["accept"].update({"to": 5}), "transitions.accept.to"),
        (lambda b: b["transitions"]["accept"].update({"from": "registered"}), "transitions.accept.from"),
        (lambda b: b["states"]["accepted"].update({"due": {"hours": 10**12}}), "states.accepted.due.hours"),
        (lambda b: b["states"]["accepted"].update({"title": {"zh": " ", "en": "x"}}), "states.accepted.title"),
        (lambda b: b["states"]["accepted"].update({"title": {"zh": "长" * 121, "en": "x"}}), "states.accepted.title"),
        (lambda b: b.update(initial="zzzzzz"), "initial"),
        (lambda b: b.update(states=[]), "states"),
        (lambda b: b.update(id="../../x"), "id"),
    ],
    ids=range(10),
)
def test_what_the_database_or_the_clock_could_not_hold_is_refused(session, change, key):
    assert told_of(changed(change)).key == key


def test_an_upload_that_is_not_utf8_or_cut_off_is_refused_on_the_page(client_as):
    admin = client_as("admin")
    source = process_changes.source_of(library.shipped[PROCESS])
    for data, word in (
        (source.encode("gbk"), "is not UTF-8"),
        (("# 长\n" * 100_000).encode(), "is longer than"),
        (b"[" * 300_000, "nested deeper"),
    ):
        page = admin.post(f"/workflows/{PROCESS}/edit", data={"file": (io.BytesIO(data), "x.yaml"), "do": "release"})
        assert page.status_code == 422 and word in page.text
    titled = changed(lambda b: b["states"]["accepted"]["title"].update(zh="<script>alert(1)</script>"))
    bom = b"\xef\xbb\xbf" + titled.encode()
    page = admin.post(f"/workflows/{PROCESS}/edit", data={"file": (io.BytesIO(bom), "x.yaml"), "do": "try"})
    assert page.status_code == 200 and "&lt;script&gt;alert" in page.text and "<script>alert" not in page.text
