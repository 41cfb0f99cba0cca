"""The things of an invented city: types, states, ages, holders and deadlines as an office has them, in rows ready to be written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from models.base import Base, now
from models.case import ServiceItem
from models.content import Content
from models.ledger import Counter
from models.tiers import tiers_of
from process import access, numbers
from process.content_types import ContentType
from process.definition import Definition
from process.library import library
from services.scale.city import Plan, Spot, World

# Of a hundred things: what they are. Types without Python share what is left.
SHARES = {"case": 48, "errand": 16, "delegation": 12, "certificate": 10, "home_visit": 6}
GENERIC_SHARE = 8
# What is not finished yet, and for how long things have been filed here.
OPEN_SHARE, DAYS, BACKLOG_DAYS = 0.08, 1100, 40
# The demo office has at least this much, so that its accounts have full lists in a small world too.
OFFICE_LEAST = 4000
BATCH = 20_000
TABLES = ("content", "case_file", "errand", "delegation", "certificate", "home_visit", "content_place")
PURPOSES = ("deliver_result", "fetch_papers", "hand_in")
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Sort:
    """One type with its states, split into those where work goes on and those where it ended."""

    kind: ContentType
    definition: Definition
    open_states: tuple[str, ...]
    closed_states: tuple[str, ...]
    closed_weights: tuple[int, ...]
    acls: dict[str, int]


def columns_of(table: str) -> list[str]:
    """The columns in the order in which rows are given."""
    return [column.name for column in Base.metadata.tables[table].columns]


class Things:
    """Makes rows batch by batch; counters of the numbers are kept and written at the end."""

    def __init__(self, session: Session, plan: Plan, world: World, first: int, first_place: int) -> None:
        self.plan, self.world = plan, world
        self.luck = Random(plan.seed + first)
        self.next, self.next_place = first, first_place
        self.at = now().replace(microsecond=0)
        self.sorts = _sorts(session)
        self.items = list(session.execute(select(ServiceItem.id, ServiceItem.title).order_by(ServiceItem.id)))
        self.counters = {(c.series, c.unit, c.year): c.value for c in session.scalars(select(Counter))}
        self.last_case = 0
        self._content = _Row(Base.metadata.tables["content"])
        self._place = _Row(Base.metadata.tables["content_place"])
        self._own = {name: _Row(Base.metadata.tables[name]) for name in TABLES[1:-1]}

    def batches(self) -> Iterator[tuple[int, Rows]]:
        """How many are made so far, and the rows of the next batch."""
        office = min(
            self.plan.cases, max(min(OFFICE_LEAST, self.plan.cases * 2 // 5), self.plan.cases // (self.plan.towns + 1))
        )
        made = 0
        for spots, wanted in ((self.world.office, office), (self.world.city, self.plan.cases - office)):
            weights = list(accumulate(spot.weight for spot in spots))
            while wanted > 0:
                size = min(BATCH, wanted)
                rows: Rows = {name: [] for name in TABLES}
                for spot in self.luck.choices(spots, cum_weights=weights, k=size):
                    self._one(spot, rows)
                made, wanted = made + size, wanted - size
                yield made, rows

    def _one(self, spot: Spot, rows: Rows) -> None:
        luck = self.luck
        sort = luck.choices(self.sorts[0], cum_weights=self.sorts[1])[0]
        if sort.kind.kind == "certificate" and not self.last_case:
            sort = self.sorts[0][0]
        going_on = bool(sort.open_states) and (luck.random() < OPEN_SHARE or not sort.closed_states)
        state = (
            luck.choice(sort.open_states)
            if going_on
            else luck.choices(sort.closed_states, cum_weights=sort.closed_weights)[0]
        )
        age = luck.random() * (BACKLOG_DAYS if going_on else DAYS) * 86400
        created = self.at - timedelta(seconds=int(age) + 60)
        moved = created + timedelta(seconds=int(age * luck.random() * (1 if going_on else 0.1)))
        due = sort.definition.states[state].due
        content_id, self.next = self.next, self.next + 1
        number = self._number(sort.kind, spot, created)
        kind = sort.kind.kind
        item_id, item_title = luck.choice(self.items)
        title = item_title if kind in ("case", "home_visit") else f"{sort.kind.title.zh}：{item_title}"
        held = going_on and state not in ("draft", "posted", "open")
        assignee = None
        if kind == "errand" and (held or (not going_on and spot.couriers)):
            assignee = luck.choice(spot.couriers) if spot.couriers else None
        elif held and luck.random() < 0.4:
            people = spot.reviewers if luck.random() < 0.5 and spot.reviewers else spot.clerks
            assignee = luck.choice(people) if people else None
        second = (
            spot.centre_path != spot.path
            and kind in ("case", "delegation", "errand")
            and state not in ("draft", "posted")
        )
        rows["content"].append(
            self._content.of(
                id=content_id,
                uid=f"scale-{content_id:016d}",
                kind=kind,
                type=sort.kind.id,
                number=number,
                title=title[:200],
                place_id=spot.id,
                place_path=spot.path,
                **_tiers(spot.path),
                district=spot.district,
                workflow=sort.definition.id,
                workflow_version=sort.definition.digest,
                state=state,
                acl_id=sort.acls[state],
                owner_id=luck.choice(spot.clerks) if spot.clerks else None,
                assignee_id=assignee,
                unit_id=spot.centre if second and luck.random() < 0.5 else spot.id,
                applicant_id=luck.choice(spot.residents) if spot.residents and kind != "delegation" else None,
                deadline=moved + timedelta(seconds=luck.randrange(-3 * 86400, 25 * 86400))
                if going_on and due
                else None,
                created_at=created,
                modified_at=moved,
                entered_at=moved,
                closed_at=None if going_on else moved,
                version=1 + luck.randrange(8),
                search_text=f"{number or ''} {title}"[:500],
            )
        )
        own = self._own_row(kind, content_id, spot, item_id, created, moved)
        if own:
            table, row = own
            rows[table].append(row)
        if second and (going_on or kind == "case" or luck.random() < 0.5):
            place_id, self.next_place = self.next_place, self.next_place + 1
            deadline_copy = rows["content"][-1][self._content.position["deadline"]]
            rows["content_place"].append(
                self._place.of(
                    id=place_id,
                    content_id=content_id,
                    relation="addressee",
                    place_id=spot.centre,
                    place_path=spot.centre_path,
                    **_tiers(spot.centre_path),
                    cause=kind,
                    cause_uid=f"scale-{content_id:016d}",
                    since=moved,
                    # A case stays in sight of the unit that decided it; a ticket does not.
                    until=None if going_on or kind == "case" else moved,
                    acl_id=sort.acls[state],
                    due_at=deadline_copy,
                    made_at=created,
                )
            )

    def _own_row(
        self, kind: str, content_id: int, spot: Spot, item_id: int, created: datetime, moved: datetime
    ) -> tuple[str, tuple[Any, ...]] | None:
        luck = self.luck
        if kind == "case":
            self.last_case = content_id
            return "case_file", self._own["case_file"].of(
                id=content_id, item_id=item_id, channel="window_street", deciding_unit_id=spot.centre, filed_at=created
            )
        if kind == "errand":
            return "errand", self._own["errand"].of(
                id=content_id,
                purpose=luck.choice(PURPOSES),
                from_agency_id=spot.id,
                to_agency_id=spot.centre,
                window_end=moved + timedelta(hours=4),
            )
        if kind == "delegation":
            return "delegation", self._own["delegation"].of(id=content_id, addressee_id=spot.centre)
        if kind == "home_visit":
            return "home_visit", self._own["home_visit"].of(id=content_id, item_id=item_id, slot_start=moved)
        if kind == "certificate":
            return "certificate", self._own["certificate"].of(
                id=content_id, case_id=self.last_case, paper_kind="fertility_certificate", holder_name="（规模数据）"
            )
        return None

    def _number(self, kind: ContentType, spot: Spot, created: datetime) -> str | None:
        series = kind.series
        if series is None:
            return None
        unit = spot.coded if series.per == "unit" else spot.district
        year = created.astimezone(numbers.CHINA).year
        value = self.counters[series.name, unit, year] = self.counters.get((series.name, unit, year), 0) + 1
        return numbers.plain(series.prefix or spot.code, year, value, series.digits)


class _Row:
    """A tuple in the order of the columns, from the values that differ; the others have the column's own default."""

    def __init__(self, table: Table) -> None:
        self.position = {column.name: place for place, column in enumerate(table.columns)}
        self._blank = [_default(column) for column in table.columns]

    def of(self, **values: Any) -> tuple[Any, ...]:
        row = self._blank.copy()
        for name, value in values.items():
            row[self.position[name]] = value
        return tuple(row)


