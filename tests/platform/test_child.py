"""One child's log: what it said last, and that it does not grow for ever."""

import sys

import pytest

from supervisor import child as module
from supervisor.child import Child, Process

pytestmark = pytest.mark.platform


def run(tmp_path, environ_for, code):
    process = Process(Child("web", (sys.executable, "-c", code), stage=0), tmp_path, environ_for(), str(tmp_path))
    process.start()
    assert process._popen
    process._popen.wait()
    assert process.ended() == 0
    return process


def test_the_last_lines_are_those_of_the_latest_start(tmp_path, environ_for):
    run(tmp_path, environ_for, "print('yesterday')")
    process = run(tmp_path, environ_for, "print('代办'); print(); print('today')")
    assert process.last_lines() == ["代办", "today"]
    assert process.last_lines(1) == ["today"]
    assert "yesterday" in process.log.read_text()


def test_a_log_is_trimmed_and_keeps_one_older_copy(tmp_path, environ_for, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_LOG", 100)
    run(tmp_path, environ_for, "print('x' * 200)")
    process = run(tmp_path, environ_for, "print('new')")
    assert process.log.read_text() == "new\n"
    assert (tmp_path / "web.log.1").read_text() == "x" * 200 + "\n"


def test_a_shared_folder_is_empty_at_each_start_and_told(tmp_path, environ_for):
    folder = tmp_path / "run" / "metrics"
    code = (
        "import os, pathlib; shared = pathlib.Path(os.environ['SHARED']); "
        "print(len(list(shared.iterdir()))); (shared / 'x').touch()"
    )
    for _ in range(2):
        child = Child("web", (sys.executable, "-c", code), stage=0, shares=("SHARED", folder))
        process = Process(child, tmp_path, environ_for(), str(tmp_path))
        process.start()
        assert process._popen
        process._popen.wait()
        assert process.last_lines() == ["0"]
    assert [path.name for path in folder.iterdir()] == ["x"]
