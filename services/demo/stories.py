"""What happened in the last weeks, one function per kind of story; each stops where its `until` says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

from catalogue.people import InventedResident
from models.case import Case
from models.content import Content
from models.delegation import Delegation, HomeVisit
from models.errand import Errand
from models.paper import Certificate
from services import errand_kinds, notes, papers_out, record_check
from services.demo.office import Office

CARD_PAPERS = [
    {"material": "本人居民身份证", "original": True, "sheets": 1, "condition": "完好"},
    {"material": "一寸近期免冠彩色照片", "original": True, "sheets": 2, "condition": "完好"},
    {"material": "居民户口簿本人页", "original": False, "sheets": 1, "condition": "清晰"},
]


def visit(
    office: Office,
    days: int,
    until: str,
    *,
    leader: str = "grid.leader",
    grid: str = "dx-c01-g1",
    community: str = "dx-c01",
    clerk: str = "community.clerk",
    difference: bool = False,
    courier: str = "courier",
) -> HomeVisit:
    """上门代办 of a senior card, from the telephone call to the register."""
    one = office.resident(community, old=True, grid=grid)
    made: HomeVisit = office.create(
        clerk,
        "home_visit",
        office.ago(days, 8, 40),
        item="senior_card",
        place=grid,
        applicant=office.applicant(one),
        condition="age_80",
        requested_by=f"{one.name[:1]}女士（女儿）",
        requested_phone="13800009999",
    )
    if until == "requested":
        return made
    slot = office.slot(
        leader,
        office.ahead(0 if until == "scheduled_today" else 1, 15)
        if until.startswith("scheduled")
        else office.ago(max(days - 2, 1), 9, 30),
    )
    office.do(leader, made, "schedule", min(office.ago(days, 11), slot - timedelta(minutes=30)), slot_start=slot)
    if until.startswith("scheduled"):
        return made
    office.do(leader, made, "set_off", slot)
    if until == "missed":
        office.do(
            leader, made, "miss", slot + timedelta(minutes=20), comment="敲门无人应，邻居说去了女儿家，已留便条。"
        )
        return made
    office.do(
        leader,
        made,
        "collect",
        slot + timedelta(minutes=30),
        identity_checked=True,
        lines=CARD_PAPERS,
        powers=["file", "supplement", "sign", "collect"],
        valid_until=(slot + timedelta(days=90)).date().isoformat(),
        signature=office.signature(one.name),
    )
    if until == "collected":
        return made
    office.do(leader, made, "file", slot + timedelta(hours=3))
    ticket = office.session.scalars(select(Delegation).where(Delegation.home_visit_id == made.id)).one()
    carry(office, ticket, max(days - 3, 0), until, clerk=clerk, difference=difference, courier=courier)
    office.session.refresh(made)
    if made.state == "result_ready" and until in ("delivered", "closed", "maintained"):
        office.do(
            leader,
            made,
            "deliver",
            office.ago(max(days - 9, 0), 16),
            signature=office.signature(one.name),
            collector=one.name,
        )
        if until in ("closed", "maintained"):
            office.do(leader, made, "close", office.ago(max(days - 10, 0), 11), score="5")
        if until == "maintained":
            office.do(clerk, made, "maintain", office.ago(max(days - 11, 0), 15))
    return made


def carry(
    office: Office,
    ticket: Delegation,
    days: int,
    until: str,
    *,
    clerk: str = "community.clerk",
    difference: bool = False,
    courier: str = "courier",
) -> Delegation:
    """The ticket's way: to the street, counted, decided, and back with a red courier."""
    if until == "sent":
        return ticket
    if until in ("returned", "withdrawn"):
        if until == "returned":
            office.do(
                "window.clerk",
                ticket,
                "return",
                office.ago(days, 10),
                comment="照片是黑白的，老年卡要彩色免冠照，请重新收取后再转来。",
            )
        return ticket
    lines: list[dict[str, Any]] = [
        {"line": n + 1, "counted": line.sheets} for n, line in enumerate(_last_list(office, ticket))
    ]
    if difference and len(lines) > 1:
        lines[1] |= {"counted": max(lines[1]["counted"] - 1, 0), "difference": "清单写2张照片，信封里只有1张"}
    office.do("window.clerk", ticket, "receive", office.ago(days, 10, 30), lines=lines)
    if difference:
        with office.at(office.ago(days, 10, 40)):
            notes.add(
                office.session,
                ticket,
                office.actor("window.clerk"),
                audience="internal",
                text="少一张照片，已电话告诉社区章老师，可以先办。",
            )
    if until == "received":
        return ticket
    office.do("reviewer", ticket, "start", office.ago(days, 14))
    if until == "waiting_material":
        office.do(
            "reviewer",
            ticket,
            "request_materials",
            office.ago(days, 15),
            comment="户口簿本人页看不清出生日期，请重新复印后补来。",
        )
    if until in ("processing", "waiting_material"):
        return ticket
    case = ticket.case
    assert case is not None
    decide(office, case, max(days - 1, 0), "issued")
    if case.state not in ("approved", "issued"):
        return ticket
    office.session.refresh(ticket)
    if ticket.state == "processing":
        office.do("approver", ticket, "decide", office.ago(max(days - 2, 0), 11))
    if until == "decided":
        return ticket
    office.do("window.clerk", ticket, "send_result", office.ago(max(days - 2, 0), 14), errand=True)
    errand = office.session.scalars(
        select(Errand).where(Errand.related_id == ticket.id).order_by(Errand.id.desc())
    ).first()
    if errand is not None:
        run(
            office,
            errand,
            max(days - 3, 0),
            {"result_sent": "open", "claimed": "claimed", "on_way": "on_way", "arrived": "delivered"}.get(
                until, "confirmed"
            ),
            courier=courier,
            clerk=clerk,
        )
    return ticket


