"""动态管理名册: put on from the page, proved, reviewed, ended and reopened; and reminded of before anybody asks."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.handlers import HANDLERS
from models.agency import Agency
from models.base import at_time, now
from models.ledger import JournalEntry, OutboxItem
from models.notice import Notice
from models.resident import CareEntry, Resident
from process import clock, engine
from process.access import Actor
from process.identity import check_character
from process.refusals import Forbidden, InvalidInput, NotFound, RequirementUnmet
from services import care, care_lists, care_people, care_reminders, files, findings, unit_settings, visits
from tests.services.visiting import LINES, OLD_LADY, at_the_door, collection, request_visit

As = Callable[[str], Actor]


def id_number(born: date, seat: int = 205) -> str:
    first = f"330103{born:%Y%m%d}{seat:03d}"
    return first + check_character(first)


def years_ago(years: int, days: int = 0) -> date:
    today = clock.local_day(now())
    day = today + timedelta(days=days)
    return date(day.year - years, day.month, min(day.day, 28))


def person(**changes: Any) -> dict[str, Any]:
    return {
        "name": "欧阳㛃䶮",
        "id_number": id_number(years_ago(66)),
        "phone": "13800001234",
        "address": "杭州市下城区东新街道万家星城社区文晖路18幢2单元902室",
        "grid": "dx-c01-g1",
        "condition": "limited_mobility",
        "proof": "市二医院诊断证明",
        "proof_until": (clock.local_day(now()) + timedelta(days=20)).isoformat(),
        "needs": "轮椅，三楼无电梯",
        "contact": "女儿 沈惠珍",
        "contact_phone": "13800000099",
        "reason": "走访发现",
        **changes,
    }


def picture() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (60, 40), "grey").save(target, "JPEG")
    return target.getvalue()


@pytest.mark.req("S0-23")
def test_put_on_the_register_from_the_page(session: Session, actor: As) -> None:
    leader, at = actor("grid.leader"), now()
    entry = care_people.add(session, leader, person(), at)
    document = care_people.attach(session, leader, entry, picture(), "残疾人证.jpg", at)
    assert (entry.resident.grid_id, entry.needs, entry.contact_phone) == (
        "dx-c01-g1",
        "轮椅，三楼无电梯",
        "13800000099",
    )
    assert care_people.document(session, entry, document.uid).media_type == "image/jpeg"
    assert files.store().read(document.storage_key)
    with pytest.raises(InvalidInput, match="已经在名册上"):
        care_people.add(session, leader, person(), at)
    # The other leader and the station read it, nobody else; not by its number either.
    for name in ("dx-c01-g1-leader-b", "community.clerk"):
        assert care.load(session, actor(name), entry.id) is entry
    for name in ("neighbour.clerk", "dx-c01-g2-leader-a", "window.clerk", "supervisor", "admin", "resident", "courier"):
        with pytest.raises(NotFound):
            care.load(session, actor(name), entry.id)
    rows = session.scalars(select(JournalEntry).where(JournalEntry.stream == care.stream(entry))).all()
    told = str([(row.action, row.details, row.comment) for row in rows])
    assert all(word not in told for word in ("诊断", "轮椅", "沈惠珍", "limited_mobility", "1380000"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"id_number": "330103194303052044"}, "id_number"),
        ({"address": " "}, "address"),
        ({"grid": ""}, "grid"),
        ({"grid": "dx-c01"}, "grid"),
        ({"grid": "dx-c01-g2"}, "grid"),
        ({"grid": "dx-c02-g1"}, "grid"),
        ({"condition": "lazy"}, "condition"),
        ({"condition": "age_80"}, "condition"),
        ({"proof": " "}, "proof"),
        ({"proof": "字" * 2001}, "proof"),
        ({"proof_until": "2020-01-01"}, "proof_until"),
        ({"proof_until": "2026-02-30"}, "proof_until"),
        ({"review_on": "2020-01-01"}, "review_on"),
        ({"review_on": "明年"}, "review_on"),
        ({"contact_phone": "123"}, "contact_phone"),
        ({"needs": "字" * 501}, "needs"),
    ],
)
def test_a_wrong_entry_names_the_box(session: Session, actor: As, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        care_people.add(session, actor("grid.leader"), person(**changes), now())
    assert field in refused.value.errors
    assert session.scalar(select(CareEntry)) is None


def test_only_people_of_the_own_grid(session: Session, actor: As) -> None:
    care_people.add(session, actor("grid.leader"), person(), now())
    with pytest.raises(InvalidInput, match="不在您管的网格") as refused:
        care_people.add(session, actor("neighbour.clerk"), person(grid="dx-c02-g1", phone="13999999999"), now())
    assert "id_number" in refused.value.errors
    assert session.scalars(select(Resident.phone).where(Resident.name == "欧阳㛃䶮")).one() == "13800001234"
    for name in ("window.clerk", "resident", "admin"):
        with pytest.raises(Forbidden):
            care_people.add(session, actor(name), person(), now())


@pytest.mark.req("S0-23")
def test_history_with_what_stood_there(session: Session, actor: As) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    entry = care_people.add(session, leader, person(), now())
    given = care.read(
        {"condition": "severe_disability", "proof": "残疾人证一级", "reason": "已看新证"},
        clock.local_day(now()),
        entry=entry,
    )
    care.enter(session, clerk, entry.resident, at=now(), **given)
    assert (entry.needs, entry.contact) == ("轮椅，三楼无电梯", "女儿 沈惠珍")
    # Another ground needs a proof of its own; the same one keeps what it has.
    with pytest.raises(InvalidInput) as refused:
        care.read({"condition": "bedridden"}, clock.local_day(now()), entry=entry)
    assert "proof" in refused.value.errors
    care.end(session, clerk, entry, "已恢复，不再需要上门", now())
    given = care.read({"reason": "又摔了一跤"}, clock.local_day(now()), entry=entry)
    care.enter(session, leader, entry.resident, at=now(), **given)
    told = [(e.action, e.person.name, e.reason, e.snapshot["condition"]) for e in care.events(session, entry)]
    assert told == [
        ("care:open", leader.name, "走访发现", "limited_mobility"),
        ("care:review", clerk.name, "已看新证", "severe_disability"),
        ("care:end", clerk.name, "已恢复，不再需要上门", "severe_disability"),
        ("care:reopen", leader.name, "又摔了一跤", "severe_disability"),
    ]
    assert entry.ended_on is None and entry.end_reason == ""


@pytest.mark.req("S0-23", "S0-35")
def test_the_lists(session: Session, actor: As) -> None:
    leader, today = actor("grid.leader"), clock.local_day(now())
    at = now()
    soon = care_people.add(session, leader, person(), at)
    other = care_people.add(
        session,
        leader,
        person(id_number=id_number(years_ago(85), 307), name="诸葛福", condition="age_80", proof="", proof_until=""),
        at,
    )
    visit = request_visit(session, leader)
    nearly = visit.applicant
    nearly.birth_date = years_ago(80, days=10)

    def shown(view: str, **more: str) -> list[int]:
        return [e.id for e in session.scalars(care_lists.entries(leader, care_lists.Wanted(view, **more), today))]

    assert shown("now") == [soon.id, other.id] and shown("proof") == [soon.id] and shown("due") == []
    assert shown("now", condition="age_80") == [other.id] and shown("now", grid="dx-c01-g2") == []
    assert [p.id for p in session.scalars(care_lists.outside(leader, care_lists.Wanted("soon"), today))] == [nearly.id]
    nearly.birth_date = years_ago(80)
    assert [p.id for p in session.scalars(care_lists.outside(leader, care_lists.Wanted("missing"), today))] == [
        nearly.id
    ]
    assert set(care_lists.counts(session, actor("neighbour.clerk"), today).values()) == {0}
    assert care_lists.turns_80(date(1944, 2, 29)) == date(2024, 2, 29)
    assert care_lists.birthday_limit(date(2024, 2, 29)) == date(1944, 2, 29)


@pytest.mark.req("S0-35")
def test_reminded_before_people_ask(session: Session, actor: As) -> None:
    leader = actor("grid.leader")
    entry = care_people.add(session, leader, person(), now())
    visit = request_visit(session, leader)
    visit.applicant.birth_date = years_ago(80, days=10)
    session.flush()
    assert care_reminders.JOB in HANDLERS
    row = session.scalars(select(OutboxItem).where(OutboxItem.job == care_reminders.JOB)).one()
    assert clock.CHINA and row.available_at.astimezone(clock.CHINA).strftime("%H:%M") == "06:30"
    care_reminders.arm(session)
    HANDLERS[care_reminders.JOB](session, row.args)

    def told(name: str) -> list[Notice]:
        rows = session.scalars(select(Notice).where(Notice.person_id == actor(name).person_id).order_by(Notice.id))
        return [row for row in rows if row.kind.startswith("care:")]

    for name in ("grid.leader", "dx-c01-g1-leader-b"):
        assert sorted(notice.kind for notice in told(name)) == ["care:proof", "care:turns_80"]
        assert {notice.params["who"] for notice in told(name)} == {"欧阳*", "骆*"}
    for name in ("dx-c01-g2-leader-a", "neighbour.clerk", "supervisor"):
        assert told(name) == []
    # A second round, the next day and a worker that was doubled tell nobody twice.
    care_reminders.remind(session, row.args)
    with at_time(now() + timedelta(days=1)):
        care_reminders.remind(session, row.args)
    assert len(told("grid.leader")) == 2
    # Nothing but masked names and dates leaves the register.
    written = str([(n.text, n.params) for n in told("grid.leader")]) + str(
        [r.args for r in session.scalars(select(OutboxItem))]
    )
    assert all(word not in written for word in ("诊断", "轮椅", "欧阳㛃䶮", "骆水珍", "330103"))
    with at_time(now() + timedelta(days=165)):
        assert care_reminders.remind(session, row.args) >= 2
    assert any(n.kind == "care:review" for n in told("grid.leader"))
    care.end(session, leader, entry, "已迁出本社区", now())
    assert not any(
        one.key.startswith(f"proof:{entry.id}")
        for found in care_reminders.by_home(session, now()).values()
        for one in found
    )


def test_each_morning_has_one_row_although_a_dead_letter_is_tried_again(session: Session) -> None:
    def rows() -> list[OutboxItem]:
        return list(session.scalars(select(OutboxItem).where(OutboxItem.job == care_reminders.JOB)))

    (first,) = rows()
    first.status = "dead"
    session.flush()
    # Somebody installs again, so that the mornings go on; later the dead letter is tried again after all.
    care_reminders.arm(session)
    assert len([row for row in rows() if row.status == "waiting"]) == 1
    with at_time(now() + timedelta(days=1)):
        care_reminders.remind(session, first.args)
        second = next(row for row in rows() if row.status == "waiting")
        second.status = "leased"
        care_reminders.remind(session, second.args)
        second.status = first.status = "done"
        session.flush()
        assert len([row for row in rows() if row.status == "waiting"]) == 1


def test_an_office_decides_how_early_it_is_reminded(session: Session, actor: As) -> None:
    visit = request_visit(session, actor("grid.leader"))
    visit.applicant.birth_date = years_ago(80, days=50)
    session.flush()

    def kinds() -> set[str]:
        return {one.kind for found in care_reminders.by_home(session, now()).values() for one in found}

    assert "care:turns_80" not in kinds()
    unit_settings.set_rules(session, actor("admin"), session.get_one(Agency, "dx-c01"), {"care_soon_days": "60"})
    assert "care:turns_80" in kinds()
    assert care_lists.soon(session, actor("community.clerk")).days == 60
    assert care_lists.soon(session, actor("neighbour.clerk")).days == 30


# --- 待遇资格认证


def checked(session: Session, leader: Actor, clerk: Actor, **given: Any) -> Any:
    visit = at_the_door(session, leader, clerk, item="social_insurance_eligibility_check", insurer_region="成都市")
    engine.fire(visit, "collect", leader, inputs=given)
    return visit


@pytest.mark.req("S0-20")
def test_somebody_who_died_is_reported_and_leaves_the_register(session: Session, actor: As) -> None:
    leader, clerk, window = actor("grid.leader"), actor("community.clerk"), actor("window.clerk")
    entry = care_people.add(
        session,
        leader,
        person(id_number=OLD_LADY["id_number"], name=OLD_LADY["name"], condition="age_80", proof="", proof_until=""),
        now(),
    )
    with pytest.raises(InvalidInput) as refused:
        checked(session, leader, clerk, finding="dead")
    assert set(refused.value.errors) == {"finding_note"}
    visit = visits.today_first(leader)
    visit = session.scalars(visit).unique().first()
    engine.fire(visit, "collect", leader, inputs={"finding": "dead", "finding_note": "女儿出示死亡证明"})
    assert visit.letter is None and visit.attempts == 0
    engine.fire(visit, "file", leader)
    ticket = visits.ticket_of(session, visit)
    assert (ticket.state, ticket.private["finding"], ticket.private["finding_note"]) == (
        "sent",
        "dead",
        "女儿出示死亡证明",
    )
    assert "成都市" in ticket.fields["message"] and "死亡" not in str(ticket.fields)
    engine.fire(ticket, "receive", window, inputs={"lines": [{"line": 1, "counted": 1}]})
    for step in ("start", "decide", "send_result"):
        engine.fire(ticket, step, window)
    engine.fire(ticket, "take_over", clerk)
    assert visit.state == "result_ready"
    engine.fire(visit, "conclude", clerk, inputs={"comment": "已电话告知女儿"})
    assert (visit.state, ticket.state) == ("closed", "closed")
    with pytest.raises(RequirementUnmet, match="请先核实"):
        engine.fire(visit, "maintain", clerk)
    with pytest.raises(InvalidInput):
        engine.fire(visit, "maintain", clerk, inputs={"confirm_gone": True})
    engine.fire(visit, "maintain", clerk, inputs={"confirm_gone": True, "comment": "已看户口注销证明"})
    assert (entry.end_reason, entry.ended_on) == ("已去世", clock.local_day(now()))


@pytest.mark.req("S0-20")
def test_the_finding_goes_where_the_exchange_takes_it(session: Session, actor: As, monkeypatch: Any) -> None:
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = at_the_door(session, leader, clerk, item="social_insurance_eligibility_check", insurer_region="成都市")
    photo = files.store_document(session, visit, leader, picture(), "本人.jpg", "photo")
    # Nobody is asked for papers: a check takes nothing along but the finding.
    engine.fire(visit, "collect", leader, inputs=collection(lines=[], finding="alive", photos=[photo.uid]))
    sent: list[Any] = []

    def carry(step: Any, of: Any, finding: findings.Finding) -> Any:
        sent.append(finding)
        return of

    monkeypatch.setattr(findings, "forwarders", [lambda *given: None, carry])
    engine.fire(visit, "file", leader)
    assert sent == [findings.Finding("alive", clock.local_day(now()), "", (photo.uid,), "成都市")]
    assert visits.ticket_of(session, visit) is None


@pytest.mark.req("S0-20")
def test_the_paying_agency_with_a_desk_here_gets_it(session: Session, actor: As, agency: Any) -> None:
    from models.agency import Agency

    city = agency("hangzhou")
    session.add(
        Agency(
            id="chengdu-insurer",
            name="成都市社会保险事业管理局",
            kind="remote_authority",
            parent_id=city.id,
            path=f"{city.path}chengdu-insurer/",
            district="xiacheng",
            code="CDSB",
        )
    )
    session.flush()
    leader, clerk = actor("grid.leader"), actor("community.clerk")
    visit = at_the_door(session, leader, clerk, item="social_insurance_eligibility_check", insurer_region="成都市")
    photo = files.store_document(session, visit, leader, picture(), "本人.jpg", "photo")
    engine.fire(visit, "collect", leader, inputs=collection(lines=LINES[:1], finding="alive", photos=[photo.uid]))
    engine.fire(visit, "file", leader)
    assert visits.ticket_of(session, visit).addressee_id == "chengdu-insurer"


def test_only_the_payer_of_exactly_this_region_is_told(session: Session, agency: Any) -> None:
    street = agency("dongxin")
    for name in ("成都市社会保险事业管理局", "新都区社保局"):
        made = Agency(id=name, name=name, kind="insurer", parent_id=street.id, path=f"{street.path}{name}/")
        session.add(made)
    session.flush()
    told = findings.payer_of(session, "成都市")
    assert told is not None and told.name == "成都市社会保险事业管理局"
    assert findings.payer_of(session, " 成都市社会保险事业管理局 ") is told
    # What only contains the word, or is contained in it, is somebody else's.
    for near in ("都", "新", "成都市新都区", "社会保险"):
        assert findings.payer_of(session, near) is None, near


def test_before_the_birthday_the_register_says_when(session: Session, actor: As) -> None:
    leader = actor("grid.leader")
    born = clock.local_day(now()) - timedelta(days=365 * 79)
    number = id_number(born)
    with pytest.raises(InvalidInput) as refused:
        care_people.add(session, leader, person(id_number=number, condition="age_80", proof=""), now())
    day = care.turns_80(born)
    assert f"{day.year}年{day.month}月{day.day}日才满" in refused.value.errors["condition"]
    assert care.turns_80(date(1944, 2, 29)) == date(2024, 2, 29) and care.turns_80(date(2020, 2, 29)) == date(
        2100, 2, 28
    )
