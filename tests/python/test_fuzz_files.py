"""Damaged files: those that were found before, some new ones, and that a finding would be one (tests/fuzz/files)."""

import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from tflm_tinyprop.format import tables

FUZZ = pathlib.Path(__file__).resolve().parents[1] / "fuzz"
DAMAGED = sorted((FUZZ / "corpus/damaged").iterdir())
sys.path.insert(0, str(FUZZ))

from files import __main__ as runner  # noqa: E402
from files import mutate  # noqa: E402

MODELS = runner.load_models(runner.CORPUS)


def run(*arguments) -> tuple[int, str]:
    """Exit status and output of the runner, in a process of its own, since it forks."""
    result = subprocess.run([sys.executable, "-m", "files", *map(str, arguments)], capture_output=True, text=True,
                            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)})
    return result.returncode, result.stdout + result.stderr


def test_what_was_found_before_is_refused():
    assert len(DAMAGED) >= 30
    status, output = run(*DAMAGED)
    assert status == 0, output
    outcomes = dict(re.findall(r"^(\S+\.(?:tflite|weights)): (\w+)$", output, re.MULTILINE))
    assert len(outcomes) == len(DAMAGED) and set(outcomes.values()) <= {"load", "describe", "trainer", "step", "weights", "ok"}


def test_new_damaged_files_are_refused_or_run(tmp_path):
    seed = random.SystemRandom().randrange(2**31)
    status, output = run("--mutants", 60, "--seed", seed, "--findings", tmp_path)
    assert status == 0 and f"seed {seed}" in output, output
    assert re.search(r"files: 60 mutants, 0 findings", output), output


def test_a_seed_makes_the_same_file_again():
    assert len(MODELS) >= 10
    made = {}
    for number in range(200):
        name, data, what, _ = runner.one(MODELS, f"1:{number}")
        assert runner.one(MODELS, f"1:{number}")[:3] == (name, data, what)
        made[data] = what
    assert len(made) > 150
    assert {what.split(".")[0] for what in made.values()} >= {"bytes", "model", "metadata", "record"}


def raise_it(error):
    raise error


@pytest.mark.parametrize(("work", "outcome"), [
    (lambda: raise_it(KeyError("x")), "KeyError at test_fuzz_files.py"),
    (lambda: os.kill(os.getpid(), signal.SIGSEGV), "SIGSEGV"),
    (lambda: os._exit(3), "exit status 0|exit status 3"),
])
def test_an_exception_and_a_crash_are_findings(work, outcome):
    found, is_finding = runner.in_child(work)
    assert is_finding and re.search(outcome, found)


def test_a_hang_is_a_finding(monkeypatch):
    monkeypatch.setattr(runner, "TIME_LIMIT", 0.3)
    found, is_finding = runner.in_child(lambda: time.sleep(60))
    assert is_finding and found == "more than 0.3 s"


def test_an_outcome_is_not():
    assert runner.in_child(lambda: "load") == ("load", False)


def test_mutated_bytes_differ():
    rng = random.Random(1)
    data = MODELS["mlp.plain.tflite"]
    assert sum(mutate.mutate_bytes(data, rng) != data for _ in range(50)) > 40


def test_the_options_of_every_op_are_fuzzed():
    source = (FUZZ / "cc/options_fuzz.cc").read_text()
    assert {op.options.name for op in tables.OPS} <= set(re.findall(r"Try<(\w+)>", source))
