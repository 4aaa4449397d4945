"""The losses of the ops in TensorFlow: per sample the loss, and its gradient at what it is taken on."""

from __future__ import annotations

import math

import tensorflow as tf


def softmax_cross_entropy_dense(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, C]) for logits and label distributions, float32 [B, C]."""
    largest = tf.reduce_max(logits, axis=1, keepdims=True)
    exponentials = tf.exp(logits - largest)
    total = tf.reduce_sum(exponentials, axis=1, keepdims=True)
    # The two summands are not added to each other first: that would cost the digits of a small loss.
    loss = tf.reduce_sum(labels * (tf.math.log(total) + (largest - logits)), axis=1)
    mass = tf.reduce_sum(labels, axis=1, keepdims=True)
    return loss, exponentials / total * mass - labels


def softmax_cross_entropy_sparse(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, C]) for logits [B, C] and class indices, any shape of B elements.

    A label outside [0, C) gives a NaN loss and a zero delta.
    """
    classes = logits.shape[1]
    labels = tf.cast(tf.reshape(labels, [-1]), tf.int32)
    known = (labels >= 0) & (labels < classes)
    loss, delta = softmax_cross_entropy_dense(logits, tf.one_hot(labels, classes))
    return tf.where(known, loss, math.nan), tf.where(known[:, None], delta, 0.0)


def mean_squared_error(outputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(loss [B], delta [B, ...]) for outputs and targets of the same shape: the mean over a sample's elements."""
    elements = math.prod(outputs.shape[1:])
    error = outputs - tf.cast(targets, outputs.dtype)
    loss = tf.reduce_sum(tf.reshape(error * error, [-1, elements]), axis=1) / elements
    return loss, error * (2.0 / elements)


LOSSES = {
    "sparse_categorical_crossentropy": softmax_cross_entropy_sparse,
    "categorical_crossentropy": softmax_cross_entropy_dense,
    "mean_squared_error": mean_squared_error,
}
