"""Wrong role, another station's errand, a double click, two at once, somebody suspended while holding: each with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.base import now
from models.courier import CourierThanks
from models.errand import Errand
from models.ledger import JournalEntry
from models.notice import Notice
from models.person import CourierProfile, Person
from process import engine
from process.access import Actor
from process.refusals import RequirementUnmet
from services import couriers, editing, errand_board, errands, places
from tests.pages.test_board import Text, errand, reload  # noqa: F401  the fixture that posts

As = Callable[[str], FlaskClient]
Act = Callable[[str], Actor]
Post = Callable[..., Errand]


def claims(session: Session, made: Errand) -> int:
    return (
        session.scalar(
            select(func.count()).where(JournalEntry.stream == made.uid, JournalEntry.action == "errand:claim")
        )
        or 0
    )


@pytest.mark.parametrize("who", ["dispatcher", "community.clerk", "window.clerk", "supervisor", "reviewer"])
def test_only_couriers_claim(errand: Post, client_as: As, session: Session, who: str) -> None:  # noqa: F811
    made = errand()
    answer = client_as(who).post(f"/errands/{made.uid}/press/claim")
    assert answer.status_code in (403, 404) and "<h1" in answer.text and reload(session, made).state == "open"


@pytest.mark.parametrize("step", ["pick_up", "deliver", "fail", "release", "assign", "take_back", "recover", "confirm"])
def test_nobody_of_another_station_gets_hold_of_it(errand: Post, client_as: As, session: Session, step: str) -> None:  # noqa: F811
    made, client = errand("claim"), client_as("neighbour.clerk")
    for answer in (client.get(f"/errands/{made.uid}/{step}"), client.post(f"/errands/{made.uid}/{step}", data={})):
        assert answer.status_code == 404 and "没有找到" in answer.text
    assert reload(session, made).state == "claimed"


def test_another_courier_cannot_go_on_with_it(errand: Post, client_as: As, session: Session) -> None:  # noqa: F811
    made, client = errand("claim"), client_as("courier2")
    for step in ("release", "fail", "deliver"):
        answer = client.post(f"/errands/{made.uid}/{step}", data={"comment": "我来送"})
        assert answer.status_code in (403, 404, 409), step
    assert client.post(f"/errands/{made.uid}/press/set_off").status_code in (403, 404, 409)
    assert reload(session, made).state == "claimed"


@pytest.mark.req("S2-24")
def test_a_double_click_claims_once_and_gets_one_answer(errand: Post, client_as: As, session: Session) -> None:  # noqa: F811
    made, client = errand(), client_as("courier")
    answers = [client.post(f"/errands/{made.uid}/press/claim", data={"_once": "same-press-12"}) for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 303] and claims(session, made) == 1
    # The page of before, pressed once more without its key: told who has it, which is oneself.
    again = client.post(f"/errands/{made.uid}/press/claim")
    assert again.status_code == 409 and "方志远已于" in again.text and claims(session, made) == 1


def test_whoever_is_suspended_while_holding_is_told_and_frees_it(
    errand: Post,  # noqa: F811
    client_as: As,
    session: Session,
    actor: Act,
    person: Callable[[str], Person],
) -> None:
    free, held, out = errand(), errand("claim"), errand("set_off")
    client = client_as("courier")
    profile = session.get_one(CourierProfile, person("courier").id)
    couriers.suspend(session, actor("dispatcher"), profile, "家里有事")
    session.commit()
    refused = client.post(f"/errands/{free.uid}/press/claim")
    assert refused.status_code == 422 and "暂停接单（家里有事）" in refused.text and "调度员" in refused.text
    assert (reload(session, held).state, reload(session, out).state) == ("open", "on_way")
    late = client.post(f"/errands/{held.uid}/pick_up", data={"envelopes": "1"})
    assert late.status_code in (403, 409) and "<h1" in late.text
    texts = set(session.scalars(select(Notice.text).where(Notice.person_id == person("dispatcher").id)))
    assert any("材料还在其手上" in text for text in texts) and any("已放回任务板" in text for text in texts)
    # What is in the bag may still be brought to its end, or back to the point.
    assert client.post(f"/errands/{out.uid}/fail", data={"comment": "送回代办点"}).status_code == 303
    assert reload(session, out).state == "failed"


def test_whoever_goes_along_has_their_hands_full(
    errand: Post,  # noqa: F811
    session: Session,
    actor: Act,
    person: Callable[[str], Person],
) -> None:
    two = errand(purpose="buy_or_read", title="给独居老人买药", needs=["two_people"])
    engine.fire(two, "claim_first", actor("courier"))
    engine.fire(two, "join", actor("courier2"))
    profile = session.get_one(CourierProfile, person("courier2").id)
    profile.errand_limit = 1
    session.flush()
    assert errands.on_hand(session, person("courier2").id) == 1
    with pytest.raises(RequirementUnmet, match="最多同时 1 单"):
        engine.fire(errand(), "claim", actor("courier2"))
    street = places.street_above(session, profile.point.path)
    assert street is not None
    shown = {one.username: one.open for one in errand_board.couriers(session, street, now().date())}
    assert shown["courier2"] == 1


@pytest.mark.req("S2-23")
def test_a_date_that_was_moved_shows_at_the_next_look(
    errand: Post,  # noqa: F811
    client_as: As,
    session: Session,
    actor: Act,
) -> None:
    made = errand(window_end=(now() + timedelta(hours=9)).isoformat())
    client = client_as("dispatcher")
    first = client.get("/errands/board/cards")
    assert client.get("/errands/board/cards", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    fresh = reload(session, made)
    sooner = (now() + timedelta(minutes=40)).isoformat()
    editing.edit(session, fresh, actor("dispatcher"), {"window_end": sooner}, expected_version=fresh.version)
    session.commit()
    # The same browser, a moment later: not kept away from it for the half minute of the short way.
    then = client.get("/errands/board/cards", headers={"If-None-Match": first.headers["ETag"]})
    assert then.status_code == 200 and "快到时间" in then.text


def test_whoever_wants_no_list_stands_on_none(
    errand: Post,  # noqa: F811
    client_as: As,
    session: Session,
    person: Callable[[str], Person],
) -> None:
    errand("claim")
    name = person("courier").name
    assert name in client_as("community.clerk").get("/errands/couriers").text
    session.get_one(CourierProfile, person("courier").id).unlisted = True
    session.commit()
    for who, shown in (("community.clerk", 0), ("window.clerk", 0), ("courier2", 0), ("dispatcher", 1), ("courier", 1)):
        page = client_as(who).get("/errands/couriers").text
        lists = page.split("<main", 1)[1]
        assert (name in lists) == bool(shown), who
        assert ("不公开姓名" in lists) != bool(shown), who
    hall = client_as("dispatcher").get("/errands/board?screen=hall").text
    assert name[0] + "*" not in hall.split("<main", 1)[1]


def test_the_resident_finds_where_to_say_thanks_once(
    errand: Post,  # noqa: F811
    client_as: As,
    session: Session,
    person: Callable[[str], Person],
) -> None:
    made = errand("confirm")
    reload(session, made).applicant_id = person("resident").resident_id
    session.commit()
    client = client_as("resident")
    whole = client.get(f"/c/{made.uid}")
    assert whole.status_code == 200 and f"/errands/{made.uid}/thank" in whole.text and "谢谢跑腿工" in whole.text
    assert client.post(f"/errands/{made.uid}/thank", data={"text": ""}).status_code == 422
    assert client.post(f"/errands/{made.uid}/thank", data={"text": "谢谢您冒雨送来"}).status_code == 303
    assert f"/errands/{made.uid}/thank" not in client.get(f"/c/{made.uid}").text
    twice = client.post(f"/errands/{made.uid}/thank", data={"text": "再谢一次"})
    assert twice.status_code in (409, 422) and "已经感谢过了" in twice.text
    assert session.scalar(select(func.count()).select_from(CourierThanks)) == 1


def test_pages_travel_short_and_only_to_those_who_asked_from_here(errand: Post, client_as: As) -> None:  # noqa: F811
    for _ in range(4):
        errand()
    client, packed = client_as("dispatcher"), {"Accept-Encoding": "gzip, br"}
    plain = client.get("/errands/board")
    short = client.get("/errands/board", headers={**packed, "Sec-Fetch-Site": "same-origin"})
    assert "Content-Encoding" not in plain.headers and short.headers["Content-Encoding"] == "gzip"
    assert len(short.data) * 3 < len(plain.data) and "Accept-Encoding" in short.headers["Vary"]
    foreign = client.get("/errands/board", headers={**packed, "Sec-Fetch-Site": "cross-site"})
    assert "Content-Encoding" not in foreign.headers, "its length would tell a foreign site what stands in it"
    style = client.get("/static/vendor/bootstrap/bootstrap.min.css", headers=packed)
    assert style.headers["Content-Encoding"] == "gzip" and len(style.data) < 40_000
    mark = style.headers["ETag"]
    unchanged = client.get("/static/vendor/bootstrap/bootstrap.min.css", headers={**packed, "If-None-Match": mark})
    assert mark.startswith("W/") and unchanged.status_code == 304
