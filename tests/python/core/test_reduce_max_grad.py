import numpy as np
import pytest
from compare import assert_close, assert_same_bits

from tflm_tinyprop.reference import reduce_max_backward, reduce_max_forward


def random_case(rng, ties: bool):
    """x [outer, reduced, inner], delta [outer, inner]"""
    shape = rng.integers(1, 8, 3)
    x = rng.integers(-1, 2, shape) * 0.5 if ties else rng.normal(size=shape)
    delta = rng.normal(size=(shape[0], shape[2])) * (rng.random((shape[0], shape[2])) < rng.choice([0.2, 1.0]))
    return x, delta


@pytest.mark.parametrize("ties", [False, True])
def test_against_the_reference(abi, rng, ties):
    for _ in range(600):
        x, delta = (values.astype(np.float32) for values in random_case(rng, ties))
        expected = reduce_max_backward(delta.astype(np.float64), x)
        assert_close(abi.reduce_max_grad(delta, x, reduce_max_forward(x)), expected, np.abs(expected), 1)


@pytest.mark.parametrize("ties", [False, True])
def test_the_reference_against_tensorflow(rng, ties):
    import tensorflow as tf

    for _ in range(60):
        x, delta = random_case(rng, ties)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            y = tf.reduce_max(variable, axis=1)
        gradient = tape.gradient(y, variable, output_gradients=tf.constant(delta))
        assert (reduce_max_forward(x) == y.numpy()).all()
        np.testing.assert_allclose(reduce_max_backward(delta, x), gradient.numpy(), rtol=1e-12, atol=0)


def test_by_hand(abi):
    x = np.float32([[[1, 5], [4, 5], [2, 0]]])
    got = abi.reduce_max_grad(np.float32([[3, 4]]), x, np.float32([[4, 5]]))
    assert_same_bits(got, [[[0, 2], [3, 2], [0, 0]]])


def test_zeros_of_both_signs_are_equal(abi):
    x = np.float32([0.0, -0.0, -1.0]).reshape(1, 3, 1)
    for y in (0.0, -0.0):
        assert_same_bits(abi.reduce_max_grad(np.float32([[2]]), x, np.float32([[y]])).ravel(), [1, 1, 0])


def test_a_result_that_no_element_equals_hands_nothing_on(abi):
    x = np.float32([1, np.nan, 2]).reshape(1, 3, 1)
    for y in (np.nan, np.inf, 7.0):
        assert_same_bits(abi.reduce_max_grad(np.float32([[2]]), x, np.float32([[y]])).ravel(), [0, 0, 0])
