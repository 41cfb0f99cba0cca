"""证照: three duties, a number without gaps, rare characters, and what happens to a wrong or lost card."""

from __future__ import annotations

import io
import re

import pikepdf
import pytest
from sqlalchemy import select

from models.ledger import Counter, JournalEntry
from models.paper import Certificate, Document, Paper
from models.person import Grant
from process import clock, engine, numbers
from process.refusals import Forbidden, InvalidInput, RequirementUnmet
from services import actions, certificates, files, papers_out
from services.papers.definition import ROOT
from services.papers.text import codepoint
from tests.services.fertility import COLLECTED, WIFE, approved, certificate_of, draw_all, ticks
from tests.services.test_batches import UNPRINTABLE


def drawn(session) -> list[int]:
    return list(session.scalars(select(Counter.value).where(Counter.series == "SY")))


@pytest.mark.req("S0-28", "S0-34")
def test_the_card_is_numbered_sealed_printed_and_issued_by_the_issuer(session, actor):
    case = approved(session, actor)
    certificate, issuer = certificate_of(session, case), actor("issuer")
    for step in ("number", "seal"):
        for other in ("window.clerk", "reviewer", "approver"):
            with pytest.raises(Forbidden):
                engine.fire(certificate, step, actor(other))
        engine.fire(certificate, step, issuer, inputs={"reason": "制发生育登记服务卡"} if step == "seal" else {})
    with pytest.raises(RequirementUnmet, match="正在生成"):
        engine.fire(certificate, "print", issuer)
    draw_all(session)
    engine.fire(certificate, "print", issuer)
    engine.fire(certificate, "issue", issuer)
    assert certificate.state == "issued" and case.state == "issued" and certificate.paper.prints == 1
    seal = session.scalars(select(JournalEntry).where(JournalEntry.action == "seal:use")).one()
    assert (seal.person_id, seal.comment, seal.details["case"]) == (issuer.person_id, "制发生育登记服务卡", case.number)


@pytest.mark.req("S0-34")
def test_who_approved_may_not_issue_on_either_way(session, actor, person):
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    boss = person("approver")
    session.add(
        Grant(person_id=boss.id, role="certificate_issuer", place_id="dongxin-centre", place_path=case.place_path)
    )
    session.flush()
    with pytest.raises(Forbidden):
        engine.fire(certificate, "number", actor("approver"))
    with pytest.raises(Forbidden, match="审批"):
        engine.fire(case, "issue", actor("approver"))
    engine.fire(certificate, "number", actor("issuer"))
    engine.fire(certificate, "seal", actor("approver"))
    with pytest.raises(Forbidden, match="审批"), session.begin_nested():
        engine.fire(certificate, "issue", actor("approver"))
    session.expire_all()
    assert certificate.state == "sealed" and case.state == "approved"


def test_issuing_the_case_walks_its_certificate(session, actor):
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    certificate = certificate_of(session, case)
    assert (case.state, certificate.state) == ("issued", "issued") and drawn(session) == [1]
    steps = [
        row.action
        for row in session.scalars(
            select(JournalEntry).where(JournalEntry.content_id == certificate.id).order_by(JournalEntry.id)
        )
    ]
    assert steps == ["certificate:create", "certificate:number", "seal:use", "certificate:seal", "certificate:issue"]


def test_no_certificate_before_the_approval(session, actor):
    case = approved(session, actor)
    certificate = certificate_of(session, case)
    case.state = "reviewed"
    with pytest.raises(RequirementUnmet, match="还没有审批"):
        engine.fire(certificate, "number", actor("issuer"))
    assert drawn(session) == []


def test_rare_characters_go_onto_the_card(session, actor):
    case = approved(session, actor, husband_name="欧阳𬱖䶮", marriage_certificate_number="J330103-㛃")
    engine.fire(certificate_of(session, case), "number", actor("issuer"))
    draw_all(session)
    assert certificate_of(session, case).paper.status == "ready"


