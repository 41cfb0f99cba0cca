"""The four proofs pressed through by everybody who has a part: counter, reviewer, approver, issuer, and the PDF in the end."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from catalogue import loader as catalogue
from models.case import Case
from models.content import Content
from models.paper import Paper
from tests.services.fertility import WIFE, certificate_of, draw_all
from tests.services.proofs import MIGRANT, ONLY_CHILD, PROOF, SURVEY, signature

WAYS = {
    "marital_fertility_proof": pytest.param(PROOF, "HYDX", marks=pytest.mark.req("S0-29", "S0-34")),
    "only_child_honour_certificate": pytest.param(ONLY_CHILD, "DSDX", marks=pytest.mark.req("S0-30", "S0-34")),
    "migrant_marital_fertility_proof": pytest.param(MIGRANT, "LHDX", marks=pytest.mark.req("S0-31", "S0-34")),
    "parents_birth_record_survey": pytest.param(SURVEY, "SDDX", marks=pytest.mark.req("S0-32", "S0-34")),
}


def typed(answers: dict[str, Any]) -> dict[str, Any]:
    """What the counter's screen posts: the person, the item's questions, and a tick for each material that was brought."""
    data = {f"applicant_{name}": WIFE[name] for name in ("id_number", "name", "phone", "address")}
    data |= {name: str(value) for name, value in answers.items()}
    data |= {"household_address": WIFE["household_address"], "mother_household_address": WIFE["household_address"]}
    for material in catalogue.item(answers["item"]).materials:
        if material.always:
            data |= {f"m-{material.id}-provided": "1", f"m-{material.id}-sheets": "1"}
    return data


@pytest.mark.parametrize(("answers", "letters"), WAYS.values(), ids=WAYS)
def test_from_the_counter_to_the_pdf(session, client_as, answers, letters):
    window, reviewer = client_as("window.clerk"), client_as("reviewer")
    filed = window.post("/counter", data=typed(answers))
    assert filed.status_code == 303, filed.text[:3000]
    case = session.scalars(select(Case)).one()
    press(session, window, case, "accept")

    if answers is SURVEY:
        survey(session, client_as, case)
    else:
        noted = reviewer.post(f"/cases/{case.uid}/records", data={"result": "same", "source": "全员人口信息系统"})
        assert noted.status_code == 303
    ticks = {f"verdict-{m.code}": "accepted" for m in case.materials if m.provided}
    session.refresh(case)
    reviewed = reviewer.post(f"/cases/{case.uid}/materials", data={**ticks, "do": "review", "version": case.version})
    assert reviewed.status_code == 303
    session.expire_all()
    assert case.state == "reviewed"
    # Whoever reviewed does not approve.
    assert reviewer.post(f"/c/{case.uid}/do/approve", data={"version": case.version}).status_code in (403, 404, 409)
    press(session, client_as("approver"), case, "approve")

    issuer, certificate = client_as("issuer"), certificate_of(session, case)
    press(session, issuer, certificate, "number")
    press(session, issuer, certificate, "seal", reason="制发证照")
    assert certificate.number.startswith(letters)
    draw_all(session)
    session.commit()
    press(session, issuer, certificate, "print")
    press(session, issuer, certificate, "issue")
    assert case.state == "issued"
    pdf = issuer.get(f"/papers/{certificate.paper.uid}.pdf")
    assert pdf.status_code == 200 and pdf.data.startswith(b"%PDF-")
    assert session.scalars(select(Paper).where(Paper.status == "failed")).all() == []


def survey(session, client_as, case: Case) -> None:
    """Asked by the street, answered by the community, taken over."""
    reviewer = client_as("reviewer")
    sent = reviewer.post(f"/cases/{case.uid}/inquiry", data={"addressee": "dx-c01", "signature": signature()})
    assert sent.status_code == 303
    inquiry = session.scalars(select(Content).where(Content.type == "record_inquiry")).one()
    press(
        session,
        client_as("community.clerk"),
        inquiry,
        "answer",
        result="found",
        finding="1988年6月登记第一孩。",
        source="台账1988年第3册第12页",
        signature=signature(),
    )
    press(session, reviewer, inquiry, "adopt")


def press(session, client, thing: Content, step: str, **inputs: Any) -> None:
    session.refresh(thing)
    done = client.post(f"/c/{thing.uid}/do/{step}", data={"version": thing.version, **inputs})
    assert done.status_code == 303, done.text[:3000]
    session.expire_all()
