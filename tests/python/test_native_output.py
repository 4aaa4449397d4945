"""The descriptors 1 and 2 are the process's: they are where they were, whoever captures what is written to them."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tflm_tinyprop as tp
from tflm_tinyprop.native_output import captured_output


def standard_files() -> list[tuple[int, int]]:
    """Device and inode behind the descriptors 1 and 2."""
    return [(os.fstat(d).st_dev, os.fstat(d).st_ino) for d in (1, 2)]


def in_threads(count: int, work) -> list[BaseException]:
    """Runs work(number) in as many threads at once; what it raised."""
    raised: list[BaseException] = []
    together = threading.Barrier(count)

    def run(number: int) -> None:
        together.wait()
        try:
            work(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_lines_of_both_descriptors_are_captured():
    log: list[str] = ["before"]
    with captured_output(log):
        os.write(1, b"out\n")
        os.write(2, b"err\n")
    assert log == ["before", "out", "err"]


def test_threads_leave_the_descriptors_where_they_were():
    before = standard_files()

    def capture(number: int) -> None:
        for _ in range(300):
            log: list[str] = []
            with captured_output(log):
                os.write(1, b"%d\n" % number)
            assert log == [str(number)]

    assert in_threads(4, capture) == []
    assert standard_files() == before


def test_a_block_may_hold_another_one_and_an_error_ends_both():
    before, outer, inner = standard_files(), [], []
    with pytest.raises(KeyError), captured_output(outer):
        os.write(2, b"a\n")
        with captured_output(inner):
            os.write(2, b"b\n")
            raise KeyError
    assert (outer, inner) == (["a"], ["b"])
    assert standard_files() == before


def test_a_process_without_output_stays_without():
    code = """
import os, sys
sys.path[:0] = sys.argv[1].split(":")
from tflm_tinyprop.native_output import captured_output
os.close(1); os.close(2)
log, state = [], []
with captured_output(log):
    os.write(1, b"out\\n"); os.write(2, b"err\\n")
for descriptor in (1, 2):
    try:
        os.fstat(descriptor); state.append("open")
    except OSError:
        state.append("closed")
os.write(0, repr((log, state)).encode())
"""
    reader, writer = os.pipe()
    subprocess.run([sys.executable, "-c", code, ":".join(p for p in sys.path if p)], stdin=writer, check=True)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        assert answer.read().decode() == repr((["out", "err"], ["closed", "closed"]))


def test_a_child_forked_meanwhile_has_the_process_s_output():
    before, inside, found = standard_files(), threading.Event(), []
    leave = threading.Event()

    def hold(_: int) -> None:
        with captured_output([]):
            inside.set()
            leave.wait(5)

    thread = threading.Thread(target=hold, args=(0,))
    thread.start()
    inside.wait()
    threading.Timer(0.2, leave.set).start()
    child = os.fork()
    if child == 0:
        with captured_output([]):  # nobody holds the lock there
            pass
        os._exit(0 if standard_files() == before else 1)
    found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    thread.join()
    assert found == [0]


def test_trainers_in_several_threads_train_as_one_after_the_other(model, samples):
    x, y = samples
    before, alone = standard_files(), tp.Trainer(model)
    alone.fit(x, y, epochs=2, shuffle=False, verbose=0)
    weights: dict[int, list[np.ndarray]] = {}

    def train(number: int) -> None:
        for _ in range(10):
            trainer = tp.Trainer(model)
        trainer.fit(x, y, epochs=2, shuffle=False, verbose=0)
        weights[number] = trainer.get_weights()

    assert in_threads(4, train) == []
    assert standard_files() == before
    for found in weights.values():
        for one, other in zip(found, alone.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
