"""The metrics of an epoch of Keras' fit()."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.simulate.network import Network

# In float32, a sum of ones stops at 2^24 samples, and a sum of losses long before.
_DTYPE = "float64"


class Trackers:
    """Means over samples, added up as steps are done. all: the Keras metrics, which Keras resets every epoch."""

    def __init__(self, network: Network, costs: np.ndarray, classifies: bool):
        self._network = network
        self._costs = tf.constant(costs, tf.float32)
        self._loss = keras.metrics.Mean("loss", dtype=_DTYPE)
        self._accuracy = keras.metrics.Mean("accuracy", dtype=_DTYPE) if classifies else None
        self._evaluation = [self._loss] + ([self._accuracy] if classifies else [])
        self._backward = keras.metrics.Mean("backward_effort", dtype=_DTYPE)
        self._step = keras.metrics.Mean("step_effort", dtype=_DTYPE)
        self._skips = keras.metrics.Mean("skip_rate", dtype=_DTYPE)
        self._non_finite = keras.metrics.Sum("non_finite", dtype=_DTYPE)
        self.all = [*self._evaluation, self._backward, self._step, self._skips, self._non_finite]

    def update(self, loss, status, correct, kept) -> dict:
        """Results of a training step: [B], [B], [B] and [B, L]."""
        finite = tf.math.is_finite(loss) & (status != int(SampleStatus.NON_FINITE))
        self._update_loss(loss, finite, correct)
        forward, full = self._network.forward_macs, self._network.backward_macs
        macs = tf.linalg.matvec(tf.cast(kept, tf.float32), self._costs)
        self._backward.update_state(macs / max(1, full))
        self._step.update_state((macs + forward) / max(1, forward + full))
        self._skips.update_state(tf.cast(status == int(SampleStatus.SKIPPED), tf.float32))
        self._non_finite.update_state(tf.cast(~finite, tf.float32))
        return {metric.name: metric.result() for metric in self.all}

    def update_evaluation(self, loss, correct) -> dict:
        """Results of a test step, [B] each."""
        self._update_loss(loss, tf.math.is_finite(loss), correct)
        return {metric.name: metric.result() for metric in self._evaluation}

    def _update_loss(self, loss, finite, correct) -> None:
        self._loss.update_state(tf.where(finite, loss, 0.0), sample_weight=tf.cast(finite, tf.float32))
        if self._accuracy is not None:
            self._accuracy.update_state(correct)
