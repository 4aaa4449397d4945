"""The equations in TensorFlow against the float64 reference."""

import numpy as np
import pytest
import tensorflow as tf

import tflm_tinyprop as tp
from tflm_tinyprop import reference
from tflm_tinyprop.reference import adaptive_rate, decision
from tflm_tinyprop.reference.selection import select_top_k
from tflm_tinyprop.simulate import backward, channels, losses, sparsity
from tflm_tinyprop.simulate.options import Options

CONFIG = tp.TinyPropConfig(s_min=0.1, s_max=0.9, zeta=0.7, d_min=0.1, d_max=1.3, beta=0.8, decay=0.97)


@pytest.fixture
def generator():
    return np.random.default_rng(11)


@pytest.mark.parametrize("width", [1, 7, 64, 2500])
def test_top_k_takes_the_largest_and_of_equal_ones_the_first(generator, width):
    # Few values, so that most of a row are ties, zeros among them.
    delta = (generator.integers(-3, 4, size=(40, width)) / 4).astype(np.float32)
    k = generator.integers(0, width + 1, size=40).astype(np.int32)
    mask = sparsity.top_k_mask(tf.constant(delta), tf.constant(k)).numpy()
    for row, count, kept in zip(delta, k, mask, strict=True):
        np.testing.assert_array_equal(kept, select_top_k(row, count))


