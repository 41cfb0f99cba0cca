"""Figures with numerator and base: counted here by hand, there by one statement; who may read them, and what they never show."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import event, update

from models.authority import AuthorityGrant
from models.base import now
from models.case import Case
from models.content import Content
from process import access, engine
from process.clock import calendar, local_day
from process.library import library
from process.numbers import CHINA
from process.refusals import Forbidden, InvalidInput
from services import item_place_changes
from services.reports import levels, lights, listing, scope, volume
from services.reports.scope import Mean
from tests.levels.office import draft, driver, filed, head_of
from tests.services.fertility import opened

STREET_ITEM = "human_social_security_06"
VILLAGE_ITEM = "human_social_security_01"


def when(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), CHINA) + timedelta(hours=10)


def delivered(session, *cases: Case, day: date | None = None) -> None:
    """Walked to the end without the papers, which are not what is counted here."""
    acl = access.view_acl(session, library.workflows["case"], "delivered")
    for case in cases:
        moment = when(day) if day else now()
        session.execute(
            update(Content).where(Content.id == case.id).values(state="delivered", closed_at=moment, acl_id=acl)
        )
        case_row = session.get(Case, case.id)
        case_row.deciding_unit_id = case_row.deciding_unit_id or case_row.place_id
    session.flush()
    session.expire_all()


@pytest.fixture
def some(session, actor):
    """Two at the hall, three at the first community, one at the second, and a draft that counts nowhere."""
    hall, near, far = actor("window.clerk"), actor("community.clerk"), actor("neighbour.clerk")
    made = {
        "hall": [filed(session, hall, STREET_ITEM) for _n in range(2)],
        "near": [filed(session, near, VILLAGE_ITEM) for _n in range(3)],
        "far": [filed(session, far, VILLAGE_ITEM)],
    }
    draft(session, near, VILLAGE_ITEM)
    return made


def this_half(today: date | None = None) -> scope.Period:
    return scope.period_of("", today or local_day(now()))


@pytest.mark.req("S4-06")
def test_volume_by_level_and_point_adds_up_and_leads_to_its_list(session, actor, some, agency):
    """Half-year volume: towns and villages, each point, each number the length of its list."""
    delivered(session, some["near"][0], some["hall"][0])
    reader = actor("statistician")
    seen = scope.scope_of(session, reader)
    counted = volume.volume(session, seen, this_half())
    assert (counted.filed, counted.done) == (6, 2)
    assert counted.of(volume.TOWN) == (2, 1) and counted.of(volume.VILLAGE) == (4, 1)
    lines = {line.agency.id: (line.filed, line.done) for rows in counted.lines.values() for line in rows}
    assert lines == {"dongxin-centre": (2, 1), "dx-c01": (3, 1), "dx-c02": (1, 0)}
    for place, (total, done) in lines.items():
        for state, expected in (("", total), ("delivered", done)):
            rows, more = listing.behind(
                session,
                reader,
                agency(place),
                this_half(),
                state=state,
                exact=place == "dongxin-centre",
                after="",
                limit=50,
                options=(),
            )
            assert (len(rows), more) == (expected, None)
            assert listing.number(session, agency(place), this_half(), state=state) == expected
    ways = {way.channel: (way.filed, way.assisted) for way in volume.by_channel(session, seen, this_half())}
    assert ways == {"window_street": (2, 2), "window_community": (4, 4)}


def test_periods_and_what_is_no_period(session, actor, some):
    today = date(2026, 11, 22)
    half = scope.period_of("2026H1", today)
    assert (half.first, half.last) == (date(2026, 1, 1), date(2026, 6, 30))
    assert (half.begin.isoformat(), half.end.isoformat()) == ("2026-01-01T00:00:00+08:00", "2026-07-01T00:00:00+08:00")
    for key, first, last in (
        ("2025", date(2025, 1, 1), date(2025, 12, 31)),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026-13", date(2026, 7, 1), date(2026, 12, 31)),
        ("9999", date(2026, 7, 1), date(2026, 12, 31)),
        ("1900H1", date(2026, 7, 1), date(2026, 12, 31)),
        ("x' OR 1=1", date(2026, 7, 1), date(2026, 12, 31)),
    ):
        found = scope.period_of(key, today)
        assert (found.first, found.last) == (first, last)
    assert scope.periods(today)[:2] == ["2026H2", "2026H1"]
    empty = volume.volume(session, scope.scope_of(session, actor("statistician")), scope.period_of("2020H1", today))
    assert (empty.filed, empty.lines) == (0, {})


@pytest.mark.req("S2-10")
def test_cases_closed_where_people_live(session, actor, some):
    """小事不出社区: filed and decided in the applicant's community; the street's hall is one step further."""
    delivered(session, *some["hall"], *some["near"], *some["far"])
    # The applicant of all lives in the first community.
    homes = levels.at_home(session, scope.scope_of(session, actor("statistician")), this_half())
    total = homes.total
    assert (total.base, total.community, total.street, total.beyond, homes.unknown) == (6, 3, 3, 0, 0)
    assert [(row.agency.id, row.base, row.community) for row in homes.rows] == [("dx-c01", 6, 3)]
    some["near"][0].deciding_unit_id = "xc-approvals"
    some["near"][1].applicant.community_id = None
    session.flush()
    homes = levels.at_home(session, scope.scope_of(session, actor("statistician")), this_half())
    assert (homes.total.base, homes.unknown) == (0, 6)


def test_decided_beyond_the_street_is_beyond(session, actor, some):
    delivered(session, *some["near"])
    some["near"][0].deciding_unit_id = "xc-approvals"
    session.flush()
    total = levels.at_home(session, scope.scope_of(session, actor("statistician")), this_half()).total
    assert (total.base, total.community, total.street, total.beyond) == (3, 2, 0, 1)


def test_the_catalogue_says_23_and_59_six_departments_and_five_companies(session):
    said = levels.as_catalogued(session)
    assert (said.total, said.direct, said.total - said.direct) == (82, 23, 59)
    assert len(said.departments) == 6 and len(said.companies) == 5


@pytest.mark.req("S3-32")
def test_the_share_decided_under_authority_has_its_base(session, actor):
    """One case decided by the owner itself, two by the approvals office: 2/3, not 100 %."""
    window = driver(session, "water.clerk")
    for _n in range(2):
        case = filed(session, actor("window.clerk"), "balloon_activity")
        case.decided_at = now()
        authority_use(session, case, "xc-weather")
    case = filed(session, actor("window.clerk"), "balloon_activity")
    case.decided_at = now()
    session.flush()
    rows = levels.under_authority(session, scope.scope_of(session, actor("statistician")), this_half())
    weather = next(row for row in rows if row.agency.id == "xc-weather")
    assert (weather.granted, weather.base, weather.items_granted, weather.items) == (2, 3, 1, 1)
    assert len(rows) == 6 and sum(bool(row.items_granted) for row in rows) == 6 and window


def authority_use(session, case, giver):
    from models.authority import AuthorityUse

    grant = session.query(AuthorityGrant).filter_by(from_id=giver).one()
    session.add(AuthorityUse(case_id=case.id, grant_id=grant.id, decided_at=now()))


@pytest.mark.req("S0-38")
def test_pilot_and_others_are_compared_each_over_its_own_base(session, actor, item):
    manager, near, hall = actor("catalogue.manager"), actor("community.clerk"), actor("window.clerk")
    today = local_day(now())
    period = this_half(today)
    item_place_changes.save(
        session, manager, item("fertility_registration_card"), "dx-c01", {"pilot_since": period.first}, 0
    )
    tried = [opened(session, near, place="dx-c01") for _n in range(2)]
    other = opened(session, hall)
    for case, clerk in ((tried[0], near), (tried[1], near), (other, hall)):
        engine.fire(case, "submit", clerk)
    delivered(session, tried[0], other)
    tried[0].trips, other.trips = 0, 2
    for case, days in ((tried[0], 1), (other, 5)):
        case.accepted_at = when(date(2026, 11, 2))
        case.decided_at = when(calendar(session).add_working_days(date(2026, 11, 2), days))
    session.flush()
    trial = levels.trials(session, scope.scope_of(session, actor("supervisor")), period)[0]
    pilot, rest = trial.pilot, trial.others
    assert (pilot.filed, pilot.delivered, pilot.once, pilot.zero, pilot.communities) == (2, 1, 1, 1, 1)
    assert (rest.filed, rest.delivered, rest.once, rest.zero, rest.communities) == (1, 1, 0, 0, 15)
    assert (pilot.mean.value, pilot.mean.base, rest.mean.value, rest.mean.base) == (1.0, 1, 5.0, 1)
    assert levels.trials(session, scope.scope_of(session, actor("supervisor")), scope.period_of("2020H1", today)) == []


@pytest.mark.req("S4-04", "S4-23")
def test_powers_are_counted_with_the_mean_of_decided_cases(session, actor):
    hall = actor("window.clerk")
    start = date(2026, 11, 2)
    for days in (0, 1, 2):
        case = filed(session, hall, "commercial_registration")
        case.accepted_at, case.decided_at = when(start), when(calendar(session).add_working_days(start, days))
    filed(session, hall, "commercial_registration")
    session.flush()
    found = levels.powers(session, scope.scope_of(session, actor("statistician")), this_half())
    (row,) = found
    assert (len(row.items), row.completable, row.mean.value, row.mean.base) == (5, 3, 1.0, 3)


def test_a_year_without_a_calendar_is_told_not_guessed(session):
    mean = scope.working_days(
        session, [("2026-11-02", "2026-11-03", 2), ("2099-01-05", "2099-01-06", 4), (None, None, 9)]
    )
    assert mean == Mean(2, 2, 4) and Mean().value is None


@pytest.mark.req("S2-06")
def test_lamps_count_every_open_case_once(session, actor, some, agency):
    """Every case carries a limit; red is late or due today, yellow has up to two working days."""
    today = date(2026, 11, 18)
    edge = lights.borders(session, today)
    assert (edge.red, edge.yellow) == (
        when(date(2026, 11, 19)) - timedelta(hours=10),
        when(date(2026, 11, 21)) - timedelta(hours=10),
    )
    cases = [*some["near"], *some["hall"], *some["far"]]
    dates = (date(2026, 11, 10), today, date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23), None)
    for case, due in zip(cases, dates, strict=True):
        assert case.deadline is not None
        session.execute(update(Content).where(Content.id == case.id).values(deadline=when(due) if due else None))
    session.expire_all()
    reader = actor("supervisor")
    counts = lights.counts(session, reader, today)
    assert counts == {"red": 2, "yellow": 2, "green": 1, "grey": 1}
    for colour, number in counts.items():
        rows, after = lights.page(session, reader, colour, today, limit=50, options=())
        assert (len(rows), after) == (number, None) and {lights.colour_of(c.deadline, edge) for c in rows} == {colour}
    first, after = lights.page(session, reader, "red", today, limit=1, options=())
    second, end = lights.page(session, reader, "red", today, limit=1, options=(), after=after)
    assert [first[0].id, second[0].id] == [cases[0].id, cases[1].id] and end is None
    assert sum(lights.counts(session, actor("community.clerk"), today).values()) == 3
    assert sum(lights.counts(session, reader, today, agency("dx-c02")).values()) == 1
    assert sum(lights.counts(session, actor("courier"), today).values()) == 0


def test_whose_figures_somebody_reads(session, actor, some):
    for name in ("window.clerk", "resident", "admin", "courier"):
        with pytest.raises(Forbidden):
            scope.scope_of(session, actor(name))
    with pytest.raises(InvalidInput, match="不在您的统计范围内"):
        scope.scope_of(session, head_of(session, "community.clerk", "dx-c01"), "dx-c02")
    own = volume.volume(session, scope.scope_of(session, driver(session, "community.clerk")), this_half())
    assert own.filed == 3 and list(own.lines) == [volume.VILLAGE]
    assert [a.id for a in scope.places(session, driver(session, "community.clerk"))] == ["dx-c01"]


def test_a_report_asks_few_statements_however_many_cases(session, actor, some):
    seen = scope.scope_of(session, actor("statistician"))
    asked: list[str] = []

    def note(_c, _cursor, statement, *_rest):
        asked.append(statement)

    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        for report in (volume.volume, levels.at_home, levels.under_authority, levels.powers, levels.trials):
            session.expire_all()
            asked.clear()
            report(session, seen, this_half())
            assert len(asked) <= 6, report
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("report", "index"),
    [
        (volume.volume, "ix_content_case_created"),
        (volume.by_channel, "ix_content_case_created"),
        (levels.at_home, "ix_content_case_closed"),
    ],
)
def test_figures_read_the_index_of_their_period(session, report, index):
    """A half-year of a city is counted from the index of cases by day, not from every case."""
    asked: list[tuple[str, object]] = []

    def note(_c, _cursor, statement, parameters, *_rest):
        asked.append((statement, parameters))

    event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        report(session, scope.Scope(("/hangzhou/",)), scope.period_of("2026H2", date(2026, 11, 20)))
    finally:
        event.remove(session.get_bind(), "before_cursor_execute", note)
    statement, parameters = next(pair for pair in asked if "count" in pair[0])
    plan = " ".join(
        row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    )
    assert f"USING INDEX {index}" in plan or f"USING COVERING INDEX {index}" in plan
