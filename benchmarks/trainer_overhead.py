"""Time a training step spends in Python, beside the interpreter's own.

fit() runs with batch 1 and a clock around every invoke; what is left is the trainer's. Times on shared
machines are noisy, so the smallest of several rounds counts, and the duration of an empty Python call is
given beside it: the bar holds for a machine with 50 ns.
"""

from __future__ import annotations

import time

import numpy as np

_ROUNDS = 7
_STEPS = 2000
_BAR_US = 60.0
_REFERENCE_CALL_NS = 50.0


def measure() -> dict:
    """{"name", "value_us", "bar_us", ...}: microseconds per step, and the bar scaled to this machine."""
    import tflm_tinyprop as tp
    from tflm_tinyprop.models.tiny_models import dense_classifier

    model = tp.convert(dense_classifier([64, 64, 48, 32, 24, 10]), config=tp.TinyPropConfig.full())
    trainer = tp.Trainer(model)
    generator = np.random.default_rng(0)
    x = generator.uniform(size=(_STEPS, 64)).astype(np.float32)
    y = generator.integers(10, size=_STEPS)

    step_us, invoke_us = min(
        (_epoch(trainer, x, y) for _ in range(_ROUNDS)), key=lambda times: times[0] - times[1]
    )
    call_ns = min(_empty_calls() for _ in range(_ROUNDS))
    return {
        "name": "Python trainer, per step without the interpreter",
        "value_us": step_us - invoke_us,
        "bar_us": _BAR_US * call_ns / _REFERENCE_CALL_NS,
        "step_us": step_us,
        "invoke_us": invoke_us,
        "empty_call_ns": call_ns,
    }


def _epoch(trainer, x, y) -> tuple[float, float]:
    """Microseconds per step: all of it, and inside the interpreter."""
    session = trainer._session
    invoke, clock, inside = session.invoke, time.perf_counter, 0.0

    def timed_invoke():
        nonlocal inside
        start = clock()
        invoke()
        inside += clock() - start

    session.invoke = timed_invoke
    start = clock()
    trainer.fit(x, y, learning_rate=1e-6, verbose=False)
    total = clock() - start
    session.invoke = invoke
    return 1e6 * total / len(y), 1e6 * inside / len(y)


def _empty_calls(times: int = 100_000) -> float:
    """Nanoseconds of a call of an empty function."""
    def nothing():
        pass

    start = time.perf_counter()
    for _ in range(times):
        nothing()
    return 1e9 * (time.perf_counter() - start) / times


if __name__ == "__main__":
    print(measure())
