"""Papers that need not be brought: given before with consent, or found at the data-sharing platform over real HTTP."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from models.base import at_time, now
from models.case import Case, Material
from models.counter import CounterVisit, MaterialConsent, SharingRequest
from models.ledger import JournalEntry, OutboxItem
from services import data_sharing, intake, on_record
from services.messages.channels import signed
from tests.pages.test_counter import ANSWERS, TICKS, WIFE_TYPED, photo
from tests.services.fertility import WIFE

UID = "visit-" + "b" * 16
SECRET = "shared-secret-of-the-city"
HEADERS = {"X-Fragment": "1"}


class City(BaseHTTPRequestHandler):
    """The platform of the city: answers as the test says, and checks that it was really us who asked."""

    says: dict[str, Any] = {}
    asked: list[dict[str, Any]] = []
    address = ""
    closing = threading.Event()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        question = json.loads(raw)
        type(self).asked.append(question)
        known = signed(SECRET, raw)
        assert set(known) <= set(self.headers.keys()), self.headers
        said = type(self).says.get(question["kind"], {"found": False})
        if said == "silence":
            type(self).closing.wait(60)
            return
        body = json.dumps(said, ensure_ascii=False).encode() if isinstance(said, dict) else str(said).encode()
        self.send_response(200 if isinstance(said, dict) else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        return None


@pytest.fixture
def city() -> Iterator[type[City]]:
    City.says, City.asked = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), City)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    City.address = f"http://127.0.0.1:{server.server_port}/ask"
    data_sharing.configure(data_sharing.HttpConnector(City.address, SECRET))
    City.closing.clear()
    yield City
    City.closing.set()
    data_sharing.configure(None)
    server.shutdown()
    server.server_close()


def work(session: Any) -> None:
    """What the worker does with every question that waits."""
    session.commit()
    for row in session.scalars(select(OutboxItem).where(OutboxItem.job == data_sharing.JOB)).all():
        data_sharing.ask(session, int(row.args["request_id"]))
        session.commit()


def press(client: Any, path: str, **changes: Any) -> Any:
    return client.post(path, data={**WIFE_TYPED, **ANSWERS, "visit": UID, **changes})


def right(kind: str) -> dict[str, Any]:
    return {
        "found": True,
        "id_number": WIFE["id_number"],
        "name": WIFE["name"],
        "id": f"HZ-{kind}",
        "facts": {"有效": "是"},
    }


@pytest.mark.req("S1-12")
def test_what_the_platform_knows_is_taken_over_with_one_tick(session, client_as, city):
    city.says = {"id_card": right("1"), "household_booklet": right("2"), "marriage_certificate": {"found": False}}
    window = client_as("window.clerk")
    waiting = window.post("/counter/share", data={**WIFE_TYPED, **ANSWERS, "visit": UID}, headers=HEADERS).text
    assert "data-asking" in waiting and "最多等 30 秒" in waiting
    work(session)
    # Asked about herself only, each paper once; the husband's card is not hers to ask for.
    assert sorted(q["kind"] for q in city.asked) == [
        "household_booklet",
        "id_card",
        "marriage_certificate",
        "residence_permit",
    ]
    assert {q["id_number"] for q in city.asked} == {WIFE["id_number"]} and "生育登记服务卡" in city.asked[0]["purpose"]
    page = window.post("/counter/look", data={**WIFE_TYPED, **ANSWERS, "visit": UID}, headers=HEADERS).text
    assert "已从数据共享平台查到，编号 HZ-1" in page and "平台上没有这位的记录" in page and "data-asking" not in page
    again = window.post("/counter/share", data={**WIFE_TYPED, **ANSWERS, "visit": UID}, headers=HEADERS)
    assert again.status_code == 200
    work(session)
    assert len(city.asked) == 4
    found = dict(re.findall(r'name="(m-[\w-]+-take)" value="(shared:[^"]+)"', page))
    assert set(found) == {"m-wife_id_card-take", "m-wife_household_booklet-take"}
    ticks = {k: v for k, v in TICKS.items() if "wife" not in k}
    answer = press(window, "/counter", **ticks, **found)
    assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
    session.expire_all()
    slots = {m.code: m for m in session.scalars(select(Case)).one().materials}
    assert slots["wife_id_card"].provided and slots["wife_id_card"].source == "shared"
    assert "数据共享平台查得，编号 HZ-1" in slots["wife_id_card"].source_words
    assert "数据共享平台查得" in window.get(answer.headers["Location"]).text
    assert window.post(answer.headers["Location"], data={"do": "accept"}).status_code == 303
    session.expire_all()
    assert session.scalars(select(Case)).one().state == "accepted"
    kept = session.connection().exec_driver_sql("SELECT subject FROM sharing_request").scalar()
    assert WIFE["id_number"].encode() not in kept


@pytest.mark.req("S1-12")
@pytest.mark.parametrize(
    ("said", "state", "sentence"),
    [
        ({"found": True, "id_number": "330103194303052043", "name": "林若琳"}, "wrong", "返回的是另一个人，没有采用"),
        ({"found": True, "id_number": WIFE["id_number"], "name": "骆水珍"}, "wrong", "返回的是另一个人，没有采用"),
        ({"found": True}, "wrong", "返回的是另一个人，没有采用"),
        ("silence", "silent", "30 秒没有答复"),
        ("<html>502</html>", "failed", "看不懂（代码 503）"),
        ({"answer": "maybe"}, "failed", "看不懂"),
    ],
)
def test_every_other_answer_is_a_sentence_and_nothing_is_kept(session, client_as, city, said, state, sentence):
    city.says = {"id_card": said}
    if said == "silence":
        # Half a second stands for the half minute of the office.
        data_sharing.configure(data_sharing.HttpConnector(city.address, SECRET, patience=0.5))
    window = client_as("window.clerk")
    press(window, "/counter/share")
    work(session)
    request = session.scalars(select(SharingRequest).where(SharingRequest.kind == "id_card")).one()
    assert request.state == state and sentence in request.said and "请收纸质材料" in request.said
    assert request.answer is None and request.foreign_id == ""
    page = press(window, "/counter/look").text
    assert sentence in page and ANSWERS["husband_name"] in page
    brought = {k: v for k, v in TICKS.items() if "wife_id_card" not in k}
    forged = press(window, "/counter", **brought, **{"m-wife_id_card-take": f"shared:{request.uid}"})
    assert forged.status_code == 422 and "请重新查" in forged.text
    assert session.scalars(select(JournalEntry).where(JournalEntry.action == f"sharing:{state}")).all()


def test_an_answer_about_one_person_serves_nobody_else(session, client_as, city):
    city.says = {"id_card": right("1")}
    window = client_as("window.clerk")
    press(window, "/counter/share")
    work(session)
    request = session.scalars(select(SharingRequest).where(SharingRequest.kind == "id_card")).one()
    other = {
        "applicant_id_number": "330103194303052043",
        "applicant_name": "骆水珍",
        "applicant_phone": "13800000018",
        "applicant_address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
        "item": "human_social_security_06",
        "m-id_card-take": f"shared:{request.uid}",
    }
    refused = window.post("/counter", data=other)
    assert refused.status_code == 422 and "查到的不是这位申请人" in refused.text and "骆水珍" in refused.text


def test_an_office_without_a_platform_is_not_offered_one(client_as):
    page = press(client_as("window.clerk"), "/counter/look").text
    assert "查数据共享" not in page
    assert "没有接通数据共享平台" in press(client_as("window.clerk"), "/counter/share").text


# --- Given before


def give(session: Any, client_as: Any, ago: timedelta) -> Case:
    """A card taken in some time ago, with a scan."""
    with at_time(now() - ago):
        client = client_as("window.clerk")
        answer = client.post(
            "/counter", data={**WIFE_TYPED, **ANSWERS, **TICKS, "m-wife_id_card-file": photo("证.jpg")}
        )
        assert answer.status_code == 303
    session.expire_all()
    return session.scalars(select(Case).order_by(Case.id.desc())).first()


@pytest.mark.req("S2-21")
def test_a_paper_given_before_is_used_again_with_consent(session, client_as):
    earlier = give(session, client_as, timedelta(days=60))
    window = client_as("window.clerk")
    data = {**WIFE_TYPED, "item": "human_social_security_06", "visit": UID}
    page = window.post("/counter/look?person=1", data=data, headers=HEADERS).text
    assert "用以前交过的（1 份）" in page and earlier.number in page and "本人同意再用以前交过的材料" in page
    take = dict(re.findall(r'name="(m-[\w-]+-take)" value="(record:\d+)"', page))
    assert set(take) == {"m-id_card-take"}
    without = window.post("/counter", data={**data, **take})
    assert without.status_code == 422 and "要本人同意" in without.text
    assert session.scalars(select(MaterialConsent)).all() == []
    answer = window.post("/counter", data={**data, **take, "consent": "1"})
    assert answer.status_code == 303, re.findall(r'href="#[^"]+">[^<]+', answer.text)
    session.expire_all()
    case = session.scalars(select(Case).order_by(Case.id.desc())).first()
    slot = next(m for m in case.materials if m.code == "id_card")
    assert slot.provided and slot.source == "record" and earlier.number in slot.source_words
    assert slot.source_material_id == next(m.id for m in earlier.materials if m.code == "wife_id_card")
    consent = session.scalars(select(MaterialConsent)).one()
    assert (consent.until - consent.given_on).days == on_record.CONSENT_DAYS
    # The next time nobody asks again.
    page = window.post("/counter/look?person=1", data=data, headers=HEADERS).text
    assert "本人已同意再用以前的材料" in page and 'name="consent"' not in page


@pytest.mark.req("S2-21")
@pytest.mark.parametrize("way", ["too old", "rejected", "withdrawn"])
def test_what_may_not_be_used_again_is_not_offered(session, client_as, actor, way):
    earlier = give(session, client_as, timedelta(days=500 if way == "too old" else 30))
    slot = next(m for m in earlier.materials if m.code == "wife_id_card")
    if way == "rejected":
        slot.verdict, slot.defect = "rejected", "看不清"
    if way == "withdrawn":
        earlier.state = "withdrawn"
    session.commit()
    window = client_as("window.clerk")
    data = {**WIFE_TYPED, "item": "human_social_security_06", "visit": UID}
    assert "用以前交过的" not in window.post("/counter/look?person=1", data=data, headers=HEADERS).text
    forged = window.post("/counter", data={**data, "m-id_card-take": f"record:{slot.id}", "consent": "1"})
    assert forged.status_code == 422 and "收纸质材料" in forged.text


def test_consent_is_taken_back(session, client_as, actor):
    case = give(session, client_as, timedelta(days=1))
    clerk, resident = actor("window.clerk"), case.applicant
    on_record.agree(session, clerk, resident)
    assert on_record.consent_of(session, resident) is not None
    assert on_record.withdraw(session, clerk, resident) and on_record.consent_of(session, resident) is None
    assert not on_record.withdraw(session, clerk, resident)
    assert session.scalars(select(Material).where(Material.source.is_not(None))).all() == []
    assert session.scalars(select(CounterVisit)).one().matters and intake.of_case(session, case) is not None
