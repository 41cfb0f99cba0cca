"""Heads and leaders are found by place and date, for the unit itself or the nearest one above that has one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete

from models.base import now
from models.person import Grant, GridMembership
from process import relations
from process.access import load_actor
from process.clock import local_day
from services import substitutions
from tests.services import fertility


@pytest.fixture(autouse=True)
def nobody_heads(session):
    session.execute(delete(Grant).where(Grant.role == "head"))


def test_a_head_answers_for_the_unit_and_for_those_below_without_one(session, agency, head_of) -> None:
    street = head_of("dispatcher", "dongxin")
    assert relations.is_head(session, street, agency("dongxin"))
    assert relations.is_head(session, street, agency("dx-c01-g1"))
    assert not relations.is_head(session, street, agency("xiacheng"))
    community = head_of("community.clerk", "dx-c01")
    assert relations.is_head(session, community, agency("dx-c01-g1"))
    assert not relations.is_head(session, street, agency("dx-c01-g1"))
    assert relations.is_head(session, street, agency("dx-c02"))
    assert relations.heads_of(session, agency("dx-c01-g1")) == [community.person_id]


def test_a_head_whose_time_is_over_is_none(session, agency, head_of, person) -> None:
    head_of("community.clerk", "dx-c01")
    street = head_of("dispatcher", "dongxin")
    for grant in session.query(Grant).where(Grant.role == "head", Grant.place_id == "dx-c01"):
        grant.until = local_day(now()) - timedelta(days=1)
    session.flush()
    clerk = load_actor(session, person("community.clerk").id, local_day(now()))
    assert not relations.is_head(session, clerk, agency("dx-c01"))
    assert relations.is_head(session, street, agency("dx-c01"))


def test_the_heads_stand_in_answers_meanwhile(session, actor, agency, head_of, person, days) -> None:
    head = head_of("approver", "dongxin-centre")
    substitutions.name(session, head, person("approver"), person("issuer"), until=days(2), reason="出差")
    assert relations.is_head(session, actor("issuer"), agency("dongxin-centre"))


def test_who_leads_the_grid_of_the_applicant(session, actor, person, days) -> None:
    case = fertility.accepted(session, actor)
    case.applicant.grid_id = "dx-c01-g1"
    session.flush()
    session.refresh(case.applicant)
    assert relations.leads_grid_of(session, actor("grid.leader"), case)
    assert not relations.leads_grid_of(session, actor("community.clerk"), case)
    substitutions.name(
        session, actor("admin"), person("grid.leader"), person("community.clerk"), until=days(2), reason="出差"
    )
    assert relations.leads_grid_of(session, actor("community.clerk"), case)
    for member in session.query(GridMembership).where(GridMembership.person_id == person("grid.leader").id):
        member.until = days(-1)
    session.flush()
    assert not relations.leads_grid_of(session, actor("grid.leader"), case)


def test_the_place_says_who_answers_for_it(app, session, client_as, head_of) -> None:
    head_of("approver", "dongxin-centre")
    session.commit()
    page = client_as("admin").get("/places/dongxin-centre").text
    assert "负责人" in page and "欧阳建平" in page and "role=head" in page
    assert "role=head" not in client_as("window.clerk").get("/places/dongxin-centre").text
    form = client_as("admin").get("/access/new?place=dongxin-centre&role=head").text
    assert '<option value="head" selected>' in form
