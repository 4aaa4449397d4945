import numpy as np
import pytest
from cases import random_size
from compare import assert_close, assert_same_bits

from tflm_tinyprop.reference import softmax_backward, softmax_forward


def random_rows(rng):
    """(beta, x [R, C])"""
    scale = rng.choice([0.01, 1.0, 30.0, 1e4])
    beta = float(np.float32(rng.choice([1.0, rng.uniform(0.1, 3)])))
    return beta, rng.normal(size=(int(rng.integers(1, 7)), random_size(rng, 200))) * scale


def test_against_the_reference(abi, rng):
    for _ in range(1000):
        beta, x = random_rows(rng)
        y = softmax_forward(x, beta).astype(np.float32)
        delta = rng.normal(size=x.shape).astype(np.float32)
        exact_y, exact = y.astype(np.float64), delta.astype(np.float64)
        expected = softmax_backward(exact, exact_y, beta)
        size = np.abs(exact) + np.sum(exact_y * np.abs(exact), axis=1, keepdims=True)
        assert_close(abi.softmax_grad(beta, y, delta), expected, beta * exact_y * size, 6 + x.shape[1])


@pytest.mark.parametrize("rank", [2, 3])
def test_the_reference_against_tensorflow(rng, rank):
    import tensorflow as tf

    for _ in range(40):
        beta, x = random_rows(rng)
        x = x.reshape(*[1] * (rank - 2), *x.shape)
        delta = rng.normal(size=x.shape)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            y = tf.nn.softmax(beta * variable)
        gradient = tape.gradient(y, variable, output_gradients=tf.constant(delta))
        np.testing.assert_allclose(softmax_forward(x, beta), y.numpy(), rtol=1e-9, atol=1e-13)
        actual = softmax_backward(delta, softmax_forward(x, beta), beta)
        np.testing.assert_allclose(actual, gradient.numpy(), rtol=1e-9, atol=1e-12)


def test_by_hand(abi):
    y, delta = np.float32([[0.5, 0.5], [0.25, 0.75]]), np.float32([[1, 0], [4, 0]])
    assert_same_bits(abi.softmax_grad(1.0, y, delta), [[0.25, -0.25], [0.75, -0.75]])
    assert_same_bits(abi.softmax_grad(2.0, y, delta), [[0.5, -0.5], [1.5, -1.5]])


def test_one_class_has_no_gradient(abi):
    assert_same_bits(abi.softmax_grad(1.0, np.float32([[1], [1]]), np.float32([[3], [-7]])), [[0], [0]])


def test_a_row_with_nan_keeps_to_itself(abi):
    y, delta = np.float32([[np.nan, 1], [0.5, 0.5]]), np.float32([[np.nan, 1], [1, 0]])
    assert_same_bits(abi.softmax_grad(1.0, y, delta)[1], [0.25, -0.25])