def _default(column: Any) -> Any:
    default = column.default
    if default is None or not (default.is_scalar or default.is_callable):
        return None
    if default.is_scalar:
        return default.arg
    # `dict`, `list`; what looks at the row (tiers) or the clock is always given.
    name = getattr(default.arg, "__name__", "")
    return {"dict": {}, "list": []}.get(name)


_TIERS: dict[str, dict[str, str | None]] = {}


def _tiers(path: str) -> dict[str, str | None]:
    found = _TIERS.get(path)
    if found is None:
        found = _TIERS[path] = {f"tier{level}": one for level, one in enumerate(tiers_of(path), 1)}
    return found


def _sorts(session: Session) -> tuple[list[Sort], list[float]]:
    """The types with how often they come, and all acls of all states, so that lists mix what a real office mixes."""
    made, weights = [], []
    known = {mapper.polymorphic_identity for mapper in Content.__mapper__.self_and_descendants}
    generic = [t for t in library.types.values() if t.kind == "content"]
    for kind in sorted(library.types.values(), key=lambda t: t.id != "case"):
        if kind.kind not in known or (kind.kind != "content" and kind.id not in SHARES):
            continue
        definition = library.workflows[kind.workflow]
        ended = [s for s in definition.states.values() if s.terminal]
        made.append(
            Sort(
                kind,
                definition,
                tuple(s.id for s in definition.states.values() if not s.terminal),
                tuple(s.id for s in ended),
                tuple(accumulate(8 if s.usual else 1 for s in ended)),
                {state: access.view_acl(session, definition, state) for state in definition.states},
            )
        )
        weights.append(SHARES.get(kind.id) or GENERIC_SHARE / len(generic))
    return made, list(accumulate(weights))


def years() -> range:
    """For which years numbers may have been drawn."""
    return range((now() - timedelta(days=DAYS + 1)).astimezone(UTC).year, now().year + 1)