def _last_list(office: Office, ticket: Delegation) -> list[Any]:
    from services import custody

    handover = custody.latest(office.session, ticket, "send")
    return list(handover.lines) if handover else []


def run(
    office: Office, errand: Errand, days: int, until: str, *, courier: str = "courier", clerk: str = "community.clerk"
) -> None:
    """An errand on the board, as far as it got."""
    if errand.state == "posted":
        office.do("dispatcher", errand, "post", office.ago(days, 9))
    if until == "open":
        return
    office.do(courier, errand, "claim", office.ago(days, 9, 30))
    if until == "claimed":
        return
    if errand_kinds.carries_papers(errand):
        office.do(
            courier,
            errand,
            "pick_up",
            office.ago(days, 10),
            envelopes=errand.envelopes,
            signature=office.signature("沈丽娟"),
            id_checked="id_check" in errand_kinds.asked_at(errand, "pick_up"),
        )
        office.do(courier, errand, "set_off", office.ago(days, 10, 5))
    else:
        office.do(courier, errand, "start", office.ago(days, 10))
    if until == "on_way":
        return
    if until == "failed":
        office.do(courier, errand, "fail", office.ago(days, 11), comment="老人不在家，电话没人接，信封已送回代办点。")
        return
    needs = errand_kinds.asked_at(errand, "deliver")
    signed = {"signature": office.signature("收件人")} if "signature" in needs else {}
    office.do(courier, errand, "deliver", office.ago(days, 10, 40), id_checked="id_check" in needs, **signed)
    if until == "delivered":
        return
    office.do(clerk, errand, "confirm", office.ago(days, 11))


COUPLE_PAPERS = (
    "wife_id_card",
    "husband_id_card",
    "wife_household_booklet",
    "husband_household_booklet",
    "marriage_certificate",
    "truth_statement",
)