def test_a_character_without_glyph_stops_before_the_number(session, actor):
    case = approved(session, actor, husband_name=f"王{UNPRINTABLE}")
    certificate = certificate_of(session, case)
    with pytest.raises(RequirementUnmet, match=re.escape(codepoint(UNPRINTABLE))) as refusal:
        engine.fire(certificate, "number", actor("issuer"))
    assert UNPRINTABLE in refusal.value.detail and "husband_name" in refusal.value.errors
    with pytest.raises(RequirementUnmet), session.begin_nested():
        engine.fire(case, "issue", actor("issuer"))
    session.expire_all()
    assert (certificate.state, certificate.number, case.state) == ("drafted", None, "approved") and drawn(session) == []
    assert session.scalars(select(Paper).where(Paper.paper == "fertility_registration_card")).all() == []


def test_a_missing_field_stops_before_the_number(session, actor):
    case = approved(session, actor)
    case.fields = {k: v for k, v in case.fields.items() if k != "marriage_date"}
    with pytest.raises(RequirementUnmet, match="结婚登记日期"):
        engine.fire(certificate_of(session, case), "number", actor("issuer"))
    assert drawn(session) == []


def test_numbers_have_no_gap_after_rollbacks(session, actor):
    made = []
    for round_ in range(3):
        case = approved(session, actor, marriage_certificate_number=f"J330103-{round_}")
        certificate = certificate_of(session, case)
        session.commit()
        for _ in range(2):
            engine.fire(certificate, "number", actor("issuer"))
            session.rollback()
        engine.fire(certificate, "number", actor("issuer"))
        session.commit()
        made.append(certificate.number)
    year = clock.local_day(case.filed_at).year
    assert made == [f"SYDX{year}0000{n}" for n in (1, 2, 3)] and drawn(session) == [3]
    assert all(numbers.certificate("SY", "DX", year, n + 1) == number for n, number in enumerate(made))


def test_an_error_is_voided_and_reissued_never_edited(session, actor):
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    first = certificate_of(session, case)
    with pytest.raises(InvalidInput):
        engine.fire(first, "void", actor("approver"))
    engine.fire(first, "void", actor("approver"), inputs={"comment": "女方地址有误", "reissue": True})
    second = certificate_of(session, case)
    assert (
        first.state == "voided"
        and first.paper.valid is False
        and second.replaces_id == first.id
        and second.number is None
    )
    engine.fire(second, "number", actor("issuer"))
    assert second.number != first.number and drawn(session) == [2]
    assert papers_out.verify(session, first.paper.verify_code).state == "void"


def test_a_lost_card_is_replaced_by_a_new_number(session, actor):
    case = approved(session, actor)
    engine.fire(case, "issue", actor("issuer"))
    draw_all(session)
    engine.fire(case, "deliver", actor("window.clerk"), inputs=COLLECTED)
    old = certificate_of(session, case)
    engine.fire(old, "reprint", actor("issuer"), inputs={"comment": "打印模糊"})
    assert old.state == "delivered" and old.paper.prints == 1
    engine.fire(old, "replace", actor("issuer"), inputs={"comment": "本人遗失"})
    new = certificate_of(session, case)
    for step in ("number", "seal"):
        engine.fire(new, step, actor("issuer"))
    engine.fire(new, "issue", actor("issuer"))
    draw_all(session)
    engine.fire(new, "deliver", actor("window.clerk"), inputs=COLLECTED)
    assert (old.state, new.state, case.state) == ("replaced", "delivered", "delivered")
    assert papers_out.verify(session, old.paper.verify_code).state == "replaced"
    assert papers_out.verify(session, new.paper.verify_code).state == "valid"
    assert [one["number"] for one in certificates.chain(new)] == [new.number, old.number]


