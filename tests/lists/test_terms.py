"""How words are cut: the same pieces for what is kept and for what is asked."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from process import terms
from process.terms import every, some


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张伟伟", "zww"),
        ("张伟伟", "ww"),
        ("单雄信", "sxx"),
        ("曾国藩", "zgf"),
        ("万俟卨", "mq"),
        ("欧阳娜娜", "oynn"),
        ("阿卜杜热西提·买买提明", "abdrxt"),
    ],
)
def test_initials_are_what_people_type(name: str, typed: str) -> None:
    assert typed in terms.initials(name)


def test_an_edited_reading_stands_beside_the_usual_one() -> None:
    assert {"dxx", "sxx", "cxx"} <= terms.initials("单雄信", ["CXX"])


def test_pieces_of_a_number() -> None:
    assert {"0123", "db20", "6000"} <= terms.pieces("DB-2026-000123")
    assert terms.pieces("123") == set()


def test_full_width_case_and_invisible_signs_do_not_count() -> None:
    assert terms.runs("ＯＴＡ\u200b张\ufe00伟") == ["ota张伟"]


@given(st.text(max_size=60))
def test_every_two_neighbours_of_a_text_are_found(text: str) -> None:
    kept = terms.grams(text)
    for run in terms.runs(text):
        for start in range(len(run) - 1):
            assert terms.sought(run[start : start + 2]) <= kept


@given(
    st.lists(
        st.text(alphabet=st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=12), min_size=1, max_size=4
    )
)
def test_whatever_is_typed_is_a_question_that_sqlite_can_read(words: list[str]) -> None:
    base = sqlite3.connect(":memory:")
    base.execute(
        "CREATE VIRTUAL TABLE t USING fts5(terms, detail=none, columnsize=0, tokenize=\"ascii tokenchars '-_.:@~#='\")"
    )
    parts = [some(terms=terms.grams(word)) for word in words if terms.grams(word)]
    if parts:
        base.execute("INSERT INTO t (rowid, terms) VALUES (1, ?)", (" ".join(sorted(terms.grams(" ".join(words)))),))
        assert base.execute("SELECT rowid FROM t WHERE t MATCH ?", (every(*parts).fts5(),)).fetchall() == [(1,)]