def couple(office: Office, wife: InventedResident, husband: InventedResident) -> dict[str, Any]:
    """What the form of 生育登记 asks of two people."""
    return {
        "wife_name": wife.name,
        "wife_id_number": wife.id_number,
        "wife_household_address": wife.household_address,
        "husband_name": husband.name,
        "husband_id_number": husband.id_number,
        "husband_household_address": husband.household_address,
        "present_address": wife.address,
        "phone": wife.phone,
        "marriage_certificate_number": f"J330103-2023-{office.luck.randint(1000, 9999):06d}",
        "marriage_date": date(2023, 5, 20).isoformat(),
        "children_count": 0,
        "child_order": 1,
        "expected_date": (office.today + timedelta(days=150)).date().isoformat(),
    }


def fertility(
    office: Office,
    days: int,
    until: str,
    *,
    who: str = "window.clerk",
    place: str = "dongxin-centre",
    owes: date | None = None,
) -> Case:
    """生育登记 at the counter: one visit, one form, two people who decide, one card. `owes`: until when a paper may be missing."""
    wife, husband = (
        office.resident("dx-c01", young=True, sex="female"),
        office.resident("dx-c03", young=True, sex="male"),
    )
    lacking = until == "supplement"
    made: Case = office.create(
        who,
        "case",
        office.ago(days, 9, 10),
        item="fertility_registration_card",
        place=place,
        channel="window_street" if who == "window.clerk" else "window_community",
        applicant=office.applicant(wife),
        **couple(office, wife, husband),
        materials=[
            {"code": code, "provided": True, "sheets": 1}
            for code in COUPLE_PAPERS
            if not (owes and code == "husband_household_booklet")
        ],
    )
    if until == "draft":
        return made
    office.do(who, made, "submit", office.ago(days, 9, 20))
    if until == "submitted":
        return made
    if owes is not None:
        office.do(
            who,
            made,
            "defer",
            office.ago(days, 9, 30),
            due=owes,
            supply_way="fax",
            promise=True,
            reason="男方户口簿在外地老家，家里人拍照传真过来",
            signature=office.signature(wife.name),
        )
        return made
    office.do("window.clerk" if who == "window.clerk" else who, made, "accept", office.ago(days, 9, 30))
    if until == "accepted":
        return made
    if lacking:
        office.do(
            "reviewer",
            made,
            "supplement_needed",
            office.ago(max(days - 1, 0), 10),
            comment="结婚证复印件缺照片页，请补一份；男方户口簿首页和本人页请一并带来。",
        )
        return made
    decide(office, made, max(days - 1, 0), until)
    if until in ("delivered", "rated"):
        office.do(
            "window.clerk",
            made,
            "deliver",
            office.ago(max(days - 2, 0), 16),
            collector=wife.name,
            who="holder",
            collector_id_number=wife.id_number,
            way="counter",
            signature=office.signature(wife.name),
        )
    return made


def decide(office: Office, case: Case, days: int, until: str) -> None:
    """Review and approval by two people, then number, seal, print and hand out."""
    ticks = [{"code": m.code, "verdict": "accepted"} for m in case.materials if m.provided]
    if record_check.asked_for(case):
        with office.at(office.ago(days, 9, 50)):
            record_check.note(office.session, case, office.actor("reviewer"), "none", "全员人口信息系统（示例）")
    office.do("reviewer", case, "review", office.ago(days, 10), materials=ticks, comment="材料齐全，信息一致。")
    if until == "reviewed":
        return
    if until == "refused":
        office.do(
            "approver",
            case,
            "refuse",
            office.ago(days, 11),
            comment="申请人已在户籍地办理登记，依据一地登记的规定不重复办理；不服可在六十日内申请行政复议。",
        )
        return
    office.do("approver", case, "approve", office.ago(days, 11), comment="同意。")
    certificate = office.session.scalars(select(Certificate).where(Certificate.case_id == case.id)).first()
    if until == "approved":
        return
    if certificate is not None:
        office.do("issuer", certificate, "number", office.ago(days, 14))
        if until == "numbered":
            return
        if until in ("delivered", "rated", "issued"):
            # Nobody hands out a card that is not drawn yet; the worker would have drawn it meanwhile.
            assert certificate.paper_id is not None
            with office.at(office.ago(days, 14, 5)):
                papers_out.render_paper(office.session, certificate.paper_id)
        office.do("issuer", certificate, "seal", office.ago(days, 14, 10), reason="发证用印")
    office.do("issuer", case, "issue", office.ago(days, 14, 30))


