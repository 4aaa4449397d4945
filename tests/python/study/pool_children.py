"""What the pool's children do in tests, in place of a training; and a parent that can be killed.

Every child notes that it ran. Then, by the seed of its run: most write a result, 7 fails, 8 is killed, 9 ends with
code 3, 10 writes half a result under its final name and is killed.
"""

import os
import pathlib
import signal
import sys
import time

import study_cases

from tflm_tinyprop.study import Places, pool
from tflm_tinyprop.study.progress import StudyProgress
from tflm_tinyprop.study.store import Store

# The run with this seed waits until the folder holds a file "release".
WAITING = "TEST_CHILD_WAITING"


def child(task, store: Store, places, threads: int) -> None:
    store.folder.mkdir(parents=True, exist_ok=True)
    with open(store.folder / "executed", "a") as file:
        file.write(f"{task.kind} {task.settings.seed}\n")
    if task.kind == "start":
        store.start_models.mkdir(exist_ok=True)
        (store.start_models / f"{task.settings.start_id}.keras").touch()
        return
    seed = task.settings.seed
    while os.environ.get(WAITING) == str(seed) and not (store.folder / "release").exists():
        time.sleep(0.01)
    if seed == 7:
        store.write_failure(task.settings, "no such class")
        os._exit(1)
    if seed == 9:
        os._exit(3)
    if seed == 10:
        store.path(task.settings).parent.mkdir(exist_ok=True)
        store.path(task.settings).write_text('{"format": 1, "status": "fini')
    if seed in (8, 10):
        os.kill(os.getpid(), signal.SIGKILL)
    store.write(task.settings, study_cases.result(0.5))


def executed(folder: pathlib.Path) -> list[str]:
    """The runs' seeds in the order in which they began."""
    lines = (folder / "executed").read_text().splitlines() if (folder / "executed").exists() else []
    return [line.split()[1] for line in lines if line.startswith("run")]


def run(folder: pathlib.Path, seeds, jobs: int = 2, out=None):
    """Runs what is missing of these seeds with the children above. Returns the failed settings."""
    pool._PRELOAD, pool._child = [], child  # no TensorFlow
    runs = [study_cases.settings(seed=seed) for seed in seeds]
    return pool.run_missing(runs, Store(folder), Places(), jobs, StudyProgress(0, out))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background inherits that it is ignored
    run(pathlib.Path(sys.argv[1]), range(int(sys.argv[2])), jobs=1)
