"""The oracle itself: gradients against finite differences, steps against figures worked out by hand."""

import copy

import numpy as np
import pytest
from cases import plain_config

from tflm_tinyprop import TinyPropConfig
from tflm_tinyprop.format.losses import LOSS_NAMES as LOSSES
from tflm_tinyprop.format.sample_status import SampleStatus
from tflm_tinyprop.reference import (
    ACTIVATIONS,
    DenseLayer,
    ReferenceNetwork,
    activation_forward,
    fully_connected_forward,
    select_top_k,
)

FULL = TinyPropConfig.full()


def random_network(rng, loss, sizes=(5, 7, 6, 4), frozen=(), output_activation="none"):
    layers = []
    for i, (inputs, units) in enumerate(zip(sizes, sizes[1:])):
        is_output = i == len(sizes) - 2
        layers.append(
            DenseLayer(
                rng.normal(size=(units, inputs)),
                rng.normal(size=units) if i != 1 else None,
                output_activation if is_output else str(rng.choice(list(ACTIVATIONS))),
                train_weights=i not in frozen,
                train_bias=i not in frozen,
            )
        )
    return ReferenceNetwork(layers, loss)


def random_batch(rng, loss, inputs=5, outputs=4, batch=6):
    x = rng.normal(size=(batch, inputs))
    if loss == "sparse_categorical_crossentropy":
        return x, rng.integers(0, outputs, batch)
    if loss == "categorical_crossentropy":
        return x, rng.dirichlet(np.ones(outputs), batch)
    return x, rng.normal(size=(batch, outputs))


def mean_loss(network, x, y):
    return np.mean(network.loss(network.predict(x), y)[0])


def is_off_the_kinks(network, x, margin=1e-4):
    """True if no pre-activation is so near a kink that a finite difference would straddle it."""
    for layer in network.layers:
        z = fully_connected_forward(x, layer.weights, layer.bias)
        if np.min(np.abs(z[..., None] - [-1.0, 0.0, 1.0, 6.0])) < margin:
            return False
        x = activation_forward(layer.activation, z)
    return True


def finite_difference(network, array, index, x, y, h=1e-6):
    old = array[index]
    array[index] = old + h
    above = mean_loss(network, x, y)
    array[index] = old - h
    below = mean_loss(network, x, y)
    array[index] = old
    return (above - below) / (2 * h)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("output_activation", ["none", "relu6"])
