"""The same case through every door: window, filing seat, phone, bank outlet, branch station and terminal differ in the way in alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.case import Case
from models.paper import Document
from models.person import Grant, Person
from models.seat import SeatConfirmation
from process.refusals import Refusal
from services import accounts, accounts_admin, actions, case_routing, cases
from tests.conftest import PASSWORD
from tests.exits.test_seat import LAST4, drafted
from tests.pages.test_counter import ANSWERS, ITEM, TICKS, WIFE_TYPED, photo
from tests.services.fertility import ALL, FORM, WIFE

PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) Mobile Safari/537.36 Mobi"}
TELLER = "bank_teller"
SLOTS = tuple(line["code"] for line in ALL)


@dataclass
class Door:
    """What a way of filing needs."""

    app: Flask
    session: Session
    client_as: Callable[[str], Any]
    person: Callable[[str], Person]
    actor: Callable[[str], Any]

    def outlet(self, kind: str, role: str = "window_clerk", **details: Any) -> str:
        """A point of the street with an account of its own at the counter; the user name."""
        street = self.session.get_one(Agency, "dongxin")
        place = Agency(
            id=f"dx-{kind}",
            name=f"示例{kind}",
            kind=kind,
            parent_id=street.id,
            path=f"{street.path}dx-{kind}/",
            district=street.district,
            code=kind[:4].upper(),
            paper_name="东新",
            details=details,
        )
        clerk = Person(
            username=f"clerk-{kind}", name="柜员", password_hash=accounts.hash_password(PASSWORD), unit_id=place.id
        )
        self.session.add_all([place, clerk])
        self.session.flush()
        self.session.add(Grant(person_id=clerk.id, role=role, place_id=place.id, place_path=place.path))
        self.session.commit()
        return clerk.username

    def counter(self, username: str) -> None:
        answer = self.client_as(username).post("/counter", data={**WIFE_TYPED, **ANSWERS, **TICKS})
        assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)


def window(door: Door) -> None:
    door.counter("window.clerk")


def bank(door: Door) -> None:
    door.counter(door.outlet("bank_outlet", TELLER, items=[ITEM]))


def branch(door: Door) -> None:
    """基层站所: a sub-centre that takes everything of its department."""
    door.counter(door.outlet("sub_centre", items=[ITEM]))


def seat(door: Door) -> None:
    guide = door.client_as("window.clerk")
    case = drafted(door.session, guide, door.person)
    from services import cases

    cases.update(door.session, case, door.actor("window.clerk"), {**FORM, "materials": [dict(one) for one in ALL]})
    door.session.commit()
    assert guide.post(f"/seat/{case.uid}", data={"do": "ask"}).status_code == 303
    one = door.session.scalars(select(SeatConfirmation)).one()
    door.app.test_client().post(f"/seat/confirm/{one.uid}", data={"last4": LAST4, "do": "yes"})
    assert guide.post(f"/seat/{case.uid}", data={"do": "file"}).status_code == 303


def phone(door: Door) -> None:
    resident = door.client_as("resident")
    here = resident.post(f"/apply/{ITEM}", headers=PHONE).headers["Location"]
    steps = 0
    while not here.endswith("/check"):
        given = {**{k: str(v) for k, v in FORM.items()}} if not here.endswith("/papers") else {}
        given |= {f"file-{code}": photo() for code in SLOTS} if here.endswith("/papers") else {}
        answer = resident.post(here, data=given, headers=PHONE)
        assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
        here, steps = answer.headers["Location"], steps + 1
        assert steps < 9
    assert resident.post(here, headers=PHONE).status_code == 303


def terminal(door: Door) -> None:
    """A terminal has no pages of ours: its program speaks to the interface in the name of whoever signed in at it."""
    client = door.client_as("catalogue.manager")
    opened = client.post(f"/items/{ITEM}/channels", data={"open-self_service_terminal": "1", **switched(door)})
    assert opened.status_code in (302, 303), opened.text[-1500:]
    machine = door.app.test_client()
    token = machine.post("/api/v1/session", json={"username": "resident", "password": PASSWORD}).get_json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    data = {"item": ITEM, "channel": "self_service_terminal", **FORM, "materials": [dict(one) for one in ALL]}
    made = machine.post("/api/v1/contents", json={"type": "case", **data}, headers=headers)
    assert made.status_code == 201, made.text
    uid = made.get_json()["uid"]
    assert machine.post(f"/api/v1/contents/{uid}/actions/submit", json={}, headers=headers).status_code == 200


def switched(door: Door) -> dict[str, str]:
    """The other switches as they stand."""
    from models.case import ServiceItem
    from services import item_channels

    item = door.session.scalars(select(ServiceItem).where(ServiceItem.code == ITEM)).one()
    return {f"open-{way.channel}": "1" for way in item_channels.ways(door.session, item) if way.open}


DOORS = {
    "window_street": window,
    "filing_zone": seat,
    "online_mobile": phone,
    "bank_outlet": bank,
    "sub_centre": branch,
    "self_service_terminal": terminal,
}


@pytest.mark.req("S1-05", "S1-06", "S0-36")
@pytest.mark.parametrize("channel", list(DOORS))
def test_the_same_case_comes_in_through_every_door(app, session, client_as, person, actor, channel):
    door = Door(app, session, client_as, person, actor)
    DOORS[channel](door)
    session.expire_all()
    case = session.scalars(select(Case)).one()
    assert (case.channel, case.state) == (channel, "submitted")
    # Whatever door it was, the same person, the same answers, the same list of papers and the same unit that decides.
    assert case.applicant.id_number == WIFE["id_number"] and case.item.code == ITEM
    assert {name: str(case.values[name]) for name in FORM} == {name: str(value) for name, value in FORM.items()}
    sent = set(session.scalars(select(Document.material_id)))
    assert {m.code for m in case.materials if m.provided or m.id in sent} >= set(SLOTS)
    assert case_routing.deciding_unit(session, case).id == "dongxin-centre"
    assert case.trips == (0 if channel.startswith("online") or channel == "self_service_terminal" else 1)


@pytest.mark.req("S1-06")
def test_a_bank_without_a_list_says_so_at_once_and_whom_to_ask(app, session, client_as, person, actor):
    door = Door(app, session, client_as, person, actor)
    username = door.outlet("bank_outlet", TELLER)
    said = "还没有列出可办的事项，现在什么都不能受理；请系统管理员（楼旭东）"
    assert said in client_as(username).get("/counter").text, "before anything is typed"
    refused = client_as(username).post("/counter", data={**WIFE_TYPED, **ANSWERS, **TICKS})
    assert refused.status_code == 422 and said in refused.text and FORM["husband_name"] in refused.text
    admin = client_as("admin")
    page = admin.get("/places/dx-bank_outlet").text
    assert said in page and "/hall/dx-bank_outlet/takes" in page
    assert admin.post("/hall/dx-bank_outlet/takes", data={"items": "senior_card"}).status_code == 303

    listed = client_as("admin").get("/places/dx-bank_outlet").text
    assert said not in listed and "可以办的事项" in listed and "老年" in listed
    assert said not in client_as(username).get("/counter").text


@pytest.mark.req("S1-05")
def test_a_bank_teller_takes_in_what_is_listed_sees_the_outlets_own_cases_and_the_town_has_them_at_once(
    app, session, client_as, person, actor
):
    door = Door(app, session, client_as, person, actor)
    username = door.outlet("bank_outlet", TELLER, items=[ITEM])
    teller = client_as(username)
    # Only the list is offered, and nothing else can be sent.
    offered = teller.get("/counter").text
    assert (
        f'value="{ITEM}"' in offered
        and 'value="senior_card"' not in offered
        and "共享" not in offered
        and "容缺台账" not in offered
    )
    other = teller.post("/counter", data={**WIFE_TYPED, **ANSWERS, **TICKS, "item": "senior_card"})
    assert other.status_code == 422 and "不受理" in other.text and "可以办的有" in other.text
    for address in ("/counter/share", "/counter"):
        refused = teller.post(address, data={**WIFE_TYPED, **ANSWERS, **TICKS, "m-x-take": "record:1"})
        assert refused.status_code == 403 and "银行网点不能向数据共享平台查" in refused.text
    door.counter(username)
    session.expire_all()
    case = session.scalars(select(Case)).one()
    address = f"/c/{case.uid}"
    assert teller.get(address).status_code == 200 and case.number in teller.get("/cases").text
    # The town's clerk finds it in the inbox and accepts it; the bank does not.
    assert case.unit_id == "dongxin-centre" and case.active_place("addressee").place_id == "dongxin-centre"
    assert case.number in client_as("window.clerk").get("/places/dongxin-centre/inbox").text
    with pytest.raises(Refusal):
        actions.perform(case, "accept", actor(username))
    session.rollback()
    actions.perform(case, "accept", actor("window.clerk"))
    session.commit()
    assert teller.get(address).status_code == 200
    # Another outlet's people find nothing, and a teller without an outlet is told so.
    far = Agency(
        id="dx-bank-2", name="另一家网点", kind="bank_outlet", parent_id="dongxin",
        path=f"{session.get_one(Agency, 'dongxin').path}dx-bank-2/", district=case.district, code="BANK2", paper_name="东新",
    )  # fmt: skip
    session.add(far)
    session.flush()
    for name, place in (("teller-far", far), ("teller-street", session.get_one(Agency, "dongxin"))):
        who = Person(username=name, name="柜员", password_hash=accounts.hash_password(PASSWORD), unit_id=place.id)
        session.add(who)
        session.flush()
        session.add(Grant(person_id=who.id, role=TELLER, place_id=place.id, place_path=place.path))
    session.commit()
    assert client_as("teller-far").get(address).status_code == 404
    told = client_as("teller-street").get("/counter")
    assert told.status_code == 403 and "政银通柜员只在自己的银行网点收件" in told.text
    with pytest.raises(Refusal, match="政银通柜员只在自己的银行网点收件"):
        cases.create(session, actor("teller-street"), {"item": ITEM, "place": "dongxin"})
    with pytest.raises(Refusal, match=r"东新街道不是银行网点"):
        accounts_admin.post(session, TELLER, "dongxin")
    with pytest.raises(Refusal, match="政银通柜员只在自己的银行网点收件"):
        cases.create(session, actor(username), {"item": ITEM, "place": "dongxin-centre"})


@pytest.mark.req("S1-05", "S1-03")
def test_what_the_offices_write_to_each_other_stays_theirs_though_the_teller_filed_the_case(
    app, session, client_as, person, actor
):
    """Having filed it makes the teller no colleague: the note, the giving back inside and its reason are shown nowhere."""
    door = Door(app, session, client_as, person, actor)
    username = door.outlet("bank_outlet", TELLER, items=[ITEM])
    door.counter(username)
    session.expire_all()
    case = session.scalars(select(Case)).one()
    assert case.owner_id == actor(username).person_id
    clerk, reviewer, teller = (client_as(name) for name in ("window.clerk", "reviewer", username))
    for act, who, inputs in (
        ("accept", "window.clerk", {}),
        ("return_intake", "reviewer", {"comment": "内部看：收入证明要再核"}),
    ):
        actions.perform(case, act, actor(who), inputs)
    session.commit()
    assert clerk.post(f"/c/{case.uid}/notes", data={"kind": "note", "text": "内部看：配偶在外地"}).status_code == 303
    token = teller.post("/api/v1/session", json={"username": username, "password": PASSWORD}).get_json()["token"]
    pages = [f"/c/{case.uid}", f"/c/{case.uid}/history", f"/api/v1/contents/{case.uid}", "/desk/", "/cases"]
    assert "配偶在外地" in reviewer.get(pages[0]).text, "the offices read it"
    for address in pages:
        shown = teller.get(address, headers={"Authorization": f"Bearer {token}"} if "/api/" in address else {})
        assert shown.status_code == 200, address
        assert "内部看" not in shown.text and "退回受理人核对" not in shown.text, address
    said = teller.post(f"/c/{case.uid}/notes", data={"kind": "note", "text": "柜员写给两边"})
    assert said.status_code in (403, 422), "nor does the bank write among them"
    assert clerk.get(pages[0]).status_code == 200 and "柜员写给两边" not in clerk.get(pages[0]).text
