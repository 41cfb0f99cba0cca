"""The board, the courier's phone, posting, the register: what each person gets to see and press."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from extensions import db
from models.base import now
from models.errand import Errand
from models.person import CourierProfile
from process import engine
from process.access import Actor
from services.errand_posting import create_errand
from tests.pages.test_delegation_pages import drawn

As = Callable[[str], FlaskClient]
ADDRESS, CONTACT = "文晖路5幢2单元601室", "骆水珍 13800000018"
WAY = ("post", "claim", "pick_up", "set_off", "deliver", "confirm")
DOER = {
    "post": "community.clerk",
    "claim": "courier",
    "pick_up": "courier",
    "set_off": "courier",
    "deliver": "courier",
    "confirm": "window.clerk",
}


class Text(HTMLParser):
    """The words of a page by element, as far as these tests ask for them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.cards: dict[str, dict[str, Any]] = {}
        self.lane: str | None = None
        self.card: dict[str, Any] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "data-lane" in found:
            self.lane = found["data-lane"]
        if "data-card" in found:
            self.card = self.cards[found["data-card"] or ""] = {
                "lane": self.lane,
                "to": [],
                "text": "",
                "class": found.get("class") or "",
            }
        if self.card is not None and tag == "button" and "data-to" in found:
            self.card["to"].append(found["data-to"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "li":
            self.card = None

    def handle_data(self, data: str) -> None:
        if self.card is not None:
            self.card["text"] += data.strip()


@pytest.fixture
def errand(session: Session, actor: Callable[[str], Actor]) -> Callable[..., Errand]:
    """An errand of 万家星城 with everything personal on it, brought as far as asked and committed."""

    def make(until: str = "post", **fields: object) -> Errand:
        made = create_errand(
            session,
            actor("community.clerk"),
            {
                "title": "送老年卡",
                "purpose": "deliver_result",
                "from_agency": "dongxin-centre",
                "to_agency": "dx-c01",
                "to_address": ADDRESS,
                "contact": CONTACT,
                "envelopes": 1,
                "needs": ["signature"],
                **fields,
            },
        )
        for step in WAY[: WAY.index(until) + 1] if until != "create" else ():
            engine.fire(
                made,
                step,
                actor(DOER[step] if step != "confirm" else "community.clerk"),
                inputs={
                    "pick_up": {"envelopes": made.envelopes},
                    "deliver": {"signature": drawn(), "id_checked": True},
                    "confirm": {"code": made.confirm_code},
                }.get(step),
            )
        session.commit()
        return made

    return make


@contextmanager
def queries() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        # Every few seconds some request also asks whether processes, papers or rights have changed.
        if statement != "BEGIN" and not any(word in statement for word in ("_release", "acl_token", "FROM acl ")):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def reload(session: Session, made: Errand) -> Errand:
    session.expire_all()
    return session.get_one(Errand, made.id)


@pytest.mark.req("S2-23")
def test_cards_stand_in_their_columns_and_never_show_an_address(errand: Callable[..., Errand], client_as: As) -> None:
    lanes = {
        errand(until).uid: lane
        for until, lane in (
            ("post", "open"),
            ("claim", "claimed"),
            ("pick_up", "on_way"),
            ("deliver", "delivered"),
            ("confirm", "confirmed"),
        )
    }
    for who in ("dispatcher", "community.clerk", "courier", "supervisor"):
        page = client_as(who).get("/errands/board")
        assert page.status_code == 200
        cards = Text(page.text).cards
        assert {uid: card["lane"] for uid, card in cards.items()} == lanes, who
        assert "万家星城社区" in page.text and "送老年卡" in page.text and "要签字" in page.text
        for secret in (ADDRESS, "601", CONTACT, "骆水珍", "13800000018"):
            assert secret not in page.text, who


@pytest.mark.req("S2-24")
def test_a_courier_sees_what_is_open_and_the_own_with_the_limit(errand: Callable[..., Errand], client_as: As) -> None:
    free, own = errand(), errand("claim")
    mine = client_as("courier").get("/errands/board")
    cards = Text(mine.text).cards
    assert set(cards) == {free.uid, own.uid} and "errand--mine" in cards[own.uid]["class"]
    assert "最多 3" in mine.text and "我手上 1/3 单" in mine.text and "我的" in mine.text
    assert cards[free.uid]["to"] == ["claimed"]
    others = Text(client_as("courier2").get("/errands/board").text).cards
    assert set(others) == {free.uid}


@pytest.mark.req("S2-23")
def test_another_community_sees_nothing_of_it(errand: Callable[..., Errand], client_as: As) -> None:
    made = errand("claim")
    client = client_as("neighbour.clerk")
    board = client.get("/errands/board")
    assert board.status_code == 200 and not Text(board.text).cards
    for address in (f"/errands/{made.uid}", f"/errands/{made.uid}/assign", f"/errands/{made.uid}/deliver"):
        assert client.get(address).status_code == 404
    assert client.post(f"/errands/{made.uid}/press/claim").status_code == 404


def test_people_without_a_part_in_it_are_told_so(client_as: As) -> None:
    assert client_as("resident").get("/errands/board").status_code == 403
    assert client_as("reviewer").get("/errands/new").status_code == 403


def test_the_board_needs_a_sign_in(client_as: As, app: Any) -> None:
    answer = app.test_client().get("/errands/board")
    assert answer.status_code == 303 and "/sign-in" in answer.headers["Location"]


@pytest.mark.req("S2-23")
def test_polling_answers_304_until_something_changes(
    errand: Callable[..., Errand], client_as: As, session: Session
) -> None:
    made = errand()
    watcher, claimer = client_as("courier2"), client_as("courier")
    first = watcher.get("/errands/board/cards")
    etag = first.headers["ETag"]
    assert first.status_code == 200 and etag.startswith('W/"') and "<html" not in first.text and made.uid in first.text
    again = watcher.get("/errands/board/cards", headers={"If-None-Match": etag})
    assert again.status_code == 304 and again.data == b"" and again.headers["ETag"] == etag
    assert claimer.get("/errands/board/cards", headers={"If-None-Match": etag}).status_code == 200, (
        "another person has another board"
    )
    claimer.post(f"/errands/{made.uid}/press/claim")
    changed = watcher.get("/errands/board/cards", headers={"If-None-Match": etag})
    assert changed.status_code == 200 and made.uid not in changed.text


def test_growing_late_changes_the_board_although_nobody_touched_it(
    errand: Callable[..., Errand], client_as: As, session: Session
) -> None:
    made = errand(window_end=(now() + timedelta(hours=5)).isoformat())
    client = client_as("dispatcher")
    etag = client.get("/errands/board/cards").headers["ETag"]
    reload(session, made).deadline = now() + timedelta(minutes=30)
    session.commit()
    # The clock moved, not an errand: a browser that had just asked would hear of it half a minute later at the latest.
    client = client_as("dispatcher")
    soon = client.get("/errands/board/cards", headers={"If-None-Match": etag})
    assert soon.status_code == 200 and "快到时间" in soon.text and "errand--needs" in soon.text
    reload(session, made).deadline = now() - timedelta(minutes=1)
    session.commit()
    client = client_as("dispatcher")
    late = client.get("/errands/board/cards", headers={"If-None-Match": soon.headers["ETag"]})
    assert late.status_code == 200 and "已超时" in late.text and "errand--late" in late.text


def test_the_number_of_queries_does_not_grow_with_the_cards(errand: Callable[..., Errand], client_as: As) -> None:
    client = client_as("dispatcher")
    errand(), errand("claim")
    client.get("/errands/board")
    with queries() as few:
        client.get("/errands/board")
    for _ in range(6):
        errand()
    errand("confirm")
    with queries() as many:
        client.get("/errands/board")
    with queries() as polled:
        etag = client.get("/errands/board/cards").headers["ETag"]
    with queries() as unchanged:
        assert client.get("/errands/board/cards", headers={"If-None-Match": etag}).status_code == 304
    assert len(many) <= len(few) + 3 and len(many) <= 15
    assert len(unchanged) <= 7 < len(polled)


def test_an_unchanged_poll_never_reaches_the_application_and_a_step_wakes_it(
    errand: Callable[..., Errand], client_as: As, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blueprints.errands import board as view

    made, client = errand(), client_as("dispatcher")
    client.get("/errands/board/cards")
    asked: list[str] = []
    whole = view.errand_board.glance
    monkeypatch.setattr(view.errand_board, "glance", lambda *given: (asked.append("glance"), whole(*given))[1])
    etag = client.get("/errands/board/cards").headers["ETag"]
    for _ in range(3):
        again = client.get("/errands/board/cards", headers={"If-None-Match": etag})
        assert again.status_code == 304 and again.headers["ETag"] == etag and again.data == b""
    assert asked == ["glance"], "three polls cost one look at the journal each"
    client_as("courier").post(f"/errands/{made.uid}/press/claim")
    changed = client.get("/errands/board/cards", headers={"If-None-Match": etag})
    assert changed.status_code == 200 and "方志远" in changed.text
    stranger = client_as("courier2").get("/errands/board/cards", headers={"If-None-Match": changed.headers["ETag"]})
    assert stranger.status_code == 200, "a mark is good for the browser that got it"


@pytest.mark.req("S2-23")
def test_lanes_and_filters_narrow_the_board(errand: Callable[..., Errand], client_as: As) -> None:
    mine, other = errand("claim"), errand(purpose="hand_in", title="送表格")
    client = client_as("dispatcher")
    by_courier = client.get("/errands/board?by=courier").text
    assert "方志远（1/3）" in by_courier and "还没有人（1）" in by_courier
    assert "万家星城社区（1）" in client.get("/errands/board?by=community").text
    only = Text(client.get("/errands/board?kind=hand_in").text).cards
    assert set(only) == {other.uid}
    # On a phone the boxes are folded away; what is chosen stands on the button that unfolds them.
    folded = client.get("/errands/board?kind=hand_in&by=courier").text
    assert 'id="board-fold"' in folded and "分组和筛选（按跑腿工、送交材料）" in folded
    assert "分组和筛选</span>" in client.get("/errands/board").text
    assert set(Text(client.get("/errands/board?place=dx-c02").text).cards) == set()
    assert set(Text(client.get("/errands/board?place=dx-c01&kind=deliver_result").text).cards) == {mine.uid}
    assert len(Text(client.get("/errands/board?kind=nonsense&by=x&only=y").text).cards) == 2
    polled = client.get("/errands/board/cards?kind=hand_in")
    assert mine.uid not in polled.text and "kind=hand_in" in polled.text


@pytest.mark.req("S2-23")
def test_the_hall_screen_has_no_buttons_links_or_names(errand: Callable[..., Errand], client_as: As) -> None:
    errand(), errand("claim", title="给骆阿姨送老年卡")
    hall = client_as("dispatcher").get("/errands/board?screen=hall")
    assert hall.status_code == 200 and "data-hall" in hall.text and "screen=hall" in hall.text
    assert "<form" not in hall.text.split('data-board="')[1] and "方志远" not in hall.text and "骆阿姨" not in hall.text
    assert "方*" in hall.text and "送结果" in hall.text and "跑腿工名册" not in hall.text


@pytest.mark.req("S2-24")
def test_two_press_claim_and_the_second_hears_who_was_faster(
    errand: Callable[..., Errand], client_as: As, session: Session
) -> None:
    made = errand()
    first, second = client_as("courier"), client_as("courier2")
    assert first.post(f"/errands/{made.uid}/press/claim").status_code == 303
    slow = second.post(f"/errands/{made.uid}/press/claim")
    assert slow.status_code == 409 and "方志远已于" in slow.text
    assert reload(session, made).assignee_id is not None


def test_a_card_that_is_two_steps_behind_still_gets_an_answer(errand: Callable[..., Errand], client_as: As) -> None:
    made = errand("claim")
    cancelled = client_as("dispatcher").post(f"/c/{made.uid}/do/cancel", data={"comment": "材料由本人取走了"})
    assert cancelled.status_code == 303
    slow = client_as("courier2").post(f"/errands/{made.uid}/press/claim")
    assert slow.status_code == 409 and "“取消”" in slow.text, slow.text
    assert client_as("neighbour.clerk").post(f"/errands/{made.uid}/press/claim").status_code == 404


@pytest.mark.req("S2-24")
def test_the_way_of_an_errand_on_the_phone(errand: Callable[..., Errand], client_as: As, session: Session) -> None:
    made = errand(envelopes=2)
    client = client_as("courier")
    assert client.get("/errands/mine").text.count("手上没有任务") == 1
    before = client.get(f"/errands/{made.uid}")
    assert ADDRESS not in before.text and "13800000018" not in before.text
    client.post(f"/errands/{made.uid}/press/claim", data={"from": "phone"})
    after = client.get("/errands/mine")
    assert (
        ADDRESS in after.text
        and '骆水珍 <a href="tel:13800000018">13800000018</a>' in after.text
        and f"/errands/{made.uid}/pick_up" in after.text
        and "btn-primary btn-big" in after.text
    )
    # What this errand asks for is known: no box says "only for errands with a signature".
    assert "要签字的任务" not in client.get(f"/errands/{made.uid}/pick_up").text
    wrong = client.post(f"/errands/{made.uid}/pick_up", data={"envelopes": "1"})
    assert wrong.status_code == 422 and "任务上写的是 2 件" in wrong.text and 'value="1"' in wrong.text
    assert (
        client.post(f"/errands/{made.uid}/pick_up", data={"envelopes": "2"})
        .headers["Location"]
        .endswith("/errands/mine")
    )
    assert "跑腿取件" in client.get(f"/errands/{made.uid}").text
    client.post(f"/errands/{made.uid}/press/set_off", data={"from": "phone"})
    code = reload(session, made).confirm_code
    form = client.get(f"/errands/{made.uid}/deliver")
    assert code not in form.text and code not in client.get("/errands/mine").text
    lacking = client.post(f"/errands/{made.uid}/deliver", data={"code": code})
    assert lacking.status_code == 422 and "核对收件人的身份证" in lacking.text and "请收件人签字" in lacking.text
    shown = {"code": code, "id_checked": "y", "signature": drawn()}
    done = client.post(f"/errands/{made.uid}/deliver", data=shown, follow_redirects=True)
    assert "已确认" in done.text and reload(session, made).state == "confirmed"


@pytest.mark.req("S2-24")
def test_wrong_codes_count_although_the_page_refuses(
    errand: Callable[..., Errand], client_as: As, session: Session
) -> None:
    made = errand("set_off")
    wrong = f"{(int(made.confirm_code or 0) + 1) % 1_000_000:06d}"
    client = client_as("courier")
    shown = {"id_checked": "y", "signature": drawn()}
    for count in range(1, 6):
        answer = client.post(f"/errands/{made.uid}/deliver", data={"code": wrong, **shown})
        assert answer.status_code == 422 and "确认码不对" in answer.text
        assert reload(session, made).code_failures == count
    right = client.post(f"/errands/{made.uid}/deliver", data={"code": made.confirm_code, **shown})
    assert right.status_code == 422 and "不能再试" in right.text
    assert client.post(f"/errands/{made.uid}/deliver", data=shown).status_code == 303
    sure = client_as("dispatcher").post(f"/errands/{made.uid}/confirm", data={"comment": "电话核实，本人已收到"})
    assert sure.status_code == 303 and reload(session, made).state == "confirmed"


def test_failing_needs_a_reason_and_lands_with_the_dispatcher(
    errand: Callable[..., Errand], client_as: As, session: Session
) -> None:
    made = errand("set_off")
    client = client_as("courier")
    assert client.post(f"/errands/{made.uid}/fail", data={}).status_code == 422
    assert client.post(f"/errands/{made.uid}/fail", data={"comment": "家里没人"}).status_code == 303
    board = client_as("dispatcher").get("/errands/board")
    card = Text(board.text).cards[made.uid]
    assert (
        card["lane"] == "open"
        and card["to"] == ["open"]
        and "没送成" in card["text"]
        and "未完成，要处理（1）" in board.text
    )
    assert made.uid not in Text(client.get("/errands/board").text).cards
    client_as("dispatcher").post(f"/errands/{made.uid}/press/reopen")
    assert reload(session, made).state == "open"


def test_the_dispatcher_assigns_from_the_register(
    errand: Callable[..., Errand], client_as: As, session: Session, person: Callable
) -> None:
    made = errand()
    profile = session.get_one(CourierProfile, person("courier2").id)
    profile.trained_until = date(2026, 1, 1)
    session.commit()
    client = client_as("dispatcher")
    form = client.get(f"/errands/{made.uid}/assign")
    assert 'value="courier"' in form.text and 'value="courier2"' not in form.text
    assert client.post(f"/errands/{made.uid}/assign", data={"courier": "courier2"}).status_code == 422
    assert client.post(f"/errands/{made.uid}/assign", data={"courier": "courier"}).status_code == 303
    assert reload(session, made).assignee_id == person("courier").id


@pytest.mark.req("S2-23")
def test_posting_puts_it_on_the_board_and_mistakes_keep_what_was_typed(client_as: As, session: Session) -> None:
    client = client_as("community.clerk")
    form = client.get("/errands/new")
    assert form.status_code == 200 and "万家星城社区红色代办点" in form.text
    data = {
        "title": "送补贴材料",
        "purpose": "hand_in",
        "from_agency": "dx-c01",
        "to_agency": "",
        "envelopes": "2",
        "window_end": "2020-02-31T10:00",
    }
    wrong = client.post("/errands/new", data=data)
    assert (
        wrong.status_code == 422
        and "送补贴材料" in wrong.text
        and "请选送到哪个单位" in wrong.text
        and "时间请写成" in wrong.text
    )
    right = client.post(
        "/errands/new", data={**data, "to_agency": "dongxin-centre", "window_end": "", "needs": ["id_check"]}
    )
    assert right.status_code == 303
    assert "送补贴材料" in client_as("courier").get("/errands/board").text


@pytest.mark.req("S2-23")
def test_the_register_lists_station_and_points_and_flags_expired_training(
    client_as: As, session: Session, person: Callable
) -> None:
    session.get_one(CourierProfile, person("courier2").id).trained_until = date(2026, 1, 1)
    session.commit()
    page = client_as("dispatcher").get("/errands/couriers")
    assert page.status_code == 200 and "17 个站点" in page.text
    assert page.text.index("东新街道红色代办站") < page.text.index("万家星城社区红色代办点")
    assert "方志远" in page.text and "2027年6月30日" in page.text and page.text.count("已到期，不能认领") == 1


def test_the_code_is_shown_to_those_who_receive_and_not_to_the_courier(
    errand: Callable[..., Errand], client_as: As
) -> None:
    made = errand("claim", from_agency="dx-c01", to_agency="dongxin-centre", to_address="")
    for who, told in (("window.clerk", True), ("dispatcher", True), ("courier", False), ("supervisor", False)):
        for address in (f"/errands/{made.uid}", f"/c/{made.uid}"):
            page = client_as(who).get(address)
            assert page.status_code == 200 and ((made.confirm_code or "-") in page.text) == told, (who, address)