def test_gradients_equal_finite_differences(rng, loss, output_activation):
    network = random_network(rng, loss, output_activation=output_activation)
    x, y = random_batch(rng, loss)
    while not is_off_the_kinks(network, x):
        x, y = random_batch(rng, loss)
    for layer, (dw, db) in zip(network.layers, network.gradients(x, y)):
        for array, gradient in ((layer.weights, dw), (layer.bias, db)):
            if array is None:
                continue
            differences = [finite_difference(network, array, i, x, y) for i in np.ndindex(array.shape)]
            np.testing.assert_allclose(gradient.ravel(), differences, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("frozen", [(), (0,), (0, 1), (1,), (2,)])
def test_a_full_step_is_plain_gradient_descent(rng, loss, frozen):
    network = random_network(rng, loss, frozen=frozen)
    before = copy.deepcopy(network)
    x, y = random_batch(rng, loss)
    network.train_step(x, y, FULL, 0.1)
    gradients = [(0, 0)] * before.first + before.gradients(x, y)
    for i, (layer, old, (dw, db)) in enumerate(zip(network.layers, before.layers, gradients)):
        step = 0.0 if i in frozen else 0.1
        np.testing.assert_allclose(layer.weights, old.weights - step * dw, rtol=1e-12, atol=1e-14)
        if layer.bias is not None:
            np.testing.assert_allclose(layer.bias, old.bias - step * db, rtol=1e-12, atol=1e-14)


def test_activations():
    z = np.array([-2.0, -1, -0.5, 0, 0.5, 6, 7])
    assert list(activation_forward("relu", z)) == [0, 0, 0, 0, 0.5, 6, 7]
    assert list(activation_forward("relu6", z)) == [0, 0, 0, 0, 0.5, 6, 6]
    assert list(activation_forward("relu_n1_to_1", z)) == [-1, -1, -0.5, 0, 0.5, 1, 1]


def test_selection():
    assert list(select_top_k([1, -3, 3, 0], 1)) == [False, True, False, False]
    assert list(select_top_k([1, -3, 3, 0], 2)) == [False, True, True, False]
    assert select_top_k([0, 0], 5).all() and not select_top_k([1], 0).any()


def identity_network(**layer):
    """One layer of the identity, so that with squared error delta = x - y (n = 2)."""
    return ReferenceNetwork([DenseLayer(np.eye(2), **layer)], "mean_squared_error")


def test_sparse_step_by_hand():
    network = identity_network()
    config = plain_config(s_min=0.2, s_max=0.8, threshold=0.0)
    # delta = (3, 1): Y = 4 is the first error seen, so alpha = 1, S = 0.8, k = floor(1.6 + 0.5) = 2.
    result = network.train_step([[3.0, 1.0]], [[0.0, 0.0]], config, 0.5)
    assert (result.local_error[0, 0], result.rate[0, 0], result.k[0, 0]) == (4, 0.8, 2)
    np.testing.assert_allclose(network.layers[0].weights, np.eye(2) - 0.5 * np.outer([3, 1], [3, 1]))

    # delta = (0.5, 0.25): alpha = 0.75 / 4, S = 0.3125, k = floor(0.625 + 0.5) = 1: the first row only.
    network.layers[0].weights[:] = np.eye(2)
    result = network.train_step([[0.5, 0.25]], [[0.0, 0.0]], config, 1.0)
    assert (result.rate[0, 0], result.k[0, 0]) == (0.3125, 1)
    np.testing.assert_allclose(network.layers[0].weights, [[1 - 0.25, -0.125], [0, 1]])
    assert list(network.running_maximum) == [4, 0]


def test_known_samples_are_skipped_and_count_in_the_divisor():
    network = identity_network()
    config = plain_config(s_min=1, s_max=1, threshold=0.5)
    x = [[4.0, 0.0], [1.0, 0.0]]  # D = 1 and 0.25
    result = network.train_step(x, np.zeros((2, 2)), config, 1.0)
    assert list(result.status) == [SampleStatus.TRAINED, SampleStatus.SKIPPED]
    assert list(result.decision_metric) == [1, 0.25]
    assert list(result.k[0]) == [2, 0]
    np.testing.assert_allclose(network.layers[0].weights, [[1 - 4 * 4 / 2, 0], [0, 1]])


def test_running_maximum_decays_once_a_step_and_keeps_still_without_samples():
    network = identity_network()
    config = plain_config(decay=0.5, threshold=0.0)
    network.train_step([[4.0, 0.0]], [[0.0, 0.0]], config, 1e-9)
    network.train_step([[0.1, 0.0], [0.2, 0.0]], np.zeros((2, 2)), config, 1e-9)
    assert network.running_maximum[0] == 2
    network.train_step([[np.nan, 0.0]], [[0.0, 0.0]], config, 1e-9)
    assert network.running_maximum[0] == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_non_finite_samples_change_nothing(rng, value):
    loss = "sparse_categorical_crossentropy"
    network = random_network(rng, loss)
    alone = copy.deepcopy(network)
    x, y = random_batch(rng, loss, batch=2)
    x[1, 0] = value
    result = network.train_step(x, y, FULL, 0.1)
    alone.train_step(x[:1], y[:1], FULL, 0.05)  # half the rate: the divisor is the whole batch
    assert list(result.status) == [SampleStatus.TRAINED, SampleStatus.NON_FINITE]
    for layer, expected in zip(network.layers, alone.layers):
        np.testing.assert_allclose(layer.weights, expected.weights, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(network.running_maximum, alone.running_maximum, rtol=1e-12)


@pytest.mark.parametrize("learning_rate", [0.0, -0.1, np.nan, np.inf])
def test_inference(rng, learning_rate):
    network = random_network(rng, LOSSES[0])
    before = copy.deepcopy(network)
    x, y = random_batch(rng, LOSSES[0])
    result = network.train_step(x, y, FULL, learning_rate)
    assert (result.status == SampleStatus.INFERENCE).all() and np.isfinite(result.loss).all()
    for layer, old in zip(network.layers, before.layers):
        assert (layer.weights == old.weights).all()
    assert not network.running_maximum.any()


def test_zeta_damps_by_the_layers_above(rng):
    network = random_network(rng, LOSSES[2], frozen=(0,))
    x, y = random_batch(rng, LOSSES[2], batch=1)
    config = plain_config(s_min=0.8, s_max=0.8, zeta=0.5, threshold=0.0)
    result = network.train_step(x, y, config, 0.1)
    assert result.rate.shape == (2, 1)  # the frozen bottom layer does not count
    np.testing.assert_allclose(result.rate[:, 0], [0.4, 0.8])


def test_nothing_to_train():
    with pytest.raises(ValueError, match="something to train"):
        identity_network(train_weights=False)
