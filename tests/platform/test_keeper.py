"""The keeper with real processes: restart, back-off, order of the stop, and nobody left behind."""

import os
import signal
import sys
import time

import pytest

pytestmark = pytest.mark.platform

FOREVER = "import time\nwhile True: time.sleep(60)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\n" + FOREVER


def child(name, code=FOREVER, *, stage=0, **more):
    return {"name": name, "command": [sys.executable, "-c", code], "stage": stage, **more}


def test_a_killed_child_comes_back(keep, alive):
    keeper = keep(child("web"), child("worker"))
    first, worker = keeper.pid_of("web"), keeper.pid_of("worker")
    os.kill(first, signal.SIGKILL)
    keeper.wait_for(r"web +killed by SIGKILL; starts again in 0.1 s")
    second = keeper.pid_of("web", start=2)
    assert second != first
    assert alive(second)
    assert alive(worker), "the others are left in peace"
    assert keeper.stop() == 0


def test_a_child_that_keeps_dying_is_tried_less_often_and_its_words_are_shown(keep):
    keeper = keep(child("web", "print('no such table: content'); raise SystemExit(3)"))
    pauses = keeper.wait_for(r"web +ended with exit code 3; starts again in (\S+) s", times=5)
    assert [match[1] for match in pauses[:5]] == ["0.1", "0.2", "0.4", "0.4", "0.4"]
    keeper.wait_for(r"web +\| no such table: content")
    assert keeper.stop() == 0


def test_a_kill_from_outside_is_waited_out_only_shortly(keep):
    keeper = keep(child("worker"), longest_after_kill=0.2)
    for start in (1, 2, 3, 4):
        os.kill(keeper.pid_of("worker", start=start), signal.SIGKILL)
    pauses = keeper.wait_for(r"worker +killed by SIGKILL; starts again in (\S+) s", times=4)
    assert [match[1] for match in pauses] == ["0.1", "0.2", "0.2", "0.2"]


def test_a_healthy_stretch_ends_the_back_off(keep):
    keeper = keep(child("web"), healthy_after=0.2)
    for start in (1, 2, 3):
        pid = keeper.pid_of("web", start=start)
        time.sleep(0.4)
        os.kill(pid, signal.SIGKILL)
    pauses = keeper.wait_for(r"web +killed by SIGKILL; starts again in (\S+) s", times=3)
    assert [match[1] for match in pauses] == ["0.1", "0.1", "0.1"]


def test_a_program_that_is_not_there_is_a_death_not_a_crash(keep):
    keeper = keep({"name": "web", "command": ["/no/such/program"], "stage": 0}, child("worker"))
    keeper.wait_for(r"web +cannot be started: No such file or directory; starts again", times=2)
    assert keeper.stop() == 0
    keeper.wait_for(r"worker +stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_stop_goes_from_the_door_to_the_ground(keep, number):
    table = [
        child("redis", stage=0),
        child("web", stage=4),
        child("relay", stage=2, later=True),
        child("worker-1", stage=3, later=True),
        child("worker-2", stage=3, later=True),
    ]
    keeper = keep(*table)
    keeper.pid_of("worker-2")
    assert keeper.stop(number) == 0
    order = [line.split()[2] for line in keeper.lines if line.endswith(" stopped")]
    assert order[0] == "web"
    assert set(order[1:3]) == {"worker-1", "worker-2"}
    assert order[3:] == ["relay", "redis"]


def test_who_does_not_listen_is_killed_after_the_grace(keep, alive, tmp_path, wait_until):
    keeper = keep(child("worker", STUBBORN, stage=1), child("redis"), grace=0.5)
    pid = keeper.pid_of("worker")
    keeper.pid_of("redis")
    wait_until(lambda: "deaf" in (tmp_path / "log" / "worker.log").read_text())
    assert keeper.stop() == 0
    assert not alive(pid)
    keeper.wait_for(r"worker +did not stop within 0.5 s, killed")


def test_kill_9_of_the_supervisor_leaves_no_orphan(keep, alive, wait_until):
    keeper = keep(child("redis"), child("web", STUBBORN), child("worker", later=True))
    pids = [keeper.pid_of(name) for name in ("redis", "web", "worker")]
    keeper.stop(signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in pids))


def test_grandchildren_do_not_work_on_after_their_parent(keep, alive, wait_until, tmp_path):
    # What a work horse does: a group of its own, so that no signal to the parent's group reaches it.
    fathering = "import os, time\npid = os.fork()\nif not pid: os.setsid()\nelse: print(pid, flush=True)\n" + FOREVER
    log = tmp_path / "log" / "worker.log"
    keeper = keep(child("worker", fathering))
    father = keeper.pid_of("worker")
    wait_until(lambda: log.exists() and log.read_text().strip() != "")
    horse = int(log.read_text().split()[-1])
    assert alive(horse)
    os.kill(father, signal.SIGKILL)
    keeper.pid_of("worker", start=2)
    assert not alive(horse), "the dead worker's horse must be gone before the next worker starts"

    wait_until(lambda: len(log.read_text().split()) == 2)
    second_horse = int(log.read_text().split()[-1])
    keeper.stop(signal.SIGKILL)
    again = keep(child("worker"))
    again.wait_for("ended 1 processes that an earlier, killed supervisor had left")
    assert not alive(second_horse)


def test_a_failing_preparation_ends_the_start_with_its_last_word(keep, alive):
    keeper = keep(
        child("redis"),
        child(
            "prepare", "print('trace'); print('the database is from a newer daiban'); raise SystemExit(1)", once=True
        ),
        child("web", stage=4),
    )
    redis = keeper.pid_of("redis")
    assert keeper.process.wait(timeout=90) == 4
    last = keeper.wait_for("newer daiban")[0].string
    assert last.startswith("prepare ended with exit code 1: the database is from a newer daiban; more in ")
    assert not alive(redis)
    assert not any("web" in line for line in keeper.lines)


def test_work_behind_the_scenes_starts_after_the_page_answers(keep, tmp_path):
    door = tmp_path / "open"
    keeper = keep(
        child(
            "web", f"import time; time.sleep(0.3); open({str(door)!r}, 'w')\n" + FOREVER, stage=4, ready_file=str(door)
        ),
        child("worker", stage=3, later=True),
    )
    keeper.pid_of("worker")
    order = [line.split()[2] for line in keeper.lines]
    assert order == ["web", "ready", "worker"]


def test_a_part_that_never_gets_ready_ends_the_start(keep, tmp_path):
    keeper = keep(
        child(
            "web",
            "print('still thinking', flush=True)\n" + FOREVER,
            ready_file=str(tmp_path / "never"),
            # As long as a busy machine needs to start a child that says this one thing.
            ready_within=4,
        )
    )
    assert keeper.process.wait(timeout=90) == 4
    keeper.wait_for("web not ready after 4 s: still thinking")