def test_the_holder_sees_the_own_card_once_issued(session, actor):
    from process import access

    case = approved(session, actor)
    certificate = certificate_of(session, case)
    assert not access.may(actor("resident"), "view", certificate, session)
    engine.fire(case, "issue", actor("issuer"))
    assert certificate.holder_name == f"{WIFE['name']}、阿卜杜热西提·买买提"
    assert access.may(actor("resident"), "view", certificate, session)
    assert not access.may(actor("neighbour.clerk"), "view", certificate, session)
    seen = session.scalars(access.visible(select(Certificate), actor("community.clerk"), Certificate)).all()
    assert seen == [], "filed at the street: the community has no part in it"


def test_nobody_creates_a_certificate_by_hand(session, actor):
    from services import actions

    with pytest.raises(InvalidInput, match="不能直接新建"):
        actions.create(session, actor("issuer"), "certificate", {})


SENIOR = {
    "name": "骆水珍",
    "id_number": "330103194303052043",
    "phone": "13800000018",
    "address": "杭州市下城区东新街道万家星城社区文晖路5幢2单元601室",
}


def senior_card(session, actor, photo: bytes | None = None):
    """An approved senior card of the street's counter, with a photo in the file if there is one."""
    window = actor("window.clerk")
    slots = [{"code": code, "provided": True, "sheets": 1} for code in ("id_card", "photo", "household_booklet_page")]
    contact = {"emergency_contact_name": "沈惠珍", "emergency_contact_relation": "女儿"}
    given = {"item": "senior_card", "place": "dongxin", "applicant": SENIOR, "materials": slots}
    case = actions.create(session, window, "case", given | contact)
    if photo is not None:
        slot = next(m for m in case.materials if m.code == "photo")
        files.store_document(session, case, window, photo, "一寸照.png", "material", slot)
    engine.fire(case, "submit", window)
    engine.fire(case, "accept", window)
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    return case


@pytest.mark.req("S0-28")
def test_a_senior_card_bears_the_photo_of_the_file(session, actor):
    portrait = (ROOT / "senior_card" / "sample-photo.png").read_bytes()
    certificate = certificate_of(session, senior_card(session, actor, portrait))
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    paper = certificate.paper
    assert (paper.paper, paper.status, paper.error) == ("senior_card", "ready", None)
    year = clock.local_day(certificate.issued_on).year
    assert certificate.number == numbers.certificate("LN", "DX", year, 1)
    seen = {name: paper.data[name] for name in ("sex", "birth_date", "household_address", "emergency_contact")}
    assert seen == {
        "sex": "女",
        "birth_date": "1943-03-05",
        "household_address": SENIOR["address"],
        "emergency_contact": "沈惠珍（女儿）",
    }
    assert paper.data["photo"]
    with pikepdf.open(io.BytesIO(papers_out.pdf(paper))) as document:
        sizes = {(int(image.Width), int(image.Height)) for image in document.pages[0].get_images().values()}
        assert len(document.pages) == 2 and (295, 413) in sizes


def test_a_senior_card_without_a_photo_leaves_the_place_for_it(session, actor):
    certificate = certificate_of(session, senior_card(session, actor))
    engine.fire(certificate, "number", actor("issuer"))
    draw_all(session)
    assert certificate.paper.status == "ready" and certificate.paper.data["photo"] is None


def test_a_photo_that_cannot_be_read_stops_before_the_number(session, actor):
    case = senior_card(session, actor, (ROOT / "senior_card" / "sample-photo.png").read_bytes())
    certificate = certificate_of(session, case)
    document = session.scalars(select(Document).where(Document.media_type.like("image/%"))).one()
    document.storage_key = files.store().put(b"no picture at all", "image/png")
    session.flush()
    with pytest.raises(RequirementUnmet, match="照片"):
        engine.fire(certificate, "number", actor("issuer"))
    assert certificate.number is None
    assert session.scalars(select(Counter.value).where(Counter.series == "LN")).all() == []
