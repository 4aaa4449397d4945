import numpy as np
import pytest
from cases import random_size
from compare import assert_close, assert_same_bits

from tflm_tinyprop.reference import (
    ACTIVATIONS,
    ACTIVATIONS_OF_INPUT,
    ELEMENTWISE_ACTIVATIONS,
    activation_forward,
    activation_grad,
    elementwise_activation_forward,
    elementwise_activation_grad,
)


@pytest.mark.parametrize("code, activation", list(enumerate(ACTIVATIONS)))
def test_masks_where_the_output_sits_on_a_bound(abi, rng, code, activation):
    for _ in range(300):
        n = random_size(rng, 300)
        z = rng.choice([-1.0, 0.0, -0.0, 1.0, 6.0, 0.5, 7.0, 1e-45, *rng.normal(size=20) * 5], n)
        output = activation_forward(activation, z).astype(np.float32)
        delta = rng.normal(size=n).astype(np.float32)
        expected = activation_grad(activation, output, delta)
        assert_same_bits(abi.activation_grad(code, output, delta), expected)


def test_no_activation_needs_no_output(abi):
    delta = np.float32([1, -0.0, np.nan])
    assert_same_bits(abi.activation_grad(0, None, delta), delta)


@pytest.mark.parametrize("code", [1, 2, 3])
def test_nan_blocks_its_gradient(abi, code):
    output = np.float32([np.nan, 0.5])
    assert_same_bits(abi.activation_grad(code, output, np.float32([1, 1])), [0, 1])


def test_infinite_relu_output_lets_its_gradient_through(abi):
    assert_same_bits(abi.activation_grad(1, np.float32([np.inf]), np.float32([2])), [2])
    assert_same_bits(abi.activation_grad(3, np.float32([np.inf]), np.float32([2])), [0])


def special_inputs():
    """x around every kink, and far out."""
    kinks = np.float32([-3, -1, 0, 1, 3, 6])
    around = [np.nextafter(kinks, np.float32(side)) for side in (-np.inf, np.inf)]
    return np.concatenate([kinks, *around, np.float32([-0.0, -100, -20, 20, 100])])


def reference_of(activation, x, y):
    return x if activation in ACTIVATIONS_OF_INPUT else y


@pytest.mark.parametrize("kind, activation", list(enumerate(ELEMENTWISE_ACTIVATIONS)))
def test_elementwise_against_the_reference(abi, rng, kind, activation):
    for _ in range(600):
        n = random_size(rng, 300)
        x = np.where(rng.random(n) < 0.5, rng.choice(special_inputs(), n), rng.normal(size=n) * 4)
        x, slope = x.astype(np.float32), np.float32(rng.choice([0.0, 0.2, 1.5, -0.5]))
        y = elementwise_activation_forward(activation, x, slope).astype(np.float32)
        used = reference_of(activation, x, y)
        delta = rng.normal(size=n).astype(np.float32)
        actual = abi.elementwise_activation_grad(kind, slope, used, delta)
        exact = delta.astype(np.float64)
        expected = elementwise_activation_grad(activation, used.astype(np.float64), exact, slope)
        if activation in ACTIVATIONS:
            assert_same_bits(actual, abi.activation_grad(kind, used, delta))
        # Of hard_swish the sum 2 x + 3 cancels at -1.5; the others lose no digits anywhere.
        magnitude = np.abs(exact) * (np.abs(x) + 1.5) if activation == "hard_swish" else np.abs(expected)
        assert_close(actual, expected, magnitude, 4)


def tensorflow_functions(slope):
    import keras
    import tensorflow as tf

    return {
        "none": tf.identity,
        "relu": tf.nn.relu,
        "relu_n1_to_1": lambda x: tf.clip_by_value(x, -1.0, 1.0),
        "relu6": tf.nn.relu6,
        "leaky_relu": lambda x: tf.nn.leaky_relu(x, slope),
        "tanh": tf.tanh,
        "logistic": tf.sigmoid,
        "elu": tf.nn.elu,
        "hard_swish": keras.activations.hard_swish,
    }


@pytest.mark.parametrize("activation", ELEMENTWISE_ACTIVATIONS)
def test_the_reference_against_tensorflow(rng, activation):
    import tensorflow as tf

    for _ in range(40):
        slope = float(np.float32(rng.uniform(0, 1)))
        x = np.concatenate([rng.normal(size=30) * 4, special_inputs()])
        if activation == "relu_n1_to_1":  # at a bound tf.clip_by_value has the derivative 1
            x = x[np.abs(x) != 1]
        delta = rng.normal(size=x.size)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            y = tensorflow_functions(slope)[activation](variable)
        gradient = tape.gradient(y, variable, output_gradients=tf.constant(delta))
        gradient = tf.convert_to_tensor(gradient).numpy()
        actual = elementwise_activation_forward(activation, x, slope)
        np.testing.assert_allclose(actual, y.numpy(), rtol=1e-12, atol=1e-13)
        used = reference_of(activation, x, actual)
        actual = elementwise_activation_grad(activation, used, delta, slope)
        np.testing.assert_allclose(actual, gradient, rtol=1e-9, atol=1e-12)


def test_elementwise_needs_no_reference_without_activation(abi):
    delta = np.float32([1, -0.0, np.nan])
    assert_same_bits(abi.elementwise_activation_grad(0, 0.0, None, delta), delta)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_elementwise_nan_blocks_its_gradient_where_the_range_is_clipped(abi, kind):
    assert_same_bits(abi.elementwise_activation_grad(kind, 0.0, np.float32([np.nan]), np.float32([1])), [0])


def test_elementwise_at_infinity(abi):
    x = np.float32([np.inf, -np.inf])
    assert_same_bits(abi.elementwise_activation_grad(4, 0.5, x, np.float32([2, 2])), [2, 1])
    assert_same_bits(abi.elementwise_activation_grad(7, 0.0, x, np.float32([2, 2])), [2, 0])
