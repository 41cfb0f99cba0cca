"""Every thing × every step of its definition × every account, through the API: only drawn steps, only for whom the guard names."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.access.evaluator import may, step_open, told_who_was_faster
from tests.access.world import World


@pytest.mark.req("S0-34")
@pytest.mark.parametrize("kind", ["case", "delegation", "home_visit", "errand", "certificate"])
def test_steps(world: World, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One thing per state; each step with an empty body, so that nothing but the guard and the state can say yes."""
    states = {}
    for thing in world.things:
        if thing.type == kind:
            states.setdefault(thing.state, thing)
    wrong, count = [], Counter[str]()
    turn = 0
    for thing in states.values():
        for step, spec in thing.definition["transitions"].items():
            leaves = thing.state in spec["from"]
            for who in world.everybody[:-1]:
                turn += 1
                # Steps that do not leave this state are refused to all alike: every fifth is asked.
                if not leaves and turn % 5:
                    continue
                seen, passes = may(who, "view", thing), step_open(who, step, thing)
                answer = world.ask(who, "POST", f"/api/v1/contents/{thing.uid}/actions/{step}", json={})
                status = answer.status_code
                count["passes" if passes else "refused"] += 1
                told = f"{kind} {thing.state} {step} as {who.username}: {status} {answer.get_data(as_text=True)[:200]}"
                if status >= 500:
                    wrong.append(told)
                elif not seen:
                    allowed = (404, 403, 409) if told_who_was_faster(who, step, thing) else (404,)
                    if status not in allowed:
                        wrong.append(f"{told}; should not exist")
                elif not leaves and status != 409:
                    wrong.append(f"{told}; not drawn from this state, should be 409")
                elif leaves and passes is False and status not in (403, 409):
                    wrong.append(f"{told}; the guard says no")
                elif leaves and passes is True and status in (401, 403, 404):
                    wrong.append(f"{told}; the guard says yes")
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:25])
    with capsys.disabled():
        print(f"\nsteps of {kind}: {sum(count.values())} combinations over {len(states)} states ({dict(count)})")


def test_a_step_nobody_drew(world: World) -> None:
    """A made-up step is refused and says which ones there are; to a stranger the thing is not there at all."""
    thing = next(t for t in world.things if t.type == "delegation" and "/dx-c01/" in t.place_path)
    answer = world.ask(world.who("community.clerk"), "POST", f"/api/v1/contents/{thing.uid}/actions/burn", json={})
    assert answer.status_code in (404, 409, 422) and "burn" in answer.get_data(as_text=True)
    answer = world.ask(world.who("neighbour.clerk"), "POST", f"/api/v1/contents/{thing.uid}/actions/burn", json={})
    assert answer.status_code == 404 and "burn" not in answer.get_data(as_text=True)