@pytest.mark.parametrize("width", [64, 2500])
def test_top_k_tells_neighbouring_floats_apart(width):
    delta = np.nextafter(np.float32(1), np.float32(2)) - np.float32(1)
    row = (np.float32(1) + delta * np.arange(width)).astype(np.float32)[None]
    for k in (1, 2, width // 2, width - 1):
        mask = sparsity.top_k_mask(tf.constant(row), tf.constant([k], tf.int32)).numpy()[0]
        assert mask.tolist() == [False] * (width - k) + [True] * k


@pytest.mark.parametrize("width", [64, 2500])
def test_top_k_takes_the_first_of_equal_values_whatever_their_last_bit(width):
    for value in (np.float32(1), np.nextafter(np.float32(1), np.float32(2))):
        mask = sparsity.top_k_mask(tf.fill((1, width), value), tf.constant([3], tf.int32)).numpy()[0]
        assert np.flatnonzero(mask).tolist() == [0, 1, 2]


def test_top_k_orders_tiny_values_too():
    delta = tf.constant([[1e-38, -2e-38, 3e-38, 0.0]])
    assert sparsity.top_k_mask(delta, tf.constant([2])).numpy().tolist() == [[False, True, True, False]]


def test_running_maximum_counts_only_some_and_decays_once(generator):
    maximum = 0.0
    for _ in range(30):
        errors = generator.exponential(size=6).astype(np.float32)
        counts = generator.random(6) < 0.3
        expected = adaptive_rate.update_running_maximum(maximum, errors[counts], CONFIG.decay)
        maximum = float(sparsity.next_running_maximum(
            tf.constant(maximum, tf.float32), tf.constant(errors), tf.constant(counts), CONFIG.decay))
        assert maximum == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("damaged", [np.inf, -np.inf, np.nan])
def test_a_maximum_that_is_not_finite_does_not_stay(damaged):
    errors, counts = tf.constant([1.0, 3.0, 9.0]), tf.constant([True, True, False])
    assert float(sparsity.next_running_maximum(tf.constant(damaged, tf.float32), errors, counts, 0.5)) == 3.0


def test_an_error_that_does_not_count_may_be_nan():
    errors, counts = tf.constant([np.nan, 2.0]), tf.constant([False, True])
    assert float(sparsity.next_running_maximum(tf.constant(1.0), errors, counts, 1.0)) == 2.0


@pytest.mark.parametrize("layers_above", [0, 1, 4])
@pytest.mark.parametrize("maximum", [0.0, 2.5])
def test_rate_count_and_metric_are_those_of_the_reference(generator, layers_above, maximum):
    errors = np.append(generator.uniform(0, 2.5, size=200), 0.0).astype(np.float32)
    alpha = sparsity.relative_error(tf.constant(errors), tf.constant(maximum, tf.float32))
    expected = adaptive_rate.relative_error(errors, maximum)
    np.testing.assert_allclose(alpha, expected, atol=1e-6)
    rate = sparsity.error_propagation_rate(CONFIG, alpha, layers_above).numpy()
    np.testing.assert_allclose(rate, adaptive_rate.error_propagation_rate(CONFIG, expected, layers_above), atol=1e-6)
    k = sparsity.gradient_count(tf.constant(rate), 37, tf.constant(errors)).numpy()
    # Of the same float32 rate, so that k has to be the same.
    assert k.tolist() == [adaptive_rate.gradient_count(s, 37, y) for s, y in zip(rate, errors)]
    np.testing.assert_allclose(
        sparsity.decision_metric(CONFIG, alpha), decision.decision_metric(CONFIG, expected), atol=1e-6)


@pytest.mark.parametrize(("activation", "expected"), [("relu", 6.0), ("relu6", 2.0), ("linear", 11.0), (None, 11.0)])
def test_the_error_at_the_output_is_taken_before_its_activation(activation, expected):
    """Where the activation is flat, at its bounds too, no gradient passes."""
    outputs, delta = tf.constant([[0.0, 3.0, 6.0, 7.0, -1.0]]), tf.constant([[1.0, -2.0, 1.0, 3.0, 4.0]])
    assert backward.output_error(delta, outputs, activation).numpy().tolist() == [expected]


def test_a_sample_exactly_at_the_threshold_is_trained():
    config = tp.TinyPropConfig(d_min=0.0, d_max=1.0, threshold=0.5)
    rules = backward.Rules(None, config, Options(), (), 0)
    finite, loss = tf.constant([True, True, True]), tf.ones(3)
    decision = backward.decide(rules, finite, loss, tf.constant([4.0, 2.0, 1.0]), tf.constant(0.0), tf.constant(0.0))
    assert decision.trained.numpy().tolist() == [True, True, False] and float(decision.maximum) == 4.0
    decision = backward.decide(rules, finite, tf.constant([1.0, np.nan, 1.0]), tf.constant([4.0, 8.0, np.inf]),
                               tf.constant(0.0), tf.constant(0.0))
    assert decision.finite.numpy().tolist() == [True, False, False] and float(decision.maximum) == 4.0


def test_every_input_is_looked_at():
    ok, infinite = tf.zeros((2, 3)), tf.constant([[0.0, 1.0], [np.inf, 0.0]])
    assert backward.Forward([ok, tf.zeros((2, 1), tf.int32), infinite]).finite.numpy().tolist() == [True, False]
    assert backward.Forward([infinite, ok]).finite.numpy().tolist() == [True, False]


def test_largest_channels():
    norms = np.array([1.0, 5.0, 3.0, 5.0, 2.0])
    for share, expected in ((0.01, [1]), (0.3, [1, 3]), (0.29, [1]), (0.5, [1, 2, 3]), (1.0, [0, 1, 2, 3, 4])):
        assert np.flatnonzero(channels.largest_channels(norms, share)).tolist() == expected, share


def test_random_mask_draws_exactly_k_and_only_from_its_channels():
    delta, k = tf.zeros((50, 24)), tf.constant([5] * 25 + [0] * 25)
    channels = np.array([True, False, True])
    mask = sparsity.random_mask(delta, k, tf.constant([1, 2]), channels).numpy()
    assert mask.sum(axis=1).tolist() == k.numpy().tolist()
    assert not mask.reshape(50, 8, 3)[:, :, 1].any()
    assert len(np.unique(mask[:25], axis=0)) > 20
    again = sparsity.random_mask(delta, k, tf.constant([1, 2]), channels).numpy()
    np.testing.assert_array_equal(mask, again)


def test_losses_are_those_of_the_reference(generator):
    outputs = generator.normal(size=(9, 4)).astype(np.float32) * 5
    sparse = generator.integers(4, size=9)
    sparse[3] = -1  # gives NaN and no gradient
    dense = generator.dirichlet(np.ones(4), size=9).astype(np.float32)
    smoothed = {"label_smoothing": 0.2}
    for name, labels, parameters in (
        ("sparse_categorical_crossentropy", sparse, {}), ("categorical_crossentropy", dense, {}),
        ("sparse_categorical_crossentropy", sparse, smoothed), ("categorical_crossentropy", dense, smoothed),
        ("categorical_crossentropy", 2 * dense, {}), ("mean_squared_error", dense, {}), ("mean_absolute_error", dense, {}),
        ("huber", dense, {}), ("huber", dense, {"delta": 2.5}), ("binary_crossentropy", dense, {}),
        ("binary_crossentropy", dense, smoothed),
    ):
        loss, delta = losses.LOSSES[name](tf.constant(outputs), tf.constant(labels), **parameters)
        expected_loss, expected_delta = reference.network.LOSSES[name](outputs, labels, **parameters)
        np.testing.assert_allclose(loss, expected_loss, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(delta, expected_delta, atol=1e-6)
