"""单位网上业务 in the demo: an invented company whose person in charge is the demo's resident, with one operator and what they filed."""

from __future__ import annotations

from sqlalchemy import select

from models.person import Grant, Person
from models.work_unit import WorkUnit
from services import accounts, cases, residents, unit_operators, work_units
from services.demo.office import Office
from services.installation import DEMO_PASSWORD

COMMUNITY, CLERK, HEAD, OPERATOR = "dx-c01", "window.clerk", "resident", "unit.operator"
NAME, CODE = "东新示例食品有限公司", "91330103MA2EXAMPLX"


def tell(office: Office) -> None:
    """One unit registered at the window, one operator for three functions."""
    session = office.session
    if session.scalar(select(WorkUnit.id).limit(1)) is not None:
        return
    head = session.scalars(select(Person).where(Person.username == HEAD)).one()
    invented = office.resident(COMMUNITY, young=True)
    who = residents.find_or_create(session, office.applicant(invented), COMMUNITY)
    operator = Person(
        username=OPERATOR,
        name=who.name,
        title="示例企业经办人",
        password_hash=accounts.hash_password(DEMO_PASSWORD),
        resident_id=who.id,
        illustrative=True,
    )
    session.add(operator)
    session.flush()
    session.add(
        Grant(person_id=operator.id, role="applicant", place_id=COMMUNITY, place_path=who.community.path)  # type: ignore[union-attr]
    )
    session.flush()
    with office.at(office.ago(20, 10)):
        given = {"name": NAME, "credit_code": CODE, "address": "杭州市下城区东新路示例8号", "seen": "y"}
        unit = work_units.register(session, office.actor(CLERK), {**given, "username": HEAD, "person_name": head.name})
        unit.illustrative = True
    with office.at(office.ago(19, 10)):
        unit_operators.name(
            session,
            office.actor(HEAD),
            unit,
            username=OPERATOR,
            person_name=who.name,
            functions=["pf_person_change", "pf_seal_account", "pf_unseal_account"],
            since=None,
            until=None,
            reason="劳资专员，办员工的公积金变更（示例）",
        )
    with office.at(office.ago(6, 10)):
        case = unit_operators.begin(session, office.actor(OPERATOR), unit, "pf_person_change", "online_pc")
        papers = [{"code": one.code, "provided": True, "original": False, "sheets": 1} for one in case.materials]
        cases.update(session, case, office.actor(OPERATOR), {"materials": papers})
    office.do(OPERATOR, case, "submit", office.ago(6, 10, 20))
