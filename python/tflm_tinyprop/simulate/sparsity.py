"""TinyProp's equations in TensorFlow, for a whole batch at once.

The same as cc/core (adaptive_rate, decision, selection), with one row per sample: float32 throughout, k rounded in
the same way, ties to the lowest index. DESIGN.md has the equations.
"""

from __future__ import annotations

import tensorflow as tf

from tflm_tinyprop.config import TinyPropConfig

# From this many gradients on 31 passes over a row take less time than ordering it.
_MIN_BISECTED = 2048


def local_error(delta: tf.Tensor) -> tf.Tensor:
    """Y of each sample, [B]. delta: [B, n]."""
    return tf.reduce_sum(tf.abs(delta), axis=1)


def next_running_maximum(maximum: tf.Tensor, errors: tf.Tensor, counts: tf.Tensor, decay: float) -> tf.Tensor:
    """The running maximum after it has taken in the errors [B] of the samples that count [B, bool].

    Without such a sample nothing changes, and decay does not apply. A maximum that is not finite does not stay.
    """
    largest = tf.reduce_max(tf.where(counts, errors, 0.0))
    decayed = decay * maximum
    decayed = tf.where(tf.math.is_finite(decayed), decayed, largest)
    return tf.where(tf.reduce_any(counts), tf.maximum(decayed, largest), maximum)


def relative_error(errors: tf.Tensor, maximum: tf.Tensor) -> tf.Tensor:
    """alpha, [B]; 0 if the maximum is 0."""
    return tf.clip_by_value(tf.math.divide_no_nan(errors, maximum), 0.0, 1.0)


def error_propagation_rate(config: TinyPropConfig, alpha: tf.Tensor, layers_above: int) -> tf.Tensor:
    """S, [B], of a layer with L - l layers above it."""
    rate = config.s_min + alpha * (config.s_max - config.s_min)
    # One by one, as the ops do, so that the roundings are the same.
    for _ in range(layers_above):
        rate = rate * config.zeta
    return tf.clip_by_value(rate, 0.0, 1.0)


def gradient_count(rate: tf.Tensor, gradients: int, errors: tf.Tensor) -> tf.Tensor:
    """k, int32 [B], of a layer with n gradients; 0 where there is no error."""
    k = tf.cast(tf.floor(rate * float(gradients) + 0.5), tf.int32)
    return tf.where(errors > 0, tf.clip_by_value(k, 1, gradients), 0)


def decision_metric(config: TinyPropConfig, alpha: tf.Tensor) -> tf.Tensor:
    """D, [B], of a relative error at the output layer."""
    low, high = config.d_min * config.beta, config.d_max * config.beta
    return low + alpha * (high - low)


def top_k_mask(delta: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """bool [B, n]: the k [B] elements of each row of delta with the largest magnitude, of equal ones the first."""
    # Magnitudes of floats order like the integers that their bits form.
    magnitude = tf.bitcast(tf.abs(delta), tf.int32)
    kth = _kth_by_sorting(magnitude, k) if delta.shape[1] < _MIN_BISECTED else _kth_by_bisection(magnitude, k)
    above = magnitude > kth
    equal = magnitude == kth
    ties = k[:, None] - tf.reduce_sum(tf.cast(above, tf.int32), axis=1, keepdims=True)
    first = equal & (tf.cumsum(tf.cast(equal, tf.int32), axis=1) <= ties)
    return (above | first) & (k > 0)[:, None]


def _kth_by_sorting(magnitude: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """The k-th largest of each row, [B, 1]; k 0 counts as 1."""
    ordered = tf.sort(magnitude, axis=1, direction="DESCENDING")
    return tf.gather(ordered, tf.maximum(k - 1, 0), axis=1, batch_dims=1)[:, None]


def _kth_by_bisection(magnitude: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """The same, found bit by bit: the largest number that at least k elements reach."""
    kth = tf.zeros_like(k)[:, None]
    for bit in range(30, -1, -1):
        higher = kth + (1 << bit)
        reached = tf.math.count_nonzero(magnitude >= higher, axis=1, keepdims=True, dtype=tf.int32)
        kth = tf.where(reached >= k[:, None], higher, kth)
    return kth


def random_mask(delta: tf.Tensor, k: tf.Tensor, seed: tf.Tensor, channels=None) -> tf.Tensor:
    """bool [B, n]: k [B] elements of each row, drawn from the seed, int32 [2].

    channels: bool [C], last axis of the map that a row is; only elements of these channels are drawn.
    """
    # Above 0, unlike elements that are not drawn; the algorithm is named so that every device draws the same.
    drawn = 1.0 - tf.random.stateless_uniform(tf.shape(delta), seed, alg="philox")
    if channels is not None:
        drawn = tf.reshape(tf.where(channels, tf.reshape(drawn, [-1, len(channels)]), 0.0), tf.shape(delta))
    return top_k_mask(drawn, k)
