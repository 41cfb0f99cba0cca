"""Servers spoiled on purpose, one fault each; the judge of the histories must find every one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from models.field import FieldOp
from services.field import ops, verbs

Spoil = Callable[[pytest.MonkeyPatch], None]


def forgets_what_it_did(patch: pytest.MonkeyPatch) -> None:
    """Whatever is sent twice is done twice."""
    known, remember = ops._known, ops._remember

    def forgetful(session: Any, actor: Any, names: Any) -> Any:
        found = known(session, actor, names)
        found.pop(names[0], None)
        return found

    def over(session: Any, actor: Any, device: Any, op: Any, *rest: Any) -> None:
        mine = (FieldOp.person_id == actor.person_id, FieldOp.op_id == op.op_id)
        session.execute(delete(FieldOp).where(*mine).execution_options(synchronize_session="fetch"))
        remember(session, actor, device, op, *rest)

    patch.setattr(ops, "_known", forgetful)
    patch.setattr(ops, "_remember", over)


def last_writer_wins(patch: pytest.MonkeyPatch) -> None:
    """What a phone saw of the register is not compared with what stands there."""
    review = verbs._review

    def blind(session: Any, actor: Any, op: Any, base: Any) -> Any:
        here = verbs.care_values(verbs.care.load(session, actor, int(op.thing)))
        return review(session, actor, replace(op, seen=here), base)

    patch.setattr(verbs, "KINDS", {**verbs.KINDS, "review": blind})


def steps_without_a_version(patch: pytest.MonkeyPatch) -> None:
    """A step is taken although the thing changed since the phone saw it."""
    step = verbs._step
    patch.setattr(
        verbs, "KINDS", {**verbs.KINDS, "step": lambda session, actor, op, _base: step(session, actor, op, None)}
    )


def says_yes_and_does_nothing(patch: pytest.MonkeyPatch) -> None:
    """Every fifth line of the log is acknowledged and not written."""
    create, count = verbs._create, [0]

    def lazy(session: Any, actor: Any, op: Any, base: Any) -> Any:
        count[0] += 1
        return verbs.Result("none") if count[0] % 5 == 0 else create(session, actor, op, base)

    patch.setattr(verbs, "KINDS", {**verbs.KINDS, "create": lazy})


def takes_things_as_they_come(patch: pytest.MonkeyPatch) -> None:
    """What a thing builds on is not waited for, and a batch is worked off from its end."""
    read, one = ops.read, ops._one

    def out_of_order(raw: Any, actor: Any) -> Any:
        op = read(raw, actor)
        return replace(op, seq=2**40 - op.seq)

    def at_once(session: Any, actor: Any, device: Any, op: Any, body: str) -> Any:
        return one(session, actor, device, replace(op, after=()), body)

    patch.setattr(ops, "read", out_of_order)
    patch.setattr(ops, "_one", at_once)


BROKEN: Mapping[str, Spoil] = {
    spoil.__name__: spoil
    for spoil in (
        forgets_what_it_did,
        last_writer_wins,
        steps_without_a_version,
        says_yes_and_does_nothing,
        takes_things_as_they_come,
    )
}
