"""自助终端: opened by a code, used by whoever stands there, and empty for the next one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from models.base import at_time, now
from models.case import Case, ServiceItem
from models.paper import Document
from models.person import Person
from models.resident import Resident
from models.terminal import Terminal
from services import item_channels, terminals, trips
from tests.pages.test_counter import ITEM, photo
from tests.services.fertility import ALL, FORM, WIFE

HALL = "dongxin-centre"
WHO = {name: WIFE[name] for name in ("name", "id_number", "phone", "address")}
SLOTS = tuple(line["code"] for line in ALL)


@pytest.fixture
def machine(app, session, client_as) -> Any:
    """A terminal of the hall with one item on its list, opened by its code; nobody is signed in at it."""
    item = session.scalars(select(ServiceItem).where(ServiceItem.code == ITEM)).one()
    switches = {f"open-{way.channel}": "1" for way in item_channels.ways(session, item) if way.open}
    opened = client_as("catalogue.manager").post(
        f"/items/{ITEM}/channels", data={**switches, "open-self_service_terminal": "1"}
    )
    assert opened.status_code in (302, 303), opened.text[-800:]
    made = client_as("admin").post(f"/hall/{HALL}/terminals/new", data={"name": "大厅1号", "items": [ITEM]})
    assert made.status_code == 200, made.text[-800:]
    code = re.search(r'class="h2 mb-0">([A-Z0-9]{8})<', made.text)
    assert code is not None
    client = app.test_client()
    assert "开机码" in client.get("/terminal").text and client.get("/terminal/look").status_code == 404
    assert client.post("/terminal", data={"code": "AAAAAAAA"}).status_code == 422
    assert client.post("/terminal", data={"code": code[1].lower()}).status_code == 303
    assert app.test_client().post("/terminal", data={"code": code[1]}).status_code == 422, "once"
    client.opened_with = code[1]
    return client


def answers() -> dict[str, str]:
    return {name: str(value) for name, value in FORM.items()}


def filed(client: Any, **more: Any) -> Any:
    papers = {f"file-{slot}": photo() for slot in SLOTS}
    return client.post(f"/terminal/file/{ITEM}", data={"step": "file", **WHO, **answers(), **papers, **more})


@pytest.mark.req("S4-12")
def test_a_resident_files_at_the_terminal_and_nothing_of_them_is_left(app, session, machine):
    home = machine.get("/terminal")
    assert "查办理进度" in home.text and "自己申报" in home.text and home.headers["Cache-Control"] == "no-store"
    assert f"/terminal/file/{ITEM}" in machine.get("/terminal/file").text
    wrong = machine.post(f"/terminal/file/{ITEM}", data={**WHO, "id_number": "110105194912310021"})
    assert wrong.status_code == 422 and WHO["name"] in wrong.text, "what was typed stays until it is right"
    asked = machine.post(f"/terminal/file/{ITEM}", data=WHO)
    assert asked.status_code == 200 and "husband_name" in asked.text and 'type="file"' in asked.text
    bare = machine.post(f"/terminal/file/{ITEM}", data={"step": "file", **WHO})
    assert bare.status_code == 422 and "选好的文件请再选一次" in bare.text
    assert session.scalar(select(func.count()).select_from(Case)) == 0, "all or nothing"

    done = filed(machine)
    assert done.status_code == 200, re.findall(r'role="alert".*?</', done.text, re.S)
    session.expire_all()
    case = session.scalars(select(Case)).one()
    assert (case.state, case.channel) == ("submitted", "self_service_terminal")
    assert case.unit_id == HALL and case.applicant.id_number == WIFE["id_number"]
    assert {name: str(case.values[name]) for name in FORM} == answers()
    assert session.scalar(select(func.count()).select_from(Document)) == len(SLOTS)
    assert trips.of_case(session, case).trips == 0
    # The slip bears the number and no person; no page before it can be seen again.
    assert case.number in done.text and done.headers["Cache-Control"] == "no-store"
    for secret in (WHO["name"], WHO["id_number"], WHO["phone"], WHO["address"]):
        assert secret not in done.text
    gone = machine.get("/terminal/done")
    assert gone.status_code == 303 and "storage" in gone.headers["Clear-Site-Data"]
    with machine.session_transaction() as kept:
        assert not [value for value in kept.values() if WHO["name"] in str(value)]
    for address in ("/terminal", "/terminal/look", "/terminal/file", f"/terminal/file/{ITEM}"):
        page = machine.get(address).text
        assert all(secret not in page for secret in (WHO["name"], WHO["id_number"], WHO["phone"], case.number))
    # The machine is nobody's session: the pages of the office stay shut.
    assert machine.get("/desk/").status_code in (302, 303, 401)
    assert machine.get(f"/c/{case.uid}").status_code in (302, 303, 401, 404)


@pytest.mark.req("S4-12")
def test_progress_is_told_by_number_or_card_and_only_where_both_facts_agree(session, machine):
    assert filed(machine).status_code == 200
    case = session.scalars(select(Case)).one()
    by_number = {"by": "number", "number": case.number.lower(), "tail": WIFE["id_number"][-4:]}
    seen = machine.post("/terminal/look", data=by_number)
    assert seen.status_code == 200 and case.number in seen.text and "已申报" in seen.text
    card = {"by": "card", "name": WIFE["name"], "id_number": WIFE["id_number"]}
    seen = machine.post("/terminal/look", data=card)
    assert seen.status_code == 200 and case.number in seen.text
    assert WIFE["id_number"] not in seen.text and WIFE["name"] not in seen.text
    for given in ({**by_number, "tail": "0000"}, {**card, "name": "别人"}, {**card, "id_number": "11010519491231002X"}):
        missed = machine.post("/terminal/look", data=given)
        assert missed.status_code == 404 and "没有查到" in missed.text and WIFE["id_number"] not in missed.text
    empty = machine.post("/terminal/look", data={"by": "number"})
    assert empty.status_code == 422 and "请填写办件编号" in empty.text and "最后四位" in empty.text


@pytest.mark.req("S4-12")
def test_somebody_at_a_machine_changes_nothing_the_office_knows(session, machine):
    assert filed(machine).status_code == 200
    session.expire_all()
    before = session.scalars(select(Resident).where(Resident.id_index == Resident.index_of(WIFE["id_number"]))).one()
    phone = before.phone
    other = filed(machine, phone="13900000001")
    assert other.status_code == 422 and "请到窗口更正" in other.text
    session.expire_all()
    assert before.phone == phone and session.scalar(select(func.count()).select_from(Case)) == 1


@pytest.mark.req("S4-12")
def test_the_hall_keeps_its_machines(app, session, client_as, machine):
    one = session.scalars(select(Terminal)).one()
    admin, stranger = client_as("admin"), client_as("window.clerk")
    page = admin.get(f"/hall/{HALL}/terminals").text
    assert "大厅1号" in page and "已开通" in page and machine.opened_with not in page
    assert admin.get(f"/hall/{HALL}/layout").text.count("自助终端") == 1
    assert client_as("resident").get(f"/hall/{HALL}/terminals").status_code == 404
    assert client_as("courier").post(f"/hall/{HALL}/terminals/{one.uid}/end").status_code == 404
    assert stranger.get(f"/hall/{HALL}/terminals/new").status_code == 404
    bad = admin.post(f"/hall/{HALL}/terminals/new", data={"name": "", "items": ["senior_card_x"]})
    assert bad.status_code == 422 and "请写终端的名称" in bad.text and "没有开通自助终端" in bad.text
    # Off the list it is not filed here, whatever is posted.
    assert admin.post(f"/hall/{HALL}/terminals/{one.uid}", data={"name": "大厅1号"}).status_code == 303
    assert filed(machine).status_code == 404
    # A new code shuts the machine until it is typed, within its time.
    renewed = admin.post(f"/hall/{HALL}/terminals/{one.uid}/code").text
    code = re.search(r'class="h2 mb-0">([A-Z0-9]{8})<', renewed)[1]  # type: ignore[index]
    assert machine.get("/terminal/look").status_code == 404
    with at_time(now() + terminals.PAIRING_TIME + timedelta(minutes=1)):
        assert machine.post("/terminal", data={"code": code}).status_code == 422
    assert machine.post("/terminal", data={"code": code}).status_code == 303
    assert admin.post(f"/hall/{HALL}/terminals/{one.uid}/end").status_code == 303
    assert machine.get("/terminal/look").status_code == 404
    session.expire_all()
    account = session.get_one(Person, one.person_id)
    assert not account.active and account.password_hash == "!"
