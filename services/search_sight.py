"""What an actor may see, said twice for a search: as terms that lead the index there, and as the exact condition on each row found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, exists, false, or_, select
from sqlalchemy.orm import Session

from models.content import Content, ContentPerson, ContentPlace
from process import access
from process.access import ORIGIN, SECOND_RELATIONS, VIEW, Actor
from process.library import library
from process.shelves import Shelf, holding, shelves
from process.terms import Asked, every, some
from services.search_index import person_term, place_term, type_term

# A question with a long list of types costs more than the rows it would spare.
FEW_TYPES = 4
_C: Table = Content.__table__  # type: ignore[assignment]
_P: Table = ContentPlace.__table__  # type: ignore[assignment]
_D: Table = ContentPerson.__table__  # type: ignore[assignment]


class Reach:
    """The ways in which this actor sees things, each as a question to the index and as a condition."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self.actor = actor
        self.known = shelves(session)
        self.asked: list[Asked] = []
        # Some way leads everywhere, so the index is asked for the words alone.
        self.everywhere = False
        self.conditions: list[ColumnElement[bool]] = []
        self._by_themselves()
        self._drawn_in()
        for path, roles in access.roles_at(actor).items():
            self._post(path, roles)
        for path, people in access.absent_at(actor).items():
            self._absent(path, people)

    def question(self) -> Asked | None:
        """Where to look; None: everywhere, or nowhere when there is no condition either."""
        return some(*self.asked) if self.asked and not self.everywhere else None

    def condition(self) -> ColumnElement[bool]:
        """Asked of every row the index names, by the row itself: nothing larger is read for it."""
        return or_(*self.conditions) if self.conditions else false()

    def _acls(self, tokens: Iterable[str]) -> list[Shelf]:
        return holding(self.known, tokens)

    def _add(self, found: Sequence[Shelf], condition: ColumnElement[bool] | None, *terms: str) -> None:
        if not found:
            return
        seen = _C.c.acl_id.in_([shelf.id for shelf in found])
        self.conditions.append(seen if condition is None else and_(condition, seen))
        self._lead(some(terms=terms) if terms else None, found)

    def _lead(self, where: Asked | None, found: Iterable[Shelf]) -> None:
        kinds = _types_on(found)
        few = some(terms=map(type_term, kinds)) if kinds is not None and len(kinds) <= FEW_TYPES else None
        if where is None and few is None:
            self.everywhere = True
        else:
            self.asked.append(every(where, few))

    def _by_themselves(self) -> None:
        actor = self.actor
        self._add(self._acls({"anyone"}), None)
        if actor.person_id is None or actor.acting_for is not None:
            return
        self._add(self._acls({"owner"}), _C.c.owner_id == actor.person_id, person_term("o", actor.person_id))
        self._add(self._acls({"assignee"}), _C.c.assignee_id == actor.person_id, person_term("a", actor.person_id))
        if actor.resident_id is not None:
            mine = _C.c.applicant_id == actor.resident_id
            self._add(self._acls({"applicant"}), mine, person_term("r", actor.resident_id))

    def _drawn_in(self) -> None:
        people = sorted(self.actor.persons)
        relations = [name for name, given in library.participants.items() if VIEW in given]
        if not people or not relations:
            return
        self.conditions.append(
            exists().where(
                _D.c.content_id == _C.c.id,
                _D.c.person_id.in_(people),
                _D.c.until.is_(None),
                _D.c.relation.in_(relations),
            )
        )
        self.asked.append(some(terms=(person_term("d", one) for one in people)))

    def _post(self, path: str, roles: set[str]) -> None:
        here = self._acls(access.tokens_at(roles, ORIGIN))
        further = {
            relation: found for relation in SECOND_RELATIONS if (found := self._acls(access.tokens_at(roles, relation)))
        }
        conditions = [and_(access.within(_C.c.place_path, path), _C.c.acl_id.in_([s.id for s in here]))] if here else []
        if further:
            conditions.append(
                exists().where(
                    _P.c.content_id == _C.c.id,
                    _P.c.until.is_(None),
                    access.within(_P.c.place_path, path),
                    or_(*(and_(_P.c.relation == r, _C.c.acl_id.in_([s.id for s in f])) for r, f in further.items())),
                )
            )
        if not conditions:
            return
        self.conditions.append(or_(*conditions))
        self._lead(_below(path), [*here, *(one for found in further.values() for one in found)])

    def _absent(self, path: str, people: set[int]) -> None:
        """What lies with those one stands in for, where their post is held."""
        found = self._acls({"assignee"})
        if not found:
            return
        there = exists().where(_P.c.content_id == _C.c.id, _P.c.until.is_(None), access.within(_P.c.place_path, path))
        self.conditions.append(
            and_(
                _C.c.assignee_id.in_(sorted(people)),
                _C.c.acl_id.in_([shelf.id for shelf in found]),
                or_(access.within(_C.c.place_path, path), there),
            )
        )
        self.asked.append(some(terms=(person_term("a", one) for one in people)))


def _below(path: str) -> Asked | None:
    named = path.strip("/").split("/")[-1]
    return some(terms=[place_term(named)]) if named else None


def _types_on(found: Iterable[Shelf]) -> list[str] | None:
    """The types whose things can stand on these shelves; None: any."""
    workflows = {shelf.workflow for shelf in found}
    if None in workflows:
        return None
    kinds = [kind.id for kind in library.types.values() if kind.workflow in workflows]
    return None if len(kinds) == len(library.types) else sorted(kinds)


def about_ids(
    session: Session, actor: Actor, columns: Sequence[Any], *conditions: ColumnElement[bool], most: int
) -> Sequence[Any]:
    """The newest things this actor may see among those that a condition with an index of its own leads to."""
    statement: Any = select(*columns).where(*conditions, Reach(session, actor).condition())
    return session.execute(statement.order_by(_C.c.id.desc()).limit(most)).all()
