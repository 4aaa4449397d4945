"""The rates of a Keras LearningRateSchedule. Whoever has one has TensorFlow; nobody else imports this module."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def evaluate(schedule, steps: range) -> np.ndarray | None:
    """All rates in one compiled call: a Keras schedule takes a fraction of a millisecond a step otherwise.

    None if TensorFlow cannot trace the schedule, as it may be with one that the user wrote.
    """

    @tf.function
    def rates(steps):
        return tf.map_fn(lambda step: tf.cast(schedule(step), tf.float32), steps, fn_output_signature=tf.float32)

    try:
        return rates(tf.range(steps.start, steps.stop, dtype=tf.int64)).numpy().astype(np.float64)
    except Exception:  # whatever tracing a foreign function raises
        return None