def carried(
    office: Office, days: int, until: str, *, clerk: str = "community.clerk", community: str = "dx-c01"
) -> Delegation:
    """个人婚育证明 taken at the station and carried to the street, without a visit."""
    from services import delegations

    one = office.resident(community, young=True)
    case: Case = office.create(
        clerk,
        "case",
        office.ago(days, 9),
        item="marital_fertility_proof",
        place=community,
        channel="window_community",
        applicant=office.applicant(one),
        name=one.name,
        sex=one.sex,
        id_number=one.id_number,
        phone=one.phone,
        household_address=one.household_address,
        marital_status="unmarried",
        children_count=0,
        purpose="入职材料",
        materials=[
            {"code": "id_card", "provided": True, "original": True, "sheets": 1},
            {"code": "household_booklet", "provided": True, "sheets": 2},
            {"code": "truth_statement", "provided": True, "sheets": 1},
        ],
    )
    office.do(clerk, case, "submit", office.ago(days, 9, 10))
    ticket: Delegation = office.create(
        clerk, "delegation", office.ago(days, 9, 15), case=case.uid, addressee="dongxin", message="本人急用，请优先。"
    )
    if until == "draft":
        return ticket
    with office.at(office.ago(days, 9, 20)):
        delegations.sign_letter(
            office.session,
            ticket,
            office.actor(clerk),
            {
                "signature": office.signature(one.name),
                "powers": ["file", "supplement", "collect"],
                "valid_until": (office.ago(days) + timedelta(days=60)).date().isoformat(),
            },
        )
    office.do(clerk, ticket, "send", office.ago(days, 9, 30))
    return carry(office, ticket, max(days - 1, 0), until, clerk=clerk)


def errand(
    office: Office,
    days: int,
    until: str,
    title: str,
    *,
    who: str = "dispatcher",
    place: str = "dongxin",
    courier: str = "courier",
    purpose: str = "hand_in",
    hours: int = 4,
    **data: Any,
) -> Errand:
    """A free errand: post, run, and sometimes not."""
    start = office.ago(days, 8, 50) if days else office.today - timedelta(minutes=40)
    made: Errand = office.create(
        who,
        "errand",
        start,
        title=title,
        place=place,
        purpose=purpose,
        envelopes=1,
        window_end=(start + timedelta(hours=hours)).isoformat(),
        **data,
    )
    if until == "posted":
        return made
    if until == "cancelled":
        office.do("dispatcher", made, "post", start + timedelta(minutes=5))
        office.do("dispatcher", made, "cancel", start + timedelta(minutes=50), comment="居民自己来取了。")
        return made
    run(office, made, days, until, courier=courier, clerk="community.clerk")
    return made


def own_case(office: Office, resident: Any, husband: Any, days: int) -> Content:
    """What the account `resident` filed from her phone."""
    made = office.create(
        "resident",
        "case",
        office.ago(days, 20, 15),
        item="fertility_registration_card",
        place="dx-c01",
        channel="online_mobile",
        wife_name=resident.name,
        wife_id_number=resident.id_number,
        wife_household_address=resident.household_address,
        husband_name=husband.name,
        husband_id_number=husband.id_number,
        husband_household_address=husband.household_address,
        present_address=resident.address,
        phone=resident.phone,
        marriage_certificate_number="J330103-2024-001288",
        marriage_date="2024-02-02",
        children_count=0,
        child_order=1,
        materials=[
            {"code": code, "provided": True, "sheets": 1}
            for code in ("wife_id_card", "husband_id_card", "marriage_certificate", "truth_statement")
        ],
    )
    office.do("resident", made, "submit", office.ago(days, 20, 30))
    return made
