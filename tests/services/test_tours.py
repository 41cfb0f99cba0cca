"""Tours: pick up before delivering, in time, within the limit; given out together; in order again when one drops out."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import now
from models.courier import CourierTour
from models.errand import Errand
from models.notice import Notice
from process import engine
from process.access import Actor
from process.refusals import RequirementUnmet
from services import tour_solver, tours
from services.errand_posting import create_errand
from services.tour_solver import AT_DOOR, AT_FETCH, Load, Plan, Runner, seconds_between

Act = Callable[[str], Actor]
ERRANDS, COURIERS = int(os.environ.get("TOUR_ERRANDS", "50")), 8


def district(seed: int, count: int = ERRANDS) -> tuple[list[Runner], list[Load]]:
    """Couriers in the communities and errands between them and the centre, with an end for two of three."""
    luck = random.Random(seed)
    places = [(luck.uniform(0, 2400), luck.uniform(0, 2400)) for _ in range(20)]
    runners = [Runner(n, luck.choice(places), 0, 8 * 3600, 12) for n in range(COURIERS)]
    loads = [
        Load(n, luck.choice(places), luck.choice(places), luck.choice([None, 3 * 3600, 5 * 3600])) for n in range(count)
    ]
    return runners, loads


def checked(plan: Plan, runners: list[Runner], loads: list[Load]) -> int:
    """Every stop reached no sooner than the way allows, fetched before delivered, in time, within the limit; answers the seconds."""
    known, seen, way = {load.id: load for load in loads}, set(), 0
    for runner in runners:
        here, clock, on_board, fresh = runner.start, runner.begin, set(), 0
        for stop in plan.stops[runner.id]:
            load = known[stop.load]
            there = load.fetch if stop.fetches else load.deliver
            assert there is not None
            leg = seconds_between(here, there)
            assert stop.at >= clock + leg
            way, here = way + leg, there
            clock = stop.at + (AT_FETCH if stop.fetches else AT_DOOR)
            if stop.fetches:
                on_board.add(load.id)
                fresh += load.only is None
            else:
                assert load.id in on_board or load.fetch is None, "fetched before it is delivered"
                assert load.until is None or stop.at <= load.until or stop.late
                on_board.discard(load.id)
                assert load.id not in seen, "delivered once"
                seen.add(load.id)
            assert load.only in (None, runner.id)
        assert not on_board and fresh <= runner.room
    assert seen | set(plan.left) == set(known) and not seen & set(plan.left)
    return way


def one_after_the_other(runners: list[Runner], loads: list[Load]) -> int:
    """What a dispatcher would do without a plan: each errand to whoever is nearest, one errand at a time."""
    here, way = {one.id: one.start for one in runners}, 0
    for load in loads:
        assert load.fetch is not None
        who = min(here, key=lambda one: seconds_between(here[one], load.fetch or load.deliver))
        way += seconds_between(here[who], load.fetch) + seconds_between(load.fetch, load.deliver)
        here[who] = load.deliver
    return way


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_the_street_is_planned_within_its_windows_and_limits(seed: int) -> None:
    runners, loads = district(seed)
    way = checked(plan := tour_solver.solve(runners, loads), runners, loads)
    assert not plan.left and way < one_after_the_other(runners, loads) / 2


def test_what_is_on_somebodys_back_stays_there_and_goes_although_late() -> None:
    runners = [Runner(1, (0, 0), 0, 3600, 1), Runner(2, (100, 0), 0, 3600, 1)]
    loads = [
        Load(7, None, (2000, 0), until=60, only=1),
        Load(8, (110, 0), (120, 0)),
        Load(9, (130, 0), (140, 0)),
        Load(10, (5, 0), (9, 0)),
    ]
    plan = tour_solver.solve(runners, loads)
    checked(plan, runners, loads)
    assert [stop.load for stop in plan.stops[1] if stop.late] == [7] and len(plan.left) == 1


def test_without_the_library_the_dispatcher_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tour_solver.importlib, "import_module", missing)
    runners, loads = district(1, 2)
    with pytest.raises(RequirementUnmet, match="没有装路线规划组件"):
        tour_solver.solve(runners, loads)


# --- by page ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def board(session: Session, actor: Act) -> list[Errand]:
    """Four errands of the street on the board."""
    made = []
    for number, (start, end) in enumerate(
        (("dx-c01", "dongxin-centre"), ("dx-c02", "dongxin-centre"), ("dongxin-centre", "dx-c03"), ("dx-c01", "dx-c02"))
    ):
        fields = {
            "title": f"送第{number}份材料",
            "purpose": "hand_in",
            "place": "dongxin",
            "from_agency": start,
            "to_agency": end,
        }
        errand = create_errand(
            session, actor("dispatcher"), {**fields, "window_end": (now() + timedelta(hours=30)).isoformat()}
        )
        engine.fire(errand, "post", actor("dispatcher"))
        made.append(errand)
    session.commit()
    return made


@pytest.mark.req("S2-23")
def test_errands_are_given_out_as_one_tour_and_put_in_order_again_when_one_drops_out(
    session: Session, actor: Act, person: Callable, client_as: Callable[[str], FlaskClient], board: list[Errand]
) -> None:
    dispatcher, courier = client_as("dispatcher"), client_as("courier")
    assert board[0].title in dispatcher.get("/errands/tours").text
    nobody = dispatcher.post("/errands/tours", data={"errands": [board[0].uid]})
    assert nobody.status_code == 422 and "请至少选一位跑腿工" in nobody.text
    planned = dispatcher.post("/errands/tours", data={"couriers": ["courier", "courier2"]}, follow_redirects=True)
    assert planned.status_code == 200 and "已指派并通知" in planned.text
    session.expire_all()
    assert {one.state for one in board} == {"assigned"}
    made = session.scalars(select(CourierTour)).all()
    tour = max(made, key=lambda one: len(one.stops))
    who = {one.id: one.username for one in (person("courier"), person("courier2"))}[tour.person_id]
    client = courier if who == "courier" else client_as("courier2")
    page = client.get(f"/errands/tours/{tour.uid}")
    assert page.status_code == 200 and "<svg" in page.text and "位置是示意的" in page.text and "style=" not in page.text
    assert "看今天的路线" in client.get("/errands/mine").text
    assert client_as("window.clerk").get(f"/errands/tours/{tour.uid}").status_code == 404
    before = len(tour.stops)
    first = tour.stops[0].errand
    client.post(f"/errands/{first.uid}/release", data={"comment": "临时有事"})
    session.expire_all()
    assert first.state == "open" and len(tour.stops) == before - 2 and tour.revision == 2
    assert all(stop.errand_id != first.id for stop in tour.stops)
    assert session.scalar(select(Notice.id).where(Notice.kind == "tour:changed", Notice.person_id == tour.person_id))
    assert "重排过" in client.get(f"/errands/tours/{tour.uid}").text


def test_a_home_is_a_stop_in_the_community_its_address_names(
    session: Session, actor: Act, client_as: Callable[[str], FlaskClient]
) -> None:
    """The way leads to the community, the page names the door; the courier who does not carry it reads neither."""
    door = "杭州市下城区东新街道万家星城社区文晖路31幢1单元1102室"
    fields = {
        "title": "送卡到家",
        "purpose": "deliver_result",
        "place": "dongxin",
        "from_agency": "dongxin-centre",
        "to_address": door,
    }
    errand = create_errand(session, actor("dispatcher"), fields)
    engine.fire(errand, "post", actor("dispatcher"))
    made, left = tours.plan(session, actor("dispatcher"), {"couriers": ["courier"], "errands": [errand.uid]})
    assert [stop.place_id for stop in made[0].stops] == ["dongxin-centre", "dx-c01"] and left == 0
    session.commit()
    path = f"/errands/tours/{made[0].uid}"
    page = client_as("courier").get(path).text
    assert door in page and "已取" not in page
    assert client_as("courier2").get(path).status_code == 404


def test_a_tour_without_errands_is_over(session: Session, actor: Act, board: list[Errand]) -> None:
    made, left = tours.plan(session, actor("dispatcher"), {"couriers": ["courier"], "errands": [board[0].uid]})
    assert len(made) == 1 and left == 0
    engine.fire(board[0], "cancel", actor("dispatcher"), inputs={"comment": "不用了"})
    assert made[0].state == "dropped" and made[0].stops == []


def test_positions_are_drawn_from_the_grids_and_entered_ones_win(session: Session, agency: Callable) -> None:
    board = tours.map_of(session, agency("dongxin"))
    assert len(board.communities) == 16 and sum(len(cell.grids) for cell in board.cells()) == 56
    invented = board.spot(agency("dx-c01-g1"))
    assert invented.invented and board.spot(agency("dx-c01-point")) == board.spot(agency("dx-c01"))
    agency("dx-c01").details = {**agency("dx-c01").details, "position": [12, 34]}
    assert board.spot(agency("dx-c01-point")) == type(invented)(12.0, 34.0, False)
