"""Settings, results and data that the tests of the study share."""

import dataclasses

import numpy as np

from tflm_tinyprop.study import (
    DataSettings,
    ModelSettings,
    RateSettings,
    RunSettings,
    make_method,
)
from tflm_tinyprop.study.plan import PlannedRun
from tflm_tinyprop.study.results import Outcome


def settings(method="v2", **changes) -> RunSettings:
    """Of a short run on digits from scratch. method: settings or a name."""
    method = make_method(method) if isinstance(method, str) else method
    plain = RunSettings(data=DataSettings("digits", 60, 40), model=ModelSettings("mlp5"), method=method, seed=0,
                        epochs=2, learning_rate=RateSettings(0.02))
    return dataclasses.replace(plain, **changes)


def result(accuracy=0.5, effort=0.1, **changes) -> dict:
    """As run.py makes it, for one epoch."""
    final = {"accuracy": accuracy, "accuracy_before": 0.1, "accuracy_best": accuracy, "backward_effort": effort,
             "step_effort": effort / 2, "skip_rate": 0.25, "non_finite": 0}
    history = {"evaluated": [0, 1], "accuracy": [0.1, accuracy], "samples": [60], "loss": [1.0],
               "train_accuracy": [0.4], "backward_effort": [effort], "step_effort": [effort / 2], "skip_rate": [0.25],
               "non_finite": [0], "gradient_shares": {"dense_1": [0.5], "class": [0.75]}}
    return {"status": "finished", "backend": "interpreter", "metric": "accuracy",
            "loss": "sparse_categorical_crossentropy", "history": history, "final": final, "train_samples": 60,
            "test_samples": 40, "versions": {"package": "0.1.0", "commit": None}, "cpu": "a processor", "seconds": 1.5,
            "seconds_prepare": 0.5, **changes}


def outcome(run: RunSettings, found: dict | None, swept=None, value=None) -> Outcome:
    return Outcome(PlannedRun("small", "digits", swept, value, run), found)


def write_npz(path, samples=60, shape=(6,), classes=3, dtype=np.float32, seed=0):
    """An .npz with x_train, y_train, x_test, y_test; the test part has half as many samples. Returns the arrays."""
    generator = np.random.default_rng(seed)
    arrays = {}
    for part, count in (("train", samples), ("test", samples // 2)):
        size = count, *shape
        x = generator.integers(0, 256, size) if dtype == np.uint8 else generator.normal(3, 2, size)
        arrays |= {f"x_{part}": x.astype(dtype), f"y_{part}": np.arange(count) % classes}
    np.savez(path, **arrays)
    return arrays
