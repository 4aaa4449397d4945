"""Child processes: what is finished is not repeated, what fails is recorded, what is interrupted leaves nothing."""

import contextlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pool_children
import pytest
from study_cases import result, settings

from tflm_tinyprop.study import pool
from tflm_tinyprop.study.store import Store


@pytest.fixture(autouse=True)
def _own_children(monkeypatch):
    for name in ("_PRELOAD", "_child"):
        monkeypatch.setattr(pool, name, getattr(pool, name))  # put back after pool_children.run


def read(folder, seed):
    return Store(folder).read(settings(seed=seed))


def test_finished_runs_are_not_repeated(tmp_path):
    Store(tmp_path).write(settings(seed=1), result(0.75))
    assert pool_children.run(tmp_path, range(4)) == []
    assert sorted(pool_children.executed(tmp_path)) == ["0", "2", "3"]
    assert [read(tmp_path, seed)["final"]["accuracy"] for seed in range(4)] == [0.5, 0.75, 0.5, 0.5]
    assert pool_children.run(tmp_path, range(4)) == [] and len(pool_children.executed(tmp_path)) == 3


def test_equal_settings_run_once_and_start_models_come_first(tmp_path):
    pool_children.run(tmp_path, [0, 1, 0, 1, 1])
    lines = (tmp_path / "executed").read_text().splitlines()
    assert sorted(lines[:2]) == ["start 0", "start 1"] and sorted(lines[2:]) == ["run 0", "run 1"]


def test_failures_are_recorded_and_the_others_go_on(tmp_path):
    out = io.StringIO()
    failed = pool_children.run(tmp_path, [7, 0, 8, 9, 10, 1], out=out)
    assert sorted(s.seed for s in failed) == [7, 8, 9, 10]
    errors = {seed: read(tmp_path, seed).get("error") for seed in (0, 1, 7, 8, 9, 10)}
    killed = "its process was ended by signal 9"
    assert errors == {0: None, 1: None, 7: "no such class", 8: killed, 9: "its process ended with code 3", 10: killed}
    assert "seed 7: FAILED, no such class" in out.getvalue() and "6/6" in out.getvalue()
    # Another attempt tries only those again, and an earlier failure does not stand for it.
    assert len(pool_children.run(tmp_path, [7, 0, 8, 9, 10, 1])) == 4
    assert sorted(pool_children.executed(tmp_path)) == sorted("7 0 8 9 10 1 7 8 9 10".split())


def test_at_most_jobs_at_a_time(tmp_path, monkeypatch):
    most = []
    wait = pool.multiprocessing.connection.wait
    monkeypatch.setattr(pool.multiprocessing.connection, "wait",
                        lambda sentinels, *rest: (most.append(len(sentinels)), wait(sentinels, *rest))[1])
    pool_children.run(tmp_path, range(5), jobs=2)
    assert max(most) == 2


@pytest.fixture
def parent(tmp_path):
    """A parent with one child at a time in a session of its own, and five runs to do, one of which may wait."""
    processes = []

    def start(waiting=None):
        environment = {**os.environ, pool_children.WAITING: str(waiting)}
        process = subprocess.Popen([sys.executable, pool_children.__file__, str(tmp_path), "5"], env=environment,
                                   start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        # All of its session, not only itself: a server of its children would hold the pipe open.
        for member in members(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
        process.communicate()


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def members(session: int) -> list[int]:
    """Processes of a session that are no zombies."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_an_interrupted_study_goes_on_with_what_is_missing(tmp_path, parent, end):
    process = parent(waiting=2)
    wait_until(lambda: len(pool_children.executed(tmp_path)) == 3)  # two are finished, the third is running
    # Ctrl-C reaches the whole group, kill -9 the parent.
    (os.killpg if end == signal.SIGINT else os.kill)(process.pid, end)
    process.wait(120)
    assert process.returncode != 0
    if end == signal.SIGKILL:
        (tmp_path / "release").touch()
    wait_until(lambda: not members(process.pid))
    results = list((tmp_path / "runs").iterdir())
    assert all(json.loads(path.read_text())["status"] == "finished" for path in results)
    finished = [seed for seed in range(5) if read(tmp_path, seed) is not None]
    # Without its parent this test's third child goes on to its end; a real one ends at once (worker.py).
    assert finished == ([0, 1] if end == signal.SIGINT else [0, 1, 2])
    before = {path: path.stat().st_mtime_ns for path in results}
    again = parent()
    assert again.wait(120) == 0
    assert pool_children.executed(tmp_path)[3:] == [str(seed) for seed in range(5) if seed not in finished]
    assert all(read(tmp_path, seed)["status"] == "finished" for seed in range(5))
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in before.items())
