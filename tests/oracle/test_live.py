"""A slice of the comparison with Products.DCWorkflow itself, where its environment is there or can be made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from process import plone_reader
from tests.oracle import comparing, generated

SECONDS = 90


@pytest.fixture(scope="module")
def oracle() -> comparing.Oracle:
    command = [sys.executable, str(comparing.HERE / "make_env")]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as made:
        try:
            _, told = made.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(made.pid, signal.SIGKILL)
            pytest.skip(f"the oracle's environment was not made within {SECONDS} s")
    if made.returncode:
        pytest.skip(f"the oracle's environment cannot be made here: {told.strip()}")
    return comparing.Oracle()


@pytest.mark.oracle
@pytest.mark.timeout(SECONDS + 200)
def test_live_answers_agree(oracle: comparing.Oracle) -> None:
    count = comparing.Count()
    paths = comparing.plone_definitions()
    texts = [(path.parent.name, path.read_text("utf-8")) for path in paths]
    texts += [(f"generated {seed}", generated.definition(seed)) for seed in range(9000, 9025)]
    with oracle:
        for number, (name, text) in enumerate(texts):
            definition = plone_reader.read(text.encode(), name)
            asked = comparing.question(text, definition, generated.walks(definition, number, 12))
            comparing.compare(name, asked, oracle.ask(asked), count)
    print(count.line())
    assert len(paths) == 6, "the six definitions of Products.CMFPlone"
    assert not count.differences, "\n".join(count.differences[:5])
