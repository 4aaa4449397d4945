"""What runs in a child process. Importing this imports TensorFlow, once for all children (pool.py)."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import faulthandler
import multiprocessing
import multiprocessing.connection
import pathlib
import signal
import sys
import threading
import traceback

import keras
import tensorflow as tf

from tflm_tinyprop.errors import TinyPropError
from tflm_tinyprop.study import datasets, run
from tflm_tinyprop.study.settings import RunSettings
from tflm_tinyprop.study.start import start_model
from tflm_tinyprop.study.store import Store


def make_start(settings: RunSettings, store: Store, places: datasets.Places) -> None:
    """Makes the run's start model. If that fails, so will the runs that need it, which record why."""
    data = datasets.load(settings.data, settings.pretrain, settings.seed, places)
    start_model(settings, data, store.start_models)


def make_run(settings: RunSettings, store: Store, places: datasets.Places) -> None:
    """Executes a run and writes its result, or its error."""
    try:
        result = run.execute(settings, store.start_models, places)
    except TinyPropError as error:
        store.write_failure(settings, str(error))
        raise
    except Exception as error:
        store.write_failure(settings, f"{type(error).__name__}: {error}")
        raise
    store.write(settings, result)


def child(task, settings: RunSettings, store: Store, places: datasets.Places, log: pathlib.Path, threads: int) -> None:
    """Main function of a child: task is make_start or make_run. Output goes to `log`, which a success removes."""
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(settings.seed)
    try:
        task(settings, store, places)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    log.unlink(missing_ok=True)


def _end_with_parent() -> None:
    """A study that was killed should not leave children that go on computing."""
    multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
