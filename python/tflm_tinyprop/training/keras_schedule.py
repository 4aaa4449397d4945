"""The rates of a Keras LearningRateSchedule. Whoever has one has TensorFlow; nobody else imports this module."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

_BLOCK = 1024  # steps of one call


class BlockwiseRates:
    """(first step, count) -> float64 rates, many of them in one compiled call: a Keras schedule takes a fraction of a
    millisecond a step otherwise.

    otherwise: takes over if TensorFlow cannot trace the schedule, as it may be with one that the user wrote.
    """

    def __init__(self, schedule, otherwise):
        self._block = tf.function(lambda first: tf.map_fn(
            lambda step: tf.cast(schedule(step), tf.float32), first + tf.range(_BLOCK, dtype=tf.int64),
            fn_output_signature=tf.float32))
        self._otherwise = otherwise
        self._begins, self._rates = 0, np.zeros(0)  # the block that was evaluated last

    def __call__(self, first: int, count: int) -> np.ndarray:
        rates = np.empty(count, np.float64)
        done = 0
        while done < count:
            at = first + done - self._begins
            if not 0 <= at < len(self._rates) and not self._evaluate(first + done):
                return self._otherwise(first, count)
            part = self._rates[first + done - self._begins :][: count - done]
            rates[done : done + len(part)] = part
            done += len(part)
        return rates

    def _evaluate(self, begins: int) -> bool:
        try:
            self._rates = self._block(tf.constant(begins, tf.int64)).numpy().astype(np.float64)
        except Exception:  # whatever tracing a foreign function raises
            return False
        self._begins = begins
        return True
