"""TinyProp's equations in TensorFlow, for a whole batch at once.

The same as cc/core (adaptive_rate, decision, selection), with one column per sample: float32 throughout, k rounded in
the same way, ties to the lowest index. DESIGN.md has the equations.
"""

from __future__ import annotations

import tensorflow as tf


def local_error(delta: tf.Tensor) -> tf.Tensor:
    """Y of each sample, [B]. delta: [B, n]."""
    return tf.reduce_sum(tf.abs(delta), axis=1)


def update_running_maximum(maximum: tf.Variable, errors: tf.Tensor, counts: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
    """Takes in the errors [B] of the samples that count [B, bool]; returns the new maximum.

    Without such a sample nothing changes, and decay does not apply.
    """
    largest = tf.reduce_max(tf.where(counts, errors, 0.0))
    decayed = decay * maximum
    updated = tf.where(decayed > largest, decayed, largest)
    return maximum.assign(tf.where(tf.reduce_any(counts), updated, maximum))


def relative_error(errors: tf.Tensor, maximum: tf.Tensor) -> tf.Tensor:
    """alpha, [B]."""
    return tf.where(maximum > 0, tf.clip_by_value(tf.math.divide_no_nan(errors, maximum), 0.0, 1.0), 0.0)


def error_propagation_rate(control: tf.Tensor, alpha: tf.Tensor, layers_above: int) -> tf.Tensor:
    """S, [B]. control: float32 [8], laid out as SPEC.md says."""
    rate = control[1] + alpha * (control[2] - control[1])
    for _ in range(layers_above):
        rate = rate * control[3]
    return tf.clip_by_value(rate, 0.0, 1.0)


def gradient_count(rate: tf.Tensor, gradients: int, errors: tf.Tensor) -> tf.Tensor:
    """k, int32 [B]."""
    k = tf.cast(tf.floor(rate * float(gradients) + 0.5), tf.int32)
    return tf.where(errors > 0, tf.clip_by_value(k, 1, gradients), 0)


def top_k_mask(delta: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """bool [B, n]: the k [B] elements of each row with the largest magnitude, of equal ones the first."""
    magnitude = tf.abs(delta)
    ordered = tf.sort(magnitude, axis=1, direction="DESCENDING")
    kth = tf.gather(ordered, tf.maximum(k - 1, 0), axis=1, batch_dims=1)[:, None]
    above = magnitude > kth
    equal = magnitude == kth
    ties = k[:, None] - tf.reduce_sum(tf.cast(above, tf.int32), axis=1, keepdims=True)
    first = equal & (tf.cumsum(tf.cast(equal, tf.int32), axis=1) <= ties)
    return (above | first) & (k > 0)[:, None]


def random_mask(delta: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """bool [B, n]: k elements of each row, chosen at random."""
    order = tf.argsort(tf.argsort(tf.random.uniform(tf.shape(delta)), axis=1), axis=1)
    return order < k[:, None]
