"""What is printed and taken out is the list on the page: the same things, whatever part of it is open, and named as what it is."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from blueprints.certificates.views import WORK
from process import engine
from services import delegation_shelves, exports, lists, search
from tests.services import fertility
from tests.services.test_delegations import LETTER, counted, open_case, open_ticket
from tests.services.test_sub_tickets import pass_on

ClientAs = Callable[[str], FlaskClient]
NUMBER = re.compile(r"\b(?:DB|ZB)-\d{4}-\d+")


@pytest.fixture
def tickets(session: Session, actor) -> list[str]:
    """One in every part of the list: not sent, sent, on the desk with a part passed on."""
    clerk, window = actor("community.clerk"), actor("window.clerk")
    made = [open_ticket(session, clerk, open_case(session, clerk), letter=LETTER) for _ in range(3)]
    for one in made[1:]:
        engine.fire(one, "send", clerk)
    engine.fire(made[2], "receive", window, inputs={"lines": counted(session, made[2])})
    engine.fire(made[2], "start", window)
    sub = pass_on(session, window, made[2])
    session.commit()
    return [str(one.number) for one in (*made, sub)]


@pytest.mark.parametrize("username", ["window.clerk", "community.clerk", "approvals.clerk", "supervisor"])
@pytest.mark.parametrize("show", ["", "inbox", "back", "results", "drafts", "parts", "open", "all", "nothing"])
def test_the_sheet_holds_what_the_page_shows(client_as: ClientAs, tickets: list[str], username: str, show: str) -> None:
    client, query = client_as(username), f"?show={show}" if show else ""
    page = client.get(f"/delegations/{query}").get_data(as_text=True)
    sheet = client.get(f"/lists/print/delegations{query}").get_data(as_text=True)
    on_page, on_sheet = (sorted(set(NUMBER.findall(text)) & set(tickets)) for text in (page, sheet))
    assert on_page == on_sheet


def test_the_parts_are_really_there(session: Session, actor, tickets: list[str]) -> None:
    """Nothing above was equal because both were empty."""

    def held(username: str, show: str) -> list[str]:
        who, kind = actor(username), lists.kind_of("delegations")
        return sorted(str(c.number) for part in lists.things(session, who, kind, {"show": show}, 50) for c in part)

    draft, sent, taken, sub = tickets
    assert held("window.clerk", "") == held("window.clerk", "inbox") == [sent]
    assert held("window.clerk", "parts") == [sub]
    assert held("window.clerk", "all") == sorted([sent, taken, sub])
    assert held("community.clerk", "drafts") == [draft]
    assert held("approvals.clerk", "inbox") == [sub]


def test_the_head_of_a_sheet_says_what_is_on_it(session: Session, actor) -> None:
    def said(username: str, key: str, **query: str) -> str:
        return lists.in_words(session, actor(username), lists.kind_of(key), query)

    assert said("window.clerk", "delegations") == "待清点"
    assert said("window.clerk", "delegations", show="all") == "全部"
    assert said("community.clerk", "delegations") == delegation_shelves.shelves(actor("community.clerk"))[0].title
    assert said("window.clerk", "visits") == "没办结的"
    assert said("issuer", "certificates") == "要办的"
    assert said("resident", "certificates") == "全部"


def test_certificates_without_a_state_are_those_to_be_done(session: Session, actor) -> None:
    """The page leaves out what has been handed over until somebody searches; so does the file."""

    def states(username: str, **query: str) -> frozenset[str] | None:
        return lists.kind_of("certificates").ask(session, actor(username), query).wanted.states

    assert states("issuer") == frozenset(WORK)
    assert states("issuer", state="delivered") == {"delivered"}
    assert states("issuer", q="证明") is None and states("resident") is None


def test_a_state_that_never_was_holds_nothing(session: Session, actor) -> None:
    fertility.opened(session, actor("window.clerk"))
    kind = lists.kind_of("cases")
    assert lists.count(session, actor("window.clerk"), kind, {}, exports.MOST) == 1
    assert lists.count(session, actor("window.clerk"), kind, {"state": "nothing"}, exports.MOST) == 0


def test_no_whole_number_in_the_address_of_certificates(session: Session, actor, client_as: ClientAs) -> None:
    """The box of this list leads through the same door as the others."""
    made = fertility.certificate_of(session, fertility.approved(session, actor))
    session.commit()
    client, number = client_as("issuer"), fertility.WIFE["id_number"]
    assert 'action="/lists/sift/certificates"' in client.get("/certificates").get_data(as_text=True)
    answer = client.post("/lists/sift/certificates", data={"q": number})
    assert answer.status_code == 303 and number not in answer.location
    page = client.get(answer.location).get_data(as_text=True)
    assert made.uid in page and number not in page


def test_a_list_that_holds_only_the_newest_of_what_matches_says_so(
    session: Session, actor, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words match more than is looked through: nobody takes the last row for the last of all."""
    clerk = actor("community.clerk")
    for _ in range(3):
        open_case(session, clerk)
    session.commit()
    client = client_as("community.clerk")
    assert "更早的没有列出" not in client.get("/t/case/?q=骆水珍").text
    monkeypatch.setattr(search, "MOST", 2)
    page = client.get("/t/case/?q=骆水珍").text
    assert "符合的超过 2 件，更早的没有列出：这里是最新的 2 件" in page
    # Counted with the other conditions of the list, not beside them.
    assert "更早的没有列出" not in client.get("/t/case/?q=骆水珍&state=issued").text
