"""Errands: who may do what in which state; limit, training, code, custody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.delegation import Handover
from models.errand import Errand
from models.ledger import JournalEntry
from models.person import CourierProfile
from process import access, engine, transactions
from process.access import Actor
from process.refusals import Forbidden, InvalidInput, NotAvailable, Refusal, RequirementUnmet
from services import actions, errand_codes
from services.errand_posting import create_errand

Act = Callable[[str], Actor]
WAY = {
    "posted": (),
    "open": ("post",),
    "claimed": ("post", "claim"),
    "assigned": ("post", "assign"),
    "picked_up": ("post", "claim", "pick_up"),
    "on_way": ("post", "claim", "pick_up", "set_off"),
    "delivered": ("post", "claim", "pick_up", "set_off", "deliver"),
    "failed": ("post", "claim", "pick_up", "fail"),
    "confirmed": ("post", "claim", "pick_up", "set_off", "deliver", "confirm"),
    "cancelled": ("cancel",),
}
DOER = {
    "post": "community.clerk",
    "claim": "courier",
    "assign": "dispatcher",
    "pick_up": "courier",
    "set_off": "courier",
    "deliver": "courier",
    "fail": "courier",
    "confirm": "window.clerk",
    "cancel": "dispatcher",
    "release": "courier",
    "reopen": "dispatcher",
}
INPUTS = {
    "assign": {"courier": "courier"},
    "pick_up": {"envelopes": 2},
    "fail": {"comment": "敲门没人"},
    "cancel": {"comment": "已自取"},
    "release": {"comment": "临时有事"},
    "call_back": {"comment": "不用送了"},
    "recover": {"envelopes": 2, "comment": "跑腿工住院"},
    "take_back": {"envelopes": 2},
}
# Who may take which step in which state; whoever is not named may not.
ALLOWED = {
    "post": {"posted": {"community.clerk", "dispatcher"}},
    "claim": {"open": {"courier", "courier2"}},
    "assign": {"open": {"dispatcher"}},
    "release": {"claimed": {"courier", "dispatcher"}, "assigned": {"courier", "dispatcher"}},
    "pick_up": {"claimed": {"courier"}, "assigned": {"courier"}},
    "set_off": {"picked_up": {"courier"}},
    "deliver": {"on_way": {"courier"}},
    "confirm": {"delivered": {"courier", "window.clerk", "community.clerk", "dispatcher"}},
    "fail": {"picked_up": {"courier"}, "on_way": {"courier"}},
    "reopen": {"failed": {"dispatcher", "community.clerk"}},
    "take_back": {"failed": {"dispatcher", "community.clerk"}},
    "call_back": {"picked_up": {"dispatcher", "community.clerk"}, "on_way": {"dispatcher", "community.clerk"}},
    "recover": {"picked_up": {"dispatcher"}, "on_way": {"dispatcher"}},
    "cancel": {
        state: {"dispatcher", "community.clerk"} for state in ("posted", "open", "claimed", "assigned", "failed")
    },
}
PEOPLE = (
    "community.clerk",
    "window.clerk",
    "neighbour.clerk",
    "dispatcher",
    "courier",
    "courier2",
    "reviewer",
    "supervisor",
    "admin",
    "resident",
)


def post(session: Session, actor: Actor, **fields: object) -> Errand:
    data = {
        "title": "送补贴申请材料",
        "purpose": "hand_in",
        "from_agency": "dx-c01",
        "to_agency": "dongxin-centre",
        "envelopes": 2,
        "contact": "骆水珍 13800000018",
        **fields,
    }
    return create_errand(session, actor, data)


@pytest.fixture
def errand_in(session: Session, actor: Act) -> Callable[[str], Errand]:
    """An errand of 万家星城 that came to this state the ordinary way."""

    def make(state: str, **fields: object) -> Errand:
        errand = post(session, actor("community.clerk"), **fields)
        for step in WAY[state]:
            engine.fire(errand, step, actor(DOER[step]), inputs=INPUTS.get(step))
        assert errand.state == state
        return errand

    return make


@pytest.mark.req("S2-24")
@pytest.mark.parametrize("state", WAY)
def test_every_step_is_for_the_people_named_and_only_in_its_states(
    session: Session, actor: Act, errand_in: Callable[[str], Errand], state: str
) -> None:
    errand = errand_in(state)
    for username in PEOPLE:
        expected = {step for step, states in ALLOWED.items() if username in states.get(state, ())}
        assert {t.id for t in engine.available(errand, actor(username))} == expected, username
        for step in set(ALLOWED) - expected:
            with pytest.raises((Forbidden, NotAvailable)):
                engine.fire(errand, step, actor(username), inputs=INPUTS.get(step))
    assert errand.state == state


@pytest.mark.req("S2-24")
def test_a_claim_gives_it_to_one_and_tells_the_other_who_and_when(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("open")
    engine.fire(errand, "claim", actor("courier"))
    assert errand.assignee_id == actor("courier").person_id and errand.claimed_at is not None
    with pytest.raises(NotAvailable) as refusal:
        engine.fire(errand, "claim", actor("courier2"))
    assert "方志远已于" in refusal.value.detail and "认领" in refusal.value.detail


@pytest.mark.req("S2-24")
def test_the_limit_counts_what_is_on_hand_and_says_what_to_do(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    held = [errand_in("claimed"), errand_in("picked_up"), errand_in("on_way")]
    fourth = errand_in("open")
    with pytest.raises(RequirementUnmet) as refusal:
        engine.fire(fourth, "claim", actor("courier"))
    assert "3 单" in refusal.value.detail and "送达一单" in refusal.value.detail
    with pytest.raises(RequirementUnmet, match="改派别人"):
        engine.fire(fourth, "assign", actor("dispatcher"), inputs={"courier": "courier"})
    engine.fire(held[2], "deliver", actor("courier"))
    engine.fire(fourth, "claim", actor("courier"))
    assert fourth.state == "claimed"


@pytest.mark.req("S2-24")
@pytest.mark.parametrize(("until", "words"), [(date(2026, 3, 1), "2026年3月1日到期"), (None, "还没有跑腿工培训记录")])
def test_without_valid_training_nobody_claims_or_is_assigned(
    session: Session, actor: Act, errand_in: Callable[[str], Errand], until: date | None, words: str
) -> None:
    errand = errand_in("open")
    profile = session.get(CourierProfile, actor("courier").person_id)
    assert profile is not None
    profile.trained_until = until
    with pytest.raises(RequirementUnmet, match=words):
        engine.fire(errand, "claim", actor("courier"))
    with pytest.raises(RequirementUnmet, match=words):
        engine.fire(errand, "assign", actor("dispatcher"), inputs={"courier": "courier"})


def test_training_holds_on_its_last_day(session: Session, actor: Act, errand_in: Callable[[str], Errand]) -> None:
    errand = errand_in("open")
    profile = session.get(CourierProfile, actor("courier").person_id)
    assert profile is not None
    profile.trained_until = date(2026, 12, 31)
    engine.fire(errand, "claim", actor("courier"), at=datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    assert errand.state == "claimed"


def test_only_somebody_of_the_register_can_be_assigned(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("open")
    for name in ("window.clerk", "nobody", "999999"):
        with pytest.raises(RequirementUnmet, match="名册"):
            engine.fire(errand, "assign", actor("dispatcher"), inputs={"courier": name})
    engine.fire(errand, "assign", actor("dispatcher"), inputs={"courier": "courier2"})
    assert errand.assignee_id == actor("courier2").person_id


def test_released_with_a_reason_it_is_open_again(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("claimed")
    with pytest.raises(InvalidInput):
        engine.fire(errand, "release", actor("courier"))
    engine.fire(errand, "release", actor("courier"), inputs={"comment": "临时有事"})
    assert (errand.state, errand.assignee_id, errand.claimed_at) == ("open", None, None)
    entry = session.scalars(select(JournalEntry).where(JournalEntry.action == "errand:release")).one()
    assert entry.comment == "临时有事"


def test_a_different_count_needs_its_note_and_is_recorded(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("claimed")
    with pytest.raises(RequirementUnmet) as refusal:
        engine.fire(errand, "pick_up", actor("courier"), inputs={"envelopes": 1})
    assert "2 件" in refusal.value.detail and "1 件" in refusal.value.detail and "difference" in refusal.value.errors
    engine.fire(errand, "pick_up", actor("courier"), inputs={"envelopes": 1, "difference": "少一个信封"})
    handover = session.scalars(select(Handover).where(Handover.content_id == errand.id)).one()
    assert (handover.action, handover.from_unit_id, handover.to_person_id) == (
        "carry",
        "dx-c01",
        actor("courier").person_id,
    )
    assert [(line.sheets, line.counted, line.difference) for line in handover.lines] == [(2, 1, "少一个信封")]
    assert (
        session.scalars(select(JournalEntry).where(JournalEntry.action == "custody:difference")).one().comment
        == "少一个信封"
    )


def test_the_code_of_the_receiver_ends_it_at_the_door(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("on_way")
    assert errand.confirm_code is not None and len(errand.confirm_code) == 6
    engine.fire(errand, "deliver", actor("courier"), inputs={"code": errand.confirm_code})
    assert errand.state == "confirmed" and errand.closed_at is not None
    steps = session.execute(
        select(JournalEntry.action, JournalEntry.from_state, JournalEntry.to_state)
        .where(JournalEntry.content_id == errand.id)
        .order_by(JournalEntry.id.desc())
        .limit(2)
    ).all()
    assert [tuple(s) for s in steps] == [
        ("errand:confirm", "delivered", "confirmed"),
        ("errand:deliver", "on_way", "delivered"),
    ]


def test_five_wrong_codes_stop_the_code_and_leave_it_to_the_dispatcher(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("on_way")
    session.commit()
    wrong = f"{(int(errand.confirm_code or 0) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(Refusal) as refusal:
            actions.perform(errand, "deliver", actor("courier"), {"code": wrong})
        assert (f"还可以再试 {left} 次" if left else "已停用") in refusal.value.detail
        session.rollback()
        transactions.settle(session)
    with pytest.raises(RequirementUnmet, match="不能再试"):
        engine.fire(errand, "deliver", actor("courier"), inputs={"code": errand.confirm_code})
    assert errand.state == "on_way" and errand.code_failures == 5
    engine.fire(errand, "deliver", actor("courier"))
    assert [
        name
        for name in ("courier", "window.clerk", "community.clerk", "dispatcher")
        if engine.available(errand, actor(name))
    ] == ["dispatcher"]
    with pytest.raises(RequirementUnmet, match="核实"):
        engine.fire(errand, "confirm", actor("dispatcher"))
    engine.fire(errand, "confirm", actor("dispatcher"), inputs={"comment": "9点电话核实，窗口沈丽娟已收"})
    assert errand.state == "confirmed"


def test_without_the_code_only_the_receiver_confirms(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("delivered")
    for name in ("courier", "community.clerk"):
        with pytest.raises(RequirementUnmet, match="确认码"):
            engine.fire(errand, "confirm", actor(name))
    engine.fire(errand, "confirm", actor("window.clerk"))
    arrival = session.scalars(select(Handover).where(Handover.action == "arrive")).one()
    assert (arrival.from_person_id, arrival.to_unit_id, arrival.to_person_id) == (
        actor("courier").person_id,
        "dongxin-centre",
        actor("window.clerk").person_id,
    )


def test_a_failed_errand_goes_back_to_the_point_and_on_the_board_again(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("on_way")
    with pytest.raises(InvalidInput):
        engine.fire(errand, "fail", actor("courier"))
    engine.fire(errand, "fail", actor("courier"), inputs={"comment": "窗口已下班"})
    back = session.scalars(select(Handover).where(Handover.action == "return")).one()
    assert errand.failures == 1 and back.to_unit_id == "dx-c01-point" and errand.from_agency_id == "dx-c01-point"
    engine.fire(errand, "reopen", actor("dispatcher"))
    assert (errand.state, errand.assignee_id) == ("open", None)
    engine.fire(errand, "claim", actor("courier2"))


def test_nobody_carries_to_themselves(
    session: Session, actor: Act, person: Callable, agency: Callable, errand_in: Callable[[str], Errand]
) -> None:
    from models.person import Grant

    errand = errand_in("open")
    session.add(
        Grant(
            person_id=person("courier").id,
            role="window_clerk",
            place_id="dongxin-centre",
            place_path=agency("dongxin-centre").path,
        )
    )
    session.flush()
    assert "claim" not in {t.id for t in engine.available(errand, actor("courier"))}
    with pytest.raises(RequirementUnmet, match="收件人"):
        engine.fire(errand, "assign", actor("dispatcher"), inputs={"courier": "courier"})


def test_couriers_see_the_board_and_their_own_nobody_else_of_it(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    states = {
        state: errand_in(state, title=f"任务{state}")
        for state in ("posted", "open", "claimed", "delivered", "failed", "cancelled")
    }

    def seen(name: str) -> set[str]:
        return {e.state for e in session.scalars(access.visible(select(Errand), actor(name), Errand))}

    assert seen("courier2") == {"open"}
    assert seen("courier") == {"open", "claimed", "delivered", "failed"}
    assert seen("neighbour.clerk") == set()
    assert seen("dispatcher") == seen("community.clerk") == set(states)
    assert seen("window.clerk") == {"claimed", "delivered", "failed"}
    assert not access.may(actor("courier2"), access.VIEW_FULL, states["open"])
    assert access.may(actor("courier"), access.VIEW_FULL, states["claimed"])


def test_the_code_is_for_the_receiver_never_for_the_courier(
    session: Session, actor: Act, errand_in: Callable[[str], Errand]
) -> None:
    errand = errand_in("claimed")
    told = {
        name: errand_codes.code_for(errand, actor(name)) is not None
        for name in ("window.clerk", "community.clerk", "dispatcher", "courier", "courier2", "neighbour.clerk")
    }
    assert told == {
        "window.clerk": True,
        "community.clerk": True,
        "dispatcher": True,
        "courier": False,
        "courier2": False,
        "neighbour.clerk": False,
    }


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"title": ""}, "title"),
        ({"title": "送给13800000018"}, "title"),
        ({"title": "送到3幢2单元"}, "title"),
        ({"purpose": "carry"}, "purpose"),
        ({"to_agency": "nowhere"}, "to_agency"),
        ({"to_agency": None}, "to_agency"),
        ({"to_agency": "dx-c01"}, "to_agency"),
        ({"envelopes": 100}, "envelopes"),
        ({"envelopes": "两"}, "envelopes"),
        ({"window_end": "明天"}, "window_end"),
        ({"window_end": "2020-01-01T10:00"}, "window_end"),
        ({"needs": ["cash"]}, "needs"),
        ({"place": "hangzhou"}, "place"),
        ({"related": "x"}, "related"),
    ],
)
def test_a_posting_names_what_is_wrong(session: Session, actor: Act, fields: dict, wrong: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        post(session, actor("community.clerk"), **fields)
    assert set(refusal.value.errors) == {wrong}


def test_addresses_rest_encrypted_and_the_deadline_is_the_window(session: Session, actor: Act) -> None:
    end = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    errand = post(session, actor("dispatcher"), to_address="文晖路5幢2单元601室", window_end=end.isoformat())
    assert (
        errand.deadline == end and errand.place_id == "dongxin-red-station" and (errand.number or "").startswith("PT-")
    )
    raw = session.connection().exec_driver_sql("SELECT to_address, contact, confirm_code FROM errand").one()
    assert all("文晖路".encode() not in value and (errand.confirm_code or "").encode() not in value for value in raw)


def test_strangers_cannot_post(session: Session, actor: Act) -> None:
    for name in ("courier", "resident", "reviewer"):
        with pytest.raises(Forbidden):
            post(session, actor(name), place="dx-c01")
