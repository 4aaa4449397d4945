"""Learning rates: a float, or a Keras LearningRateSchedule, or any function of the step."""

from __future__ import annotations

import numpy as np

from tflm_tinyprop.errors import ConfigError


def learning_rates(schedule, first_step: int, steps: int) -> np.ndarray:
    """float32 [steps], the rates of the steps from first_step on.

    Raises ConfigError if one is negative or not finite: then nothing is trained at all.
    """
    if isinstance(schedule, (int, float, np.number)) and not isinstance(schedule, bool):
        rates = np.full(steps, schedule, np.float64)
    elif callable(schedule):
        rates = _evaluate(schedule, first_step, steps)
    else:
        raise ConfigError(f"learning_rate must be a number or a function of the step, got {schedule!r}")
    wrong = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
    if wrong.size:
        raise ConfigError(
            f"the learning rate at step {first_step + wrong[0]} is {rates[wrong[0]]}; it must be finite and not negative"
        )
    return rates.astype(np.float32)


def _evaluate(schedule, first_step: int, steps: int) -> np.ndarray:
    steps_range = range(first_step, first_step + steps)
    if any(cls.__name__ == "LearningRateSchedule" for cls in type(schedule).__mro__):
        rates = _evaluate_keras(schedule, steps_range)
        if rates is not None:
            return rates
    return np.array([float(schedule(step)) for step in steps_range], np.float64)


def _evaluate_keras(schedule, steps_range: range) -> np.ndarray | None:
    """All rates in one compiled call: a Keras schedule takes a fraction of a millisecond a step otherwise.

    None if TensorFlow cannot trace the schedule, as it may be with one that the user wrote.
    """
    import tensorflow as tf

    @tf.function
    def rates(steps):
        return tf.map_fn(lambda step: tf.cast(schedule(step), tf.float32), steps, fn_output_signature=tf.float32)

    try:
        return rates(tf.range(steps_range.start, steps_range.stop, dtype=tf.int64)).numpy().astype(np.float64)
    except Exception:  # whatever tracing a foreign function raises
        return None
