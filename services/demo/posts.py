"""What waits for the posts that few visitors think of: federation and paying bank, and the guide beside somebody at the seat."""

from __future__ import annotations

from typing import Any

from models.case import Case
from models.content import Content
from services import payments
from services.demo import stories
from services.demo.office import Office
from services.item_channels import ASSISTED

CENTRE, COMMUNITY = "dongxin-centre", "dx-c01"
COMMUNITY_CLERK, FEDERATION, BANK, GUIDE = "community.clerk", "federation", "bank", "filing.guide"
GROUNDS = (
    "母亲卧床两年，由女儿在家照料（示例）。",
    "本人肢体残疾二级，没有工作（示例）。",
    "孩子在康复机构训练，家里只有一人上班（示例）。",
    "视力残疾一级，独居（示例）。",
)


def subsidy(office: Office) -> None:
    """One at each level: with the community, at the federation, at the bank, and one that is paid."""
    first = _applied(office, 0, 2)
    second, third, fourth = (_applied(office, number, 12 + number) for number in (1, 2, 3))
    assert first.state == "applied"
    for number, one in enumerate((second, third, fourth)):
        office.do(
            COMMUNITY_CLERK, one, "first_check", office.ago(10, 9, number), comment="入户看过，情况属实。（示例）"
        )
        office.do("reviewer", one, "review", office.ago(8, 10, number), comment="材料齐全。（示例）")
    for number, one in enumerate((third, fourth)):
        office.do(FEDERATION, one, "approve", office.ago(6, 14, number), monthly_amount=620 + 60 * number)
    with office.at(office.ago(4, 15)):
        made = payments.make(office.session, office.actor(BANK), [fourth.uid])
    with office.at(office.ago(3, 16)):
        day = office.ago(3).date().isoformat()
        payments.settle(office.session, office.actor(BANK), made, day, {})


def _applied(office: Office, number: int, days: int) -> Content:
    one = office.resident(COMMUNITY, young=True)
    found: Content = office.create(
        COMMUNITY_CLERK,
        "subsidy_three_level",
        office.ago(days, 10, number),
        place=COMMUNITY,
        applicant=office.applicant(one),
        subsidy="残疾人居家安养补助",
        bank_account=f"62000000000000000{number:02d}",
        ground=GROUNDS[number],
    )
    return found


def seat(office: Office) -> None:
    """Somebody is sitting beside the guide: the form is filled in together and waits for the visitor's own yes."""
    wife, husband = (office.resident(COMMUNITY, young=True, sex=sex) for sex in ("female", "male"))
    applicant = office.applicant(wife)
    sheet: Content = office.create(
        GUIDE,
        "assisted_filing",
        office.ago(0, 9, 5),
        place=CENTRE,
        applicant=applicant,
        item="fertility_registration_card",
    )
    office.do(GUIDE, sheet, "seat", office.ago(0, 9, 6), seat="3号座位")
    office.do(GUIDE, sheet, "guide", office.ago(0, 9, 8))
    answers: dict[str, Any] = stories.couple(office, wife, husband)
    case: Case = office.create(
        GUIDE,
        "case",
        office.ago(0, 9, 20),
        item="fertility_registration_card",
        channel=ASSISTED,
        applicant=applicant,
        materials=[{"code": code, "provided": True, "sheets": 1} for code in stories.COUPLE_PAPERS],
        **answers,
    )
    assert case.state == "draft"
    # Somebody else has only just sat down.
    office.create(
        GUIDE,
        "assisted_filing",
        office.ago(0, 9, 30),
        place=CENTRE,
        applicant=office.applicant(office.resident(COMMUNITY, old=True)),
        item="senior_card",
    )
