"""The losses of the ops in TensorFlow: per sample the loss, and its gradient at what it is taken on."""

from __future__ import annotations

import math

import tensorflow as tf


def softmax_cross_entropy_dense(logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = 0.0) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, C]) for logits and label distributions, float32 [B, C]."""
    labels = tf.cast(labels, logits.dtype) * (1.0 - label_smoothing) + label_smoothing / logits.shape[1]
    largest = tf.reduce_max(logits, axis=1, keepdims=True)
    exponentials = tf.exp(logits - largest)
    total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
    # The two summands are not added to each other first: that would cost the digits of a small loss.
    loss = tf.reduce_sum(labels * (tf.math.log(total) + (largest - logits)), axis=1)
    mass = tf.reduce_sum(labels, axis=1, keepdims=True)
    return loss, exponentials / total * mass - labels


def softmax_cross_entropy_sparse(logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = 0.0) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, C]) for logits [B, C] and class indices, any shape of B elements.

    A label outside [0, C) gives a NaN loss and a zero delta.
    """
    classes = logits.shape[1]
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    known = (labels >= 0) & (labels < classes)
    loss, delta = softmax_cross_entropy_dense(logits, tf.one_hot(labels, classes), label_smoothing)
    return tf.where(known, loss, math.nan), tf.where(known[:, None], delta, 0.0)


def mean_squared_error(outputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, ...]) for outputs and targets of the same shape: the mean over a sample's elements."""
    error = _difference(outputs, targets)
    return _mean(error * error), error * (2.0 / _elements(outputs))


def mean_absolute_error(outputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """As mean_squared_error()."""
    error = _difference(outputs, targets)
    return _mean(tf.abs(error)), tf.sign(error) / _elements(outputs)


def huber(outputs: tf.Tensor, targets: tf.Tensor, delta: float = 1.0) -> tuple[tf.Tensor, tf.Tensor]:
    """As mean_squared_error(). delta: where the loss becomes linear."""
    error = _difference(outputs, targets)
    clipped = tf.minimum(tf.abs(error), delta)
    return _mean(clipped * (tf.abs(error) - 0.5 * clipped)), tf.clip_by_value(error, -delta, delta) / _elements(outputs)


def binary_cross_entropy(logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = 0.0) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, ...]) for logits and labels from 0 to 1 of the same shape: the mean over a sample's outputs."""
    labels = tf.cast(tf.reshape(labels, tf.shape(logits)), logits.dtype) * (1.0 - label_smoothing) + 0.5 * label_smoothing
    is_positive = logits > 0
    small = tf.exp(-tf.abs(logits)) / (1.0 + tf.exp(-tf.abs(logits)))
    loss = tf.where(is_positive, logits * (1.0 - labels), -logits * labels) + tf.math.log1p(tf.exp(-tf.abs(logits)))
    delta = tf.where(is_positive, (1.0 - labels) - small, small - labels)
    return _mean(loss), delta / _elements(logits)


def _difference(outputs, targets):
    return outputs - tf.cast(tf.reshape(targets, tf.shape(outputs)), outputs.dtype)


def _elements(outputs) -> int:
    return math.prod(outputs.shape[1:])


def _mean(values):
    """[B], over each sample's elements."""
    elements = _elements(values)
    return tf.reduce_sum(tf.reshape(values, [-1, elements]), axis=1) / elements


LOSSES = {
    "sparse_categorical_crossentropy": softmax_cross_entropy_sparse,
    "categorical_crossentropy": softmax_cross_entropy_dense,
    "mean_squared_error": mean_squared_error,
    "binary_crossentropy": binary_cross_entropy,
    "mean_absolute_error": mean_absolute_error,
    "huber": huber,
}
