"""Two phones, or a phone and a desk, at the same thing: both values are seen and a person decides."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.delegation import Handover
from models.person import CourierProfile
from models.resident import CareEntry
from process import engine
from services import couriers
from tests.field.phone import Phone, door
from tests.field.sync_steps import As, Client, chain, of, posted


def test_two_phones_at_one_door_the_second_sees_both(
    session: Session, client_as: Client, leader: Phone, visit: str
) -> None:
    other = Phone(client_as("grid.leader"), "grid.leader")
    version = leader.day()["visits"][0]["version"]
    mine, theirs = chain(leader, visit, version, door(leader))[:2], chain(other, visit, version, door(other))[:2]
    assert [one["outcome"] for one in leader.answers(*mine)] == ["done", "done"]
    told = other.answers(*theirs)
    assert [one["outcome"] for one in told] == ["conflict", "waiting"]
    clash = told[0]["conflict"]
    assert clash["state"] == "collected" and clash["who"] and not clash["open"]
    assert any("身份证" in one["value"] for one in clash["theirs"])
    assert session.scalar(select(func.count(Handover.id)).where(Handover.action == "collect")) == 1


def test_a_person_may_decide_to_do_it_on_top(session: Session, actor: As, leader: Phone, visit: str) -> None:
    version = leader.day()["visits"][0]["version"]
    made = of(session, visit)
    engine.touch(made)
    session.commit()
    told = leader.answers(leader.op("step", visit, "set_off", base=version))[0]
    assert told["outcome"] == "conflict" and told["conflict"]["open"]
    again = leader.op("step", visit, "set_off", base=told["conflict"]["version"])
    assert leader.answers(again)[0]["outcome"] == "done"


def test_the_register_is_joined_field_by_field_and_never_overwritten(
    session: Session, client_as: Client, leader: Phone, entry: str
) -> None:
    other = Phone(client_as("grid.leader"), "grid.leader")
    seen = leader.day()["care"][0]["values"]
    assert seen["needs"] == "买菜"
    mine = leader.op("review", entry, "review", inputs={**seen, "needs": "买菜、送药"}, seen=seen)
    joined = other.op("review", entry, "review", inputs={**seen, "contact": "女儿"}, seen=seen)
    assert leader.answers(mine)[0]["outcome"] == "done"
    assert other.answers(joined)[0]["outcome"] == "done"
    kept = session.get_one(CareEntry, int(entry))
    session.refresh(kept)
    assert (kept.needs, kept.contact) == ("买菜、送药", "女儿")

    clash = other.answers(other.op("review", entry, "review", inputs={**seen, "needs": "只送饭"}, seen=seen))[0]
    assert clash["outcome"] == "conflict"
    both = clash["conflict"]["fields"]
    assert [(one["field"], one["seen"], one["mine"], one["theirs"]) for one in both] == [
        ("needs", "买菜", "只送饭", "买菜、送药")
    ]
    session.refresh(kept)
    assert kept.needs == "买菜、送药"
    settled = other.op("review", entry, "review", inputs={**seen, "needs": "只送饭"}, seen=clash["conflict"]["now"])
    assert other.answers(settled)[0]["outcome"] == "done"
    session.refresh(kept)
    assert kept.needs == "只送饭" and kept.contact == "女儿"


@pytest.mark.parametrize(
    ("thing", "inputs", "words"),
    [("999999", {}, "没有找到"), ("abc", {}, "没有这一位"), ("", {}, "哪一件"), ("E", {"evil": "1"}, "没有这些项")],
)
def test_entries_that_cannot_be_looked_at(leader: Phone, entry: str, thing: str, inputs: dict, words: str) -> None:
    op = leader.op("review", entry if thing == "E" else thing, "review", inputs=inputs)
    told = leader.answers(op)[0]
    assert told["outcome"] == "refused" and words in told["sentence"]


def test_a_courier_carries_without_a_signal_and_a_wrong_code_still_counts(
    session: Session, client_as: Client, actor: As
) -> None:
    made = posted(session, actor)
    phone = Phone(client_as("courier"), "courier")
    day = phone.day()
    assert [one["uid"] for one in day["board"]] == [made.uid] and "contact" not in day["board"][0]
    told = phone.answers(phone.op("step", made.uid, "claim", base=day["board"][0]["version"]))[0]
    assert told["outcome"] == "done", told
    mine = phone.day()["errands"][0]
    first = phone.op("step", made.uid, "pick_up", inputs={"envelopes": 2}, base=mine["version"])
    second = phone.op("step", made.uid, "set_off", after=[first["op_id"]])
    third = phone.op("step", made.uid, "deliver", inputs={"code": "000000"}, after=[second["op_id"]])
    told_all = phone.answers(third, first, second)
    assert [one["outcome"] for one in told_all] == ["refused", "done", "done"], told_all
    session.rollback()
    session.refresh(made)
    assert (made.state, made.code_failures) == ("on_way", 1)
    # Sent again it is the same wrong code, not another try.
    assert phone.answers(third)[0]["again"]
    session.rollback()
    session.refresh(made)
    assert made.code_failures == 1


def test_of_two_couriers_the_second_hears_who_was_faster(session: Session, client_as: Client, actor: As) -> None:
    made = posted(session, actor)
    phones = [Phone(client_as(name), name) for name in ("courier", "courier2")]
    versions = [phone.day()["board"][0]["version"] for phone in phones]
    ops = [phone.op("step", made.uid, "claim", base=version) for phone, version in zip(phones, versions, strict=True)]
    assert phones[0].answers(ops[0])[0]["outcome"] == "done"
    told = phones[1].answers(ops[1])[0]
    assert told["outcome"] == "conflict" and told["conflict"]["who"] and told["conflict"]["did"] == "认领"


def test_whoever_was_suspended_without_a_signal_hears_why(session: Session, client_as: Client, actor: As) -> None:
    """What was done in the street meanwhile is told one by one, and what is in the bag may still be brought to its end."""
    free, held, out = (posted(session, actor) for _ in range(3))
    phone = Phone(client_as("courier"), "courier")
    versions = {one["uid"]: one["version"] for one in phone.day()["board"]}
    take = [phone.op("step", one.uid, "claim", base=versions[one.uid]) for one in (held, out)]
    bag = phone.op("step", out.uid, "pick_up", inputs={"envelopes": 2}, after=[take[1]["op_id"]])
    assert [one["outcome"] for one in phone.answers(*take, bag)] == ["done"] * 3
    mine = {one["uid"]: one["version"] for one in phone.day()["errands"]}
    couriers.suspend(session, actor("dispatcher"), session.get_one(CourierProfile, out.assignee_id), "家里有事")
    session.commit()
    claim = phone.op("step", free.uid, "claim", base=versions[free.uid])
    fetch = phone.op("step", held.uid, "pick_up", inputs={"envelopes": 2}, base=mine[held.uid])
    away = phone.op("step", out.uid, "set_off", base=mine[out.uid])
    told = phone.answers(claim, fetch, away)
    assert (told[0]["outcome"], told[2]["outcome"]) == ("refused", "done")
    assert "暂停接单（家里有事）" in told[0]["sentence"] and "调度员" in told[0]["sentence"]
    assert told[1]["outcome"] == "conflict" and told[1]["conflict"]["did"], told[1]
    assert {"title": "说明", "value": "家里有事"} in told[1]["conflict"]["theirs"]
