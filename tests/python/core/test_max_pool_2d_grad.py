import numpy as np
import pytest
from compare import assert_close, assert_same_bits
from pool_cases import PADDINGS, random_pool

from tflm_tinyprop.reference import max_pool_2d_backward, max_pool_2d_forward


def random_map(rng, shape, ties: bool):
    return rng.integers(-1, 2, shape) * 0.5 if ties else rng.normal(size=shape)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("padding", PADDINGS)
def test_against_the_reference(abi, rng, padding, ties):
    for _ in range(600):
        case = random_pool(rng, padding)
        x = random_map(rng, case.input_shape, ties).astype(np.float32)
        y = max_pool_2d_forward(x, case.window, case.output_size).astype(np.float32)
        delta = rng.normal(size=case.output_shape) * (rng.random(case.output_shape) < rng.choice([0.1, 1.0]))
        delta = delta.astype(np.float32)
        expected = max_pool_2d_backward(delta.astype(np.float64), x, case.window)
        magnitude = max_pool_2d_backward(np.abs(delta).astype(np.float64), x, case.window)
        assert_close(abi.max_pool_2d_grad(case.shape, delta, x, y), expected, magnitude, case.overlap)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_the_reference_against_tensorflow(rng, padding, ties):
    import tensorflow as tf

    for _ in range(40):
        case = random_pool(rng, padding)
        x, delta = random_map(rng, case.input_shape, ties), rng.normal(size=case.output_shape)
        variable = tf.Variable(x)
        with tf.GradientTape() as tape:
            y = tf.nn.max_pool2d(variable, case.window.filter, case.window.stride, padding)
        gradient = tape.gradient(y, variable, output_gradients=tf.constant(delta))
        assert (max_pool_2d_forward(x, case.window, case.output_size) == y.numpy()).all()
        actual = max_pool_2d_backward(delta, x, case.window)
        np.testing.assert_allclose(actual, gradient.numpy(), rtol=1e-12, atol=1e-13)


def test_the_first_of_equal_taps_gets_the_gradient(abi):
    shape = [1, 2, 4, 1, 2, 1, 2, 2, 2, 2, 0, 0]
    x = np.float32([[1, 5, 2, 2], [5, 0, 2, 1]]).reshape(1, 2, 4, 1)
    y, delta = np.float32([5, 2]), np.float32([3, 4])
    assert_same_bits(abi.max_pool_2d_grad(shape, delta, x, y)[0, :, :, 0], [[0, 3, 4, 0], [0, 0, 0, 0]])


def test_zeros_of_both_signs_are_equal(abi):
    shape = [1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 0, 0]
    for x in ([0.0, -0.0], [-0.0, 0.0]):
        for y in (0.0, -0.0):
            got = abi.max_pool_2d_grad(shape, np.float32([2]), np.float32(x), np.float32([y]))
            assert_same_bits(got.ravel(), [2, 0])


def test_an_output_that_is_no_tap_gets_no_gradient(abi, rng):
    """NaN, or a value that a fused activation clipped."""
    for _ in range(100):
        case = random_pool(rng, "SAME")
        x = rng.normal(size=case.input_shape).astype(np.float32)
        y = rng.choice(np.float32([np.nan, np.inf, 9.0]), case.output_shape)
        delta = rng.normal(size=case.output_shape).astype(np.float32)
        assert_same_bits(abi.max_pool_2d_grad(case.shape, delta, x, y), np.zeros_like(x))


def test_a_sample_with_nan_keeps_to_itself(abi, rng):
    for _ in range(100):
        case = random_pool(rng, "VALID")
        x = rng.normal(size=case.input_shape).astype(np.float32)
        y = max_pool_2d_forward(x, case.window, case.output_size).astype(np.float32)
        delta = rng.normal(size=case.output_shape).astype(np.float32)
        clean = abi.max_pool_2d_grad(case.shape, delta, x, y)
        x[0], y[0], delta[0] = np.nan, np.nan, np.nan
        assert_same_bits(abi.max_pool_2d_grad(case.shape, delta, x, y)[1:], clean[1:])
