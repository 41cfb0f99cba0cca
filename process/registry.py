"""Names that definitions may use, and the functions behind them. Services register here; the kernel only calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from models.content import Content
from models.person import Person

if TYPE_CHECKING:
    from process.access import Actor
    from process.definition import Transition


@dataclass
class Step:
    """One firing of a transition, handed to requirements and effects."""

    session: Session
    content: Any
    transition: Transition
    actor: Actor
    inputs: dict[str, Any]
    at: datetime
    from_state: str
    on_behalf_of: Person | None = None
    cause: Step | None = None
    # What effects want the journal row to say (no personal data: the journal is for ever).
    details: dict[str, Any] = field(default_factory=dict)
    # Further steps of the same thing, fired once this one is written, so that its history reads in the order of events.
    after: list[Callable[[], Any]] = field(default_factory=list)


Predicate = Callable[[Session, Any, "Actor"], bool]
Requirement = Callable[[Step], None]
Effect = Callable[[Step], None]
# working days promised and allowed by law, for one thing
Duration = Callable[[Any], tuple[int, int | None]]
# builds a new thing of a type from API or form fields
Creator = Callable[[Session, "Actor", Mapping[str, Any]], Content]

predicates: dict[str, Predicate] = {}
requirements: dict[str, Requirement] = {}
effects: dict[str, Effect] = {}
# What somebody is told who may take the step, but for this predicate.
reasons: dict[str, str] = {}
# Fields that an effect fills in, so that nobody types them.
written: dict[str, tuple[str, ...]] = {}
durations: dict[str, Duration] = {}
creators: dict[str, Creator] = {}


# Told of every step taken and of every thing born, in the same transaction:
# session, thing, transition id (or "create"), who, and the step (None at birth).
Listener = Callable[[Session, Any, str, "Actor", "Step | None"], None]
listeners: list[Listener] = []

# Asked before the answers of a thing are changed outside a step: session, thing, who. Refuses by raising.
Editing = Callable[[Session, Any, "Actor"], None]
editing: list[Editing] = []

# Reads for a whole list at once what predicates ask of each row, so that a longer list asks no more questions.
Prefetch = Callable[[Session, Sequence[Content]], None]
prefetches: list[Prefetch] = []

# Freezes a paper named by a transition (`papers: [...]`) into the running transaction; set by services/papers_out.
make_paper: Callable[[Step, str], None] | None = None


def _register(table: dict[str, Any], name: str) -> Callable[[Any], Any]:
    def keep(function: Any) -> Any:
        if name in table and table[name] is not function:
            raise ValueError(f"the name {name} is registered twice")
        table[name] = function
        return function

    return keep


def predicate(name: str, *, why: str = "") -> Callable[[Predicate], Predicate]:
    """Part of a guard: decides whether the button is shown at all; `why` answers those who fire it all the same."""
    if why:
        reasons[name] = why
    return _register(predicates, name)


def requirement(name: str) -> Callable[[Requirement], Requirement]:
    """Checked when fired: raises a Refusal that says what is missing."""
    return _register(requirements, name)


def effect(name: str, *, writes: tuple[str, ...] = ()) -> Callable[[Effect], Effect]:
    """Done after the state has changed, in the same transaction. `writes`: fields of the type that only this effect fills in."""
    if writes:
        written[name] = writes
    return _register(effects, name)


def duration(name: str) -> Callable[[Duration], Duration]:
    return _register(durations, name)


def creator(type_id: str) -> Callable[[Creator], Creator]:
    return _register(creators, type_id)
