"""Damages the models and weight records of the corpus and runs them through every stage, each in a process of its own.

    PYTHONPATH=python:tests/fuzz .venv/bin/python -m files [--mutants N] [--minutes M] [--seed S] [--findings FOLDER] [--corpus FOLDER]

A finding is an exception other than ModelError, a signal, or more than TIME_LIMIT seconds. Exit status 1 if there is one;
each is kept in the folder. `python -m files FILE...` runs files again that were kept.
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import random
import resource
import select
import signal
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import flatbuffers  # noqa: F401  before the forks

import tflm_tinyprop as tp
from files import mutate, stages
from tflm_tinyprop.format import weight_record
from tflm_tinyprop.host import session

TIME_LIMIT = 20  # seconds
MEMORY_LIMIT = 8 << 30  # bytes of address space
CORPUS = pathlib.Path(__file__).resolve().parent.parent / "corpus/models"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--findings", type=pathlib.Path, default=pathlib.Path("build/fuzz/findings"))
    parser.add_argument("--corpus", type=pathlib.Path, default=CORPUS)
    parser.add_argument("again", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    warm_up()
    if arguments.again:
        return run_again(arguments.again)
    seed = random.SystemRandom().randrange(2**31) if arguments.seed is None else arguments.seed
    print(f"files: seed {seed}", flush=True)
    models = load_models(arguments.corpus)
    end = time.monotonic() + 60 * arguments.minutes
    counts: collections.Counter = collections.Counter()
    findings: dict[str, str] = {}
    done = 0
    while done < arguments.mutants and time.monotonic() < end:
        name, data, what, work = one(models, f"{seed}:{done}")
        outcome, is_finding = in_child(work)
        counts["finding" if is_finding else outcome] += 1
        done += 1
        if is_finding and outcome.split(": ")[0] not in findings:
            findings[outcome.split(": ")[0]] = keep(arguments.findings, name, data)
            print(f"FINDING {outcome} | {name} {what} | {findings[outcome.split(': ')[0]]}", flush=True)
    print(f"files: {done} mutants, {counts['finding']} findings at {len(findings)} places; "
          + ", ".join(f"{n} {'accepted' if stage == 'ok' else f'refused at {stage}'}"
                      for stage, n in sorted(counts.items()) if stage != "finding"), flush=True)
    return 1 if findings else 0


def load_models(folder: pathlib.Path) -> dict[str, bytes]:
    """The plain models of a folder, and what convert() makes of them today: names end in .plain.tflite and .trainable.tflite."""
    models = {path.name: path.read_bytes() for path in sorted(folder.glob("*.plain.tflite"))}
    for name, data in list(models.items()):
        loss = "mean_squared_error" if name.startswith("mse") else "sparse_categorical_crossentropy"
        models[name.replace(".plain.", ".trainable.")] = stages.converted(data, loss=loss).data
    return models


def warm_up() -> None:
    """All that is imported late is imported here, once, before the forks."""
    session.load_plugin()
    session.import_runtime()
    stages.run_model(sorted(CORPUS.glob("*.plain.tflite"))[0].read_bytes(), False)


def one(models: dict[str, bytes], seed: str):
    """(name, damaged file, what was done, function that runs it) of a mutant."""
    rng = random.Random(seed)
    name = rng.choice(sorted(models))
    original = models[name]
    is_trainable = "trainable" in name
    if is_trainable and rng.random() < 0.1:
        model = tp.TrainableModel(original)
        record = weight_record.pack(model.training, weight_record.WeightRecord(model.initial_values(), 3))
        damaged = mutate.mutate_record(record, rng)
        return f"{name}.weights", damaged, "record", lambda: stages.run_record(original, damaged)
    damaged, what = mutate.mutate_model(original, rng)
    return name, damaged, what, lambda: stages.run_model(damaged, is_trainable)


def in_child(work) -> tuple[str, bool]:
    """(outcome, is it a finding?) of work() in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(nowhere, target)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = "0" + work()
        except BaseException as error:
            answer = "1" + stages.describe_exception(error)
        os.write(writer, answer.encode("utf-8", "replace"))
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], TIME_LIMIT)
    if not ready:
        os.kill(child, signal.SIGKILL)
    answer = os.read(reader, 4096).decode("utf-8", "replace") if ready else ""
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not ready:
        return f"more than {TIME_LIMIT} s", True
    if status < 0 or not answer:
        return f"{signal.Signals(-status).name if status < 0 else f'exit status {status}'}", True
    return answer[1:], answer[0] == "1"


def keep(folder: pathlib.Path, name: str, data: bytes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.iterdir()))
    path = folder / f"{number:04d}.{name}"
    path.write_bytes(data)
    return str(path)


def run_again(paths: list[pathlib.Path]) -> int:
    worst = 0
    for path in paths:
        data = path.read_bytes()
        if path.suffix == ".weights":
            model = load_models(CORPUS)[path.name.split(".", 1)[1].removesuffix(".weights")]
            outcome, is_finding = in_child(lambda: stages.run_record(model, data))
        else:
            outcome, is_finding = in_child(lambda: stages.run_model(data, "train" in path.name))
        worst |= is_finding
        print(f"{path.name}: {'FINDING ' if is_finding else ''}{outcome}")
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
