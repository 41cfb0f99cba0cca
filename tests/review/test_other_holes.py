"""Ways round a rule that no single step shows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs import worker
from models.base import now
from models.ledger import OutboxItem
from process import engine, outbox
from process.access import tokens
from process.refusals import InvalidInput
from services import editing
from services.errand_posting import create_errand
from tests.services import fertility
from tests.services.test_delegations import open_case


def test_a_counter_does_not_call_itself_online_to_skip_the_ticket(session: Session, actor) -> None:
    for channel in ("online_pc", "self_service_terminal"):
        with pytest.raises(InvalidInput, match="网上渠道"):
            open_case(session, actor("community.clerk"), channel=channel)
    with pytest.raises(InvalidInput, match="居民自己申报"):
        fertility.opened(session, actor("resident"), place="dx-c01", applicant=None, channel="window_street")


def test_an_errand_sent_elsewhere_leaves_the_first_receiver(session: Session, actor) -> None:
    clerk, window = actor("community.clerk"), actor("window.clerk")
    errand = create_errand(
        session,
        clerk,
        {"title": "送补贴申请材料", "purpose": "hand_in", "from_agency": "dx-c01", "to_agency": "dongxin-centre"},
    )
    engine.fire(errand, "post", clerk)
    editing.edit(session, errand, clerk, {"to_agency": "dx-c02"}, expected_version=errand.version)
    assert "window_clerk@addressee" not in tokens(errand, window)
    assert [p.place_id for p in errand.places if p.until is None] == ["dx-c02"]
    with pytest.raises(InvalidInput, match="人人可见"):
        editing.edit(session, errand, clerk, {"title": "送到 5幢 找 13800000018"}, expected_version=errand.version)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_outside_time_is_told_and_no_fault(session: Session, actor, moment: str) -> None:
    with pytest.raises(InvalidInput):
        create_errand(
            session,
            actor("community.clerk"),
            {"title": "送材料", "from_agency": "dx-c01", "to_agency": "dongxin-centre", "window_end": moment},
        )


def test_a_job_that_kills_its_worker_ends_as_a_dead_letter(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    monkeypatch.setitem(
        worker.HANDLERS, "poison", lambda _session, _args: taken.append(1) or (_ for _ in ()).throw(SystemExit)
    )
    item = session.get_one(OutboxItem, outbox.put(session, "poison"))
    session.commit()
    for _ in range(20):
        try:
            worker.do(session, item.id)
        except SystemExit:
            # As after kill -9: the lease runs out, nobody reported anything.
            row = session.get(OutboxItem, item.id, populate_existing=True)
            assert row is not None
            row.leased_until = now() - timedelta(seconds=1)
            session.commit()
    row = session.scalars(
        select(OutboxItem).where(OutboxItem.id == item.id).execution_options(populate_existing=True)
    ).one()
    assert row.status == "dead" and len(taken) == outbox.MAX_LEASES


def test_a_worker_whose_lease_ran_out_leaves_nothing_behind(
    session: Session, actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drawing takes long, somebody else takes over and finishes: the late one changes nothing."""
    from models.paper import Paper
    from services import papers_out

    fertility.accepted(session, actor)
    session.commit()
    item = session.scalars(select(OutboxItem).where(OutboxItem.job == papers_out.RENDER)).first()
    assert item is not None
    second: list[str] = []

    def slow(sheet: papers_out.Sheet) -> bytes:
        if not second:
            second.append("running")
            row = session.get(OutboxItem, item.id, populate_existing=True)
            assert row is not None
            row.leased_until = now() - timedelta(seconds=1)
            session.commit()
            second[0] = worker.do(session, item.id)
            return b"%PDF-late"
        return b"%PDF-first"

    monkeypatch.setattr(papers_out, "draw", slow)
    assert worker.do(session, item.id) == "fenced" and second == ["done"]
    paper = session.get(Paper, item.args["paper_id"], populate_existing=True)
    assert paper is not None and papers_out.pdf(paper) == b"%PDF-first"
