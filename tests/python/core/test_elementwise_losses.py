"""Binary cross entropy, mean absolute error and Huber: the kernels against the reference, the reference against Keras."""

import numpy as np
import pytest
from cases import random_size
from compare import assert_close

from tflm_tinyprop import reference


def test_binary_cross_entropy(abi, rng):
    for _ in range(1000):
        n, scale, smoothing = random_size(rng, 300), rng.choice([0.01, 1.0, 30.0, 1e4]), rng.choice([0.0, 0.1, 1.0])
        logits = (rng.normal(size=n) * scale).astype(np.float32)
        label = rng.choice([rng.integers(2, size=n), rng.random(n)]).astype(np.float32)
        (expected_loss,), (expected_delta,) = reference.binary_cross_entropy([logits], [label], np.float32(smoothing))
        loss, delta = abi.binary_cross_entropy(logits, label, smoothing)
        assert_close(loss, expected_loss, 1 + expected_loss, 12 + n)
        assert_close(delta, expected_delta, 1 / n, 12)


def test_mean_absolute_error(abi, rng):
    for _ in range(1000):
        n, scale = random_size(rng, 500), rng.choice([1e-6, 1.0, 1e6])
        output, target = (rng.normal(size=(2, n)) * scale).astype(np.float32)
        (expected_loss,), (expected_delta,) = reference.mean_absolute_error([output], [target])
        loss, delta = abi.mean_absolute_error(output, target)
        assert_close(loss, expected_loss, expected_loss, 6 + n)
        assert_close(delta, expected_delta, np.abs(expected_delta), 5)


def test_huber(abi, rng):
    for _ in range(1000):
        n, scale, threshold = random_size(rng, 500), rng.choice([1e-3, 1.0, 1e6]), np.float32(rng.choice([0.1, 1.0, 1.345]))
        output, target = (rng.normal(size=(2, n)) * scale).astype(np.float32)
        (expected_loss,), (expected_delta,) = reference.huber([output], [target], threshold)
        loss, delta = abi.huber(output, target, threshold)
        assert_close(loss, expected_loss, expected_loss, 8 + n)
        assert_close(delta, expected_delta, np.abs(expected_delta), 6)


def test_no_error(abi):
    for loss in (abi.mean_absolute_error, abi.huber):
        value, delta = loss(np.float32([1, -2]), np.float32([1, -2]))
        assert value == 0 and not delta.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_shows_in_the_loss(abi, value):
    for loss in (abi.mean_absolute_error, abi.huber, abi.binary_cross_entropy):
        assert not np.isfinite(loss(np.float32([0, value, 0]), np.float32([0, 0, 1]))[0])


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("logit", [1e4, -1e4, 3e38, -3e38, 0.0])
def test_extreme_logits(abi, logit, label):
    loss, delta = abi.binary_cross_entropy(np.float32([logit]), np.float32([label]))
    p = 1.0 if logit > 0 else 0.5 if logit == 0 else 0.0
    assert loss == pytest.approx(np.log(2) if logit == 0 else abs(logit) * (p != label), rel=1e-6)
    assert delta == [p - label]


def keras_loss_and_gradient(loss, labels, outputs):
    import tensorflow as tf

    at = tf.Variable(outputs.astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss(tf.constant(labels.astype(np.float32)), at)
    return float(value), tape.gradient(value, at).numpy()


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_references_are_keras_losses(rng, smoothing):
    from keras import losses

    outputs = 3 * rng.normal(size=(1, 7))
    binary, one_hot, targets = rng.integers(2, size=(1, 7)), np.eye(7)[[3]], 3 * rng.normal(size=(1, 7))
    for expected, labels, found in (
        (losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing), binary,
         reference.binary_cross_entropy(outputs, binary, smoothing)),
        (losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing), one_hot,
         reference.softmax_cross_entropy_dense(outputs, one_hot, smoothing)),
        (losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing), one_hot,
         reference.softmax_cross_entropy_sparse(outputs, [3], smoothing)),
        (losses.MeanAbsoluteError(), targets, reference.mean_absolute_error(outputs, targets)),
        (losses.Huber(delta=1 + smoothing), targets, reference.huber(outputs, targets, 1 + smoothing)),
    ):
        value, gradient = keras_loss_and_gradient(expected, labels, outputs)
        np.testing.assert_allclose(found[0], [value], rtol=1e-5)
        np.testing.assert_allclose(found[1], gradient, atol=1e-6)
