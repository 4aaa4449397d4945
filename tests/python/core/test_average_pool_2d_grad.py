import numpy as np
import pytest
from compare import assert_close, assert_same_bits
from pool_cases import PADDINGS, random_pool

from tflm_tinyprop.reference import average_pool_2d_backward, average_pool_2d_forward


@pytest.mark.parametrize("padding", PADDINGS)
def test_against_the_reference(abi, rng, padding):
    for _ in range(600):
        case = random_pool(rng, padding)
        delta = rng.normal(size=case.output_shape).astype(np.float32)
        exact = delta.astype(np.float64)
        expected = average_pool_2d_backward(exact, case.window, case.map_size)
        magnitude = average_pool_2d_backward(np.abs(exact), case.window, case.map_size)
        assert_close(abi.average_pool_2d_grad(case.shape, delta), expected, magnitude, 3 + case.overlap)


def tensorflow_pool(x, case):
    import tensorflow as tf

    return tf.nn.avg_pool2d(x, case.window.filter, case.window.stride, case.padding)


def tensorflow_tape_gradient(x, delta, case):
    import tensorflow as tf

    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        y = tensorflow_pool(variable, case)
    return tape.gradient(y, variable, output_gradients=tf.constant(delta)).numpy()


def tensorflow_jacobian_gradient(delta, case):
    """Pooling is linear, so that its values for one-hot maps are its Jacobian."""
    taps = int(np.prod(case.map_size))
    jacobian = tensorflow_pool(np.eye(taps).reshape(taps, *case.map_size, 1), case).numpy()[..., 0]
    return np.einsum("nhw,bhwc->bnc", jacobian, delta).reshape(case.input_shape)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_the_reference_against_tensorflow(rng, padding):
    for _ in range(60):
        case = random_pool(rng, padding)
        x, delta = rng.normal(size=case.input_shape), rng.normal(size=case.output_shape)
        actual = average_pool_2d_forward(x, case.window, case.output_size)
        np.testing.assert_allclose(actual, tensorflow_pool(x, case).numpy(), rtol=1e-12, atol=1e-13)
        actual = average_pool_2d_backward(delta, case.window, case.map_size)
        np.testing.assert_allclose(actual, tensorflow_jacobian_gradient(delta, case), rtol=1e-12, atol=1e-13)
        # TensorFlow's AvgPoolGrad contradicts its AvgPool if the filter is larger than the map and padding
        # precedes the map: it then divides by taps that are not there.
        if all(f <= size for f, size in zip(case.window.filter, case.map_size)):
            expected = tensorflow_tape_gradient(x, delta, case)
            np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


def test_padding_is_not_part_of_the_average(abi):
    shape = [1, 3, 3, 2, 2, 1, 2, 2, 2, 2, 0, 0]  # SAME: the last windows have one column or row
    delta = np.float32([4, 8, 6, 2]).reshape(1, 2, 2, 1)
    assert_same_bits(abi.average_pool_2d_grad(shape, delta)[0, :, :, 0], [[1, 1, 4], [1, 1, 4], [3, 3, 2]])


def test_a_sample_with_nan_keeps_to_itself(abi, rng):
    for _ in range(100):
        case = random_pool(rng, "SAME")
        delta = rng.normal(size=case.output_shape).astype(np.float32)
        clean = abi.average_pool_2d_grad(case.shape, delta)
        delta[0] = np.nan
        assert_same_bits(abi.average_pool_2d_grad(case.shape, delta)[1:], clean[1:])


def test_every_window_has_a_tap(abi, rng):
    """The check of Prepare, against a look at every window."""
    seen = set()
    for _ in range(2000):
        map_size, output, filter_size, stride = rng.integers(1, 7, (4, 2))
        pad = rng.integers(0, 7, 2)
        expected = all(
            any(0 <= o * s - p + tap < size for tap in range(f))
            for size, outputs, f, s, p in zip(map_size, output, filter_size, stride, pad)
            for o in range(outputs)
        )
        shape = [1, *map_size, *output, 1, *filter_size, *stride, *pad]
        assert abi.every_window_has_a_tap(shape) == expected, shape
        seen.add(expected)
    assert seen == {True, False}
    huge = 2**29 - 1
    assert not abi.every_window_has_a_tap([1, 9, 9, huge, huge, 1, 65535, 65535, 65535, 65535, 65534, 65534])
