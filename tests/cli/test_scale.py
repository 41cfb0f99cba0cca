"""`scale load`: a city beside the demo office, with numbers that go on and lists that find what was written."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from models.agency import Agency
from models.content import Content, ContentPlace
from models.ledger import Counter
from models.person import Person
from process import access, pages, transactions
from process.pages import Wanted
from process.refusals import InvalidInput
from services.scale.city import Plan
from tests.kernel.test_world import walked

SMALL = ["scale", "load", "--towns", "2", "--villages", "4", "--points", "6"]


@pytest.mark.req("S4-01")
def test_a_city_of_any_shape_is_written_and_found(app: Flask, session: Session, actor) -> None:
    runner = app.test_cli_runner()
    done = runner.invoke(args=[*SMALL, "--cases", "600"])
    assert done.exit_code == 0, done.output
    kinds = dict(
        session.execute(
            select(Agency.kind, func.count()).where(access.within(Agency.path, "/haining/")).group_by(Agency.kind)
        ).all()
    )
    assert kinds == {"city": 1, "town": 2, "village": 4, "grid": 6}
    first = session.scalar(select(func.count()).select_from(Content))
    session.rollback()
    again = runner.invoke(args=[*SMALL, "--cases", "100", "--journal", "--seed", "7"])
    assert again.exit_code == 0, again.output
    assert session.scalar(select(func.count()).select_from(Content)) == first + 100
    # Numbers are drawn on: the counter stands at the highest one.
    highest = session.scalar(
        select(func.max(Content.number)).where(Content.number.like("DB-2026-%"), Content.district == "haining")
    )
    counter = session.scalar(
        select(Counter.value).where(Counter.series == "delegation", Counter.unit == "haining", Counter.year == 2026)
    )
    assert highest is None or int(highest.rpartition("-")[2]) == counter
    # The copies at second places are what the things say.
    wrong = session.scalar(
        select(func.count()).select_from(ContentPlace).join(Content).where(ContentPlace.acl_id != Content.acl_id)
    )
    assert wrong == 0
    things = session.scalars(select(Content).options(selectinload(Content.places), selectinload(Content.people))).all()
    with transactions.reading():
        for name in ("window.clerk", "supervisor", "courier", "resident"):
            somebody = actor(name)
            seen = {t.id for t in things if access.may(somebody, "view", t, session)}
            assert {key.id for key in walked(session, somebody, Wanted(), pages.DEADLINE, 90)} == seen
    assert (
        session.scalar(select(func.count()).select_from(Person).where(Person.username.like("hn%")))
        == 3 + 2 * 15 + 4 * 4
    )


def test_only_a_demonstration_takes_invented_data(app: Flask) -> None:
    app.config["DAIBAN_DEMO"] = False
    refused = app.test_cli_runner().invoke(args=[*SMALL, "--cases", "10"])
    assert refused.exit_code == 2 and "DAIBAN_DEMO=1" in refused.output


@pytest.mark.parametrize(
    "wrong", [{"cases": 0}, {"cases": 5, "towns": 0}, {"cases": 5, "villages": 3}, {"cases": 5, "points": -1}]
)
def test_a_shape_that_is_no_city_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="应在"):
        Plan(**wrong).check()
