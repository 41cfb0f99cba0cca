"""Kinds of errand and their needs, two who go together, papers that come back, and couriers who leave."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import at_time, now
from models.delegation import Handover
from models.errand import Errand
from models.ledger import JournalEntry
from models.notice import Notice
from models.person import CourierProfile, Grant
from models.resident import Resident
from process import access, engine, timers
from process.access import Actor
from process.refusals import InvalidInput, NotAvailable, RequirementUnmet
from services import accounts_admin, couriers, dispatch, errand_custody, errand_kinds, errand_life, files, role_grants
from services.errand_posting import create_errand
from tests.pages.test_delegation_pages import drawn, photo
from tests.services import fertility

Act = Callable[[str], Actor]
HOME = "文晖路5幢2单元601室"


@pytest.fixture
def post(session: Session, actor: Act) -> Callable[..., Errand]:
    """An errand of 万家星城 on the board."""

    def make(**fields: object) -> Errand:
        data = {
            "title": "送东西",
            "purpose": "hand_in",
            "from_agency": "dx-c01",
            "to_agency": "dongxin-centre",
            **fields,
        }
        errand = create_errand(session, actor("community.clerk"), data)
        engine.fire(errand, "post", actor("community.clerk"))
        return errand

    return make


def told(session: Session, kind: str) -> set[int | None]:
    return set(session.scalars(select(Notice.person_id).where(Notice.kind == kind)))


def picture(session: Session, errand: Errand, who: Actor) -> str:
    data, name = photo()
    return files.store_document(session, errand, who, data.read(), name, "photo").uid


# --- kinds -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("purpose", errand_kinds.kinds())
def test_each_kind_brings_its_own_needs_to_a_home_and_none_to_a_unit(post: Callable[..., Errand], purpose: str) -> None:
    kind = errand_kinds.kinds()[purpose]
    ends = {"from_address": HOME} if kind.at == "pick_up" else {"to_address": HOME, "to_agency": ""}
    at_home, at_unit = post(purpose=purpose, envelopes=3, **ends), post(purpose=purpose, envelopes=3)
    assert set(at_home.needs) == set(kind.home) and at_unit.needs == []
    assert at_home.envelopes == (3 if kind.papers else 0)
    assert set(post(purpose=purpose, needs=["photo"], **ends).needs) == {*kind.home, "photo"}


def test_whatever_an_errand_needs_is_asked_for_at_once(
    session: Session, actor: Act, post: Callable[..., Errand]
) -> None:
    errand, courier = (
        post(purpose="deliver_result", to_address=HOME, needs=["signature", "photo", "code"]),
        actor("courier"),
    )
    for step, given in (("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {})):
        engine.fire(errand, step, courier, inputs=given)
    with pytest.raises(RequirementUnmet) as refusal:
        engine.fire(errand, "deliver", courier)
    assert set(refusal.value.errors) == {"signature", "id_checked", "photos", "code"}
    given = {
        "id_checked": True,
        "photos": ["AAAAAAAAAAAAAAAAAAAAAA"],
        "code": errand.confirm_code,
        "signature": drawn(),
    }
    with pytest.raises(RequirementUnmet, match="照片没有传上来"):
        engine.fire(errand, "deliver", courier, inputs=given)
    engine.fire(errand, "deliver", courier, inputs={**given, "photos": [picture(session, errand, courier)]})
    assert errand.state == "confirmed"
    arrival = errand_custody.chain(session, errand)[-1]
    assert arrival.action == "arrive" and arrival.to_signature_id is not None and arrival.signed_at is not None


def test_papers_fetched_at_a_home_ask_for_the_giver(actor: Act, post: Callable[..., Errand]) -> None:
    errand, courier = post(purpose="fetch_papers", from_address=HOME), actor("courier")
    engine.fire(errand, "claim", courier)
    with pytest.raises(RequirementUnmet) as refusal:
        engine.fire(errand, "pick_up", courier, inputs={"envelopes": 1})
    assert set(refusal.value.errors) == {"signature", "id_checked"}
    engine.fire(errand, "pick_up", courier, inputs={"envelopes": 1, "signature": drawn(), "id_checked": True})
    assert errand.state == "picked_up"


def test_a_signature_of_no_strokes_is_none(actor: Act, post: Callable[..., Errand]) -> None:
    errand, courier = post(purpose="fetch_papers", from_address=HOME), actor("courier")
    engine.fire(errand, "claim", courier)
    with pytest.raises(InvalidInput, match="签名"):
        engine.fire(
            errand,
            "pick_up",
            courier,
            inputs={"envelopes": 1, "signature": "data:image/png;base64,", "id_checked": True},
        )


# --- two together ----------------------------------------------------------------------------------------------------
@pytest.mark.req("S2-24")
def test_two_go_to_somebody_who_lives_alone(session: Session, actor: Act, post: Callable[..., Errand]) -> None:
    errand, first, second = (
        post(purpose="buy_or_read", to_address=HOME, to_agency=""),
        actor("courier"),
        actor("courier2"),
    )
    assert {t.id for t in engine.available(errand, first)} == {"claim_first"}
    engine.fire(errand, "claim_first", first)
    assert errand.state == "pairing" and "join" not in {t.id for t in engine.available(errand, first)}
    assert access.may(second, access.VIEW, errand) and not access.may(second, access.VIEW_FULL, errand)
    with pytest.raises(NotAvailable):
        engine.fire(errand, "start", first)
    engine.fire(errand, "join", second)
    assert errand.state == "claimed" and access.may(second, access.VIEW_FULL, errand)
    engine.fire(errand, "leave", second, inputs={"comment": "家里有事"})
    assert errand.state == "pairing" and not access.may(second, access.VIEW_FULL, errand)
    assert first.person_id in told(session, "errand:parted")
    engine.fire(errand, "join", second)
    engine.fire(errand, "start", first)
    with pytest.raises(RequirementUnmet) as refusal:
        engine.fire(errand, "deliver", first, inputs={"signature": drawn()})
    assert set(refusal.value.errors) == {"photos"}
    given = {"signature": drawn(), "photos": [picture(session, errand, first)]}
    engine.fire(errand, "deliver", first, inputs=given)
    engine.fire(errand, "confirm", actor("dispatcher"), inputs={"comment": "电话里老人说都办好了"})
    session.expire_all()
    assert errand.state == "confirmed" and not access.may(second, access.VIEW, errand)
    assert session.scalars(select(Handover).where(Handover.content_id == errand.id)).all() == [], "nothing was carried"


def test_the_dispatcher_names_both_and_they_are_two(session: Session, actor: Act, post: Callable[..., Errand]) -> None:
    errand, dispatcher = post(purpose="buy_or_read", to_address=HOME, to_agency=""), actor("dispatcher")
    for named, words in (({}, "同行"), ({"companion": "courier"}, "另一位"), ({"companion": "window.clerk"}, "名册")):
        with pytest.raises(RequirementUnmet, match=words):
            engine.fire(errand, "assign", dispatcher, inputs={"courier": "courier", **named})
    engine.fire(errand, "assign", dispatcher, inputs={"courier": "courier", "companion": "courier2"})
    assert (errand.assignee_id, errand.companion_id) == (actor("courier").person_id, actor("courier2").person_id)
    assert told(session, "errand:assigned") == {errand.assignee_id, errand.companion_id}
    engine.fire(errand, "start", actor("courier"))


# --- cancelled, called back, brought back ----------------------------------------------------------------------------
def test_whoever_has_a_cancelled_errand_hears_of_it(session: Session, actor: Act, post: Callable[..., Errand]) -> None:
    errand = post()
    engine.fire(errand, "claim", actor("courier"))
    engine.fire(errand, "cancel", actor("dispatcher"), inputs={"comment": "居民自取了"})
    assert errand.state == "cancelled" and told(session, "errand:cancelled") == {actor("courier").person_id}


def test_papers_under_way_are_called_back_not_forgotten(
    session: Session, actor: Act, post: Callable[..., Errand]
) -> None:
    errand, courier = post(envelopes=2), actor("courier")
    for step, given in (("claim", {}), ("pick_up", {"envelopes": 2}), ("set_off", {})):
        engine.fire(errand, step, courier, inputs=given)
    with pytest.raises(NotAvailable):
        engine.fire(errand, "cancel", actor("dispatcher"), inputs={"comment": "不用了"})
    engine.fire(errand, "call_back", actor("dispatcher"), inputs={"comment": "不用了"})
    assert errand.state == "on_way" and told(session, "errand:called_back") == {courier.person_id}
    engine.fire(errand, "fail", courier, inputs={"comment": "叫回"})
    back = errand_custody.chain(session, errand)[-1]
    assert (back.action, back.to_unit_id, back.signed_at) == ("return", "dx-c01-point", None)
    with pytest.raises(RequirementUnmet, match="1 件"):
        engine.fire(errand, "take_back", actor("community.clerk"), inputs={"envelopes": 1})
    given = {"envelopes": 1, "difference": "少一个信封", "signature": drawn()}
    engine.fire(errand, "take_back", actor("community.clerk"), inputs=given)
    assert back.signed_at is not None and back.from_signature_id is not None
    assert [(line.counted, line.difference) for line in back.lines] == [(1, "少一个信封")] and errand.envelopes == 1
    assert "take_back" not in {t.id for t in engine.available(errand, actor("community.clerk"))}
    engine.fire(errand, "cancel", actor("dispatcher"), inputs={"comment": "居民到代办点自取"})


def test_an_errand_under_way_is_called_off_when_what_it_carries_is_no_longer_wanted(
    session: Session, actor: Act
) -> None:
    """Its card is voided while the courier has it: brought back, counted, and it goes on no board again."""
    card = fertility.certificate_of(session, fertility.approved(session, actor))
    for step in ("number", "seal"):
        engine.fire(card, step, actor("issuer"))
    fertility.draw_all(session)
    engine.fire(card, "issue", actor("issuer"))
    data = {"title": "送证到社区", "purpose": "deliver_result", "from_agency": "dongxin-centre", "to_agency": "dx-c01"}
    errand, courier = create_errand(session, actor("window.clerk"), {**data, "related": card.uid}), actor("courier")
    engine.fire(errand, "post", actor("window.clerk"))
    for step, given in (("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {})):
        engine.fire(errand, step, courier, inputs=given)
    engine.fire(card, "void", actor("approver"), inputs={"comment": "登记有误"})
    assert errand.state == "on_way" and told(session, "errand:called_back") == {courier.person_id}
    entry = session.scalars(
        select(JournalEntry).where(JournalEntry.action == "errand:call_back", JournalEntry.content_id == errand.id)
    ).one()
    assert entry.comment == f"{card.number}不用送了" and entry.person_id is None
    engine.fire(errand, "fail", courier, inputs={"comment": "叫回"})
    assert errand.state == "failed", "not before somebody has counted"
    engine.fire(errand, "take_back", actor("dispatcher"), inputs={"envelopes": 1, "signature": drawn()})
    assert errand.state == "cancelled"


def test_the_chain_of_custody_reads_line_by_line(session: Session, actor: Act, post: Callable[..., Errand]) -> None:
    errand = post(envelopes=2)
    for who, step, given in (
        ("courier", "claim", {}),
        ("courier", "pick_up", {"envelopes": 2, "signature": drawn()}),
        ("courier", "fail", {"comment": "窗口关了"}),
        ("dispatcher", "reopen", {}),
        ("courier2", "claim", {}),
        ("courier2", "pick_up", {"envelopes": 2}),
        ("courier2", "set_off", {}),
        ("courier2", "deliver", {}),
        ("window.clerk", "confirm", {}),
    ):
        engine.fire(errand, step, actor(who), inputs=given)
    chain = errand_custody.chain(session, errand)
    assert [one.action for one in chain] == ["carry", "return", "carry", "arrive"]
    assert all(one.signed_at is not None for one in chain), "every change of hands is settled on both sides"
    first, second = actor("courier").person_id, actor("courier2").person_id
    assert [one.from_person_id for one in chain[1:]] == [first, None, second]
    assert chain[1].to_person_id == actor("dispatcher").person_id and chain[2].from_unit_id == "dx-c01-point"


# --- couriers who leave ----------------------------------------------------------------------------------------------
@pytest.fixture
def held(actor: Act, post: Callable[..., Errand]) -> tuple[Errand, Errand]:
    """One claimed, one whose papers are already on their way."""
    claimed, under_way = post(), post()
    engine.fire(claimed, "claim", actor("courier"))
    for step, given in (("claim", {}), ("pick_up", {"envelopes": 1}), ("set_off", {})):
        engine.fire(under_way, step, actor("courier"), inputs=given)
    return claimed, under_way


@pytest.mark.parametrize("way", ["disable", "revoke", "end", "suspend"])
@pytest.mark.req("S2-24")
def test_a_courier_who_leaves_frees_errands_and_the_dispatcher_hears_of_it(
    session: Session, actor: Act, person: Callable, held: tuple[Errand, Errand], way: str
) -> None:
    claimed, under_way = held
    grant = session.scalars(
        select(Grant).where(Grant.person_id == person("courier").id, Grant.role == "red_courier")
    ).one()
    profile = session.get_one(CourierProfile, person("courier").id)
    if way == "disable":
        accounts_admin.disable(session, None, "courier")
    elif way == "revoke":
        accounts_admin.revoke(session, None, "courier", "red_courier", grant.place_id)
    elif way == "end":
        role_grants.end(session, actor("admin"), grant.id, reason="搬走了")
    else:
        couriers.suspend(session, actor("dispatcher"), profile, "住院")
    assert (claimed.state, claimed.assignee_id) == ("open", None)
    assert under_way.state == "on_way", "the papers are still with somebody"
    alerts = session.scalars(select(Notice).where(Notice.kind == "errand:courier_gone")).all()
    assert {one.content_id for one in alerts} == {claimed.id, under_way.id}
    assert {one.person_id for one in alerts} == {person("dispatcher").id}
    engine.fire(under_way, "recover", actor("dispatcher"), inputs={"envelopes": 1, "comment": "上门取回"})
    back = errand_custody.chain(session, under_way)[-1]
    assert under_way.state == "failed" and back.signed_at is not None and back.to_person_id == person("dispatcher").id


def test_a_last_day_in_the_future_frees_them_the_morning_after(
    session: Session, actor: Act, person: Callable, held: tuple[Errand, Errand]
) -> None:
    grant = session.scalars(
        select(Grant).where(Grant.person_id == person("courier").id, Grant.role == "red_courier")
    ).one()
    last = now().date() + timedelta(days=3)
    role_grants.end(session, actor("admin"), grant.id, last_day=last, reason="搬走")
    args = {"person": person("courier").id}
    assert errand_life.left(session, args) == 0 and held[0].state == "claimed"
    with at_time(now() + timedelta(days=5)):
        assert errand_life.left(session, args) == 2 and held[0].state == "open"


def test_whoever_rests_gets_no_errand_until_the_station_says_so(
    session: Session, actor: Act, person: Callable, post: Callable[..., Errand]
) -> None:
    profile, errand = session.get_one(CourierProfile, person("courier").id), post()
    with pytest.raises(InvalidInput, match="为什么暂停"):
        couriers.suspend(session, actor("dispatcher"), profile, " ")
    couriers.suspend(session, actor("courier"), profile, "回老家")
    with pytest.raises(RequirementUnmet, match="暂停接单（回老家）"):
        engine.fire(errand, "claim", actor("courier"))
    with pytest.raises(RequirementUnmet, match="暂停接单"):
        engine.fire(errand, "assign", actor("dispatcher"), inputs={"courier": "courier"})
    couriers.resume(session, actor("dispatcher"), profile)
    engine.fire(errand, "claim", actor("courier"))


# --- who should go ---------------------------------------------------------------------------------------------------
def reasons(found: list[dispatch.Suggestion], name: str) -> set[str]:
    return {reason.text for one in found if one.courier.username == name for reason in one.reasons}


def test_a_suggestion_says_why(session: Session, actor: Act, person: Callable, post: Callable[..., Errand]) -> None:
    somebody = session.scalars(select(Resident).limit(1)).first() or Resident(name="骆水珍")
    session.add(somebody)
    session.flush()
    before, errand = post(), post()
    before.applicant_id = errand.applicant_id = somebody.id
    for who, step, given in (
        ("courier2", "claim", {}),
        ("courier2", "pick_up", {"envelopes": 1}),
        ("courier2", "set_off", {}),
        ("courier2", "deliver", {"code": before.confirm_code}),
    ):
        engine.fire(before, step, actor(who), inputs=given)
    profile = session.get_one(CourierProfile, person("courier").id)
    profile.area, profile.point_id = [], "dongxin-red-station"
    session.flush()
    session.expire(profile)
    found = dispatch.suggestions(session, errand)
    assert "给这位居民送过 %(n)s 次" in reasons(found, "courier2") and found[0].courier.username == "courier2"
    assert "手上没有任务" in reasons(found, "courier") and "培训有效" in reasons(found, "courier")
    engine.fire(post(), "claim", actor("courier"))
    assert "手上另一单顺路" in reasons(dispatch.suggestions(session, errand), "courier")
    today = now().date()
    couriers.be_away(session, actor("courier"), profile, {"since": str(today), "until": str(today + timedelta(days=9))})
    away = next(one for one in dispatch.suggestions(session, errand) if one.courier.username == "courier")
    assert not away.can and "送达时限内没有空" in {reason.text for reason in away.reasons}


def test_nobody_claimed_it_in_time_so_it_is_handed_out(
    session: Session, actor: Act, agency: Callable, post: Callable[..., Errand]
) -> None:
    errand = post()
    args = {"content_id": errand.id, "transition": "hand_out", "entered": errand.entered_at.isoformat()}
    with at_time(now() + timedelta(hours=3)):
        assert timers.ring(session, args) is None, "no street hands out by itself unless it said so"
        street = agency("dongxin")
        street.details = {**(street.details or {}), dispatch.HOURS: 4}
        assert timers.ring(session, args) is None, "not yet"
        street.details = {**street.details, dispatch.HOURS: 2}
        session.flush()
        assert timers.ring(session, args) == "hand_out"
    assert errand.state == "assigned" and errand.assignee_id in told(session, "errand:assigned")
