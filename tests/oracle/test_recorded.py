"""What Products.DCWorkflow answered for generated definitions, kept: our walker answers the same, without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from process import plone_reader, plone_walker
from process.plone import PloneDefinition, PlonePermission
from process.plone_walker import PloneWalker
from tests.oracle.comparing import Count, compare, recorded

RECORDED = Path(__file__).parent / "recorded.jsonl.xz"


def compared(until_first: bool = False) -> Count:
    count = Count()
    for number, (asked, answer) in enumerate(recorded(RECORDED)):
        compare(f"recorded {number}", asked, answer, count)
        if until_first and count.differences:
            break
    return count


def test_our_walker_answers_what_dcworkflow_answered() -> None:
    count = compared()
    assert not count.differences, "\n".join(count.differences[:5])
    assert count.definitions >= 80 and count.walks >= 1200
    # The walks go somewhere, and some end at a step that is not available.
    assert count.moved > 300 and count.refused > 300 and count.closed > 5


def _without_groups(walker: PloneWalker) -> tuple[str, ...]:
    return walker.roles


def _always_acquired(walker: PloneWalker, permission: str) -> bool:
    entry = walker.map.get(plone_walker.identifier(permission), PlonePermission((), True))
    here = {*walker.roles_here(), "Anonymous"}
    return bool(here & {*entry.roles, "Manager"}) or plone_walker.identifier(permission) in walker.granted


def _no_bypass(read: Callable[..., PloneDefinition]) -> Callable[..., PloneDefinition]:
    from dataclasses import replace

    return lambda *args: replace(read(*args), manager_bypass=False)


@pytest.mark.parametrize(
    ("where", "what", "wrong"),
    [
        (PloneWalker, "roles_here", _without_groups),
        (PloneWalker, "holds", _always_acquired),
        (PloneWalker, "_settle", lambda walker: True),
        (plone_walker, "identifier", lambda name: name),
        (plone_walker, "ANONYMOUS", "(nobody)"),
        (plone_walker, "SIGNED_IN", "(nobody)"),
        (plone_reader, "read", _no_bypass(plone_reader.read)),
    ],
    ids=["group roles", "acquisition", "automatic", "identifiers", "anonymous", "authenticated", "bypass"],
)
def test_the_comparison_would_notice(monkeypatch: pytest.MonkeyPatch, where: Any, what: str, wrong: Any) -> None:
    monkeypatch.setattr(where, what, wrong)
    assert compared(until_first=True).differences
