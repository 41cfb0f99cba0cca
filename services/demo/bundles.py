"""一件事 in the demo: one family in the middle of it, one enterprise whose results wait to leave together, one that is over and rated."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from catalogue import people
from models.case import Case, ServiceItem
from models.one_thing import OneThing
from services import intake, one_form
from services.demo import stories
from services.demo.office import Office
from services.one_thing import exit, filing

CLERK, COMMUNITY, RESIDENT = "window.clerk", "dx-c01", "resident"
BIRTH = ("fertility_registration_card", "household_registration", "resident_medical_insurance")
PHARMACY, CATERING = ("business_licence", "drug_licence"), ("business_licence", "food_licence")


def tell(office: Office) -> None:
    """Told once; an installation from before hears it, too."""
    if office.session.scalar(select(OneThing.id).limit(1)) is not None:
        return
    _in_the_middle(office)
    _ready_to_leave(office)
    _over(office)


def _in_the_middle(office: Office) -> None:
    """The card is there, the household is reviewed, the insurance waits for the household."""
    mother, father = (office.resident(COMMUNITY, young=True, sex=sex) for sex in ("female", "male"))
    couple = stories.couple(office, mother, father)
    bundle = _filed(office, 6, "birth", BIRTH, mother, couple)
    card, household, insurance = (member.case for member in bundle.members)
    for case in (card, household, insurance):
        office.do(CLERK, case, "accept", office.ago(6, 10))
    stories.decide(office, card, 4, "issued")
    stories.decide(office, household, 3, "reviewed")


def _ready_to_leave(office: Office) -> None:
    """Both licences lie at the window: one signature hands them out."""
    owner = office.resident(COMMUNITY, young=True)
    bundle = _filed(office, 12, "pharmacy", PHARMACY, owner, _shop("东新示例药房", "91330103MA2EXAMPL1"))
    _decided(office, bundle, 11)


def _over(office: Office) -> None:
    """Handed out against one receipt, and rated once for both."""
    owner = people.known_residents()[RESIDENT]
    bundle = _filed(
        office, 25, "catering", CATERING, owner, _shop("东新示例食品有限公司文晖路店", "91330103MA2EXAMPL2")
    )
    _decided(office, bundle, 24)
    with office.at(office.ago(18, 10, 30)):
        given = {"who": "holder", "id_number": owner.id_number, "signature": office.signature(owner.name)}
        exit.hand_over(office.session, office.actor(CLERK), bundle, given)
    with office.at(office.ago(17, 20)):
        exit.rate(office.session, office.actor(RESIDENT), bundle, "5", "一趟就拿齐了两张证。（示例）")


def _decided(office: Office, bundle: OneThing, days: int) -> None:
    for number, member in enumerate(bundle.members):
        office.do(CLERK, member.case, "accept", office.ago(days, 10, number))
        stories.decide(office, member.case, days - 2 * number, "issued")


def _filed(
    office: Office, days: int, theme: str, codes: tuple[str, ...], one: people.InventedResident, said: dict[str, Any]
) -> OneThing:
    """One visit to the window: one form, one set of papers, all members filed."""
    session, clerk = office.session, office.actor(CLERK)
    items = {item.code: item for item in session.scalars(select(ServiceItem).where(ServiceItem.code.in_(codes)))}
    form = one_form.build([items[code] for code in codes], one.sex)
    person = {
        f"applicant_{name}": value for name, value in office.applicant(one).items() if name != "household_address"
    }
    papers = {slot.key: {"provided": True, "sheets": 1} for slot in form.slots}
    with office.at(office.ago(days, 9, 30)):
        visit = intake.begin(session, clerk)
        cases: list[Case] = intake.file(session, clerk, visit, form, person, said, papers)
        bundle = filing.gather(session, clerk, theme, form, cases, visit=visit)
        intake.share_papers(form, cases)
        intake.close(session, clerk, visit)
    assert bundle is not None, theme
    return bundle


def _shop(name: str, code: str) -> dict[str, Any]:
    return {"unit_name": name, "credit_code": code, "unit_address": "杭州市下城区东新街道文晖路示例9号"}
