"""What is found, by whom: two characters, initials, pieces of a number, and nobody beyond their sight."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from models.content import Content
from models.resident import Resident
from models.search import ContentSearch, NameReading
from process import access, engine, terms
from services import search, search_index
from tests.services import fertility


def _ids(session: Session, actor, words: str) -> set[int]:
    return {hit.id for hit in search.find(session, actor, words)}


@pytest.fixture
def case(session: Session, actor):
    return fertility.opened(session, actor("window.clerk"))


@pytest.mark.req("S4-31")
def test_two_characters_initials_and_pieces_of_the_number_find_it(session: Session, actor, case) -> None:
    clerk = actor("window.clerk")
    name = case.applicant.name
    for words in (
        name,
        name[:2],
        name[-2:],
        case.title[1:3],
        case.number,
        case.number[-4:],
        case.number[:7],
        f"{name[:2]} {case.number[-5:]}",
    ):
        assert case.id in _ids(session, clerk, words), words
    assert case.id in _ids(session, clerk, "LRL")
    assert _ids(session, clerk, "赵钱孙李") == set()
    assert _ids(session, clerk, "x") == set()


def test_a_whole_id_or_phone_number_finds_and_a_part_does_not(session: Session, actor, case) -> None:
    clerk = actor("window.clerk")
    number = case.applicant.id_number
    assert case.id in _ids(session, clerk, number)
    assert case.id in _ids(session, clerk, f" {number[:6]} {number[6:14]} {number[14:]} ")
    for part in (number[:-1], number[-4:], number[6:14]):
        assert case.id not in _ids(session, clerk, part) or part in case.number, part
    case.applicant.phone, case.applicant.phone_index = "13800001234", Resident.index_of("13800001234")
    session.flush()
    assert case.id in _ids(session, clerk, "138 0000 1234")
    assert case.id not in _ids(session, clerk, "1380000")


def test_characters_apart_are_no_word(session: Session, actor, case) -> None:
    case.title, case.search_text = "张伟和伟伟的事", ""
    session.flush()
    assert case.id in _ids(session, actor("window.clerk"), "和伟伟")
    assert case.id not in _ids(session, actor("window.clerk"), "张伟伟")


@pytest.mark.parametrize(
    "words", ["' OR 1=1 --", '"登记" OR', "a:b* NEAR(", "\\", "NOT", "((", "'", "登记'", "%", "_", "😀😀", "\u202e登记"]
)
def test_signs_are_only_signs(session: Session, actor, case, words: str) -> None:
    search.find(session, actor("window.clerk"), words)


def test_the_index_follows_every_change_in_the_same_transaction(session: Session, actor, case) -> None:
    clerk = actor("window.clerk")
    case.title = "全新的蓝天项目"
    assert case.id in _ids(session, clerk, "蓝天")
    with session.begin_nested() as savepoint:
        case.title = "绿水项目"
        assert case.id in _ids(session, clerk, "绿水")
        savepoint.rollback()
    session.expire_all()
    assert case.id in _ids(session, clerk, "蓝天") and case.id not in _ids(session, clerk, "绿水")
    case.applicant.name = "欧阳改名"
    assert case.id in _ids(session, clerk, "oygm") and case.id in _ids(session, clerk, "改名")


def test_an_edited_reading_is_found_by(session: Session, actor, case) -> None:
    clerk = actor("window.clerk")
    case.applicant.name = "单晓雨"
    session.flush()
    assert case.id in _ids(session, clerk, "sxy") and case.id not in _ids(session, clerk, "cxy")
    session.add(NameReading(name="单晓雨", initials="cxy"))
    search_index.again_for_name(session, "单晓雨")
    assert case.id in _ids(session, clerk, "CXY")


USERS = (
    *(
        "window.clerk",
        "community.clerk",
        "neighbour.clerk",
        "supervisor",
        "statistician",
        "courier",
        "reviewer",
        "approver",
    ),
    *("admin", "resident", "grid.leader", "dispatcher", "catalogue.manager"),
)


@pytest.mark.parametrize("username", USERS)
def test_everybody_finds_exactly_what_they_see(session: Session, actor, case, username: str) -> None:
    """The index with its condition on rows is a third face of the policy: it must agree with the list."""
    who = actor(username)
    everything = list(session.scalars(select(Content)))
    seen = {row.id for row in session.scalars(access.visible(select(Content), who, Content))}
    masked = search.only_masked(who)
    for word in sorted(
        {run[i : i + 2] for c in everything for run in terms.runs(c.title) for i in range(len(run) - 1)}
    ):
        hits = {hit.id for hit in search.find(session, who, word, most=10_000)}
        meant = set()
        for c in everything:
            kept = "" if masked else f" {c.search_text} {c.applicant.name if c.applicant else ''}"
            if c.id in seen and any(word in run for run in terms.runs(f"{c.title} {c.number or ''}{kept}")):
                meant.add(c.id)
        assert hits == meant, word


def test_masked_sight_finds_numbers_and_titles_only(session: Session, actor, case) -> None:
    watcher = actor("supervisor")
    assert search.only_masked(watcher)
    engine.fire(case, "submit", actor("window.clerk"))
    assert access.may(watcher, access.VIEW, case) and not access.may(watcher, access.VIEW_FULL, case)
    name = case.applicant.name
    assert case.id in _ids(session, watcher, case.number[-5:])
    for words in (name, name[:2], "lrl", case.applicant.id_number):
        assert case.id not in _ids(session, watcher, words), words


def test_an_old_database_is_filled_and_the_fill_can_be_repeated(session: Session, actor, case) -> None:
    search_index.settle(session)
    session.execute(text("DELETE FROM content_search"))
    assert case.id not in _ids(session, actor("window.clerk"), case.number)
    written = search_index.fill(session.connection())
    assert written > 0 and search_index.fill(session.connection()) == 0
    assert case.id in _ids(session, actor("window.clerk"), case.number)
    assert session.get(ContentSearch, case.id) is not None
